/**
 * A simulated receiver: decrypts by its own count of roll-overs, reads CSRCs and stamps, hands both to the judge, sends
 * receiver reports and asks again for what its path lost. It is told its SSRCs once.
 */
import { parseRtcp, parseRtp, writeRtcp, fromNtp } from '@tertulia/wire';
import type { SrtpReference } from '../../../packages/engine/test/support/srtp.js';
import type { ExitWatch } from './exitWatch.js';
import type { Judge, StreamJudge } from './judge.js';
import { RollOver } from './rollOver.js';
import { readStamp } from './stamp.js';

/** Asked three times, as long as the server keeps packets. */
const SILENT_AFTER_MICROS = 60_000;
const NACK_AFTER_MICROS = [10_000, 110_000, 260_000];

interface SlotState {
  index: number;
  ssrc: number;
  judge: StreamJudge;
  /** As sent: unwrapped in the order of the server's exit. */
  lastOut: number;
  rollOver: RollOver;
  highestReceived: number;
  received: number;
  wanted: Map<number, { sinceMicros: number; asked: number }>;
  /** A switch's first packet, until a report was sent, and until one has come. */
  switchedMicros: number | undefined;
  unheardMicros: number | undefined;
  lastSentMicros: number;
  csrc: number;
}

export interface ListenerFigures {
  nacked: number;
  recovered: number;
  reports: number;
}

export class Listener {
  readonly figures: ListenerFigures = { nacked: 0, recovered: 0, reports: 0 };
  readonly #bySsrc = new Map<number, SlotState>();
  readonly #seen = new Map<number, Int32Array>();

