/**
 * Ties a room of virtual streams to producers, transports and the channel: packets and reports in, NACKs to the room,
 * changes of slots out to the API process and to the report timers. Decides nothing.
 * Spec: virtual streams. Elsewhere: ranking, slots, numbering → virtual/ · packets → producer.ts
 */
import type { RtpParameters } from '@tertulia/wire';
import { InvalidStateError, OptionError } from '../channel/errors.js';
import type { SlotRequest } from '../channel/messages.js';
import type { SlotChange } from '../types.js';
import { unixMs } from './context.js';
import type { MediaContext } from './context.js';
import { entryConstants } from './entryParameters.js';
import { OutgoingStream } from './outgoing.js';
import type { OutgoingOwner, SenderReportNumbers } from './outgoing.js';
import type { ReceivedPacket } from './packet.js';
import { offersNack } from './producer.js';
import type { PacketSink, Producer } from './producer.js';
import type { Router } from './router.js';
import type { SlotSender } from './rtpSession.js';
import { Timed } from './timerQueue.js';
import { VirtualRoom } from './virtual/index.js';
import type { AudioSource, SlotEvent, VirtualEvent } from './virtual/index.js';
import type { Transport } from './transport.js';

export interface SourceRequest {
  readonly participantId: string;
  readonly content: 'speech' | 'screen';
  readonly csrc?: number;
}

export class VirtualStreams {
  readonly room: VirtualRoom;
  readonly #context: MediaContext;
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
    readonly audioSlots: number,
    touched: (streams: VirtualStreams) => void,
  ) {
    this.#context = context;
    this.#touched = touched;
    this.room = new VirtualRoom({ audioSlots, rng: context.rng }, context.port);
    this.#timed = new Timed((nowMicros) => {
      this.room.tick(nowMicros);
      this.settle(nowMicros);
    });
  }

  // ---- sources ----

  addSource(producer: Producer, request: SourceRequest, nowMicros: number): number {
    if (this.#sources.has(producer.id)) {
      throw new InvalidStateError(`producer "${producer.id}" is a source already`, 'DUPLICATE_SOURCE');
    }
    if (producer.kind !== 'audio') throw new OptionError('producer: only audio can be a source yet');
    const audioSource = this.room.addSource(
      {
        id: producer.id,
        participantId: request.participantId,
        content: request.content,
        hasLevel: hasLevel(producer.rtpParameters),
        clock: producer.transport.rtp.clock,
        ...(request.csrc === undefined ? {} : { csrc: request.csrc }),
      },
      nowMicros,
    );
    const source = new Source(this, producer, audioSource);
    this.#sources.set(producer.id, source);
    producer.sinks.add(source);
    if (producer.paused) this.room.setPaused(producer.id, true, nowMicros);
    this.settle(nowMicros);
    return audioSource.csrc;
  }

  removeSource(producerId: string, nowMicros: number): void {
    const source = this.#sources.get(producerId);
    if (!source) throw new InvalidStateError(`producer "${producerId}" is no source`, 'NOT_FOUND');
    source.producer.sinks.delete(source);
    this.sourceClosed(producerId, nowMicros);
  }

  sourceClosed(producerId: string, nowMicros: number): void {
    this.#sources.delete(producerId);
    this.room.removeSource(producerId, nowMicros);
    this.settle(nowMicros);
  }

  setPinned(producerId: string, pinned: boolean, nowMicros: number): void {
    if (!this.#sources.has(producerId))
      throw new InvalidStateError(`producer "${producerId}" is no source`, 'NOT_FOUND');
    this.room.setPinned(producerId, pinned, nowMicros);
    this.settle(nowMicros);
  }

  setPaused(producerId: string, paused: boolean, nowMicros: number): void {
    this.room.setPaused(producerId, paused, nowMicros);
    this.settle(nowMicros);
  }

  // ---- receivers ----

  /** @returns what the slots carry from the start */
  createReceiver(
    id: string,
    transport: Transport,
    participantId: string | undefined,
    audio: readonly SlotRequest[],
    nowMicros: number,
  ): SlotChange[] {
    if (this.#receivers.has(id))
      throw new InvalidStateError(`a receiver with id "${id}" already exists`, 'DUPLICATE_ID');
    if (audio.length > this.audioSlots)
      throw new OptionError(`mids.audio: more than ${this.audioSlots} slots`);
    const receiver = new SlotReceiver(this.#context, this, id, transport, audio);
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
    receiver.attach();
    this.settle(nowMicros);
    return this.room.slotStates(id, nowMicros).map((event) => this.#toChange(event));
  }

  closeReceiver(id: string, nowMicros: number): void {
    const receiver = this.#receivers.get(id);
    if (!receiver) return;
    this.#receivers.delete(id);
    receiver.detach();
    this.room.removeReceiver(id, nowMicros);
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
    this.#waiting = false;
    const events = this.room.takeEvents();
    if (events.length > 0) this.#tell(events, nowMicros);
    this.#context.timers.set(this.#timed, this.room.nextDeadline());
  }

  stats(): Record<string, unknown> {
    return { ...this.room.stats() };
  }

  dump(nowMicros: number): Record<string, unknown> {
    return {
      id: this.id,
      routerId: this.router.id,
      audioSlots: this.audioSlots,
      sourceIds: [...this.#sources.keys()],
      receiverIds: [...this.#receivers.keys()],
      room: this.room.dump(nowMicros),
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
  readonly #owner: VirtualStreams;
  readonly #streams: readonly OutgoingStream[];
  readonly #cname: string;

  constructor(
    context: MediaContext,
    owner: VirtualStreams,
    readonly id: string,
    readonly transport: Transport,
    audio: readonly SlotRequest[],
  ) {
    this.#owner = owner;
    this.#cname = audio[0]?.rtpParameters.rtcp?.cname ?? context.secretText(16);
    this.#streams = audio.map(
      ({ rtpParameters }) => new OutgoingStream(ssrcOf(rtpParameters), offersNack(rtpParameters), this),
    );
    for (const { ssrc } of this.#streams) {
      if (transport.rtp.hasOutgoing(ssrc))
        throw new InvalidStateError(`SSRC ${ssrc} is already in use`, 'DUPLICATE_SSRC');
    }
  }

  attach(): void {
    for (const stream of this.#streams) this.transport.rtp.addOutgoing(stream, this.#cname);
    this.transport.rtp.slotSenders.add(this);
  }

  detach(): void {
    for (const stream of this.#streams) this.transport.rtp.removeOutgoing(stream);
    this.transport.rtp.slotSenders.delete(this);
  }

  handleNack(stream: OutgoingStream, lost: readonly number[], nowMicros: number): void {
    this.#owner.room.handleNack(this.id, stream.ssrc, lost, stream.roundTripMicros, nowMicros);
  }

  stopSendingMid(stream: OutgoingStream): void {
    this.#owner.room.setSendMid(this.id, stream.ssrc, false);
  }

  senderReports(nowMicros: number): readonly SenderReportNumbers[] {
    return this.#owner.room.senderReport(this.id, nowMicros);
  }

  setReady(ready: boolean, nowMicros: number): void {
    this.#owner.room.setEnabled(this.id, ready, nowMicros);
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
