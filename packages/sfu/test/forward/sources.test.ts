/** One outgoing stream, one producer after the other: numbers, time, names and pictures go on (virtual streams R1–R4, R7). */
import { afterEach, describe, expect, test } from 'vitest';
import type { HeardRtp } from '../media/support/memoryCall.js';
import { CLOCK_RATE, factsOf, FRAME_MICROS, inOrder, vp8Faults, vp8Numbers } from './support/video.js';
import { SLOT_SSRC, SlotCall } from './support/slotCall.js';
import type { CameraOptions } from './support/slotCall.js';
import { vp9Faults } from './support/svc.js';

let video: SlotCall;
afterEach(() => video.close());

const worst = (errors: { errorMicros: number }[]): number =>
  Math.max(...errors.map(({ errorMicros }) => Math.abs(errorMicros)));
const names = (heard: readonly HeardRtp[]): string[] =>
  heard.flatMap(({ payload }) => factsOf(payload)?.e ?? []);

describe('a switch', () => {
  test('there and back: no hole, no step back, on the line after some pictures', () => {
    video = new SlotCall(1);
    const a = video.addCamera({ sequence: 65_530, timestamp: 0xffff_ff00 });
    const b = video.addCamera({ sequence: 3, timestamp: 7 });
    for (const camera of [a, b, a]) {
      video.slot.show(camera);
      video.film(60);
    }
    expect(video.faults()).toEqual([]);
    expect(vp8Faults(video.media())).toEqual([]);
    expect(video.slot.shown.map(({ id }) => id)).toEqual(['camera1', 'camera2', 'camera1']);
    const errors = video.lineErrors();
    expect(errors.length).toBeGreaterThan(175);
    expect(worst(errors)).toBeLessThan(FRAME_MICROS + 1000);
    expect(errors.filter((each) => worst([each]) > 1000).length).toBeLessThan(6);
  });

  test('the source before goes on until the key frame, which comes first', () => {
    video = new SlotCall(2);
    const a = video.addCamera();
    const b = video.addCamera();
    video.slot.show(a);
    video.film(40);
    b.keyFrames = false;
    const asked = b.requests;
    video.slot.show(b);
    video.film(20);
    expect(new Set(names(video.media()))).toEqual(new Set(['camera1']));
    // Two thirds of a second; what is not answered in half of one is asked again.
    expect(b.requests).toBe(asked + 2);
    expect(video.slot.follower.shown?.id).toBe('camera1');
    b.keyFrames = true;
    video.film(2);
    const first = inOrder(video.media()).find(({ payload }) => factsOf(payload)!.e === 'camera2')!;
    expect(factsOf(first.payload)).toMatchObject({ key: true, p: 0 });
    expect(video.slot.follower.shown?.id).toBe('camera2');
    video.film(30);
    expect(video.faults()).toEqual([]);
  });

  test('after a second without a key frame nothing goes out; when it comes the numbers go on', () => {
    video = new SlotCall(3);
    const a = video.addCamera();
    const b = video.addCamera();
    video.slot.show(a);
    video.film(40);
    b.keyFrames = false;
    video.slot.show(b);
    expect(video.slot.follower.nextDeadline()).toBe(video.call.nowMicros + 1_000_000);
    video.film(29);
    expect(names(video.media().slice(-1))).toEqual(['camera1']);
    const before = video.media().at(-1)!.atMicros;
    video.film(60);
    expect(video.slot.shown.at(-1)).toMatchObject({ id: undefined });
    const last = video.media().at(-1)!;
    expect(last.atMicros - before).toBeLessThan(70_000);
    b.keyFrames = true;
    video.film(60);
    expect(names(video.media().slice(-1))).toEqual(['camera2']);
    expect(video.faults()).toEqual([]);
    const errors = video.lineErrors().filter(({ e }) => e === 'camera2');
    expect(worst(errors)).toBeLessThan(1000);
  });

  test.each([
    [
      'is paused',
      (): void => void video.call.core.handleRequest('producer.pause', { producerId: 'camera1' }),
    ],
    [
      'is closed',
      (): void => void video.call.core.handleRequest('producer.close', { producerId: 'camera1' }),
    ],
  ])('the source before %s: it ends at once, the next one begins at its key frame', (_, end) => {
    video = new SlotCall(4);
    const a = video.addCamera();
    const b = video.addCamera();
    video.slot.show(a);
    video.film(40);
    b.keyFrames = false;
    video.slot.show(b);
    end();
    a.muted = true;
    const before = video.media().length;
    video.film(5);
    expect(video.media()).toHaveLength(before);
    expect(video.slot.follower.shown).toBeUndefined();
    b.keyFrames = true;
    video.film(40);
    expect(names(video.media().slice(-1))).toEqual(['camera2']);
    expect(video.faults()).toEqual([]);
  });

  test('what was wanted is closed: silence, and the next one goes on', () => {
    video = new SlotCall(5);
    const a = video.addCamera();
    const b = video.addCamera();
    video.slot.show(a);
    video.film(40);
    const sent = inOrder(video.media());
    video.call.core.handleRequest('producer.close', { producerId: 'camera1' });
    a.muted = true;
    expect(video.slot.follower.producer).toBeUndefined();
    // Its packets are gone with it: nothing is sent again, and nothing breaks.
    video.nack(sent.slice(-10).map(({ sequenceNumber }) => sequenceNumber));
    expect(video.repetitions()).toEqual([]);
    video.film(20);
    video.slot.show(b);
    video.film(40);
    expect(names(video.media().slice(-1))).toEqual(['camera2']);
    expect(video.faults()).toEqual([]);
  });

  test('nothing was sent: the first number lies in the lower half, with the first packet', () => {
    video = new SlotCall(6);
    const a = video.addCamera();
    const b = video.addCamera();
    a.keyFrames = b.keyFrames = false;
    video.film(40);
    video.slot.show(a);
    video.film(3);
    video.slot.show(b);
    video.film(3);
    expect(video.media()).toEqual([]);
    b.keyFrames = true;
    video.film(40);
    expect(video.media()[0]!.sequenceNumber).toBeLessThan(32_768);
    expect(video.faults()).toEqual([]);
    expect(worst(video.lineErrors())).toBeLessThan(1000);
  });

  test('nobody asks twice: to and fro within one window costs one key frame', () => {
    video = new SlotCall(7);
    const a = video.addCamera();
    const b = video.addCamera();
    video.slot.show(a);
    video.film(60);
    const before = [a.requests, b.requests];
    for (let i = 0; i < 20; i++) {
      video.slot.show(i % 2 ? a : b);
      video.film(3);
    }
    // Two seconds; the window is half of one.
    expect(a.requests - before[0]!).toBeLessThanOrEqual(5);
    expect(b.requests - before[1]!).toBeLessThanOrEqual(5);
    expect(video.faults()).toEqual([]);
  });
});

