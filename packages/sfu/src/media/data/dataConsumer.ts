/**
 * A data producer's messages on their way to one transport, or to the application. What finds no room is dropped, counted
 * and told; the stream stays.
 * Contract: mediasoup v3 DataConsumer. Elsewhere: streams and packets → ../sctp · which transport → ../transportData.ts
 */
import { InvalidStateError, SfuError } from '../../channel/errors.js';
import type { ChannelEvent } from '../../channel/messages.js';
import type { DataConsumerStat, DataConsumerType, SctpStreamParameters } from '../../types.js';
import type { SendResult } from '../sctp/index.js';
import type { Addressees, DataProducer } from './dataProducer.js';

export interface DataConsumerSettings {
  readonly id: string;
  readonly type: DataConsumerType;
  /** Of type 'sctp'. */
  readonly sctpStreamParameters?: SctpStreamParameters;
  readonly label: string;
  readonly protocol: string;
  readonly paused: boolean;
  readonly subchannels: readonly number[];
}

/** Where its messages go. */
export interface DataOutlet {
  send(payloadProtocol: number, bytes: Uint8Array): SendResult;
  /** Bytes that wait for the peer. */
  bufferedAmount(): number;
}

export class DataConsumer {
  paused: boolean;
  bufferedAmountLowThreshold = 0;
  messagesSent = 0;
  bytesSent = 0;
  readonly #subchannels: Set<number>;
  readonly #drops = new Map<string, number>();
  /** Buffered more than the threshold when last looked at. */
  #high = false;

  constructor(
    readonly settings: DataConsumerSettings,
    readonly dataProducer: DataProducer,
    readonly transportId: string,
    private readonly outlet: DataOutlet,
    private readonly emit: (event: ChannelEvent) => void,
  ) {
    this.paused = settings.paused;
    this.#subchannels = new Set(settings.subchannels);
    dataProducer.consumers.add(this);
  }

  get id(): string {
    return this.settings.id;
  }

  subscribes({ subchannels, requiredSubchannel }: Addressees): boolean {
    if (requiredSubchannel !== undefined && !this.#subchannels.has(requiredSubchannel)) return false;
    return subchannels.length === 0 || subchannels.some((subchannel) => this.#subchannels.has(subchannel));
  }

  get subchannels(): number[] {
    return [...this.#subchannels];
  }
  setSubchannels(subchannels: readonly number[]): void {
    this.#subchannels.clear();
    for (const subchannel of subchannels) this.#subchannels.add(subchannel);
  }
  addSubchannel(subchannel: number): void {
    this.#subchannels.add(subchannel);
  }
  removeSubchannel(subchannel: number): void {
    this.#subchannels.delete(subchannel);
  }

  /** Of the producer. */
  deliver(payloadProtocol: number, bytes: Uint8Array): void {
    if (this.paused) return this.#drop('paused');
    const result = this.#send(payloadProtocol, bytes);
    if (result !== 'ok') this.#drop(result);
  }

  /**
   * Of the application, beside the producer's messages.
   * @throws InvalidStateError (`SCTP_SEND_BUFFER_FULL`, `SCTP_NOT_CONNECTED`), SfuError (`MESSAGE_TOO_LARGE`)
   */
  send(payloadProtocol: number, bytes: Uint8Array): void {
    const result = this.#send(payloadProtocol, bytes);
    switch (result) {
      case 'ok':
        return;
      case 'backlog':
        throw new InvalidStateError('sctpsendbufferfull', 'SCTP_SEND_BUFFER_FULL');
      case 'message-too-large':
        throw new SfuError('the peer takes no message of this size', 'MESSAGE_TOO_LARGE');
      default:
        throw new InvalidStateError('the SCTP association is not connected', 'SCTP_NOT_CONNECTED');
    }
  }

  setBufferedAmountLowThreshold(bytes: number): void {
    this.bufferedAmountLowThreshold = bytes;
    this.#look(this.outlet.bufferedAmount());
  }

  bufferedAmount(): number {
    return this.outlet.bufferedAmount();
  }

  /** Less is buffered than before. */
  handleDrained(bufferedAmount: number): void {
    this.#look(bufferedAmount);
  }

  close(): void {
    this.dataProducer.consumers.delete(this);
  }

  stats(unixMs: number): DataConsumerStat[] {
    const { label, protocol } = this.settings;
    const { messagesSent, bytesSent } = this;
    const bufferedAmount = this.outlet.bufferedAmount();
    const timestamp = Math.round(unixMs);
    return [{ type: 'data-consumer', timestamp, label, protocol, messagesSent, bytesSent, bufferedAmount }];
  }

  dump(): Record<string, unknown> {
    const { id, type, sctpStreamParameters, label, protocol } = this.settings;
    return {
      id,
      type,
      dataProducerId: this.dataProducer.id,
      ...(sctpStreamParameters ? { sctpStreamParameters } : {}),
      label,
      protocol,
      paused: this.paused,
      dataProducerPaused: this.dataProducer.paused,
      subchannels: this.subchannels,
      bufferedAmountLowThreshold: this.bufferedAmountLowThreshold,
      drops: Object.fromEntries(this.#drops),
    };
  }

  #send(payloadProtocol: number, bytes: Uint8Array): SendResult {
    const result = this.outlet.send(payloadProtocol, bytes);
    if (result === 'ok') {
      this.messagesSent++;
      this.bytesSent += bytes.length;
      this.#look(this.outlet.bufferedAmount());
    } else if (result === 'backlog') {
      this.emit({ event: 'dataConsumer.sctpSendBufferFull', dataConsumerId: this.id });
    }
    return result;
  }

  /** Tells when what waits falls to the threshold, after it was more. */
  #look(bufferedAmount: number): void {
    const high = bufferedAmount > this.bufferedAmountLowThreshold;
    if (this.#high && !high)
      this.emit({ event: 'dataConsumer.bufferedAmountLow', dataConsumerId: this.id, bufferedAmount });
    this.#high = high;
  }

  #drop(why: string): void {
    this.#drops.set(why, (this.#drops.get(why) ?? 0) + 1);
  }
}
