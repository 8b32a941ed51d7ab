/**
 * The media process without a process: an engine, its batches, its deadlines, the requests of the API side. With an
 * engine in memory mode, tests and benches drive the real thing: `engine.inject` or `poll` move it, `emit` gets its news.
 * It never looks at a clock: time is the engine's, and comes with each batch and each poll.
 * Elsewhere: the real loop → loop.ts · what a request does → requests.ts · packets → rtpSession.ts
 */
import {
  DtlsContext,
  KIND_CLOSED,
  KIND_DTLS,
  KIND_RTCP,
  KIND_RTP,
  KIND_SCTP,
  KIND_STUN,
  ROW_KIND,
  ROW_LENGTH,
  ROW_OFFSET,
  ROW_PEER,
  ROW_SOCKET,
  ROW_WORDS,
} from '@tertulia/engine';
import type { Engine } from '@tertulia/engine';
import type { Hmac } from '@tertulia/wire';
import type { ChannelEvent, ChannelNotice, Method, RequestOf, ResponseOf } from '../channel/messages.js';
import type { WorkerLogLevel, WorkerLogTag } from '../types.js';
import { Captures } from './captures.js';
import { Closing } from './closing.js';
import type { MediaContext } from './context.js';
import { DirectTransport } from './directTransport.js';
import { Directory } from './directory.js';
import { DropCounters } from './dropCounters.js';
import { EnginePort } from './enginePort.js';
import { HandshakeQueue } from './handshakeQueue.js';
import { localFragment, stunUsername } from './ice/index.js';
import { hmacSha1, secretBytes, secretText, unixMicrosAtZero } from './machine.js';
import { PacketReader } from './packetReader.js';
import { ReportWriter } from './reportWriter.js';
import { REQUESTS } from './requests/index.js';
import { TimerQueue } from './timerQueue.js';
import type { VirtualStreams } from './virtualStreams.js';
import { rowAddress } from './transport.js';

export interface MediaCoreOptions {
  readonly engine: Engine;
  /** News for the API side. Delivered in order, one by one. */
  readonly emit: (event: ChannelEvent) => void;
  /** Default: a self-signed certificate. */
  readonly dtlsContext?: DtlsContext;
  /** 0 ≤ x < 1. Default Math.random; nothing secret hangs on it. */
  readonly rng?: () => number;
  /** Unguessable characters of ICE's alphabet. */
  readonly secretText?: (length: number) => string;
  /** HMAC-SHA1. */
  readonly hmac?: Hmac;
  /** Unix time, in µs, of the engine's time 0. Default: such that it is now. */
  readonly unixMicrosAtZero?: number;
  /** Ports for transports without a WebRtcServer. */
  readonly ports?: { readonly min: number; readonly max: number };
  /** `transport.injectKeys` exists. Never in a real call. */
  readonly allowKeyInjection?: boolean;
}

export class MediaCore {
  readonly context: MediaContext;
  readonly directory = new Directory();
  readonly captures: Captures;
  readonly closing: Closing;
  readonly allowKeyInjection: boolean;
  readonly drops = new DropCounters();
  logLevel: WorkerLogLevel = 'error';
  logTags: readonly WorkerLogTag[] = [];
  readonly #engine: Engine;
  readonly #port: EnginePort;
  readonly #timers = new TimerQueue();
  /** Rooms that got packets in this batch. */
  readonly #touched: VirtualStreams[] = [];
  #closed = false;

