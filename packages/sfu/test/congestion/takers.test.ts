/** Who gets what of one receiver's way, as the estimate moves: slots in the order in which they matter, and a consumer. */
import { HEADER_EXTENSION_URIS } from '@tertulia/wire';
import type { RtpParameters } from '@tertulia/wire';
import { describe, expect, test } from 'vitest';
import type { AllocationRequest } from '../../src/media/congestion/bitrateAllocator.js';
import type { TransportFeedback } from '../../src/media/congestion/feedback.js';
import { OutgoingBandwidth } from '../../src/media/outgoingBandwidth.js';
import type { BandwidthTaker } from '../../src/media/outgoingBandwidth.js';

const SECOND = 1_000_000;
/** Its estimate can be told. */
const REMB: RtpParameters = {
  codecs: [
    { mimeType: 'video/VP8', payloadType: 96, clockRate: 90_000, rtcpFeedback: [{ type: 'goog-remb' }] },
  ],
  headerExtensions: [{ uri: HEADER_EXTENSION_URIS.absSendTime, id: 3 }],
};

const TRANSPORT_CC: RtpParameters = {
  codecs: [
    { mimeType: 'video/VP8', payloadType: 96, clockRate: 90_000, rtcpFeedback: [{ type: 'transport-cc' }] },
  ],
  headerExtensions: [{ uri: HEADER_EXTENSION_URIS.transportWideCc, id: 3 }],
};

/** A probe came through as fast as it was sent. */
function answered(
  probe: { clusterId: number; bytes: number } | undefined,
  atMicros: number,
): TransportFeedback {
  const times = {
    firstSend: atMicros,
    lastSend: atMicros + 19_000,
    firstArrival: atMicros,
    lastArrival: atMicros + 19_000,
  };
  return {
    ackedBytes: 10_000,
    lostPackets: 0,
    receivedPackets: 20,
    lastSendMicros: times.lastSend,
    lastArrivalMicros: times.lastArrival,
    oldestSendMicros: atMicros,
    inFlightBytes: 0,
    groups: new Float64Array(0),
    probes: probe ? [{ ...probe, packets: 20, ...times }] : [],
  };
}

class Slot implements BandwidthTaker {
  readonly isLayered = true;
  readonly probeEntry = undefined;
  allowedChoice: number | undefined;

  constructor(
    readonly id: string,
    public bitrates: readonly number[] = [100_000, 300_000],
    public priority = 1,
  ) {}

  bitrateRequest(): AllocationRequest {
    return {
      id: this.id,
      priority: this.priority,
      bitrates: this.bitrates,
      wanted: this.bitrates.length - 1,
    };
  }

  fixedBitrate(): number {
    return 0;
  }

  setAllowedChoice(choice: number): void {
    this.allowedChoice = choice;
  }
}

/** A consumer of one stream without layers. */
class Fixed implements BandwidthTaker {
  readonly id = 'fixed';
  readonly isLayered = false;
  readonly probeEntry = undefined;
  readonly allowedChoice = undefined;

  constructor(readonly bitrate: number) {}

  bitrateRequest(): undefined {
    return undefined;
  }

  fixedBitrate(): number {
    return this.bitrate;
  }

  setAllowedChoice(): void {
    throw new Error('nobody can make it smaller');
  }
}

class Way {
  /** Of the oldest packet, for the pacer. */
  waitMicros = 0;
  readonly bandwidth = new OutgoingBandwidth({
    setPacing: () => undefined,
    pacerWaitMicros: () => this.waitMicros,
    probe: () => false,
  });
  nowMicros = SECOND;

  constructor(readonly takers: readonly BandwidthTaker[]) {
    this.bandwidth.startBitrate = 10_000_000;
    this.bandwidth.negotiate(REMB, this.nowMicros);
    for (const taker of takers) this.bandwidth.addTaker(taker);
    this.bandwidth.allocate(this.nowMicros);
  }

  /** The receiver says so, and again each half second for so long. */
  holds(bitrate: number, seconds = 0): Record<string, number | undefined> {
    this.bandwidth.handleRemb(bitrate, this.nowMicros);
    for (const end = this.nowMicros + seconds * SECOND; this.nowMicros < end;) {
      this.nowMicros += SECOND / 2;
      this.bandwidth.handleRemb(bitrate, this.nowMicros);
      this.bandwidth.poll(this.nowMicros);
    }
    return Object.fromEntries(this.takers.map(({ id, allowedChoice }) => [id, allowedChoice]));
  }
}

const four = (): Slot[] => ['a', 'b', 'c', 'd'].map((id) => new Slot(id));

