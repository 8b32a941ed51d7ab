/**
 * The data channels of one association: who opened which, what goes in and out of them, when they end and why.
 * Knows streams, messages and limits; not what the messages say.
 * Spec: RFC 8831 §6 (channels, closing by stream reset), RFC 8832 §6 (in-band opening), W3C webrtc-pc §6.2.
 * Channels that the peer opens in-band are sent on reliably, whatever it asked for: more than asked, never less. Those that
 * were agreed on elsewhere have the reliability that was agreed on.
 * Elsewhere: bytes of DCEP → dcep.ts · packets, loss, order → association.ts
 */
import { parseDcep, PAYLOAD_PROTOCOL, writeDcepAck, writeDcepOpen } from './dcep.js';
import type { ChannelParameters } from './dcep.js';
import { SCTP_LIMITS } from './types.js';
import type { Association, AssociationEnd, SendOptions } from './types.js';

export interface DataChannelInfo extends ChannelParameters {
  /** The SCTP stream. */
  id: number;
}

/** Why a channel ended. Append only. */
export type ChannelEnd =
  | 'local'
  | 'remote'
  | 'message-too-large'
  | 'backlog'
  | 'partial-message'
  | 'dcep-malformed'
  | 'dcep-open-repeated'
  | 'association-closed';

/** Why a message or an OPEN changed nothing. Append only. */
export const CHANNEL_DROP = [
  'channel-unknown',
  'channel-closing',
  'channel-payload-protocol',
  'dcep-disabled',
  'dcep-refused',
  'dcep-too-many-channels',
  'dcep-unexpected-ack',
] as const;
export type ChannelDropReason = (typeof CHANNEL_DROP)[number];

export interface DataChannelEvents {
  /** The peer opened it, or accepted what was opened here. Messages may follow within the same call. */
  open(channel: DataChannelInfo): void;
  /** Text comes as a string, wrong UTF-8 in it as U+FFFD; bytes are the receiver's to keep. */
  message(id: number, data: string | Uint8Array, isBinary: boolean): void;
  /** Comes once for each channel that was opened, from either side. */
  close(id: number, why: ChannelEnd): void;
  /** A message of a channel agreed on elsewhere, as it came. @returns false: nobody here wants it undecoded. */
  bytes?(id: number, payloadProtocol: number, bytes: Uint8Array): boolean;
  /** `bufferedAmount` fell. */
  drained?(id: number, bufferedAmount: number): void;
  /** `bufferedAmount` fell to 0, after it had been more. */
  bufferedAmountLow(id: number): void;
  /** The association behind all of them. */
  state(state: 'connected' | 'closed', why?: AssociationEnd): void;
}

export interface DataChannelsOptions {
  association: Association;
  on: DataChannelEvents;
  /** Bytes the peer may send us in one message; more closes the channel. Not above SCTP_LIMITS.messageBytesMax. */
  maxMessageSize?: number;
  /** Bytes the peer accepts in one message, its max-message-size; 0 = any. */
  remoteMaxMessageSize?: number;
  /** Bytes waiting in one channel; more closes it. */
  maxBacklog?: number;
  maxChannels?: number;
  /** Whether the peer may open channels in-band. Default true. */
  dcep?: boolean;
}

export type SendResult = 'ok' | 'channel-unknown' | 'channel-closing' | 'message-too-large' | 'backlog';

export const CHANNEL_LIMITS = {
  backlogBytes: 1_048_576, // per channel, docs/architecture.md: who reads this slowly has lost the thread anyway
  channels: 64, // per association; a call needs one to three, Meet four
  handedBytes: 65_536, // given to the association at once: enough for its window, little enough to share fairly
  handedMessages: 64, // the same for small ones
} as const;

