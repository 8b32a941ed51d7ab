/**
 * Ties a room of virtual streams to producers, transports and the channel: packets and reports in, NACKs to the room,
 * changes of slots out to the API process and to the report timers. Decides nothing.
 * Spec: virtual streams. Elsewhere: ranking, slots, numbering → virtual/ · pictures → virtual/video/ · packets → producer.ts
 */
import type { RtpParameters } from '@tertulia/wire';
import { InvalidStateError, OptionError } from '../channel/errors.js';
import type { SlotRequest, SourceContent } from '../channel/messages.js';
import type { Assignment, SlotChange, SlotStat, VideoSlotChange } from '../types.js';
import { unixMs } from './context.js';
import type { MediaContext } from './context.js';
import { entryConstants } from './entryParameters.js';
import { OutgoingStream } from './outgoing.js';
import type { OutgoingOwner } from './outgoing.js';
import type { ReceivedPacket } from './packet.js';
import { offersNack } from './producer.js';
import type { PacketSink, Producer } from './producer.js';
import type { Router } from './router.js';
import type { SlotReportNumbers, SlotSender } from './rtcpSender.js';
import { slotStat } from './rtpStats.js';
import { Timed } from './timerQueue.js';
import { CsrcAllocator, VideoRoom, VirtualRoom } from './virtual/index.js';
import type { AudioSource, SlotEvent, VideoNews, VideoReceiver, VirtualEvent } from './virtual/index.js';
import type { Transport } from './transport.js';

export interface SourceRequest {
  readonly participantId: string;
  readonly content: SourceContent;
  readonly csrc?: number;
}

export interface ReceiverRequest {
  readonly id: string;
  readonly transport: Transport;
  readonly participantId: string | undefined;
  readonly audio: readonly SlotRequest[];
  readonly video: readonly SlotRequest[];
}

export interface SlotLimits {
  readonly audio: number;
  readonly video: number;
}

export class VirtualStreams {
  readonly room: VirtualRoom;
  readonly video: VideoRoom;
  readonly #context: MediaContext;
  /** Of sound. */
  readonly #sources = new Map<string, Source>();
  readonly #receivers = new Map<string, SlotReceiver>();
  readonly #timed: Timed;
  readonly #touched: (streams: VirtualStreams) => void;
  #waiting = false;

