/** UDP sockets that many WebRtcTransports share. Contract: mediasoup v3 WebRtcServer. */
import type { ListenResult } from '../channel/messages.js';
import type { AppData } from '../types.js';
import { Entity, type CloseCause } from './entity.js';
import type { MediaProcess } from './mediaProcess.js';
import type { WebRtcTransport } from './webRtcTransport.js';

export type WebRtcServerEvents = { workerclose: []; '@close': [] };

export class WebRtcServer<ServerAppData extends AppData = AppData> extends Entity<
  WebRtcServerEvents,
  ServerAppData
> {
  /** Ours: what was bound and what the kernel granted. */
  readonly listening: readonly ListenResult[];
  readonly #process: MediaProcess;
  readonly #onClosed: (server: unknown) => void;
  readonly #transports = new Set<WebRtcTransport>();

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
  get webRtcTransportsForTesting(): ReadonlySet<WebRtcTransport> {
    return this.#transports;
  }

  async dump(): Promise<Record<string, unknown>> {
    this.assertOpen();
    return this.#process.request('webRtcServer.dump', { webRtcServerId: this.id });
  }

  /** Not for applications. */
  handleTransport(transport: WebRtcTransport): void {
    this.#transports.add(transport);
    transport.observer.once('close', () => this.#transports.delete(transport));
    this.observer.safeEmit('webrtctransporthandled', transport);
  }

  protected release(cause: CloseCause): void {
    for (const transport of [...this.#transports]) transport.closeBy('listenserver');
    if (cause === 'self') this.#process.tell('webRtcServer.close', { webRtcServerId: this.id });
    this.#onClosed(this);
  }
}