interface Outgoing {
  readonly payloadProtocol: number;
  readonly bytes: Uint8Array;
  /** What the application gave: an empty message is one byte on the wire. */
  readonly size: number;
  /** Default: the channel's. */
  readonly options?: SendOptions;
}
interface Channel {
  readonly info: DataChannelInfo;
  /** Agreed on outside of DCEP. */
  readonly negotiated: boolean;
  /** 'opening': we asked and the peer has not answered; 'closing': both directions have to be reset first. */
  state: 'opening' | 'open' | 'closing';
  queue: Outgoing[];
  buffered: number;
  resetAsked: boolean;
  incomingReset: boolean;
  outgoingReset: boolean;
}

const RELIABLE: Pick<ChannelParameters, 'maxRetransmits' | 'maxPacketLifeTimeMs'> = {};
const EMPTY = Uint8Array.of(0); // RFC 8831 §6.6: SCTP has no empty messages, so one zero byte stands for it
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

export class DataChannels {
  readonly #association: Association;
  readonly #on: DataChannelEvents;
  readonly #maxMessageSize: number;
  readonly #remoteMaxMessageSize: number;
  readonly #maxBacklog: number;
  readonly #maxChannels: number;
  readonly #dcep: boolean;
  readonly #channels = new Map<number, Channel>();
  readonly #drops = new Map<ChannelDropReason, number>();
  /** Channels with something in their queue, each once, in the order of their turns. */
  #waiting: Channel[] = [];
  /** Given to the association, not yet known to be sent, in order. */
  #handed: { channel: Channel; bytes: number; size: number }[] = [];
  #handedBytes = 0;
  #pumping = false;
  #counters = { messagesReceived: 0, bytesReceived: 0, messagesSent: 0, bytesSent: 0 };

