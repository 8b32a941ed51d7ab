/** A data channel that the peer opened in-band (RFC 8832). Ours; mediasoup has none. */
import type { MediaProcess } from './mediaProcess.js';
import { EnhancedEventEmitter } from './enhancedEventEmitter.js';

export type DataChannelEvents = {
  message: [data: string | Uint8Array];
  /** Once: the peer closed it, a limit was passed, or the transport ended. */
  close: [reason: string];
  listenererror: [eventName: string, error: Error];
};

export class DataChannel extends EnhancedEventEmitter<DataChannelEvents> {
  readonly id: number;
  readonly label: string;
  readonly protocol: string;
  readonly ordered: boolean;
  readonly #process: MediaProcess;
  readonly #transportId: string;
  #bufferedAmount = 0;
  #closed = false;

  /** Not for applications: comes with the transport's `datachannel` event. */
  constructor(options: {
    process: MediaProcess;
    transportId: string;
    id: number;
    label: string;
    protocol: string;
    ordered: boolean;
  }) {
    super();
    this.#process = options.process;
    this.#transportId = options.transportId;
    this.id = options.id;
    this.label = options.label;
    this.protocol = options.protocol;
    this.ordered = options.ordered;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Bytes that wait for the peer, as last reported by the media process. */
  get bufferedAmount(): number {
    return this.#bufferedAmount;
  }

  /**
   * Text or bytes, at most the transport's `maxSctpMessageSize`. Nothing happens on a closed channel. A message that is
   * too large, or a backlog over 1 MiB, closes the channel with a reason.
   */
  send(data: string | Uint8Array): void {
    if (this.#closed) return;
    this.#process.notify({
      notice: 'dataChannel.send',
      transportId: this.#transportId,
      channelId: this.id,
      data,
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#process.tell('dataChannel.close', { transportId: this.#transportId, channelId: this.id });
    this.handleClose('closed by the application');
  }

  /** Not for applications. */
  handleMessage(data: string | Uint8Array): void {
    if (!this.#closed) this.safeEmit('message', data);
  }
  /** Not for applications. */
  handleBufferedAmount(bytes: number): void {
    this.#bufferedAmount = bytes;
  }
  /** Not for applications. */
  handleClose(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.safeEmit('close', reason);
  }
}
