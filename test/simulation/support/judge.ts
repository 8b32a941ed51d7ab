/**
 * Judges what a server sent to each receiver, packet by packet, by the rules of docs/virtual-streams.md. Truth is the
 * stamp in the decrypted payload, the talkers' own records, and the CSRC that the API told for each source; nothing that
 * the server keeps is asked. Each broken rule is counted, and its first cases are kept in words.
 *
 * Order of judgement is the order of the outgoing numbers, three seconds behind, so that late and repeated packets have come.
 */
import type { Talker } from './talker.js';

export type Rule =
  | 'attribution' // A6: first CSRC is the true source's
  | 'csrc-list' // A6: one CSRC, or two with 42 second
  | 'payload' // the payload is byte for byte what a talker made
  | 'own-voice' // A5
  | 'ssrc' // A1: only the SSRCs told at the start
  | 'undecryptable' // R9: a receiver that counts roll-overs as RFC 3711 says can decrypt everything that it gets
  | 'gap' // R1: a gap only where the source's packet did not reach the server
  | 'order' // R2: timestamps rise with the numbers
  | 'line' // R2: on the slot's line
  | 'marker' // R3
  | 'two-loudest' // A6: at most one source bears 42
  | 'two-slots' // A2: a source is in one slot of a receiver
  | 'moved' // A4: a source does not go from slot to slot while it is sent
  | 'resend' // R7: a repeated packet is what it was
  | 'report-line' // R5, R2: every sender report of a slot lies on its one line
  | 'report-late'; // R5: one within 100 ms of a switch's first packet

export interface Told {
  listener: string;
  slot: number;
  /** Extended outgoing sequence number, counted at the server's exit. */
  out: number;
  timestamp: number;
  marker: boolean;
  csrcs: readonly number[];
  source: number;
  packetNumber: number;
  sentMicros: number;
}

const RING = 4096;
/** 20 ms at 48 kHz, and what slewing a clock may add. */
const SAMPLES_PER_FRAME = 960 + 10;
/** Packets are judged when the stream is this far ahead: 3 s of audio, three times what is kept for resending. */
const JUDGE_BEHIND = 150;
const EXAMPLES_KEPT = 5;
/** R5. */
const REPORT_WITHIN_MS = 100;
/** Rounding and the links' least jitter. */
const CLOSE_MS = 5;

export interface Tolerance {
  /** How far a timestamp may lie before and, without need, behind capture time + the least delay of the source's path. */
  earlyMs: number;
  lateMs: number;
}

export class Judge {
  readonly violations = new Map<Rule, number>();
  readonly examples: string[] = [];
  readonly talkers = new Map<number, Talker>();
  readonly #streams = new Map<string, StreamJudge>();
  /** Line error of the packets of a run's end, ms; sampled. */
  readonly lineErrorsMs: number[] = [];
  /** From the first packet after a switch to the next sender report of that slot, ms: sent, and received. */
  readonly reportAfterSwitchMs: number[] = [];
  readonly reportReceivedMs: number[] = [];
  /** Distinct switches: the same source's same packet first after a change, however many receivers saw it. */
  readonly distinctSwitches = new Set<number>();
  packets = 0;
  resent = 0;
  switches = 0;
  sourceGaps = 0;
  /** Packets that came behind their successors: sent in their old place, and left out. */
  lateSent = 0;
  lateLeftOut = 0;

  constructor(
    readonly tolerance: Tolerance,
    /** Keep what `sentTo` tells; long runs need not. */
    readonly keepSent = false,
  ) {}

  readonly #sent = new Map<string, Map<number, number>>();

  /** When each packet of a source was first sent to a receiver, µs by packet number. */
  sentTo(listener: string, source: number): Map<number, number> {
    const key = `${listener}/${source}`;
    let sent = this.#sent.get(key);
    if (sent === undefined) this.#sent.set(key, (sent = new Map()));
    return sent;
  }

  stream(listener: string, slot: number, owner: string, ownSources: () => readonly number[]): StreamJudge {
    const key = `${listener}/${slot}`;
    let stream = this.#streams.get(key);
    if (stream === undefined) {
      stream = new StreamJudge(this, `${owner} ${key}`, ownSources);
      this.#streams.set(key, stream);
    }
    return stream;
  }

