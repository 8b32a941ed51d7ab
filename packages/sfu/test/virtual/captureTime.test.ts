/**
 * abs-capture-time in slots of sound: which packets bear it, and that it is the server's time whatever the sender's clock
 * says. The whole media core, with real packets. docs/virtual-streams.md R6.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fromNtp, parseAbsCaptureTime, toNtp, writeAbsCaptureTime } from '@tertulia/wire';
import { IDS, MemoryCall, UNIX_MICROS_AT_ZERO, Voice } from '../media/support/memoryCall.js';
import type { HeardRtp, Peer } from '../media/support/memoryCall.js';

const FRAME_MICROS = 20_000;
const SECOND_FRAMES = 50;
/** The sound in a packet. Until a report says more it is taken to have begun so long before it came; these senders need no time. */
const PACKET_MICROS = FRAME_MICROS;

let call: MemoryCall;
beforeEach(() => {
  call = new MemoryCall();
  call.virtualStreams();
});
afterEach(() => call.close());

const slots = (captureTime: boolean, count = 3) =>
  Array.from({ length: count }, (_, i) => ({
    mid: `a${i}`,
    ssrc: 0x5000_0000 + i,
    nack: true,
    payloadType: 96,
    captureTime,
  }));

interface ClockOptions {
  /** Its clock, less the server's. */
  aheadMicros: number;
  delayMicros?: number;
  /** Of the capturer's clock against the sender's own; undefined: it does not say, and is the capturer. */
  capturerAheadMicros?: number;
  /** It plays what was captured so long ago: a relay, a player. */
  heldMicros?: number;
  says?: boolean;
}

/** A microphone with a clock of its own and a path of constant delay. */
class Device {
  readonly voice: Voice;
  readonly #said: number[] = [];
  #sinceSaid = 0;

  constructor(
    readonly peer: Peer,
    readonly name: string,
    ssrc: number,
    readonly options: ClockOptions,
  ) {
    this.voice = new Voice(peer, ssrc, name, { timestamp: ssrc * 77 });
  }

  /** µs of the server's clock at which the packet that comes now was made. */
  get captured(): number {
    return call.nowMicros - (this.options.delayMicros ?? 0);
  }

  packet(): { from: Uint8Array; bytes: Uint8Array } {
    const { aheadMicros, capturerAheadMicros, heldMicros = 0, says = true } = this.options;
    const captured = this.captured - heldMicros;
    const byCapturer = UNIX_MICROS_AT_ZERO + captured + aheadMicros + (capturerAheadMicros ?? 0);
    const { seconds, fraction } = toNtp(byCapturer / 1000);
    const offset = capturerAheadMicros;
    this.voice.captureTime =
      says && this.#sinceSaid++ % SECOND_FRAMES === 0
        ? writeAbsCaptureTime({
            ntpSeconds: seconds,
            ntpFraction: fraction,
            ...(offset === undefined ? {} : { clockOffset: BigInt(Math.round((offset / 1e6) * 2 ** 32)) }),
          })
        : undefined;
    this.#said.push(captured);
    return this.voice.next();
  }

  /** The server's time at which its packet of that number was captured. */
  capturedAt(number: number): number {
    return this.#said[number]!;
  }

  report(): { from: Uint8Array; bytes: Uint8Array } {
    const { seconds, fraction } = toNtp(
      (UNIX_MICROS_AT_ZERO + this.captured + this.options.aheadMicros) / 1000,
    );
    return this.peer.protectRtcp([
      {
        type: 'sr',
        ssrc: this.voice.ssrc,
        ntpSeconds: seconds,
        ntpFraction: fraction,
        rtpTimestamp: this.voice.timestamp,
        packetCount: this.voice.sent,
        octetCount: 0,
        reports: [],
      },
    ]);
  }
}

function addDevice(name: string, options: ClockOptions, negotiated = true): Device {
  const peer = call.addPeer();
  const ssrc = 1000 + call.peers.length;
  call.produce(peer, name, { mid: '0', ssrc, captureTime: negotiated });
  call.addSource(name, name);
  return new Device(peer, name, ssrc, options);
}

function addListener(captureTime = true, count = 3): Peer {
  const listener = call.addPeer();
  call.createReceiver(
    listener,
    `receiver${listener.number}`,
    slots(captureTime, count),
    `l${listener.number}`,
  );
  return listener;
}

