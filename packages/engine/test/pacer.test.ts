/** Pacing and probes, in virtual time. */
import { describe, expect, test } from 'vitest';
import * as L from '../src/index.js';
import type { EntryConstants } from '../src/index.js';
import { Bench } from './support/bench.js';
import { feedbackFci } from './support/feedback.js';
import { RTX_SSRC, SSRC, VideoBench } from './support/video.js';
import type { OpenedPacket } from './support/video.js';

const START = 10_000_000;
const MEGABIT = 1_000_000;
const payload = Buffer.alloc(984, 3); // 1,012 bytes and more with header and tag
const ids = { absSendTimeId: 3, transportWideCcId: 4 };

interface Arrival extends OpenedPacket {
  micros: number;
}

/** A receiver of paced video whose every packet has its time of leaving. */
class Paced extends VideoBench {
  nowMicros = START;
  readonly arrivals: Arrival[] = [];
  next = 0;

  constructor(constants: Partial<EntryConstants> = {}, number = 1, bench = new Bench()) {
    super({ paced: true, rtxSsrc: RTX_SSRC, ...ids, ...constants }, number, bench);
    this.engine.setNow(START);
  }
  frame(packets: number, bytes: Uint8Array = payload): void {
    for (let i = 0; i < packets; i++) this.forward(this.next++, bytes);
    this.collect();
  }
  collect(): void {
    for (const packet of this.take()) this.arrivals.push({ ...packet, micros: this.nowMicros });
  }
  /** As the engine's timer: each millisecond. */
  run(milliseconds: number): void {
    for (let i = 0; i < milliseconds; i++) {
      this.engine.setNow((this.nowMicros += 1000));
      this.collect();
    }
  }
  get queue(): L.PacerQueue {
    return this.engine.pacerQueue(this.remote.peer);
  }
  bytes(from = 0, to = Infinity): number {
    return this.arrivals
      .filter(({ micros }) => micros - START >= from && micros - START < to)
      .reduce((sum, { sealed }) => sum + sealed.length, 0);
  }
}
const sendTime = (packet: OpenedPacket): number => packet.extensions.get(3)!.readUIntBE(0, 3);
const number = (packet: OpenedPacket): number => packet.extensions.get(4)!.readUInt16BE(0);

