#include "transmitter.h"

namespace tertulia {

Transmitter::Transmitter(bool memory, Counters& counters) : memory_(memory), counters_(counters) {}

uint32_t Transmitter::freeNumber() {
  uint32_t number = 0;
  while (number < sockets_.size() && (sockets_[number].socket || sockets_[number].listener)) number++;
  if (number == sockets_.size()) sockets_.emplace_back();
  return number;
}

uint32_t Transmitter::addListener(std::unique_ptr<TcpListener> listener) {
  const uint32_t number = freeNumber();
  sockets_[number].listener = std::move(listener);
  return number;
}

uint32_t Transmitter::addSocket(std::unique_ptr<UdpSocket> socket) {
  const uint32_t number = freeNumber();
  sockets_[number].socket = std::move(socket);
  return number;
}

void Transmitter::removeSocket(uint32_t number) {
  if (number >= sockets_.size()) return;
  kick();
  Place& place = sockets_[number];
  counters_.drop(Drop::SocketClosed, place.queue.size());
  for (const Queued& queued : place.queue) counters_.queuedBytes -= queued.bytes.size() + QUEUE_OVERHEAD;
  place.queue.clear();
  place.socket.reset();
  place.listener.reset();
}

/// The socket's own stage if it has one; else one is made free for it.
void Transmitter::takeStage(uint32_t socket) {
  for (Stage& stage : stages_) {
    if (stage.socket != socket) continue;
    stage_ = &stage;
    return;
  }
  stage_ = &stages_[nextTaken_];
  nextTaken_ = (nextTaken_ + 1) % STAGES;
  hand(*stage_);
  stage_->socket = socket;
}

void Transmitter::kick() {
  for (Stage& stage : stages_) hand(stage);
}

void Transmitter::hand(Stage& stage) {
  const Outgoing* outgoing = stage.outgoing;
  const size_t count = stage.used;
  stage.used = stage.usedBytes = 0;
  if (count == 0) return;
  if (memory_) {
    for (size_t i = 0; i < count; i++) remember(stage.socket, outgoing[i]);
    return;
  }
  if (TcpListener* listener = this->listener(stage.socket)) {
    listener->send(outgoing, count);
    return;
  }
  UdpSocket* socket = this->socket(stage.socket);
  if (!socket) {
    counters_.drop(Drop::SocketClosed, count);
    return;
  }
  Place& place = sockets_[stage.socket];
  for (size_t done = 0; done < count;) {
    if (!place.queue.empty()) {  // what waits goes first
      enqueue(place, outgoing[done++]);
      continue;
    }
    size_t sent = 0;
    const SendResult result = socket->send(outgoing + done, count - done, sent);
    counters_.sendCalls++;
    counters_.sent += sent;
    for (size_t i = 0; i < sent; i++) counters_.sentBytes += outgoing[done + i].length;
    done += sent;
    if (result == SendResult::Sent) continue;
    if (result == SendResult::Full) {
      counters_.sendFull++;
      enqueue(place, outgoing[done++]);
    } else {
      countRefusal(result);
      done++;
    }
  }
}

bool Transmitter::drainQueue(uint32_t number) {
  if (number >= sockets_.size() || !sockets_[number].socket) return true;
  Place& place = sockets_[number];
  Outgoing batch[CALL_DATAGRAMS];
  while (!place.queue.empty()) {
    size_t count = 0;
    for (const Queued& queued : place.queue) {
      batch[count++] = {queued.bytes.data(), static_cast<uint32_t>(queued.bytes.size()), queued.to};
      if (count == CALL_DATAGRAMS) break;
    }
    size_t sent = 0;
    const SendResult result = place.socket->send(batch, count, sent);
    counters_.sendCalls++;
    counters_.sent += sent;
    size_t gone = sent;
    if (result == SendResult::Refused || result == SendResult::TooLong) {
      countRefusal(result);
      gone++;
    }
    for (size_t i = 0; i < gone; i++) {
      const size_t length = place.queue.front().bytes.size();
      if (i < sent) counters_.sentBytes += length;
      counters_.queuedBytes -= length + QUEUE_OVERHEAD;
      place.queue.pop_front();
    }
    if (result == SendResult::Full) {
      counters_.sendFull++;
      return false;
    }
    if (gone == 0) return false;
  }
  return true;
}

void Transmitter::enqueue(Place& place, const Outgoing& out) {
  if (counters_.queuedBytes + out.length + QUEUE_OVERHEAD > QUEUE_BYTES_MAX) {
    counters_.drop(Drop::SendFull);
    return;
  }
  counters_.queuedBytes += out.length + QUEUE_OVERHEAD;
  place.queue.push_back({out.to, std::vector<uint8_t>(out.bytes, out.bytes + out.length)});
}

void Transmitter::countRefusal(SendResult result) {
  counters_.sendErrors++;
  counters_.drop(result == SendResult::TooLong ? Drop::Mtu : Drop::SendError);
}

void Transmitter::remember(uint32_t socket, const Outgoing& out) {
  Address to = toAddress(out.to.name);
  to.bytes[1] = out.to.local;
  const size_t at = sent_.size();
  sent_.resize(at + 8 + ADDRESS_BYTES + (out.length + 3) / 4 * 4);
  memcpy(&sent_[at], &out.length, 4);
  memcpy(&sent_[at + 4], &socket, 4);
  memcpy(&sent_[at + 8], to.bytes, ADDRESS_BYTES);
  memcpy(&sent_[at + 8 + ADDRESS_BYTES], out.bytes, out.length);
  counters_.sent++;
  counters_.sentBytes += out.length;
}

}  // namespace tertulia