describe('codecs', () => {
  test.each<[string, CameraOptions[]]>([
    ['VP8, VP9, VP8', [{ codec: 'VP8' }, { codec: 'VP9' }, { codec: 'VP8' }]],
    [
      'VP8, AV1, AV1, VP9, VP8',
      [
        { pictureId: 0x4000 },
        { codec: 'AV1', temporalLayers: 3 },
        { codec: 'AV1' },
        { codec: 'VP9', spatialLayers: 2 },
        {},
      ],
    ],
    ['AV1, VP8, AV1', [{ codec: 'AV1' }, {}, { codec: 'AV1', spatialLayers: 3, temporalLayers: 3 }]],
  ])('%s: the payload type changes with the source, picture ids go on', (_, options) => {
    video = new SlotCall(8);
    const cameras = options.map((each) => video.addCamera(each));
    for (const camera of cameras) {
      video.slot.show(camera);
      video.film(50);
    }
    expect(video.faults()).toEqual([]);
    const heard = inOrder(video.media());
    expect(new Set(names(heard)).size).toBe(options.length);
    const of = (codec: string): HeardRtp[] =>
      heard.filter(({ payload }) => {
        const camera = cameras.find(({ id }) => factsOf(payload)!.e === id)!;
        return (camera.options.codec ?? 'VP8') === codec;
      });
    // Each codec's own numbers, over all that lay in between.
    const ids = of('VP8').map(({ payload }) => vp8Numbers(payload).pictureId);
    const steps = ids.slice(1).map((id, i) => (id - ids[i]!) & 0x7fff);
    expect(Math.max(0, ...steps)).toBeLessThan(60);
    if (of('VP9').length > 0) expect(vp9Faults(of('VP9'))).toEqual([]);
    const frameNumbers = of('AV1').map(({ extensions }) => extensions.get(12)!.readUInt16BE(1));
    const frameSteps = frameNumbers.slice(1).map((number, i) => (number - frameNumbers[i]!) & 0xffff);
    expect(Math.max(0, ...frameSteps)).toBeLessThan(8);
  });

  test('a repetition of before the change has the codec, the CSRC and the time of then', () => {
    video = new SlotCall(9);
    const cameras = (['VP8', 'VP9', 'AV1', 'VP8'] as const).map((codec) => video.addCamera({ codec }));
    for (const camera of cameras) {
      video.slot.show(camera);
      video.film(12);
    }
    const sent = inOrder(video.media());
    const wanted = sent.filter((_, i) => i % 3 === 0);
    expect(new Set(names(wanted)).size).toBe(4);
    for (let at = 0; at < wanted.length; at += 20)
      video.nack(wanted.slice(at, at + 20).map(({ sequenceNumber }) => sequenceNumber));
    const again = video.repetitions();
    expect(again).toHaveLength(wanted.length);
    again.forEach((packet, i) => {
      const { sequenceNumber, timestamp, marker, payload, csrcs } = wanted[i]!;
      expect(packet).toMatchObject({ sequenceNumber, timestamp, marker, csrcs });
      expect(packet.payload.equals(payload)).toBe(true);
    });
    video.film(30);
    expect(video.faults()).toEqual([]);
  });

  test('without RTX the repetition is the packet itself, of whatever source it was', () => {
    video = new SlotCall(10, { rtx: false });
    const cameras = (['VP8', 'VP9', 'VP8'] as const).map((codec) => video.addCamera({ codec }));
    for (const camera of cameras) {
      video.slot.show(camera);
      video.film(12);
    }
    const sent = inOrder(video.media());
    const wanted = sent.filter((_, i) => i % 4 === 0);
    video.nack(wanted.map(({ sequenceNumber }) => sequenceNumber));
    const again = video.media().slice(sent.length);
    expect(again).toHaveLength(wanted.length);
    again.forEach((packet, i) => {
      const { sequenceNumber, timestamp, marker, payloadType, csrcs } = wanted[i]!;
      expect(packet).toMatchObject({ sequenceNumber, timestamp, marker, payloadType, csrcs });
      expect(packet.payload.equals(wanted[i]!.payload)).toBe(true);
    });
  });
});

