/** Retransmission as a stream of its own. RFC 4588. */
import { describe, expect, test } from 'vitest';
import * as L from '../src/index.js';
import { Bench } from './support/bench.js';
import { RTX_SSRC, SSRC, VideoBench } from './support/video.js';

const payload = Buffer.from('a piece of a picture');
const withRtx = { rtxSsrc: RTX_SSRC };

describe('an RTX packet', () => {
  test('has its own SSRC, payload type and number, and the original number before the payload', () => {
    const video = new VideoBench({ ...withRtx, deltaIndex: 1000, deltaTimestamp: 77 });
    video.forward(1300, payload, { marker: true, csrcs: [5], codec: 1 });
    video.resend(1300, payload, { marker: true, csrcs: [5], codec: 1 });
    const [original, again] = video.take();
    expect(again).toMatchObject({
      ssrc: RTX_SSRC,
      payloadType: 99,
      marker: true,
      timestamp: original!.timestamp,
      csrcs: [5],
    });
    expect(again!.payload.readUInt16BE(0)).toBe(original!.sequence);
    expect(again!.payload.subarray(2).equals(payload)).toBe(true);
    expect(again!.sequence).toBeLessThan(32_768);
  });

  test('numbers go on by one, whatever is asked for; the original stream does not notice', () => {
    const video = new VideoBench(withRtx);
    for (let i = 0; i < 5; i++) video.forward(i, payload);
    for (const index of [4, 0, 0, 2]) video.resend(index, payload);
    video.forward(5, payload);
    const packets = video.take();
    const again = packets.filter(({ ssrc }) => ssrc === RTX_SSRC);
    const first = again[0]!.sequence;
    expect(again.map(({ sequence }) => sequence - first)).toEqual([0, 1, 2, 3]);
    expect(again.map((packet) => packet.payload.readUInt16BE(0))).toEqual([4, 0, 0, 2]);
    expect(packets.filter(({ ssrc }) => ssrc === SSRC).map(({ sequence }) => sequence)).toEqual([
      0, 1, 2, 3, 4, 5,
    ]);
    expect(video.counters()).toMatchObject({
      packets: 6,
      octets: 6 * payload.length,
      rtxPackets: 4,
      rtxOctets: 4 * (payload.length + 2),
      rtxLastIndex: first + 3,
      lastIndex: 5,
      lastTimestamp: 450,
    });
  });

  test('MID while it is sent, and every extension that the original has', () => {
    const video = new VideoBench({
      ...withRtx,
      midId: 1,
      mid: '2',
      sendMid: true,
      absSendTimeId: 3,
      transportWideCcId: 4,
      extensionIds: { 0: 5 },
    });
    video.engine.scratch.set([0xaa], 9000);
    const extensions = [{ kind: 0, offset: video.engine.scratchOffset + 9000, length: 1 }];
    video.forward(0, payload, { extensions });
    video.engine.setNow(2_000_000);
    video.resend(0, payload, { extensions });
    video.write({ sendMid: false });
    video.resend(0, payload, { extensions });
    const [original, again, later] = video.take();
    expect(again!.extensions.get(1)!.toString()).toBe('2');
    expect(again!.extensions.get(5)!.toString('hex')).toBe('aa');
    expect(again!.extensions.get(3)!.readUIntBE(0, 3)).toBe((2_000_000 * 2 ** 18) / 1e6);
    expect(again!.extensions.get(4)!.readUInt16BE(0)).toBe(original!.extensions.get(4)!.readUInt16BE(0) + 1);
    expect(later!.extensions.has(1)).toBe(false);
  });

  test('is sent for numbers of before the first one, and of before a switch', () => {
    const video = new VideoBench({ ...withRtx, firstIndex: 100, deltaIndex: 50 });
    expect(video.resend(70, payload)).toBe(0);
    expect(video.take()[0]!.payload.readUInt16BE(0)).toBe(20);
    expect(video.forward(70, payload)).toBe(1);
    expect(video.bench.drops).toEqual({ 'entry-before-first': 1 });
  });

  test('rolls over with a counter of its own', () => {
    const video = new VideoBench(withRtx);
    video.resend(7, payload);
    const first = video.take()[0]!.sequence;
    let last = first;
    for (let sent = 1; sent < 70_000;) {
      for (let i = 0; i < 5000; i++, sent++) video.resend(7, payload);
      last = video.take().at(-1)!.sequence; // opened by a receiver that counts its roll-overs
    }
    expect(video.counters().rtxLastIndex).toBe(first + video.counters().rtxPackets - 1);
    expect(last).toBe(video.counters().rtxLastIndex & 0xffff);
    expect(video.counters().rtxLastIndex).toBeGreaterThan(65_536);
  });
});

