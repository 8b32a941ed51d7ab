/** Voices through virtual slots: the whole media core, without sockets. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fromNtp } from '@tertulia/wire';
import { IDS, MemoryCall, OPUS_PAYLOAD_TYPE, UNIX_MICROS_AT_ZERO, Voice } from './support/memoryCall.js';
import type { Peer } from './support/memoryCall.js';

let call: MemoryCall;
beforeEach(() => {
  call = new MemoryCall();
});
afterEach(() => call.close());

const SLOTS = [
  { mid: 'a0', ssrc: 0x5000_0000, nack: true, payloadType: 96 },
  { mid: 'a1', ssrc: 0x5000_0001, nack: true, payloadType: 96 },
  { mid: 'a2', ssrc: 0x5000_0002, nack: true, payloadType: 96 },
];

function talkerAndListener(): { voice: Voice; listener: Peer; csrc: number } {
  call.virtualStreams();
  const talker = call.addPeer();
  call.produce(talker, 'microphone', { mid: '0', ssrc: 1111 });
  const csrc = call.addSource('microphone', 'ada');
  const listener = call.addPeer();
  call.createReceiver(listener, 'receiver', SLOTS, 'ben');
  return { voice: new Voice(talker, 1111, 'ada'), listener, csrc };
}

test('a voice comes out of one slot, named by its CSRC, with the numbers and ids of the receiver', () => {
  const { voice, listener, csrc } = talkerAndListener();
  call.speak([voice], 20);
  expect(listener.rtp).toHaveLength(20);
  const first = listener.rtp[0]!;
  expect(SLOTS.map(({ ssrc }) => ssrc)).toContain(first.ssrc);
  expect(first.marker).toBe(true);
  expect(first.sequenceNumber).toBeLessThan(32_768);
  listener.rtp.forEach((packet, i) => {
    expect(packet.ssrc).toBe(first.ssrc);
    expect(packet.payloadType).toBe(96);
    expect(packet.csrcs[0]).toBe(csrc);
    expect(packet.sequenceNumber).toBe((first.sequenceNumber + i) & 0xffff);
    expect((packet.timestamp - first.timestamp) >>> 0).toBe(i * 960);
    expect(packet.payload.toString()).toMatch(new RegExp(`^ada +${i}$`));
    expect(packet.extensions.get(IDS.audioLevel)).toEqual(Buffer.of(0x80 | 30));
  });
  expect(listener.rtp.at(-1)!.csrcs).toEqual([csrc, 42]);
});

test('nobody hears their own voice', () => {
  call.virtualStreams();
  const talker = call.addPeer();
  call.produce(talker, 'microphone', { mid: '0', ssrc: 1111 });
  call.addSource('microphone', 'ada');
  call.createReceiver(talker, 'receiver', SLOTS, 'ada');
  call.speak([new Voice(talker, 1111, 'ada')], 20);
  expect(talker.rtp).toEqual([]);
});

test('MID is in every packet until the first receiver report for that SSRC', () => {
  const { voice, listener } = talkerAndListener();
  call.speak([voice], 5);
  const { ssrc } = listener.rtp[0]!;
  const mid = SLOTS.find((slot) => slot.ssrc === ssrc)!.mid;
  for (const packet of listener.rtp) expect(packet.extensions.get(IDS.mid)?.toString()).toBe(mid);
  const report = {
    ssrc,
    fractionLost: 0,
    cumulativeLost: 0,
    highestSequence: 0,
    jitter: 0,
    lastSr: 0,
    delaySinceLastSr: 0,
  };
  call.inject(listener.protectRtcp([{ type: 'rr', ssrc: 9, reports: [report] }]));
  listener.rtp.length = 0;
  call.speak([voice], 5);
  expect(listener.rtp).toHaveLength(5);
  for (const packet of listener.rtp) expect(packet.extensions.has(IDS.mid)).toBe(false);
});

test("a slot is reported within 100 ms of a switch and at least every second, on the server's clock and its own line", () => {
  const { voice, listener } = talkerAndListener();
  call.advance(3_000); // so that no packet and no report share an instant
  call.speak([voice], 250);
  const { ssrc, atMicros } = listener.rtp[0]!;
  const reports = listener.senderReports(ssrc);
  expect(reports[0]!.atMicros - atMicros).toBeLessThanOrEqual(100_000);
  reports.slice(1).forEach((report, i) => {
    expect(report.atMicros - reports[i]!.atMicros).toBeLessThanOrEqual(1_000_000);
  });
  expect(reports.length).toBeGreaterThan(4);
  const [first, last] = [reports[0]!, reports.at(-1)!];
  for (const { atMicros: at, packet } of reports) {
    const unixMs = fromNtp(packet.ntpSeconds, packet.ntpFraction);
    expect(unixMs).toBeCloseTo((UNIX_MICROS_AT_ZERO + at) / 1000, 1);
  }
  // One line: 48 ticks per millisecond of the server's clock.
  const ticks = (last.packet.rtpTimestamp - first.packet.rtpTimestamp) >>> 0;
  expect(Math.abs(ticks - ((last.atMicros - first.atMicros) * 48) / 1000)).toBeLessThanOrEqual(1);
  // What is played lies on that line as well: the frame of now has the timestamp of now, less its way.
  const newest = listener.rtp.filter((packet) => packet.atMicros <= last.atMicros).at(-1)!;
  const behind = (last.packet.rtpTimestamp - newest.timestamp) | 0;
  expect(Math.abs(behind)).toBeLessThan(60 * 48);
  expect(last.packet.packetCount).toBe(
    listener.rtp.filter((packet) => packet.atMicros <= last.atMicros).length,
  );
  const names = listener.rtcp.flatMap(({ packet }) => (packet.type === 'sdes' ? packet.chunks : []));
  expect(names.find((chunk) => chunk.ssrc === ssrc)?.items).toEqual([{ type: 1, value: 'voice' }]);
});

test('a NACK is answered with the same packet, once per round trip', () => {
  const { voice, listener } = talkerAndListener();
  call.speak([voice], 30);
  const wanted = listener.rtp[20]!;
  const nack = {
    type: 'nack',
    senderSsrc: 9,
    mediaSsrc: wanted.ssrc,
    lost: [wanted.sequenceNumber],
  } as const;
  call.inject(listener.protectRtcp([{ ...nack, lost: [...nack.lost] }]));
  expect(listener.rtp).toHaveLength(31);
  const { atMicros: _then, ...again } = listener.rtp[30]!;
  const { atMicros: _now, ...first } = wanted;
  expect(again).toEqual(first);
  call.inject(listener.protectRtcp([{ ...nack, lost: [...nack.lost] }]));
  expect(listener.rtp).toHaveLength(31);
});

test('NACKs for a foreign SSRC and for a stream without NACK are counted and not answered', () => {
  const { voice, listener } = talkerAndListener();
  call.speak([voice], 5);
  call.inject(listener.protectRtcp([{ type: 'nack', senderSsrc: 9, mediaSsrc: 1111, lost: [1000] }]));
  expect(listener.rtp).toHaveLength(5);
  const [stat] = call.core.handleRequest('transport.getStats', { transportId: listener.id });
  expect(stat!.drops['rtcp-foreign-ssrc']).toBe(1);
});

test('numbers are not used up before the receiver has keys', () => {
  call.virtualStreams();
  const talker = call.addPeer();
  call.produce(talker, 'microphone', { mid: '0', ssrc: 1111 });
  call.addSource('microphone', 'ada');
  const listener = call.addPeer({ connect: false });
  call.createReceiver(listener, 'receiver', SLOTS, 'ben');
  const voice = new Voice(talker, 1111, 'ada');
  call.speak([voice], 10);
  call.connect(listener);
  call.speak([voice], 10);
  expect(listener.rtp.length).toBeGreaterThanOrEqual(10);
  expect(listener.rtp[0]!.sequenceNumber).toBeLessThan(32_768);
  expect(call.engine.stats().drops['peer-no-keys']).toBe(0);
});

test('a muted source frees its slot, and the API side is told once per instant', () => {
  const { voice } = talkerAndListener();
  call.speak([voice], 10);
  call.events.length = 0;
  call.core.handleRequest('producer.pause', { producerId: 'microphone' });
  const slots = call.events.filter((event) => event.event === 'virtual.slots');
  expect(slots).toHaveLength(1);
  expect(slots[0]).toMatchObject({
    virtualStreamsId: 'virtual',
    changes: [{ receiverId: 'receiver', csrc: 0 }],
  });
});

test('closing the router gives everything back', () => {
  const { voice } = talkerAndListener();
  call.speak([voice], 30);
  call.core.handleRequest('router.close', { routerId: 'router' });
  const { peers, entries, lists } = call.engine.stats();
  expect({ peers, entries, lists }).toEqual({ peers: 0, entries: 0, lists: 0 });
  expect(call.core.cachedPackets).toBe(0);
  expect(call.core.timerCount).toBe(0);
  call.advance(5_000_000);
});

test("the payload type of the sender is not the receiver's", () => {
  const { voice, listener } = talkerAndListener();
  call.speak([voice], 3);
  expect(listener.rtp.every(({ payloadType }) => payloadType !== OPUS_PAYLOAD_TYPE)).toBe(true);
});