describe('the line', () => {
  test('sender reports lie on it, whatever is shown', () => {
    video = new SlotCall(11);
    const a = video.addCamera();
    const b = video.addCamera({ every: 7 });
    for (const camera of [a, b, a]) {
      video.slot.show(camera);
      video.film(70);
    }
    const reports = video.receiver.senderReports(SLOT_SSRC);
    expect(reports.length).toBeGreaterThan(5);
    for (const { atMicros, packet } of reports) {
      const line = video.slot.base + Math.round((atMicros * CLOCK_RATE) / 1e6);
      expect(Math.abs((packet.rtpTimestamp - line) | 0)).toBeLessThan(CLOCK_RATE / 1000);
    }
    expect(video.faults()).toEqual([]);
  });

  test('the anchor names the time of capture of what was sent with that timestamp, late packets included', () => {
    video = new SlotCall(20);
    const a = video.addCamera({ packetsPerFrame: 3 });
    const b = video.addCamera();
    const { member } = video.slot;
    const check = (): void => {
      const { rtpTimestamp, captureMicros } = member.anchor!;
      const sent = video.media().findLast(({ timestamp }) => timestamp === rtpTimestamp)!;
      const { e, n } = factsOf(sent.payload)!;
      expect(Math.abs(video.captured.get(`${e}/${n}`)! - captureMicros)).toBeLessThan(1000);
    };
    expect(member.anchor).toBeUndefined();
    for (const camera of [a, b, a]) {
      video.slot.show(camera);
      for (let i = 0; i < 30; i++) {
        video.film(1, { late: ({ facts }) => facts.p === 1 && i % 3 === 0 });
        if (member.anchor) check();
      }
    }
  });

  test('a lead is repaid by at most half of each step', () => {
    video = new SlotCall(12);
    const slow = video.addCamera({ every: 4 });
    const fast = video.addCamera();
    video.slot.show(slow);
    video.film(60);
    video.slot.show(fast);
    video.film(60);
    const errors = video.lineErrors();
    const at = errors.findIndex(({ e }) => e === 'camera2');
    for (let i = at + 1; i < errors.length; i++) {
      const paid = errors[i - 1]!.errorMicros - errors[i]!.errorMicros;
      expect(paid).toBeLessThan(FRAME_MICROS / 2 + 500);
      if (i > at + 6) expect(worst([errors[i]!])).toBeLessThan(1000);
    }
    expect(video.faults()).toEqual([]);
  });

  test('a sender whose clock is off by seconds, and one that never reports, are on the server’s', () => {
    video = new SlotCall(13);
    const a = video.addCamera({ clockMicros: 5_000_000, timestamp: 12 });
    const b = video.addCamera({ clockMicros: -3_000_000_000 });
    for (let i = 0; i < 4; i++) {
      video.slot.show(i % 2 ? a : b);
      video.film(60);
    }
    expect(video.faults()).toEqual([]);
    expect(video.lineErrors().filter((each) => worst([each]) > 1000).length).toBeLessThan(20);
  });
});