  constructor(options: MediaCoreOptions) {
    const { engine, emit, rng = Math.random } = options;
    this.#engine = engine;
    const atZero = options.unixMicrosAtZero ?? unixMicrosAtZero(engine.now());
    this.#port = new EnginePort(engine, this.drops, atZero);
    this.allowKeyInjection = options.allowKeyInjection ?? false;
    this.context = {
      engine,
      port: this.#port,
      reader: new PacketReader(engine.slab, engine.rows),
      reports: new ReportWriter(engine.scratch),
      timers: this.#timers,
      handshakes: new HandshakeQueue(this.#timers, this.drops),
      drops: this.drops,
      hmac: options.hmac ?? hmacSha1,
      dtlsContext: options.dtlsContext ?? new DtlsContext(),
      rng,
      secretText: options.secretText ?? secretText,
      secretBytes,
      unixMicrosAtZero: atZero,
      ports: options.ports ?? { min: 10_000, max: 59_999 },
      emit,
      newSsrc: () => LEAST_SSRC + Math.floor(rng() * (2 ** 32 - LEAST_SSRC)),
    };
    this.captures = new Captures(this.context);
    this.closing = new Closing(this.context, this.directory, this.captures);
    // With sockets the loop starts it: it has to look at the deadlines after each batch.
    if (engine.memory) engine.start(this.handleBatch);
  }

  /** @throws TypeError, InvalidStateError, UnsupportedError: the request had no effect. */
  handleRequest<M extends Method>(method: M, data: RequestOf<M>): ResponseOf<M> {
    const nowMicros = this.#engine.now();
    try {
      return REQUESTS[method](this, data, nowMicros);
    } finally {
      this.#port.flush();
    }
  }

  /** Without an answer; for an entity that is gone it means nothing. */
  handleNotice(notice: ChannelNotice): void {
    const { transports, producers, dataProducers } = this.directory;
    if (notice.notice === 'dataChannel.send') {
      transports.find(notice.transportId)?.data.handleNotice(notice);
    } else if (notice.notice === 'dataProducer.send') {
      const { ppid, data, ...addressees } = notice;
      dataProducers.find(notice.dataProducerId)?.handleMessage(ppid, data, addressees);
    } else if (notice.notice === 'producer.send') {
      const transport = producers.find(notice.producerId)?.transport;
      if (transport instanceof DirectTransport) transport.deliverRtp(notice.packet);
    } else {
      const transport = transports.find(notice.transportId);
      if (transport instanceof DirectTransport) transport.deliverRtcp(notice.packet, this.#engine.now());
    }
    this.#port.flush();
  }

  /** One batch of rows. The engine calls it: in memory mode from `inject`, with sockets through the loop. */
  readonly handleBatch = (rowCount: number, nowMicros: number): number => {
    const { rows, slab } = this.#engine;
    const { byPeer } = this.directory;
    for (let row = 0; row < rowCount; row++) {
      const at = row * ROW_WORDS;
      const kind = rows[at + ROW_KIND]!;
      if (kind === KIND_RTP) {
        byPeer.get(rows[at + ROW_PEER]!)?.handleRtp(at, nowMicros);
        continue;
      }
      const offset = rows[at + ROW_OFFSET]!;
      const bytes = slab.subarray(offset, offset + rows[at + ROW_LENGTH]!);
      if (kind === KIND_RTCP) byPeer.get(rows[at + ROW_PEER]!)?.handleRtcp(at, bytes, nowMicros);
      else if (kind === KIND_STUN) this.#handleStun(at, bytes, nowMicros);
      else if (kind === KIND_SCTP) byPeer.get(rows[at + ROW_PEER]!)?.handleSctp(at, bytes);
      else if (kind === KIND_CLOSED) byPeer.get(rows[at + ROW_PEER]!)?.handleClosed(at, nowMicros);
      else if (kind === KIND_DTLS) byPeer.get(rows[at + ROW_PEER]!)?.handleDtls(at, bytes, nowMicros);
    }
    this.#settle(nowMicros);
    return this.#port.takeCommandCount();
  };

  /** Everything whose time has come. Sockets: by the loop. Memory: after `engine.setNow`. */
  poll(nowMicros: number): void {
    this.#timers.run(nowMicros);
    this.#settle(nowMicros);
    this.#port.flush();
  }

  /** µs of the engine's clock. */
  nextDeadline(): number | undefined {
    return this.#timers.nextDeadline();
  }

  /** Called whenever `nextDeadline` has come nearer. */
  set onNearerDeadline(listener: () => void) {
    this.#timers.onNearer = listener;
  }

  get cachedPackets(): number {
    return this.#port.cachedPackets;
  }

  get timerCount(): number {
    return this.#timers.size;
  }

  /** Peers are told where DTLS can tell them. The engine stays open. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.closing.all(this.#engine.now());
    this.#port.flush();
  }

  /** Rooms call it at their first packet of a batch. */
  readonly touched = (streams: VirtualStreams): void => {
    this.#touched.push(streams);
  };

  #settle(nowMicros: number): void {
    for (const streams of this.#touched) streams.settle(nowMicros);
    this.#touched.length = 0;
  }

  /** Whose check this is says its user name; whether that is true, the transport finds out. */
  #handleStun(at: number, bytes: Uint8Array, nowMicros: number): void {
    const username = stunUsername(bytes);
    const fragment = username === undefined ? undefined : localFragment(username);
    if (fragment === undefined) {
      this.drops.count('stun-no-username');
      return;
    }
    const transport = this.directory.byFragment.get(fragment);
    if (!transport) {
      this.drops.count('stun-unknown-user');
      return;
    }
    const { rows } = this.#engine;
    transport.handleStun(rows[at + ROW_SOCKET]!, rowAddress(rows, at), bytes, nowMicros);
  }
}

/** 0 means "none" in places, and small numbers are other things' favourites. */
const LEAST_SSRC = 0x10000;
