/**
 * Sockets that many transports share. Which transport a check is for says its user name; from then on the engine knows
 * by address. Elsewhere: that demultiplexing → core.ts · sockets → listen.ts
 */
import type { TransportListenInfo, TransportProtocol } from '../types.js';
import type { MediaContext } from './context.js';
import { closeSockets, openSockets } from './listen.js';
import type { ListenSocket } from './listen.js';
import type { WebRtcTransport } from './webRtcTransport.js';

interface IpPort {
  ip: string;
  port: number;
}

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
    const addresses = (wanted: TransportProtocol): IpPort[] =>
      this.sockets
        .filter(({ protocol }) => protocol === wanted)
        .map(({ ip, port, sendBuffer, receiveBuffer }) => ({ ip, port, sendBuffer, receiveBuffer }));
    const transports = [...this.transports];
    return {
      id: this.id,
      udpSockets: addresses('udp'),
      tcpServers: addresses('tcp'),
      webRtcTransportIds: transports.map(({ id }) => id),
      localIceUsernameFragments: transports.flatMap(({ id, usernameFragments }) =>
        usernameFragments.map((localIceUsernameFragment) => ({
          localIceUsernameFragment,
          webRtcTransportId: id,
        })),
      ),
      tupleHashes: transports.flatMap(({ id, boundTuples }) =>
        boundTuples.map(({ key }) => ({ tupleHash: tupleHash(key), webRtcTransportId: id })),
      ),
    };
  }

  /** Its transports were closed before. */
  close(): void {
    closeSockets(this.#context.engine, this.sockets);
  }
}

/** A number for people to compare: which tuples differ. FNV-1a, 32 bits. */
function tupleHash(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
