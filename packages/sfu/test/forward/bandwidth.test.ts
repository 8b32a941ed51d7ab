/** A receiver whose way narrows and widens: layers follow the estimate, the picture never stands still for a second. */
import { afterEach, describe, expect, test } from 'vitest';
import { writeRtp } from '@tertulia/wire';
import type { TransportWideFeedback } from '@tertulia/wire';
import { TransportFeedbackWriter } from '../../src/media/congestion/transportFeedbackWriter.js';
import type { HeardRtp, Peer } from '../media/support/memoryCall.js';
import { judge, PAYLOAD_TYPE, VIDEO_IDS, Vp8Encoder } from './support/video.js';
import { OUT_SSRC, VideoCall } from './support/videoCall.js';

const RIDS = ['q', 'h', 'f'];
const FEEDBACK = [{ type: 'nack' }, { type: 'nack', parameter: 'pli' }, { type: 'transport-cc' }];
const EXTENSIONS = ['mid', 'rid', 'repairedRid', 'transportWideCc'] as const;

let video: VideoCall;
afterEach(() => video.close());

/** One queue of so many bit/s before a receiver, who reports with transport-wide feedback what came through it. */
class Bottleneck {
  readonly arrived: HeardRtp[] = [];
  readonly lost: HeardRtp[] = [];
  #seen = 0;
  #freeMicros = 0;
  #pending: { packet: HeardRtp; atMicros: number; number: number }[] = [];
  readonly #writer = new TransportFeedbackWriter();
  #nacked = 0;

  constructor(
    readonly peer: Peer,
    public bitrate: number,
    readonly delayMicros = 20_000,
    readonly queueMicros = 300_000,
  ) {}

