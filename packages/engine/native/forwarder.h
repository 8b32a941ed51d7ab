// Executes commands: one received payload becomes one packet per entry of a list, with the entry's own header, encrypted
// straight from where the payload lies. Every number read from shared memory is checked; a wrong one is a counted drop.
// Knows lists, peers and RTP headers; does not know rooms, codecs or why a list looks as it does.
// Spec: RFC 3550 §5.1, RFC 8285 (extensions), RFC 3711 §3.3.1 (roll-over counter = upper half of the outgoing index).
#pragma once
#include "packet.h"
#include "video_sender.h"

namespace tertulia {

class Forwarder {
 public:
  Forwarder(const Shared& shared, PeerTable& peers, EntryLists& lists, Transmitter& out, CaptureStore& capture,
            Counters& counters)
      : shared_(shared),
        peers_(peers),
        lists_(lists),
        out_(out),
        capture_(capture),
        counters_(counters),
        video_(shared, peers, lists, out, capture, counters) {}

  /// The first `count` commands. Nothing is left staged. @return packets that were not sent
  uint32_t execute(uint32_t count, uint64_t nowMicros);

  /// Stages one compound; the caller kicks. @return Drop::Count when it was staged
  Drop sendRtcp(Peer* peer, const uint8_t* plain, size_t length, uint64_t nowMicros);

  VideoSender& video() { return video_; }

 private:
  /// A header that the next entry with the same extensions and payload type shares, but for sequence number, timestamp,
  /// SSRC and transport-wide number. Only what says nothing else about its receiver: no MID.
  struct SharedHeader {
    static constexpr size_t ROOM = 64;  // copied whole, which is quicker than counting
    uint8_t bytes[ROOM];
    uint32_t length = 0;  // 0: none yet
    uint32_t wideAt = 0;  // where the transport-wide number is, 0: nowhere
    uint32_t ids[ENTRY_SEND_EXTENSIONS - ENTRY_EXTENSION_IDS];
    uint8_t payloadType = 0, absSendTimeId = 0, wideId = 0;

    bool fits(const uint32_t* words, uint8_t wantedType, uint8_t wantedTimeId, uint8_t wantedWideId) const {
      return length != 0 && wantedType == payloadType && wantedTimeId == absSendTimeId && wantedWideId == wideId &&
             memcmp(words + ENTRY_EXTENSION_IDS, ids, sizeof ids) == 0;
    }
    void keep(const uint32_t* words, uint8_t type, const EntryBytes& entry, const uint8_t* header,
              const HeaderPlaces& places) {
      const size_t headerLength = places.length;
      if (headerLength > ROOM) return;
      memcpy(bytes, header, headerLength);
      memcpy(ids, words + ENTRY_EXTENSION_IDS, sizeof ids);
      payloadType = type;
      absSendTimeId = entry.absSendTimeId();
      wideId = entry.transportWideId();
      wideAt = places.transportWideNumber;
      length = static_cast<uint32_t>(headerLength);
    }
  };
  /// A packet with its patches written for one entry; the next entry with the same deltas uses it again.
  struct PatchedPacket {
    Packet packet;
    bool made = false;  // for this command
    uint32_t deltas[2];
    uint8_t payload[SLOT_BYTES];
    uint8_t extensions[COMMAND_EXTENSIONS_MAX][256];
  };
  /// One command and what its entries share.
  struct Prepared {
    Packet packet;
    SharedHeader header;
    PatchedPacket patched;
  };
  /// Commands to one list that follow each other are sent entry by entry: each peer is looked at once, and its packets
  /// lie one behind the other, as GSO wants them. As many as a video frame's packets that come at once.
  static constexpr size_t RUN_MAX = 8;

  bool read(const uint32_t* command, Packet& packet) const;
  /// Fills the next place of the run, or refuses.
  void prepare(const uint32_t* command);
  /// Commands from here on that go to the same list, at most RUN_MAX.
  uint32_t runLength(uint32_t at, uint32_t count) const;
  bool inMemory(uint32_t offset, uint32_t length) const {
    return static_cast<size_t>(offset) + length <= shared_.memoryBytes();
  }
  Drop sendReport(Peer* peer, const uint32_t* command);
  void sendList(uint32_t list);
  // A thousand receivers do not fit the first caches. Four steps, each of which reads what the one before asked for.
  void prefetchEntry(uint32_t entry) const;
  void prefetchPeer(uint32_t entry, const Packet& packet) const;
  void prefetchKey(uint32_t entry, const Packet& packet) const;
  void prefetchHistory(uint32_t entry) const;
  void sendEntry(uint32_t entry, Prepared& prepared);
  static const Packet& patch(Prepared& prepared, const uint32_t* words);
  Drop tryEntry(uint32_t entry, const Packet& packet, SharedHeader& shared, uint32_t* words);
  void refuse(Drop drop) {
    counters_.drop(drop);
    refused_++;
  }

  Shared shared_;
  PeerTable& peers_;
  EntryLists& lists_;
  Transmitter& out_;
  CaptureStore& capture_;
  Counters& counters_;
  uint64_t nowMicros_ = 0;
  uint32_t sendTime_ = 0;  // the same in abs-send-time's form
  uint32_t refused_ = 0;
  Prepared run_[RUN_MAX];  // the commands being executed
  size_t runUsed_ = 0;
  VideoSender video_;
};

}  // namespace tertulia
