#include "video_sender.h"

namespace tertulia {
namespace {

constexpr size_t HEADER_MAX = SLOT_BYTES - SRTP_OVERHEAD_MAX;
constexpr size_t ORIGINAL_NUMBER_BYTES = 2;  // RFC 4588 §4
constexpr size_t PADDING_BYTES = 255;        // most that RFC 3550's count can say

PeerVideo& videoOf(Peer& peer) {
  if (!peer.video) peer.video = std::make_unique<PeerVideo>();
  return *peer.video;
}

/// @return 0xff when there is none
uint8_t anyRtxPayloadType(const EntryBytes& entry) {
  for (uint32_t codec = 0; codec < 8; codec++) {
    if (entry.rtxPayloadType(codec) <= 127) return entry.rtxPayloadType(codec);
  }
  return PAYLOAD_TYPE_NONE;
}

}  // namespace

// ---- building ----

Drop VideoSender::sendRtx(Peer& peer, uint32_t entry, const Packet& packet, uint64_t nowMicros) {
  const uint32_t* entryWords = words(entry);
  const EntryBytes bytes(entryWords);
  const uint8_t payloadType = bytes.rtxPayloadType(packet.codec);
  if (payloadType > 127) return Drop::EntryNoCodec;
  if (entryWords[ENTRY_RTX_SSRC] == entryWords[ENTRY_SSRC]) return Drop::EntryInvalid;  // their numbers would meet
  PendingPacket pending;
  uint8_t header[HEADER_MAX];
  const bool carriesMid = bytes.hasMid() && (entryWords[ENTRY_FLAGS] & ENTRY_SEND_MID);
  const size_t taken = packet.payloadLength + ORIGINAL_NUMBER_BYTES;
  if (taken > HEADER_MAX || !writeHeader(header, HEADER_MAX - taken, packet, bytes, payloadType, carriesMid, pending.places))
    return Drop::Mtu;
  pending.entry = entry;
  pending.generation = lists_.state(entry).generation;
  pending.rtx = true;
  pending.timestamp = packet.timestamp + entryWords[ENTRY_DELTA_TIMESTAMP];
  pending.ssrc = entryWords[ENTRY_RTX_SSRC];
  pending.octets = static_cast<uint32_t>(taken);
  pending.bytes.resize(pending.places.length + taken);
  uint8_t* at = pending.bytes.data();
  memcpy(at, header, pending.places.length);
  writeU16(at + pending.places.length, packet.index - entryWords[ENTRY_DELTA_INDEX]);
  memcpy(at + pending.places.length + ORIGINAL_NUMBER_BYTES, packet.payload, packet.payloadLength);
  PeerVideo& video = videoOf(peer);
  if (!(entryWords[ENTRY_FLAGS] & ENTRY_PACED) || video.pacer.admits(nowMicros)) return send(peer, pending, nowMicros);
  push(peer, std::move(pending), nowMicros);
  return Drop::Count;
}

Drop VideoSender::keep(Peer& peer, uint32_t entry, const Packet& packet, uint8_t payloadType, bool carriesMid,
                       uint32_t index, uint64_t nowMicros) {
  const uint32_t* entryWords = words(entry);
  PendingPacket pending;
  uint8_t header[HEADER_MAX];
  if (packet.payloadLength > HEADER_MAX || !writeHeader(header, HEADER_MAX - packet.payloadLength, packet,
                                                        EntryBytes(entryWords), payloadType, carriesMid, pending.places))
    return Drop::Mtu;
  pending.entry = entry;
  pending.generation = lists_.state(entry).generation;
  pending.index = index;
  pending.retransmission = packet.retransmission;
  pending.timestamp = packet.timestamp + entryWords[ENTRY_DELTA_TIMESTAMP];
  pending.ssrc = entryWords[ENTRY_SSRC];
  pending.octets = packet.payloadLength;
  pending.bytes.resize(pending.places.length + packet.payloadLength);
  memcpy(pending.bytes.data(), header, pending.places.length);
  memcpy(pending.bytes.data() + pending.places.length, packet.payload, packet.payloadLength);
  push(peer, std::move(pending), nowMicros);
  return Drop::Count;
}

// ---- waiting ----

void VideoSender::activate(Peer& peer) {
  if (peer.video->active) return;
  peer.video->active = true;
  active_.push_back(peer.id);
}

void VideoSender::push(Peer& peer, PendingPacket&& packet, uint64_t nowMicros) {
  Pacer& pacer = peer.video->pacer;
  packet.queuedMicros = nowMicros;
  pacer.push(std::move(packet));
  while (pacer.overfull(nowMicros)) forget(pacer.pop(), Drop::PacerFull);
  activate(peer);
}

/// It was never encrypted: its number may be used again.
void VideoSender::forget(PendingPacket&& packet, Drop drop) {
  counters_.drop(drop);
  if (!lists_.isEntry(packet.entry) || lists_.state(packet.entry).generation != packet.generation) return;
  words(packet.entry)[ENTRY_DROPS]++;
  if (!packet.rtx) lists_.state(packet.entry).unmark(packet.index);
}

void VideoSender::setPacing(Peer& peer, double bitsPerSecond, double burstMicros, uint64_t nowMicros) {
  if (bitsPerSecond <= 0 && !peer.video) return;
  videoOf(peer).pacer.configure(bitsPerSecond, burstMicros, nowMicros);
}

bool VideoSender::probe(Peer& peer, uint32_t entry, uint16_t clusterId, double bitsPerSecond, double bytes) {
  if (!lists_.isEntry(entry) || clusterId == 0 || !(bitsPerSecond > 0) || !(bytes > 0)) return false;
  const uint32_t* entryWords = words(entry);
  const EntryBytes entryBytes(entryWords);
  if (entryWords[ENTRY_PEER] != peer.id || entryWords[ENTRY_RTX_SSRC] == 0) return false;
  if (entryWords[ENTRY_RTX_SSRC] == entryWords[ENTRY_SSRC] || !entryBytes.transportWideId()) return false;
  if (anyRtxPayloadType(entryBytes) > 127) return false;
  PeerVideo& video = videoOf(peer);
  if (video.probes.size() >= PeerVideo::PROBES_MAX) return false;
  ProbeCluster cluster;
  cluster.entry = entry;
  cluster.generation = lists_.state(entry).generation;
  cluster.clusterId = clusterId;
  cluster.bytesPerMicro = bitsPerSecond / 8e6;
  cluster.bytes = bytes;
  video.probes.push_back(cluster);
  activate(peer);
  return true;
}

// ---- leaving ----

/// The last step. What is written here is known only now.
Drop VideoSender::send(Peer& peer, PendingPacket& packet, uint64_t nowMicros) {
  if (!lists_.isEntry(packet.entry) || lists_.state(packet.entry).generation != packet.generation) return Drop::EntryInvalid;
  if (peer.destination.length == 0) return Drop::PeerNoAddress;
  if (!peer.sender) return Drop::PeerNoKeys;
  uint32_t* entryWords = words(packet.entry);
  PeerVideo& video = *peer.video;
  uint32_t* rtxNext = packet.rtx ? video.rtx.next(packet.ssrc) : nullptr;
  if (packet.rtx && !rtxNext) return Drop::RtxLimit;
  const uint32_t index = packet.rtx ? *rtxNext : packet.index;

  uint8_t* bytes = packet.bytes.data();
  writeU16(bytes + 2, index);
  writeU32(bytes + 4, packet.timestamp);
  writeU32(bytes + 8, packet.ssrc);
  const HeaderPlaces& places = packet.places;
  if (places.sendTime) writeU24(bytes + places.sendTime, absSendTime(nowMicros));
  if (places.transportWideNumber) writeU16(bytes + places.transportWideNumber, peer.transportWideNumber);
  uint8_t* out = out_.stage(peer.socket);
  memcpy(out, bytes, places.length);
  if (rtxNext) ++*rtxNext;  // used, whatever comes
  const size_t length = peer.sender->protectRtp(out, places.length, bytes + places.length,
                                                packet.bytes.size() - places.length, index >> 16);
  if (length == 0) return Drop::SendError;
  if (peer.capture) capture_.add(peer, CAPTURE_OUTGOING, peer.selected, nowMicros, bytes, packet.bytes.size(), nullptr, 0);
  out_.commit(peer.destination, length);
  EntryState& state = lists_.state(packet.entry);
  if (!packet.rtx && (places.sendTime || places.transportWideNumber) && !entryWords[ENTRY_RTX_SSRC]) {
    state.remember({packet.index, absSendTime(nowMicros), 1, peer.transportWideNumber});
  }
  if (places.transportWideNumber) {
    video.history.add(nowMicros, static_cast<uint32_t>(length), video.runningProbe);
    peer.transportWideNumber++;
  }
  if (packet.clusterId == 0 && (entryWords[ENTRY_FLAGS] & ENTRY_PACED)) video.pacer.spend(length);

  if (packet.rtx) {
    entryWords[ENTRY_RTX_PACKETS]++;
    entryWords[ENTRY_RTX_OCTETS] += packet.octets;
    entryWords[ENTRY_RTX_LAST_INDEX] = index;
    return Drop::Count;
  }
  const bool first = entryWords[ENTRY_PACKETS]++ == 0;
  if (first || static_cast<int32_t>(packet.index - entryWords[ENTRY_LAST_INDEX]) > 0) {
    entryWords[ENTRY_LAST_INDEX] = packet.index;
    if (!packet.retransmission) entryWords[ENTRY_LAST_TIMESTAMP] = packet.timestamp;
  }
  entryWords[ENTRY_OCTETS] += packet.octets;
  entryWords[ENTRY_LAST_SENT_MICROS] = static_cast<uint32_t>(nowMicros);
  return Drop::Count;
}

/// An RTX packet without an original: nothing but padding. It lies at the time of the stream's last packet.
Drop VideoSender::sendPadding(Peer& peer, ProbeCluster& probe, uint64_t nowMicros) {
  if (!lists_.isEntry(probe.entry) || lists_.state(probe.entry).generation != probe.generation) return Drop::EntryInvalid;
  const uint32_t* entryWords = words(probe.entry);
  const EntryBytes entryBytes(entryWords);
  Packet packet = {};
  PendingPacket pending;
  uint8_t header[HEADER_MAX];
  const bool carriesMid = entryBytes.hasMid() && (entryWords[ENTRY_FLAGS] & ENTRY_SEND_MID);
  writeHeader(header, HEADER_MAX, packet, entryBytes, anyRtxPayloadType(entryBytes), carriesMid, pending.places);
  header[0] |= 0x20;  // P
  pending.entry = probe.entry;
  pending.generation = probe.generation;
  pending.rtx = true;
  pending.ssrc = entryWords[ENTRY_RTX_SSRC];
  pending.timestamp = entryWords[ENTRY_LAST_TIMESTAMP];
  pending.clusterId = probe.clusterId;
  pending.bytes.assign(pending.places.length + PADDING_BYTES, 0);
  memcpy(pending.bytes.data(), header, pending.places.length);
  pending.bytes.back() = PADDING_BYTES;
  probe.sentBytes += static_cast<double>(pending.bytes.size());
  return send(peer, pending, nowMicros);
}

bool VideoSender::turn(Peer& peer, uint64_t nowMicros) {
  PeerVideo& video = *peer.video;
  for (unsigned i = 0; i < TURN_PACKETS; i++) {
    while (video.pacer.overfull(nowMicros)) forget(video.pacer.pop(), Drop::PacerFull);
    const bool media = !video.pacer.queue().empty() && video.pacer.open(nowMicros);
    const bool padding = !video.probes.empty() && video.probes.front().wait(nowMicros) == 0;
    if (!media && !padding) return false;
    if (media) {
      PendingPacket packet = video.pacer.pop();
      const Drop drop = send(peer, packet, nowMicros);
      if (drop != Drop::Count) forget(std::move(packet), drop);
    }
    if (padding) {
      ProbeCluster& probe = video.probes.front();
      if (probe.startMicros == 0) probe.startMicros = nowMicros ? nowMicros : 1;
      video.runningProbe = probe.clusterId;
      const Drop drop = sendPadding(peer, probe, nowMicros);
      if (drop != Drop::Count) counters_.drop(drop);
      if (drop != Drop::Count || probe.done()) {
        video.probes.pop_front();
        video.runningProbe = 0;
      }
    }
  }
  return true;
}

void VideoSender::drain(uint64_t nowMicros) {
  if (active_.empty()) return;
  first_ = (first_ + 1) % active_.size();
  for (bool more = true; more;) {
    more = false;
    for (size_t i = 0; i < active_.size(); i++) {
      Peer* peer = peers_.find(active_[(first_ + i) % active_.size()]);
      if (peer && turn(*peer, nowMicros)) more = true;
    }
  }
  size_t kept = 0;
  for (uint32_t id : active_) {
    Peer* peer = peers_.find(id);
    if (!peer) continue;
    if (peer->video->pacer.queue().empty() && peer->video->probes.empty()) {
      peer->video->active = false;
    } else {
      active_[kept++] = id;
    }
  }
  active_.resize(kept);
}

uint64_t VideoSender::wait(uint64_t nowMicros) {
  uint64_t least = Pacer::QUEUE_MICROS_MAX;
  for (uint32_t id : active_) {
    Peer* peer = peers_.find(id);
    if (!peer) continue;
    PeerVideo& video = *peer->video;
    if (!video.pacer.queue().empty() && video.pacer.wait(nowMicros) < least) least = video.pacer.wait(nowMicros);
    if (!video.probes.empty() && video.probes.front().wait(nowMicros) < least) least = video.probes.front().wait(nowMicros);
  }
  return least;
}

}  // namespace tertulia