function play(devices: readonly Device[], frames: number): void {
  for (let i = 0; i < frames; i++) {
    if (i % 100 === 10) call.inject(...devices.map((device) => device.report()));
    call.inject(...devices.map((device) => device.packet()));
    call.advance(FRAME_MICROS);
  }
}

interface Told {
  name: string;
  packet: HeardRtp;
  /** µs of the engine's clock. */
  micros: number;
  errorMicros: number;
}

/** What packets tell of their capture, against the truth. */
function told(listener: Peer, devices: readonly Device[]): Told[] {
  return listener.rtp.flatMap((packet) => {
    const bytes = packet.extensions.get(IDS.absCaptureTime);
    if (!bytes) return [];
    const time = parseAbsCaptureTime(bytes, 0, bytes.length);
    if (!time.ok) throw new Error(time.why);
    // By the server's own clock: nothing is left to be known of another.
    expect(time.value.clockOffset).toBe(0n);
    const micros = fromNtp(time.value.ntpSeconds, time.value.ntpFraction) * 1000 - UNIX_MICROS_AT_ZERO;
    const [name = '', number] = packet.payload.toString().trim().split(/ +/);
    const device = devices.find((each) => each.name === name)!;
    return [{ name, packet, micros, errorMicros: micros - device.capturedAt(Number(number)) }];
  });
}

const HOUR = 3_600_000_000;

describe('the time of capture', () => {
  test('of senders with clocks hours apart is one: the server’s', () => {
    const devices = [
      addDevice('ada', { aheadMicros: 3 * HOUR }),
      addDevice('ben', { aheadMicros: -2 * HOUR, heldMicros: 1_500_000 }),
    ];
    const listener = addListener();
    play(devices, 300);
    const heard = told(listener, devices);
    expect(new Set(heard.map(({ name }) => name))).toEqual(new Set(['ada', 'ben']));
    const last = heard.filter(({ packet }) => packet.atMicros > call.nowMicros - 2_000_000);
    expect(last.length).toBeGreaterThan(4);
    for (const { errorMicros } of last) expect(Math.abs(errorMicros)).toBeLessThan(1_000);
  });

  test('is right from the first report on, and by arrival before it', () => {
    const devices = [addDevice('ada', { aheadMicros: HOUR, delayMicros: 30_000 })];
    const listener = addListener();
    play(devices, 100);
    for (const { errorMicros } of told(listener, devices)) {
      // Nobody can know how long the fastest packet was under way.
      expect(errorMicros).toBeGreaterThan(-1_000);
      expect(errorMicros).toBeLessThan(31_000);
    }
  });

  test('that was taken by somebody else’s clock is translated by the offset that the sender tells', () => {
    const devices = [
      addDevice('ada', { aheadMicros: HOUR, heldMicros: 400_000, capturerAheadMicros: 7_200_500_000 }),
      addDevice('ben', { aheadMicros: -HOUR, heldMicros: 3_000_000, capturerAheadMicros: -90_000_000 }),
      addDevice('eva', { aheadMicros: HOUR, heldMicros: 700_000 }),
    ];
    const listener = addListener();
    play(devices, 200);
    const last = told(listener, devices).filter(({ packet }) => packet.atMicros > call.nowMicros - 1_500_000);
    expect(last.length).toBeGreaterThan(2);
    for (const { errorMicros } of last) expect(Math.abs(errorMicros)).toBeLessThan(1_000);
  });

  test('of a sender that says an impossible one is that of its timestamps', () => {
    // Another clock than its reports', and no offset told.
    const devices = [addDevice('ada', { aheadMicros: HOUR })];
    const { voice } = devices[0]!;
    const next = voice.next.bind(voice);
    voice.next = () => {
      voice.captureTime = writeAbsCaptureTime({ ntpSeconds: 5, ntpFraction: 0 });
      return next();
    };
    const listener = addListener();
    play(devices, 150);
    for (const { errorMicros } of told(listener, devices))
      expect(Math.abs(errorMicros + PACKET_MICROS / 2)).toBeLessThan(PACKET_MICROS / 2 + 1_000);
  });

  test('is told where the source does not say it, by the line', () => {
    const devices = [addDevice('ada', { aheadMicros: HOUR, says: false }, false)];
    const listener = addListener();
    play(devices, 150);
    const heard = told(listener, devices);
    expect(heard.length).toBeGreaterThan(4);
    for (const { errorMicros } of heard)
      expect(Math.abs(errorMicros + PACKET_MICROS / 2)).toBeLessThan(PACKET_MICROS / 2 + 1_000);
  });

  test('is in the first packet after each switch and then in one of each second, not in each', () => {
    const devices = ['ada', 'ben', 'eva'].map((name, i) => addDevice(name, { aheadMicros: i * HOUR }));
    const listener = addListener(true, 1);
    for (let turn = 0; turn < 9; turn++) {
      devices.forEach(({ voice }, i) => (voice.level = i === turn % 3 ? 20 : 127));
      play(devices, 80);
    }
    expect(listener.rtp.filter(({ marker }) => marker).length).toBeGreaterThan(8);
    let lastMicros = -Infinity;
    let source: number | undefined;
    for (const { csrcs, extensions, atMicros } of listener.rtp) {
      const says = extensions.has(IDS.absCaptureTime);
      if (csrcs[0] !== source) expect(says).toBe(true);
      source = csrcs[0];
      if (says) lastMicros = atMicros;
      expect(atMicros - lastMicros).toBeLessThanOrEqual(1_000_000);
    }
    expect(told(listener, devices).length).toBeLessThan(listener.rtp.length / 10);
  });

  test('goes with its packet when that is asked for again, to the last byte', () => {
    const devices = [addDevice('ada', { aheadMicros: HOUR })];
    const listener = addListener();
    play(devices, 60);
    const wanted = told(listener, devices).slice(-2);
    listener.rtp.splice(0);
    play(devices, 5);
    const lost = wanted.map(({ packet }) => packet.sequenceNumber);
    const before = listener.rtp.length;
    call.inject(
      listener.protectRtcp([{ type: 'nack', senderSsrc: 9, mediaSsrc: wanted[0]!.packet.ssrc, lost }]),
    );
    const again = listener.rtp.slice(before);
    expect(again).toHaveLength(2);
    again.forEach((packet, i) => {
      const { atMicros: _now, ...rest } = packet;
      const { atMicros: _then, ...first } = wanted[i]!.packet;
      expect(rest).toEqual(first);
    });
  });
});

