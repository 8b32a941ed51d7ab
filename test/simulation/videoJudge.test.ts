/** The judge of pictures itself: a right stream passes, and each broken rule is seen as that rule and no other. */
import { describe, expect, test } from 'vitest';
import { toAddress } from '@tertulia/engine';
import { Peer } from '../../packages/sfu/test/media/support/memoryCall.js';
import { Random } from './support/random.js';
import { Camera, FRAME_MICROS, RECEIVER_PAYLOAD_TYPES } from './support/video/camera.js';
import { VideoJudge, type VideoRule, type VideoTold } from './support/video/videoJudge.js';

const SECOND = 1_000_000;
const DELAY = 20_000;
const BASE = 7777;
const FRAMES = 20;
const KEYS = new Uint8Array(16);

const peer = (number: number): Peer =>
  new Peer(
    number,
    { toServer: KEYS, fromServer: KEYS, salt: new Uint8Array(12) },
    toAddress('10.0.0.1', number),
  );

function makeCamera(source: number, codec: 'VP8' | 'H264'): Camera {
  const random = new Random(source);
  const camera = new Camera(source, `c${source}`, `p${source}`, peer(source), codec, 'camera', 20, random);
  camera.csrc = 500 + source;
  return camera;
}

type Told = { -readonly [Name in keyof VideoTold]: VideoTold[Name] };

/** The top stream of the first camera for 20 frames, of the second, of the first again: numbers, line and key frames right. */
function rightStream(cameras: readonly Camera[]): Told[] {
  const told: Told[] = [];
  let pictureId = 32_760;
  let out = 1000;
  for (let frame = 0; frame < 3 * FRAMES; frame++) {
    const nowMicros = SECOND + Math.round(frame * FRAME_MICROS);
    const shown = Math.floor(frame / FRAMES) === 1 ? 1 : 0;
    cameras.forEach((camera, at) => {
      const stream = camera.streams.at(-1)!;
      const made = stream.frame(nowMicros, frame % FRAMES === 0);
      if (at === shown && camera.codec === 'VP8') pictureId = (pictureId + 1) & 0x7fff;
      for (const { record, packet } of made) {
        record.arrivedMicros = nowMicros + DELAY;
        if (at !== shown) continue;
        told.push({
          out: out++,
          timestamp: (BASE + Math.round((90 * (nowMicros + DELAY)) / 1000)) >>> 0,
          marker: packet.facts.p === packet.facts.of - 1,
          csrcs: [camera.csrc],
          payloadType: RECEIVER_PAYLOAD_TYPES[camera.codec],
          facts: packet.facts,
          stream,
          payload: Buffer.from(packet.plain),
          pictureId: camera.codec === 'VP8' ? pictureId : -1,
          pictureIdBits: 15,
          sentMicros: nowMicros + DELAY + 500,
        });
      }
    });
  }
  return told;
}

interface Trial {
  change?: (stream: Told[], cameras: Camera[]) => Told[] | undefined;
  codecs?: ('VP8' | 'H264')[];
  owner?: string;
  repeat?: (stream: Told[]) => Told[];
}

function judged({ change, codecs = ['VP8', 'VP8'], owner = 'p9', repeat }: Trial): VideoJudge {
  const judge = new VideoJudge({ earlyMs: 5, lateMs: 5, firstLateMs: 5 });
  const cameras = codecs.map((codec, at) => makeCamera(at + 1, codec));
  for (const camera of cameras) judge.cameras.set(camera.source, camera);
  const slot = judge.slot(`${owner}/0`, owner);
  slot.report(BASE + 90_000, 1000);
  const packets = rightStream(cameras);
  for (const told of change?.(packets, cameras) ?? packets) slot.take(told);
  for (const again of repeat?.(packets) ?? [])
    slot.takeRepeated({ ...again, out: again.out & 0xffff, payloadType: again.payloadType + 1 });
  judge.finish();
  return judge;
}

