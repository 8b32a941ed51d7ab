/**
 * Messages of one transport: data channels that the peer opens in-band, and streams of data producers and consumers, all
 * on one association, which is made when the way to the peer is there and gone with it.
 * Knows the channel messages; streams, packets and limits are elsewhere: sctp/ · producers and consumers: data/
 */
import type { ChannelNotice } from '../channel/messages.js';
import type { NumSctpStreams, SctpParameters, SctpState } from '../types.js';
import type { MediaContext } from './context.js';
import type { DataConsumer } from './data/dataConsumer.js';
import type { DataProducer } from './data/dataProducer.js';
import { DataChannels, SCTP_LIMITS, SctpAssociation } from './sctp/index.js';
import type { ChannelEnd, SendOptions, SendResult } from './sctp/index.js';

export const DATA_LIMITS = {
  /** A backlog is told when it passes a multiple of this, not with each message. */
  bufferedStepBytes: 65_536,
} as const;

/** RFC 8832 §5.1 and draft-ietf-mmusic-sctp-sdp: the port that everybody uses. */
const SCTP_PORT = 5000;

/** The options of a transport that concern its messages. */
export interface DataCreation {
  readonly enableSctp: boolean;
  readonly enableDcep?: boolean;
  readonly maxSctpMessageSize: number;
  /** Default: as many as there can be. */
  readonly numSctpStreams?: NumSctpStreams;
  /** Bytes that wait in one stream at most. Default: as data channels. */
  readonly sctpSendBufferSize?: number;
}

/** A stream can carry a producer's messages in and a consumer's messages out. */
interface StreamEnds {
  producer?: DataProducer;
  consumer?: DataConsumer;
}

export class TransportData {
  bytesReceived = 0;
  bytesSent = 0;
  readonly #context: MediaContext;
  readonly #transportId: string;
  readonly #wanted: boolean;
  readonly #dcep: boolean;
  readonly #maxMessageSize: number;
  readonly #send: (packet: Uint8Array) => void;
  readonly #bufferedSteps = new Map<number, number>();
  /** What data producers and consumers have of the association's streams. */
  readonly #streams = new Map<number, StreamEnds>();
  readonly #maxBacklog: number | undefined;
  readonly #numStreams: NumSctpStreams;
  #channels: DataChannels | undefined;
  #state: SctpState = 'new';
  #closed = false;

