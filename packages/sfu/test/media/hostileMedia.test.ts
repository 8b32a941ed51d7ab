/** Senders and receivers that do not keep to the rules, in a call with others who do: the others notice nothing. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { toNtp, writeRtp } from '@tertulia/wire';
import { IDS, MemoryCall, OPUS_PAYLOAD_TYPE, UNIX_MICROS_AT_ZERO, Voice } from './support/memoryCall.js';
import type { Peer } from './support/memoryCall.js';

let call: MemoryCall;
let bad: Peer;
let good: Peer;
let listener: Peer;
let badVoice: Voice;
let goodVoice: Voice;
let csrcs: { bad: number; good: number };

const SLOTS = [0, 1].map((i) => ({ mid: `a${i}`, ssrc: 0x5000_0000 + i, nack: true, payloadType: 96 }));

beforeEach(() => {
  call = new MemoryCall();
  call.virtualStreams(2);
  bad = call.addPeer();
  good = call.addPeer();
  listener = call.addPeer();
  call.produce(bad, 'bad', { mid: '0', ssrc: 1 });
  call.produce(good, 'good', { mid: '0', ssrc: 2 });
  csrcs = { bad: call.addSource('bad', 'eve'), good: call.addSource('good', 'ada') };
  call.createReceiver(listener, 'receiver', SLOTS, 'ben');
  badVoice = new Voice(bad, 1, 'eve');
  goodVoice = new Voice(good, 2, 'ada');
  call.speak([goodVoice, badVoice], 10);
  listener.rtp.length = 0;
});
afterEach(() => call.close());

const heardFrom = (csrc: number): typeof listener.rtp =>
  listener.rtp.filter((packet) => packet.csrcs[0] === csrc);

/** Every packet of the good voice, on one stream, in order and evenly spaced. */
function goodVoiceIsWhole(packets: number): void {
  const heard = heardFrom(csrcs.good);
  expect(heard).toHaveLength(packets);
  expect(new Set(heard.map(({ ssrc }) => ssrc)).size).toBe(1);
  heard.forEach((packet, i) => {
    if (i === 0) return;
    expect((packet.sequenceNumber - heard[i - 1]!.sequenceNumber) & 0xffff).toBe(1);
    expect((packet.timestamp - heard[i - 1]!.timestamp) >>> 0).toBe(960);
  });
}

/** No number twice, no timestamp back, on any stream. */
function slotsKeepTheRules(): void {
  for (const { ssrc } of SLOTS) {
    const heard = listener.rtp.filter((packet) => packet.ssrc === ssrc);
    const numbers = heard.map(({ sequenceNumber }) => sequenceNumber);
    expect(new Set(numbers).size).toBe(numbers.length);
    heard.forEach(({ timestamp, sequenceNumber }, i) => {
      if (i === 0 || ((sequenceNumber - heard[i - 1]!.sequenceNumber) << 16) >> 16 < 0) return;
      expect((timestamp - heard[i - 1]!.timestamp) | 0).toBeGreaterThanOrEqual(0);
    });
  }
}

test('H4.14 ten thousand packets a second from one client: it loses them, the others lose nothing', () => {
  for (let tick = 0; tick < 50; tick++) {
    call.inject(goodVoice.next());
    for (let part = 0; part < 4; part++) {
      call.inject(...Array.from({ length: 50 }, () => badVoice.next()));
      call.advance(5_000);
    }
  }
  expect(call.engine.stats().drops['rate-limit']).toBeGreaterThan(3_000);
  goodVoiceIsWhole(50);
  slotsKeepTheRules();
});

test('H4.13 timestamps that go backwards or jump reach the receiver as a line that does not', () => {
  const jumps = [-48_000, 2 ** 31, 5, -(2 ** 30), 960 * 50, -960];
  for (let i = 0; i < 60; i++) {
    if (i % 10 === 0) badVoice.timestamp = (badVoice.timestamp + jumps[i / 10]!) >>> 0;
    call.speak([goodVoice, badVoice], 1);
  }
  expect(heardFrom(csrcs.bad).length).toBeGreaterThan(40);
  goodVoiceIsWhole(60);
  slotsKeepTheRules();
});

