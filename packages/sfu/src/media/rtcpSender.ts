/**
 * RTCP that one transport sends: sender and receiver reports, NACKs, requests for key frames, feedback about bandwidth. Writes
 * straight into the engine's scratch. Receivers of slots alone, of whom there may be thousands, get reports that the engine
 * writes by itself out of a template.
 * Spec: RFC 3550 §6 (reports), RFC 4585 (feedback), RFC 5506 (reduced size).
 * Elsewhere: when something is due → rtpSession.ts · bytes → reportWriter.ts
 */
import { toNtp, writeRtcp } from '@tertulia/wire';
import type { ReportBlock, RtcpPacket } from '@tertulia/wire';
import type { Consumer } from './consumer.js';
import { unixMs } from './context.js';
import type { MediaContext } from './context.js';
import { RTCP_BYTES_MAX } from './enginePort.js';
import type { SenderReportNumbers } from './outgoing.js';
import {
  cnameChunk,
  nackWords,
  senderReportBytes,
  SOURCE_DESCRIPTION_HEAD_BYTES,
  sourceDescription,
} from './reportWriter.js';

/** Blocks that may go with the first sender report; with more, a receiver report of their own carries them. */
const BLOCKS_WITH_SENDERS = 8;
const NO_BLOCKS: readonly ReportBlock[] = [];
const SENDERS_PER_COMPOUND = 31; // five bits of count in the source description
/** NACK words in one packet; more lost than this is not repaired by asking. */
const NACK_WORDS_MAX = 64;

/** Numbers of a slot. With the last three the engine can write the next report by itself. */
export interface SlotReportNumbers extends SenderReportNumbers {
  readonly entry?: number;
  readonly baseTimestamp?: number;
  readonly clockRate?: number;
}

/** The slots of one receiver, or whatever else sends more than one stream. */
export interface SlotSender {
  senderReports(nowMicros: number): readonly SlotReportNumbers[];
  /** What is sent can, or can no longer, reach the receiver: numbers that nobody sees must not be used up (R9). */
  setReady(ready: boolean, nowMicros: number): void;
  octetsSent(nowMicros: number): number;
}

/** Whoever has something to report. */
export interface Reported {
  readonly consumers: ReadonlyMap<string, Consumer>;
  readonly slotSenders: ReadonlySet<SlotSender>;
  /** Something is received, so that there may be something to say about it. */
  readonly receives: boolean;
  receptionBlocks(nowMicros: number): readonly ReportBlock[];
}

export class RtcpSender {
  readonly ssrc: number;
  /** Takes RTCP instead of the peer: of a transport without a socket. */
  onRtcp: ((bytes: Uint8Array) => void) | undefined;
  /** Where RTCP goes that has a socket of its own. */
  rtcpPeer: number | undefined;
  /** The other side takes RTCP without a report in front (RFC 5506). */
  reducedSize = false;
  reportsSent = 0;
  readonly #context: MediaContext;
  readonly #peer: number;
  readonly #cname: Uint8Array;
  readonly #description: Uint8Array;
  /** By SSRC of what is sent. */
  readonly #cnames = new Map<number, Uint8Array>();
  /** Clock rate of a report that the engine has a template of: it differs from the last one in time and counters only. */
  #templateRate: number | undefined;
  /** The names that went with the last sender reports; mostly the same go again. */
  #names: { readonly ssrcs: readonly number[]; readonly bytes: Uint8Array } | undefined;

  constructor(context: MediaContext, peer: number) {
    this.#context = context;
    this.#peer = peer;
    this.ssrc = context.newSsrc();
    this.#cname = cnameChunk(this.ssrc, context.secretText(16));
    this.#description = sourceDescription([this.#cname]);
  }

  addName(ssrc: number, cname: string): void {
    this.#cnames.set(ssrc, cnameChunk(ssrc, cname));
    this.#forgetReport();
  }

  removeName(ssrc: number): void {
    this.#cnames.delete(ssrc);
    this.#forgetReport();
  }

