/**
 * What the entities of a media process share: the engine and the port to it, timers, chance, the way to the API process.
 * One object per MediaCore. Elsewhere: who makes it → core.ts
 */
import type { DtlsContext, Engine } from '@tertulia/engine';
import type { Hmac } from '@tertulia/wire';
import type { ChannelEvent } from '../channel/messages.js';
import type { DropCounters } from './dropCounters.js';
import type { EnginePort } from './enginePort.js';
import type { HandshakeQueue } from './handshakeQueue.js';
import type { PacketReader } from './packetReader.js';
import type { ReportWriter } from './reportWriter.js';
import type { TimerQueue } from './timerQueue.js';

export interface MediaContext {
  readonly engine: Engine;
  readonly port: EnginePort;
  readonly reader: PacketReader;
  /** Writes into the engine's scratch, one compound at a time. */
  readonly reports: ReportWriter;
  readonly timers: TimerQueue;
  readonly handshakes: HandshakeQueue;
  /** Of the whole process. */
  readonly drops: DropCounters;
  readonly hmac: Hmac;
  readonly dtlsContext: DtlsContext;
  /** 0 ≤ x < 1. Not for secrets. */
  readonly rng: () => number;
  /** `length` characters of ICE's alphabet, unguessable. */
  readonly secretText: (length: number) => string;
  readonly secretBytes: (length: number) => Uint8Array;
  /** Unix time of the engine's time 0, so that the server has one NTP clock. */
  readonly unixMicrosAtZero: number;
  readonly ports: { readonly min: number; readonly max: number };
  /** To the API process; delivered in order, several at once. */
  emit(event: ChannelEvent): void;
  /** For RTCP of who sends no media; RFC 3550 §8.1 leaves the choice to chance. */
  newSsrc(): number;
}

export const unixMs = (context: MediaContext, nowMicros: number): number =>
  (context.unixMicrosAtZero + nowMicros) / 1000;
