/** The first packet of a key frame is lost and comes again: whoever waits begins there, and asks for no other. */
import { afterEach, describe, expect, test } from 'vitest';
import { SlotCall } from './support/slotCall.js';
import type { CodecName, SlotFilmOptions } from './support/slotCall.js';
import { VideoCall } from './support/videoCall.js';
import { judge, Vp8Encoder } from './support/video.js';

const FRAME_MICROS = 33_333;

describe.each(['VP8', 'VP9', 'AV1'] as const)('a slot that waits for %s', (codec: CodecName) => {
  let call: SlotCall;
  afterEach(() => call.close());

  test.each([
    { rtx: true, watched: false },
    { rtx: true, watched: true },
    { rtx: false, watched: false },
  ])('RTX $rtx, followed by others $watched', ({ rtx, watched }) => {
    call = new SlotCall(5, { rtx });
    const [first, second] = [call.addCamera({ codec: 'VP8' }), call.addCamera({ codec, packetsPerFrame: 3 })];
    if (watched) {
      const other = call.addSlot(call.call.addPeer());
      other.show(second);
    }
    call.slot.show(first);
    call.film(40);
    call.call.advance(1_000_000);
    call.film(20);
    const askedBefore = second.requests;
    const since = call.call.nowMicros;
    call.slot.show(second);
    let lost: number | undefined;
    const loses: SlotFilmOptions = {
      repairs: false,
      lost: ({ facts }, { id }) => {
        if (id !== second.id || !facts.key || facts.p !== 0) return false;
        lost = facts.n;
        return true;
      },
    };
    for (let i = 0; i < 5 && lost === undefined; i++) call.film(1, loses);
    expect(lost).toBeDefined();
    call.film(6);
    const { shown } = call.slot;
    expect(shown.at(-1)!.id).toBe(second.id);
    expect(shown.at(-1)!.atMicros - since).toBeLessThanOrEqual(10 * FRAME_MICROS);
    expect(second.requests - askedBefore).toBe(1);
    call.film(60);
    expect(second.requests - askedBefore).toBe(1);
    expect(call.decoded().find(({ e, n }) => e === second.id && n >= lost!)!.n).toBe(lost);
    expect(call.faults()).toEqual([]);
    for (const { errorMicros, atMicros } of call.lineErrors())
      if (atMicros > call.call.nowMicros - 1_000_000) expect(Math.abs(errorMicros)).toBeLessThan(2_000);
  });
});

test('what comes later than that is left, and another key frame is asked for', () => {
  const call = new SlotCall(5);
  const [first, second] = [call.addCamera(), call.addCamera({ packetsPerFrame: 3 })];
  call.slot.show(first);
  call.film(40);
  const askedBefore = second.requests;
  call.slot.show(second);
  let lost = -1;
  call.film(6, {
    repairs: false,
    lost: ({ facts }, { id }) => {
      if (id !== second.id || !facts.key || facts.p !== 0 || lost >= 0) return false;
      lost = facts.n;
      return true;
    },
  });
  call.film(60);
  expect(lost).toBeGreaterThanOrEqual(0);
  expect(second.requests - askedBefore).toBe(2);
  expect(call.slot.shown.at(-1)!.id).toBe(second.id);
  expect(call.decoded().find(({ e, key }) => e === second.id && key)!.n).toBeGreaterThan(lost + 5);
  expect(call.faults()).toEqual([]);
  call.close();
});

test('a consumer that waits begins there, too', () => {
  const video = new VideoCall(4);
  video.produce({ mid: '1', encodings: [{ ssrc: 1000, rtx: 1001 }] });
  video.encoders = [new Vp8Encoder(video.sender, { ssrc: 1000, mid: '1', packetsPerFrame: 3 })];
  video.film(20);
  video.consume('consumer');
  let lost: number | undefined;
  video.film(2, {
    lost: ({ facts }) => {
      if (!facts.key || facts.p !== 0) return false;
      lost = facts.n;
      return true;
    },
  });
  video.film(40);
  const { decoded, faults, undecodable } = judge(video.repaired());
  expect({ faults, undecodable }).toEqual({ faults: [], undecodable: [] });
  expect(decoded[0]!.n).toBe(lost);
  expect(video.requests(1000)).toBe(1);
  video.close();
});
