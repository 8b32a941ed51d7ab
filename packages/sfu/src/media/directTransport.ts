/**
 * The application as a peer: what it sends is received as if by a socket, what consumers send goes to it as events.
 * Elsewhere: packets as bytes → consumer.ts · the way in → engine `deliver`
 */
import type { DirectTransportCreation } from '../channel/messages.js';
import type { BaseTransportDump, DirectTransportStat } from '../types.js';
import type { MediaContext } from './context.js';
import type { Directory } from './directory.js';
import type { Router } from './router.js';
import { Transport } from './transport.js';

/** The application is trusted: only a number so large that no program sends it. */
const TRUSTED = { packetsPerSecond: 1_000_000, burst: 1_000_000, sources: 4_096 } as const;

export class DirectTransport extends Transport {
  readonly #maxMessageSize: number;

  constructor(
    context: MediaContext,
    directory: Directory,
    router: Router,
    { transportId, maxMessageSize }: DirectTransportCreation,
  ) {
    super(context, directory, router, {
      transportId,
      enableSctp: false,
      maxSctpMessageSize: maxMessageSize,
    });
    this.#maxMessageSize = maxMessageSize;
    const { engine } = context;
    engine.setPlain(this.peer);
    engine.setRateLimit(this.peer, TRUSTED.packetsPerSecond, TRUSTED.burst, TRUSTED.sources);
    this.rtp.direct = true;
    this.rtp.rtcp.onRtcp = (packet) => context.emit({ event: 'transport.rtcp', transportId, packet });
    this.rtp.setReady(true, engine.now());
  }

  /** An RTP packet of the application. */
  deliverRtp(packet: Uint8Array): void {
    if (!this.context.engine.deliver(this.peer, packet)) this.rtp.drops.count('rtp-direct-refused');
  }

  /** An RTCP compound of the application. */
  deliverRtcp(packet: Uint8Array, nowMicros: number): void {
    this.rtp.handleRtcp(packet, nowMicros);
  }

  stats(nowMicros: number): DirectTransportStat {
    return { type: 'direct-transport', ...this.baseStats(nowMicros) };
  }

  dump(): BaseTransportDump {
    return { ...this.baseDump(), maxMessageSize: this.#maxMessageSize };
  }

  /** Without SCTP there is nothing to send. */
  protected sendData(): void {}
}
