/**
 * A virtual room with people in it, in virtual time: talkers with clocks, levels, losses and delays of their own; receivers
 * that ask again for what they lost. Drives the real `VirtualRoom` over the fake engine and tells the judge the truth.
 */
import type { ReceivedPacket } from '../../../src/media/packet.js';
import {
  SourceClock,
  VirtualRoom,
  type AudioSource,
  type SlotEvent,
} from '../../../src/media/virtual/index.js';
import { FakeEngine, type Sent } from './fakeEngine.js';
import { Judge, type PacketTruth, type Truth } from './judge.js';
import { Random } from './random.js';

export const FRAME_MICROS = 20_000;
export const SILENT_LEVEL = 92;

export interface PathOptions {
  loss: number;
  delayMs: number;
  jitterMs: number;
  /** Share of packets that are held up to `reorderMs` longer. */
  reorder: number;
  reorderMs: number;
}
export const CLEAN: PathOptions = { loss: 0, delayMs: 20, jitterMs: 0, reorder: 0, reorderMs: 0 };
export const POOR: PathOptions = { loss: 0.02, delayMs: 30, jitterMs: 4, reorder: 0.04, reorderMs: 80 };

export interface TalkerOptions {
  id: string;
  participantId: string;
  content?: 'speech' | 'screen';
  path?: PathOptions;
  dtx?: boolean;
  hasLevel?: boolean;
  csrc?: number;
  /** Publishing transport; default one of its own. */
  clock?: SourceClock;
  firstSequence?: number;
  firstTimestamp?: number;
  /** Media clock, parts per million fast. */
  ppm?: number;
  /** µs after now at which the first frame is taken. Default chance. */
  phaseMicros?: number;
}

const EMPTY = { offsets: new Uint32Array(7), lengths: new Uint8Array(7) };

export class Talker {
  readonly truth: Truth;
  source: AudioSource;
  /** RFC 6464; what it says now. */
  level = SILENT_LEVEL;
  payloadBytes = 60;
  /** Music and liars: no dips between words. */
  steady = false;
  muted = false;
  gone = false;
  /** Takes part, but sends nothing. */
  off = false;
  readonly ssrc: number;
  number = 0;
  frame = 0;
  silentFrames = 0;
  spokenFrames = 0;
  readonly firstSequence: number;
  readonly firstTimestamp: number;
  readonly path: PathOptions;
  readonly startMicros: number;
  readonly frameMicros: number;
  readonly wallOffset: number;

  constructor(
    readonly options: TalkerOptions,
    source: AudioSource,
    random: Random,
    nowMicros: number,
  ) {
    this.source = source;
    this.truth = { csrc: source.csrc, participantId: options.participantId, captured: [], arrived: [] };
    this.ssrc = 1 + random.below(0xfffffffe);
    // Half of them begin shortly before a wrap, where mistakes live.
    this.firstSequence =
      options.firstSequence ?? (random.chance(0.5) ? 65_536 - random.below(200) : random.below(65_536));
    this.firstTimestamp =
      options.firstTimestamp ??
      (random.chance(0.5) ? 2 ** 32 - random.below(960 * 500) : random.below(2 ** 32));
    this.path = options.path ?? CLEAN;
    this.startMicros = nowMicros + (options.phaseMicros ?? random.below(FRAME_MICROS));
    this.frameMicros = FRAME_MICROS / (1 + (options.ppm ?? random.between(-100, 100)) * 1e-6);
    this.wallOffset = random.between(0, 4e15);
  }
  get nextMicros(): number {
    return Math.round(this.startMicros + this.frame * this.frameMicros);
  }
}

export class TestRoom {
  readonly engine = new FakeEngine();
  readonly random: Random;
  readonly room: VirtualRoom;
  readonly judge: Judge;
  readonly talkers: Talker[] = [];
  readonly receivers = new Map<string, { id: string; participantId: string | undefined; ssrcs: number[] }>();
  nowMicros = 1_000_000;
  /** Every SlotEvent told, and by `receiver/slot` the last one. */
  readonly told: SlotEvent[] = [];
  readonly slots = new Map<string, SlotEvent>();
  /** Called for each packet sent. */
  onSent: (sent: Sent, truth: PacketTruth) => void = () => {};
  /** Called when a packet comes to the server. */
  onArrival: (talker: Talker, number: number) => void = () => {};
  nackShare = 0;
  senderReports = true;
  packetsIn = 0;
  readonly #truths: PacketTruth[] = [];
  readonly #due = new Map<number, (() => void)[]>();
  readonly #bySsrc = new Map<number, string>();
  #justSent: Sent[] = [];

