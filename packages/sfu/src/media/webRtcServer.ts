/**
 * Sockets that many transports share. Which transport a check is for says its user name; from then on the engine knows
 * by address. Elsewhere: that demultiplexing → core.ts · sockets → listen.ts
 */
import type { TransportListenInfo } from '../types.js';
import type { MediaContext } from './context.js';
import { closeSockets, openSockets } from './listen.js';
import type { ListenSocket } from './listen.js';
import type { WebRtcTransport } from './webRtcTransport.js';

export class WebRtcServer {
  readonly sockets: readonly ListenSocket[];
  readonly transports = new Set<WebRtcTransport>();
  readonly #context: MediaContext;

  /** @throws InvalidStateError when a port is taken, an address is not ours …; says which and what to do. */
  constructor(
    context: MediaContext,
    readonly id: string,
    listenInfos: readonly TransportListenInfo[],
  ) {
    this.#context = context;
    this.sockets = openSockets(context, listenInfos);
  }

  dump(): Record<string, unknown> {
    return {
      id: this.id,
      udpSockets: this.sockets.map(({ ip, port, sendBuffer, receiveBuffer }) => ({
        ip,
        port,
        sendBuffer,
        receiveBuffer,
      })),
      tcpServers: [],
      webRtcTransportIds: [...this.transports].map(({ id }) => id),
    };
  }

  /** Its transports were closed before. */
  close(): void {
    closeSockets(this.#context.engine, this.sockets);
  }
}
