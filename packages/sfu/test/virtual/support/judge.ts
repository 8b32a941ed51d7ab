/**
 * Judges what receivers got by what is in the payload, never by what the room believes: attribution, numbers, timestamps,
 * markers, repetitions, own voice. Facts are collected while they happen and judged per stream in the order of
 * the outgoing numbers at the end.
 * Rules: docs/virtual-streams.md A2, A4–A6, R1–R3, R7, R9.
 */
import type { Sent } from './fakeEngine.js';

/** The truth about one source. */
export interface Truth {
  csrc: number;
  participantId: string;
  /** By packet number, µs of the server's clock: captured + the least delay of its path; and when it came in unmuted. */
  captured: number[];
  arrived: (number | undefined)[];
}

export interface PacketTruth {
  source: Truth;
  number: number;
}

/** The same source in another slot of a receiver within this time: its jitter buffers would play both. */
const REST_MICROS = 60_000;

export interface StreamInfo {
  receiver: string;
  participantId: string | undefined;
  baseTimestamp: number;
}

export class Judge {
  readonly violations = new Map<string, number>();
  readonly examples: string[] = [];
  /** Runs that began after another one, over all streams. */
  switches = 0;
  /** Told apart by the packet that was first: however many receivers got it. */
  readonly distinct = new Set<number>();
  packets = 0;
  resent = 0;
  gaps = 0;
  readonly lineErrorsMs: number[] = [];
  readonly #streams = new Map<number, { info: StreamInfo; sent: Sent[] }>();
  readonly #heard = new Map<string, Map<Truth, { ssrc: number; atMicros: number }>>();
  #marked: Truth | undefined;
  readonly #markedMicros = new Map<Truth, number>();

  constructor(
    private readonly payload: (id: number) => PacketTruth,
    private readonly lineMs: { early: number; late: number } = { early: 40, late: 260 },
  ) {}

  get total(): number {
    return [...this.violations.values()].reduce((sum, count) => sum + count, 0);
  }

  addStream(ssrc: number, info: StreamInfo): void {
    this.#streams.set(ssrc, { info, sent: [] });
  }

  take(sent: Sent): void {
    this.packets++;
    if (sent.again) this.resent++;
    const stream = this.#streams.get(sent.ssrc);
    if (stream === undefined) return this.violate('ssrc', `${sent.ssrc}`);
    stream.sent.push(sent);
    const { source, number } = this.payload(sent.payload);
    const { csrcs } = sent;
    const where = `${stream.info.receiver} ${sent.ssrc} #${sent.out} csrc ${source.csrc} packet ${number} at ${sent.atMicros / 1e6}`;
    if (csrcs[0] !== source.csrc) this.violate('attribution', `${where}: ${csrcs.join()}`);
    if (csrcs.length > 2 || (csrcs.length === 2 && csrcs[1] !== 42)) this.violate('csrc-list', csrcs.join());
    if (source.participantId === stream.info.participantId) this.violate('own-voice', where);
    if (sent.again) return;
    if (csrcs.length === 2) {
      // The mark goes from one to the other, not to and fro from packet to packet.
      if (
        this.#marked !== source &&
        sent.atMicros - (this.#markedMicros.get(source) ?? -Infinity) < REST_MICROS
      )
        this.violate('two-loudest', where);
      this.#marked = source;
      this.#markedMicros.set(source, sent.atMicros);
    }
    let heard = this.#heard.get(stream.info.receiver);
    if (heard === undefined) this.#heard.set(stream.info.receiver, (heard = new Map()));
    const before = heard.get(source);
    if (before !== undefined && before.ssrc !== sent.ssrc && sent.atMicros - before.atMicros < REST_MICROS)
      this.violate('moved', `${where} was on ${before.ssrc} at ${before.atMicros / 1e6}`);
    heard.set(source, { ssrc: sent.ssrc, atMicros: sent.atMicros });
  }

  finish(): void {
    const doubled = new Map<string, Map<number, number>>();
    for (const [ssrc, { info, sent }] of this.#streams) {
      this.#rollOver(ssrc, sent);
      const first = new Map<number, Sent>();
      for (const one of sent) {
        const known = first.get(one.out);
        if (known === undefined) first.set(one.out, one);
        else if (
          known.payload !== one.payload ||
          known.timestamp !== one.timestamp ||
          known.marker !== one.marker ||
          known.csrcs.join() !== one.csrcs.join()
        )
          this.violate('resend', `${ssrc} #${one.out}: ${JSON.stringify(known)} ${JSON.stringify(one)}`);
      }
      let had = doubled.get(info.receiver);
      if (had === undefined) doubled.set(info.receiver, (had = new Map()));
      for (const { payload } of first.values()) {
        if (had.has(payload))
          this.violate('doubled', `${info.receiver} payload ${payload} on ${had.get(payload)} and ${ssrc}`);
        had.set(payload, ssrc);
      }
      this.#inOrder(
        info,
        [...first.values()].sort((a, b) => a.out - b.out),
      );
    }
  }

