// Packets that do not leave straight from their command: retransmissions under RFC 4588, those that wait for a pacer, and
// the padding of probes. Their headers are built first; number, time and encryption come when they leave.
// Knows entries, peers and RTP; does not know why anything is sent again or how fast it should be.
// Spec: RFC 4588 §4, RFC 3550 §5.1 (padding).
#pragma once
#include "capture.h"
#include "lists.h"
#include "pacer.h"
#include "peer.h"
#include "peer_video.h"
#include "transmitter.h"

namespace tertulia {

class VideoSender {
 public:
  VideoSender(const Shared& shared, PeerTable& peers, EntryLists& lists, Transmitter& out, CaptureStore& capture,
              Counters& counters)
      : shared_(shared), peers_(peers), lists_(lists), out_(out), capture_(capture), counters_(counters) {}

  /// The packet as RTX of this entry. @return Drop::Count when it was sent or waits
  Drop sendRtx(Peer& peer, uint32_t entry, const Packet& packet, uint64_t nowMicros);
  /// Keeps an entry's packet for later; its number has been marked as used. @return Drop::Count when it waits
  Drop keep(Peer& peer, uint32_t entry, const Packet& packet, uint8_t payloadType, bool carriesMid, uint32_t index,
            uint64_t nowMicros);

  /// A packet that left straight from its command, under the peer's present transport-wide number.
  void noteSent(Peer& peer, uint64_t nowMicros, size_t bytes) {
    if (!peer.video) peer.video = std::make_unique<PeerVideo>();
    peer.video->history.add(nowMicros, static_cast<uint32_t>(bytes), peer.video->runningProbe);
  }

  /// @param bitsPerSecond 0 = off: what waits leaves with the next drain()
  void setPacing(Peer& peer, double bitsPerSecond, double burstMicros, uint64_t nowMicros);
  /// @return false for an entry that has no RTX stream or no transport-wide numbers, and when too many probes wait
  bool probe(Peer& peer, uint32_t entry, uint16_t clusterId, double bitsPerSecond, double bytes);

  /// Sends what is due, a little of each peer in turn. The caller kicks.
  void drain(uint64_t nowMicros);
  bool idle() const { return active_.empty(); }
  /// Microseconds until something is due; only when not idle.
  uint64_t wait(uint64_t nowMicros);

 private:
  /// Packets of one peer before the next peer has its turn.
  static constexpr unsigned TURN_PACKETS = 8;

  uint32_t* words(uint32_t entry) const { return shared_.entries + static_cast<size_t>(entry) * ENTRY_WORDS; }
  void activate(Peer& peer);
  void push(Peer& peer, PendingPacket&& packet, uint64_t nowMicros);
  void forget(PendingPacket&& packet, Drop drop);
  Drop send(Peer& peer, PendingPacket& packet, uint64_t nowMicros);
  Drop sendPadding(Peer& peer, ProbeCluster& probe, uint64_t nowMicros);
  /// @return whether this peer may have more to send at this moment
  bool turn(Peer& peer, uint64_t nowMicros);

  Shared shared_;
  PeerTable& peers_;
  EntryLists& lists_;
  Transmitter& out_;
  CaptureStore& capture_;
  Counters& counters_;
  std::vector<uint32_t> active_;  // peers of whom something waits
  size_t first_ = 0;              // whose turn is first
};

}  // namespace tertulia
