/**
 * Streams that the server owns: a fixed set for each receiver, whose sources change with who speaks. Ours.
 * Rules: docs/virtual-streams.md. Elsewhere: who is chosen and how numbers continue → media/virtual/
 */
import { randomInt, randomUUID } from 'node:crypto';
import { OptionError } from '../channel/errors.js';
import type { ChannelEvent } from '../channel/messages.js';
import type { AppData, MediaKind, RtpCapabilities } from '../types.js';
import { Entity, type CloseCause } from './entity.js';
import type { MediaProcess } from './mediaProcess.js';
import type { Producer } from './producer.js';
import { Receiver } from './receiver.js';
import { audioSlotParameters, videoSlotParameters } from './slotParameters.js';
import { AudioSlot, VideoSlot } from './slots.js';

export interface VirtualSourceOptions {
  producer: Producer;
  /** Whose it is: this participant's receivers never get it. */
  participantId: string;
  /** A CSRC to keep, as when a session is replaced. Default: a new one, unique in these streams. */
  csrc?: number | undefined;
  /**
   * The sound of a shared screen holds its slot while it is not silent (A10); its picture goes before all others (V2).
   * Default 'speech' for sound, 'camera' for pictures.
   */
  content?: 'speech' | 'camera' | 'screen' | undefined;
}

/** A WebRtcTransport, or a PlainTransport for programs that take RTP as it is. */
export interface ReceivingTransport {
  readonly id: string;
  readonly observer: { once(event: 'close', listener: () => void): unknown };
}

export interface ReceiverOptions {
  transport: ReceivingTransport;
  /** What the receiver takes, with its own payload types and extension ids: those go on the wire. */
  rtpCapabilities: RtpCapabilities;
  /** Whose own sources are left out. Absent: a listener who is nobody's source. */
  participantId?: string | undefined;
  /** MIDs of the receiving sections; one slot for each. */
  mids: { audio: readonly string[]; video?: readonly string[] | undefined };
  /** The same for receivers whose sound and pictures belong together. Default: one of its own. */
  cname?: string | undefined;
}

export type VirtualStreamsEvents = {
  /** The loudest source now, exactly as packets are marked. */
  loudest: [producerId: string | undefined];
  /** Who leads the talk, slow enough for pictures: coughs and interjections do not change it. */
  dominantspeaker: [participantId: string | undefined];
  routerclose: [];
};

export class VirtualStreams extends Entity<VirtualStreamsEvents, AppData> {
  readonly #process: MediaProcess;
  readonly #slots: Readonly<Record<MediaKind, number>>;
  readonly #routerRtpCapabilities: RtpCapabilities;
  readonly #onClosed: (virtual: VirtualStreams) => void;
  readonly #receivers = new Map<string, Receiver>();

