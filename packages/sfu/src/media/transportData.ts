/**
 * Data channels of one transport: made when DTLS is up, told to the API process, gone with it.
 * Knows the channel messages; streams, packets and limits are elsewhere: sctp/.
 */
import type { ChannelNotice, WebRtcTransportCreation } from '../channel/messages.js';
import type { SctpParameters, SctpState } from '../types.js';
import type { MediaContext } from './context.js';
import { DataChannels, SCTP_LIMITS, SctpAssociation } from './sctp/index.js';
import type { ChannelEnd } from './sctp/index.js';

export const DATA_LIMITS = {
  /** A backlog is told when it passes a multiple of this, not with each message. */
  bufferedStepBytes: 65_536,
} as const;

/** RFC 8832 §5.1 and draft-ietf-mmusic-sctp-sdp: the port that everybody uses. */
const SCTP_PORT = 5000;

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
  #channels: DataChannels | undefined;
  #state: SctpState = 'new';
  #closed = false;

  /** @param send one SCTP packet into DTLS */
  constructor(
    context: MediaContext,
    transportId: string,
    creation: Pick<WebRtcTransportCreation, 'enableSctp' | 'enableDcep' | 'maxSctpMessageSize'>,
    send: (packet: Uint8Array) => void,
  ) {
    this.#context = context;
    this.#transportId = transportId;
    this.#wanted = creation.enableSctp || creation.enableDcep;
    this.#dcep = creation.enableDcep;
    this.#maxMessageSize = creation.maxSctpMessageSize;
    this.#send = send;
  }

  /** undefined when the transport carries no data. */
  get state(): SctpState | undefined {
    return this.#wanted ? this.#state : undefined;
  }

  parameters(): SctpParameters | undefined {
    if (!this.#wanted) return undefined;
    const { streams } = SCTP_LIMITS;
    return { port: SCTP_PORT, OS: streams, MIS: streams, maxMessageSize: this.#maxMessageSize };
  }

  /** DTLS is up. */
  start(role: 'client' | 'server'): void {
    if (!this.#wanted || this.#channels || this.#closed) return;
    const transportId = this.#transportId;
    const { emit } = this.#context;
    this.#move('connecting');
    const association = new SctpAssociation({
      role,
      sendPacket: (packet) => {
        this.bytesSent += packet.length;
        this.#send(packet);
      },
    });
    this.#channels = new DataChannels({
      association,
      dcep: this.#dcep,
      maxMessageSize: this.#maxMessageSize,
      on: {
        open: ({ id, label, protocol, ordered }) =>
          emit({ event: 'dataChannel.open', transportId, channelId: id, label, protocol, ordered }),
        message: (id, data) => emit({ event: 'dataChannel.message', transportId, channelId: id, data }),
        close: (id, why) => this.#tellClosed(id, why),
        bufferedAmountLow: (id) => this.#tellBuffered(id, 0),
        state: (state) => this.#move(state),
      },
    });
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