describe('the judge of pictures', () => {
  test.each<Trial & { name: string }>([
    { name: 'a right stream with two switches' },
    { name: 'two codecs', codecs: ['VP8', 'H264'] },
    { name: 'another order of arrival', change: (s) => s.map((_, i) => s[i ^ 1]!) },
    { name: 'repeated as it was', repeat: (s) => [s[3]!, s[50]!] },
    {
      name: 'a gap that the source left',
      change: (s) => ((s[5]!.stream.records[5]!.arrivedMicros = undefined), s.filter((_, i) => i !== 5)),
    },
    {
      name: 'a key frame that begins once more, a picture later',
      change: (s) => [
        ...s.slice(0, 42),
        ...s.slice(40).map((told) => ({
          ...told,
          out: told.out + 2,
          timestamp: (told.timestamp + 90) >>> 0,
          pictureId: (told.pictureId + 1) & 0x7fff,
        })),
      ],
    },
    {
      name: 'frames left out with their numbers closed, nothing of what stays refers to them',
      change: (s) =>
        s
          .filter(({ facts }) => facts.temporal === 0)
          .map((told, i) => ({ ...told, out: 1000 + i, pictureId: (32_761 + (i >> 1)) & 0x7fff })),
    },
  ])('$name: no violation', (trial) => {
    const judge = judged(trial);
    expect(judge.examples).toEqual([]);
    expect(judge.switches).toBe(2);
  });

  test.each<Trial & { name: string; rules: VideoRule[] }>([
    {
      name: 'CSRC of the other camera',
      rules: ['attribution'],
      change: (s) => s.map((told, i) => (i === 60 ? { ...told, csrcs: [501] } : told)),
    },
    {
      name: 'a second CSRC',
      rules: ['attribution'],
      change: (s) => s.map((told, i) => (i === 60 ? { ...told, csrcs: [502, 42] } : told)),
    },
    { name: 'the own camera', rules: ['own-picture'], owner: 'p2' },
    {
      name: 'a packet that was there is left out',
      rules: ['gap', 'hole'],
      change: (s) => s.filter((_, i) => i !== 5),
    },
    {
      name: 'a number is skipped at a switch',
      rules: ['gap'],
      change: (s) => s.map((told, i) => (i >= 40 ? { ...told, out: told.out + 1 } : told)),
    },
    {
      name: 'a switch begins within a picture',
      rules: ['key-first', 'hole'],
      change: (s) =>
        s.filter((_, i) => i !== 40).map((told, i) => (i >= 40 ? { ...told, out: told.out - 1 } : told)),
    },
    {
      name: 'a frame that others refer to is left out, its numbers closed',
      rules: ['hole', 'picture-id'],
      change: (s) => s.filter(({ facts }) => facts.n !== 4).map((told, i) => ({ ...told, out: 1000 + i })),
    },
    {
      name: 'the timestamp goes back at a switch',
      rules: ['order', 'line', 'picture-id'],
      change: (s) =>
        s.map((told, i) => (i === 40 || i === 41 ? { ...told, timestamp: s[39]!.timestamp } : told)),
    },
    {
      name: 'two timestamps in one picture',
      rules: ['order', 'picture-id'],
      change: (s) => s.map((told, i) => (i === 11 ? { ...told, timestamp: told.timestamp + 1 } : told)),
    },
    {
      name: 'off the line',
      rules: ['line'],
      change: (s) => s.map((told, i) => (i >= 60 ? { ...told, timestamp: told.timestamp + 900 } : told)),
    },
    {
      name: 'picture ids begin anew at a switch',
      rules: ['picture-id'],
      change: (s) =>
        s.map((told, i) => (i >= 40 ? { ...told, pictureId: (told.pictureId + 500) & 0x7fff } : told)),
    },
    {
      name: 'repeated with another CSRC',
      rules: ['resend'],
      repeat: (s) => [{ ...s[3]!, csrcs: [502] }],
    },
    {
      name: 'repeated with the codec of now',
      rules: ['resend'],
      codecs: ['VP8', 'H264'],
      repeat: (s) => [{ ...s[3]!, payloadType: RECEIVER_PAYLOAD_TYPES.H264 }],
    },
    { name: 'repeated what never was', rules: ['resend'], repeat: (s) => [{ ...s.at(-1)!, out: 1200 }] },
  ])('$name is seen as $rules', ({ rules, ...trial }) => {
    expect(new Set(judged(trial).violations.keys())).toEqual(new Set(rules));
  });

  test('a lead that stays is seen against who has none', () => {
    const judge = new VideoJudge({ earlyMs: 5, lateMs: 50, firstLateMs: 50 });
    const cameras = [makeCamera(1, 'VP8'), makeCamera(2, 'VP8')];
    for (const camera of cameras) judge.cameras.set(camera.source, camera);
    const packets = rightStream(cameras);
    for (const [name, ticks] of [
      ['p8', 0],
      ['p9', 180],
    ] as const) {
      const slot = judge.slot(`${name}/0`, name);
      slot.report(BASE + 90_000, 1000);
      for (const told of packets) slot.take({ ...told, timestamp: told.timestamp + ticks });
    }
    judge.finish();
    expect(new Set(judge.violations.keys())).toEqual(new Set(['lead']));
    expect(judge.examples[0]).toMatch(/p9.* is 2\.00 ms ahead/);
  });

  test('a report off the line is seen', () => {
    const judge = new VideoJudge({ earlyMs: 5, lateMs: 5, firstLateMs: 5 });
    const slot = judge.slot('p9/0', 'p9');
    slot.report(5000, 100);
    slot.report(5000 + 90_000, 1100);
    expect(judge.total).toBe(0);
    slot.report(5000 + 180_000 + 10, 2100);
    expect([...judge.violations.keys()]).toEqual(['report-line']);
  });
});
