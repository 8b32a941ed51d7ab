// Load generator: a room of endpoints that behave like Chromium, on one core.
//
// Each endpoint has a UDP socket of its own. Talkers send Opus-sized SRTP at 50 packets/s in spurts, with a sender
// report every 5 s; cameras send VP8 frames, key frames when asked. Every endpoint sends a STUN check each 2.5 s and, per
// received stream, a receiver report each 5 s (video: 1 s) and a NACK for 1 % of the packets, and transport-wide feedback
// each 100 ms where numbers come; each of the four can be switched off. Received packets are counted and numbered by their
// clear headers; one of 64 is decrypted as a proof.
//
// A packet's time of arrival in the feedback is its abs-send-time: a way without delay. The sockets are looked at too
// rarely for a better one, and the kernel's time stamps would cost the program under test.
//
// The sockets are drained in turn, each every 40 ms, so that one recvmmsg takes a handful of packets: that keeps
// the generator at a few per cent of its core at 150,000 packets/s, and nobody is woken by an arriving packet.
//
// Driven by lines on stdin (talk, behave, reset, report, quit); answers with lines on stdout.
// Configuration: see src/loadgen.ts, which writes it.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <memory>
#include <queue>
#include <sstream>

#include "camera.h"
#include "feedback_writer.h"
#include "module.h"
#include "srtp_client.h"
#include "stun_client.h"

using namespace bench;

namespace {

constexpr int64_t MICROS = 1'000'000;
constexpr int64_t CHECK_EVERY = 2'500'000;          // Chromium's interval for a stable writable connection
constexpr int64_t REPORT_EVERY = 5'000'000;         // Chromium's audio RTCP interval
constexpr int64_t VIDEO_REPORT_EVERY = 1'000'000;   // and the one of video
constexpr int64_t FEEDBACK_EVERY = 100'000;         // Chromium's transport-wide feedback at most bitrates
constexpr int64_t SWEEP = 40'000;                   // each socket is drained this often
constexpr int64_t PACKET_EVERY = 20'000;            // Opus frames of 20 ms
constexpr uint64_t NTP_UNIX_SECONDS = 2208988800u;  // RFC 3550 4
constexpr int BATCH = 64, DATAGRAM = 1500;
constexpr int CHECKS = 1, REPORTS = 2, NACKS = 4, FEEDBACK = 8;  // bits of "behave N"

int64_t nowMicros() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return int64_t(t.tv_sec) * MICROS + t.tv_nsec / 1000;
}

struct Random {
  uint64_t state;
  uint32_t next() {  // xorshift64*
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return uint32_t(state * 0x2545f4914f6cdd1dull >> 32);
  }
  int64_t below(int64_t limit) { return int64_t(next() * uint64_t(limit) >> 32); }
};

struct Slot {  // one stream that the endpoint receives
  uint32_t ssrc = 0, highest = 0, received = 0, base = 0, expectedPrior = 0, receivedPrior = 0;
  bool started = false;
  uint32_t lastSr = 0;
  int64_t lastSrAt = 0;
  uint32_t rtxSsrc = 0;  // video only
};

struct Talker {
  int endpoint;
  uint32_t ssrc, sequence, timestamp, packets = 0, octets = 0;
  int payloadType, levelId, absSendTimeId, midId;
  std::string mid;
  int64_t nextAt, nextReportAt, phaseEndsAt = 0;
  bool speaking = false;
  int level = 40;
};

struct Endpoint {
  int socket;
  uint32_t rtcpSsrc;
  std::string username, password;
  std::unique_ptr<ClientSrtp> send, receive;
  std::vector<Slot> slots;
  int wideId = 0, sendTimeId = 0;  // 0: no transport-wide feedback
  FeedbackWriter feedback;
  int64_t arrival = 0;  // of the last packet, unwrapped
};

struct Counters {
  uint64_t rtp = 0, rtcp = 0, stun = 0, other = 0, bytes = 0, lost = 0, checks = 0, reports = 0, nacks = 0, talked = 0,
           proven = 0, notGenuine = 0, unknownSsrc = 0, lateMicros = 0, rtx = 0, feedbacks = 0, keyFrames = 0;
};

enum class Due { Check, Report, Feedback };
struct Event {
  int64_t at;
  Due due;
  int endpoint, slot;
  bool operator<(const Event& other) const { return at > other.at; }
};

