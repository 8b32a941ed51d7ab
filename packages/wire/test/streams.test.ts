/**
 * Packets of real encoders and payloaders: what comes out is byte for byte what FFmpeg reads from the encoder's own file, and
 * stays so when packets are lost. Where the packets come from: support/captureStreams.mjs.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AssembledFrame, RtpPayload } from '../src/index.js';
import { assemble, digest, packetsOf, readStreams } from './support/streams.js';
import { damaged, toHex } from './support/vectors.js';

const REASON = /^[a-z0-9]+(-[a-z0-9]+)+$/;

/** A loss does not spoil all that follows: their packets say what refers to what. */
const LAYERED = new Set(['vp8-chromium', 'vp9-chromium-svc', 'vp9-chromium-key']);

/** Of each timestamp: all of its packets. */
function framesOf(packets: readonly RtpPayload[]): RtpPayload[][] {
  const frames: RtpPayload[][] = [];
  for (const packet of packets) {
    if (frames.at(-1)?.[0]!.timestamp === packet.timestamp) frames.at(-1)!.push(packet);
    else frames.push([packet]);
  }
  return frames;
}

const packetCount = (frames: readonly AssembledFrame[]): number =>
  frames.reduce((sum, each) => sum + (each.ok ? each.frame.packets : each.packets), 0);

describe.each(readStreams())('$name', (stream) => {
  const packets = packetsOf(stream);
  const sent = framesOf(packets);
  const whole = assemble(stream.codec, packets);

  test("all frames are the file's", () => {
    expect(whole.map((each) => (each.ok ? digest(each.frame.data) : each.why))).toEqual(stream.frames);
    for (const each of whole) expect(each).toMatchObject({ ok: true, intact: true });
    expect(packetCount(whole)).toBe(packets.length);
    expect(whole[0]).toMatchObject({ frame: { keyFrame: true, firstSequenceNumber: 65_530 } });
  });

  test('key frames bring what a file needs', () => {
    const keys = whole.flatMap((each) => (each.ok && each.frame.keyFrame ? [each.frame] : []));
    if (stream.size === undefined) return expect(keys.every((each) => each.width === undefined)).toBe(true);
    const [width, height] = stream.size;
    expect(keys[0]).toMatchObject({ width, height });
    if (stream.codecPrivate === undefined) return expect(keys.every((each) => !each.codecPrivate)).toBe(true);
    for (const key of keys) expect(toHex(key.codecPrivate!)).toBe(stream.codecPrivate);
  });

  test('a frame whose marker was not sent ends where the next one begins', () => {
    const unmarked = packets.map((each) => ({ ...each, marker: false }));
    const frames = assemble(stream.codec, unmarked);
    // The last one: nobody can tell that it has ended.
    if (stream.codec !== 'opus' && stream.codec !== 'red')
      expect(frames.pop()).toMatchObject({ ok: false, why: 'frame-end-missing' });
    for (const [at, each] of frames.entries())
      expect(each.ok && digest(each.frame.data)).toEqual(stream.frames[at]);
  });

  test('whatever is lost: what is said to be whole is the file, and what may be shown can be', () => {
    const dropped = fc.array(fc.boolean(), { minLength: packets.length, maxLength: packets.length });
    fc.assert(
      fc.property(dropped, fc.nat(4), (drops, keep) => {
        // One packet in two, down to one in ten.
        const lost = drops.map((each, at) => each && (at * 7) % (keep + 1) === 0);
        const left = packets.filter((_, at) => !lost[at]);
        const answers = assemble(stream.codec, left);
        for (const each of answers) if (!each.ok) expect(each.why).toMatch(REASON);
        const given = new Map(answers.flatMap((each) => (each.ok ? [[each.frame.timestamp, each]] : [])));
        if (stream.codec !== 'red') expect(packetCount(answers)).toBe(left.length);
        let shown = false;
        for (const [at, frame] of sent.entries()) {
          const complete = frame.every((each) => !lost[each.sequenceNumber - 65_530]);
          const answer = given.get(frame[0]!.timestamp);
          if (answer) expect(digest(answer.frame.data)).toEqual(stream.frames[at]);
          if (stream.codec === 'opus' || stream.codec === 'red') {
            if (complete) expect(answer).toMatchObject({ intact: true });
            continue;
          }
          const original = whole[at];
          const key = original?.ok === true && original.frame.keyFrame;
          // Without layers: all since a key frame.
          shown = complete && (shown || key);
          if (!complete) expect(answer).toBeUndefined();
          else if (frame.at(-1)!.marker) expect(answer).toBeDefined();
          // With layers more can be shown; that it is right: test/interop/frames.test.ts.
          if (shown && answer) expect(answer.intact).toBe(true);
          if (!LAYERED.has(stream.name)) expect(answer?.intact ?? false).toBe(shown);
        }
      }),
      { numRuns: 60 },
    );
  });

  test('packets twice and too late are refused, the rest is as without them', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(packets.length - 1), { maxLength: 6 }), (again) => {
        const order = packets.flatMap((each, at) => [
          each,
          ...again.filter((late) => late === at).flatMap(() => [each, packets[Math.max(0, at - 3)]!]),
        ]);
        const answers = assemble(stream.codec, order);
        const given = answers.flatMap((each) => (each.ok ? [digest(each.frame.data)] : []));
        expect(given).toEqual(stream.frames);
        for (const each of answers) if (!each.ok) expect(each.why).toBe('frame-packet-order');
      }),
      { numRuns: 5 },
    );
  });

  test('every cut and every flip of a packet: no throw, a frame or a reason', () => {
    for (const [at, packet] of packets.slice(0, 3).entries()) {
      let count = 0;
      for (const payload of damaged(packet.payload)) {
        // All cuts and flips of the first bytes, one in nineteen of those behind them.
        const near = payload.length < 40 || (payload.length === packet.payload.length && count < 40 * 9);
        if (payload.length === packet.payload.length) count++;
        if (!near && (payload.length + count) % 19 !== 0) continue;
        const around = [...packets.slice(0, at), { ...packet, payload }, ...packets.slice(at + 1, at + 3)];
        const answers = assemble(stream.codec, around);
        for (const each of answers)
          if (each.ok) expect(each.frame.data.length).toBeGreaterThan(0);
          else expect(each.why).toMatch(REASON);
      }
    }
  });
});