  /** @param send one SCTP packet into DTLS */
  constructor(
    context: MediaContext,
    transportId: string,
    creation: DataCreation,
    send: (packet: Uint8Array) => void,
  ) {
    this.#context = context;
    this.#transportId = transportId;
    const { enableDcep = false } = creation;
    this.#wanted = creation.enableSctp || enableDcep;
    this.#dcep = enableDcep;
    // Channels that the peer opens are the project's own: docs/architecture.md has their limit.
    const messageBytesMax = enableDcep ? SCTP_LIMITS.messageBytes : SCTP_LIMITS.messageBytesMax;
    this.#maxMessageSize = Math.min(creation.maxSctpMessageSize, messageBytesMax);
    this.#maxBacklog = creation.sctpSendBufferSize;
    const { OS, MIS } = creation.numSctpStreams ?? { OS: SCTP_LIMITS.streams, MIS: SCTP_LIMITS.streams };
    this.#numStreams = {
      OS: Math.min(OS, SCTP_LIMITS.streamsMax),
      MIS: Math.min(MIS, SCTP_LIMITS.streamsMax),
    };
    this.#send = send;
  }

  /** undefined when the transport carries no data. */
  get state(): SctpState | undefined {
    return this.#wanted ? this.#state : undefined;
  }

  parameters(): SctpParameters | undefined {
    if (!this.#wanted) return undefined;
    const { OS, MIS } = this.#numStreams;
    const maxMessageSize = this.#maxMessageSize;
    return {
      port: SCTP_PORT,
      OS,
      MIS,
      maxMessageSize,
      maxSendMessageSize: SCTP_LIMITS.messageBytes,
      maxReceiveMessageSize: maxMessageSize,
    };
  }

  /** Bytes. */
  get maxMessageSize(): number {
    return this.#maxMessageSize;
  }

  /** Which stream carries which data producer. */
  streamIdTable(): { key: number; value: string }[] {
    return [...this.#streams].flatMap(([key, { producer }]) =>
      producer ? [{ key, value: producer.settings.id }] : [],
    );
  }

  /** The way to the peer is there. @param carrier without DTLS nobody knows whether the peer is there, too */
  start(role: 'client' | 'server', carrier: 'dtls' | 'without-dtls' = 'dtls'): void {
    if (!this.#wanted || this.#channels || this.#closed) return;
    const transportId = this.#transportId;
    const { emit } = this.#context;
    this.#move('connecting');
    const association = new SctpAssociation({
      role,
      isPatient: carrier === 'without-dtls',
      streams: Math.max(this.#numStreams.MIS, SCTP_LIMITS.streams),
      messageBytes: Math.max(this.#maxMessageSize, SCTP_LIMITS.messageBytes),
      sendPacket: (packet) => {
        this.bytesSent += packet.length;
        this.#send(packet);
      },
    });
    this.#channels = new DataChannels({
      association,
      dcep: this.#dcep,
      maxMessageSize: this.#maxMessageSize,
      ...(this.#maxBacklog === undefined ? {} : { maxBacklog: this.#maxBacklog }),
      ...(this.#dcep ? {} : { maxChannels: SCTP_LIMITS.streamsMax }),
      on: {
        open: ({ id, label, protocol, ordered }) => {
          if (this.#streams.has(id)) return;
          emit({ event: 'dataChannel.open', transportId, channelId: id, label, protocol, ordered });
        },
        message: (id, data) => emit({ event: 'dataChannel.message', transportId, channelId: id, data }),
        bytes: (id, payloadProtocol, bytes) => {
          const ends = this.#streams.get(id);
          if (!ends) return false;
          ends.producer?.handleMessage(payloadProtocol, bytes);
          return true;
        },
        drained: (id, bufferedAmount) => this.#streams.get(id)?.consumer?.handleDrained(bufferedAmount),
        close: (id, why) => {
          if (!this.#streams.has(id)) this.#tellClosed(id, why);
        },
        bufferedAmountLow: (id) => {
          if (!this.#streams.has(id)) this.#tellBuffered(id, 0);
        },
        state: (state) => this.#move(state),
      },
    });
    for (const id of this.#streams.keys()) this.#openStream(id);
  }

  // ---- streams of data producers and consumers ----

  /** @returns false: the stream has a producer already, or the transport carries no data. */
  addProducer(streamId: number, producer: DataProducer): boolean {
    return this.#attach(streamId, 'producer', producer);
  }
  /** @returns false: the stream has a consumer already, or the transport carries no data. */
  addConsumer(streamId: number, consumer: DataConsumer): boolean {
    return this.#attach(streamId, 'consumer', consumer);
  }
  /** The stream is reset when nobody uses it any more. */
  removeEnd(streamId: number, end: keyof StreamEnds): void {
    const ends = this.#streams.get(streamId);
    if (!ends) return;
    if (end === 'producer') delete ends.producer;
    else delete ends.consumer;
    if (ends.producer || ends.consumer) return;
    this.#channels?.close(streamId);
    this.#streams.delete(streamId);
  }

  /** A data consumer's message. */
  sendMessage(
    streamId: number,
    payloadProtocol: number,
    bytes: Uint8Array,
    options: SendOptions,
  ): SendResult {
    return this.#channels?.sendBytes(streamId, payloadProtocol, bytes, options) ?? 'channel-unknown';
  }

  get producers(): DataProducer[] {
    return [...this.#streams.values()].flatMap(({ producer }) => producer ?? []);
  }
  get consumers(): DataConsumer[] {
    return [...this.#streams.values()].flatMap(({ consumer }) => consumer ?? []);
  }

  #attach(streamId: number, end: keyof StreamEnds, entity: DataProducer | DataConsumer): boolean {
    const ends = this.#streams.get(streamId) ?? {};
    if (!this.#wanted || ends[end]) return false;
    const known = this.#streams.has(streamId);
    this.#streams.set(streamId, { ...ends, [end]: entity });
    if (!known) this.#openStream(streamId);
    return true;
  }

  /** What one side sends on and the other hears was agreed on by the application: nothing is announced. */
  #openStream(id: number): void {
    this.#channels?.open({ id, label: '', protocol: '', ordered: true, priority: 0 }, false);
  }

  /** @param packet read during the call only */
  handlePacket(packet: Uint8Array): void {
    this.bytesReceived += packet.length;
    this.#channels?.handlePacket(packet);
  }

  handleNotice({ channelId, data }: Extract<ChannelNotice, { notice: 'dataChannel.send' }>): void {
    const channels = this.#channels;
    if (!channels) return;
    const result = channels.send(channelId, data);
    // Whoever sends more than the peer takes would wait for an answer for ever: better that it hears of the end.
    if (result === 'message-too-large') {
      channels.close(channelId);
      return;
    }
    if (result === 'ok') this.#tellBuffered(channelId, channels.bufferedAmount(channelId));
  }

  closeChannel(channelId: number): void {
    this.#channels?.close(channelId);
  }

  bufferedAmount(channelId: number): number {
    return this.#channels?.bufferedAmount(channelId) ?? 0;
  }

  /** DTLS ended. */
  lose(): void {
    if (this.#state === 'closed' || !this.#channels) return;
    this.#channels.closeAll();
    this.#move('closed');
  }

  /** The transport ends: nobody wants to hear of it. */
  close(): void {
    this.#closed = true;
    this.#channels?.closeAll();
  }

  dump(): Record<string, unknown> | undefined {
    if (!this.#wanted) return undefined;
    return { sctpState: this.#state, channels: this.#channels?.channels(), ...this.#channels?.stats() };
  }

  #move(state: SctpState): void {
    if (this.#closed || this.#state === state || this.#state === 'closed') return;
    this.#state = state;
    this.#context.emit({ event: 'transport.sctpState', transportId: this.#transportId, sctpState: state });
  }

  #tellClosed(channelId: number, reason: ChannelEnd): void {
    this.#bufferedSteps.delete(channelId);
    if (this.#closed) return;
    this.#context.emit({ event: 'dataChannel.close', transportId: this.#transportId, channelId, reason });
  }

  #tellBuffered(channelId: number, bufferedAmount: number): void {
    const step = Math.floor(bufferedAmount / DATA_LIMITS.bufferedStepBytes);
    if (this.#closed || step === (this.#bufferedSteps.get(channelId) ?? 0)) return;
    this.#bufferedSteps.set(channelId, step);
    const transportId = this.#transportId;
    this.#context.emit({ event: 'dataChannel.bufferedAmount', transportId, channelId, bufferedAmount });
  }
}
