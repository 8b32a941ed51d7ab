// The floor: what the same sends cost a C++ program that does nothing else.
//
// Audio: every 20 ms and slot one packet of the slab goes to every receiver: header written (sequence number, timestamp
// and SSRC of this receiver, CSRC, audio level, abs-send-time), payload encrypted from the slab into the send buffer under
// this receiver's key, sendmmsg to this receiver's address. Video: every so often the packets of a frame, receiver by
// receiver, with abs-send-time and transport-wide number; those of one receiver are one message (UDP GSO), as the engine
// sends them. Cipher: the engine's own code (packages/engine/native). Socket options and batch size: the engine's. Left
// out, and so part of what is compared: receiving, STUN, RTCP, retransmissions, ranking, switching, pacing, timers,
// JavaScript.
//
// Driven by lines on stdin ("run SECONDS", "quit"), one line of JSON per run. Configuration: src/floor.ts writes it.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>
#include <vector>

#include "bytes.h"
#include "module.h"
#include "srtp.h"

using namespace tertulia;

namespace {

constexpr int BATCH = 64;               // the engine's messages per sendmmsg
constexpr int BUFFER_BYTES = 4 << 20;   // the engine's SO_SNDBUF and SO_RCVBUF
constexpr size_t SLOT_BYTES_ = 2048, SLOTS = 64, STAGED_BYTES = 2048;
constexpr int64_t PACKET_EVERY = 20'000'000;  // ns
constexpr size_t FRAME_MAX = 8;
constexpr uint8_t PAYLOAD_TYPE = 111, LEVEL_ID = 1, SEND_TIME_ID = 2, WIDE_ID = 3;

int64_t nowNanos() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return int64_t(t.tv_sec) * 1'000'000'000 + t.tv_nsec;
}

double cpuMicros() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
         double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

struct Stream {  // what an entry of the engine holds: constants and counters
  uint32_t ssrc, deltaIndex, deltaTimestamp, packets = 0, octets = 0, lastTimestamp = 0;
};

struct Receiver : InArena<Receiver> {  // on large pages, as the engine's peers
  sockaddr_in address;
  SrtpSender sender;
  uint16_t wideNumber = 0;
  std::vector<Stream> streams;
};

