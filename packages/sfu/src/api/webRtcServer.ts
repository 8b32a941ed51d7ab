/** Ports, UDP and TCP, that many WebRtcTransports share. Contract: mediasoup v3 WebRtcServer. */
import type { ListenResult } from '../channel/messages.js';
import type { AppData, WebRtcServerDump } from '../types.js';
import type { EnhancedEventEmitter } from './enhancedEventEmitter.js';
import { Entity, type CloseCause } from './entity.js';
import type { MediaProcess } from './mediaProcess.js';
import type { WebRtcTransport } from './webRtcTransport.js';

export type WebRtcServerEvents = { workerclose: []; '@close': [] };
export type WebRtcServerObserverEvents = {
  close: [];
  webrtctransporthandled: [webRtcTransport: WebRtcTransport];
  webrtctransportunhandled: [webRtcTransport: WebRtcTransport];
};
export type WebRtcServerObserver = EnhancedEventEmitter<WebRtcServerObserverEvents>;

/**
 * Closing it closes its transports (`listenserverclose`). With its worker it closes after the routers, so that its transports
 * have told `routerclose` by then; it tells `workerclose`.
 */
export class WebRtcServer<ServerAppData extends AppData = AppData> extends Entity<
  WebRtcServerEvents,
  ServerAppData,
  WebRtcServerObserverEvents
> {
  /** Ours: what was bound and what the kernel granted. */
  readonly listening: readonly ListenResult[];
  readonly #process: MediaProcess;
  readonly #onClosed: (server: unknown) => void;
  readonly #transports = new Map<string, WebRtcTransport>();

  /** Not for applications: use `worker.createWebRtcServer`. */
  constructor(options: {
    id: string;
    process: MediaProcess;
    listening: readonly ListenResult[];
    appData: ServerAppData | undefined;
    onClosed: (server: unknown) => void;
  }) {
    super(options.id, options.appData);
    this.#process = options.process;
    this.listening = options.listening;
    this.#onClosed = options.onClosed;
  }

  /** Not for applications: mediasoup's own tests look here. */
  get webRtcTransportsForTesting(): Map<string, WebRtcTransport> {
    return this.#transports;
  }

  /** @throws InvalidStateError when closed. */
  async dump(): Promise<WebRtcServerDump> {
    this.assertOpen();
    const dump = await this.#process.request('webRtcServer.dump', { webRtcServerId: this.id });
    return dump as unknown as WebRtcServerDump;
  }

  /** Not for applications. */
  handleWebRtcTransport(transport: WebRtcTransport): void {
    if (this.closed) return transport.closeBy('listenserver'); // while the media process made it
    this.#transports.set(transport.id, transport);
    this.observer.safeEmit('webrtctransporthandled', transport);
    transport.observer.once('close', () => {
      this.#transports.delete(transport.id);
      this.observer.safeEmit('webrtctransportunhandled', transport);
    });
  }

  /** Not for applications. */
  workerClosed(): void {
    this.closeBy('worker');
  }

  protected release(cause: CloseCause): void {
    for (const transport of [...this.#transports.values()]) transport.closeBy('listenserver');
    if (cause === 'self') this.#process.tell('webRtcServer.close', { webRtcServerId: this.id });
    this.#onClosed(this);
  }
}
