// One remote party: the addresses that it may send from, the one that it is sent to, its keys and its receive state.
// Knows SRTP and replay lists; does not know rows, sockets or lists.
#pragma once
#include <memory>
#include <vector>
#include "address.h"
#include "arena.h"
#include "checks.h"
#include "peer_video.h"
#include "replay.h"
#include "rtp_header.h"
#include "srtp.h"

namespace tertulia {

constexpr size_t PEER_TUPLES_MAX = 8;   // ICE pairs kept alive at once, as in other servers
constexpr size_t PEER_SOURCES_MAX = 64;  // SSRCs, unless setRateLimit says more; a browser with simulcast and RTX uses about ten

struct Tuple {
  uint32_t socket = 0;
  Address address;
};

/// A compound of sender reports that differs from the one before in clock and counters only.
struct ReportTemplate {
  static constexpr size_t BYTES_MAX = 1400, PLACES_MAX = 31;
  struct Place {
    uint32_t offset;  // of a sender report in `bytes`
    uint32_t entry;   // whose counters it has
    uint32_t base;    // what is added to the command's timestamp
  };
  std::vector<uint8_t> bytes;
  std::vector<Place> places;
};

/// Packets per second with a burst. Time comes in.
class TokenBucket {
 public:
  void configure(double perSecond, double burst) {
    perMicro_ = perSecond / 1e6;
    burst_ = tokens_ = burst;
  }
  bool take(uint64_t nowMicros) {
    if (nowMicros > filledMicros_) {
      tokens_ += static_cast<double>(nowMicros - filledMicros_) * perMicro_;
      if (tokens_ > burst_) tokens_ = burst_;
      filledMicros_ = nowMicros;
    }
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
  }

 private:
  double perMicro_ = 5000 / 1e6;  // 5,000/s: a 40 Mbit/s screen share with its reports
  double burst_ = 1000;
  double tokens_ = 1000;
  uint64_t filledMicros_ = 0;
};

/// Replay state per SSRC. A source gets its place with its first authenticated packet.
class SourceStates {
 public:
  ReplayWindow* find(uint32_t ssrc) {
    if (last_ < ssrcs_.size() && ssrcs_[last_] == ssrc) return windows_[last_].get();
    for (size_t i = 0; i < ssrcs_.size(); i++) {
      if (ssrcs_[i] == ssrc) return windows_[last_ = i].get();
    }
    return nullptr;
  }
  bool full(size_t most) const { return ssrcs_.size() >= most; }
  ReplayWindow* add(uint32_t ssrc) {
    ssrcs_.push_back(ssrc);
    windows_.push_back(std::make_unique<ReplayWindow>());
    return windows_.back().get();
  }

 private:
  std::vector<uint32_t> ssrcs_;
  std::vector<std::unique_ptr<ReplayWindow>> windows_;
  size_t last_ = 0;
};

/// Roll-over counters of sources that nobody authenticates. No packet is refused; of too many sources the oldest goes.
class PlainSources {
 public:
  uint64_t extend(uint32_t ssrc, uint16_t sequence, size_t sourcesMax) {
    Source* source = nullptr;
    for (Source& each : sources_)
      if (each.ssrc == ssrc) source = &each;
    if (!source) {
      if (sources_.size() < sourcesMax) {
        sources_.push_back({});
        source = &sources_.back();
      } else {
        source = &sources_[next_++ % sources_.size()];
      }
      *source = {ssrc, FIRST_TURN + sequence};
      return source->highest;
    }
    const auto distance = static_cast<int16_t>(sequence - static_cast<uint16_t>(source->highest));
    const uint64_t index = source->highest + static_cast<uint64_t>(static_cast<int64_t>(distance));
    if (distance > 0) source->highest = index;
    return index;
  }

 private:
  static constexpr uint64_t FIRST_TURN = 1 << 16;  // what was sent before the first one seen has a number, too
  struct Source {
    uint32_t ssrc = 0;
    uint64_t highest = 0;
  };
  std::vector<Source> sources_;
  size_t next_ = 0;
};

/// What opening a packet gave.
struct Opened {
  Drop drop = Drop::Count;  // Count: none
  uint32_t length = 0;      // plain, padding included
  uint32_t padding = 0;
  uint32_t roc = 0;
  RtpHeader header;
};

/// Keys and replay state of one direction in; replaced as a whole when keys are set.
class PeerReceiver {
 public:
  bool init(SrtpProfile profile, const uint8_t* key, const uint8_t* salt) { return srtp_.init(profile, key, salt); }
  /// In place. Cheap checks first, then the tag, and only then does anything change.
  Opened openRtp(uint8_t* packet, uint32_t length);
  Opened openRtcp(uint8_t* packet, uint32_t length);
  /// Without keys: everything passes.
  bool plain() const { return srtp_.plain(); }
  void setSourcesMax(size_t sources) { sourcesMax_ = sources; }

 private:
  Opened openPlainRtp(uint8_t* packet, uint32_t length);

  SrtpReceiver srtp_;
  SourceStates rtp_, rtcp_;
  PlainSources sources_;
  size_t sourcesMax_ = PEER_SOURCES_MAX;
};

struct alignas(64) Peer : InArena<Peer> {
  // What sending reads, in one cache line.
  uint32_t id = NO_PEER;
  uint32_t socket = 0;      // of `destination`
  std::unique_ptr<SrtpSender> sender;
  Destination destination;  // length 0: nowhere yet
  uint16_t transportWideNumber = 0;
  uint8_t capture = 0;  // who looks at its packets, 0: nobody
  std::unique_ptr<PeerVideo> video;  // once it is needed

  std::unique_ptr<PeerReceiver> receiver;
  std::unique_ptr<ReportTemplate> report;
  TokenBucket rate;
  std::vector<Tuple> tuples;
  Address selected;                    // what `destination` was made of
  std::unique_ptr<PeerChecks> checks;  // once its checks may be answered here
  size_t sourcesMax = PEER_SOURCES_MAX;
  bool takesSctp = false;  // without DTLS around it
  uint32_t captureLost[2] = {};  // packets in and out that the capture had no room for
};

/// Peers by id. An id is index | generation << 16, so that the id of a closed peer never means its successor.
class PeerTable {
 public:
  explicit PeerTable(uint32_t capacity) : capacity_(capacity < INDEXES ? capacity : INDEXES) {}

  /// @return nullptr when all are in use.
  Peer* create();
  void remove(Peer* peer);
  Peer* find(uint32_t id) const {
    const uint32_t index = id & (INDEXES - 1);
    if (index >= peers_.size()) return nullptr;
    Peer* peer = peers_[index].get();
    return peer && peer->id == id ? peer : nullptr;
  }
  /// Who has the place of this id now, for prefetching only: nothing of it is read.
  const Peer* place(uint32_t id) const {
    const uint32_t index = id & (INDEXES - 1);
    return index < peers_.size() ? peers_[index].get() : nullptr;
  }
  size_t size() const { return size_; }

 private:
  static constexpr uint32_t INDEXES = 1 << 16;
  static constexpr uint32_t GENERATIONS = 1 << 15;  // ids stay below 2^31
  uint32_t capacity_;
  size_t size_ = 0;
  std::vector<std::unique_ptr<Peer>> peers_;
  std::vector<uint32_t> nextIds_;  // of free places; the one free for longest is used first
  size_t nextFree_ = 0;
};

}  // namespace tertulia
