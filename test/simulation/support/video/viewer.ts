/**
 * A simulated receiver of pictures: decrypts by its own count of roll-overs, reads CSRCs and what the payload says, hands
 * both to the judge, sends receiver reports and asks again for what its path lost. It is told its SSRCs once.
 */
import { fromNtp, parseRtcp, parseRtp, writeRtcp } from '@tertulia/wire';
import type { RtpPacket } from '@tertulia/wire';
import type { SrtpReference } from '../../../../packages/engine/test/support/srtp.js';
import { factsOf } from '../../../../packages/sfu/test/forward/support/video.js';
import type { FrameFacts } from '../../../../packages/sfu/test/forward/support/video.js';
import type { Random } from '../random.js';
import { RollOver } from '../rollOver.js';
import { RECEIVER_IDS, RECEIVER_PAYLOAD_TYPES } from './camera.js';
import type { CameraStream } from './camera.js';
import { HELD_MICROS } from './videoJudge.js';
import type { SlotJudge, VideoJudge } from './videoJudge.js';
import type { Planned } from './videoServer.js';

const NACK_AFTER_MICROS = [10_000, 120_000, 300_000];
/** Mean time between two PLIs of a decoder that lost its thread. */
const PLI_EVERY_MICROS = 5_000_000;
const BYTE = 0x7b; // '{', where the payload begins to speak
const SILENT_AFTER_MICROS = 200_000;

interface SlotState {
  readonly index: number;
  readonly ssrc: number;
  readonly judge: SlotJudge;
  /** As sent: unwrapped in the order of the server's exit. */
  lastOut: number;
  lastSentMicros: number;
  readonly rollOver: RollOver;
  readonly repeatedRollOver: RollOver;
  highestReceived: number;
  received: number;
  readonly wanted: Map<number, { sinceMicros: number; asked: number }>;
  /** A switch's first packet, until a report was sent. */
  switchedMicros: number | undefined;
  csrc: number;
  /** By the server's word, and since when. */
  planned: number;
  plannedMicros: number;
}

export class Viewer {
  nacked = 0;
  recovered = 0;
  readonly #bySsrc = new Map<number, SlotState>();
  readonly #slots: SlotState[];

