/**
 * What all transports have: an engine peer, an RTP session, messages, timers, one way to end, statistics. Each kind adds how
 * its packets come and go.
 * Elsewhere: kinds → webRtcTransport.ts, plainTransport.ts, pipeTransport.ts, directTransport.ts · media → rtpSession.ts
 */
import { ADDRESS_BYTES, ROW_ADDRESS } from '@tertulia/engine';
import { HEADER_EXTENSION_URIS } from '@tertulia/wire';
import type { CaptureSource, TransportStat } from '../channel/messages.js';
import type {
  BaseTransportDump,
  BaseTransportStats,
  RecvRtpHeaderExtensions,
  TransportTuple,
} from '../types.js';
import { unixMs } from './context.js';
import type { MediaContext } from './context.js';
import type { Directory } from './directory.js';
import type { Router } from './router.js';
import { RtpSession } from './rtpSession.js';
import { bitrate } from './rtpStats.js';
import { Timed } from './timerQueue.js';
import { TransportData } from './transportData.js';
import type { DataCreation } from './transportData.js';

const EXTENSION_NAMES: Readonly<Record<string, keyof RecvRtpHeaderExtensions>> = {
  [HEADER_EXTENSION_URIS.mid]: 'mid',
  [HEADER_EXTENSION_URIS.rid]: 'rid',
  [HEADER_EXTENSION_URIS.repairedRid]: 'rrid',
  [HEADER_EXTENSION_URIS.absSendTime]: 'absSendTime',
  [HEADER_EXTENSION_URIS.transportWideCc]: 'transportWideCc01',
};

/** Each rate is remembered under an object of its own. */
const newRates = () => ({
  received: {},
  sent: {},
  rtpReceived: {},
  rtpSent: {},
  rtxReceived: {},
  rtxSent: {},
});
type Rates = ReturnType<typeof newRates>;

export abstract class Transport {
  readonly id: string;
  readonly peer: number;
  readonly rtp: RtpSession;
  readonly data: TransportData;
  readonly router: Router;
  protected readonly context: MediaContext;
  protected readonly directory: Directory;
  protected readonly timed: Timed;
  readonly #rates = newRates();
  #closed = false;