class Generator {
 public:
  explicit Generator(const std::string& configurationFile) {
    std::ifstream file(configurationFile);
    std::string line;
    while (std::getline(file, line)) configure(line);
    for (int i = 0; i < BATCH; i++) {
      vectors_[i] = {buffers_[i], DATAGRAM};
      messages_[i] = {};
      messages_[i].msg_hdr.msg_iov = &vectors_[i];
      messages_[i].msg_hdr.msg_iovlen = 1;
    }
    const int64_t now = nowMicros();
    for (size_t i = 0; i < endpoints_.size(); i++) {
      events_.push({now + random_.below(CHECK_EVERY), Due::Check, int(i), 0});
      for (size_t j = 0; j < endpoints_[i].slots.size(); j++)
        events_.push({now + random_.below(REPORT_EVERY), Due::Report, int(i), int(j)});
      if (endpoints_[i].wideId != 0) events_.push({now + random_.below(FEEDBACK_EVERY), Due::Feedback, int(i), 0});
    }
  }

  int run() {
    prctl(PR_SET_TIMERSLACK, 1000);
    fcntl(0, F_SETFL, O_NONBLOCK);
    // Everybody is known to the server before anything is measured: a first check of each, paced.
    for (size_t i = 0; i < endpoints_.size(); i++) {
      sendCheck(endpoints_[i]);
      if (i % 16 == 15) usleep(2000);
    }
    printf("ready\n");
    fflush(stdout);
    int64_t tick = nowMicros();
    while (!quit_) {
      int64_t now = nowMicros();
      if (talking_) {
        for (Talker& talker : talkers_) talk(talker, now);
        for (Camera& camera : cameras_) film(camera, now);
      }
      while (!events_.empty() && events_.top().at <= now) {
        Event event = events_.top();
        events_.pop();
        happen(event, now);
        event.at = now + interval(event);
        events_.push(event);
      }
      drain(now);
      commands();
      tick += 1000;
      now = nowMicros();
      if (now > tick) {
        counters_.lateMicros = std::max(counters_.lateMicros, uint64_t(now - tick));
        tick = now;
      } else {
        timespec until = {tick / MICROS, tick % MICROS * 1000};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
      }
    }
    return 0;
  }

 private:
  void configure(const std::string& line) {
    std::istringstream words(line);
    std::string what;
    words >> what;
    if (what == "server") {
      std::string ip;
      int port;
      words >> ip >> port;
      server_.sin_family = AF_INET;
      server_.sin_port = htons(uint16_t(port));
      inet_aton(ip.c_str(), &server_.sin_addr);
    } else if (what == "seed") {
      words >> random_.state;
    } else if (what == "loss") {
      double loss;
      words >> loss;
      lossOf4G_ = uint32_t(loss * 4294967296.0);
    } else if (what == "payload") {
      words >> payloadBytes_;
    } else if (what == "endpoint") {
      Endpoint endpoint;
      std::string ip, sendKey, sendSalt, receiveKey, receiveSalt;
      int port;
      words >> ip >> port >> endpoint.username >> endpoint.password >> sendKey >> sendSalt >> receiveKey >> receiveSalt >>
          endpoint.rtcpSsrc;
      endpoint.send = std::make_unique<ClientSrtp>(sendKey, sendSalt);
      endpoint.receive = std::make_unique<ClientSrtp>(receiveKey, receiveSalt);
      endpoint.socket = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
      sockaddr_in local = {};
      local.sin_family = AF_INET;
      local.sin_port = htons(uint16_t(port));
      inet_aton(ip.c_str(), &local.sin_addr);
      if (bind(endpoint.socket, reinterpret_cast<sockaddr*>(&local), sizeof local) != 0) {
        fprintf(stderr, "load generator: %s:%d: %s. Is another benchmark running?\n", ip.c_str(), port, strerror(errno));
        exit(1);
      }
      endpoints_.push_back(std::move(endpoint));
    } else if (what == "slot") {
      Slot slot;
      size_t number;
      words >> number >> slot.ssrc;
      Endpoint& endpoint = endpoints_[number];
      if (words >> slot.rtxSsrc) words >> endpoint.wideId >> endpoint.sendTimeId;
      endpoint.slots.push_back(slot);
    } else if (what == "camera") {
      Camera camera;
      words >> camera.endpoint >> camera.ssrc >> camera.payloadType >> camera.absSendTimeId >> camera.wideId >>
          camera.midId >> camera.mid >> camera.framePackets >> camera.every;
      camera.sequence = random_.next() & 0x7fff;
      camera.timestamp = random_.next();
      camera.pictureId = random_.next();
      camera.nextAt = nowMicros() + random_.below(camera.every);
      camera.nextReportAt = camera.nextAt + random_.below(VIDEO_REPORT_EVERY / 4);
      cameras_.push_back(camera);
    } else if (what == "talker") {
      Talker talker;
      words >> talker.endpoint >> talker.ssrc >> talker.payloadType >> talker.levelId >> talker.absSendTimeId >>
          talker.midId >> talker.mid;
      talker.sequence = random_.next() & 0x7fff;
      talker.timestamp = random_.next();
      talker.nextAt = nowMicros() + random_.below(PACKET_EVERY);
      talker.nextReportAt = talker.nextAt + random_.below(REPORT_EVERY / 4);
      talkers_.push_back(talker);
    }
  }