  violate(rule: Rule, what: string): void {
    const count = (this.violations.get(rule) ?? 0) + 1;
    this.violations.set(rule, count);
    if (count <= EXAMPLES_KEPT) this.examples.push(`${rule}: ${what}`);
  }

  reportSent(where: string, afterSwitchMs: number): void {
    this.reportAfterSwitchMs.push(afterSwitchMs);
    if (afterSwitchMs > REPORT_WITHIN_MS)
      this.violate('report-late', `${where}: ${afterSwitchMs} ms after a switch's first packet`);
  }

  finish(): void {
    for (const stream of this.#streams.values()) stream.finish();
  }

  get total(): number {
    return [...this.violations.values()].reduce((sum, count) => sum + count, 0);
  }
}

/** One slot of one receiver. */
export class StreamJudge {
  readonly #ring = new Array<Told | undefined>(RING);
  #highest = -1;
  #next = -1;
  #last: Told | undefined;
  #runFirst: Told | undefined;
  #missing: { packetNumber: number; source: number }[] = [];
  #base: number | undefined;
  readonly #unanchored: { told: Told; last: Told | undefined; talker: Talker }[] = [];

  constructor(
    private readonly judge: Judge,
    private readonly name: string,
    private readonly ownSources: () => readonly number[],
  ) {}