  constructor(
    readonly name: string,
    ssrcs: readonly number[],
    private readonly srtp: SrtpReference,
    private readonly judge: Judge,
    private readonly watch: ExitWatch,
    ownSources: () => readonly number[],
    owner: string,
  ) {
    ssrcs.forEach((ssrc, index) => {
      this.#bySsrc.set(ssrc, {
        index,
        ssrc,
        judge: judge.stream(name, index, owner, ownSources),
        lastOut: -1,
        rollOver: new RollOver(),
        highestReceived: -1,
        received: 0,
        wanted: new Map(),
        switchedMicros: undefined,
        unheardMicros: undefined,
        lastSentMicros: -Infinity,
        csrc: 0,
      });
    });
  }

  /** At the server's exit, before the link. @returns its true extended number, to be handed to `receive` or `missed`. */
  sent(bytes: Uint8Array, nowMicros: number): number | undefined {
    const parsed = parseRtp(bytes);
    const slot = parsed.ok ? this.#bySsrc.get(parsed.value.ssrc) : undefined;
    if (!parsed.ok || slot === undefined) {
      this.judge.violate(
        'ssrc',
        `${this.name}: ${parsed.ok ? parsed.value.ssrc : parsed.why} at ${nowMicros / 1e6} s`,
      );
      return undefined;
    }
    const { sequenceNumber, csrcs } = parsed.value;
    const out =
      slot.lastOut < 0 ? sequenceNumber : slot.lastOut + (((sequenceNumber - slot.lastOut) << 16) >> 16);
    if (slot.lastOut < 0 && sequenceNumber > 32_767)
      this.judge.violate(
        'undecryptable',
        `${this.name}: first number ${sequenceNumber} is in the upper half`,
      );
    // A late or repeated packet takes its old place; what the slot carries now, the newest one says.
    if (out > slot.lastOut) {
      slot.lastOut = out;
      this.watch.sent(this.name, slot.index, csrcs, nowMicros);
      if (csrcs[0] !== slot.csrc) {
        slot.csrc = csrcs[0] ?? 0;
        slot.switchedMicros ??= nowMicros;
        slot.unheardMicros ??= nowMicros;
      }
      // A slot that fell silent at once owes no report; its time begins anew with what it sends next.
      const isResumed = nowMicros - slot.lastSentMicros > SILENT_AFTER_MICROS;
      if (isResumed && slot.switchedMicros !== undefined) slot.switchedMicros = nowMicros;
      if (isResumed && slot.unheardMicros !== undefined) slot.unheardMicros = nowMicros;
      slot.lastSentMicros = nowMicros;
    }
    return out;
  }

  /** Arrived behind the link. */
  receive(bytes: Uint8Array, out: number, sentMicros: number, nowMicros: number): void {
    const sequence = (bytes[2]! << 8) | bytes[3]!;
    const slot = this.#bySsrc.get(ssrcOf(bytes))!;
    const guessed = slot.rollOver.guess(sequence);
    if (!this.#judgePacket(slot, bytes, guessed, out, sentMicros)) return;
    slot.rollOver.accept(guessed);
    slot.received++;
    if (slot.wanted.delete(guessed)) this.figures.recovered++;
    if (slot.highestReceived >= 0 && guessed - slot.highestReceived < 100) {
      for (let lost = slot.highestReceived + 1; lost < guessed; lost++)
        slot.wanted.set(lost, { sinceMicros: nowMicros, asked: 0 });
    }
    if (guessed > slot.highestReceived) slot.highestReceived = guessed;
  }

  /** Lost by the link: judged all the same, for the rules speak of what the server sends. */
  missed(bytes: Uint8Array, out: number, sentMicros: number): void {
    this.#judgePacket(this.#bySsrc.get(ssrcOf(bytes))!, bytes, out, out, sentMicros);
  }

  #judgePacket(slot: SlotState, bytes: Uint8Array, index: number, out: number, sentMicros: number): boolean {
    const plain = this.srtp.unprotectRtp(bytes, Math.floor(index / 65_536));
    if (plain === undefined) {
      this.judge.violate('undecryptable', `${this.name}/${slot.index} #${out} taken for #${index}`);
      return false;
    }
    const parsed = parseRtp(plain);
    const stamp = parsed.ok
      ? readStamp(plain, parsed.value.payloadOffset, parsed.value.payloadLength)
      : undefined;
    if (!parsed.ok || stamp === undefined) {
      this.judge.violate('payload', `${this.name}/${slot.index} #${out}`);
      return true;
    }
    this.#seenIn(slot, stamp.source, stamp.packetNumber);
    slot.judge.take({
      listener: this.name,
      slot: slot.index,
      out,
      timestamp: parsed.value.timestamp,
      marker: parsed.value.marker,
      csrcs: parsed.value.csrcs,
      source: stamp.source,
      packetNumber: stamp.packetNumber,
      sentMicros,
    });
    return true;
  }

  /** The same packet must not come in two slots. */
  #seenIn(slot: SlotState, source: number, packetNumber: number): void {
    let seen = this.#seen.get(source);
    if (seen === undefined) this.#seen.set(source, (seen = new Int32Array(256).fill(-1)));
    const place = packetNumber & 255;
    const before = seen[place]!;
    if (before >= 0 && before >> 4 === packetNumber && (before & 15) !== slot.index)
      this.judge.violate(
        'two-slots',
        `${this.name}: source ${source} packet ${packetNumber} in ${before & 15} and ${slot.index}`,
      );
    seen[place] = (packetNumber << 4) | slot.index;
  }

  /** A decrypted compound at the server's exit. @param zeroMillis wall clock of the server at virtual time 0 */
  reportsSent(plain: Uint8Array, zeroMillis: number, nowMicros: number): void {
    for (const packet of parseRtcp(plain).packets) {
      if (packet.type !== 'sr') continue;
      const slot = this.#bySsrc.get(packet.ssrc);
      if (slot === undefined) {
        this.judge.violate('ssrc', `${this.name}: sender report of ${packet.ssrc} at ${nowMicros / 1e6} s`);
        continue;
      }
      this.figures.reports++;
      if (slot.switchedMicros !== undefined) {
        this.judge.reportSent(`${this.name}/${slot.index}`, (nowMicros - slot.switchedMicros) / 1000);
        slot.switchedMicros = undefined;
      }
      slot.judge.report(packet.rtpTimestamp, fromNtp(packet.ntpSeconds, packet.ntpFraction) - zeroMillis);
    }
  }

  /** The same compound behind the link. */
  reportsReceived(plain: Uint8Array, sentMicros: number, nowMicros: number): void {
    for (const packet of parseRtcp(plain).packets) {
      const slot = packet.type === 'sr' ? this.#bySsrc.get(packet.ssrc) : undefined;
      if (slot?.unheardMicros === undefined || sentMicros < slot.unheardMicros) continue;
      this.judge.reportReceivedMs.push((nowMicros - slot.unheardMicros) / 1000);
      slot.unheardMicros = undefined;
    }
  }

  /** What this receiver sends now: reports every `reports` call, NACKs for what is missing. Plain compounds. */
  feedback(nowMicros: number, withReports: boolean): Uint8Array[] {
    const out: Uint8Array[] = [];
    for (const slot of this.#bySsrc.values()) {
      const lost: number[] = [];
      for (const [number, want] of slot.wanted) {
        const wait = NACK_AFTER_MICROS[want.asked];
        if (wait === undefined) slot.wanted.delete(number);
        else if (nowMicros - want.sinceMicros >= wait) {
          want.asked++;
          lost.push(number & 0xffff);
        }
      }
      if (lost.length > 0) {
        this.figures.nacked += lost.length;
        out.push(writeRtcp([{ type: 'nack', senderSsrc: 1, mediaSsrc: slot.ssrc, lost }]));
      }
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

const ssrcOf = (bytes: Uint8Array): number =>
  ((bytes[8]! << 24) | (bytes[9]! << 16) | (bytes[10]! << 8) | bytes[11]!) >>> 0;