describe('beside the switch', () => {
  test('late packets of the source before are sent as asked for, in their own places', () => {
    video = new SlotCall(14);
    const a = video.addCamera({ packetsPerFrame: 4 });
    const b = video.addCamera({ packetsPerFrame: 3 });
    video.askForMissing();
    video.slot.show(a);
    video.film(30);
    for (let i = 0; i < 10; i++) {
      video.slot.show(i % 2 ? a : b);
      video.film(1, { lost: ({ facts }) => facts.p === 2 });
      video.film(32, { late: ({ facts }) => facts.p === 1 && facts.n % 5 === 0 });
    }
    video.film(60);
    expect(video.faults()).toEqual([]);
  });

  test.each([{ rtx: true }, { rtx: false }])(
    'what came only after the switch can be had, RTX: $rtx',
    ({ rtx }) => {
      video = new SlotCall(18, { rtx });
      const a = video.addCamera({ packetsPerFrame: 4 });
      const b = video.addCamera();
      video.slot.show(a);
      video.film(30);
      video.film(1, { lost: ({ facts }, camera) => camera === a && facts.p === 1, repairs: false });
      const hole = (video.media().at(-3)!.sequenceNumber + 1) & 0xffff;
      video.slot.show(b);
      video.film(3, { repairs: false });
      expect(video.slot.follower.shown?.id).toBe('camera2');
      video.film(12);
      expect(inOrder(video.media()).some(({ sequenceNumber }) => sequenceNumber === hole)).toBe(false);
      video.nack([hole]);
      const got = (rtx ? video.repetitions() : video.media()).at(-1)!;
      expect(got.sequenceNumber).toBe(hole);
      expect(factsOf(got.payload)).toMatchObject({ e: 'camera1', p: 1 });
      video.film(20);
      expect(video.faults()).toEqual([]);
    },
  );

  test('simulcast: the layer follows the preference over producers, and what is shown tells it', () => {
    video = new SlotCall(15);
    const rids = ['q', 'h', 'f'];
    const a = video.addCamera({ rids });
    const b = video.addCamera({ rids: ['q', 'h'] });
    video.film(10);
    const { follower } = video.slot;
    follower.follow(a.producer, [a.csrc], video.call.nowMicros, { spatial: 1, temporal: 0 });
    video.film(60);
    expect(names(video.media().slice(-1))).toEqual(['camera1.h']);
    expect(follower.current).toEqual({ spatial: 1, temporal: 0 });
    follower.follow(b.producer, [b.csrc], video.call.nowMicros, { spatial: 2, temporal: 0 });
    expect(follower.shown?.id).toBe('camera1');
    video.film(60);
    expect(names(video.media().slice(-1))).toEqual(['camera2.h']);
    expect(follower.preferred).toEqual({ spatial: 1, temporal: 0 });
    follower.setAllowedChoice(0, video.call.nowMicros);
    video.film(60);
    expect(names(video.media().slice(-1))).toEqual(['camera2.q']);
    follower.setAllowedChoice(-1, video.call.nowMicros);
    const before = video.media().length;
    video.film(10);
    expect(video.media()).toHaveLength(before);
    expect(follower.current).toBeUndefined();
    expect(follower.shown).toBeUndefined();
    follower.setAllowedChoice(1, video.call.nowMicros);
    video.film(60);
    expect(names(video.media().slice(-1))).toEqual(['camera2.h']);
    expect(video.faults()).toEqual([]);
  });

  test('what was lost while a source was muted is nobody’s afterwards', () => {
    video = new SlotCall(19);
    const a = video.addCamera({ packetsPerFrame: 4 });
    const [encoder] = a.encoders;
    video.askForMissing();
    video.slot.show(a);
    video.film(40);
    video.mute(a, true);
    video.film(10, { lost: ({ facts }) => facts.p === 2, repairs: false });
    video.mute(a, false);
    // Repetitions of before come first, and once more in between.
    const lost = encoder!.sent.filter(({ facts }) => facts.p === 2).slice(-10);
    video.call.inject(...lost.slice(0, 5).map((packet) => encoder!.repeat(packet)));
    video.film(1);
    video.call.inject(...lost.slice(5).map((packet) => encoder!.repeat(packet)));
    video.film(40);
    expect(video.faults()).toEqual([]);
    const numbers = inOrder(video.media()).map(({ sequenceNumber }) => sequenceNumber);
    expect(numbers.every((number, i) => i === 0 || ((number - numbers[i - 1]!) & 0xffff) === 1)).toBe(true);
    expect(worst(video.lineErrors().slice(-20))).toBeLessThan(1000);
  });

  test('what was lost before a source was muted is not where it begins afterwards', () => {
    video = new SlotCall(22);
    const a = video.addCamera({ packetsPerFrame: 4 });
    const [encoder] = a.encoders;
    video.askForMissing();
    video.slot.show(a);
    video.film(40);
    video.film(15, { lost: ({ facts }) => facts.p === 2, repairs: false });
    video.mute(a, true);
    video.mute(a, false);
    const lost = encoder!.sent.filter(({ facts }) => facts.p === 2).slice(-15);
    video.call.inject(encoder!.repeat(lost[0]!));
    const before = video.media().length;
    video.film(30);
    const own = video.media().slice(before);
    expect(own.length).toBeGreaterThan(50);
    const errors = video.lineErrors().filter(({ atMicros }) => atMicros >= own[0]!.atMicros);
    expect(worst(errors)).toBeLessThan(FRAME_MICROS + 1000);
  });

  test('a source that has sent nothing yet is waited for', () => {
    video = new SlotCall(16);
    const a = video.addCamera();
    const b = video.addCamera({ rids: ['q', 'h'] });
    b.muted = true;
    video.slot.show(a);
    video.film(40);
    video.slot.show(b);
    video.film(10);
    expect(names(video.media().slice(-1))).toEqual(['camera1']);
    b.muted = false;
    video.film(40);
    expect(names(video.media().slice(-1))).toEqual(['camera2.h']);
    expect(video.faults()).toEqual([]);
  });

  test('the transport is not ready: no number is used', () => {
    video = new SlotCall(17);
    const a = video.addCamera();
    const b = video.addCamera();
    video.slot.show(a);
    video.film(40);
    video.slot.setReady(false, video.call.nowMicros);
    video.film(5);
    video.slot.show(b);
    video.film(5);
    video.slot.setReady(true, video.call.nowMicros);
    video.film(40);
    expect(names(video.media().slice(-1))).toEqual(['camera2']);
    expect(video.faults()).toEqual([]);
  });
});