describe('no number twice under one key', () => {
  test('an entry that is freed and made again for the same stream goes on', () => {
    const video = new VideoBench(withRtx);
    for (let i = 0; i < 3; i++) video.resend(i, payload);
    video.engine.freeEntry(video.entry);
    const entry = video.addEntry(withRtx);
    video.resend(9, payload, { entry });
    const numbers = video.take().map(({ sequence }) => sequence);
    expect(numbers.map((number) => number - numbers[0]!)).toEqual([0, 1, 2, 3]);
  });

  test('two entries that name one stream share its numbers', () => {
    const video = new VideoBench(withRtx);
    const other = video.addEntry({ ...withRtx, ssrc: 0x1001 });
    for (let i = 0; i < 4; i++) video.resend(i, payload, { entry: i % 2 ? other : video.entry });
    expect(new Set(video.take().map(({ sequence }) => sequence)).size).toBe(4);
  });

  test('a stream that is changed and changed back goes on', () => {
    const video = new VideoBench(withRtx);
    video.resend(0, payload);
    video.write({ rtxSsrc: 0x3000 });
    video.resend(0, payload);
    video.write(withRtx);
    video.resend(0, payload);
    const [first, other, again] = video.take();
    expect(other!.ssrc).toBe(0x3000);
    expect(again!.sequence).toBe(first!.sequence + 1);
  });

  test('an RTX stream with the SSRC of its own media is refused', () => {
    const video = new VideoBench({ rtxSsrc: SSRC });
    expect(video.resend(0, payload)).toBe(1);
    expect(video.bench.drops).toEqual({ 'entry-invalid': 1 });
  });

  test('nonces of a long mixed run never repeat', () => {
    const video = new VideoBench({ ...withRtx, paced: true, transportWideCcId: 4 });
    video.engine.setPacing(video.remote.peer, 2_000_000);
    const seen = new Set<string>();
    for (let i = 0; i < 3000; i++) {
      video.engine.setNow(1_000_000 + i * 500);
      video.forward(i, payload);
      if (i % 3 === 0) video.resend(i - (i % 7), payload);
      if (i === 1500)
        video.engine.probe(video.remote.peer, video.entry, { clusterId: 1, bitsPerSecond: 1e6, bytes: 9000 });
    }
    let packets = 0;
    for (const { ssrc, sequence } of video.take()) {
      packets++;
      seen.add(`${ssrc} ${sequence}`);
    }
    expect(packets).toBeGreaterThan(4000);
    expect(seen.size).toBe(packets); // fewer than 65,536 of each stream
  });
});

describe('what cannot be sent is counted', () => {
  test('no RTX payload type for this codec', () => {
    const video = new VideoBench({ ...withRtx, rtxPayloadTypes: [97] });
    expect(video.resend(0, payload, { codec: 1 })).toBe(1);
    expect(video.bench.drops).toEqual({ 'entry-no-codec': 1 });
    expect(video.counters().drops).toBe(1);
  });

  test('longer than a slot', () => {
    const video = new VideoBench(withRtx);
    expect(video.resend(0, Buffer.alloc(2040))).toBe(1);
    expect(video.bench.drops).toEqual({ mtu: 1 });
  });

  test('more streams than a peer may have', () => {
    const bench = new Bench();
    const video = new VideoBench(withRtx, 1, bench);
    for (let i = 0; i < 4096; i++) {
      video.write({ rtxSsrc: 0x10000 + i });
      expect(video.resend(0, payload)).toBe(0);
    }
    video.write({ rtxSsrc: 0x20000 });
    expect(video.resend(0, payload)).toBe(1);
    expect(bench.drops).toEqual({ 'rtx-limit': 1 });
  });
});

test('without an RTX stream a retransmission repeats the packet to the byte, as before', () => {
  const video = new VideoBench({ absSendTimeId: 3, transportWideCcId: 4 });
  video.forward(5, payload);
  video.engine.setNow(3_000_000);
  video.resend(5, payload);
  const [first, again] = video.take();
  expect(Buffer.from(again!.sealed).equals(Buffer.from(first!.sealed))).toBe(true);
  expect(L.readEntryCounters(video.engine.entries, video.entry).rtxPackets).toBe(0);
});

test('a payload of no bytes is sent', () => {
  const video = new VideoBench();
  expect(video.forward(0, Buffer.alloc(0))).toBe(0);
  expect(video.take()[0]!.payload.length).toBe(0);
});