  constructor(
    readonly name: string,
    ssrcs: readonly number[],
    private readonly srtp: SrtpReference,
    private readonly judge: VideoJudge,
    private readonly random: Random,
  ) {
    this.#slots = ssrcs.map((ssrc, index) => ({
      index,
      ssrc,
      judge: judge.slot(`${name}/${index}`, name),
      lastOut: -1,
      lastSentMicros: -Infinity,
      rollOver: new RollOver(),
      repeatedRollOver: new RollOver(),
      highestReceived: -1,
      received: 0,
      wanted: new Map(),
      switchedMicros: undefined,
      csrc: 0,
      planned: 0,
      plannedMicros: 0,
    }));
    for (const slot of this.#slots) {
      this.#bySsrc.set(slot.ssrc, slot);
      this.#bySsrc.set(slot.ssrc + 1, slot);
    }
  }

  handleAssignments(assignments: readonly Planned[], nowMicros: number): void {
    for (const slot of this.#slots) {
      const csrc = assignments.find((each) => each.slot === slot.index)?.csrc ?? 0;
      if (csrc === slot.planned) continue;
      slot.planned = csrc;
      slot.plannedMicros = nowMicros;
    }
  }

  /** At the server's exit, before the link. @returns its true extended number, to be handed to `receive` or `missed`. */
  sent(bytes: Uint8Array, nowMicros: number): number | undefined {
    const parsed = parseRtp(bytes);
    const slot = parsed.ok ? this.#bySsrc.get(parsed.value.ssrc) : undefined;
    if (!parsed.ok || slot === undefined) {
      this.judge.violate('ssrc', `${this.name}: ${parsed.ok ? parsed.value.ssrc : parsed.why}`);
      return undefined;
    }
    const { sequenceNumber, csrcs, ssrc } = parsed.value;
    if (ssrc !== slot.ssrc) return sequenceNumber;
    const out =
      slot.lastOut < 0 ? sequenceNumber : slot.lastOut + (((sequenceNumber - slot.lastOut) << 16) >> 16);
    if (slot.lastOut < 0 && sequenceNumber > 32_767)
      this.judge.violate(
        'undecryptable',
        `${this.name}: first number ${sequenceNumber} is in the upper half`,
      );
    // A late packet takes its old place; what the slot carries now, the newest one says.
    if (out <= slot.lastOut) return out;
    slot.lastOut = out;
    const csrc = csrcs[0] ?? 0;
    const isResumed = nowMicros - slot.lastSentMicros > SILENT_AFTER_MICROS;
    if (csrc !== slot.csrc) {
      if (slot.csrc !== 0) this.judge.switchesSeen++;
      slot.csrc = csrc;
      slot.switchedMicros ??= nowMicros;
    }
    // A slot that fell silent at once owes no report; its time begins anew with what it sends next.
    if (isResumed && slot.switchedMicros !== undefined) slot.switchedMicros = nowMicros;
    slot.lastSentMicros = nowMicros;
    if (csrc !== slot.planned) {
      const allowed = slot.planned === 0 ? 0 : HELD_MICROS;
      const since = nowMicros - slot.plannedMicros;
      if (since > allowed)
        this.judge.violate(
          'held',
          `${this.name}/${slot.index}: ${csrc} ${since / 1000} ms after ${slot.planned} was to be shown, at ${nowMicros / 1e6} s`,
        );
    }
    return out;
  }

  /** Arrived behind the link. */
  receive(bytes: Uint8Array, out: number, sentMicros: number, nowMicros: number): void {
    const sequence = (bytes[2]! << 8) | bytes[3]!;
    const slot = this.#bySsrc.get(ssrcOf(bytes))!;
    const isRepeated = ssrcOf(bytes) !== slot.ssrc;
    const rollOver = isRepeated ? slot.repeatedRollOver : slot.rollOver;
    const guessed = rollOver.guess(sequence);
    const original = this.#judgePacket(slot, bytes, guessed, out, sentMicros, isRepeated);
    if (original === undefined) return;
    rollOver.accept(guessed);
    slot.received++;
    if (isRepeated) {
      const number = slot.highestReceived + (((original - slot.highestReceived) << 16) >> 16);
      if (slot.wanted.delete(number)) this.recovered++;
      return;
    }
    if (slot.wanted.delete(guessed)) this.recovered++;
    if (slot.highestReceived >= 0 && guessed - slot.highestReceived < 100) {
      for (let lost = slot.highestReceived + 1; lost < guessed; lost++)
        slot.wanted.set(lost, { sinceMicros: nowMicros, asked: 0 });
    }
    if (guessed > slot.highestReceived) slot.highestReceived = guessed;
  }

  /** Lost by the link: judged all the same, for the rules speak of what the server sends. */
  missed(bytes: Uint8Array, out: number, sentMicros: number): void {
    const slot = this.#bySsrc.get(ssrcOf(bytes))!;
    const isRepeated = ssrcOf(bytes) !== slot.ssrc;
    // Few repetitions are sent: their roll-over counter is still 0.
    this.#judgePacket(slot, bytes, out, out, sentMicros, isRepeated);
  }

  /** @returns the number that it bears, or repeats */
  #judgePacket(
    slot: SlotState,
    bytes: Uint8Array,
    index: number,
    out: number,
    sentMicros: number,
    isRepeated: boolean,
  ): number | undefined {
    const plain = this.srtp.unprotectRtp(bytes, Math.floor(index / 65_536));
    if (plain === undefined) {
      this.judge.violate('undecryptable', `${this.name}/${slot.index} #${out} taken for #${index}`);
      return undefined;
    }
    const parsed = parseRtp(plain);
    if (!parsed.ok) {
      this.judge.violate('payload', `${this.name}/${slot.index} #${out}: ${parsed.why}`);
      return undefined;
    }
    const { value } = parsed;
    const whole = Buffer.from(plain.subarray(value.payloadOffset, value.payloadOffset + value.payloadLength));
    const payload = isRepeated ? whole.subarray(2) : whole;
    if (payload.length === 0) {
      if (isRepeated) return whole.readUInt16BE(0);
      slot.judge.takeEmpty(out, value.csrcs);
      return value.sequenceNumber;
    }
    const facts = factsOf(payload);
    const stream = facts && this.#streamOf(facts);
    if (!facts || !stream || !isOriginal(stream, facts, payload)) {
      this.judge.violate(
        'payload',
        `${this.name}/${slot.index} #${out} ${isRepeated ? 'again ' : ''}of [${value.csrcs.join()}], ${payload.length} bytes ${JSON.stringify(facts)}`,
      );
      return undefined;
    }
    const told = {
      timestamp: value.timestamp,
      marker: value.marker,
      csrcs: value.csrcs,
      payloadType: value.payloadType,
      facts,
      stream,
      payload,
      sentMicros,
    };
    if (isRepeated) {
      slot.judge.takeRepeated({
        ...told,
        out: whole.readUInt16BE(0),
        ...pictureIdOf(plain, value, payload, stream),
      });
      return whole.readUInt16BE(0);
    }
    const { codec } = stream.camera;
    if (value.payloadType !== RECEIVER_PAYLOAD_TYPES[codec])
      this.judge.violate(
        'payload-type',
        `${this.name}/${slot.index} #${out}: ${value.payloadType} for ${codec}`,
      );
    slot.judge.take({ ...told, out, ...pictureIdOf(plain, value, payload, stream) });
    return value.sequenceNumber;
  }

  #streamOf({ e }: FrameFacts): CameraStream | undefined {
    const [source, index] = e.split('.').map(Number);
    return this.judge.cameras.get(source!)?.streams[index!];
  }

  /** A decrypted compound at the server's exit. @param zeroMillis wall clock of the server at virtual time 0 */
  reportsSent(plain: Uint8Array, zeroMillis: number, nowMicros: number): void {
    for (const packet of parseRtcp(plain).packets) {
      if (packet.type !== 'sr') continue;
      const slot = this.#bySsrc.get(packet.ssrc);
      if (slot === undefined) {
        this.judge.violate('ssrc', `${this.name}: sender report of ${packet.ssrc}`);
        continue;
      }
      if (slot.switchedMicros !== undefined) {
        this.judge.reportSent(`${this.name}/${slot.index}`, (nowMicros - slot.switchedMicros) / 1000);
        slot.switchedMicros = undefined;
      }
      slot.judge.report(packet.rtpTimestamp, fromNtp(packet.ntpSeconds, packet.ntpFraction) - zeroMillis);
    }
  }

  /** What this receiver sends now: reports, NACKs for what is missing, now and then a PLI. Plain compounds. */
  feedback(nowMicros: number, sinceMicros: number, withReports: boolean): Uint8Array[] {
    const out: Uint8Array[] = [];
    for (const slot of this.#slots) {
      const lost: number[] = [];
      for (const [number, want] of slot.wanted) {
        const wait = NACK_AFTER_MICROS[want.asked];
        if (wait === undefined) slot.wanted.delete(number);
        else if (nowMicros - want.sinceMicros >= wait) {
          want.asked++;
          lost.push(number & 0xffff);
        }
      }
      const feedback = { senderSsrc: 1, mediaSsrc: slot.ssrc };
      if (lost.length > 0) {
        this.nacked += lost.length;
        out.push(writeRtcp([{ type: 'nack', ...feedback, lost }]));
      }
      if (this.random.chance(sinceMicros / PLI_EVERY_MICROS))
        out.push(writeRtcp([{ type: 'pli', ...feedback }]));
      if (!withReports || slot.received === 0) continue;
      const report = {
        ssrc: slot.ssrc,
        fractionLost: 0,
        cumulativeLost: 0,
        highestSequence: slot.highestReceived,
        jitter: 0,
        lastSr: 0,
        delaySinceLastSr: 0,
      };
      out.push(writeRtcp([{ type: 'rr', ssrc: 1, reports: [report] }]));
    }
    return out;
  }
}