describe('a paced stream', () => {
  test('leaves at the rate that was set, in order, and all of it', () => {
    const paced = new Paced();
    paced.engine.setPacing(paced.remote.peer, 4 * MEGABIT);
    paced.frame(100);
    paced.run(250);
    const ms = (paced.arrivals.at(-1)!.micros - START) / 1000;
    expect(paced.arrivals.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    const rate = (paced.bytes() * 8) / ms / 1000;
    expect(rate).toBeGreaterThan(3.9);
    expect(rate).toBeLessThan(4.2);
    expect(paced.queue).toEqual({ packets: 0, bytes: 0, oldestMicros: 0 });
    expect(paced.engine.poll()).toBeUndefined();
  });

  test('bursts are no longer than 5 ms of the rate and one packet', () => {
    const paced = new Paced();
    paced.engine.setPacing(paced.remote.peer, 4 * MEGABIT);
    paced.run(1000); // a budget that nobody used must not pile up
    paced.arrivals.length = 0;
    const from = paced.nowMicros;
    paced.frame(60);
    expect(paced.arrivals.length).toBeLessThanOrEqual(4); // 2,500 bytes, and what passes its end
    paced.run(20);
    for (let at = from; at < from + 20_000; at += 1000) {
      expect(paced.bytes(at - START, at - START + 1000)).toBeLessThan(2500 + 2 * 1100);
    }
  });

  test('a process that wakes up late sends as much as one that does not', () => {
    const paced = new Paced();
    paced.engine.setPacing(paced.remote.peer, 4 * MEGABIT);
    paced.frame(200);
    let packets = paced.arrivals.length;
    for (let i = 0; i < 18; i++) {
      paced.engine.setNow((paced.nowMicros += 20_000));
      paced.collect();
      // 20 ms of 4 Mbit/s, and what passes the budget's end.
      expect(paced.arrivals.length - packets).toBeLessThanOrEqual(11);
      packets = paced.arrivals.length;
    }
    expect((paced.bytes() * 8) / 360 / 1000).toBeGreaterThan(3.9);
  });

  test('after a second of standing still no more than 100 ms come at once', () => {
    const paced = new Paced();
    paced.engine.setPacing(paced.remote.peer, 4 * MEGABIT);
    paced.frame(400);
    const before = paced.bytes();
    paced.engine.setNow((paced.nowMicros += 1_000_000));
    paced.collect();
    expect(paced.bytes() - before).toBeLessThan(50_000 + 2 * 1100);
    expect(paced.bytes() - before).toBeGreaterThan(48_000);
    const later = paced.bytes();
    paced.run(10);
    expect(paced.bytes() - later).toBeLessThan(5_000 + 2 * 1100);
  });

  test('time, number and history are those of leaving', () => {
    const paced = new Paced();
    paced.engine.setPacing(paced.remote.peer, 2 * MEGABIT);
    paced.frame(20);
    paced.run(100);
    paced.arrivals.forEach((packet, i) => {
      expect(sendTime(packet)).toBe(Math.floor((packet.micros * 2 ** 18) / 1e6) & 0xffffff);
      expect(number(packet)).toBe(i);
    });
    const came = paced.arrivals.map(({ micros }) => micros - START + 1_000_000);
    const feedback = paced.engine.readTransportFeedback(
      paced.remote.peer,
      feedbackFci(0, came),
      paced.nowMicros,
    )!;
    expect(feedback).toMatchObject({
      receivedPackets: 20,
      lostPackets: 0,
      inFlightBytes: 0,
      oldestSendMicros: START,
    });
    expect(feedback.lastSendMicros).toBe(paced.arrivals.at(-1)!.micros);
    for (let i = 0; i < feedback.groups.length; i += 3)
      expect(feedback.groups[i]).toBe(feedback.groups[i + 1]);
  });

  test('counters are those of what left', () => {
    const paced = new Paced();
    paced.engine.setPacing(paced.remote.peer, MEGABIT);
    paced.frame(10);
    const early = paced.counters();
    expect(early.packets).toBe(1);
    expect(early).toMatchObject({ lastIndex: 0, lastTimestamp: 0, octets: payload.length });
    paced.run(200);
    expect(paced.counters()).toMatchObject({
      packets: 10,
      lastIndex: 9,
      lastTimestamp: 810,
      octets: 10 * payload.length,
    });
  });

  test('audio of the same peer passes by, and is not what the budget pays for', () => {
    const paced = new Paced();
    const audio = paced.engine.createEntry();
    L.writeEntry(paced.engine.entries, audio, {
      peer: paced.remote.peer,
      ssrc: 0x99,
      payloadTypes: [111],
      enabled: true,
      transportWideCcId: 4,
    });
    paced.engine.setPacing(paced.remote.peer, MEGABIT);
    paced.frame(100);
    for (let i = 0; i < 20; i++) {
      paced.forward(i, Buffer.alloc(60), { entry: audio });
      paced.collect();
      const last = paced.arrivals.at(-1)!;
      expect(last.ssrc).toBe(0x99);
      expect(last.micros).toBe(paced.nowMicros);
      paced.run(10);
    }
    const numbers = paced.arrivals.map(number);
    expect(numbers).toEqual(numbers.map((_, i) => i)); // one numbering, in the order of leaving
    expect(paced.arrivals.filter(({ ssrc }) => ssrc === SSRC).length).toBeGreaterThan(20);
  });

  test('a retransmission waits behind what waits, under a number of its leaving', () => {
    const paced = new Paced();
    paced.engine.setPacing(paced.remote.peer, MEGABIT);
    paced.frame(5);
    paced.resend(0, payload);
    paced.resend(1, payload);
    paced.run(200);
    expect(paced.arrivals.map(({ ssrc }) => ssrc)).toEqual([
      SSRC,
      SSRC,
      SSRC,
      SSRC,
      SSRC,
      RTX_SSRC,
      RTX_SSRC,
    ]);
    expect(paced.arrivals[6]!.sequence - paced.arrivals[5]!.sequence).toBe(1);
  });

  test('off: at once, and what waited leaves', () => {
    const paced = new Paced();
    paced.engine.setPacing(paced.remote.peer, MEGABIT);
    paced.frame(30);
    expect(paced.queue.packets).toBe(29);
    paced.engine.setPacing(paced.remote.peer, 0);
    paced.frame(3);
    expect(paced.arrivals.length).toBe(33);
    expect(paced.queue.packets).toBe(0);
  });

  test('streams that are not paced notice nothing', () => {
    const paced = new Paced({ paced: false });
    paced.engine.setPacing(paced.remote.peer, 1000);
    paced.frame(50);
    expect(paced.arrivals.length).toBe(50);
  });

  test('poll says when the next is due, and it leaves then', () => {
    const paced = new Paced();
    paced.engine.setPacing(paced.remote.peer, MEGABIT);
    paced.frame(3);
    const wait = paced.engine.poll()!;
    expect(wait).toBeGreaterThan(8000); // 1,020 bytes at 1 Mbit/s
    expect(wait).toBeLessThan(8400);
    paced.engine.setNow(START + wait - 2);
    paced.collect();
    expect(paced.arrivals.length).toBe(1);
    paced.engine.setNow(START + wait);
    paced.collect();
    expect(paced.arrivals.length).toBe(2);
  });
});

describe('the queue', () => {
  test('is bounded by bytes: the oldest goes, and its number may be used again', () => {
    const paced = new Paced({ rtxSsrc: 0 });
    paced.engine.setPacing(paced.remote.peer, 10_000);
    for (let i = 0; i < 1500; i++) paced.frame(1);
    const dropped = paced.bench.drops['pacer-full']!;
    expect(dropped).toBeGreaterThan(300);
    expect(paced.queue.packets).toBe(1499 - dropped);
    expect(paced.queue.bytes).toBeLessThanOrEqual(1024 * 1024);
    expect(paced.counters().drops).toBe(dropped);
  });

  test('is bounded by time', () => {
    const paced = new Paced();
    paced.engine.setPacing(paced.remote.peer, 100_000);
    paced.frame(200);
    paced.run(1999);
    expect(paced.bench.drops).toEqual({});
    paced.run(2);
    expect(paced.queue).toEqual({ packets: 0, bytes: 0, oldestMicros: 0 });
    expect(paced.bench.drops['pacer-full']).toBe(200 - paced.arrivals.length);
  });

  test('what was dropped unsent may be sent again under its number, once', () => {
    const paced = new Paced({ rtxSsrc: 0 });
    paced.engine.setPacing(paced.remote.peer, 20_000);
    paced.frame(10);
    paced.run(2100);
    const left = new Set(paced.arrivals.map(({ sequence }) => sequence));
    expect(left.has(9)).toBe(false);
    paced.engine.setPacing(paced.remote.peer, 0);
    expect(paced.resend(9, payload)).toBe(0);
    expect(paced.resend(9, payload)).toBe(0); // repeats it to the byte
    paced.collect();
    const [again, more] = paced.arrivals.slice(-2);
    expect(again!.sequence).toBe(9);
    expect(Buffer.from(more!.sealed).equals(Buffer.from(again!.sealed))).toBe(true);
  });

  test('without RTX, a packet that still waits is not sent by a retransmission before it', () => {
    const paced = new Paced({ rtxSsrc: 0 });
    paced.engine.setPacing(paced.remote.peer, MEGABIT);
    paced.frame(5);
    expect(paced.resend(4, payload)).toBe(1);
    expect(paced.bench.drops).toEqual({ 'retransmission-forgotten': 1 });
    paced.run(100);
    expect(paced.arrivals.map(({ sequence }) => sequence)).toEqual([0, 1, 2, 3, 4]);
  });

  test('of an entry that is gone is dropped, also when another has its place', () => {
    const paced = new Paced();
    paced.engine.setPacing(paced.remote.peer, MEGABIT);
    paced.frame(5);
    paced.engine.freeEntry(paced.entry);
    const other = paced.addEntry({ ssrc: SSRC });
    expect(other).toBe(paced.entry);
    paced.run(100);
    expect(paced.arrivals.length).toBe(1);
    expect(paced.bench.drops).toEqual({ 'entry-invalid': 4 });
    expect(paced.counters(other).packets).toBe(0);
  });

  test('of a peer that is gone is forgotten', () => {
    const paced = new Paced();
    paced.engine.setPacing(paced.remote.peer, MEGABIT);
    paced.frame(5);
    paced.engine.closePeer(paced.remote.peer);
    expect(paced.engine.poll()).toBeUndefined();
    expect(() => paced.engine.setPacing(paced.remote.peer, MEGABIT)).toThrow('no such peer');
  });

  test('deltas that change while a packet waits are for those after it', () => {
    const paced = new Paced();
    paced.engine.setPacing(paced.remote.peer, MEGABIT);
    paced.frame(3);
    paced.write({ deltaIndex: -10 >>> 0, deltaTimestamp: 7 });
    paced.frame(1);
    paced.run(100);
    expect(paced.arrivals.map(({ sequence }) => sequence)).toEqual([0, 1, 2, 13]);
    expect(paced.arrivals.map(({ timestamp }) => timestamp)).toEqual([0, 90, 180, 277]);
  });
});

test('peers share fairly: each has its own rate, none waits for another', () => {
  const bench = new Bench();
  const peers = Array.from({ length: 20 }, (_, i) => new Paced({}, i, bench));
  peers.forEach((paced, i) => paced.engine.setPacing(paced.remote.peer, (1 + (i % 2)) * MEGABIT));
  const list = bench.engine.createList();
  for (const paced of peers) bench.engine.listAdd(list, paced.entry);
  for (let i = 0; i < 50; i++) peers[0]!.forward(i, payload, { list });
  const bytes = peers.map(() => 0);
  const lastGap = peers.map(() => 0);
  const last = peers.map(() => START);
  for (let ms = 0; ms <= 150; ms++) {
    bench.engine.setNow(START + ms * 1000);
    const sent = bench.engine.takeSent();
    peers.forEach((paced, i) => {
      for (const packet of paced.open(sent)) {
        bytes[i]! += packet.sealed.length;
        lastGap[i] = Math.max(lastGap[i]!, START + ms * 1000 - last[i]!);
        last[i] = START + ms * 1000;
      }
    });
  }
  peers.forEach((_, i) => {
    const wanted = ((1 + (i % 2)) * MEGABIT * 0.15) / 8;
    expect(bytes[i]!).toBeGreaterThan(wanted * 0.95);
    expect(bytes[i]!).toBeLessThan(wanted * 1.1 + 1100);
    expect(lastGap[i]).toBeLessThanOrEqual(i % 2 ? 5000 : 10_000);
  });
});

describe('a probe', () => {
  const probe = { clusterId: 7, bitsPerSecond: 4 * MEGABIT, bytes: 7500 };

  test('is RTX padding at its rate, beside the media, and known in the feedback', () => {
    const paced = new Paced();
    paced.engine.setPacing(paced.remote.peer, MEGABIT);
    paced.frame(1);
    expect(paced.engine.probe(paced.remote.peer, paced.entry, probe)).toBe(true);
    for (let i = 0; i < 10; i++) {
      paced.frame(1);
      paced.run(10);
    }
    const padding = paced.arrivals.filter(({ padded }) => padded);
    for (const packet of padding) {
      expect(packet).toMatchObject({ ssrc: RTX_SSRC, payloadType: 97, marker: false });
      expect(packet.payload.length).toBe(255);
      expect(packet.payload.at(-1)).toBe(255);
      expect(packet.timestamp % 90).toBe(0); // that of the last packet of the stream
    }
    expect(padding.length).toBe(Math.ceil(7500 / (255 + 12 + 4 + 8)));
    const took = padding.at(-1)!.micros - padding[0]!.micros;
    expect(took).toBeGreaterThanOrEqual(13_000); // 7,500 bytes at 4 Mbit/s are 15 ms
    expect(took).toBeLessThanOrEqual(16_000);
    expect(paced.arrivals.filter(({ ssrc }) => ssrc === SSRC).length).toBeGreaterThan(8);
    expect(paced.counters()).toMatchObject({ rtxPackets: padding.length, rtxOctets: 0 });

    const came = paced.arrivals.map(({ micros }) => micros - START + 500_000);
    const feedback = paced.engine.readTransportFeedback(
      paced.remote.peer,
      feedbackFci(0, came),
      paced.nowMicros,
    )!;
    // The media in between went the same way at the same time: it belongs to what was measured.
    const measured = paced.arrivals.slice(
      paced.arrivals.indexOf(padding[0]!),
      paced.arrivals.indexOf(padding.at(-1)!) + 1,
    );
    expect(measured.length).toBeGreaterThan(padding.length);
    expect(feedback.probes).toEqual([
      {
        clusterId: 7,
        packets: measured.length,
        bytes: measured.reduce((sum, { sealed }) => sum + sealed.length, 0),
        firstSend: padding[0]!.micros,
        lastSend: padding.at(-1)!.micros,
        firstArrival: padding[0]!.micros - START + 500_000,
        lastArrival: padding.at(-1)!.micros - START + 500_000,
      },
    ]);
  });

  test('follows another, and has its own report', () => {
    const paced = new Paced();
    paced.engine.probe(paced.remote.peer, paced.entry, probe);
    paced.engine.probe(paced.remote.peer, paced.entry, {
      ...probe,
      clusterId: 8,
      bitsPerSecond: 8 * MEGABIT,
    });
    paced.run(40);
    const came = paced.arrivals.map(({ micros }) => micros - START);
    const { probes } = paced.engine.readTransportFeedback(
      paced.remote.peer,
      feedbackFci(0, came),
      paced.nowMicros,
    )!;
    expect(probes.map(({ clusterId }) => clusterId)).toEqual([7, 8]);
    expect(probes[1]!.firstSend).toBeGreaterThanOrEqual(probes[0]!.lastSend);
  });

  test.each<[string, Partial<EntryConstants>]>([
    ['has no RTX stream', { rtxSsrc: 0 }],
    ['has no RTX payload type', { rtxPayloadTypes: [] }],
    ['has no transport-wide numbers', { transportWideCcId: 0 }],
    ['belongs to another peer', { peer: 12_345 }],
  ])('is refused for an entry that %s', (_, constants) => {
    const paced = new Paced();
    paced.write(constants);
    expect(paced.engine.probe(paced.remote.peer, paced.entry, probe)).toBe(false);
    paced.run(10);
    expect(paced.arrivals).toEqual([]);
  });

  test('is refused when eight wait, with rates that are none, and with ids that are none', () => {
    const paced = new Paced();
    const slow = { ...probe, bitsPerSecond: 1000 };
    const begun = Array.from({ length: 12 }, () => paced.engine.probe(paced.remote.peer, paced.entry, slow));
    expect(begun.filter(Boolean).length).toBe(8);
    const other = new Paced();
    for (const bitsPerSecond of [0, -1, NaN])
      expect(other.engine.probe(other.remote.peer, other.entry, { ...probe, bitsPerSecond })).toBe(false);
    expect(() => other.engine.probe(other.remote.peer, other.entry, { ...probe, clusterId: 0 })).toThrow(
      RangeError,
    );
  });

  test('ends with its entry', () => {
    const paced = new Paced();
    paced.engine.probe(paced.remote.peer, paced.entry, probe);
    paced.engine.freeEntry(paced.entry);
    paced.run(20);
    expect(paced.engine.poll()).toBeUndefined();
  });
});
