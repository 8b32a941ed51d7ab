/** abs-capture-time in slots of pictures: the server's time, told once for all receivers. docs/virtual-streams.md R6. */
import { afterEach, expect, test } from 'vitest';
import { fromNtp, parseAbsCaptureTime, toNtp, writeAbsCaptureTime } from '@tertulia/wire';
import { UNIX_MICROS_AT_ZERO } from '../media/support/memoryCall.js';
import type { HeardRtp } from '../media/support/memoryCall.js';
import { SlotCall } from './support/slotCall.js';
import type { Camera, SlotOptions } from './support/slotCall.js';
import { factsOf, VIDEO_IDS } from './support/video.js';

let call: SlotCall;
afterEach(() => call.close());

const HOUR = 3_600_000_000;

/** A camera that says so, or not, in each picture: what it sends was captured so long before. */
function film(cameras: readonly Camera[], frames: number, { says = true, heldMicros = 0 } = {}): void {
  for (let i = 0; i < frames; i++) {
    for (const { encoders, options } of cameras) {
      const micros = UNIX_MICROS_AT_ZERO + call.call.nowMicros + (options.clockMicros ?? 0) - heldMicros;
      const { seconds, fraction } = toNtp(micros / 1000);
      const bytes = writeAbsCaptureTime({ ntpSeconds: seconds, ntpFraction: fraction });
      for (const encoder of encoders) encoder.captureTime = says ? bytes : undefined;
    }
    call.film(1);
  }
}

const bytesOf = ({ extensions }: HeardRtp): Buffer | undefined => extensions.get(VIDEO_IDS.absCaptureTime);

/** Of the packets that tell it: by how much it is wrong. */
function errors(heldMicros = 0): { micros: number; atMicros: number; packet: HeardRtp }[] {
  return call.media().flatMap((packet) => {
    const bytes = bytesOf(packet);
    const facts = factsOf(packet.payload);
    if (!bytes || !facts) return [];
    const time = parseAbsCaptureTime(bytes, 0, bytes.length);
    if (!time.ok) throw new Error(time.why);
    expect(time.value.clockOffset).toBe(0n);
    const told = fromNtp(time.value.ntpSeconds, time.value.ntpFraction) * 1000 - UNIX_MICROS_AT_ZERO;
    const captured = call.captured.get(`${facts.e}/${facts.n}`)! - heldMicros;
    return [{ micros: told - captured, atMicros: packet.atMicros, packet }];
  });
}

const CAPTURE: SlotOptions = { captureTime: true };

test.each([
  { name: 'who say it', says: true, heldMicros: 2_000_000 },
  { name: 'who do not', says: false, heldMicros: 0 },
])('pictures of cameras $name, their clocks hours apart, bear the server’s time of capture', (options) => {
  call = new SlotCall(1, CAPTURE);
  const cameras = [HOUR, -2 * HOUR].map((clockMicros) => call.addCamera({ clockMicros }));
  for (let turn = 0; turn < 6; turn++) {
    call.slot.show(cameras[turn % 2]);
    film(cameras, 50, options);
  }
  const told = errors(options.heldMicros);
  // What is said is translated when both clocks are known: the first report comes after five frames.
  for (const { micros, atMicros } of told)
    if (atMicros > 1_500_000) expect(Math.abs(micros)).toBeLessThan(1_000);
  expect(told.length).toBeGreaterThan(12);
  expect(told.length).toBeLessThan(call.media().length / 4);
  let source: number | undefined;
  let lastMicros = -Infinity;
  for (const packet of call.media()) {
    if (packet.csrcs[0] !== source) expect(bytesOf(packet)).toBeDefined();
    source = packet.csrcs[0];
    if (bytesOf(packet)) lastMicros = packet.atMicros;
    expect(packet.atMicros - lastMicros).toBeLessThanOrEqual(1_000_000);
  }
  expect(call.faults()).toEqual([]);
});

test('nothing of it comes to a slot that did not negotiate it', () => {
  call = new SlotCall(1);
  const camera = call.addCamera({ clockMicros: HOUR });
  call.slot.show(camera);
  film([camera], 60);
  expect(call.media().length).toBeGreaterThan(60);
  expect(call.media().some(bytesOf)).toBe(false);
});

test.each([true, false])('what is asked for again says what it said, RTX %s', (rtx) => {
  call = new SlotCall(1, { ...CAPTURE, rtx });
  const camera = call.addCamera({ clockMicros: HOUR });
  call.slot.show(camera);
  film([camera], 40);
  const wanted = errors().at(-1)!.packet;
  call.receiver.rtp.length = 0;
  call.nack([wanted.sequenceNumber]);
  const [again] = rtx ? call.repetitions() : call.media();
  expect(bytesOf(again!)).toEqual(bytesOf(wanted));
  expect(again!.payload).toEqual(wanted.payload);
});