  violate(rule: string, what: string): void {
    const count = (this.violations.get(rule) ?? 0) + 1;
    this.violations.set(rule, count);
    if (count <= 5) this.examples.push(`${rule}: ${what}`);
  }

  #inOrder(info: StreamInfo, sent: Sent[]): void {
    let runFirst: Sent | undefined;
    let last: Sent | undefined;
    let missing: PacketTruth[] = [];
    const endRun = (end: Sent): void => {
      for (const { source, number } of missing) {
        this.gaps++;
        const arrived = source.arrived[number];
        if (arrived !== undefined && arrived > runFirst!.atMicros && arrived < end.atMicros)
          this.violate(
            'gap',
            `${info.receiver}: csrc ${source.csrc} packet ${number} was there and was not sent`,
          );
      }
      missing = [];
    };
    for (const one of sent) {
      const { source, number } = this.payload(one.payload);
      const where = `${info.receiver} ${one.ssrc} #${one.out} csrc ${source.csrc} packet ${number} at ${one.atMicros / 1e6}`;
      const lineMs =
        ((one.timestamp - info.baseTimestamp - Math.round(source.captured[number]! * 0.048)) | 0) / 48;
      if (number % 16 === 0) this.lineErrorsMs.push(lineMs);
      if (lineMs < -this.lineMs.early || lineMs > this.lineMs.late)
        this.violate('line', `${where}: ${lineMs} ms`);
      if (last === undefined) {
        runFirst = last = one;
        continue;
      }
      const step = one.out - last.out;
      if (((one.timestamp - last.timestamp) | 0) <= 0)
        this.violate('order', `${where}: ${one.timestamp} after ${last.timestamp}`);
      const before = this.payload(last.payload);
      if (before.source === source && number - before.number === step) {
        // Marked: the source may have been away, and what came meanwhile was nobody's.
        if (one.marker) {
          endRun(last);
          runFirst = one;
        }
        for (let lost = before.number + 1; lost < number; lost++) missing.push({ source, number: lost });
      } else {
        endRun(last);
        runFirst = one;
        this.switches++;
        this.distinct.add(one.payload);
        if (step !== 1) this.violate('gap', `${where}: ${step} after a switch`);
        if (!one.marker) this.violate('marker', where);
      }
      last = one;
    }
    if (last !== undefined) endRun(last);
  }

  /** A receiver that loses the first ten packets and a tenth of the rest still knows each packet's roll-over count. */
  #rollOver(ssrc: number, sent: Sent[]): void {
    if (sent.length > 0 && sent[0]!.out > 32_767) this.violate('first-number', `${ssrc}: ${sent[0]!.out}`);
    let highest = -1;
    let position = 0;
    for (const { out } of sent) {
      if (position++ < 10 || (out * 2_654_435_761) >>> 0 < 429_496_729) continue;
      const guessed = highest < 0 ? out & 0xffff : highest + (((out - highest) << 16) >> 16);
      if (guessed !== out) this.violate('roll-over', `${ssrc}: ${out} taken for ${guessed}`);
      if (guessed > highest) highest = guessed;
    }
  }
}
