/**
 * Judges the pictures that a server sent to each receiver, packet by packet, by the rules of docs/virtual-streams.md. Truth
 * is what the decrypted payload says of itself, the cameras' own records, and the CSRC that the API told for each source;
 * nothing that the server keeps is asked. Order of judgement is the order of the outgoing numbers, a few seconds behind, so that
 * late and repeated packets have come.
 */
import type { FrameFacts } from '../../../../packages/sfu/test/forward/support/video.js';
import { TICKS_PER_FRAME, TICKS_PER_MILLI } from './camera.js';
import type { Camera, CameraStream, PacketRecord } from './camera.js';

export type VideoRule =
  | 'attribution' // V6: the one CSRC is the true source's
  | 'payload' // the payload is what a camera made, but for the numbers of its descriptor
  | 'payload-type' // V7: that of the source's codec
  | 'own-picture' // V2
  | 'ssrc' // only the SSRCs told at the start
  | 'undecryptable' // R9
  | 'key-first' // V4: what a slot shows anew begins with a key frame
  | 'gap' // R1: a gap only where the source's packet did not reach the server
  | 'hole' // what a frame refers to was there and was not sent
  | 'order' // R2: timestamps rise with the pictures, and are one within a picture
  | 'line' // R2: on the slot's line
  | 'lead' // R2: a second after a switch no more than 1 ms ahead of where it belongs
  | 'picture-id' // R4
  | 'held' // V4: the old source goes on for a second at most, and not at all when nothing is to be shown
  | 'resend' // R7: a repeated packet is what it was
  | 'report-line' // R5, R2
  | 'report-late' // R5: one within 100 ms of a switch's first packet
  | 'key-frame-rate'; // R8: one request per source's stream and throttle window

export interface VideoTold {
  /** Extended outgoing sequence number, counted at the server's exit. */
  readonly out: number;
  readonly timestamp: number;
  readonly marker: boolean;
  readonly csrcs: readonly number[];
  readonly payloadType: number;
  readonly facts: FrameFacts;
  readonly stream: CameraStream;
  readonly payload: Buffer;
  /** Of its descriptor or header extension, -1: none. */
  readonly pictureId: number;
  readonly pictureIdBits: number;
  readonly sentMicros: number;
}

const RING = 4096;
/** Packets behind the newest: 3 s of a stream of 60 packets/s, longer than anything is repeated. */
const JUDGE_BEHIND = 200;
const EXAMPLES_KEPT = 5;
/** R5. */
const REPORT_WITHIN_MS = 100;
/** R2, and what rounding to ticks and to the simulation's milliseconds adds. */
const LEAD_MS = 1;
const ROUNDING_MS = 0.05;
const LEAD_AFTER_MICROS = 1_000_000;
/** V4's second, and a step of the simulation. */
export const HELD_MICROS = 1_000_000 + 2_000;
/** A slot that was dark or whose source was muted begins anew: three pictures. */
const SILENT_MICROS = 200_000;
/** A late packet that came so soon before the end of a stay may be left out with the rest. */
const SOON_MICROS = 2_000;

export interface VideoTolerance {
  /** How far a timestamp may lie before and behind capture time + the least delay of the source's path. */
  readonly earlyMs: number;
  readonly lateMs: number;
  /** The same in a stay's first second, where it need not be behind the picture before. */
  readonly firstLateMs: number;
}

interface LeadSample {
  readonly where: string;
  readonly key: number;
  readonly errorMs: number;
}

export class VideoJudge {
  readonly violations = new Map<VideoRule, number>();
  readonly examples: string[] = [];
  readonly cameras = new Map<number, Camera>();
  readonly #streams = new Map<string, SlotJudge>();
  readonly lineErrorsMs: number[] = [];
  readonly reportAfterSwitchMs: number[] = [];
  /** How far ahead of the least-led copy a picture is, a second after a switch. */
  readonly leadsMs: number[] = [];
  readonly #samples: LeadSample[] = [];
  /** By picture: the copy with the least lead. */
  readonly #least = new Map<number, number>();
  packets = 0;
  resent = 0;
  /** Another camera than before, by slot. */
  switches = 0;
  /** The same as packets leave the server, before they are judged. */
  switchesSeen = 0;
  codecSwitches = 0;
  layerSwitches = 0;
  sourceGaps = 0;
  /** Numbers that were kept for packets that were not needed in the end. */
  empty = 0;
  lateSent = 0;
  lateLeftOut = 0;
  /** Sent as repetitions only: they came to the server too late for their own place. */
  lateRepeated = 0;