  /** Not for applications: use `router.createVirtualStreams`. */
  constructor(options: {
    id: string;
    process: MediaProcess;
    audioSlots: number;
    videoSlots: number;
    routerRtpCapabilities: RtpCapabilities;
    onClosed: (virtual: VirtualStreams) => void;
  }) {
    super(options.id, undefined);
    this.#process = options.process;
    this.#slots = { audio: options.audioSlots, video: options.videoSlots };
    this.#routerRtpCapabilities = options.routerRtpCapabilities;
    this.#onClosed = options.onClosed;
    options.process.listen(this.id, (event) => this.#handle(event));
  }

  /**
   * From now on the producer is ranked with the others. It leaves when it is closed.
   * @throws InvalidStateError when it is a source already; TypeError for a CSRC that cannot be had.
   */
  async addSource({
    producer,
    participantId,
    csrc,
    content = producer.kind === 'audio' ? 'speech' : 'camera',
  }: VirtualSourceOptions): Promise<{ csrc: number }> {
    this.assertOpen();
    if (csrc !== undefined && (!Number.isInteger(csrc) || csrc < 1 || csrc > 0xffffffff || csrc === 42))
      throw new OptionError(`csrc: ${csrc} cannot name a source`);
    if (content === (producer.kind === 'audio' ? 'camera' : 'speech'))
      throw new OptionError(`content: "${content}" is not what a producer of ${producer.kind} has`);
    return this.#process.request('virtual.addSource', {
      virtualStreamsId: this.id,
      producerId: producer.id,
      participantId,
      content,
      ...(csrc === undefined ? {} : { csrc }),
    });
  }

  async removeSource(producer: Producer): Promise<void> {
    this.assertOpen();
    await this.#process.request('virtual.removeSource', {
      virtualStreamsId: this.id,
      producerId: producer.id,
    });
  }

  /** A pinned voice holds a slot while it sends, whoever else speaks; a pinned picture goes before that of who speaks. */
  async setPinned(producer: Producer, pinned: boolean): Promise<void> {
    this.assertOpen();
    await this.#process.request('virtual.setPinned', {
      virtualStreamsId: this.id,
      producerId: producer.id,
      pinned,
    });
  }

  /** @throws TypeError for more sections than slots or capabilities that do not fit. */
  async createReceiver({
    transport,
    rtpCapabilities,
    participantId,
    mids,
    cname = randomUUID().slice(0, 16),
  }: ReceiverOptions): Promise<Receiver> {
    this.assertOpen();
    const { audio = [], video = [] } = mids;
    for (const [kind, sections] of [
      ['audio', audio],
      ['video', video],
    ] as const)
      if (sections.length > this.#slots[kind])
        throw new OptionError(
          `mids.${kind}: ${sections.length} sections, but receivers have at most ${this.#slots[kind]} slots`,
        );
    const ssrcs = new Set<number>();
    while (ssrcs.size < audio.length + 2 * video.length) ssrcs.add(randomInt(1, 2 ** 32));
    const free = [...ssrcs];
    const router = this.#routerRtpCapabilities;
    const voices = audio.map((mid, index) => {
      const parameters = audioSlotParameters(rtpCapabilities, router, { mid, ssrc: free.pop()!, cname });
      return new AudioSlot(index, mid, parameters);
    });
    const pictures = video.map((mid, index) => {
      const slot = { mid, ssrc: free.pop()!, rtxSsrc: free.pop()!, cname };
      return new VideoSlot(index, mid, videoSlotParameters(rtpCapabilities, router, slot));
    });
    const ids = { virtualStreamsId: this.id, receiverId: randomUUID() };
    const receiver = new Receiver(ids.receiverId, voices, pictures, participantId, {
      setLayout: async (layout) => {
        const { assignments } = await this.#process.request('virtual.setLayout', { ...ids, ...layout });
        return assignments;
      },
      getStats: () => this.#process.request('virtual.getReceiverStats', ids),
      requestKeyFrames: () => this.#process.request('virtual.requestKeyFrames', ids),
      closed: (closed, cause) => {
        this.#receivers.delete(closed.id);
        if (cause === 'self') this.#process.tell('virtual.closeReceiver', ids);
      },
    });
    this.#receivers.set(receiver.id, receiver);
    try {
      const { changes } = await this.#process.request('virtual.createReceiver', {
        ...ids,
        transportId: transport.id,
        audio: voices.map(({ rtpParameters }) => ({ rtpParameters })),
        video: pictures.map(({ rtpParameters }) => ({ rtpParameters })),
        ...(participantId === undefined ? {} : { participantId }),
      });
      if (changes.length > 0) receiver.handleChanges([...changes]);
    } catch (error) {
      this.#receivers.delete(receiver.id);
      throw error;
    }
    transport.observer.once('close', () => receiver.closeBy('transport'));
    this.observer.safeEmit('newreceiver', receiver);
    return receiver;
  }

  async getStats(): Promise<Record<string, unknown>> {
    this.assertOpen();
    return this.#process.request('virtual.getStats', { virtualStreamsId: this.id });
  }

  async dump(): Promise<Record<string, unknown>> {
    this.assertOpen();
    return this.#process.request('virtual.dump', { virtualStreamsId: this.id });
  }

  protected release(cause: CloseCause): void {
    for (const receiver of [...this.#receivers.values()]) receiver.closeBy('virtualstreams');
    this.#process.forget(this.id);
    if (cause === 'self') this.#process.tell('virtual.close', { virtualStreamsId: this.id });
    this.#onClosed(this);
  }

  #handle(event: ChannelEvent): void {
    switch (event.event) {
      case 'virtual.loudest':
        this.safeEmit('loudest', event.producerId);
        break;
      case 'virtual.dominantSpeaker':
        this.safeEmit('dominantspeaker', event.participantId);
        break;
      case 'virtual.slots':
        for (const [receiver, changes] of this.#byReceiver(event.changes)) receiver.handleChanges(changes);
        break;
      case 'virtual.videoSlots':
        for (const [receiver, changes] of this.#byReceiver(event.changes))
          receiver.handleVideoChanges(changes);
        break;
      case 'virtual.assignments':
        this.#receivers.get(event.receiverId)?.handleAssignments(event.assignments);
        break;
      default:
    }
  }

  #byReceiver<Change>(all: readonly (Change & { readonly receiverId: string })[]): Map<Receiver, Change[]> {
    const byReceiver = new Map<Receiver, Change[]>();
    for (const { receiverId, ...change } of all) {
      const receiver = this.#receivers.get(receiverId);
      if (!receiver) continue;
      const changes = byReceiver.get(receiver);
      if (changes) changes.push(change as Change);
      else byReceiver.set(receiver, [change as Change]);
    }
    return byReceiver;
  }
}