  constructor(options: { seed: number; audioSlots?: number; lineMs?: { early: number; late: number } }) {
    this.random = new Random(options.seed);
    this.room = new VirtualRoom({ audioSlots: options.audioSlots ?? 3, rng: this.random.next }, this.engine);
    this.judge = new Judge((id) => this.#truths[id]!, options.lineMs);
    this.engine.onSent = (sent) => {
      this.judge.take(sent);
      this.#justSent.push(sent);
      this.onSent(sent, this.#truths[sent.payload]!);
      if (!sent.again && this.random.chance(this.nackShare)) this.#nack(sent);
    };
  }

  // ---- people ----

  addTalker(options: TalkerOptions): Talker {
    const source = this.room.addSource(
      {
        id: options.id,
        participantId: options.participantId,
        content: options.content ?? 'speech',
        hasLevel: options.hasLevel ?? true,
        clock: options.clock ?? new SourceClock(),
        ...(options.csrc === undefined ? {} : { csrc: options.csrc }),
      },
      this.nowMicros,
    );
    const talker = new Talker(options, source, this.random, this.nowMicros);
    this.talkers.push(talker);
    this.#events();
    this.#frame(talker);
    if (this.senderReports) this.#report(talker, this.nowMicros + this.random.between(200_000, 1_000_000));
    return talker;
  }
  removeTalker(talker: Talker): void {
    talker.gone = true;
    this.talkers.splice(this.talkers.indexOf(talker), 1);
    this.room.removeSource(talker.options.id, this.nowMicros);
    this.#events();
  }
  /** The same CSRC goes on with another producer. */
  replaceTalker(talker: Talker, id: string): Talker {
    const successor = this.addTalker({ ...talker.options, id, csrc: talker.truth.csrc });
    talker.gone = true;
    this.talkers.splice(this.talkers.indexOf(talker), 1);
    this.#events();
    return successor;
  }
  mute(talker: Talker, muted: boolean): void {
    talker.muted = muted;
    this.room.setPaused(talker.options.id, muted, this.nowMicros);
    this.#events();
  }

  addReceiver(id: string, participantId?: string, slots = 3): { id: string; ssrcs: number[] } {
    const ssrcs = Array.from({ length: slots }, () => this.room.drawSsrc(this.nowMicros));
    const added = this.room.addReceiver(
      {
        id,
        ...(participantId === undefined ? {} : { participantId }),
        slots: ssrcs.map((ssrc, i) => ({
          peer: 1,
          ssrc,
          payloadTypes: [111],
          extensionIds: {},
          midId: 1,
          mid: String(i),
          sendMid: true,
          absSendTimeId: 0,
          transportWideCcId: 0,
          enabled: true,
        })),
      },
      this.nowMicros,
    );
    added.slots.forEach(({ ssrc, baseTimestamp }) => {
      this.judge.addStream(ssrc, { receiver: id, participantId, baseTimestamp });
      this.#bySsrc.set(ssrc, id);
    });
    const receiver = { id, participantId, ssrcs };
    this.receivers.set(id, receiver);
    this.#events();
    return receiver;
  }
  removeReceiver(id: string): void {
    this.room.removeReceiver(id, this.nowMicros);
    this.receivers.delete(id);
    this.#events();
  }

  // ---- time ----

  at(micros: number, action: () => void): void {
    const millis = Math.max(Math.ceil(micros / 1000), this.nowMicros / 1000 + 1);
    const actions = this.#due.get(millis);
    if (actions === undefined) this.#due.set(millis, [action]);
    else actions.push(action);
  }
  /** @param act once per millisecond, before what arrives */
  run(micros: number, act?: () => void): void {
    const end = this.nowMicros + micros;
    while (this.nowMicros < end) {
      this.nowMicros += 1000;
      this.engine.nowMicros = this.nowMicros;
      act?.();
      const millis = this.nowMicros / 1000;
      const actions = this.#due.get(millis);
      if (actions !== undefined) for (const action of actions) action();
      this.#due.delete(millis);
      const deadline = this.room.nextDeadline();
      if (deadline !== undefined && deadline <= this.nowMicros) {
        this.room.tick(this.nowMicros);
        this.#events();
      }
    }
  }

  /** Which sources' CSRCs a receiver has, by slot; 0 = none. */
  table(receiver: string): number[] {
    return this.room.slotStates(receiver, this.nowMicros).map(({ csrc }) => csrc);
  }

  // ---- inside ----

  #frame(talker: Talker): void {
    this.at(talker.nextMicros, () => {
      if (talker.gone) return;
      const capturedMicros = talker.nextMicros;
      const timestamp = (talker.firstTimestamp + talker.frame * 960) >>> 0;
      talker.frame++;
      this.#frame(talker);
      talker.spokenFrames = talker.level >= 80 ? 0 : talker.spokenFrames + 1;
      talker.silentFrames = talker.level >= 80 ? talker.silentFrames + 1 : 0;
      if (
        talker.off ||
        (talker.options.dtx === true && talker.silentFrames > 5 && talker.silentFrames % 20 !== 0)
      )
        return;
      const number = talker.number++;
      const { loss, delayMs, jitterMs, reorder, reorderMs } = talker.path;
      talker.truth.captured.push(capturedMicros + delayMs * 1000);
      talker.truth.arrived.push(undefined);
      // Between two words there is the room's noise for two packets.
      const level =
        talker.level < 80 && !talker.steady && talker.spokenFrames % 40 > 37 ? SILENT_LEVEL : talker.level;
      const wobble = level >= 127 ? 0 : this.random.between(-3, 3);
      const audioLevel = Math.max(0, Math.min(127, Math.round(level + wobble)));
      if (this.random.chance(loss)) return;
      const held = this.random.chance(reorder) ? this.random.between(20, reorderMs) : 0;
      const delay = (delayMs + (jitterMs > 0 ? this.random.exponential(jitterMs) : 0) + held) * 1000;
      this.at(capturedMicros + delay, () => this.arrive(talker, number, timestamp, audioLevel));
    });
  }

  arrive(talker: Talker, number: number, timestamp: number, audioLevel: number): void {
    if (talker.gone) return;
    this.packetsIn++;
    if (!talker.muted) talker.truth.arrived[number] ??= this.nowMicros;
    this.#truths.push({ source: talker.truth, number });
    const packet: ReceivedPacket = {
      slot: 0,
      payloadOffset: this.#truths.length - 1,
      payloadLength: talker.payloadBytes,
      extendedSequence: talker.firstSequence + number,
      timestamp,
      marker: false,
      payloadType: 111,
      codec: 0,
      ssrc: talker.ssrc,
      arrivalMicros: this.nowMicros,
      audioLevel: talker.options.hasLevel === false ? -1 : audioLevel,
      voice: false,
      extensions: EMPTY,
    };
    this.onArrival(talker, number);
    this.room.handlePacket(talker.source, packet);
    this.#events();
  }

  #report(talker: Talker, atMicros: number): void {
    this.at(atMicros, () => {
      if (talker.gone) return;
      const frames = (this.nowMicros - talker.startMicros) / talker.frameMicros;
      const rtpTimestamp = (talker.firstTimestamp + Math.round(frames * 960)) >>> 0;
      const ntpMicros = talker.wallOffset + frames * FRAME_MICROS;
      this.at(this.nowMicros + talker.path.delayMs * 1000 + this.random.exponential(2000), () => {
        if (talker.gone) return;
        this.room.handleSenderReport(talker.source, { ntpMicros, rtpTimestamp }, this.nowMicros);
      });
      this.#report(talker, this.nowMicros + this.random.between(2_500_000, 7_500_000));
    });
  }

  #nack(sent: Sent): void {
    const id = this.#bySsrc.get(sent.ssrc)!;
    this.at(this.nowMicros + this.random.between(5_000, 900_000), () => {
      if (!this.receivers.has(id)) return;
      const around = [-2, -1, 0, 1, 2].map((d) => (sent.out + d) & 0xffff);
      this.room.handleNack(id, sent.ssrc, around, 40_000, this.nowMicros);
    });
  }

  /** News, and whether it agrees with what was just sent. */
  #events(): void {
    for (const event of this.room.takeEvents()) {
      if (event.type !== 'slot') continue;
      this.told.push(event);
      this.slots.set(`${event.ssrc}`, event);
    }
    for (const sent of this.#justSent) {
      if (sent.again) continue;
      const event = this.slots.get(`${sent.ssrc}`);
      if (event?.csrc !== sent.csrcs[0])
        this.judge.violate('told', `${sent.ssrc} sent ${sent.csrcs[0]}, told ${event?.csrc}`);
    }
    this.#justSent = [];
  }
}