  constructor(readonly tolerance: VideoTolerance) {}

  slot(name: string, owner: string): SlotJudge {
    let slot = this.#streams.get(name);
    if (slot === undefined) this.#streams.set(name, (slot = new SlotJudge(this, name, owner)));
    return slot;
  }

  violate(rule: VideoRule, what: string): void {
    const count = (this.violations.get(rule) ?? 0) + 1;
    this.violations.set(rule, count);
    if (count <= EXAMPLES_KEPT) this.examples.push(`${rule}: ${what}`);
  }

  reportSent(where: string, afterSwitchMs: number): void {
    this.reportAfterSwitchMs.push(afterSwitchMs);
    if (afterSwitchMs > REPORT_WITHIN_MS)
      this.violate('report-late', `${where}: ${afterSwitchMs} ms after a switch's first packet`);
  }

  /** @param key of the picture, whoever gets it */
  sampleLead(key: number, errorMs: number, settled: boolean, where: string): void {
    const least = this.#least.get(key);
    if (least === undefined || errorMs < least) this.#least.set(key, errorMs);
    if (settled) this.#samples.push({ where, key, errorMs });
  }

  finish(): void {
    for (const stream of this.#streams.values()) stream.finish();
    for (const { where, key, errorMs } of this.#samples.splice(0)) {
      const lead = errorMs - this.#least.get(key)!;
      this.leadsMs.push(lead);
      if (lead > LEAD_MS + ROUNDING_MS) this.violate('lead', `${where} is ${lead.toFixed(2)} ms ahead`);
    }
  }

  get total(): number {
    return [...this.violations.values()].reduce((sum, count) => sum + count, 0);
  }
}

/** One slot of one receiver. */
export class SlotJudge {
  readonly #ring = new Array<VideoTold | undefined>(RING);
  #highest = -1;
  #next = -1;
  #last: VideoTold | undefined;
  #switchedMicros = -Infinity;
  #runFromMicros = 0;
  #missing: PacketRecord[] = [];
  #base: number | undefined;
  #unanchored: { told: VideoTold; last: VideoTold | undefined }[] = [];
  /** Packets of each frame that were sent in this run, and frames that are whole. */
  readonly #empty = new Set<number>();
  /** Repetitions of what was not seen so far. */
  readonly #early = new Map<number, VideoTold>();
  /** Packets of this run that may have come too late for their numbers, by index in their stream. */
  readonly #late = new Set<number>();
  #parts = new Map<number, number>();
  #whole = new Set<number>();

  constructor(
    private readonly judge: VideoJudge,
    private readonly name: string,
    private readonly owner: string,
  ) {}