  step(nowMicros: number): void {
    const { rtp } = this.peer;
    for (; this.#seen < rtp.length; this.#seen++) {
      const packet = rtp[this.#seen]!;
      const number = packet.extensions.get(VIDEO_IDS.transportWideCc)?.readUInt16BE(0) ?? -1;
      const bytes = 12 + 16 + 28 + packet.payload.length + (packet.payload.length === 0 ? 200 : 0);
      const start = Math.max(this.#freeMicros, packet.atMicros);
      if (start - packet.atMicros > this.queueMicros) {
        this.lost.push(packet);
        continue;
      }
      this.#freeMicros = start + (bytes * 8e6) / this.bitrate;
      this.#pending.push({ packet, atMicros: this.#freeMicros + this.delayMicros, number });
    }
    while (this.#pending.length > 0 && this.#pending[0]!.atMicros <= nowMicros) {
      const { packet, atMicros, number } = this.#pending.shift()!;
      this.arrived.push({ ...packet, atMicros });
      if (number >= 0) this.#writer.handlePacket(number, Math.floor(atMicros));
    }
    const feedback: TransportWideFeedback[] = this.#writer.poll(nowMicros, 9, OUT_SSRC);
    for (const packet of feedback) video.call.inject(this.peer.protectRtcp([packet]));
    this.#askAgain();
  }

  #askAgain(): void {
    const lost = this.lost.slice(this.#nacked).filter(({ ssrc }) => ssrc === OUT_SSRC);
    this.#nacked = this.lost.length;
    if (lost.length === 0) return;
    const numbers = lost.map(({ sequenceNumber }) => sequenceNumber);
    video.call.inject(
      this.peer.protectRtcp([{ type: 'nack', senderSsrc: 9, mediaSsrc: OUT_SSRC, lost: numbers }]),
    );
  }

  /** What a decoder has: repetitions are what they repeat. */
  media(): HeardRtp[] {
    return this.arrived.flatMap((packet) => {
      if (packet.ssrc === OUT_SSRC) return [packet];
      if (packet.ssrc !== OUT_SSRC + 1 || packet.payload.length < 3) return [];
      const sequenceNumber = packet.payload.readUInt16BE(0);
      return [{ ...packet, sequenceNumber, payload: packet.payload.subarray(2) }];
    });
  }
}

function start(bitrate: number): Bottleneck {
  video = new VideoCall(5);
  video.produce({ mid: '1', encodings: RIDS.map((rid) => ({ rid, scalabilityMode: 'L1T1' })) });
  const sizes = [
    { packetsPerFrame: 1, filler: 480 }, // 150 kbit/s
    { packetsPerFrame: 2, filler: 900 }, // 500 kbit/s
    { packetsPerFrame: 6, filler: 930 }, // 1.5 Mbit/s
  ];
  video.encoders = RIDS.map((rid, i) => {
    const ssrc = 1000 * (i + 1);
    return new Vp8Encoder(video.sender, { ssrc, rtxSsrc: ssrc + 1, name: rid, rid, mid: '1', ...sizes[i]! });
  });
  video.consume('consumer', { feedback: FEEDBACK, extensions: [...EXTENSIONS] });
  return new Bottleneck(video.receiver, bitrate);
}

function run(bottleneck: Bottleneck, seconds: number): void {
  video.film(seconds * 30, { step: (nowMicros) => bottleneck.step(nowMicros) });
}

const shown = (bottleneck: Bottleneck): { e: string; atMicros: number }[] =>
  judge(bottleneck.media(), { lossy: true }).decoded;

const last = (bottleneck: Bottleneck): string | undefined => shown(bottleneck).at(-1)?.e;

function longestFreeze(bottleneck: Bottleneck): number {
  const times = shown(bottleneck).map(({ atMicros }) => atMicros);
  return Math.max(...times.map((at, i) => (i === 0 ? 0 : at - times[i - 1]!)));
}

describe('a way that changes', () => {
  test('wide enough: the highest layer within ten seconds', () => {
    const bottleneck = start(5_000_000);
    run(bottleneck, 10);
    expect(last(bottleneck)).toBe('f');
    expect(longestFreeze(bottleneck)).toBeLessThan(1_000_000);
  });

  test('300 kbit/s and back: down to what fits, up again, no freeze of a second', () => {
    const bottleneck = start(5_000_000);
    run(bottleneck, 10);
    bottleneck.bitrate = 300_000;
    run(bottleneck, 12);
    expect(last(bottleneck)).toBe('q');
    bottleneck.bitrate = 5_000_000;
    run(bottleneck, 25);
    expect(last(bottleneck)).toBe('f');
    expect(longestFreeze(bottleneck)).toBeLessThan(1_000_000);
    const { undecodable } = judge(bottleneck.media(), { lossy: true });
    expect(undecodable.length).toBeLessThan(0.02 * 47 * 30);
  });

  test('a limit of the application is kept', () => {
    const bottleneck = start(5_000_000);
    video.call.core.handleRequest('transport.setMaxOutgoingBitrate', {
      transportId: video.receiver.id,
      bitrate: 700_000,
    });
    run(bottleneck, 15);
    expect(last(bottleneck)).toBe('h');
    const late = bottleneck.arrived.filter(({ atMicros }) => atMicros > 6_000_000);
    const bytes = late.reduce((sum, { payload }) => sum + payload.length + 40, 0);
    expect((bytes * 8) / ((late.at(-1)!.atMicros - late[0]!.atMicros) / 1e6)).toBeLessThan(800_000);
  });

  test('two consumers share the way by priority', () => {
    const bottleneck = start(900_000);
    video.consume('second', { ssrc: OUT_SSRC + 100, feedback: FEEDBACK, extensions: [...EXTENSIONS] });
    video.call.core.handleRequest('consumer.setPriority', { consumerId: 'second', priority: 10 });
    run(bottleneck, 15);
    expect(video.layers('second').at(-1)).toEqual({ spatialLayer: 1, temporalLayer: 0 });
    expect(video.layers('consumer').at(-1)).toEqual({ spatialLayer: 0, temporalLayer: 0 });
  });
});

describe('what a sender is told', () => {
  const encodings = [{ ssrc: 1000, rtx: 1001 }];

  test('feedback covers streams that nobody has bound, and padding', () => {
    video = new VideoCall(3);
    video.produce({ mid: '1', encodings, feedback: FEEDBACK, extensions: [...EXTENSIONS] });
    const { call, sender } = video;
    for (let number = 0; number < 40; number++) {
      const packet = writeRtp({
        payloadType: number % 2 ? PAYLOAD_TYPE.media : 120,
        marker: false,
        sequenceNumber: number,
        timestamp: 0,
        ssrc: 7_000 + (number % 4),
        extensions: [{ id: VIDEO_IDS.transportWideCc, bytes: Uint8Array.of(0, number) }],
        payload: new Uint8Array(number % 2 ? 100 : 0),
      });
      call.inject(sender.protect(packet));
      call.advance(5_000);
    }
    call.advance(200_000);
    const reported = sender.rtcp.flatMap(({ packet }) =>
      packet.type === 'twcc'
        ? packet.deltas.flatMap((delta, i) => (delta === undefined ? [] : [packet.baseSequence + i]))
        : [],
    );
    expect(reported).toEqual(Array.from({ length: 40 }, (_, i) => i));
  });

  test('a limit of the application goes to the sender as REMB', () => {
    video = new VideoCall(3);
    video.produce({ mid: '1', encodings, feedback: FEEDBACK, extensions: [...EXTENSIONS] });
    const { call, sender } = video;
    call.core.handleRequest('transport.setMaxIncomingBitrate', { transportId: sender.id, bitrate: 250_000 });
    call.advance(5_000_000);
    const limits = sender.rtcp.flatMap(({ packet }) => (packet.type === 'remb' ? [packet.bitrate] : []));
    expect(limits.length).toBeGreaterThanOrEqual(3);
    for (const limit of limits) expect(Math.abs(limit - 250_000)).toBeLessThan(2_000);
  });
});