  /** A packet, in whatever order they arrive; repeated ones too. */
  take(told: Told): void {
    const { judge } = this;
    judge.packets++;
    const talker = judge.talkers.get(told.source);
    if (talker === undefined)
      return judge.violate('payload', `${this.name}: source ${told.source} does not exist`);
    const { csrcs } = told;
    if (csrcs[0] !== talker.csrc)
      judge.violate(
        'attribution',
        `${this.#where(told)} says ${csrcs.join()}, source ${told.source} is ${talker.csrc}`,
      );
    if (csrcs.length < 1 || csrcs.length > 2 || (csrcs.length === 2 && csrcs[1] !== 42))
      judge.violate('csrc-list', `${this.#where(told)} has [${csrcs.join()}]`);
    if (this.ownSources().includes(told.source)) judge.violate('own-voice', this.#where(told));

    const place = told.out & (RING - 1);
    const present = this.#ring[place];
    if (present !== undefined && present.out === told.out) return this.#repeated(present, told);
    if (this.#last !== undefined && told.out < this.#next)
      return judge.violate(
        'gap',
        `${this.#where(told)} fills a gap ${this.#highest - told.out} numbers behind`,
      );
    this.#ring[place] = told;
    if (judge.keepSent) judge.sentTo(told.listener, told.source).set(told.packetNumber, told.sentMicros);
    if (this.#next < 0 || told.out < this.#next) this.#next = told.out;
    if (told.out > this.#highest) this.#highest = told.out;
    if (this.#highest - this.#next > 2 * JUDGE_BEHIND) this.#judgeUntil(this.#highest - JUDGE_BEHIND);
  }

  #repeated(first: Told, again: Told): void {
    this.judge.resent++;
    if (
      first.source !== again.source ||
      first.packetNumber !== again.packetNumber ||
      first.timestamp !== again.timestamp ||
      first.marker !== again.marker ||
      first.csrcs.join() !== again.csrcs.join()
    )
      this.judge.violate(
        'resend',
        `${this.#where(again)} ${shape(again)} was ${this.#where(first)} ${shape(first)}`,
      );
  }

  /** A sender report for this slot: every one must name the same line. */
  report(rtpTimestamp: number, serverMillis: number): void {
    const base = modulo32(rtpTimestamp - Math.round(48 * serverMillis));
    if (this.#base === undefined) {
      this.#base = base;
      for (const { told, last, talker } of this.#unanchored.splice(0)) this.#judgeLine(told, last, talker);
      return;
    }
    const off = signed32(base - this.#base);
    if (Math.abs(off) > 2)
      this.judge.violate('report-line', `${this.name}: a report is ${off} ticks off the line`);
  }

  finish(): void {
    if (this.#next >= 0) this.#judgeUntil(this.#highest + 1);
    this.#endRun(undefined);
  }

  #judgeUntil(end: number): void {
    for (; this.#next < end; this.#next++) {
      const told = this.#ring[this.#next & (RING - 1)];
      if (told === undefined || told.out !== this.#next) continue;
      this.#ring[this.#next & (RING - 1)] = undefined;
      this.#judgeNext(told);
    }
  }

  #judgeNext(told: Told): void {
    const { judge } = this;
    const last = this.#last;
    const talker = judge.talkers.get(told.source)!;
    this.#last = told;
    if (this.#base === undefined) this.#unanchored.push({ told, last, talker });
    else this.#judgeLine(told, last, talker);
    if (last === undefined) {
      this.#runFirst = told;
      return;
    }
    const step = told.out - last.out;
    if (signed32(told.timestamp - last.timestamp) <= 0)
      judge.violate(
        'order',
        `${this.#where(told)} at ${told.timestamp} after ${this.#where(last)} at ${last.timestamp}`,
      );
    if (last.source === told.source && told.packetNumber - last.packetNumber === step) {
      if (talker.wasOvertaken(told.packetNumber)) judge.lateSent++;
      for (let lost = last.packetNumber + 1; lost < told.packetNumber; lost++)
        this.#missing.push({ packetNumber: lost, source: told.source });
      return;
    }
    this.#endRun(last);
    this.#runFirst = told;
    judge.switches++;
    judge.distinctSwitches.add(told.source * 0x1000000 + told.packetNumber);
    if (step !== 1) judge.violate('gap', `${this.#where(told)} follows ${this.#where(last)} at a switch`);
    if (!told.marker) judge.violate('marker', `${this.#where(told)} after ${this.#where(last)}`);
  }

  /**
   * Each gap inside a run must be a packet that was not at the server when its turn came. One that came later, behind its
   * successors, goes out if its place in time is still free (R2 goes first): counted, not judged.
   */
  #endRun(last: Told | undefined): void {
    const until = last?.sentMicros ?? this.#last?.sentMicros ?? 0;
    const from = this.#runFirst?.sentMicros ?? 0;
    for (const { packetNumber, source } of this.#missing) {
      this.judge.sourceGaps++;
      const talker = this.judge.talkers.get(source);
      const arrived = talker?.arrivedMicros[packetNumber];
      if (talker === undefined || arrived === undefined || arrived <= from || arrived >= until) continue;
      if (talker.wasOvertaken(packetNumber)) this.judge.lateLeftOut++;
      else
        this.judge.violate(
          'gap',
          `${this.name}: source ${source} packet ${packetNumber} came at ${arrived / 1e6} s, in a run of ${from / 1e6}…${until / 1e6} s, and was not sent`,
        );
    }
    this.#missing.length = 0;
  }

  /**
   * Ahead of the line it may be only where it had to be: one frame behind the packet before it. Wherever there is room for
   * more, the lead must be repaid. Until the first sender report there is nothing but arrival to go by (R2): a source whose first
   * packet was held up is as late as that, and comes closer from there.
   */
  #judgeLine(told: Told, last: Told | undefined, talker: Talker): void {
    const { judge } = this;
    const captured = talker.capturedMicros[told.packetNumber]! / 1000;
    const error =
      signed32(told.timestamp - this.#base! - Math.round(48 * captured)) / 48 - talker.leastDelayMs;
    if (told.packetNumber % 8 === 0) judge.lineErrorsMs.push(error);
    const isTight =
      last !== undefined &&
      signed32(told.timestamp - last.timestamp) <= SAMPLES_PER_FRAME * Math.max(1, told.out - last.out);
    if (
      error < -judge.tolerance.earlyMs ||
      (error > Math.max(judge.tolerance.lateMs, talker.firstLatenessMs + CLOSE_MS) && !isTight)
    )
      judge.violate(
        'line',
        `${this.#where(told)}, captured at ${captured / 1000} s, came at ${(talker.arrivedMicros[told.packetNumber] ?? NaN) / 1e6} s, is ${error.toFixed(1)} ms off the line`,
      );
  }

  #where(told: Told): string {
    return `${this.name} #${told.out} (source ${told.source} packet ${told.packetNumber}, ${(told.sentMicros / 1e6).toFixed(3)} s)`;
  }
}

const shape = ({ timestamp, marker, csrcs }: Told): string =>
  `at ${timestamp}${marker ? ' marked' : ''} of [${csrcs.join()}]`;
const modulo32 = (value: number): number => ((value % 4_294_967_296) + 4_294_967_296) % 4_294_967_296;
const signed32 = (value: number): number => {
  const low = modulo32(value);
  return low >= 2_147_483_648 ? low - 4_294_967_296 : low;
};