  /** @param touched called once after packets have come, until `settle` */
  constructor(
    context: MediaContext,
    readonly id: string,
    readonly router: Router,
    readonly slots: SlotLimits,
    touched: (streams: VirtualStreams) => void,
  ) {
    this.#context = context;
    this.#touched = touched;
    const csrcs = new CsrcAllocator(context.rng);
    this.room = new VirtualRoom({ audioSlots: slots.audio, rng: context.rng, csrcs }, context.port);
    this.video = new VideoRoom(context, csrcs, () => this.touch());
    this.#timed = new Timed((nowMicros) => {
      this.room.tick(nowMicros);
      this.video.tick(nowMicros);
      this.settle(nowMicros);
    });
  }

  // ---- sources ----

  addSource(producer: Producer, request: SourceRequest, nowMicros: number): number {
    if (this.#sources.has(producer.id) || this.video.has(producer.id)) {
      throw new InvalidStateError(`producer "${producer.id}" is a source already`, 'DUPLICATE_SOURCE');
    }
    const { content } = request;
    const csrc =
      producer.kind === 'video'
        ? this.video.addSource(
            producer,
            { ...request, content: content === 'screen' ? 'screen' : 'camera' },
            nowMicros,
          ).csrc
        : this.#addVoice(producer, request, nowMicros);
    this.settle(nowMicros);
    return csrc;
  }

  #addVoice(producer: Producer, { participantId, content, csrc }: SourceRequest, nowMicros: number): number {
    const audioSource = this.room.addSource(
      {
        id: producer.id,
        participantId,
        content: content === 'screen' ? 'screen' : 'speech',
        hasLevel: hasLevel(producer.rtpParameters),
        clock: producer.transport.rtp.clock,
        ...(csrc === undefined ? {} : { csrc }),
      },
      nowMicros,
    );
    const source = new Source(this, producer, audioSource);
    this.#sources.set(producer.id, source);
    producer.sinks.add(source);
    if (producer.paused) this.room.setPaused(producer.id, true, nowMicros);
    return audioSource.csrc;
  }

  removeSource(producerId: string, nowMicros: number): void {
    const source = this.#sources.get(producerId);
    if (source) {
      source.producer.sinks.delete(source);
      this.sourceClosed(producerId, nowMicros);
    } else if (this.video.has(producerId)) {
      this.video.removeSource(producerId, nowMicros);
      this.settle(nowMicros);
    } else throw new InvalidStateError(`producer "${producerId}" is no source`, 'NOT_FOUND');
  }

  sourceClosed(producerId: string, nowMicros: number): void {
    const { participantId } = this.#sources.get(producerId)?.source ?? {};
    this.#sources.delete(producerId);
    this.room.removeSource(producerId, nowMicros);
    const speaks = [...this.#sources.values()].some(({ source }) => source.participantId === participantId);
    if (participantId !== undefined && !speaks) this.video.forgetSpeaker(participantId, nowMicros);
    this.settle(nowMicros);
  }

  setPinned(producerId: string, pinned: boolean, nowMicros: number): void {
    if (this.#sources.has(producerId)) this.room.setPinned(producerId, pinned, nowMicros);
    else if (this.video.has(producerId)) this.video.setPinned(producerId, pinned, nowMicros);
    else throw new InvalidStateError(`producer "${producerId}" is no source`, 'NOT_FOUND');
    this.settle(nowMicros);
  }

  setPaused(producerId: string, paused: boolean, nowMicros: number): void {
    this.room.setPaused(producerId, paused, nowMicros);
    this.settle(nowMicros);
  }

  // ---- receivers ----

  /** @returns what the voices' slots carry from the start; pictures come after the first layout only */
  createReceiver(request: ReceiverRequest, nowMicros: number): SlotChange[] {
    const { id, transport, participantId, audio, video } = request;
    if (this.#receivers.has(id))
      throw new InvalidStateError(`a receiver with id "${id}" already exists`, 'DUPLICATE_ID');
    if (audio.length > this.slots.audio)
      throw new OptionError(`mids.audio: more than ${this.slots.audio} slots`);
    if (video.length > this.slots.video)
      throw new OptionError(`mids.video: more than ${this.slots.video} slots`);
    const receiver = new SlotReceiver(this.#context, this, request);
    this.room.addReceiver(
      {
        id,
        ...(participantId === undefined ? {} : { participantId }),
        slots: audio.map(({ rtpParameters }) =>
          entryConstants(transport.peer, ssrcOf(rtpParameters), rtpParameters),
        ),
        enabled: transport.rtp.ready,
      },
      nowMicros,
    );
    this.#receivers.set(id, receiver);
    try {
      const parameters = video.map(({ rtpParameters }) => rtpParameters);
      if (video.length > 0) receiver.video = this.video.addReceiver(id, transport, participantId, parameters);
    } catch (error) {
      // Its voices are in the room already.
      this.#receivers.delete(id);
      this.room.removeReceiver(id, nowMicros);
      throw error;
    }
    receiver.attach(nowMicros);
    this.settle(nowMicros);
    return this.room.slotStates(id, nowMicros).map((event) => this.#toChange(event));
  }

  /** @throws OptionError with the code of what is wrong; the layout before stays */
  setLayout(id: string, canvases: unknown, maxResolution: unknown, nowMicros: number): Assignment[] {
    const receiver = this.#receivers.get(id);
    if (!receiver) throw new InvalidStateError(`there is no receiver "${id}"`, 'NOT_FOUND');
    if (!receiver.video) {
      // As for a receiver with slots: nothing may be asked for, and nothing is fine.
      if (Array.isArray(canvases) && canvases.length === 0) return [];
      throw new OptionError('canvases: the receiver has no video slots', 'TOO_MANY_CANVASES');
    }
    receiver.video.setLayout(canvases, maxResolution, nowMicros);
    this.settle(nowMicros);
    return receiver.video.assignments();
  }

  /** For a receiver that cannot ask by RTCP. */
  requestKeyFrames(id: string, nowMicros: number): void {
    for (const slot of this.#receivers.get(id)?.video?.slots ?? []) slot.requestKeyFrame(nowMicros);
  }

  closeReceiver(id: string, nowMicros: number): void {
    const receiver = this.#receivers.get(id);
    if (!receiver) return;
    this.#receivers.delete(id);
    receiver.detach();
    this.room.removeReceiver(id, nowMicros);
    this.video.removeReceiver(id);
    this.settle(nowMicros);
  }

  closeReceiversOf(transport: Transport, nowMicros: number): void {
    for (const [id, receiver] of this.#receivers)
      if (receiver.transport === transport) this.closeReceiver(id, nowMicros);
  }

  // ---- time and news ----

  /** After a packet was handled: the news are fetched once per batch, however many packets came. */
  touch(): void {
    if (this.#waiting) return;
    this.#waiting = true;
    this.#touched(this);
  }

  /** Tells what has changed and sets the next deadline. */
  settle(nowMicros: number): void {
    this.video.hear(this.room.soundingParticipant(nowMicros), nowMicros);
    this.#waiting = false;
    const events = this.room.takeEvents();
    if (events.length > 0) this.#tell(events, nowMicros);
    const news = this.video.takeNews();
    if (news.length > 0) this.#tellVideo(news);
    const [voices, pictures] = [this.room.nextDeadline(), this.video.nextDeadline()];
    const deadline = Math.min(voices ?? Infinity, pictures ?? Infinity);
    this.#context.timers.set(this.#timed, deadline === Infinity ? undefined : deadline);
  }

  receiverStats(id: string, nowMicros: number): SlotStat[] {
    const receiver = this.#receivers.get(id);
    if (!receiver) throw new InvalidStateError(`there is no receiver "${id}"`, 'NOT_FOUND');
    return receiver.stats(nowMicros);
  }

  stats(): Record<string, unknown> {
    return { ...this.room.stats(), ...this.video.stats() };
  }

  dump(nowMicros: number): Record<string, unknown> {
    return {
      id: this.id,
      routerId: this.router.id,
      audioSlots: this.slots.audio,
      videoSlots: this.slots.video,
      sourceIds: [...this.#sources.keys(), ...[...this.video.sources].map(({ id }) => id)],
      receiverIds: [...this.#receivers.keys()],
      room: this.room.dump(nowMicros),
      video: this.video.dump(),
    };
  }

  close(nowMicros: number): void {
    this.#context.timers.cancel(this.#timed);
    for (const source of this.#sources.values()) source.producer.sinks.delete(source);
    this.#sources.clear();
    for (const id of [...this.#receivers.keys()]) {
      this.#receivers.get(id)?.detach();
      this.room.removeReceiver(id, nowMicros);
    }
    this.#receivers.clear();
    this.room.close();
    this.video.close();
    this.#context.timers.cancel(this.#timed);
  }

  #tell(events: readonly VirtualEvent[], nowMicros: number): void {
    const changes: (SlotChange & { receiverId: string })[] = [];
    for (const event of events) {
      if (event.type === 'loudest') {
        this.#context.emit({
          event: 'virtual.loudest',
          virtualStreamsId: this.id,
          producerId: event.producerId,
        });
        continue;
      }
      const receiver = this.#receivers.get(event.receiverId);
      if (!receiver) continue;
      changes.push({ receiverId: event.receiverId, ...this.#toChange(event) });
      receiver.transport.rtp.hastenReport(nowMicros);
    }
    if (changes.length > 0)
      this.#context.emit({ event: 'virtual.slots', virtualStreamsId: this.id, changes });
  }

  #tellVideo(news: readonly VideoNews[]): void {
    const virtualStreamsId = this.id;
    const { emit } = this.#context;
    const changes: (VideoSlotChange & { receiverId: string })[] = [];
    for (const item of news) {
      if (item.type === 'dominant')
        emit({ event: 'virtual.dominantSpeaker', virtualStreamsId, participantId: item.participantId });
      else if (item.type === 'slot') changes.push({ receiverId: item.receiverId, ...item.change });
    }
    if (changes.length > 0) emit({ event: 'virtual.videoSlots', virtualStreamsId, changes });
    for (const item of news) {
      if (item.type !== 'assignments') continue;
      const { receiverId, assignments } = item;
      emit({ event: 'virtual.assignments', virtualStreamsId, receiverId, assignments });
    }
  }

  #toChange(event: SlotEvent): SlotChange {
    return {
      slot: event.slot,
      csrc: event.csrc,
      producerId: event.producerId,
      loudest: event.loudest,
      epoch: event.epoch,
      rtpTimestamp: event.rtpTimestamp,
      captureTimeMs: unixMs(this.#context, event.captureTimeMs * 1000),
    };
  }
}

/** A producer seen from the room. */
class Source implements PacketSink {
  constructor(
    readonly owner: VirtualStreams,
    readonly producer: Producer,
    readonly source: AudioSource,
  ) {}

  handlePacket(packet: ReceivedPacket): void {
    this.owner.room.handlePacket(this.source, packet);
    this.owner.touch();
  }

  handleSenderReport(ntpMicros: number, rtpTimestamp: number, nowMicros: number): void {
    this.owner.room.handleSenderReport(this.source, { ntpMicros, rtpTimestamp }, nowMicros);
  }

  setPaused(paused: boolean, nowMicros: number): void {
    this.owner.setPaused(this.producer.id, paused, nowMicros);
  }

  producerClosed(nowMicros: number): void {
    this.owner.sourceClosed(this.producer.id, nowMicros);
  }
}

/** A receiver's slots seen from its transport. */
class SlotReceiver implements OutgoingOwner, SlotSender {
  video: VideoReceiver | undefined;
  readonly id: string;
  readonly transport: Transport;
  readonly #owner: VirtualStreams;
  readonly #streams: readonly OutgoingStream[];
  readonly #cname: string;
  readonly #pictures: readonly RtpParameters[];

  constructor(
    context: MediaContext,
    owner: VirtualStreams,
    { id, transport, audio, video }: ReceiverRequest,
  ) {
    this.id = id;
    this.transport = transport;
    this.#owner = owner;
    this.#cname = [...audio, ...video][0]?.rtpParameters.rtcp?.cname ?? context.secretText(16);
    this.#pictures = video.map(({ rtpParameters }) => rtpParameters);
    this.#streams = audio.map(
      ({ rtpParameters }) => new OutgoingStream(ssrcOf(rtpParameters), offersNack(rtpParameters), this),
    );
    for (const { rtpParameters } of [...audio, ...video]) {
      const ssrc = ssrcOf(rtpParameters);
      if (transport.rtp.hasOutgoing(ssrc))
        throw new InvalidStateError(`SSRC ${ssrc} is already in use`, 'DUPLICATE_SSRC');
    }
  }

  attach(nowMicros: number): void {
    const { rtp } = this.transport;
    for (const stream of this.#streams) rtp.addOutgoing(stream, this.#cname);
    for (const slot of this.video?.slots ?? []) {
      rtp.addOutgoing(slot.outgoing, this.#cname);
      rtp.outgoing.addTaker(slot);
    }
    for (const rtpParameters of this.#pictures) rtp.outgoing.negotiate(rtpParameters, nowMicros);
    rtp.slotSenders.add(this);
  }

  detach(): void {
    const { rtp } = this.transport;
    for (const stream of this.#streams) rtp.removeOutgoing(stream);
    for (const slot of this.video?.slots ?? []) {
      rtp.removeOutgoing(slot.outgoing);
      rtp.outgoing.removeTaker(slot);
    }
    rtp.slotSenders.delete(this);
  }

  handleNack(stream: OutgoingStream, lost: readonly number[], nowMicros: number): void {
    this.#owner.room.handleNack(this.id, stream.ssrc, lost, stream.roundTripMicros, nowMicros);
  }

  stopSendingMid(stream: OutgoingStream): void {
    this.#owner.room.setSendMid(this.id, stream.ssrc, false);
  }

  senderReports(nowMicros: number): readonly SlotReportNumbers[] {
    const voices = this.#owner.room.senderReport(this.id, nowMicros);
    const { video } = this;
    return video ? [...voices, ...video.slots.map((slot) => slot.report(nowMicros))] : voices;
  }

  stats(nowMicros: number): SlotStat[] {
    const voices = this.#owner.room.senderReport(this.id, nowMicros);
    const audio = this.#streams.flatMap((stream, slot): SlotStat[] => {
      const report = voices[slot];
      return report ? [{ kind: 'audio', slot, ...slotStat(stream, report, nowMicros) }] : [];
    });
    const video = (this.video?.slots ?? []).map((slot): SlotStat => {
      const { active, current, dark, source, switches, resent } = slot;
      return {
        kind: 'video',
        slot: slot.index,
        ...slotStat(slot.outgoing, slot.report(nowMicros), nowMicros),
        ...(active && current
          ? { layers: { spatialLayer: current.spatial, temporalLayer: current.temporal } }
          : {}),
        dark,
        ...(source ? { assignedCsrc: source.csrc } : {}),
        switches,
        packetsRetransmitted: resent,
      };
    });
    return [...audio, ...video];
  }

  setReady(ready: boolean, nowMicros: number): void {
    this.#owner.room.setEnabled(this.id, ready, nowMicros);
    this.video?.setReady(ready, nowMicros);
    this.#owner.settle(nowMicros);
  }

  octetsSent(nowMicros: number): number {
    return this.senderReports(nowMicros).reduce((octets, { octetCount }) => octets + octetCount, 0);
  }
}

function ssrcOf({ encodings }: RtpParameters): number {
  const ssrc = encodings?.[0]?.ssrc;
  if (ssrc === undefined) throw new OptionError('rtpParameters.encodings: a slot needs an SSRC');
  return ssrc;
}

function hasLevel({ headerExtensions = [] }: RtpParameters): boolean {
  return headerExtensions.some(({ uri }) => uri === 'urn:ietf:params:rtp-hdrext:ssrc-audio-level');
}