describe('nothing is said', () => {
  test('to a receiver that did not negotiate it', () => {
    const devices = [addDevice('ada', { aheadMicros: HOUR })];
    const [with_, without] = [addListener(true), addListener(false)];
    play(devices, 100);
    expect(without.rtp.length).toBe(with_.rtp.length);
    expect(told(with_, devices).length).toBeGreaterThan(2);
    expect(without.rtp.some(({ extensions }) => extensions.has(IDS.absCaptureTime))).toBe(false);
  });

  test.each([0, 1, 7, 9, 15, 17, 40])('by a sender in %i bytes: its timestamps count', (length) => {
    const devices = [addDevice('ada', { aheadMicros: HOUR })];
    const { voice } = devices[0]!;
    const next = voice.next.bind(voice);
    voice.next = () => {
      voice.captureTime = new Uint8Array(length).fill(0xff);
      return next();
    };
    const listener = addListener();
    play(devices, 60);
    expect(listener.rtp).toHaveLength(60);
    const heard = told(listener, devices);
    expect(heard.length).toBeGreaterThan(1);
    for (const { errorMicros } of heard)
      expect(Math.abs(errorMicros + PACKET_MICROS / 2)).toBeLessThan(PACKET_MICROS / 2 + 1_000);
  });
});

test('a consumer gets what the source says, unchanged', () => {
  const [device] = [addDevice('ada', { aheadMicros: HOUR })];
  const listener = call.addPeer();
  call.consume(listener, 'consumer', 'ada', { mid: '0', ssrc: 77, captureTime: true });
  const sent: (string | undefined)[] = [];
  for (let i = 0; i < 60; i++) {
    const datagram = device.packet();
    sent.push(device.voice.captureTime && Buffer.from(device.voice.captureTime).toString('hex'));
    call.inject(datagram);
    call.advance(FRAME_MICROS);
  }
  expect(listener.rtp.map(({ extensions }) => extensions.get(IDS.absCaptureTime)?.toString('hex'))).toEqual(
    sent,
  );
});
