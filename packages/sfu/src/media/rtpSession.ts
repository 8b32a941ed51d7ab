/**
 * RTP and RTCP of one transport, whatever carries it: which packet is whose, what RTCP says, and when what is owed.
 * One deadline for all it owes; time comes as an argument.
 * Spec: RFC 3550 §6 (reports), RFC 4585 (NACK), RFC 5506 (reduced size), virtual streams R5 (when slots are reported).
 * Elsewhere: addresses and keys → webRtcTransport.ts · forwarding → producer.ts, virtual/ · RTCP that goes out → rtcpSender.ts
 */
import { ROW_LENGTH, ROW_SSRC } from '@tertulia/engine';
import { fromNtp, middleNtp, parseRtcp, toNtp } from '@tertulia/wire';
import type { ReportBlock, RtcpPacket } from '@tertulia/wire';
import { SEND_SIDE } from './congestion/sendSideEstimator.js';
import type { Consumer } from './consumer.js';
import { unixMs } from './context.js';
import type { MediaContext } from './context.js';
import { DropCounters } from './dropCounters.js';
import { IncomingBandwidth } from './incomingBandwidth.js';
import type { OutgoingStream } from './outgoing.js';
import { OutgoingBandwidth } from './outgoingBandwidth.js';
import { ExtensionIds } from './packetReader.js';
import type { Encoding, Producer } from './producer.js';
import { visitReports, visitTransportFeedback } from './reportReader.js';
import type { ReportVisitor } from './reportReader.js';
import { ReportSchedule } from './reportSchedule.js';
import type { Reporter } from './reportSchedule.js';
import { REPORT_BLOCKS_MAX } from './reportWriter.js';
import { RtcpSender } from './rtcpSender.js';
import type { SlotSender } from './rtcpSender.js';
import { RtpListener } from './rtpListener.js';
import type { TransportTraceEventType } from '../types.js';
import { Tracing } from './tracing.js';
import { SourceClock } from './virtual/sourceClock.js';

