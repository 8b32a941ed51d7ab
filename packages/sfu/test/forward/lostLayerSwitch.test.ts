/**
 * The first packet of the key frame at which layers are switched is lost and comes again, or comes late: the switch is at that
 * key frame all the same, nothing is missing afterwards, and no other one is asked for. Of layers in time: at the next picture
 * where it is possible, and nothing is asked for.
 */
import { afterEach, describe, expect, test } from 'vitest';
import { SlotCall } from './support/slotCall.js';
import { Av1Encoder, markerFaults, Vp9Encoder } from './support/svc.js';
import { FRAME_MICROS, inOrder, judge, Vp8Encoder } from './support/video.js';
import type { SentPacket } from './support/video.js';
import { VideoCall } from './support/videoCall.js';

interface Case {
  codec: 'VP8' | 'VP9' | 'AV1';
  mode: string;
  /** AV1: key frames bring templates with other ids, so that nobody knows the layers until the first packet is there. */
  otherTemplates?: boolean;
  from: number;
  to: number;
  /** Highest layer in time that is wanted; undefined: all. */
  temporal?: number;
}

const UP_AND_DOWN = [
  { from: 0, to: 2 },
  { from: 1, to: 2 },
  { from: 2, to: 0 },
];
const KEY_FRAME_CASES: Case[] = [
  // With full layering, the way down needs no key frame.
  ...UP_AND_DOWN.slice(0, 2).flatMap((way): Case[] => [
    { codec: 'VP9', mode: 'L3T1', ...way },
    { codec: 'VP9', mode: 'L3T3', ...way },
    { codec: 'AV1', mode: 'L3T1', ...way },
    { codec: 'AV1', mode: 'L3T3', ...way },
    { codec: 'AV1', mode: 'L3T3', otherTemplates: true, ...way },
  ]),
  ...UP_AND_DOWN.flatMap((way): Case[] => [
    { codec: 'VP9', mode: 'L3T3_KEY', ...way },
    { codec: 'AV1', mode: 'L3T3_KEY', ...way },
    { codec: 'AV1', mode: 'L3T3_KEY', otherTemplates: true, ...way },
    // Simulcast. What comes between the request and the key frame may all be of no use.
    { codec: 'VP8', mode: 'L1T3', ...way },
    { codec: 'VP8', mode: 'L1T3', temporal: 0, ...way },
  ]),
];

const nameOf = ({ codec, mode, otherTemplates, from, to, temporal }: Case): string =>
  `${codec} ${mode} ${from} → ${to}${otherTemplates ? ', other templates' : ''}${temporal === undefined ? '' : `, T${temporal}`}`;

let video: VideoCall;
function start({ codec, mode, otherTemplates = false, from, temporal }: Case): void {
  video = new VideoCall(5);
  const [spatialLayers, temporalLayers] = [Number(mode[1]), Number(mode[3]) as 1 | 3];
  const mimeType = `video/${codec}`;
  const common = { mid: '1', temporalLayers, packetsPerFrame: 3, sequence: 65_450 } as const;
  const keyOnly = mode.endsWith('_KEY');
  const ssrcs = codec === 'VP8' ? [1000, 2000, 3000] : [1000];
  video.produce({
    mid: '1',
    mimeType,
    encodings: ssrcs.map((ssrc) => ({ ssrc, rtx: ssrc + 1, scalabilityMode: mode })),
  });
  video.encoders = ssrcs.map((ssrc) => {
    const options = { ...common, ssrc, spatialLayers, keyOnly, sameTemplates: !otherTemplates };
    if (codec === 'VP8') return new Vp8Encoder(video.sender, options);
    return codec === 'VP9' ? new Vp9Encoder(video.sender, options) : new Av1Encoder(video.sender, options);
  });
  const preferredLayers = {
    spatialLayer: from,
    ...(temporal === undefined ? {} : { temporalLayer: temporal }),
  };
  video.consume('consumer', { mimeType, preferredLayers });
  video.film(24);
  video.askForMissing();
}

/** Of the layer's stream where each layer has one. */
const ssrcOf = ({ codec, to }: Case): number => (codec === 'VP8' ? 1000 * (to + 1) : 1000);

/** The first packets of the next key frame, those of its lowest layer. */
function startOfKeyFrame(
  ssrc: number,
  count = 1,
): { keyFrame?: number; is: (packet: SentPacket) => boolean } {
  const found: { keyFrame?: number; is: (packet: SentPacket) => boolean } = {
    is: ({ facts }) => {
      if (!facts.key || facts.spatial !== 0 || facts.e !== String(ssrc)) return false;
      found.keyFrame ??= facts.n;
      return facts.n === found.keyFrame && facts.p < count;
    },
  };
  return found;
}

const requests = (): number => [1000, 2000, 3000].reduce((sum, ssrc) => sum + video.requests(ssrc), 0);

/** What the receiver has shows the layer from this frame on, without a fault. */
function expectSwitchAt(each: Case, keyFrame: number | undefined): void {
  expect(keyFrame).toBeDefined();
  const heard = video.repaired();
  const { decoded, faults, undecodable } = judge(heard);
  expect({ faults, undecodable }).toEqual({ faults: [], undecodable: [] });
  if (each.codec !== 'VP8') expect(markerFaults(inOrder(heard))).toEqual([]);
  const spatial = each.codec === 'VP8' ? 0 : each.to;
  const e = String(ssrcOf(each));
  const top = decoded.filter((frame) => frame.e === e && frame.n >= keyFrame! && frame.spatial === spatial);
  expect(top[0]!.n).toBe(keyFrame! + spatial);
  const encoder = video.encoders[each.codec === 'VP8' ? each.to : 0]!;
  const wanted = encoder.sent.filter(
    ({ facts: { n, p, spatial: of, temporal } }) =>
      n >= keyFrame! && p === 0 && of === spatial && temporal <= (each.temporal ?? 2),
  );
  // The last one may still be on its way. In time, layers are taken one after the other.
  expect(wanted.length - top.length).toBeLessThanOrEqual(each.mode.includes('T1') ? 1 : 12);
  expect(video.layers().at(-1)).toMatchObject({ spatialLayer: each.to });
}

