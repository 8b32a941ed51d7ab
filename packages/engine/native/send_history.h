// What was sent to one peer under transport-wide numbers, and what became of it: matched with the peer's feedback into
// what a bandwidth estimator reads. Time comes in. Knows no estimator and no codec.
// Spec: draft-holmer-rmcat-transport-wide-cc-extensions-01, draft-ietf-rmcat-gcc-02 §5.2 (groups of packets).
#pragma once
#include <cstdlib>
#include <memory>
#include "transport_feedback.h"

namespace tertulia {

/// One feedback in figures. What has no value is 0.
struct FeedbackResult {
  static constexpr size_t GROUPS_MAX = 512;  // 2.5 s of sending; a peer reports 20 times a second
  static constexpr size_t PROBES_MAX = 8;
  struct Group {
    double sendMicros, arrivalMicros, bytes;  // distances to the group before
  };
  /// Packets of one probe, and those sent between its first and last one, that this feedback is the first to report.
  struct Probe {
    uint32_t clusterId, bytes = 0, packets = 0;
    uint64_t firstSend = 0, lastSend = 0;
    int64_t firstArrival = 0, lastArrival = 0;
  };
  /// Lost ones are less than none when packets came after all that had been reported lost.
  double ackedBytes = 0, lostPackets = 0, receivedPackets = 0;
  double lastSendMicros = 0, lastArrivalMicros = 0, oldestSendMicros = 0, inFlightBytes = 0;
  std::vector<Group> groups;
  std::vector<Probe> probes;
};

/// Cuts what arrived into groups that were sent within 5 ms and gives the distances between one and the next.
class ArrivalGroups {
 public:
  void add(uint64_t sendMicros, int64_t arrivalMicros, uint32_t bytes, uint64_t nowMicros, std::vector<FeedbackResult::Group>& out);

 private:
  static constexpr int64_t GROUP_MICROS = 5'000;         // draft-ietf-rmcat-gcc-02 §5.2: burst_time
  static constexpr int64_t BURST_MICROS_MAX = 100'000;   // a queue that empties at once is no longer one group beyond that
  static constexpr int64_t CLOCK_JUMP_MICROS = 3'000'000;  // the peer's clock against ours between two groups
  static constexpr unsigned REORDERED_MAX = 3;           // so many groups that arrive before their predecessor: start anew
  struct Group {
    uint64_t firstSend = 0, lastSend = 0, seen = 0;
    int64_t firstArrival = 0, lastArrival = 0;
    double bytes = 0;
    bool used = false;
  };
  bool belongs(uint64_t sendMicros, int64_t arrivalMicros) const;

  Group current_, previous_;
  unsigned reordered_ = 0;
};

class SendHistory {
 public:
  static constexpr uint32_t COUNT = 8192;  // 10 s at 8 Mbit/s; reports come within 250 ms and a round trip

  /// Numbers are given out one after the other, from 0 on.
  void add(uint64_t nowMicros, uint32_t bytes, uint16_t clusterId);
  /// `feedback` has been read well.
  void match(const TransportFeedback& feedback, uint64_t nowMicros, FeedbackResult& result);
  /// Asks the processor for where the next number is noted.
  void prefetch() const {
    if (sent_) TERTULIA_PREFETCH(sent_.get() + next_ % COUNT);
  }

 private:
  enum State : uint8_t { Nothing, InFlight, Overtaken, Lost, Received };
  struct Sent {
    uint32_t micros;  // low word: 71 minutes are longer than anything stays here
    uint16_t bytes;
    uint16_t clusterId;
    State state;
  };
  Sent& at(uint64_t number) { return sent_[number % COUNT]; }
  void land(Sent& sent) { inFlightBytes_ -= sent.bytes; }
  static void noteProbe(const Sent& sent, uint64_t sendMicros, int64_t arrivalMicros, FeedbackResult& result);
  int64_t unwrap(uint32_t reference);

  std::unique_ptr<Sent[], decltype(&free)> sent_{nullptr, free};  // with the first number
  uint64_t next_ = 0;    // number of the next packet, unwrapped
  uint64_t landed_ = 0;  // what lies before it is not in flight
  uint64_t inFlightBytes_ = 0;
  int64_t reference_ = 0;
  bool heard_ = false;
  ArrivalGroups groups_;
};

}  // namespace tertulia
