/**
 * Streams that the server owns: a fixed set for each receiver, whose sources change with who speaks. Ours.
 * Rules: docs/virtual-streams.md. Elsewhere: who is chosen and how numbers continue → media/virtual/
 */
import { randomInt, randomUUID } from 'node:crypto';
import { OptionError } from '../channel/errors.js';
import type { ChannelEvent } from '../channel/messages.js';
import type { AppData, RtpCapabilities, RtpParameters, SlotChange } from '../types.js';
import { Entity, type CloseCause } from './entity.js';
import { EnhancedEventEmitter } from './enhancedEventEmitter.js';
import type { MediaProcess } from './mediaProcess.js';
import { slotRtpParameters } from './slotParameters.js';
import type { Producer } from './producer.js';
import type { WebRtcTransport } from './webRtcTransport.js';

export interface VirtualSourceOptions {
  producer: Producer;
  /** Whose it is: this participant's receivers never get it. */
  participantId: string;
  /** A CSRC to keep, as when a session is replaced. Default: a new one, unique in these streams. */
  csrc?: number | undefined;
  /** The sound of a shared screen holds its slot while it is not silent (A10). Default 'speech'. */
  content?: 'speech' | 'screen' | undefined;
}

export interface ReceiverOptions {
  transport: WebRtcTransport;
  /** What the receiver takes, with its own payload types and extension ids: those go on the wire. */
  rtpCapabilities: RtpCapabilities;
  /** Whose own sources are left out. Absent: a listener who is nobody's source. */
  participantId?: string | undefined;
  /** MIDs of the receiving sections; one slot for each. */
  mids: { audio: readonly string[]; video?: readonly string[] | undefined };
}

export type VirtualStreamsEvents = { loudest: [producerId: string | undefined]; routerclose: [] };
export type ReceiverEvents = {
  /** All changes of one instant; each slot's own `sourcechange` comes before. */
  slotschange: [changes: SlotChange[]];
  transportclose: [];
};
export type AudioSlotEvents = { sourcechange: [change: SlotChange] };

/** One virtual audio stream of one receiver. Its SSRC is for life. */
export class AudioSlot extends EnhancedEventEmitter<AudioSlotEvents> {
  #change: SlotChange | undefined;

  constructor(
    readonly index: number,
    readonly mid: string,
    readonly ssrc: number,
    readonly rtpParameters: RtpParameters,
  ) {
    super();
  }

  /** Whose media it carries now; 0 = nobody's. The CSRC in the packets says the same, exactly in time. */
  get csrc(): number {
    return this.#change?.csrc ?? 0;
  }
  get producerId(): string | undefined {
    return this.#change?.producerId;
  }
  get loudest(): boolean {
    return this.#change?.loudest ?? false;
  }
  /** The latest point of the slot's line: RTP timestamp and server time that belong together. */
  get lastChange(): SlotChange | undefined {
    return this.#change;
  }

  /** Not for applications. */
  handleChange(change: SlotChange): void {
    this.#change = change;
    this.safeEmit('sourcechange', change);
  }
}

export class Receiver extends Entity<ReceiverEvents, AppData> {
  readonly audio: readonly AudioSlot[];
  readonly #onClosed: (receiver: Receiver, cause: CloseCause) => void;

  /** Not for applications: use `virtual.createReceiver`. */
  constructor(
    id: string,
    audio: readonly AudioSlot[],
    onClosed: (receiver: Receiver, cause: CloseCause) => void,
  ) {
    super(id, undefined);
    this.audio = audio;
    this.#onClosed = onClosed;
  }

  /** Not for applications. */
  handleChanges(changes: SlotChange[]): void {
    for (const change of changes) this.audio[change.slot]?.handleChange(change);
    this.safeEmit('slotschange', changes);
  }

  protected release(cause: CloseCause): void {
    this.#onClosed(this, cause);
  }
}

export class VirtualStreams extends Entity<VirtualStreamsEvents, AppData> {
  readonly #process: MediaProcess;
  readonly #audioSlots: number;
  readonly #routerRtpCapabilities: RtpCapabilities;
  readonly #onClosed: (virtual: VirtualStreams) => void;
  readonly #receivers = new Map<string, Receiver>();

  /** Not for applications: use `router.createVirtualStreams`. */
  constructor(options: {
    id: string;
    process: MediaProcess;
    audioSlots: number;
    routerRtpCapabilities: RtpCapabilities;
    onClosed: (virtual: VirtualStreams) => void;
  }) {
    super(options.id, undefined);
    this.#process = options.process;
    this.#audioSlots = options.audioSlots;
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
    content = 'speech',
  }: VirtualSourceOptions): Promise<{ csrc: number }> {
    this.assertOpen();
    if (csrc !== undefined && (!Number.isInteger(csrc) || csrc < 1 || csrc > 0xffffffff || csrc === 42))
      throw new OptionError(`csrc: ${csrc} cannot name a source`);
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

  /** A pinned source holds a slot while it sends, whoever else speaks. */
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
  }: ReceiverOptions): Promise<Receiver> {
    this.assertOpen();
    if (mids.audio.length > this.#audioSlots)
      throw new OptionError(
        `mids.audio: ${mids.audio.length} sections, but receivers have at most ${this.#audioSlots} slots`,
      );
    const cname = randomUUID().slice(0, 16);
    const ssrcs = new Set<number>();
    while (ssrcs.size < mids.audio.length) ssrcs.add(randomInt(1, 2 ** 32));
    const slots = [...ssrcs].map((ssrc, index) => {
      const mid = mids.audio[index] ?? '';
      return new AudioSlot(
        index,
        mid,
        ssrc,
        slotRtpParameters(rtpCapabilities, this.#routerRtpCapabilities, { mid, ssrc, cname }),
      );
    });
    const receiverId = randomUUID();
    const receiver = new Receiver(receiverId, slots, (closed, cause) => {
      this.#receivers.delete(receiverId);
      if (cause === 'self')
        this.#process.tell('virtual.closeReceiver', { virtualStreamsId: this.id, receiverId });
    });
    this.#receivers.set(receiverId, receiver);
    try {
      const { changes } = await this.#process.request('virtual.createReceiver', {
        virtualStreamsId: this.id,
        receiverId,
        transportId: transport.id,
        audio: slots.map(({ rtpParameters }) => ({ rtpParameters })),
        ...(participantId === undefined ? {} : { participantId }),
      });
      if (changes.length > 0) receiver.handleChanges([...changes]);
    } catch (error) {
      this.#receivers.delete(receiverId);
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
    if (event.event === 'virtual.loudest') {
      this.safeEmit('loudest', event.producerId);
      return;
    }
    if (event.event !== 'virtual.slots') return;
    const byReceiver = new Map<string, SlotChange[]>();
    for (const { receiverId, ...change } of event.changes) {
      const changes = byReceiver.get(receiverId);
      if (changes) changes.push(change);
      else byReceiver.set(receiverId, [change]);
    }
    for (const [receiverId, changes] of byReceiver) this.#receivers.get(receiverId)?.handleChanges(changes);
  }
}
