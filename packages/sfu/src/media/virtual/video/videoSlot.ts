/**
 * One virtual video stream of one receiver: a fixed SSRC whose source changes at key frames. While the next source has not
 * sent one the source before goes on, at most for a second.
 * Spec: virtual streams V4, V6, V7, R1, R2, R5, R7–R9. Elsewhere: numbers → ../../forward/variantMember.ts · layers →
 * ../../forward/layerFollower.ts · which source → videoReceiver.ts
 */
import type { RtpParameters } from '@tertulia/wire';
import type { VideoSlotChange } from '../../../types.js';
import { offersNack } from '../../codecs.js';
import type { AllocationRequest } from '../../congestion/bitrateAllocator.js';
import { unixMs } from '../../context.js';
import type { MediaContext } from '../../context.js';
import { slotCodecs, slotEntryConstants } from '../../entryParameters.js';
import { LayerFollower } from '../../forward/layerFollower.js';
import type { Layers } from '../../forward/layerSelection.js';
import type { SourceStream } from '../../forward/sourceStream.js';
import { VariantMember } from '../../forward/variantMember.js';
import type { EntryCodecs } from '../../forward/variantMember.js';
import type { BandwidthTaker } from '../../outgoingBandwidth.js';
import { OutgoingStream } from '../../outgoing.js';
import type { OutgoingOwner } from '../../outgoing.js';
import type { SlotReportNumbers } from '../../rtcpSender.js';
import type { Transport } from '../../transport.js';
import type { VideoSource } from './videoSource.js';

export const VIDEO_SLOT_TIMES = {
  /** µs after which a source that sends no key frame counts last. Three requests have gone unanswered then. */
  stallMicros: 3_000_000,
} as const;

/** The line of video: RFC 3551 §5, as RFC 7741 and the others have it. */
export const VIDEO_CLOCK_RATE = 90_000;

/** What a slot tells its receiver. */
export interface VideoSlotOwner {
  readonly id: string;
  readonly transport: Transport;
  sourceOf(stream: SourceStream): VideoSource | undefined;
  /** Another source's packets go out, or none. */
  slotChanged(slot: VideoSlot, nowMicros: number): void;
  /** The same source has repaid its lead: its anchor is another. */
  slotOnLine(slot: VideoSlot, nowMicros: number): void;
  /** It began or ceased to wait for a key frame: `nextDeadline` is another. */
  slotWaits(slot: VideoSlot): void;
}

export class VideoSlot implements OutgoingOwner, BandwidthTaker {
  readonly kind = 'video';
  readonly outgoing: OutgoingStream;
  readonly id: string;
  /** Whose it is to be. */
  source: VideoSource | undefined;
  canvasId: number | undefined;
  priority = 1;
  /** Counts the sources whose packets went out. */
  epoch = 0;
  /** Sources that followed another in this slot. */
  switches = 0;
  resent = 0;
  readonly #context: MediaContext;
  readonly #owner: VideoSlotOwner;
  readonly #entry: number;
  readonly #base: number;
  readonly #member: VariantMember;
  readonly #follower: LayerFollower;
  #preferred: Layers | undefined;
  /** Whose packets go out. */
  #playing: VideoSource | undefined;
  /** Since when a key frame of its source has been awaited. */
  #waitingMicros: number | undefined;