export const REPORT_TIMES = {
  /** R5 wants one at least every second; the spread keeps a thousand transports from being due together. */
  leastMicros: 800_000,
  mostMicros: 970_000,
  /** After a switch: R5 wants it within 100 ms. */
  switchLeastMicros: 10_000,
  switchMostMicros: 70_000,
} as const;
export class RtpSession implements Reporter {
  readonly listener = new RtpListener();
  readonly extensionIds = new ExtensionIds();
  /** One for all sources of the transport: virtual streams R2. */
  readonly clock = new SourceClock();
  readonly producers = new Map<string, Producer>();
  readonly consumers = new Map<string, Consumer>();
  readonly slotSenders = new Set<SlotSender>();
  readonly incoming = new IncomingBandwidth();
  readonly outgoing: OutgoingBandwidth;
  readonly drops: DropCounters;
  /** Without a socket: what consumers send goes to the application. */
  direct = false;
  readonly rtcp: RtcpSender;
  bytesReceived = 0;
  readonly #context: MediaContext;
  readonly #peer: number;
  readonly #outgoing = new Map<number, OutgoingStream>();
  /** Of repetitions: reports about them say nothing that is used. */
  readonly #outgoingRtx = new Set<number>();
  readonly #onDeadline: (deadlineMicros: number) => void;
  readonly #schedule: ReportSchedule;
  readonly tracing = new Tracing<TransportTraceEventType>();
  /** When feedback about the way to here is owed, as the timer knows it. */
  #feedbackMicros = -1;
  #reportMicros: number | undefined;
  /** Of the compound being read. */
  #nowMicros = 0;
  #middleNow = 0;
  readonly #visitor: ReportVisitor = {
    handleBlock: (block) => this.#handleReportBlock(block, this.#middleNow),
    handleNack: (mediaSsrc, lost) => this.#handleNack(mediaSsrc, lost, this.#nowMicros),
    handleTransportFeedback: (feedback) => this.#handleTransportFeedback(feedback),
  };
  /** @param onDeadline called when `nextDeadline` may have come nearer */
  constructor(context: MediaContext, peer: number, onDeadline: (deadlineMicros: number) => void) {
    this.#context = context;
    this.#peer = peer;
    this.#onDeadline = onDeadline;
    this.#schedule = ReportSchedule.of(context.timers);
    this.drops = new DropCounters(context.drops);
    this.outgoing = new OutgoingBandwidth({
      setPacing: (bitsPerSecond) => context.port.setPacing(peer, bitsPerSecond),
      pacerWaitMicros: () => context.port.pacerWaitMicros(peer),
      probe: (entry, probe) => context.port.probe(peer, entry, probe),
    });
    this.rtcp = new RtcpSender(context, peer);
  }

  /** There are keys and an address. */
  get ready(): boolean {
    return this.#reportMicros !== undefined;
  }

  /** From now on slots send and reports are owed, or neither. */
  setReady(ready: boolean, nowMicros: number): void {
    if (ready === this.ready) return;
    if (ready) {
      this.#schedule.join();
      this.#scheduleReport(nowMicros);
    } else {
      this.#schedule.leave();
      this.#reportMicros = undefined;
    }
    for (const sender of this.slotSenders) sender.setReady(ready, nowMicros);
    for (const consumer of this.consumers.values()) consumer.setReady(ready, nowMicros);
  }

  // ---- what is sent and received ----

  /** @returns what is wrong with its parameters, or undefined. */
  addProducer(producer: Producer): string | undefined {
    const why = this.listener.add(producer);
    if (why !== undefined) return why;
    for (const { uri, id } of producer.rtpParameters.headerExtensions ?? []) this.extensionIds.add(uri, id);
    if (producer.rtpParameters.rtcp?.reducedSize) this.rtcp.reducedSize = true;
    this.incoming.negotiate(producer.rtpParameters);
    this.producers.set(producer.id, producer);
    return undefined;
  }

  removeProducer(producer: Producer): void {
    this.listener.remove(producer);
    this.producers.delete(producer.id);
  }

  hasOutgoing(ssrc: number): boolean {
    return this.#outgoing.has(ssrc);
  }

  /** @returns an SSRC of the consumer that is in use already, or undefined when it was added */
  addConsumer(consumer: Consumer): number | undefined {
    for (const { outgoing } of consumer.streams) if (this.#outgoing.has(outgoing.ssrc)) return outgoing.ssrc;
    this.consumers.set(consumer.id, consumer);
    const cname = consumer.rtpParameters.rtcp?.cname ?? '';
    for (const { outgoing } of consumer.streams) this.addOutgoing(outgoing, cname);
    if (consumer.kind === 'video') {
      const nowMicros = this.#context.engine.now();
      this.outgoing.addTaker(consumer);
      this.outgoing.negotiate(consumer.rtpParameters, nowMicros);
      this.reallocate(nowMicros);
    }
    return undefined;
  }

  removeConsumer(consumer: Consumer): void {
    if (!this.consumers.delete(consumer.id)) return;
    for (const { outgoing } of consumer.streams) this.removeOutgoing(outgoing);
    if (consumer.kind !== 'video') return;
    this.outgoing.removeTaker(consumer);
    this.reallocate(this.#context.engine.now());
  }

  /** @param id of the transport, which is not known here otherwise */
  setTraceTypes(id: string, types: readonly string[]): void {
    this.tracing.set(types);
    const { outgoing } = this;
    const trace = (type: TransportTraceEventType, info: Record<string, unknown>): void => {
      const timestamp = Math.round(unixMs(this.#context, this.#context.engine.now()));
      const event = { type, timestamp, direction: 'out' as const, info };
      this.#context.emit({ event: 'transport.trace', transportId: id, trace: event });
    };
    outgoing.onAllocated = this.tracing.has('bwe')
      ? (bandwidth) =>
          trace('bwe', {
            type: outgoing.kind,
            ...bandwidth,
            effectiveDesiredBitrate: bandwidth.desiredBitrate,
            startBitrate: outgoing.startBitrate ?? SEND_SIDE.startBitrate,
            maxPaddingBitrate: bandwidth.desiredBitrate,
          })
      : undefined;
    outgoing.onProbe = this.tracing.has('probation')
      ? (probe) => trace('probation', { ...probe })
      : undefined;
  }

  /** Consumers or slots want something else of the transport's bandwidth. */
  reallocate(nowMicros: number): void {
    this.outgoing.allocate(nowMicros);
    this.#bandwidthDeadline();
  }

  setMaxIncomingBitrate(bitrate: number, nowMicros: number): void {
    this.incoming.setMaxBitrate(bitrate, nowMicros);
    this.#bandwidthDeadline();
  }

  setMaxOutgoingBitrate(bitrate: number, nowMicros: number): void {
    this.outgoing.setMaxBitrate(bitrate, nowMicros);
    this.#bandwidthDeadline();
  }

  setMinOutgoingBitrate(bitrate: number, nowMicros: number): void {
    this.outgoing.setMinBitrate(bitrate, nowMicros);
    this.#bandwidthDeadline();
  }

  addOutgoing(stream: OutgoingStream, cname: string): void {
    this.#outgoing.set(stream.ssrc, stream);
    if (stream.rtxSsrc !== undefined) this.#outgoingRtx.add(stream.rtxSsrc);
    this.rtcp.addName(stream.ssrc, cname);
  }

  removeOutgoing(stream: OutgoingStream): void {
    this.#outgoing.delete(stream.ssrc);
    if (stream.rtxSsrc !== undefined) this.#outgoingRtx.delete(stream.rtxSsrc);
    this.rtcp.removeName(stream.ssrc);
  }

  // ---- in ----

  /** @param at the row's first word */
  handleRtp(at: number, nowMicros: number): void {
    const { reader, engine } = this.#context;
    const bytes = engine.rows[at + ROW_LENGTH]!;
    this.bytesReceived += bytes;
    if (!reader.read(at, this.extensionIds, nowMicros)) this.drops.count('rtp-extension-malformed');
    // Before anybody asks whose the packet is: padding and streams that nobody bound are reported as well.
    if (this.incoming.kind !== undefined) {
      this.incoming.handlePacket(reader, bytes, nowMicros);
      const owed = this.incoming.nextDeadline();
      if (owed !== undefined && owed !== this.#feedbackMicros)
        this.#onDeadline((this.#feedbackMicros = owed));
    }
    let stream = this.listener.find(reader.ssrc);
    if (!stream) {
      const bound = this.listener.bind(engine.rows[at + ROW_SSRC]!, reader);
      if (typeof bound === 'string') {
        this.drops.count(bound);
        return;
      }
      stream = bound;
    }
    const { producer } = stream.encoding;
    const why = stream.isRetransmission
      ? producer.handleRetransmission(stream, reader, nowMicros)
      : producer.handlePacket(stream, reader, nowMicros);
    if (why !== undefined) this.drops.count(why);
    const nackDeadline = stream.nack?.nextDeadline();
    if (nackDeadline !== undefined) this.#onDeadline(nackDeadline);
  }

  /** @param bytes one compound, read during the call only */
  handleRtcp(bytes: Uint8Array, nowMicros: number): void {
    this.bytesReceived += bytes.length;
    this.#nowMicros = nowMicros;
    const now = toNtp(unixMs(this.#context, nowMicros));
    this.#middleNow = middleNtp(now.seconds, now.fraction);
    if (visitReports(bytes, this.#visitor)) return;
    const { packets, why } = parseRtcp(bytes);
    if (why !== undefined) this.drops.count('rtcp-malformed');
    if (packets.some(({ type }) => type === 'twcc'))
      visitTransportFeedback(bytes, (feedback) => this.#handleTransportFeedback(feedback));
    for (const packet of packets) this.#handlePacket(packet, this.#middleNow, nowMicros);
  }

  // ---- out ----

  /** A slot carries something else: its report is due soon (R5). */
  hastenReport(nowMicros: number): void {
    if (this.#reportMicros === undefined) return;
    const { switchLeastMicros: least, switchMostMicros: most } = REPORT_TIMES;
    if (nowMicros + least >= this.#reportMicros) return;
    const due = ReportSchedule.onGrid(nowMicros + least + this.#context.rng() * (most - least));
    if (due >= this.#reportMicros) return;
    this.#reportMicros = due;
    this.#schedule.set(this, due);
  }

  /** The producer wants one for this encoding; now, or when it is time. */
  askForKeyFrame(encoding: Encoding, nowMicros: number): void {
    this.#pollKeyFrames(encoding, nowMicros);
    const deadline = encoding.keyFrames.nextDeadline();
    if (deadline !== undefined) this.#onDeadline(deadline);
  }

  poll(nowMicros: number): void {
    for (const producer of this.producers.values()) {
      for (const encoding of producer.encodings) {
        this.#askAgain(encoding, nowMicros);
        this.#pollKeyFrames(encoding, nowMicros);
      }
    }
    this.#sendFeedback(nowMicros);
    this.outgoing.poll(nowMicros);
  }

  get reportMicros(): number | undefined {
    return this.#reportMicros;
  }

  /** Called by the schedule. */
  report(nowMicros: number): void {
    this.rtcp.report(this, nowMicros);
    for (const producer of this.producers.values()) producer.look(nowMicros);
    this.#scheduleReport(nowMicros);
  }

  /** Of what `poll` does; reports have a schedule of their own. */
  nextDeadline(): number | undefined {
    let deadline = this.outgoing.nextDeadline();
    const owed = this.ready ? this.incoming.nextDeadline() : undefined;
    if (owed !== undefined && (deadline === undefined || owed < deadline)) deadline = owed;
    for (const { encodings } of this.producers.values()) {
      for (const { current, keyFrames } of encodings) {
        const wanted = current?.nack?.nextDeadline();
        if (wanted !== undefined && (deadline === undefined || wanted < deadline)) deadline = wanted;
        const due = keyFrames.nextDeadline();
        if (due !== undefined && (deadline === undefined || due < deadline)) deadline = due;
      }
    }
    return deadline;
  }

  dump() {
    return {
      bandwidth: this.outgoing.state(),
      producerIds: [...this.producers.keys()],
      consumerIds: [...this.consumers.keys()],
      outgoingSsrcs: [...this.#outgoing.keys()],
      rtpListener: this.listener.dump(),
      reportsSent: this.rtcp.reportsSent,
      drops: this.drops.toObject(),
    };
  }

  #handlePacket(packet: RtcpPacket, middleNow: number, nowMicros: number): void {
    switch (packet.type) {
      case 'sr': {
        this.#handleBlocks(packet.reports, middleNow);
        const stream = this.listener.find(packet.ssrc);
        if (!stream) {
          this.drops.count('rtcp-foreign-ssrc');
          return;
        }
        const ntpMicros = fromNtp(packet.ntpSeconds, packet.ntpFraction) * 1000;
        const middle = middleNtp(packet.ntpSeconds, packet.ntpFraction);
        if (stream.isRetransmission)
          stream.receive.handleSenderReport({ ntpMiddle: middle, arrivalMicros: nowMicros });
        else
          stream.encoding.producer.handleSenderReport(
            stream,
            ntpMicros,
            middle,
            packet.rtpTimestamp,
            nowMicros,
          );
        return;
      }
      case 'rr':
        this.#handleBlocks(packet.reports, middleNow);
        return;
      case 'nack':
        this.#handleNack(packet.mediaSsrc, packet.lost, nowMicros);
        return;
      case 'bye':
        // The next SSRC of that section may take over at once.
        for (const ssrc of packet.ssrcs) {
          const stream = this.listener.find(ssrc);
          if (stream) stream.lastMicros = -Infinity;
        }
        return;
      case 'pli':
        this.#handleKeyFrameRequest(packet.mediaSsrc, 'pli', nowMicros);
        return;
      case 'fir':
        for (const { ssrc } of packet.entries) this.#handleKeyFrameRequest(ssrc, 'fir', nowMicros);
        return;
      case 'remb':
        this.outgoing.handleRemb(packet.bitrate, nowMicros);
        this.#bandwidthDeadline();
        return;
      default:
        return;
    }
  }

  #handleTransportFeedback(feedback: Uint8Array): void {
    const nowMicros = this.#nowMicros;
    if (this.outgoing.kind !== 'transport-cc') {
      this.drops.count('rtcp-not-negotiated');
      return;
    }
    const read = this.#context.port.readTransportFeedback(this.#peer, feedback, nowMicros);
    if (!read) {
      this.drops.count('rtcp-malformed');
      return;
    }
    this.outgoing.handleFeedback(read, nowMicros);
    this.#bandwidthDeadline();
  }

  #bandwidthDeadline(): void {
    const out = this.outgoing.nextDeadline();
    if (out !== undefined) this.#onDeadline(out);
    const owed = this.incoming.nextDeadline();
    if (owed !== undefined) this.#onDeadline(owed);
  }

  /** What senders are told about the way to here. */
  #sendFeedback(nowMicros: number): void {
    const owed = this.incoming.nextDeadline();
    if (owed === undefined || owed > nowMicros || this.#reportMicros === undefined) return;
    const ssrcs = [...this.listener.streams()].slice(0, REPORT_BLOCKS_MAX).map(({ ssrc }) => ssrc);
    for (const packet of this.incoming.poll(nowMicros, this.rtcp.ssrc, ssrcs)) this.rtcp.sendPacket(packet);
  }

  #handleBlocks(blocks: readonly ReportBlock[], middleNow: number): void {
    for (const block of blocks) this.#handleReportBlock(block, middleNow);
  }

  #handleNack(mediaSsrc: number, lost: readonly number[], nowMicros: number): void {
    const stream = this.#outgoing.get(mediaSsrc);
    if (!stream) this.drops.count('rtcp-foreign-ssrc');
    else if (!stream.nackNegotiated) this.drops.count('rtcp-not-negotiated');
    else stream.handleNack(lost, nowMicros);
  }

  #handleKeyFrameRequest(mediaSsrc: number, words: 'pli' | 'fir', nowMicros: number): void {
    const stream = this.#outgoing.get(mediaSsrc);
    if (!stream) this.drops.count('rtcp-foreign-ssrc');
    else if (!stream.owner.handleKeyFrameRequest) this.drops.count('rtcp-not-negotiated');
    else {
      if (words === 'pli') stream.plis++;
      else stream.firs++;
      stream.owner.handleKeyFrameRequest(stream, words, nowMicros);
    }
  }

  #handleReportBlock(block: ReportBlock, middleNow: number): void {
    const stream = this.#outgoing.get(block.ssrc);
    if (!stream) {
      if (block.ssrc !== 0 && !this.#outgoingRtx.has(block.ssrc)) this.drops.count('rtcp-foreign-ssrc');
      return;
    }
    stream.handleReport(block, middleNow);
    if (this.outgoing.kind !== undefined && stream.owner.handleKeyFrameRequest !== undefined) {
      const roundTripMicros = stream.measured ? stream.roundTripMicros : undefined;
      this.outgoing.handleReport(block.fractionLost / 256, roundTripMicros, this.#nowMicros);
      this.#bandwidthDeadline();
    }
    if (!stream.measured || this.producers.size === 0) return;
    // The way is the same for what comes from there.
    for (const { encodings } of this.producers.values()) {
      for (const { current } of encodings) current?.nack?.setRoundTripTime(stream.roundTripMicros);
    }
  }

  #askAgain({ current: stream, producer }: Encoding, nowMicros: number): void {
    const deadline = stream?.nack?.nextDeadline();
    if (!stream?.nack || deadline === undefined || deadline > nowMicros) return;
    const lost = stream.nack.poll(nowMicros);
    if (lost.length === 0 || producer.paused) return;
    stream.nacks++;
    stream.nackPackets += lost.length;
    if (producer.tracing.has('nack')) producer.trace('nack', 'out', {});
    this.rtcp.sendNack(stream.ssrc, lost);
  }

  #pollKeyFrames({ current: stream, keyFrames, producer, source }: Encoding, nowMicros: number): void {
    // Whoever sends nothing begins with a key frame anyway.
    if (!stream || producer.paused) {
      if (keyFrames.nextDeadline() !== undefined) keyFrames.clear();
      return;
    }
    if (!keyFrames.poll(nowMicros, source.awaitsKeyFrame)) return;
    const words = producer.keyFrameWords ?? 'pli';
    if (producer.tracing.has(words)) producer.trace(words, 'out', { ssrc: stream.ssrc });
    if (producer.keyFrameWords === 'pli') {
      stream.plis++;
      this.rtcp.sendPictureLoss(stream.ssrc);
    } else {
      stream.firs++;
      this.rtcp.sendFullIntraRequest(stream.ssrc, stream.firSequence++);
    }
  }

  #scheduleReport(nowMicros: number): void {
    const { leastMicros, mostMicros } = REPORT_TIMES;
    const spread = this.#context.rng() * (mostMicros - leastMicros);
    this.#reportMicros = ReportSchedule.onGrid(nowMicros + leastMicros + spread);
    this.#schedule.set(this, this.#reportMicros);
  }

  /** Packets come, and are reported. */
  get receives(): boolean {
    return this.producers.size > 0;
  }

  receptionBlocks(nowMicros: number): readonly ReportBlock[] {
    const blocks: ReportBlock[] = [];
    for (const { packets, receive } of this.listener.streams()) {
      if (packets > 0 && blocks.length < REPORT_BLOCKS_MAX) blocks.push(receive.reportBlock(nowMicros));
    }
    return blocks;
  }
}
