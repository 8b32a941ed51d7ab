/**
 * Packets of chosen transports as they are without SRTP, for tools that look at them. Whoever has it reads it: between two
 * readings the media process keeps 8 MiB, and counts what finds no room.
 * Elsewhere: gathering → media/captures.ts
 */
import { addressIp, addressPort, readCapture } from '@tertulia/engine';
import type { CaptureSource } from '../channel/messages.js';
import type { AppData, CaptureBatch, CapturedPacket, CaptureEnd } from '../types.js';
import { Entity, type CloseCause } from './entity.js';
import type { EventMap } from './enhancedEventEmitter.js';
import type { MediaProcess } from './mediaProcess.js';
import { OptionError } from '../channel/errors.js';

export type CaptureEvents = { routerclose: []; '@close': [] } & EventMap;

/** Closed with its router (`routerclose`). Transports that close leave it by themselves. */
export class Capture extends Entity<CaptureEvents, AppData> {
  readonly #process: MediaProcess;
  readonly #unixMicrosAtZero: number;
  readonly #onClosed: (capture: Capture) => void;

  /** Not for applications: use `router.createCapture`. */
  constructor(options: {
    id: string;
    process: MediaProcess;
    unixMicrosAtZero: number;
    onClosed: (capture: Capture) => void;
  }) {
    super(options.id, undefined);
    this.#process = options.process;
    this.#unixMicrosAtZero = options.unixMicrosAtZero;
    this.#onClosed = options.onClosed;
  }

  /**
   * RTP and RTCP of this transport from now on, both ways. Twice is once.
   * @throws InvalidStateError: closed, or another capture has it (`CAPTURED_ALREADY`).
   */
  async add(transport: { readonly id: string }): Promise<void> {
    this.assertOpen();
    if (typeof transport?.id !== 'string') throw new OptionError('transport: not a Transport');
    await this.#process.request('capture.add', { captureId: this.id, transportId: transport.id });
  }

  /**
   * What came and went since the last reading, by time.
   * @throws InvalidStateError when it is closed or its media process is gone.
   */
  async read(): Promise<CaptureBatch> {
    this.assertOpen();
    const { records, sources, lost } = await this.#process.request('capture.read', { captureId: this.id });
    const byPeer = new Map(sources.map((source) => [source.peer, source]));
    const packets: CapturedPacket[] = [];
    for (const { peer, outgoing, rtcp, micros, address, bytes } of readCapture(records)) {
      const source = byPeer.get(peer);
      if (!source) continue;
      packets.push({
        transportId: source.transportId,
        direction: outgoing ? 'outgoing' : 'incoming',
        kind: rtcp ? 'rtcp' : 'rtp',
        unixMicros: this.#unixMicrosAtZero + micros,
        protocol: source.tuple?.protocol ?? 'udp',
        local: localEnd(source),
        remote: address[0] === 0 ? undefined : { ip: addressIp(address), port: addressPort(address) },
        bytes,
      });
    }
    const losses = new Map<string, { incoming: number; outgoing: number }>();
    for (const { transportId, lost: ofPeer } of sources) {
      const sum = losses.get(transportId) ?? { incoming: 0, outgoing: 0 };
      sum.incoming += ofPeer?.incoming ?? 0;
      sum.outgoing += ofPeer?.outgoing ?? 0;
      losses.set(transportId, sum);
    }
    return { packets, losses, lost };
  }

  protected release(cause: CloseCause): void {
    if (cause === 'self') this.#process.tell('capture.close', { captureId: this.id });
    this.#onClosed(this);
  }
}

function localEnd({ tuple }: CaptureSource): CaptureEnd | undefined {
  return tuple ? { ip: tuple.localAddress, port: tuple.localPort } : undefined;
}