/** From where the payload speaks on it is byte for byte what the camera made; before it are the numbers of the descriptor. */
function isOriginal(stream: CameraStream, facts: FrameFacts, payload: Buffer): boolean {
  const { plain } = stream.encoder.sent[stream.indexOf(facts)] ?? {};
  if (plain === undefined) return false;
  if (plain.length === 0) return true; // too old to be compared
  const spoken = payload.subarray(payload.lastIndexOf(BYTE));
  return spoken.equals(plain.subarray(plain.length - spoken.length));
}

/** VP8 and VP9: 15 bits after the descriptor's first octets. AV1: the frame number of the dependency descriptor. */
function pictureIdOf(
  plain: Uint8Array,
  { extension }: RtpPacket,
  payload: Buffer,
  { camera: { codec } }: CameraStream,
): { pictureId: number; pictureIdBits: number } {
  if (codec === 'VP8') return { pictureId: payload.readUInt16BE(2) & 0x7fff, pictureIdBits: 15 };
  if (codec === 'VP9') return { pictureId: payload.readUInt16BE(1) & 0x7fff, pictureIdBits: 15 };
  if (codec === 'AV1' && extension?.profile === 0xbede) {
    for (let at = extension.offset; at < extension.offset + extension.length;) {
      const head = plain[at]!;
      if (head === 0) at++;
      else if (head >> 4 === RECEIVER_IDS.dependencyDescriptor)
        return { pictureId: (plain[at + 2]! << 8) | plain[at + 3]!, pictureIdBits: 16 };
      else at += 2 + (head & 15);
    }
  }
  if (codec === 'AV1' && extension?.profile === 0x1000) {
    for (let at = extension.offset; at < extension.offset + extension.length;) {
      const id = plain[at]!;
      if (id === 0) at++;
      else if (id === RECEIVER_IDS.dependencyDescriptor)
        return { pictureId: (plain[at + 3]! << 8) | plain[at + 4]!, pictureIdBits: 16 };
      else at += 2 + plain[at + 1]!;
    }
  }
  return { pictureId: -1, pictureIdBits: 16 };
}

const ssrcOf = (bytes: Uint8Array): number =>
  ((bytes[8]! << 24) | (bytes[9]! << 16) | (bytes[10]! << 8) | bytes[11]!) >>> 0;
