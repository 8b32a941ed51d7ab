/**
 * A source of messages: one stream of an association, or the application itself. Hands each message to its consumers.
 * Contract: mediasoup v3 DataProducer. Elsewhere: streams and packets → ../sctp · which transport → ../transportData.ts
 */
import type { DataProducerStat, DataProducerType, SctpStreamParameters } from '../../types.js';
import type { DataConsumer } from './dataConsumer.js';

export interface DataProducerSettings {
  readonly id: string;
  readonly type: DataProducerType;
  /** Of type 'sctp'. */
  readonly sctpStreamParameters?: SctpStreamParameters;
  readonly label: string;
  readonly protocol: string;
  readonly paused: boolean;
}

/** Which consumers a message of the application is for. */
export interface Addressees {
  /** Those that subscribe to one of these; none given: all. */
  readonly subchannels: readonly number[];
  /** And of these only those that subscribe to this one, too. */
  readonly requiredSubchannel?: number;
}
const ALL: Addressees = { subchannels: [] };

export class DataProducer {
  readonly consumers = new Set<DataConsumer>();
  paused: boolean;
  messagesReceived = 0;
  bytesReceived = 0;
  /** Messages that came while it was paused. */
  pausedMessages = 0;

  constructor(
    readonly settings: DataProducerSettings,
    /** What closes with it, or closes it. */
    readonly transportId: string,
  ) {
    this.paused = settings.paused;
  }

  get id(): string {
    return this.settings.id;
  }

  /** @param bytes the receiver's to keep; consumers never write into them */
  handleMessage(payloadProtocol: number, bytes: Uint8Array, addressees = ALL): void {
    this.messagesReceived++;
    this.bytesReceived += bytes.length;
    if (this.paused) {
      this.pausedMessages++;
      return;
    }
    for (const consumer of this.consumers)
      if (consumer.subscribes(addressees)) consumer.deliver(payloadProtocol, bytes);
  }

  /** @returns whether that changed anything */
  setPaused(paused: boolean): boolean {
    if (this.paused === paused) return false;
    this.paused = paused;
    return true;
  }

  stats(unixMs: number): DataProducerStat[] {
    const { label, protocol } = this.settings;
    const { messagesReceived, bytesReceived } = this;
    return [
      {
        type: 'data-producer',
        timestamp: Math.round(unixMs),
        label,
        protocol,
        messagesReceived,
        bytesReceived,
      },
    ];
  }

  dump(): Record<string, unknown> {
    const { id, type, sctpStreamParameters, label, protocol } = this.settings;
    return {
      id,
      type,
      ...(sctpStreamParameters ? { sctpStreamParameters } : {}),
      label,
      protocol,
      paused: this.paused,
      drops: { paused: this.pausedMessages },
    };
  }
}