test("H3.3 jumps of the sender's numbers by half the circle do not get out", () => {
  for (const jump of [32_767, 32_000, 20_000]) {
    call.speak([goodVoice, badVoice], 5);
    badVoice.sequence = (badVoice.sequence + jump) & 0xffff;
  }
  call.speak([goodVoice], 5);
  goodVoiceIsWhole(20);
  slotsKeepTheRules();
  for (const { ssrc } of SLOTS) {
    const numbers = listener.rtp
      .filter((packet) => packet.ssrc === ssrc)
      .map(({ sequenceNumber }) => sequenceNumber);
    numbers.forEach((number, i) => {
      if (i > 0) expect((number - numbers[i - 1]!) & 0xffff).toBeLessThan(1_000);
    });
  }
});

test('H4.5 empty payloads cost nobody anything', () => {
  for (let i = 0; i < 20; i++) {
    const empty = writeRtp({
      payloadType: OPUS_PAYLOAD_TYPE,
      marker: false,
      sequenceNumber: badVoice.sequence++,
      timestamp: (badVoice.timestamp += 960),
      ssrc: 1,
      extensions: [{ id: IDS.audioLevel, bytes: Uint8Array.of(0x80) }],
      payload: new Uint8Array(),
    });
    call.inject(goodVoice.next(), bad.protect(empty));
    call.advance(20_000);
  }
  goodVoiceIsWhole(20);
});

test('H4.3 header extensions that end early: the packet goes on with what was before, counted', () => {
  const packet = badVoice.plain();
  const view = new DataView(packet.buffer, packet.byteOffset);
  const extensionAt = 12 + 4 * (packet[0]! & 15) + 4;
  view.setUint8(extensionAt, 0x1f); // the level's element claims 16 bytes
  call.inject(bad.protect(packet));
  expect(call.core.drops.toObject()['rtp-extension-malformed']).toBe(1);
  call.speak([goodVoice], 5);
  goodVoiceIsWhole(5);
});

test('H5.12 sender reports from the far future or past do not bend the line of any slot', () => {
  const unixMs = (UNIX_MICROS_AT_ZERO + call.nowMicros) / 1000;
  for (const years of [0, 60, -40, 100, 0]) {
    const { seconds, fraction } = toNtp(unixMs + years * 31_557_600_000);
    call.inject(
      bad.protectRtcp([
        {
          type: 'sr',
          ssrc: 1,
          ntpSeconds: seconds,
          ntpFraction: fraction,
          rtpTimestamp: badVoice.timestamp,
          packetCount: 0xffff_ffff,
          octetCount: 0,
          reports: [],
        },
      ]),
    );
    call.speak([goodVoice, badVoice], 10);
  }
  goodVoiceIsWhole(50);
  slotsKeepTheRules();
  expect(heardFrom(csrcs.bad)).toHaveLength(50);
  const first = heardFrom(csrcs.bad)[0]!;
  const last = heardFrom(csrcs.bad).at(-1)!;
  const drift = (last.timestamp - first.timestamp - ((last.atMicros - first.atMicros) * 48) / 1000) / 48;
  expect(Math.abs(drift)).toBeLessThan(50); // ms over a second
});

test('H5.7 a storm of NACKs from one receiver: each packet again at most once per round trip', () => {
  call.speak([goodVoice], 30);
  const heard = heardFrom(csrcs.good);
  const before = listener.rtp.length;
  const { ssrc } = heard[0]!;
  const lost = heard.map(({ sequenceNumber }) => sequenceNumber);
  for (let i = 0; i < 500; i++) {
    call.inject(listener.protectRtcp([{ type: 'nack', senderSsrc: 9, mediaSsrc: ssrc, lost }]));
  }
  expect(listener.rtp.length - before).toBeLessThanOrEqual(lost.length);
});

test('H10.5 forged CSRCs and the reserved 42 of a sender never reach a slot', () => {
  call.speak([goodVoice, badVoice], 50); // every voice forges [42, 0xdead]
  for (const { csrcs: sent } of listener.rtp) {
    expect([csrcs.bad, csrcs.good]).toContain(sent[0]);
    expect(sent.slice(1).every((csrc) => csrc === 42)).toBe(true);
  }
});