  constructor(options: DataChannelsOptions) {
    this.#association = options.association;
    this.#on = options.on;
    this.#maxMessageSize = Math.min(
      options.maxMessageSize ?? SCTP_LIMITS.messageBytes,
      SCTP_LIMITS.messageBytesMax,
    );
    this.#remoteMaxMessageSize = options.remoteMaxMessageSize || Infinity;
    this.#maxBacklog = options.maxBacklog ?? CHANNEL_LIMITS.backlogBytes;
    this.#maxChannels = options.maxChannels ?? CHANNEL_LIMITS.channels;
    this.#dcep = options.dcep ?? true;
    this.#association.on = {
      connected: () => {
        this.#on.state('connected');
        for (const channel of this.#channels.values())
          if (channel.negotiated && channel.state === 'opening') this.#opened(channel);
        this.#pump();
      },
      closed: (why) => this.#associationClosed(why),
      message: (streamId, payloadProtocol, bytes) => this.#receive(streamId, payloadProtocol, bytes),
      oversized: (streamId) => this.#closeFor(streamId, 'message-too-large'),
      incomingReset: (streamIds) => this.#incomingReset(streamIds),
      outgoingReset: (streamIds) => this.#outgoingReset(streamIds),
      drained: () => this.#drained(),
    };
  }

  /** What DTLS gave. */
  handlePacket(bytes: Uint8Array): void {
    this.#association.handlePacket(bytes);
  }

  /**
   * Opens a channel from here. Announced ones send an OPEN and are open when the peer has acknowledged it; others were
   * agreed on elsewhere and are open as soon as the association is. Messages may be given right away in either case.
   * @returns false when the stream is in use or there are too many channels.
   */
  open(channel: DataChannelInfo, announce: boolean): boolean {
    if (this.#association.state === 'closed' || channel.id >= SCTP_LIMITS.streamsMax) return false;
    if (this.#channels.has(channel.id) || this.#channels.size >= this.#maxChannels) return false;
    const added = this.#add(channel, 'opening', !announce);
    if (announce) {
      this.#enqueue(added, {
        payloadProtocol: PAYLOAD_PROTOCOL.dcep,
        bytes: writeDcepOpen(channel),
        size: 0,
      });
      this.#pump();
    } else if (this.#association.state === 'connected') {
      this.#opened(added);
    }
    return true;
  }

  /** Anything but 'ok' is not sent. After 'backlog' the channel is closed. */
  send(id: number, data: string | Uint8Array): SendResult {
    const channel = this.#channels.get(id);
    if (!channel) return 'channel-unknown';
    if (channel.state === 'closing') return 'channel-closing';
    const binary = typeof data !== 'string';
    const bytes = binary ? data.slice() : encoder.encode(data);
    if (bytes.length > this.#remoteMaxMessageSize) return 'message-too-large';
    if (channel.buffered + bytes.length > this.#maxBacklog) {
      this.#abandon(channel, 'backlog');
      return 'backlog';
    }
    const { text, emptyText, binary: binaryProtocol, emptyBinary } = PAYLOAD_PROTOCOL;
    const payloadProtocol =
      bytes.length === 0 ? (binary ? emptyBinary : emptyText) : binary ? binaryProtocol : text;
    this.#enqueue(channel, {
      payloadProtocol,
      bytes: bytes.length === 0 ? EMPTY : bytes,
      size: bytes.length,
    });
    this.#pump();
    return 'ok';
  }

  /**
   * A message with its payload protocol, as it came from elsewhere. What does not fit into the backlog is refused; the channel
   * stays.
   */
  sendBytes(id: number, payloadProtocol: number, bytes: Uint8Array, options: SendOptions): SendResult {
    const size = bytes.length;
    const channel = this.#channels.get(id);
    if (!channel) return 'channel-unknown';
    if (channel.state === 'closing') return 'channel-closing';
    if (bytes.length > this.#remoteMaxMessageSize) return 'message-too-large';
    if (channel.buffered > 0 && channel.buffered + size > this.#maxBacklog) return 'backlog';
    this.#enqueue(channel, { payloadProtocol, bytes, size, options });
    this.#pump();
    return 'ok';
  }

  /** What was given to `send` before goes out first. */
  close(id: number): void {
    const channel = this.#channels.get(id);
    if (!channel || channel.state === 'closing') return;
    this.#end(channel, 'local');
    this.#resetWhenSent(channel);
  }

  /** Bytes given to `send` and not sent a first time yet. */
  bufferedAmount(id: number): number {
    return this.#channels.get(id)?.buffered ?? 0;
  }

  /** Ends the association and all channels with it. */
  closeAll(): void {
    this.#association.close();
  }

  get state(): Association['state'] {
    return this.#association.state;
  }

  /** Those that are open, in the order of their opening. */
  channels(): DataChannelInfo[] {
    return [...this.#channels.values()].filter(({ state }) => state !== 'closing').map(({ info }) => info);
  }

  stats(): {
    channels: number;
    messagesReceived: number;
    bytesReceived: number;
    messagesSent: number;
    bytesSent: number;
    drops: Partial<Record<ChannelDropReason, number>>;
    association: ReturnType<Association['stats']>;
  } {
    return {
      channels: this.#channels.size,
      ...this.#counters,
      drops: Object.fromEntries(this.#drops),
      association: this.#association.stats(),
    };
  }

  #receive(streamId: number, payloadProtocol: number, bytes: Uint8Array): void {
    if (payloadProtocol === PAYLOAD_PROTOCOL.dcep) return this.#receiveDcep(streamId, bytes);
    const channel = this.#channels.get(streamId);
    if (!channel) return this.#drop('channel-unknown');
    if (channel.state === 'closing') return this.#drop('channel-closing');
    if (bytes.length > this.#maxMessageSize) return this.#abandon(channel, 'message-too-large');
    if (channel.negotiated && this.#on.bytes?.(streamId, payloadProtocol, bytes)) {
      this.#counters.messagesReceived++;
      this.#counters.bytesReceived += bytes.length;
      return;
    }
    switch (payloadProtocol) {
      case PAYLOAD_PROTOCOL.text:
        return this.#deliver(channel, decoder.decode(bytes), bytes.length);
      case PAYLOAD_PROTOCOL.binary:
        return this.#deliver(channel, bytes, bytes.length);
      case PAYLOAD_PROTOCOL.emptyText:
        return this.#deliver(channel, '', 0);
      case PAYLOAD_PROTOCOL.emptyBinary:
        return this.#deliver(channel, new Uint8Array(), 0);
      case PAYLOAD_PROTOCOL.partialText:
      case PAYLOAD_PROTOCOL.partialBinary:
        return this.#abandon(channel, 'partial-message');
      default:
        return this.#drop('channel-payload-protocol');
    }
  }

  #deliver(channel: Channel, data: string | Uint8Array, size: number): void {
    this.#counters.messagesReceived++;
    this.#counters.bytesReceived += size;
    // RFC 8832 §6: data on a channel that we opened says as much as an ACK.
    if (channel.state === 'opening') this.#opened(channel);
    this.#on.message(channel.info.id, data, typeof data !== 'string');
  }

  #receiveDcep(streamId: number, bytes: Uint8Array): void {
    const message = parseDcep(bytes);
    const channel = this.#channels.get(streamId);
    if (message.ok && message.value.type === 'ack') {
      if (channel?.state === 'opening') this.#opened(channel);
      else this.#drop('dcep-unexpected-ack');
      return;
    }
    if (channel) {
      if (channel.state === 'closing') return this.#drop('channel-closing');
      return this.#abandon(channel, message.ok ? 'dcep-open-repeated' : 'dcep-malformed');
    }
    if (!this.#dcep) return this.#drop('dcep-disabled');
    // What is refused is answered by closing the stream, RFC 8832 §6; nothing of it is kept.
    if (!message.ok || message.value.type !== 'open') return this.#refuse(streamId, 'dcep-refused');
    if (this.#channels.size >= this.#maxChannels) return this.#refuse(streamId, 'dcep-too-many-channels');
    const added = this.#add({ id: streamId, ...message.value.parameters }, 'open', false);
    this.#enqueue(added, { payloadProtocol: PAYLOAD_PROTOCOL.dcep, bytes: writeDcepAck(), size: 0 });
    this.#pump();
    this.#on.open(added.info);
  }

  #refuse(streamId: number, why: ChannelDropReason): void {
    this.#drop(why);
    this.#association.resetOutgoing(streamId);
  }

  #add(info: DataChannelInfo, state: Channel['state'], negotiated: boolean): Channel {
    const channel: Channel = {
      info,
      negotiated,
      state,
      queue: [],
      buffered: 0,
      resetAsked: false,
      incomingReset: false,
      outgoingReset: false,
    };
    this.#channels.set(info.id, channel);
    return channel;
  }

  #opened(channel: Channel): void {
    channel.state = 'open';
    this.#on.open(channel.info);
  }

  #enqueue(channel: Channel, message: Outgoing): void {
    if (channel.queue.length === 0) this.#waiting.push(channel);
    channel.queue.push(message);
    channel.buffered += message.size;
  }

  /** One message of each channel in turn, while the association has little to send. */
  #pump(): void {
    if (this.#pumping || this.#association.state !== 'connected') return;
    this.#pumping = true;
    try {
      while (this.#mayHand) {
        const channel = this.#waiting.shift()!;
        const message = channel.queue.shift();
        if (!message) continue;
        if (channel.queue.length > 0) this.#waiting.push(channel);
        this.#hand(channel, message);
      }
    } finally {
      this.#pumping = false;
    }
  }

  get #mayHand(): boolean {
    return (
      this.#waiting.length > 0 &&
      this.#handedBytes < CHANNEL_LIMITS.handedBytes &&
      this.#handed.length < CHANNEL_LIMITS.handedMessages
    );
  }

  #hand(channel: Channel, message: Outgoing): void {
    // RFC 8832 §6: until the peer has acknowledged the OPEN, what follows must not overtake it.
    const ordered =
      channel.info.ordered ||
      channel.state === 'opening' ||
      message.payloadProtocol === PAYLOAD_PROTOCOL.dcep;
    this.#handed.push({ channel, bytes: message.bytes.length, size: message.size });
    this.#handedBytes += message.bytes.length;
    if (message.payloadProtocol !== PAYLOAD_PROTOCOL.dcep) {
      this.#counters.messagesSent++;
      this.#counters.bytesSent += message.size;
    }
    if (message.options) {
      this.#association.send(channel.info.id, message.payloadProtocol, message.bytes, message.options);
      return this.#settle();
    }
    const { maxRetransmits, maxPacketLifeTimeMs } = channel.negotiated ? channel.info : RELIABLE;
    this.#association.send(channel.info.id, message.payloadProtocol, message.bytes, {
      ordered,
      ...(maxRetransmits === undefined ? {} : { maxRetransmits }),
      ...(maxPacketLifeTimeMs === undefined ? {} : { maxPacketLifeTimeMs }),
    });
    this.#settle();
  }

  #drained(): void {
    this.#settle();
    this.#pump();
    for (const channel of this.#channels.values())
      if (channel.state === 'closing') this.#resetWhenSent(channel);
  }

  /** The association sends in order: what it has not sent yet is the end of what it was handed. */
  #settle(): void {
    const unsent = this.#association.unsentBytes;
    while (this.#handed.length > 0 && this.#handedBytes - this.#handed[0]!.bytes >= unsent) {
      const { channel, bytes, size } = this.#handed.shift()!;
      this.#handedBytes -= bytes;
      if (size === 0) continue;
      channel.buffered -= size;
      if (channel.state !== 'closing') this.#on.drained?.(channel.info.id, channel.buffered);
      if (channel.buffered === 0 && channel.state !== 'closing') this.#on.bufferedAmountLow(channel.info.id);
    }
  }

  #incomingReset(streamIds: readonly number[]): void {
    for (const id of streamIds.length === 0 ? [...this.#channels.keys()] : streamIds) {
      const channel = this.#channels.get(id);
      if (!channel) continue;
      channel.incomingReset = true;
      if (channel.state !== 'closing') {
        this.#discard(channel);
        this.#end(channel, 'remote');
      }
      this.#resetWhenSent(channel);
      this.#forget(channel);
    }
  }

  #outgoingReset(streamIds: readonly number[]): void {
    for (const id of streamIds) {
      const channel = this.#channels.get(id);
      if (!channel?.resetAsked) continue;
      channel.outgoingReset = true;
      this.#forget(channel);
    }
  }

  /** The stream may be used anew once both sides are done with it. */
  #forget(channel: Channel): void {
    if (channel.incomingReset && channel.outgoingReset) this.#channels.delete(channel.info.id);
  }

  /** A reset that overtakes data has to be asked for again, so it waits until the peer has acknowledged all of it. */
  #resetWhenSent(channel: Channel): void {
    if (channel.resetAsked || channel.queue.length > 0) return;
    if (this.#association.hasOutstanding(channel.info.id)) return;
    channel.resetAsked = true;
    this.#association.resetOutgoing(channel.info.id);
  }

  #closeFor(streamId: number, why: ChannelEnd): void {
    const channel = this.#channels.get(streamId);
    if (!channel) return this.#refuse(streamId, 'channel-unknown');
    if (channel.state !== 'closing') this.#abandon(channel, why);
  }

  /** Closes without sending what waits. */
  #abandon(channel: Channel, why: ChannelEnd): void {
    this.#discard(channel);
    this.#end(channel, why);
    this.#resetWhenSent(channel);
  }

  #discard(channel: Channel): void {
    channel.queue = [];
    this.#waiting = this.#waiting.filter((waiting) => waiting !== channel);
  }

  #end(channel: Channel, why: ChannelEnd): void {
    channel.state = 'closing';
    // Before the association is there nothing can be reset, and the peer has never heard of the channel.
    if (this.#association.state === 'connecting') this.#channels.delete(channel.info.id);
    this.#on.close(channel.info.id, why);
  }

  #associationClosed(why: AssociationEnd): void {
    const channels = [...this.#channels.values()];
    this.#channels.clear();
    this.#waiting = [];
    this.#handed = [];
    this.#handedBytes = 0;
    for (const channel of channels)
      if (channel.state !== 'closing') this.#on.close(channel.info.id, 'association-closed');
    this.#on.state('closed', why);
  }

  #drop(why: ChannelDropReason): void {
    this.#drops.set(why, (this.#drops.get(why) ?? 0) + 1);
  }
}