describe('less', () => {
  test.each([
    { bitrate: 1_300_000, want: { a: 1, b: 1, c: 1, d: 1 } },
    { bitrate: 900_000, want: { a: 1, b: 1, c: 0, d: 0 } },
    { bitrate: 420_000, want: { a: 0, b: 0, c: 0, d: 0 } },
    { bitrate: 390_000, want: { a: 0, b: 0, c: 0, d: -1 } },
    { bitrate: 250_000, want: { a: 0, b: 0, c: -1, d: -1 } },
    { bitrate: 100_000, want: { a: 0, b: -1, c: -1, d: -1 } },
    { bitrate: 90_000, want: { a: -1, b: -1, c: -1, d: -1 } },
  ])('$bitrate bit/s: at once, and whoever matters least goes dark first', ({ bitrate, want }) => {
    const way = new Way(four());
    way.holds(1_600_000, 3);
    expect(way.holds(bitrate)).toEqual(want);
  });

  test('another order: others go dark, without a new estimate', () => {
    const slots = four();
    const way = new Way(slots);
    way.holds(1_600_000, 3);
    expect(way.holds(250_000)).toEqual({ a: 0, b: 0, c: -1, d: -1 });
    way.bandwidth.setTakerOrder([...slots].reverse());
    // What is taken is taken at once; what is given waits.
    expect(way.holds(250_000)).toEqual({ a: 0, b: 0, c: -1, d: -1 });
    way.bandwidth.allocate(way.nowMicros);
    expect(way.holds(250_000)).toMatchObject({ a: -1, b: -1 });
    expect(way.holds(260_000, 3)).toEqual({ a: -1, b: -1, c: 0, d: 0 });
  });

  test('a stream without layers in a slot: all or nothing; of a consumer: always', () => {
    const screen = new Slot('screen', [600_000], 8);
    const way = new Way([screen, new Slot('a'), new Slot('b')]);
    way.holds(1_600_000, 3);
    expect(way.holds(850_000)).toEqual({ screen: 0, a: 0, b: 0 });
    expect(way.holds(650_000)).toEqual({ screen: 0, a: -1, b: -1 });
    const consumed = new Way([new Fixed(600_000), new Slot('a'), new Slot('b')]);
    consumed.holds(2_000_000, 3);
    expect(consumed.holds(750_000)).toEqual({ fixed: undefined, a: 0, b: -1 });
    expect(consumed.holds(500_000)).toEqual({ fixed: undefined, a: -1, b: -1 });
  });

  test('who matters more has more: priority before order', () => {
    const slots = four();
    slots[3]!.priority = 4;
    const way = new Way(slots);
    way.holds(1_600_000, 3);
    expect(way.holds(150_000)).toEqual({ a: -1, b: -1, c: -1, d: 0 });
    expect(new Way(slots).holds(600_000)).toEqual({ a: 0, b: 0, c: 0, d: 1 });
  });
});

test('while nobody knows what is wanted, probes go no farther than six times the start', () => {
  const probes: { clusterId: number; bitsPerSecond: number; bytes: number }[] = [];
  const bandwidth = new OutgoingBandwidth({
    setPacing: () => undefined,
    pacerWaitMicros: () => 0,
    probe: (_entry, probe) => probes.push(probe) > 0,
  });
  bandwidth.startBitrate = 800_000;
  bandwidth.negotiate(TRANSPORT_CC, 0);
  bandwidth.addTaker(Object.assign(new Slot('a', [0, 0]), { probeEntry: 1 }));
  bandwidth.allocate(0);
  for (let i = 1; i <= 10; i++) bandwidth.handleFeedback(answered(probes.at(-1), i * 100_000), i * 100_000);
  expect(probes.map(({ bitsPerSecond }) => bitsPerSecond)).toEqual([2_400_000, 4_800_000]);
});

describe('more', () => {
  test('not right after less, and only with room to spare', () => {
    const way = new Way(four());
    way.holds(1_600_000, 3);
    expect(way.holds(250_000)).toEqual({ a: 0, b: 0, c: -1, d: -1 });
    expect(way.holds(430_000, 1.5)).toEqual({ a: 0, b: 0, c: -1, d: -1 });
    expect(way.holds(430_000, 1)).toEqual({ a: 0, b: 0, c: 0, d: -1 });
    expect(way.holds(450_000, 1)).toEqual({ a: 0, b: 0, c: 0, d: 0 });
  });

  test('a source that has just come begins with what fits, at once', () => {
    const slots = four();
    const way = new Way(slots);
    way.holds(1_600_000, 3);
    way.holds(450_000);
    slots[1]!.allowedChoice = undefined;
    way.bandwidth.allocate(way.nowMicros);
    expect(way.holds(450_000)).toEqual({ a: 0, b: 0, c: 0, d: 0 });
  });

  test('what has been shown once is not taken because of somebody new behind it', () => {
    const slots = four();
    const way = new Way(slots.slice(0, 3));
    way.holds(1_000_000, 3);
    way.holds(330_000);
    way.bandwidth.addTaker(slots[3]!);
    way.bandwidth.allocate(way.nowMicros);
    expect(slots.map(({ allowedChoice }) => allowedChoice)).toEqual([0, 0, 0, -1]);
  });
});

test('while packets wait for the pacer for most of a second nothing more is given', () => {
  const way = new Way(four());
  way.holds(1_600_000, 3);
  expect(way.holds(250_000)).toEqual({ a: 0, b: 0, c: -1, d: -1 });
  way.waitMicros = 900_000;
  expect(way.holds(1_600_000, 5)).toEqual({ a: 0, b: 0, c: -1, d: -1 });
  way.waitMicros = 0;
  expect(way.holds(1_600_000, 5)).toEqual({ a: 1, b: 1, c: 1, d: 1 });
});
