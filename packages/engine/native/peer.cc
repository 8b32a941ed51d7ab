#include "peer.h"

namespace tertulia {

Opened PeerReceiver::openPlainRtp(uint8_t* packet, uint32_t length) {
  Opened opened;
  if (!parseRtpHeader(packet, length, opened.header) || !rtpPadding(packet, length, opened.header, opened.padding)) {
    opened.drop = Drop::RtpMalformed;
    return opened;
  }
  opened.length = length;
  opened.roc = static_cast<uint32_t>(sources_.extend(opened.header.ssrc, opened.header.sequence, sourcesMax_) >> 16);
  return opened;
}

Opened PeerReceiver::openRtp(uint8_t* packet, uint32_t length) {
  if (plain()) return openPlainRtp(packet, length);
  Opened opened;
  const auto refuse = [&opened](Drop drop) {
    opened.drop = drop;
    return opened;
  };
  const uint32_t tag = static_cast<uint32_t>(srtp_.rtpTagBytes());
  if (length < 12 + tag) return refuse(Drop::TooShort);
  if (!parseRtpHeader(packet, length - tag, opened.header)) return refuse(Drop::RtpMalformed);

  ReplayWindow* window = rtp_.find(opened.header.ssrc);
  uint64_t index = opened.header.sequence;
  if (window) {
    if (!window->estimate(opened.header.sequence, index)) return refuse(Drop::SrtpReplay);
    if (window->check(index) != ReplayWindow::Verdict::Fresh) return refuse(Drop::SrtpReplay);
  } else if (rtp_.full(sourcesMax_)) {
    return refuse(Drop::SsrcLimit);
  }

  opened.roc = static_cast<uint32_t>(index >> 16);
  opened.length = static_cast<uint32_t>(srtp_.unprotectRtp(packet, length, opened.header.length, opened.roc));
  if (opened.length == 0) return refuse(Drop::SrtpAuth);
  if (!window) window = rtp_.add(opened.header.ssrc);
  window->commit(index);
  if (!rtpPadding(packet, opened.length, opened.header, opened.padding)) return refuse(Drop::RtpMalformed);
  return opened;
}

Opened PeerReceiver::openRtcp(uint8_t* packet, uint32_t length) {
  constexpr uint32_t ENCRYPTED = 0x80000000;
  Opened opened;
  if (plain()) {
    opened.header.ssrc = readU32(packet + 4);
    opened.length = length;
    return opened;
  }
  const auto refuse = [&opened](Drop drop) {
    opened.drop = drop;
    return opened;
  };
  if (length < srtp_.rtcpLeastBytes()) return refuse(Drop::TooShort);
  const uint32_t word = srtp_.rtcpIndexWord(packet, length);
  if (!(word & ENCRYPTED)) return refuse(Drop::SrtcpUnencrypted);
  const uint32_t index = word & SRTCP_INDEX_MASK;
  opened.header.ssrc = readU32(packet + 4);
  ReplayWindow* window = rtcp_.find(opened.header.ssrc);
  if (window ? window->check(index) != ReplayWindow::Verdict::Fresh : rtcp_.full(sourcesMax_)) {
    return refuse(window ? Drop::SrtpReplay : Drop::SsrcLimit);
  }
  opened.length = static_cast<uint32_t>(srtp_.unprotectRtcp(packet, length));
  if (opened.length == 0) return refuse(Drop::SrtpAuth);
  if (!window) window = rtcp_.add(opened.header.ssrc);
  window->commit(index);
  return opened;
}

Peer* PeerTable::create() {
  uint32_t id;
  if (nextFree_ < nextIds_.size()) {
    id = nextIds_[nextFree_++];
    if (nextFree_ > 1024 && nextFree_ * 2 > nextIds_.size()) {
      nextIds_.erase(nextIds_.begin(), nextIds_.begin() + static_cast<std::ptrdiff_t>(nextFree_));
      nextFree_ = 0;
    }
  } else if (peers_.size() < capacity_) {
    id = static_cast<uint32_t>(peers_.size());
    peers_.emplace_back();
  } else {
    return nullptr;
  }
  std::unique_ptr<Peer>& place = peers_[id & (INDEXES - 1)];
  place = std::make_unique<Peer>();
  place->id = id;
  size_++;
  return place.get();
}

void PeerTable::remove(Peer* peer) {
  const uint32_t index = peer->id & (INDEXES - 1);
  const uint32_t generation = ((peer->id >> 16) + 1) & (GENERATIONS - 1);
  nextIds_.push_back(index | generation << 16);
  peers_[index].reset();
  size_--;
}

}  // namespace tertulia