  constructor(
    context: MediaContext,
    owner: VideoSlotOwner,
    readonly index: number,
    readonly rtpParameters: RtpParameters,
  ) {
    const { ssrc = 0, rtx } = rtpParameters.encodings?.[0] ?? {};
    const { port, rng } = context;
    this.#context = context;
    this.#owner = owner;
    this.id = `${owner.id}:${index}`;
    this.outgoing = new OutgoingStream(ssrc, offersNack(rtpParameters), this, rtx?.ssrc);
    this.#base = Math.floor(rng() * 2 ** 32) >>> 0;
    this.#entry = port.createEntry(slotEntryConstants(owner.transport.peer, rtpParameters));
    this.#member = new VariantMember(port, rng, this.#entry, {
      line: { base: this.#base },
      codecsOf: (stream) => this.#codecsOf(stream),
      keepsHistory: true,
    });
    this.#member.onLine = () => this.#playing && this.#owner.slotOnLine(this, this.#context.engine.now());
    this.#follower = new LayerFollower(this.#member, {
      canGoDark: true,
      onShown: () => this.#shown(),
    });
    this.#follower.setActive(owner.transport.rtp.ready, context.engine.now());
  }

  /** Its source's packets go out. */
  get active(): boolean {
    return this.#playing !== undefined && this.#playing === this.source;
  }

  /** Whether the receiver has a codec for what the source sends. */
  static canShow(rtpParameters: RtpParameters, { producer }: VideoSource): boolean {
    return slotCodecs(producer, rtpParameters).payloadTypes[0] !== undefined;
  }

  // ---- what it shows ----

  /** Nothing begins before `select`: first the bandwidth is shared anew. @returns whether that is needed */
  show(source: VideoSource, canvasId: number, preferred: Layers, nowMicros: number): boolean {
    this.canvasId = canvasId;
    if (source === this.source && preferred === this.#preferred) return false;
    if (source !== this.source) this.#take(source);
    this.#preferred = preferred;
    this.#follower.assign(source.producer, source.csrcs, nowMicros, preferred);
    return true;
  }

  /** Nothing is sent any more, at once. @returns whether anything was */
  clear(nowMicros: number): boolean {
    this.canvasId = undefined;
    if (!this.source) return false;
    this.#take(undefined);
    this.#follower.assign(undefined, [], nowMicros);
    return true;
  }

  get current(): Layers | undefined {
    return this.#follower.current;
  }

  /** The transport can, or can no longer, send: numbers that nobody sees must not be used up (R9). */
  setReady(ready: boolean, nowMicros: number): void {
    this.#follower.setActive(ready, nowMicros);
    this.#notice(nowMicros);
  }

  /** Goes where it should be. */
  select(nowMicros: number): void {
    this.#follower.select(nowMicros);
    this.#notice(nowMicros);
  }

  nextDeadline(): number | undefined {
    const stall =
      this.#waitingMicros === undefined ? Infinity : this.#waitingMicros + VIDEO_SLOT_TIMES.stallMicros;
    const deadline = Math.min(stall, this.#follower.nextDeadline() ?? Infinity);
    return deadline === Infinity ? undefined : deadline;
  }

  poll(nowMicros: number): void {
    this.#follower.poll(nowMicros);
    const since = this.#waitingMicros;
    if (since === undefined || nowMicros < since + VIDEO_SLOT_TIMES.stallMicros) return;
    // Once is enough to be last; it goes on waiting for as long as nobody else is there.
    this.#waitingMicros = Infinity;
    this.#owner.slotWaits(this);
    this.source?.stall(nowMicros);
  }

  // ---- bandwidth ----

  get isLayered(): boolean {
    return this.#follower.isLayered;
  }

  get probeEntry(): number {
    return this.#entry;
  }

  bitrateRequest(nowMicros: number): AllocationRequest | undefined {
    return this.source ? this.#follower.bitrateRequest(this.id, this.priority, nowMicros) : undefined;
  }

  fixedBitrate(nowMicros: number): number {
    return this.source ? this.#follower.fixedBitrate(nowMicros) : 0;
  }

  get allowedChoice(): number | undefined {
    return this.#follower.allowedChoice;
  }

  setAllowedChoice(choice: number, nowMicros: number): void {
    this.#follower.setAllowedChoice(choice, nowMicros);
    this.#notice(nowMicros);
  }

  /** The bandwidth holds not even the smallest layer. */
  get dark(): boolean {
    return this.source !== undefined && this.#follower.allowedChoice === -1;
  }

  // ---- feedback of the receiver ----

  handleNack(stream: OutgoingStream, lost: readonly number[], nowMicros: number): void {
    const { rtp } = this.#owner.transport;
    const { congested, behind } = rtp.outgoing;
    if (behind) {
      rtp.drops.count('nack-behind', lost.length);
      return;
    }
    let unanswerable = 0;
    for (const sequence of lost) {
      if (this.#member.resend(sequence, stream.roundTripMicros, nowMicros, congested)) this.resent++;
      else unanswerable++;
    }
    if (unanswerable > 0) rtp.drops.count('nack-unanswerable', unanswerable);
  }

  handleKeyFrameRequest(_stream: OutgoingStream, _words: 'pli' | 'fir', nowMicros: number): void {
    if (!this.#follower.handleKeyFrameRequest(nowMicros))
      this.#owner.transport.rtp.drops.count('key-frame-no-source');
  }

  /** Of whoever is shown; nothing when nobody is. */
  requestKeyFrame(nowMicros: number): void {
    this.#follower.handleKeyFrameRequest(nowMicros);
  }

  stopSendingMid(): void {
    this.#context.port.updateEntry(this.#entry, { sendMid: false });
  }

  // ---- reports ----

  report(nowMicros: number): SlotReportNumbers {
    const { packets, octets } = this.#context.port.entryCounters(this.#entry);
    return {
      ssrc: this.outgoing.ssrc,
      entry: this.#entry,
      baseTimestamp: this.#base,
      clockRate: VIDEO_CLOCK_RATE,
      rtpTimestamp: this.#lineAt(nowMicros),
      packetCount: packets,
      octetCount: octets,
    };
  }

  change(nowMicros: number): VideoSlotChange {
    const playing = this.#playing;
    const { anchor } = this.#member;
    return {
      slot: this.index,
      csrc: playing?.csrc ?? 0,
      producerId: playing?.id,
      canvasId: playing !== undefined && playing === this.source ? this.canvasId : undefined,
      epoch: this.epoch,
      rtpTimestamp: anchor?.rtpTimestamp ?? this.#lineAt(nowMicros),
      captureTimeMs: unixMs(this.#context, anchor?.captureMicros ?? nowMicros),
    };
  }

  dump(): Record<string, unknown> {
    const { ssrc } = this.outgoing;
    const { source, canvasId, epoch, switches, resent, active, dark, current } = this;
    return { ssrc, sourceId: source?.id, canvasId, epoch, switches, resent, active, dark, layers: current };
  }

  close(): void {
    this.source = undefined;
    this.#follower.close();
    this.#member.leave();
    this.#context.port.freeEntry(this.#entry);
  }

  // ---- inside ----

  #lineAt(nowMicros: number): number {
    return (this.#base + Math.round((nowMicros * VIDEO_CLOCK_RATE) / 1e6)) >>> 0;
  }

  #take(source: VideoSource | undefined): void {
    if (source && this.#playing) this.switches++;
    this.source = source;
    this.#stopWaiting();
  }

  /** Whether a key frame is awaited may have changed. */
  #notice(nowMicros: number): void {
    const waits = this.source !== undefined && this.#member.awaited !== undefined && !this.active;
    if (!waits) this.#stopWaiting();
    else this.#waitingMicros ??= nowMicros;
    this.#owner.slotWaits(this);
  }

  #stopWaiting(): void {
    this.#waitingMicros = undefined;
    this.#owner.slotWaits(this);
  }

  /** Another source's packets go out, or none. */
  #shown(): void {
    const stream = this.#follower.shown?.encodings[0]?.source;
    const playing = stream && this.#owner.sourceOf(stream);
    if (playing === this.#playing) return;
    this.#playing = playing;
    if (playing) {
      this.epoch++;
      this.#stopWaiting();
    }
    this.#owner.slotChanged(this, this.#context.engine.now());
  }

  #codecsOf(stream: SourceStream): EntryCodecs {
    const producer = this.#owner.sourceOf(stream)?.producer;
    return producer ? slotCodecs(producer, this.rtpParameters) : { payloadTypes: [] };
  }
}