  void send(const Endpoint& endpoint, const uint8_t* bytes, int length) {
    sendto(endpoint.socket, bytes, size_t(length), 0, reinterpret_cast<const sockaddr*>(&server_), sizeof server_);
  }

  void sendCheck(const Endpoint& endpoint) {
    uint8_t packet[512], transaction[12];
    for (int i = 0; i < 12; i += 4) write32(transaction + i, random_.next());
    send(endpoint, packet, writeCheck(packet, endpoint.username, endpoint.password, transaction, endpoint.rtcpSsrc));
    counters_.checks++;
  }

  /// A voice in spurts of 1–4 s with pauses of 0.2–0.8 s; the loudness changes from spurt to spurt.
  void talk(Talker& talker, int64_t now) {
    // Talking was off: go on in its own phase, or all talkers would send at one instant from here on.
    if (talker.nextAt < now - 10 * PACKET_EVERY) talker.nextAt += (now - talker.nextAt) / PACKET_EVERY * PACKET_EVERY;
    while (talker.nextAt <= now) {
      bool starts = false;
      if (now >= talker.phaseEndsAt) {
        talker.speaking = !talker.speaking;
        starts = talker.speaking;
        talker.phaseEndsAt = now + (talker.speaking ? 1'000'000 + random_.below(3'000'000) : 200'000 + random_.below(600'000));
        talker.level = 18 + int(random_.below(24));
      }
      const int level = (talker.speaking ? talker.level : 88) + int(random_.below(9)) - 4;
      uint8_t packet[DATAGRAM];
      packet[0] = 0x90;  // version 2, extension
      packet[1] = uint8_t(talker.payloadType | (starts ? 0x80 : 0));
      write16(packet + 2, talker.sequence);
      write32(packet + 4, talker.timestamp);
      write32(packet + 8, talker.ssrc);
      int at = 16;
      packet[at++] = uint8_t(talker.levelId << 4);
      packet[at++] = uint8_t((talker.speaking ? 0x80 : 0) | level);
      if (talker.absSendTimeId > 0) {
        packet[at++] = uint8_t(talker.absSendTimeId << 4 | 2);
        const uint32_t sendTime = uint32_t(uint64_t(now % (64 * MICROS)) * 262144 / MICROS);  // 6.18 fixed point, s
        packet[at++] = uint8_t(sendTime >> 16);
        write16(packet + at, sendTime);
        at += 2;
      }
      if (talker.midId > 0 && talker.packets < 100) {
        packet[at++] = uint8_t(talker.midId << 4 | (talker.mid.size() - 1));
        memcpy(packet + at, talker.mid.data(), talker.mid.size());
        at += int(talker.mid.size());
      }
      while (at % 4 != 0) packet[at++] = 0;
      write16(packet + 12, 0xbede);
      write16(packet + 14, uint32_t(at - 16) / 4);
      packet[at] = 0x78;  // Opus, hybrid full band, one frame of 20 ms
      for (int i = 1; i < payloadBytes_; i++) packet[at + i] = uint8_t(random_.next());
      Endpoint& endpoint = endpoints_[size_t(talker.endpoint)];
      send(endpoint, packet, endpoint.send->protectRtp(packet, at, at + payloadBytes_, talker.sequence >> 16));
      talker.sequence++;
      talker.timestamp += 960;
      talker.packets++;
      talker.octets += uint32_t(payloadBytes_);
      talker.nextAt += PACKET_EVERY;
      counters_.talked++;
    }
    if (now >= talker.nextReportAt) {
      talker.nextReportAt = now + REPORT_EVERY;
      const uint32_t line = talker.timestamp - uint32_t((talker.nextAt - now) * 48 / 1000);
      sendSenderReport(talker, line, now);
    }
  }

  /// The packets of a frame leave together, one system call each, as Chromium's pacer sends them in bursts.
  void film(Camera& camera, int64_t now) {
    if (camera.nextAt < now - 10 * camera.every) camera.nextAt += (now - camera.nextAt) / camera.every * camera.every;
    while (camera.nextAt <= now) {
      if (camera.keyFrame) counters_.keyFrames++;
      const Endpoint& endpoint = endpoints_[size_t(camera.endpoint)];
      int headers[BATCH], frame = std::min(camera.framePackets, BATCH);
      uint32_t sequences[BATCH];
      for (int i = 0; i < frame; i++) {
        headers[i] = camera.write(buffers_[i], i, payloadBytes_, now, [this] { return uint8_t(random_.next()); });
        sequences[i] = camera.sequence;
        camera.next(payloadBytes_);
      }
      int lengths[BATCH];
      for (int i = 0; i < frame; i++)
        lengths[i] = endpoint.send->protectRtp(buffers_[i], headers[i], headers[i] + payloadBytes_, sequences[i] >> 16);
      for (int i = 0; i < frame; i++) send(endpoint, buffers_[i], lengths[i]);
      counters_.talked += uint64_t(frame);
      camera.frameSent();
    }
    if (now < camera.nextReportAt) return;
    camera.nextReportAt = now + VIDEO_REPORT_EVERY;
    sendSenderReport(camera, camera.timestamp - uint32_t((camera.nextAt - now) * 90 / 1000), now);
  }

  template <class Source>
  void sendSenderReport(const Source& talker, uint32_t line, int64_t now) {
    uint8_t packet[128] = {0x80, 200, 0, 6};
    write32(packet + 4, talker.ssrc);
    write32(packet + 8, uint32_t(now / MICROS + int64_t(NTP_UNIX_SECONDS)));
    write32(packet + 12, uint32_t((uint64_t(now % MICROS) << 32) / MICROS));
    write32(packet + 16, line);
    write32(packet + 20, talker.packets);
    write32(packet + 24, talker.octets);
    const uint8_t description[16] = {0x81, 202, 0, 3, 0, 0, 0, 0, 1, 4, 'l', 'o', 'a', 'd', 0, 0};
    memcpy(packet + 28, description, 16);
    write32(packet + 32, talker.ssrc);
    Endpoint& endpoint = endpoints_[size_t(talker.endpoint)];
    send(endpoint, packet, endpoint.send->protectRtcp(packet, 44));
    counters_.reports++;
  }

  void happen(const Event& event, int64_t now) {
    Endpoint& endpoint = endpoints_[size_t(event.endpoint)];
    if (event.due == Due::Check && (behaviour_ & CHECKS)) sendCheck(endpoint);
    if (event.due == Due::Report && (behaviour_ & REPORTS) && endpoint.slots[size_t(event.slot)].started)
      sendReceiverReport(endpoint, endpoint.slots[size_t(event.slot)], now);
    if (event.due == Due::Feedback) sendFeedback(endpoint);
  }

  int64_t interval(const Event& event) const {
    if (event.due == Due::Check) return CHECK_EVERY;
    if (event.due == Due::Feedback) return FEEDBACK_EVERY;
    const bool isVideo = endpoints_[size_t(event.endpoint)].slots[size_t(event.slot)].rtxSsrc != 0;
    return isVideo ? VIDEO_REPORT_EVERY : REPORT_EVERY;
  }

  void sendFeedback(Endpoint& endpoint) {
    uint8_t packet[FeedbackWriter::BYTES_MAX + 64];
    const int length = endpoint.feedback.write(packet, endpoint.rtcpSsrc, endpoint.slots[0].ssrc);
    if (length == 0 || !(behaviour_ & FEEDBACK)) return;
    send(endpoint, packet, endpoint.send->protectRtcp(packet, length));
    counters_.feedbacks++;
  }

  void sendReceiverReport(Endpoint& endpoint, Slot& slot, int64_t now) {
    const uint32_t expected = slot.highest - slot.base + 1;
    const uint32_t newlyExpected = expected - slot.expectedPrior, newlyReceived = slot.received - slot.receivedPrior;
    const uint32_t lost = newlyExpected > newlyReceived ? newlyExpected - newlyReceived : 0;
    slot.expectedPrior = expected;
    slot.receivedPrior = slot.received;
    uint8_t packet[128] = {0x81, 201, 0, 7};
    write32(packet + 4, endpoint.rtcpSsrc);
    write32(packet + 8, slot.ssrc);
    const uint32_t cumulative = expected > slot.received ? expected - slot.received : 0;
    write32(packet + 12, (newlyExpected ? lost * 256 / newlyExpected : 0) << 24 | (cumulative & 0xffffff));
    write32(packet + 16, slot.highest);
    write32(packet + 20, 48);  // jitter: 1 ms
    write32(packet + 24, slot.lastSr);
    write32(packet + 28, slot.lastSr ? uint32_t((now - slot.lastSrAt) * 65536 / MICROS) : 0);
    send(endpoint, packet, endpoint.send->protectRtcp(packet, 32));
    counters_.reports++;
  }

  /// Negative acknowledgements of one drain: one packet per stream, up to 17 numbers each (RFC 4585 6.2.1).
  void sendNack(Endpoint& endpoint, uint32_t ssrc, uint32_t first, uint32_t mask) {
    uint8_t packet[64] = {0x81, 205, 0, 3};
    write32(packet + 4, endpoint.rtcpSsrc);
    write32(packet + 8, ssrc);
    write16(packet + 12, first);
    write16(packet + 14, mask);
    send(endpoint, packet, endpoint.send->protectRtcp(packet, 16));
    counters_.nacks++;
  }

  void drain(int64_t now) {
    const int64_t since = std::min(now - sweptAt_, SWEEP);
    const size_t due = std::min(endpoints_.size(), size_t(double(endpoints_.size()) * double(since) / SWEEP + 1));
    sweptAt_ = now;
    for (size_t i = 0; i < due; i++) {
      Endpoint& endpoint = endpoints_[next_];
      next_ = (next_ + 1) % endpoints_.size();
      for (;;) {
        const int count = recvmmsg(endpoint.socket, messages_, BATCH, MSG_DONTWAIT, nullptr);
        for (int j = 0; j < count; j++) take(endpoint, buffers_[j], int(messages_[j].msg_len), now);
        if (count < BATCH) break;
      }
    }
  }

  void take(Endpoint& endpoint, uint8_t* packet, int length, int64_t now) {
    counters_.bytes += uint64_t(length);
    if (length < 12) return void(counters_.other++);
    if (packet[0] < 4) return void(counters_.stun++);
    if (packet[0] < 128 || packet[0] > 191) return void(counters_.other++);
    if (packet[1] >= 192 && packet[1] <= 223) return takeRtcp(endpoint, packet, length, now);
    counters_.rtp++;
    const uint32_t ssrc = read32(packet + 8), sequence = read16(packet + 2);
    for (Slot& slot : endpoint.slots) {
      if (slot.rtxSsrc == ssrc) {
        counters_.rtx++;
        noteArrival(endpoint, packet, length);
        return;
      }
      if (slot.ssrc != ssrc) continue;
      if (!slot.started) {
        slot.started = true;
        slot.highest = slot.base = sequence;
        slot.received = 1;
        noteArrival(endpoint, packet, length);
        return;
      }
      const int ahead = int16_t(sequence - slot.highest);
      if (ahead > 0) {
        counters_.lost += uint64_t(ahead - 1);
        slot.highest += uint32_t(ahead);
        slot.received++;
      }
      if ((behaviour_ & NACKS) && ahead > 0 && random_.next() < lossOf4G_) {
        sendNack(endpoint, ssrc, sequence, 0);
        if (slot.rtxSsrc != 0) slot.received--;  // with repetitions of their own, reports and feedback call it lost
      } else {
        noteArrival(endpoint, packet, length);
      }
      if (counters_.rtp % 64 == 0) prove(endpoint, packet, length, slot.highest >> 16);
      return;
    }
    counters_.unknownSsrc++;
  }

  void noteArrival(Endpoint& endpoint, const uint8_t* packet, int length) {
    if (endpoint.wideId == 0) return;
    const uint8_t* wide = findExtension(packet, length, endpoint.wideId);
    const uint8_t* time = findExtension(packet, length, endpoint.sendTimeId);
    if (wide == nullptr || time == nullptr) return;
    const int64_t sent = int64_t((uint64_t(time[0]) << 16 | read16(time + 1)) * MICROS >> 18);  // within 64 s
    constexpr int64_t ROUND = 64 * MICROS;
    int64_t step = (sent - endpoint.arrival) % ROUND;
    if (step < -ROUND / 2) step += ROUND;
    if (step >= ROUND / 2) step -= ROUND;
    endpoint.arrival += endpoint.arrival == 0 ? ROUND + sent : step;
    endpoint.feedback.add(uint16_t(read16(wide)), endpoint.arrival);
  }

  void prove(Endpoint& endpoint, uint8_t* packet, int length, uint32_t rollover) {
    int header = 12 + 4 * (packet[0] & 15);
    if (packet[0] & 0x10) header += 4 + 4 * int(read16(packet + header + 2));
    const bool genuine = endpoint.receive->unprotectRtp(packet, header, length, rollover) >= 0;
    (genuine ? counters_.proven : counters_.notGenuine)++;
  }

  void takeRtcp(Endpoint& endpoint, uint8_t* packet, int length, int64_t now) {
    counters_.rtcp++;
    const int plain = endpoint.receive->unprotectRtcp(packet, length);
    if (plain < 0) return void(counters_.notGenuine++);
    for (int at = 0; at + 12 <= plain; at += 4 + 4 * int(read16(packet + at + 2)))
      if (packet[at + 1] == 206 && (packet[at] & 31) == 1)  // picture loss: RFC 4585 6.3.1
        for (Camera& camera : cameras_) camera.keyFrame = camera.keyFrame || camera.ssrc == read32(packet + at + 8);
    for (int at = 0; at + 20 <= plain; at += 4 + 4 * int(read16(packet + at + 2))) {
      if (packet[at + 1] != 200) continue;  // sender report
      for (Slot& slot : endpoint.slots)
        if (slot.ssrc == read32(packet + at + 4)) {
          slot.lastSr = read32(packet + at + 10);
          slot.lastSrAt = now;
        }
    }
  }

  void commands() {
    char bytes[512];
    const ssize_t count = read(0, bytes, sizeof bytes);
    if (count == 0) quit_ = true;  // the bench is gone
    if (count <= 0) return;
    pending_.append(bytes, size_t(count));
    size_t end;
    while ((end = pending_.find('\n')) != std::string::npos) {
      command(pending_.substr(0, end));
      pending_.erase(0, end + 1);
    }
  }

  void command(const std::string& line) {
    if (line == "talk on" && !talking_)
      for (Camera& camera : cameras_) camera.keyFrame = true;
    if (line == "talk on") talking_ = true;
    if (line == "talk off") talking_ = false;
    if (line.rfind("behave ", 0) == 0) behaviour_ = std::stoi(line.substr(7));
    if (line == "quit") quit_ = true;
    if (line == "reset") counters_ = {};
    rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    const double cpuMicros = double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
                             double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    const Counters& c = counters_;
    printf("{\"rtp\":%lu,\"rtcp\":%lu,\"stun\":%lu,\"other\":%lu,\"bytes\":%lu,\"lost\":%lu,\"checks\":%lu,\"reports\":%lu,"
           "\"nacks\":%lu,\"talked\":%lu,\"proven\":%lu,\"notGenuine\":%lu,\"unknownSsrc\":%lu,\"lateMicros\":%lu,"
           "\"rtx\":%lu,\"feedbacks\":%lu,\"keyFrames\":%lu,\"cpuMicros\":%.0f}\n",
           c.rtp, c.rtcp, c.stun, c.other, c.bytes, c.lost, c.checks, c.reports, c.nacks, c.talked, c.proven, c.notGenuine,
           c.unknownSsrc, c.lateMicros, c.rtx, c.feedbacks, c.keyFrames, cpuMicros);
    fflush(stdout);
  }

  sockaddr_in server_ = {};
  Random random_{0x9e3779b97f4a7c15ull};
  uint32_t lossOf4G_ = 0;
  int payloadBytes_ = 100;
  std::vector<Endpoint> endpoints_;
  std::vector<Talker> talkers_;
  std::vector<Camera> cameras_;
  std::priority_queue<Event> events_;
  Counters counters_;
  bool talking_ = false, quit_ = false;
  int behaviour_ = 0;
  std::string pending_;
  int64_t sweptAt_ = 0;
  size_t next_ = 0;
  uint8_t buffers_[BATCH][DATAGRAM];
  iovec vectors_[BATCH];
  mmsghdr messages_[BATCH];
};

}  // namespace

int runProgram(const std::string& configurationFile) {
  auto generator = std::make_unique<Generator>(configurationFile);
  return generator->run();
}