  constructor(
    context: MediaContext,
    directory: Directory,
    router: Router,
    creation: DataCreation & { readonly transportId: string },
  ) {
    this.id = creation.transportId;
    this.router = router;
    this.context = context;
    this.directory = directory;
    this.peer = context.engine.createPeer();
    this.timed = new Timed((nowMicros) => this.#run(nowMicros));
    this.rtp = new RtpSession(context, this.peer, (deadline) =>
      context.timers.setNoLaterThan(this.timed, deadline),
    );
    this.data = new TransportData(context, this.id, creation, (bytes) => this.sendData(bytes));
    directory.byPeer.set(this.peer, this);
  }

  get closed(): boolean {
    return this.#closed;
  }

  // ---- datagrams: what a kind does not expect is counted ----

  /** @param at the row's first word; RTP that the engine let pass */
  handleRtp(at: number, nowMicros: number): void {
    this.rtp.handleRtp(at, nowMicros);
  }

  /** @param bytes one compound, read during the call only */
  handleRtcp(_at: number, bytes: Uint8Array, nowMicros: number): void {
    this.rtp.handleRtcp(bytes, nowMicros);
  }

  handleDtls(_at: number, _bytes: Uint8Array, _nowMicros: number): void {
    this.rtp.drops.count('dtls-not-expected');
  }

  /** SCTP without DTLS around it. */
  handleSctp(_at: number, _bytes: Uint8Array): void {
    this.rtp.drops.count('sctp-not-expected');
  }

  /** A TCP connection of the peer has ended. */
  handleClosed(_at: number, _nowMicros: number): void {
    this.rtp.drops.count('connection-not-expected');
  }

  // ---- state ----

  /** One entry of `getStats`. */
  abstract stats(nowMicros: number): TransportStat;

  abstract dump(): BaseTransportDump;

  /** Whose packets a capture of this transport takes: one peer, or two where RTCP has a socket of its own. */
  captureSources(): CaptureSource[] {
    return [{ peer: this.peer, transportId: this.id, tuple: this.captureTuple() }];
  }

  /** Where its packets come from and go to. */
  protected captureTuple(): TransportTuple | undefined {
    return undefined;
  }

  protected baseStats(nowMicros: number): BaseTransportStats {
    const { rtp, data } = this;
    const sctpState = data.state;
    const sent = this.#sent(nowMicros);
    let rtxBytesReceived = 0;
    for (const stream of rtp.listener.streams())
      if (stream.isRetransmission) rtxBytesReceived += stream.octets;
    const rtpBytesReceived = rtp.bytesReceived - rtxBytesReceived;
    const bytesReceived = rtp.bytesReceived + data.bytesReceived;
    const bytesSent = sent.rtp + sent.rtx + data.bytesSent;
    const { incoming, outgoing } = rtp;
    const rate = (which: keyof Rates, bytes: number): number => bitrate(this.#rates[which], bytes, nowMicros);
    return {
      transportId: this.id,
      timestamp: Math.round(unixMs(this.context, nowMicros)),
      ...(sctpState ? { sctpState } : {}),
      bytesReceived,
      recvBitrate: rate('received', bytesReceived),
      bytesSent,
      sendBitrate: rate('sent', bytesSent),
      rtpBytesReceived,
      rtpRecvBitrate: rate('rtpReceived', rtpBytesReceived),
      rtpBytesSent: sent.rtp,
      rtpSendBitrate: rate('rtpSent', sent.rtp),
      rtxBytesReceived,
      rtxRecvBitrate: rate('rtxReceived', rtxBytesReceived),
      rtxBytesSent: sent.rtx,
      rtxSendBitrate: rate('rtxSent', sent.rtx),
      // Probes are padding of RTX streams here, and counted with them.
      probationBytesSent: 0,
      probationSendBitrate: 0,
      ...(outgoing.availableBitrate === undefined
        ? {}
        : { availableOutgoingBitrate: outgoing.availableBitrate }),
      ...(incoming.availableBitrate === undefined
        ? {}
        : { availableIncomingBitrate: incoming.availableBitrate }),
      ...(incoming.maxBitrate > 0 ? { maxIncomingBitrate: incoming.maxBitrate } : {}),
      ...(outgoing.maxBitrate > 0 ? { maxOutgoingBitrate: outgoing.maxBitrate } : {}),
      ...(outgoing.minBitrate > 0 ? { minOutgoingBitrate: outgoing.minBitrate } : {}),
      drops: rtp.drops.toObject(),
    };
  }

  protected baseDump(): BaseTransportDump & Record<string, unknown> {
    const { id, rtp, data } = this;
    const consumers = [...rtp.consumers.values()];
    const ssrcs = consumers.flatMap((consumer) =>
      consumer.streams.map(({ outgoing }) => ({ id: consumer.id, outgoing })),
    );
    const sctpParameters = data.parameters();
    const { rtpListener, ...ofSession } = rtp.dump();
    return {
      id,
      routerId: this.router.id,
      mapSsrcConsumerId: ssrcs.map((each) => ({ key: each.outgoing.ssrc, value: each.id })),
      mapRtxSsrcConsumerId: ssrcs.flatMap(({ id: value, outgoing: { rtxSsrc: key } }) =>
        key === undefined ? [] : [{ key, value }],
      ),
      recvRtpHeaderExtensions: this.#extensions(),
      rtpListener,
      maxMessageSize: data.maxMessageSize,
      dataProducerIds: this.#dataIds(this.directory.dataProducers),
      dataConsumerIds: this.#dataIds(this.directory.dataConsumers),
      ...(sctpParameters
        ? {
            sctpParameters,
            sctpState: data.state!,
            sctpListener: { streamIdTable: data.streamIdTable() },
            data: data.dump(),
          }
        : {}),
      traceEventTypes: rtp.tracing.types,
      ...ofSession,
    };
  }

  /** Says goodbye; what hangs on it was closed before. */
  close(nowMicros: number): void {
    if (this.#closed) return;
    this.#closed = true;
    const { engine, timers } = this.context;
    timers.cancel(this.timed);
    this.rtp.setReady(false, nowMicros);
    this.data.close();
    this.release(nowMicros);
    this.directory.byPeer.delete(this.peer);
    engine.closePeer(this.peer);
    this.releaseSockets();
  }

  // ---- what each kind does ----

  /** The kind's own part of the end; the peer is still there. */
  protected release(_nowMicros: number): void {}

  /** After the peer is gone. */
  protected releaseSockets(): void {}

  /** One SCTP packet to the peer. */
  protected abstract sendData(bytes: Uint8Array): void;

  protected poll(nowMicros: number): void {
    this.rtp.poll(nowMicros);
  }

  protected nextDeadline(): number | undefined {
    return this.rtp.nextDeadline();
  }

  protected arm(): void {
    if (this.#closed) return;
    const deadline = this.nextDeadline();
    this.context.timers.set(this.timed, deadline === Infinity ? undefined : deadline);
  }

  // ---- inside ----

  #run(nowMicros: number): void {
    this.poll(nowMicros);
    this.arm();
  }

  /** Payload bytes. */
  #sent(nowMicros: number): { rtp: number; rtx: number } {
    const sum = { rtp: 0, rtx: 0 };
    for (const consumer of this.rtp.consumers.values()) {
      for (const stream of consumer.streams) {
        const { octets, rtxOctets } = stream.counters;
        sum.rtp += octets;
        sum.rtx += rtxOctets;
      }
    }
    for (const sender of this.rtp.slotSenders) sum.rtp += sender.octetsSent(nowMicros);
    return sum;
  }

  #dataIds(registry: { values(): { readonly transportId: string; readonly settings: { id: string } }[] }) {
    return registry
      .values()
      .filter(({ transportId }) => transportId === this.id)
      .map(({ settings }) => settings.id);
  }

  #extensions(): RecvRtpHeaderExtensions {
    const found: RecvRtpHeaderExtensions = {};
    for (const { rtpParameters } of this.rtp.producers.values()) {
      for (const { uri, id } of rtpParameters.headerExtensions ?? []) {
        const name = EXTENSION_NAMES[uri];
        if (name) found[name] = id;
      }
    }
    return found;
  }
}

/** ADDRESS_BYTES of a row as bytes. */
export function rowAddress(rows: Uint32Array, at: number): Uint8Array {
  return new Uint8Array(rows.buffer, rows.byteOffset + (at + ROW_ADDRESS) * 4, ADDRESS_BYTES);
}