  /** Whoever was sent something hears where each line is; whoever sent something hears how it arrived. */
  report(reported: Reported, nowMicros: number): void {
    if (this.#templateRate === undefined || reported.consumers.size > 0 || reported.receives) {
      this.#sendReports(reported, nowMicros);
      return;
    }
    this.reportsSent++;
    const now = toNtp(unixMs(this.#context, nowMicros));
    const line = Math.round((nowMicros * this.#templateRate) / 1e6);
    this.#context.port.sendReport(this.#peer, now.seconds, now.fraction, line);
  }

  sendNack(mediaSsrc: number, lost: readonly number[]): void {
    this.#begin();
    this.#context.reports.nack(this.ssrc, mediaSsrc, nackWords(lost).slice(0, NACK_WORDS_MAX));
    this.#send();
  }

  sendPictureLoss(mediaSsrc: number): void {
    this.#begin();
    this.#context.reports.pictureLoss(this.ssrc, mediaSsrc);
    this.#send();
  }

  /** @param number counts the requests for this stream */
  sendFullIntraRequest(mediaSsrc: number, number: number): void {
    this.#begin();
    this.#context.reports.fullIntraRequest(this.ssrc, mediaSsrc, number & 0xff);
    this.#send();
  }

  /** As it is, with nothing in front. */
  sendPacket(packet: RtcpPacket): void {
    const { engine, port } = this.#context;
    const bytes = writeRtcp([packet]);
    if (bytes.length > RTCP_BYTES_MAX) return;
    engine.scratch.set(bytes, port.rtcpOffset());
    this.#sendScratch(bytes.length);
  }

  // ---- inside ----

  /** The streams are others: so is the next report. */
  #forgetReport(): void {
    this.#names = undefined;
    this.#templateRate = undefined;
  }

  #begin(): void {
    const { port, reports: writer } = this.#context;
    writer.begin(port.rtcpOffset());
    if (!this.reducedSize) this.#writeReceiverReport(NO_BLOCKS);
  }

  #sendReports(reported: Reported, nowMicros: number): void {
    const { port, reports: writer } = this.#context;
    const { consumers, slotSenders, receives } = reported;
    senders.length = 0;
    for (const consumer of consumers.values()) {
      consumer.addSenderReports(nowMicros, senders);
    }
    for (const sender of slotSenders) {
      for (const numbers of sender.senderReports(nowMicros))
        if (numbers.packetCount > 0) senders.push(numbers);
    }
    const onlySlots = slotSenders.size === 1 && consumers.size === 0 && !receives;
    let blocks = receives ? reported.receptionBlocks(nowMicros) : NO_BLOCKS;
    if (senders.length === 0 && blocks.length === 0) return;
    const now = toNtp(unixMs(this.#context, nowMicros));
    if (senders.length === 0 || blocks.length > BLOCKS_WITH_SENDERS) {
      writer.begin(port.rtcpOffset());
      this.#writeReceiverReport(blocks);
      this.#send();
      blocks = NO_BLOCKS;
    }
    for (let at = 0; at < senders.length;) {
      const first = at;
      let bytes = SOURCE_DESCRIPTION_HEAD_BYTES;
      writer.begin(port.rtcpOffset());
      for (; at < senders.length && at - first < SENDERS_PER_COMPOUND; at++) {
        bytes += senderReportBytes(blocks.length) + this.#nameOf(senders[at]!.ssrc).length;
        if (at > first && bytes > RTCP_BYTES_MAX) break;
        writer.senderReport(senders[at]!, now.seconds, now.fraction, blocks);
        blocks = NO_BLOCKS;
      }
      writer.raw(this.#namesOf(first, at));
      if (onlySlots && at - first === this.#cnames.size) this.#makeTemplate();
      this.#send();
    }
  }

  /** What lies in the scratch is all that this receiver will ever be told, but for time and counters. */
  #makeTemplate(): void {
    if (this.onRtcp || this.rtcpPeer !== undefined) return;
    const { engine, port, reports: writer } = this.#context;
    const places = new Uint32Array(3 * senders.length);
    for (let i = 0; i < senders.length; i++) {
      const { entry, baseTimestamp, clockRate } = senders[i]!;
      if (entry === undefined || baseTimestamp === undefined || clockRate === undefined) return;
      if (clockRate !== senders[0]!.clockRate) return;
      places.set([i * senderReportBytes(0), entry, baseTimestamp], 3 * i);
    }
    const offset = port.rtcpOffset();
    const compound = engine.scratch.slice(offset, offset + writer.length);
    if (engine.setReport(this.#peer, compound, places)) this.#templateRate = senders[0]!.clockRate;
  }

  #nameOf(ssrc: number): Uint8Array {
    return this.#cnames.get(ssrc) ?? this.#cname;
  }

  /** The source description of `senders` from `first` to before `end`. */
  #namesOf(first: number, end: number): Uint8Array {
    const known = this.#names;
    if (known?.ssrcs.length === end - first) {
      let same = true;
      for (let i = first; i < end; i++) if (known.ssrcs[i - first] !== senders[i]!.ssrc) same = false;
      if (same) return known.bytes;
    }
    const ssrcs = senders.slice(first, end).map(({ ssrc }) => ssrc);
    const bytes = sourceDescription(ssrcs.map((ssrc) => this.#nameOf(ssrc)));
    this.#names = { ssrcs, bytes };
    return bytes;
  }

  #writeReceiverReport(blocks: readonly ReportBlock[]): void {
    const { reports: writer } = this.#context;
    writer.receiverReport(this.ssrc, blocks);
    writer.raw(this.#description);
  }

  #send(): void {
    this.reportsSent++;
    this.#sendScratch(this.#context.reports.length);
  }

  /** What lies in the scratch. */
  #sendScratch(length: number): void {
    const { engine, port } = this.#context;
    if (this.onRtcp) {
      const offset = port.rtcpOffset();
      this.onRtcp(engine.scratch.slice(offset, offset + length));
    } else {
      port.sendRtcp(this.rtcpPeer ?? this.#peer, length);
    }
  }
}

/** Who is owed a report, while it is written. */
const senders: SlotReportNumbers[] = [];