class Floor {
 public:
  explicit Floor(const std::string& configurationFile) : slab_(SLOT_BYTES_ * SLOTS), staging_(STAGED_BYTES * BATCH) {
    for (size_t i = 0; i < slab_.size(); i++) slab_[i] = uint8_t(i * 131 >> 3);
    socket_ = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(socket_, SOL_SOCKET, SO_SNDBUF, &BUFFER_BYTES, sizeof BUFFER_BYTES);
    setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &BUFFER_BYTES, sizeof BUFFER_BYTES);
    const int probe = IP_PMTUDISC_PROBE;
    setsockopt(socket_, IPPROTO_IP, IP_MTU_DISCOVER, &probe, sizeof probe);
    sockaddr_in local = {};
    local.sin_family = AF_INET;
    local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(socket_, reinterpret_cast<sockaddr*>(&local), sizeof local) != 0) perror("floor: bind");
    memset(messages_, 0, sizeof messages_);
    std::ifstream file(configurationFile);
    std::string line;
    while (std::getline(file, line)) configure(line);
  }

  int run() {
    prctl(PR_SET_TIMERSLACK, 1000);
    printf("ready\n");
    fflush(stdout);
    std::string word;
    double seconds;
    while (std::cin >> word && word == "run" && std::cin >> seconds) {
      const uint64_t before[] = {packets_, calls_, full_, errors_};
      const double cpu = cpuMicros();
      const int64_t start = nowNanos(), end = start + int64_t(seconds * 1e9);
      const int64_t step = every_ / int64_t(slots_);
      for (int64_t at = start; at < end; at += step) {
        timespec until = {at / 1'000'000'000, at % 1'000'000'000};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
        fanOut(size_t((at - start) / step) % slots_);
      }
      const double used = cpuMicros() - cpu;
      printf("{\"packets\":%lu,\"cpuMicros\":%.0f,\"wallMicros\":%.0f,\"calls\":%lu,\"full\":%lu,\"errors\":%lu}\n",
             packets_ - before[0], used, double(nowNanos() - start) / 1000, calls_ - before[1], full_ - before[2],
             errors_ - before[3]);
      fflush(stdout);
    }
    return 0;
  }

 private:
  void configure(const std::string& line) {
    std::istringstream words(line);
    std::string what;
    words >> what;
    if (what == "payload") words >> payloadBytes_;
    if (what == "slots") words >> slots_;
    if (what == "video") {  // packets of a frame, microseconds between two frames
      words >> frame_ >> every_;
      frame_ = std::min(frame_, FRAME_MAX);
      every_ *= 1000;
      video_ = true;
    }
    if (what == "cipher") {
      std::string name;
      words >> name;
      for (GcmCode code : {GcmCode::Evp, GcmCode::AesNi, GcmCode::Vaes})
        if (name == gcmCodeName(code) && gcmCodeAvailable(code)) cipher_ = code;
    }
    if (what == "receiver") {
      auto receiver = std::make_unique<Receiver>();
      std::string ip, keyHex, saltHex;
      int port;
      words >> ip >> port >> keyHex >> saltHex;
      receiver->address = {};
      receiver->address.sin_family = AF_INET;
      receiver->address.sin_port = htons(uint16_t(port));
      inet_aton(ip.c_str(), &receiver->address.sin_addr);
      uint8_t key[32], salt[14];
      fromHex(keyHex, key, sizeof key);
      fromHex(saltHex, salt, sizeof salt);
      if (!receiver->sender.init(SrtpProfile::AeadAes128Gcm, key, salt, cipher_)) fprintf(stderr, "floor: no cipher\n");
      Stream stream;
      while (words >> stream.ssrc) {
        stream.deltaIndex = uint32_t(receivers_.size()) * 7 % 20'000;
        stream.deltaTimestamp = stream.ssrc * 2654435761u;
        receiver->streams.push_back(stream);
      }
      receivers_.push_back(std::move(receiver));
    }
  }

  static void fromHex(const std::string& hex, uint8_t* to, size_t room) {
    for (size_t i = 0; i + 1 < hex.size() && i / 2 < room; i += 2) to[i / 2] = uint8_t(std::stoi(hex.substr(i, 2), nullptr, 16));
  }

  // The part of a packet's header that all receivers share.
  struct Header {
    uint8_t bytes[64] = {};
    size_t length = 0, sendTimeAt = 0, wideAt = 0;
  };
  Header sharedHeader(size_t slot, bool marker) const {
    Header header;
    uint8_t* bytes = header.bytes;
    const size_t csrcs = video_ ? 0 : slot == 0 ? 2 : 1;  // slot 0 has the loudest: a second CSRC
    bytes[0] = uint8_t(0x90 | csrcs);
    bytes[1] = uint8_t(PAYLOAD_TYPE | (marker ? 0x80 : 0));
    if (csrcs > 0) writeU32(bytes + 12, 0x10000 + uint32_t(slot));
    if (csrcs == 2) writeU32(bytes + 16, 42);
    size_t at = 12 + 4 * csrcs;
    writeU32(bytes + at, 0xbede0002);  // RFC 8285 one-byte form, two words
    at += 4;
    if (!video_) {
      bytes[at++] = LEVEL_ID << 4;
      bytes[at++] = 0x80 | 30;
    }
    bytes[at] = SEND_TIME_ID << 4 | 2;
    header.sendTimeAt = at + 1;
    if (video_) {
      bytes[at + 4] = WIDE_ID << 4 | 1;
      header.wideAt = at + 5;
    }
    header.length = 12 + 4 * csrcs + 12;
    return header;
  }

  void fanOut(size_t slot) {
    const uint32_t first = 20'000 + counts_[slot];
    counts_[slot] += uint32_t(frame_);
    const uint32_t timestamp = video_ ? counts_[slot] * 576 : first * 960;
    Header headers[FRAME_MAX];
    for (size_t k = 0; k < frame_; k++) headers[k] = sharedHeader(slot, video_ && k + 1 == frame_);
    for (size_t i = 0; i < receivers_.size(); i++) {
      if (i + 1 < receivers_.size()) receivers_[i + 1]->sender.prefetch(headers[0].length + payloadBytes_);
      for (size_t k = 0; k < frame_; k++) {
        const uint32_t index = first + uint32_t(k);
        const uint8_t* payload = slab_.data() + (index * slots_ + slot) % SLOTS * SLOT_BYTES_ + 64;
        sendOne(*receivers_[i], slot, headers[k], index, timestamp, payload);
      }
    }
    flush();
  }

  void sendOne(Receiver& receiver, size_t slot, const Header& header, uint32_t index, uint32_t timestamp,
               const uint8_t* payload) {
    Stream& stream = receiver.streams[slot];
    uint8_t* packet = staging_.data() + stagedBytes_;  // one behind the other, as the engine has it
    const uint32_t out = index - stream.deltaIndex;
    memcpy(packet, header.bytes, header.length);
    writeU16(packet + 2, uint16_t(out));
    writeU32(packet + 4, timestamp + stream.deltaTimestamp);
    writeU32(packet + 8, stream.ssrc);
    writeU24(packet + header.sendTimeAt, sendTime_);
    if (header.wideAt) writeU16(packet + header.wideAt, receiver.wideNumber++);
    const size_t length = receiver.sender.protectRtp(packet, header.length, payload, payloadBytes_, out >> 16);
    stream.packets++;
    stream.octets += uint32_t(payloadBytes_);
    stream.lastTimestamp = timestamp + stream.deltaTimestamp;
    stagedBytes_ += (length + 63) & ~size_t{63};
    vectors_[staged_] = {packet, length};
    // Behind a packet to the same receiver it is a segment of that message: all have the same length here.
    const bool segment = made_ > 0 && messages_[made_ - 1].msg_hdr.msg_name == &receiver.address;
    if (!segment) {
      msghdr& message = messages_[made_++].msg_hdr;
      message = {};
      message.msg_iov = &vectors_[staged_];
      message.msg_name = &receiver.address;
      message.msg_namelen = sizeof receiver.address;
    }
    msghdr& message = messages_[made_ - 1].msg_hdr;
    if (++message.msg_iovlen == 2) {
      message.msg_control = controls_[made_ - 1].bytes;
      message.msg_controllen = sizeof controls_[0].bytes;
      cmsghdr* control = CMSG_FIRSTHDR(&message);
      control->cmsg_level = SOL_UDP;
      control->cmsg_type = UDP_SEGMENT;
      control->cmsg_len = CMSG_LEN(sizeof(uint16_t));
      const auto bytes = uint16_t(length);
      memcpy(CMSG_DATA(control), &bytes, sizeof bytes);
    }
    if (++staged_ == BATCH) flush();
  }

  void flush() {
    for (int done = 0; done < made_;) {
      const int accepted = sendmmsg(socket_, messages_ + done, unsigned(made_ - done), 0);
      calls_++;
      if (accepted > 0) {
        for (int i = 0; i < accepted; i++) packets_ += messages_[done + i].msg_hdr.msg_iovlen;
        done += accepted;
      } else if (errno == EAGAIN || errno == ENOBUFS) {
        full_++;
        pollfd writable = {socket_, POLLOUT, 0};
        poll(&writable, 1, 10);
      } else {
        errors_++;
        done++;
      }
    }
    staged_ = made_ = 0;
    stagedBytes_ = 0;
    sendTime_ = uint32_t(uint64_t(nowNanos() / 1000 % 64'000'000) * 262144 / 1'000'000);  // 6.18 fixed point, s
  }

  int socket_, staged_ = 0, made_ = 0;  // packets, and messages that they are in
  bool video_ = false;
  int64_t every_ = PACKET_EVERY;
  GcmCode cipher_ = bestGcmCode();
  size_t payloadBytes_ = 100, slots_ = 3, frame_ = 1, stagedBytes_ = 0;
  uint32_t counts_[16] = {}, sendTime_ = 0;
  uint64_t packets_ = 0, calls_ = 0, full_ = 0, errors_ = 0;
  std::vector<uint8_t> slab_, staging_;
  std::vector<std::unique_ptr<Receiver>> receivers_;
  iovec vectors_[BATCH];
  mmsghdr messages_[BATCH];
  union Control {
    char bytes[CMSG_SPACE(sizeof(uint16_t))];
    cmsghdr align;
  } controls_[BATCH];
};

}  // namespace

int runProgram(const std::string& configurationFile) { return std::make_unique<Floor>(configurationFile)->run(); }