  /** A packet, in whatever order they arrive. */
  take(told: VideoTold): void {
    const { judge } = this;
    judge.packets++;
    const { camera } = told.stream;
    if (told.csrcs.length !== 1 || told.csrcs[0] !== camera.csrc)
      judge.violate('attribution', `${this.#where(told)} says [${told.csrcs.join()}], is ${camera.csrc}`);
    if (camera.participantId === this.owner) judge.violate('own-picture', this.#where(told));
    const place = told.out & (RING - 1);
    const present = this.#ring[place];
    if (present?.out === told.out) return judge.violate('gap', `${this.#where(told)} is there twice`);
    if (this.#last !== undefined && told.out < this.#next)
      return judge.violate(
        'gap',
        `${this.#where(told)} fills a gap ${this.#highest - told.out} numbers behind`,
      );
    this.#ring[place] = told;
    if (this.#next < 0 || told.out < this.#next) this.#next = told.out;
    if (told.out > this.#highest) this.#highest = told.out;
    if (this.#highest - this.#next > 2 * JUDGE_BEHIND) this.#judgeUntil(this.#highest - JUDGE_BEHIND);
  }

  /** A number that was kept for a packet which turned out not to be needed: nothing in it, so nothing to be shown. */
  takeEmpty(out: number, csrcs: readonly number[]): void {
    const { judge } = this;
    judge.packets++;
    judge.empty++;
    if (csrcs.length !== 1 || ![...judge.cameras.values()].some(({ csrc }) => csrc === csrcs[0]))
      judge.violate('attribution', `${this.name} #${out}, without payload, says [${csrcs.join()}]`);
    this.#empty.add(out);
  }

  /**
   * Over the SSRC of repetitions: what went out with that number, byte for byte. What came to the server too late for its
   * place may come to the receiver in this way only.
   */
  takeRepeated(again: VideoTold): void {
    const { judge } = this;
    judge.resent++;
    const out = this.#highest + (((again.out - this.#highest) << 16) >> 16);
    if (this.#empty.has(out) || out < this.#next) return; // judged already: only younger ones can be compared
    const first = this.#ring[out & (RING - 1)];
    const repeated = { ...again, out, payloadType: again.payloadType - 1 };
    if (first?.out === out) this.#compare(first, repeated);
    // The packet itself may be on its way yet, or came too late for its own place.
    else if (!this.#early.has(out)) this.#early.set(out, repeated);
  }

  #compare(first: VideoTold, again: VideoTold): void {
    const same =
      first.payload.equals(again.payload) &&
      first.timestamp === again.timestamp &&
      first.marker === again.marker &&
      first.csrcs.join() === again.csrcs.join() &&
      first.payloadType === again.payloadType;
    if (!same)
      this.judge.violate(
        'resend',
        `${this.#where(first)} at ${first.timestamp} of [${first.csrcs.join()}] type ${first.payloadType} again at ${again.timestamp} of [${again.csrcs.join()}] type ${again.payloadType}`,
      );
  }

  /** A sender report for this slot: every one must name the same line. */
  report(rtpTimestamp: number, serverMillis: number): void {
    const base = modulo32(rtpTimestamp - Math.round(TICKS_PER_MILLI * serverMillis));
    if (this.#base === undefined) {
      this.#base = base;
      for (const { told, last } of this.#unanchored.splice(0)) this.#judgeLine(told, last);
      return;
    }
    const off = signed32(base - this.#base);
    if (Math.abs(off) > 2)
      this.judge.violate('report-line', `${this.name}: a report is ${off} ticks off the line`);
  }

  finish(): void {
    if (this.#next >= 0) this.#judgeUntil(this.#highest + 1);
    for (const out of this.#early.keys()) this.judge.violate('resend', `${this.name} #${out} was never sent`);
    this.#endRun(this.#last?.sentMicros ?? 0);
  }

  #judgeUntil(end: number): void {
    for (; this.#next < end; this.#next++) {
      const place = this.#next & (RING - 1);
      const early = this.#early.get(this.#next);
      this.#early.delete(this.#next);
      let told = this.#ring[place];
      if (told?.out === this.#next) {
        this.#ring[place] = undefined;
        if (early) this.#compare(told, early);
      } else {
        told = early;
        if (told) this.judge.lateRepeated++;
      }
      if (told) this.#judgeNext(told);
    }
  }

  #judgeNext(told: VideoTold): void {
    const { judge } = this;
    const last = this.#last;
    this.#last = told;
    // A source that begins anew may be ahead of the line again, whoever was shown before.
    if (last === undefined || beginsAnew(told, last)) this.#switchedMicros = told.sentMicros;
    if (this.#base === undefined) this.#unanchored.push({ told, last });
    else this.#judgeLine(told, last);
    if (last === undefined) {
      this.#begin(told);
      return;
    }
    this.#judgeOrder(told, last);
    this.#judgePictureId(told, last);
    let step = told.out - last.out;
    for (let out = last.out + 1; out < told.out; out++) if (this.#empty.delete(out)) step--;
    const index = told.stream.indexOf(told.facts);
    const lastIndex = told.stream.indexOf(last.facts);
    if (last.stream === told.stream && index > lastIndex) {
      this.#judgeGap(told, told.stream.records.slice(lastIndex + 1, index), step - 1);
      this.#judgeReferences(told);
      return;
    }
    this.#endRun(last.sentMicros);
    if (last.stream.camera === told.stream.camera) judge.layerSwitches++;
    else {
      judge.switches++;
      if (last.stream.camera.codec !== told.stream.camera.codec) judge.codecSwitches++;
    }
    if (step !== 1) judge.violate('gap', `${this.#where(told)} follows ${this.#where(last)} at a switch`);
    this.#begin(told);
  }

  #begin(told: VideoTold): void {
    const { key, spatial, p } = told.facts;
    if (!key || spatial !== 0 || p !== 0) this.judge.violate('key-first', this.#where(told));
    this.#parts.clear();
    this.#whole.clear();
    this.#late.clear();
    this.#runFromMicros = told.sentMicros;
    this.#judgeReferences(told);
  }

  /** No more numbers are missing than source packets; what came in time was sent. */
  #judgeGap(told: VideoTold, between: readonly PacketRecord[], missing: number): void {
    const { judge } = this;
    const own = told.stream.records[told.stream.indexOf(told.facts)]!;
    if (between.some(({ arrivedMicros }) => (arrivedMicros ?? 0) > (own.arrivedMicros ?? 0)))
      judge.lateSent++;
    if (missing === 0) return;
    judge.sourceGaps += missing;
    // At the time when this one was sent they were not there; those that came later are looked at when the run ends.
    const absent = between.filter(
      ({ arrivedMicros = Infinity }) => arrivedMicros >= (own.arrivedMicros ?? 0),
    );
    if (absent.length < missing)
      judge.violate(
        'gap',
        `${missing} numbers missing before ${this.#where(told)}, ${absent.length} packets were`,
      );
    if (absent.length === missing) this.#missing.push(...absent);
    for (const { facts } of absent) this.#late.add(told.stream.indexOf(facts));
  }

  /** Packets that came behind their successors, while the run went on, and have no place in it. */
  #endRun(untilMicros: number): void {
    for (const { arrivedMicros } of this.#missing) {
      if (arrivedMicros === undefined) continue;
      if (arrivedMicros > this.#runFromMicros && arrivedMicros < untilMicros - SOON_MICROS)
        this.judge.lateLeftOut++;
    }
    this.#missing = [];
  }

  /** A whole frame needs what it refers to, if that ever was at the server in time. */
  #judgeReferences(told: VideoTold): void {
    const { facts, stream } = told;
    if (facts.key && facts.spatial === 0 && facts.p === 0) {
      this.#parts.clear();
      this.#whole.clear();
    }
    const parts = (this.#parts.get(facts.n) ?? 0) + 1;
    this.#parts.set(facts.n, parts);
    if (parts < facts.of) return;
    this.#parts.delete(facts.n);
    this.#whole.add(facts.n);
    for (const ref of facts.refs) {
      if (this.#whole.has(ref)) continue;
      const first = ref * stream.packetsPerFrame;
      const needed = stream.records.slice(first, first + stream.packetsPerFrame);
      // It has a number, and whoever wants it can ask for it.
      if (needed.some((_, at) => this.#late.has(first + at))) continue;
      const own = stream.records[stream.indexOf(facts)]!.arrivedMicros ?? 0;
      if (needed.every(({ arrivedMicros = Infinity }) => arrivedMicros < own))
        this.judge.violate('hole', `${this.#where(told)} refers to ${ref}, which was there and was not sent`);
    }
  }

  #judgeOrder(told: VideoTold, last: VideoTold): void {
    const step = signed32(told.timestamp - last.timestamp);
    const captured = (one: VideoTold): number =>
      one.stream.records[one.stream.indexOf(one.facts)]!.capturedMicros;
    // A slot that was taken away and given back may begin again with the key frame of which it had some: as another picture.
    const goesOn =
      last.stream === told.stream && told.stream.indexOf(told.facts) > told.stream.indexOf(last.facts);
    const isSamePicture = goesOn && captured(last) === captured(told);
    if (isSamePicture ? step !== 0 : step <= 0)
      this.judge.violate(
        'order',
        `${this.#where(told)} at ${told.timestamp} after ${this.#where(last)} at ${last.timestamp}`,
      );
  }

  #judgePictureId(told: VideoTold, last: VideoTold): void {
    if (told.pictureId < 0 || last.pictureId < 0 || told.out !== last.out + 1) return;
    const { codec } = told.stream.camera;
    if (last.stream.camera.codec !== codec) return;
    const half = 2 ** (told.pictureIdBits - 1);
    const step = ((told.pictureId - last.pictureId + 3 * half) % (2 * half)) - half;
    // AV1 numbers frames, the others pictures. VP8 numbers again without holes, the others leave out what is not sent.
    const isSame =
      codec === 'AV1'
        ? told.facts.n === last.facts.n && told.stream === last.stream
        : told.timestamp === last.timestamp;
    const right = isSame
      ? step === 0
      : codec === 'VP8'
        ? step === 1
        : step >= 1 && step <= MOST_PICTURES_LEFT_OUT;
    if (!right)
      this.judge.violate(
        'picture-id',
        `${codec} ${told.pictureId} at ${this.#where(told)} after ${last.pictureId} at ${this.#where(last)}`,
      );
  }

  /** Ahead of the line it may be only where it had to be: behind the picture before it. */
  #judgeLine(told: VideoTold, last: VideoTold | undefined): void {
    const { judge } = this;
    const { stream, facts } = told;
    const { capturedMicros } = stream.records[stream.indexOf(facts)]!;
    const captured = capturedMicros / 1000;
    const error =
      signed32(told.timestamp - this.#base! - Math.round(TICKS_PER_MILLI * captured)) / TICKS_PER_MILLI -
      stream.camera.leastDelayMs;
    if (facts.p === 0 && facts.n % 4 === 0) judge.lineErrorsMs.push(error);
    if (facts.p === 0)
      judge.sampleLead(
        pictureKey(stream.camera.source, capturedMicros),
        error,
        told.sentMicros - this.#switchedMicros >= LEAD_AFTER_MICROS && facts.n % 4 === 0,
        this.#where(told),
      );
    const isTight = last !== undefined && signed32(told.timestamp - last.timestamp) <= TICKS_PER_FRAME + 30;
    // What comes first after a pause may be a repetition of what was lost: as late as that, and repaid within the second.
    const isFresh = told.sentMicros - this.#switchedMicros < LEAD_AFTER_MICROS;
    const { earlyMs, lateMs, firstLateMs } = judge.tolerance;
    if (error < -earlyMs || (error > (isFresh ? firstLateMs : lateMs) && !(isFresh && isTight)))
      judge.violate(
        'line',
        `${this.#where(told)}, captured at ${captured / 1000} s, is ${error.toFixed(1)} ms off the line`,
      );
  }

  #where({ out, facts: { e, n, p, key }, sentMicros, stream }: VideoTold): string {
    return `${this.name} #${out} (${stream.camera.codec} ${e} frame ${n}${key ? ' key' : ''} packet ${p}, ${(sentMicros / 1e6).toFixed(3)} s)`;
  }
}

/** Another stream; the same after a silence; or at a key frame before which packets were left out. */
function beginsAnew(told: VideoTold, last: VideoTold): boolean {
  const { stream, facts } = told;
  if (last.stream !== stream || told.sentMicros - last.sentMicros > SILENT_MICROS) return true;
  return facts.key && stream.indexOf(facts) - stream.indexOf(last.facts) > told.out - last.out;
}

/** Upper temporal layers while the way down takes effect, and frames that the source lost. */
const MOST_PICTURES_LEFT_OUT = 60;

/** Pictures of one camera are a thirtieth of a second apart: whole milliseconds tell them apart. */
const pictureKey = (source: number, capturedMicros: number): number =>
  source * 0x1_0000_0000 + Math.round(capturedMicros / 1000);

const modulo32 = (value: number): number => ((value % 4_294_967_296) + 4_294_967_296) % 4_294_967_296;
const signed32 = (value: number): number => {
  const low = modulo32(value);
  return low >= 2_147_483_648 ? low - 4_294_967_296 : low;
};
