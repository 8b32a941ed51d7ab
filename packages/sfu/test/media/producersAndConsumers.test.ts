/** One producer to plain consumers, and what the server tells a sender: numbers, pauses, repairs, reports. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { middleNtp, writeRtcp } from '@tertulia/wire';
import { MemoryCall, Voice } from './support/memoryCall.js';
import type { Peer } from './support/memoryCall.js';

let call: MemoryCall;
let sender: Peer;
let receiver: Peer;
beforeEach(() => {
  call = new MemoryCall();
  sender = call.addPeer();
  receiver = call.addPeer();
});
afterEach(() => call.close());

const OUT = { mid: '0', ssrc: 0x6000_0000, nack: true, payloadType: 100 };

function connected(): Voice {
  call.produce(sender, 'microphone', { mid: '0', ssrc: 1111, nack: true });
  call.consume(receiver, 'consumer', 'microphone', OUT);
  return new Voice(sender, 1111, 'ada');
}

const numbersOf = (peer: Peer): number[] => peer.rtp.map(({ sequenceNumber }) => sequenceNumber);
const numbersInARow = (peer: Peer): boolean =>
  numbersOf(peer).every((number, i, all) => i === 0 || number === ((all[i - 1]! + 1) & 0xffff));
const rises = (peer: Peer): boolean =>
  peer.rtp.every(({ timestamp }, i, all) => i === 0 || ((timestamp - all[i - 1]!.timestamp) | 0) > 0);

describe('consumers', () => {
  test('a consumer gets every packet with numbers of its own', () => {
    const voice = connected();
    call.speak([voice], 10);
    expect(receiver.rtp).toHaveLength(10);
    expect(numbersInARow(receiver)).toBe(true);
    expect(receiver.rtp[0]!.sequenceNumber).toBeLessThan(32_768);
    for (const { ssrc, payloadType, csrcs } of receiver.rtp) {
      expect({ ssrc, payloadType, csrcs }).toEqual({ ssrc: OUT.ssrc, payloadType: 100, csrcs: [] });
    }
  });

  test('a loss of the sender stays a gap, so that the receiver can ask for it', () => {
    const voice = connected();
    call.speak([voice], 3);
    voice.next();
    call.speak([voice], 3);
    const [, , third, fourth] = numbersOf(receiver);
    expect((fourth! - third!) & 0xffff).toBe(2);
  });

  test.each([
    ['the consumer', 'consumer.pause', 'consumer.resume', { consumerId: 'consumer' }],
    ['the producer', 'producer.pause', 'producer.resume', { producerId: 'microphone' }],
  ] as const)('pausing %s leaves no hole in the numbers and no step back in time', (_, pause, resume, id) => {
    const voice = connected();
    call.speak([voice], 5);
    call.core.handleRequest(pause, id as never);
    call.speak([voice], 5);
    expect(receiver.rtp).toHaveLength(5);
    call.core.handleRequest(resume, id as never);
    call.speak([voice], 5);
    expect(receiver.rtp).toHaveLength(10);
    expect(numbersInARow(receiver)).toBe(true);
    expect(rises(receiver)).toBe(true);
  });

  test('consumers hear of a producer that pauses, resumes and closes', () => {
    connected();
    call.events.length = 0;
    call.core.handleRequest('producer.pause', { producerId: 'microphone' });
    call.core.handleRequest('producer.pause', { producerId: 'microphone' });
    call.core.handleRequest('producer.resume', { producerId: 'microphone' });
    call.core.handleRequest('producer.close', { producerId: 'microphone' });
    expect(call.events.map(({ event }) => event)).toEqual([
      'consumer.producerPause',
      'consumer.producerResume',
      'consumer.producerClose',
    ]);
    expect(call.engine.stats()).toMatchObject({ entries: 0, lists: 0 });
  });

  test('a NACK is answered by the same bytes, also over the wrap of the numbers', () => {
    call.produce(sender, 'microphone', { mid: '0', ssrc: 1111 });
    call.consume(receiver, 'consumer', 'microphone', OUT);
    const voice = new Voice(sender, 1111, 'ada', { sequence: 65_530, timestamp: 0xffff_f000 });
    call.inject(voice.next());
    // The sender's roll-over counter is its own; ours began with 0.
    for (let i = 1; i < 6; i++) call.inject(voice.next());
    const lost = receiver.rtp[2]!;
    call.inject(
      receiver.protectRtcp([
        { type: 'nack', senderSsrc: 9, mediaSsrc: OUT.ssrc, lost: [lost.sequenceNumber] },
      ]),
    );
    expect(receiver.rtp).toHaveLength(7);
    expect(receiver.rtp[6]).toEqual(lost);
  });

  test('H5.6 a NACK for 65,535 numbers costs no more than what is kept', () => {
    const voice = connected();
    call.speak([voice], 10);
    const lost = Array.from({ length: 65_535 }, (_, i) => i);
    for (let at = 0; at < lost.length; at += 1000) {
      call.inject(
        receiver.protectRtcp([
          { type: 'nack', senderSsrc: 9, mediaSsrc: OUT.ssrc, lost: lost.slice(at, at + 1000) },
        ]),
      );
    }
    expect(receiver.rtp.length).toBeLessThanOrEqual(20);
    const [stat] = call.core.handleRequest('transport.getStats', { transportId: receiver.id });
    expect(stat!.drops['nack-unanswerable']).toBeGreaterThan(60_000);
  });

  test('a stream without NACK in its parameters is not repaired', () => {
    call.produce(sender, 'microphone', { mid: '0', ssrc: 1111 });
    call.consume(receiver, 'consumer', 'microphone', { ...OUT, nack: false });
    const voice = new Voice(sender, 1111, 'ada');
    call.speak([voice], 5);
    call.inject(
      receiver.protectRtcp([
        { type: 'nack', senderSsrc: 9, mediaSsrc: OUT.ssrc, lost: [numbersOf(receiver)[2]!] },
      ]),
    );
    expect(receiver.rtp).toHaveLength(5);
    expect(call.core.cachedPackets).toBe(0);
  });

  test('the sender report of a consumer lies on the line of what it plays', () => {
    const voice = connected();
    call.speak([voice], 60);
    const reports = receiver.senderReports(OUT.ssrc);
    expect(reports.length).toBeGreaterThanOrEqual(1);
    const { atMicros, packet } = reports[0]!;
    const newest = receiver.rtp.filter((rtp) => rtp.atMicros <= atMicros).at(-1)!;
    const ticks = (packet.rtpTimestamp - newest.timestamp) | 0;
    expect(Math.abs(ticks - ((atMicros - newest.atMicros) * 48) / 1000)).toBeLessThanOrEqual(1);
  });

  test('statistics name what happened', () => {
    const voice = connected();
    call.speak([voice], 60);
    const sr = receiver.senderReports(OUT.ssrc)[0]!;
    call.advance(40_000);
    const waited = Math.round(((call.nowMicros - sr.atMicros - 30_000) * 65_536) / 1e6);
    const block = {
      ssrc: OUT.ssrc,
      fractionLost: 64,
      cumulativeLost: 7,
      highestSequence: 0,
      jitter: 99,
      lastSr: middleNtp(sr.packet.ntpSeconds, sr.packet.ntpFraction),
      delaySinceLastSr: waited,
    };
    call.inject(receiver.protectRtcp([{ type: 'rr', ssrc: 9, reports: [block] }]));
    const [out, source] = call.core.handleRequest('consumer.getStats', { consumerId: 'consumer' });
    expect(out).toMatchObject({ type: 'outbound-rtp', packetCount: 60, packetsLost: 7, fractionLost: 64 });
    expect(out!.roundTripTime).toBeCloseTo(30, 0);
    expect(source).toMatchObject({ type: 'inbound-rtp', packetCount: 60, ssrc: 1111 });
  });
});

describe('senders', () => {
  test('a sender gets receiver reports about its stream every second, whether or not anybody listens', () => {
    call.produce(sender, 'microphone', { mid: '0', ssrc: 1111 });
    const voice = new Voice(sender, 1111, 'ada');
    call.speak([voice], 50);
    voice.next();
    call.speak([voice], 100);
    const blocks = sender.rtcp.flatMap(({ packet }) => (packet.type === 'rr' ? packet.reports : []));
    expect(blocks.length).toBeGreaterThanOrEqual(2);
    expect(blocks.at(-1)).toMatchObject({ ssrc: 1111, cumulativeLost: 1 });
  });

  test('what is lost on the way in is asked for, where that was negotiated', () => {
    const voice = connected();
    call.speak([voice], 5);
    const lost = voice.sequence;
    voice.next();
    call.speak([voice], 5);
    const nacks = sender.rtcp.flatMap(({ packet }) => (packet.type === 'nack' ? [packet] : []));
    expect(nacks[0]).toMatchObject({ mediaSsrc: 1111, lost: [lost] });
  });

  test('a section without SSRC is known by its MID, and the SSRC is bound to it', () => {
    call.produce(sender, 'microphone', { mid: 'sound' });
    call.consume(receiver, 'consumer', 'microphone', OUT);
    const voice = new Voice(sender, 2222, 'ada');
    voice.mid = 'sound';
    call.speak([voice], 3);
    voice.mid = undefined;
    call.speak([voice], 3);
    expect(receiver.rtp).toHaveLength(6);
  });

  test('H4.11 another SSRC of the same MID takes over without a hole', () => {
    call.produce(sender, 'microphone', { mid: 'sound' });
    call.consume(receiver, 'consumer', 'microphone', OUT);
    for (const ssrc of [2222, 3333]) {
      const voice = new Voice(sender, ssrc, 'ada', { sequence: ssrc * 7, timestamp: ssrc * 1_000_000 });
      voice.mid = 'sound';
      call.speak([voice], 5);
    }
    expect(receiver.rtp).toHaveLength(10);
    expect(numbersInARow(receiver)).toBe(true);
    expect(rises(receiver)).toBe(true);
  });

  test('packets of an SSRC that nobody announced go nowhere and are counted', () => {
    connected();
    const stranger = new Voice(sender, 9999, 'eve');
    call.speak([stranger], 5);
    expect(receiver.rtp).toEqual([]);
    expect(call.core.drops.toObject()['rtp-no-stream']).toBe(5);
  });

  test('H4.9 a flood of SSRCs with a known MID is capped', () => {
    call.produce(sender, 'microphone', { mid: 'sound' });
    for (let i = 0; i < 40; i++) {
      const voice = new Voice(sender, 10_000 + i, 'ada');
      voice.mid = 'sound';
      call.inject(voice.next());
    }
    expect(call.core.drops.toObject()['rtp-stream-limit']).toBe(24);
  });

  test('H4.10 the same SSRC in two transports: each is its own', () => {
    const third = call.addPeer();
    const voice = connected();
    call.produce(third, 'other', { mid: '0', ssrc: 1111 });
    const twin = new Voice(third, 1111, 'ben');
    call.speak([voice, twin], 5);
    expect(receiver.rtp).toHaveLength(5);
    expect(receiver.rtp.every(({ payload }) => payload.toString().startsWith('ada'))).toBe(true);
  });

  test('H4.8 a payload type that was not announced is dropped and counted', () => {
    call.produce(sender, 'microphone', { mid: '0', ssrc: 1111, payloadType: 97 });
    call.consume(receiver, 'consumer', 'microphone', OUT);
    call.speak([new Voice(sender, 1111, 'ada')], 5);
    expect(receiver.rtp).toEqual([]);
    expect(call.core.drops.toObject()['rtp-payload-type']).toBe(5);
  });

  test('a sender that goes silent loses its score and gets it back', () => {
    const voice = connected();
    call.speak([voice], 5);
    call.advance(4_000_000);
    call.speak([voice], 5);
    const scores = call.events.flatMap((event) =>
      event.event === 'producer.score' ? [event.score[0]!.score] : [],
    );
    expect(scores).toEqual([10, 0, 10]);
  });

  test('H5.1 a compound whose length lies: what was before counts, the rest is counted', () => {
    const voice = connected();
    call.speak([voice], 5);
    const block = {
      ssrc: OUT.ssrc,
      fractionLost: 0,
      cumulativeLost: 3,
      highestSequence: 0,
      jitter: 0,
      lastSr: 0,
      delaySinceLastSr: 0,
    };
    const report = writeRtcp([{ type: 'rr', ssrc: 9, reports: [block] }]);
    const lie = Buffer.from('81cd00ff0000000100000002', 'hex'); // NACK that claims 256 words
    call.inject(receiver.protectCompound(Buffer.concat([report, lie])));
    const [stat] = call.core.handleRequest('transport.getStats', { transportId: receiver.id });
    expect(stat!.drops).toMatchObject({ 'rtcp-malformed': 1 });
    expect(call.core.handleRequest('consumer.getStats', { consumerId: 'consumer' })[0]).toMatchObject({
      packetsLost: 3,
    });
  });

  test('H5.8 reports and feedback about streams of others change nothing', () => {
    const voice = connected();
    call.speak([voice], 5);
    const third = call.addPeer();
    call.inject(
      third.protectRtcp([
        { type: 'pli', senderSsrc: 9, mediaSsrc: 1111 },
        { type: 'fir', senderSsrc: 9, entries: [{ ssrc: 1111, sequence: 1 }] },
        { type: 'nack', senderSsrc: 9, mediaSsrc: OUT.ssrc, lost: numbersOf(receiver) },
        { type: 'remb', senderSsrc: 9, bitrate: 0, ssrcs: [OUT.ssrc] },
        { type: 'bye', ssrcs: [1111] },
      ]),
    );
    expect(receiver.rtp).toHaveLength(5);
    expect(third.rtp).toEqual([]);
    call.speak([voice], 5);
    expect(receiver.rtp).toHaveLength(10);
  });
});
