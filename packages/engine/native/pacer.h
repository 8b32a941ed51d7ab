// How fast one peer's paced packets may leave, and which of them wait. Time comes in. Knows budgets and queues; does not
// know how a packet is sent. Numbers: the burst of 5 ms and the 2 s bound are those of WebRTC's own pacer.
#pragma once
#include <algorithm>
#include <cstdint>
#include <deque>
#include <vector>
#include "packet.h"

namespace tertulia {

/// A packet whose header is built but for what the moment of sending decides, and whose payload is plain.
struct PendingPacket {
  uint32_t entry = 0, generation = 0;  // of the entry: a number is never sent for its successor
  uint32_t index = 0;                  // outgoing; RTX takes its number when it leaves
  uint32_t timestamp = 0, ssrc = 0, octets = 0;
  uint16_t clusterId = 0;
  bool rtx = false, retransmission = false;
  HeaderPlaces places;
  uint64_t queuedMicros = 0;
  std::vector<uint8_t> bytes;  // header, payload
};

class Pacer {
 public:
  static constexpr size_t QUEUE_BYTES_MAX = 1024 * 1024;
  static constexpr uint64_t QUEUE_MICROS_MAX = 2'000'000;
  /// While packets wait, the budget of so long is kept for a loop that comes late; one that is later than that sends what it owes
  /// no more, for it would arrive as one burst. libwebrtc makes good up to 500 ms of debt, but its packets wait on a thread of their own.
  static constexpr double LATE_MICROS_MAX = 100'000;
  static constexpr size_t PACKET_OVERHEAD = sizeof(PendingPacket) + 32;  // so that small ones are bounded as well

  /// @param bitsPerSecond 0 = no limit
  void configure(double bitsPerSecond, double burstMicros, uint64_t nowMicros) {
    refill(nowMicros);
    bytesPerMicro_ = bitsPerSecond / 8e6;
    burstBytes_ = bytesPerMicro_ * burstMicros;
    if (budget_ > burstBytes_) budget_ = burstBytes_;
  }
  bool on() const { return bytesPerMicro_ > 0; }

  /// Whether a packet may leave now, before those that wait are looked at.
  bool open(uint64_t nowMicros) {
    refill(nowMicros);
    return !on() || budget_ >= 0;
  }
  /// Whether a new packet need not wait.
  bool admits(uint64_t nowMicros) { return queue_.empty() && open(nowMicros); }
  void spend(size_t bytes) {
    if (on()) budget_ -= static_cast<double>(bytes);
  }
  /// Microseconds until open().
  uint64_t wait(uint64_t nowMicros) {
    if (open(nowMicros)) return 0;
    return static_cast<uint64_t>(-budget_ / bytesPerMicro_) + 1;
  }

  const std::deque<PendingPacket>& queue() const { return queue_; }
  /// Headers and payloads that wait.
  size_t packetBytes() const { return bytes_ - queue_.size() * PACKET_OVERHEAD; }
  void push(PendingPacket&& packet) {
    bytes_ += packet.bytes.size() + PACKET_OVERHEAD;
    queue_.push_back(std::move(packet));
  }
  PendingPacket pop() {
    PendingPacket packet = std::move(queue_.front());
    queue_.pop_front();
    bytes_ -= packet.bytes.size() + PACKET_OVERHEAD;
    return packet;
  }
  /// Whether the oldest one must go for good.
  bool overfull(uint64_t nowMicros) const {
    return !queue_.empty() &&
           (bytes_ > QUEUE_BYTES_MAX || nowMicros > queue_.front().queuedMicros + QUEUE_MICROS_MAX);
  }

 private:
  void refill(uint64_t nowMicros) {
    if (nowMicros > filledMicros_) {
      budget_ += static_cast<double>(nowMicros - filledMicros_) * bytesPerMicro_;
      const double most = queue_.empty() ? burstBytes_ : std::max(burstBytes_, bytesPerMicro_ * LATE_MICROS_MAX);
      if (budget_ > most) budget_ = most;
      filledMicros_ = nowMicros;
    }
  }

  double bytesPerMicro_ = 0, burstBytes_ = 0, budget_ = 0;
  uint64_t filledMicros_ = 0;
  std::deque<PendingPacket> queue_;
  size_t bytes_ = 0;
};

/// Padding at a rate of its own, to see whether the path carries more.
struct ProbeCluster {
  uint32_t entry = 0, generation = 0;
  uint16_t clusterId = 0;
  double bytesPerMicro = 0;
  double sentBytes = 0, bytes = 0;
  uint64_t startMicros = 0;  // 0: not begun

  bool done() const { return sentBytes >= bytes; }
  /// Microseconds until the next packet is due.
  uint64_t wait(uint64_t nowMicros) const {
    if (startMicros == 0) return 0;
    const double due = static_cast<double>(startMicros) + sentBytes / bytesPerMicro;
    const double ahead = due - static_cast<double>(nowMicros);
    return ahead <= 0 ? 0 : static_cast<uint64_t>(ahead) + 1;
  }
};

}  // namespace tertulia
