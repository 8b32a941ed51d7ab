// A sender of VP8: frames of some packets each, as Chromium sends them over WebRTC without layers: a payload descriptor
// with a picture id of 15 bits (RFC 7741 4.2), MID in the first packets, abs-send-time and transport-wide numbers.
// The bits behind the first partition's header are noise. Knows no sockets and no keys.
#pragma once
#include <algorithm>

#include "srtp_client.h"

namespace bench {

struct Camera {
  int endpoint;
  uint32_t ssrc, sequence, timestamp, pictureId, wideNumber = 0, packets = 0, octets = 0;
  int payloadType, absSendTimeId, wideId, midId;
  std::string mid;
  int framePackets;
  int64_t every, nextAt, nextReportAt;
  bool keyFrame = true;  // the next frame is one

  static constexpr int DESCRIPTOR_BYTES = 4, CLOCK_RATE = 90'000, PACKETS_WITH_MID = 100;
  static constexpr int WIDTH = 1280, HEIGHT = 720;

  /// Header and payload of one packet of the frame, without the padding of `noise`. Returns the header's length.
  template <class Noise>
  int write(uint8_t* packet, int position, int payloadBytes, int64_t now, Noise noise) const {
    packet[0] = 0x90;  // version 2, extension
    packet[1] = uint8_t(payloadType | (position + 1 == framePackets ? 0x80 : 0));
    write16(packet + 2, sequence);
    write32(packet + 4, timestamp);
    write32(packet + 8, ssrc);
    int at = 16;
    packet[at++] = uint8_t(absSendTimeId << 4 | 2);
    const uint32_t sendTime = uint32_t(uint64_t(now % 64'000'000) * 262144 / 1'000'000);  // 6.18 fixed point, s
    packet[at++] = uint8_t(sendTime >> 16);
    write16(packet + at, sendTime);
    at += 2;
    packet[at++] = uint8_t(wideId << 4 | 1);
    write16(packet + at, wideNumber);
    at += 2;
    if (packets < PACKETS_WITH_MID) {
      packet[at++] = uint8_t(midId << 4 | (mid.size() - 1));
      memcpy(packet + at, mid.data(), mid.size());
      at += int(mid.size());
    }
    while (at % 4 != 0) packet[at++] = 0;
    write16(packet + 12, 0xbede);
    write16(packet + 14, uint32_t(at - 16) / 4);
    uint8_t* payload = packet + at;
    payload[0] = uint8_t(0x80 | (position == 0 ? 0x10 : 0));  // X, S: start of partition 0
    payload[1] = 0x80;                                        // I
    write16(payload + 2, 0x8000 | (pictureId & 0x7fff));      // M: 15 bits
    for (int i = DESCRIPTOR_BYTES; i < payloadBytes; i++) payload[i] = noise();
    if (position > 0) return at;
    uint8_t* frame = payload + DESCRIPTOR_BYTES;
    if (!keyFrame) {
      frame[0] |= 0x01;  // RFC 6386 9.1: an interframe
      return at;
    }
    const uint8_t start[] = {0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, WIDTH & 0xff, WIDTH >> 8, uint8_t(HEIGHT & 0xff), HEIGHT >> 8};
    memcpy(frame, start, sizeof start);
    return at;
  }

  void next(int payloadBytes) {
    sequence++;
    wideNumber++;
    packets++;
    octets += uint32_t(payloadBytes);
  }
  void frameSent() {
    timestamp += uint32_t(every * CLOCK_RATE / 1'000'000);
    pictureId++;
    keyFrame = false;
    nextAt += every;
  }
};

}  // namespace bench