describe.each(KEY_FRAME_CASES.map((each) => ({ ...each, name: nameOf(each) })))('$name', (each) => {
  afterEach(() => video.close());

  test('the first packet is lost and repeated', () => {
    start(each);
    const before = requests();
    video.prefer('consumer', each.to, each.temporal);
    const lost = startOfKeyFrame(ssrcOf(each));
    video.film(30, { lost: lost.is });
    expectSwitchAt(each, lost.keyFrame);
    expect(requests() - before).toBe(1);
  });

  test('the first packet comes after the others', () => {
    start(each);
    const before = requests();
    video.prefer('consumer', each.to, each.temporal);
    const late = startOfKeyFrame(ssrcOf(each));
    video.film(30, { late: late.is });
    expectSwitchAt(each, late.keyFrame);
    expect(requests() - before).toBe(1);
  });

  test('two packets of three are lost and repeated', () => {
    start(each);
    const before = requests();
    video.prefer('consumer', each.to, each.temporal);
    const lost = startOfKeyFrame(ssrcOf(each), 2);
    video.film(30, { lost: lost.is });
    expectSwitchAt(each, lost.keyFrame);
    expect(requests() - before).toBe(1);
  });

  test('a first packet that never comes: another key frame is asked for after half a second', () => {
    start(each);
    const before = requests();
    const since = video.call.nowMicros;
    video.prefer('consumer', each.to, each.temporal);
    const lost = startOfKeyFrame(ssrcOf(each));
    video.film(20, { lost: lost.is, repairs: false });
    expect(lost.keyFrame).toBeDefined();
    expect(requests() - before).toBe(2);
    const { decoded, undecodable } = judge(video.repaired(), { lossy: true });
    const spatial = each.codec === 'VP8' ? 0 : each.to;
    const top = decoded.find(
      (frame) =>
        frame.e === String(ssrcOf(each)) &&
        frame.spatial === spatial &&
        frame.key &&
        frame.n > lost.keyFrame! + 2,
    )!;
    expect(top.atMicros - since).toBeLessThanOrEqual(500_000 + 3 * FRAME_MICROS);
    expect(undecodable.every(({ n }) => n < top.n)).toBe(true);
  });
});

describe.each(['VP8', 'VP9', 'AV1'] as const)('layers in time, %s', (codec) => {
  afterEach(() => video.close());

  test.each([[[1]], [[2]], [[1, 2]]])(
    'where one may go up the first packet is lost, of layers %j',
    (layers) => {
      start({ codec, mode: 'L1T3', from: 0, to: 0, temporal: 0 });
      const before = requests();
      const since = video.call.nowMicros;
      video.prefer('consumer', 0, 2);
      const first = new Map<number, number>();
      video.film(30, {
        lost: ({ facts: { e, n, temporal, p } }) => {
          if (e !== '1000' || !layers.includes(temporal)) return false;
          if (!first.has(temporal)) first.set(temporal, n);
          return p === 0 && first.get(temporal) === n;
        },
      });
      const { decoded, faults, undecodable } = judge(video.repaired());
      expect({ faults, undecodable }).toEqual({ faults: [], undecodable: [] });
      const top = decoded.find(({ temporal, atMicros }) => temporal === 2 && atMicros > since)!;
      // The pattern is four pictures long, and VP8's sync comes in each second one.
      expect(top.atMicros - since).toBeLessThanOrEqual(12 * FRAME_MICROS);
      expect(requests() - before).toBe(0);
    },
  );
});

describe.each(['VP9', 'AV1'] as const)('a slot whose canvas grows, %s', (codec) => {
  test('stays on its line', () => {
    const call = new SlotCall(6);
    const camera = call.addCamera({ codec, spatialLayers: 3, temporalLayers: 3, packetsPerFrame: 3 });
    call.slot.follower.setPreferred({ spatial: 0, temporal: 2 }, call.call.nowMicros);
    call.slot.show(camera);
    call.film(90);
    call.askForMissing();
    const before = camera.requests;
    call.slot.follower.setPreferred({ spatial: 2, temporal: 2 }, call.call.nowMicros);
    let lost: number | undefined;
    call.film(60, {
      lost: ({ facts }) => {
        if (!facts.key || facts.spatial !== 0 || facts.p !== 0 || lost !== undefined) return false;
        lost = facts.n;
        return true;
      },
    });
    expect(lost).toBeDefined();
    expect(camera.requests - before).toBe(1);
    expect(call.slot.layers.at(-1)).toEqual({ spatial: 2, temporal: 2 });
    expect(call.faults()).toEqual([]);
    expect(call.decoded().find(({ n, spatial }) => spatial === 2 && n >= lost!)!.n).toBe(lost! + 2);
    for (const { errorMicros } of call.lineErrors().slice(-150))
      expect(Math.abs(errorMicros)).toBeLessThan(2_000);
    call.close();
  });
});
