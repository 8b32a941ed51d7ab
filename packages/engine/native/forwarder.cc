#include "forwarder.h"

namespace tertulia {

uint32_t Forwarder::execute(uint32_t count, uint64_t nowMicros) {
  nowMicros_ = nowMicros;
  sendTime_ = absSendTime(nowMicros);
  refused_ = 0;
  if (count > shared_.commandCapacity) {  // a mistake; what lies in the array is not meant
    refuse(Drop::CommandInvalid);
    return refused_;
  }
  for (uint32_t i = 0; i < count; i++) {
    const uint32_t* command = shared_.commands + static_cast<size_t>(i) * COMMAND_WORDS;
    const uint32_t target = command[COMMAND_TARGET];
    if (command[COMMAND_TYPE] == COMMAND_RTCP) {
      const uint32_t offset = command[COMMAND_PAYLOAD_OFFSET], length = command[COMMAND_PAYLOAD_LENGTH];
      if (!inMemory(offset, length)) {
        refuse(Drop::CommandInvalid);
        continue;
      }
      const Drop drop = sendRtcp(peers_.find(target), shared_.slab + offset, length, nowMicros);
      if (drop != Drop::Count) refuse(drop);
      continue;
    }
    if (command[COMMAND_TYPE] == COMMAND_REPORT) {
      const Drop drop = sendReport(peers_.find(target), command);
      if (drop != Drop::Count) refuse(drop);
      continue;
    }
    const uint32_t run = runLength(i, count);
    runUsed_ = 0;
    for (uint32_t k = 0; k < run; k++) prepare(command + k * COMMAND_WORDS);
    i += run - 1;
    if (runUsed_ == 0) continue;
    if (command[COMMAND_TYPE] == COMMAND_LIST) {
      sendList(target);
    } else {
      sendEntry(target, run_[0]);
    }
  }
  video_.drain(nowMicros);
  out_.kick();
  return refused_;
}

uint32_t Forwarder::runLength(uint32_t at, uint32_t count) const {
  const uint32_t* first = shared_.commands + static_cast<size_t>(at) * COMMAND_WORDS;
  if (first[COMMAND_TYPE] != COMMAND_LIST) return 1;
  uint32_t length = 1;
  for (const uint32_t* next = first + COMMAND_WORDS; length < RUN_MAX && at + length < count; next += COMMAND_WORDS) {
    if (next[COMMAND_TYPE] != COMMAND_LIST || next[COMMAND_TARGET] != first[COMMAND_TARGET]) break;
    length++;
  }
  return length;
}

void Forwarder::prepare(const uint32_t* command) {
  Prepared& prepared = run_[runUsed_];
  prepared.header.length = 0;
  prepared.patched.made = false;
  if (!read(command, prepared.packet)) {
    refuse(Drop::CommandInvalid);
  } else {
    runUsed_++;
  }
}

bool Forwarder::read(const uint32_t* command, Packet& packet) const {
  const uint32_t type = command[COMMAND_TYPE];
  if (type != COMMAND_LIST && type != COMMAND_ENTRY) return false;
  const uint32_t offset = command[COMMAND_PAYLOAD_OFFSET];
  packet.payloadLength = command[COMMAND_PAYLOAD_LENGTH];
  if (!inMemory(offset, packet.payloadLength)) return false;
  packet.payload = shared_.slab + offset;
  packet.index = command[COMMAND_INDEX];
  packet.timestamp = command[COMMAND_TIMESTAMP];
  const uint32_t flags = command[COMMAND_FLAGS];
  packet.marker = flags & FLAG_MARKER;
  packet.retransmission = type == COMMAND_ENTRY && (flags & FLAG_RETRANSMISSION);
  packet.codec = flags >> FLAG_CODEC_SHIFT & 7;
  packet.csrcCount = command[COMMAND_CSRC_COUNT];
  packet.csrcs[0] = command[COMMAND_CSRC0];
  packet.csrcs[1] = command[COMMAND_CSRC1];
  packet.extensionCount = command[COMMAND_EXTENSION_COUNT];
  if (packet.csrcCount > 2 || packet.extensionCount > COMMAND_EXTENSIONS_MAX) return false;
  for (uint32_t i = 0; i < packet.extensionCount; i++) {
    const uint32_t head = command[COMMAND_EXTENSIONS + 2 * i], at = command[COMMAND_EXTENSIONS + 2 * i + 1];
    const uint32_t length = head >> 8;
    if ((head & 0xff) > 15 || length > 255 || !inMemory(at, length)) return false;
    packet.extensions[i] = {static_cast<uint8_t>(head), static_cast<uint8_t>(length), shared_.slab + at};
  }
  packet.patchCount = command[COMMAND_PATCH_COUNT];
  if (packet.patchCount == 0) return true;
  if (packet.patchCount > COMMAND_PATCHES_MAX) return false;
  for (uint32_t i = 0; i < packet.patchCount; i++) {
    const uint32_t* words = command + COMMAND_PATCHES + 2 * i;
    if (!Patch::read(words[0], words[1], packet.patches[i])) return false;
  }
  return packet.patchesFit();
}

/// What lies in the slab stays as it came; the copy is what this entry is sent.
const Packet& Forwarder::patch(Prepared& prepared, const uint32_t* words) {
  const Packet& packet = prepared.packet;
  PatchedPacket& patched = prepared.patched;
  const uint32_t* deltas = words + ENTRY_PATCH_DELTAS;
  if (patched.made && memcmp(patched.deltas, deltas, sizeof patched.deltas) == 0) return patched.packet;
  Packet& copy = patched.packet;
  copy = packet;
  prepared.header.length = 0;  // it has the values of other deltas
  patched.made = true;
  memcpy(patched.deltas, deltas, sizeof patched.deltas);
  for (uint32_t i = 0; i < packet.patchCount; i++) {
    const Patch& patch = packet.patches[i];
    if (patch.target == Patch::PAYLOAD) {
      if (copy.payload == packet.payload) {
        memcpy(patched.payload, packet.payload, packet.payloadLength);
        copy.payload = patched.payload;
      }
      patch.apply(patched.payload, deltas);
      continue;
    }
    for (uint32_t e = 0; e < packet.extensionCount; e++) {
      if (packet.extensions[e].kind != patch.target) continue;
      if (copy.extensions[e].value == packet.extensions[e].value) {
        memcpy(patched.extensions[e], packet.extensions[e].value, packet.extensions[e].length);
        copy.extensions[e].value = patched.extensions[e];
      }
      patch.apply(patched.extensions[e], deltas);
      break;
    }
  }
  return copy;
}

void Forwarder::sendList(uint32_t list) {
  if (!lists_.isList(list)) {
    for (size_t i = 0; i < runUsed_; i++) refuse(Drop::ListInvalid);
    return;
  }
  const Packet& packet = run_[0].packet;
  const std::vector<uint32_t>& members = lists_.members(list);
  const size_t count = members.size();
  for (size_t i = 0; i < count; i++) {
    if (i + 18 < count) prefetchEntry(members[i + 18]);
    if (i + 12 < count) prefetchPeer(members[i + 12], packet);
    if (i + 6 < count) prefetchKey(members[i + 6], packet);
    if (i + 3 < count) prefetchHistory(members[i + 3]);
    for (size_t k = 0; k < runUsed_; k++) sendEntry(members[i], run_[k]);
  }
}

void Forwarder::prefetchEntry(uint32_t entry) const {
  if (entry >= shared_.entryCapacity) return;
  const uint32_t* words = shared_.entries + static_cast<size_t>(entry) * ENTRY_WORDS;
  TERTULIA_PREFETCH(words);
  TERTULIA_PREFETCH(words + ENTRY_WORDS / 2);
  lists_.prefetch(entry);
}

void Forwarder::prefetchPeer(uint32_t entry, const Packet& packet) const {
  if (entry >= shared_.entryCapacity) return;
  const uint32_t* words = shared_.entries + static_cast<size_t>(entry) * ENTRY_WORDS;
  if (const Peer* peer = peers_.place(words[ENTRY_PEER])) TERTULIA_PREFETCH(peer);
  lists_.prefetchMoment(entry, packet.index - words[ENTRY_DELTA_INDEX]);
}

void Forwarder::prefetchKey(uint32_t entry, const Packet& packet) const {
  constexpr size_t USUAL_HEADER = 32;
  if (entry >= shared_.entryCapacity) return;
  const Peer* peer = peers_.place(shared_.entries[static_cast<size_t>(entry) * ENTRY_WORDS + ENTRY_PEER]);
  if (peer && peer->sender) peer->sender->prefetch(USUAL_HEADER + packet.payloadLength);
  if (peer && peer->video) TERTULIA_PREFETCH(peer->video.get());
}

void Forwarder::prefetchHistory(uint32_t entry) const {
  if (entry >= shared_.entryCapacity) return;
  const Peer* peer = peers_.place(shared_.entries[static_cast<size_t>(entry) * ENTRY_WORDS + ENTRY_PEER]);
  if (peer && peer->video) peer->video->history.prefetch();
}

void Forwarder::sendEntry(uint32_t entry, Prepared& prepared) {
  if (!lists_.isEntry(entry) || entry >= shared_.entryCapacity) {
    refuse(Drop::EntryInvalid);
    return;
  }
  uint32_t* words = shared_.entries + static_cast<size_t>(entry) * ENTRY_WORDS;
  if (!(words[ENTRY_FLAGS] & ENTRY_ENABLED)) {
    refuse(Drop::EntryDisabled);
    return;
  }
  const Packet& packet = prepared.packet.patchCount == 0 ? prepared.packet : patch(prepared, words);
  const Drop drop = tryEntry(entry, packet, prepared.header, words);
  if (drop == Drop::Count) return;
  words[ENTRY_DROPS]++;
  refuse(drop);
}

Drop Forwarder::tryEntry(uint32_t entry, const Packet& packet, SharedHeader& shared, uint32_t* words) {
  const EntryBytes bytes(words);
  const bool beforeFirst = static_cast<int32_t>(packet.index - words[ENTRY_FIRST_INDEX]) < 0;
  if (beforeFirst && !packet.retransmission) return Drop::EntryBeforeFirst;
  const uint8_t payloadType = bytes.payloadType(packet.codec);
  if (payloadType > 127) return Drop::EntryNoCodec;
  Peer* peer = peers_.find(words[ENTRY_PEER]);
  if (!peer) return Drop::EntryInvalid;
  if (peer->destination.length == 0) return Drop::PeerNoAddress;
  if (!peer->sender) return Drop::PeerNoKeys;
  const bool hasRtx = words[ENTRY_RTX_SSRC] != 0;
  if (hasRtx && packet.retransmission) return video_.sendRtx(*peer, entry, packet, nowMicros_);

  EntryState& state = lists_.state(entry);
  const uint32_t index = packet.index - words[ENTRY_DELTA_INDEX];
  const bool repeated = packet.retransmission && state.wasSent(index);
  if (beforeFirst && !repeated) return Drop::EntryBeforeFirst;
  if (!repeated && !state.fresh(index)) return Drop::EntryIndexReuse;
  const bool carriesMid = bytes.hasMid() && state.carriesMid(index, words[ENTRY_FLAGS] & ENTRY_SEND_MID);
  const bool paced = (words[ENTRY_FLAGS] & ENTRY_PACED) && peer->video;
  if (paced && !repeated && !peer->video->pacer.admits(nowMicros_)) {
    const Drop drop = video_.keep(*peer, entry, packet, payloadType, carriesMid, index, nowMicros_);
    if (drop == Drop::Count) state.markSent(index);
    return drop;
  }

  // What is only known at this moment, or was known at the moment of the first sending.
  const uint8_t absSendTimeId = bytes.absSendTimeId(), transportWideId = bytes.transportWideId();
  SendMoments::Moment moment = {index, sendTime_, 1, peer->transportWideNumber};
  if ((absSendTimeId || transportWideId) && !hasRtx) {
    if (repeated) {
      const SendMoments::Moment* kept = state.moments ? &state.moments->moments[index % SendMoments::COUNT] : nullptr;
      if (!kept || !kept->valid || kept->index != index) return Drop::RetransmissionForgotten;
      moment = *kept;
    } else {
      state.remember(moment);
    }
  }
  const bool ofItsOwn = carriesMid || repeated;
  uint8_t* out = out_.stage(peer->socket);
  size_t headerLength;
  if (!ofItsOwn && shared.fits(words, payloadType, absSendTimeId, transportWideId)) {
    headerLength = shared.length;  // fits: it has been sent with this payload
    memcpy(out, shared.bytes, SharedHeader::ROOM);
    if (shared.wideAt) writeU16(out + shared.wideAt, moment.transportWideNumber);
  } else {
    HeaderPlaces places;
    const size_t taken = packet.payloadLength + SRTP_OVERHEAD_MAX;
    if (taken > SLOT_BYTES || !writeHeader(out, SLOT_BYTES - taken, packet, bytes, payloadType, carriesMid, places))
      return Drop::Mtu;
    headerLength = places.length;
    if (places.sendTime) writeU24(out + places.sendTime, moment.absSendTime);
    if (places.transportWideNumber) writeU16(out + places.transportWideNumber, moment.transportWideNumber);
    if (!ofItsOwn) shared.keep(words, payloadType, bytes, out, places);
  }
  const uint32_t timestamp = packet.timestamp + words[ENTRY_DELTA_TIMESTAMP];
  writeU16(out + 2, index);
  writeU32(out + 4, timestamp);
  writeU32(out + 8, words[ENTRY_SSRC]);

  const size_t length = peer->sender->protectRtp(out, headerLength, packet.payload, packet.payloadLength, index >> 16);
  if (length == 0) return Drop::SendError;
  if (peer->capture) {
    capture_.add(*peer, CAPTURE_OUTGOING, peer->selected, nowMicros_, out, headerLength, packet.payload, packet.payloadLength);
  }
  out_.commit(peer->destination, length);

  if (!repeated) {
    if (transportWideId) {
      video_.noteSent(*peer, nowMicros_, length);
      peer->transportWideNumber++;
    }
    state.markSent(index);
    if (!packet.retransmission && state.highest == index) words[ENTRY_LAST_TIMESTAMP] = timestamp;
    words[ENTRY_LAST_INDEX] = state.highest;
  }
  if (paced) peer->video->pacer.spend(length);
  words[ENTRY_PACKETS]++;
  words[ENTRY_OCTETS] += packet.payloadLength;
  words[ENTRY_LAST_SENT_MICROS] = static_cast<uint32_t>(nowMicros_);
  return Drop::Count;
}

/// Fills in what RFC 3550 §6.4.1 has in a sender report behind the SSRC: NTP time, timestamp, packets, octets.
Drop Forwarder::sendReport(Peer* peer, const uint32_t* command) {
  if (!peer || !peer->report) return Drop::EntryInvalid;
  for (const ReportTemplate::Place& place : peer->report->places) {
    if (place.entry >= shared_.entryCapacity || !lists_.isEntry(place.entry)) return Drop::EntryInvalid;
    const uint32_t* words = shared_.entries + static_cast<size_t>(place.entry) * ENTRY_WORDS;
    if (words[ENTRY_PEER] != peer->id) return Drop::EntryInvalid;
    uint8_t* report = peer->report->bytes.data() + place.offset;
    writeU32(report + 8, command[COMMAND_NTP_SECONDS]);
    writeU32(report + 12, command[COMMAND_NTP_FRACTION]);
    writeU32(report + 16, command[COMMAND_TIMESTAMP] + place.base);
    writeU32(report + 20, words[ENTRY_PACKETS]);
    writeU32(report + 24, words[ENTRY_OCTETS]);
  }
  return sendRtcp(peer, peer->report->bytes.data(), peer->report->bytes.size(), nowMicros_);
}

Drop Forwarder::sendRtcp(Peer* peer, const uint8_t* plain, size_t length, uint64_t nowMicros) {
  constexpr size_t RTCP_LEAST = 8;
  if (!peer) return Drop::EntryInvalid;
  if (length < RTCP_LEAST) return Drop::CommandInvalid;
  if (length + SRTCP_OVERHEAD_MAX > SLOT_BYTES) return Drop::Mtu;
  if (peer->destination.length == 0) return Drop::PeerNoAddress;
  if (!peer->sender) return Drop::PeerNoKeys;
  const size_t sealed = peer->sender->protectRtcp(out_.stage(peer->socket), plain, length, peer->sender->takeRtcpIndex());
  if (sealed == 0) return Drop::SendError;
  if (peer->capture) {
    capture_.add(*peer, CAPTURE_OUTGOING | CAPTURE_RTCP, peer->selected, nowMicros, plain, length, nullptr, 0);
  }
  out_.commit(peer->destination, sealed);
  return Drop::Count;
}

}  // namespace tertulia
