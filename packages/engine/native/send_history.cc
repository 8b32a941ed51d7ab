#include "send_history.h"

namespace tertulia {

// ---- groups ----

bool ArrivalGroups::belongs(uint64_t sendMicros, int64_t arrivalMicros) const {
  if (static_cast<int64_t>(sendMicros - current_.firstSend) <= GROUP_MICROS) return true;
  // Sent later and arrived with it all the same: a queue on the way was emptied at once.
  const int64_t arrivalDelta = arrivalMicros - current_.lastArrival;
  const auto sendDelta = static_cast<int64_t>(sendMicros - current_.lastSend);
  return arrivalDelta >= 0 && arrivalDelta <= GROUP_MICROS && arrivalDelta < sendDelta &&
         arrivalMicros - current_.firstArrival < BURST_MICROS_MAX;
}

void ArrivalGroups::add(uint64_t sendMicros, int64_t arrivalMicros, uint32_t bytes, uint64_t nowMicros,
                        std::vector<FeedbackResult::Group>& out) {
  if (current_.used && sendMicros < current_.firstSend) return;  // late; its group has been counted
  if (current_.used && !belongs(sendMicros, arrivalMicros)) {
    if (previous_.used) {
      const double sendDelta = static_cast<double>(current_.lastSend - previous_.lastSend);
      const int64_t arrivalDelta = current_.lastArrival - previous_.lastArrival;
      const auto heardDelta = static_cast<int64_t>(current_.seen - previous_.seen);
      if (arrivalDelta - heardDelta > CLOCK_JUMP_MICROS || (arrivalDelta < 0 && ++reordered_ >= REORDERED_MAX)) {
        previous_ = Group{};
        current_ = Group{};
        reordered_ = 0;
      } else if (arrivalDelta >= 0) {
        reordered_ = 0;
        if (out.size() < FeedbackResult::GROUPS_MAX) {
          out.push_back({sendDelta, static_cast<double>(arrivalDelta), current_.bytes});
        }
      }
    }
    if (current_.used && (!previous_.used || current_.lastArrival >= previous_.lastArrival)) previous_ = current_;
    current_ = Group{};
  }
  if (!current_.used) current_ = {sendMicros, sendMicros, nowMicros, arrivalMicros, arrivalMicros, 0, true};
  if (sendMicros > current_.lastSend) current_.lastSend = sendMicros;
  if (arrivalMicros > current_.lastArrival) current_.lastArrival = arrivalMicros;
  current_.seen = nowMicros;
  current_.bytes += bytes;
}

// ---- history ----

void SendHistory::add(uint64_t nowMicros, uint32_t bytes, uint16_t clusterId) {
  if (!sent_) sent_.reset(static_cast<Sent*>(calloc(COUNT, sizeof(Sent))));  // zero bytes: Nothing; touched when used
  if (!sent_) return;
  Sent& sent = at(next_);
  if (next_ >= COUNT && next_ - COUNT >= landed_) {  // nobody has reported it in all that time
    if (sent.state == InFlight) land(sent);
    landed_ = next_ - COUNT + 1;
  }
  sent = {static_cast<uint32_t>(nowMicros), static_cast<uint16_t>(bytes), clusterId, InFlight};
  inFlightBytes_ += bytes;
  next_++;
}

int64_t SendHistory::unwrap(uint32_t reference) {
  const auto low = static_cast<uint32_t>(reference_) & 0xffffff;
  const int32_t step = static_cast<int32_t>((reference - low) << 8) >> 8;  // signed distance of 24 bits
  const int64_t unwrapped = heard_ ? reference_ + step : reference;
  heard_ = true;
  reference_ = unwrapped;
  return unwrapped * TransportFeedback::REFERENCE_MICROS;
}

void SendHistory::match(const TransportFeedback& feedback, uint64_t nowMicros, FeedbackResult& result) {
  int64_t arrival = unwrap(feedback.reference);
  uint64_t lastSend = 0, oldestSend = 0;
  bool any = false;
  for (size_t i = 0; i < feedback.deltas.size(); i++) {
    const int32_t delta = feedback.deltas[i];
    const bool received = delta != TransportFeedback::NOT_RECEIVED;
    if (received) arrival += delta * TransportFeedback::DELTA_MICROS;
    // The latest number with these 16 bits that was given out, if it is still known.
    const auto behind = static_cast<uint16_t>(next_ - 1 - (feedback.base + i));
    if (next_ == 0 || behind >= COUNT || behind >= next_) continue;
    const uint64_t number = next_ - 1 - behind;
    for (; landed_ <= number; landed_++) {  // it and all before it have arrived, are lost, or will be reported later
      Sent& passed = at(landed_);
      if (passed.state != InFlight) continue;
      land(passed);
      passed.state = Overtaken;
    }
    Sent& sent = at(number);
    if (!received) {
      if (sent.state != Overtaken) continue;
      sent.state = Lost;
      result.lostPackets++;
      continue;
    }
    if (sent.state != Overtaken && sent.state != Lost) continue;  // told before
    if (sent.state == Lost) result.lostPackets--;
    sent.state = Received;
    const uint64_t sendMicros = nowMicros - static_cast<uint32_t>(static_cast<uint32_t>(nowMicros) - sent.micros);
    result.receivedPackets++;
    result.ackedBytes += sent.bytes;
    result.lastArrivalMicros = static_cast<double>(arrival);
    if (!any || sendMicros > lastSend) lastSend = sendMicros;
    if (!any || sendMicros < oldestSend) oldestSend = sendMicros;
    any = true;
    groups_.add(sendMicros, arrival, sent.bytes, nowMicros, result.groups);
    if (sent.clusterId != 0) noteProbe(sent, sendMicros, arrival, result);
  }
  result.lastSendMicros = static_cast<double>(lastSend);
  result.oldestSendMicros = static_cast<double>(oldestSend);
  result.inFlightBytes = static_cast<double>(inFlightBytes_);
}

void SendHistory::noteProbe(const Sent& sent, uint64_t sendMicros, int64_t arrivalMicros, FeedbackResult& result) {
  FeedbackResult::Probe* probe = nullptr;
  for (FeedbackResult::Probe& known : result.probes) {
    if (known.clusterId == sent.clusterId) probe = &known;
  }
  if (!probe) {
    if (result.probes.size() >= FeedbackResult::PROBES_MAX) return;
    result.probes.push_back({sent.clusterId, 0, 0, sendMicros, sendMicros, arrivalMicros, arrivalMicros});
    probe = &result.probes.back();
  }
  if (sendMicros < probe->firstSend) probe->firstSend = sendMicros;
  if (sendMicros > probe->lastSend) probe->lastSend = sendMicros;
  if (arrivalMicros < probe->firstArrival) probe->firstArrival = arrivalMicros;
  if (arrivalMicros > probe->lastArrival) probe->lastArrival = arrivalMicros;
  probe->packets++;
  probe->bytes += sent.bytes;
}

}  // namespace tertulia
