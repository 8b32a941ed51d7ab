/**
 * RTP, SRTP and SCTP over UDP without ICE and DTLS: for programs such as FFmpeg and GStreamer. Contract: mediasoup v3
 * PlainTransport. With comedia the remote address is where the first packet comes from, once.
 * Elsewhere: sockets → remoteEnd.ts · keys → srtpKeys.ts · who may send → engine
 */
import { ROW_PEER } from '@tertulia/engine';
import { InvalidStateError, OptionError } from '../channel/errors.js';
import type { CaptureSource, PlainTransportCreated, PlainTransportCreation } from '../channel/messages.js';
import type { PlainTransportDump, PlainTransportStat, SrtpParameters, TransportTuple } from '../types.js';
import type { MediaContext } from './context.js';
import type { Directory } from './directory.js';
import { RemoteEnd, sctpRole } from './remoteEnd.js';
import type { Router } from './router.js';
import { newSrtpParameters, setSrtpKeys } from './srtpKeys.js';
import { rowAddress, Transport } from './transport.js';

export const PLAIN_LIMITS = {
  /** One sender may bring several streams of some 10 Mbit/s; a browser's limit would be too low. */
  packetsPerSecond: 100_000,
  burst: 20_000,
  /** SSRCs, each with a replay list of 128 bytes. */
  sources: 1_024,
} as const;

export interface PlainConnect {
  readonly ip?: string;
  readonly port?: number;
  readonly rtcpPort?: number;
  readonly srtpParameters?: SrtpParameters;
}

export class PlainTransport extends Transport {
  readonly #rtpEnd: RemoteEnd;
  /** Without `rtcpMux`. */
  readonly #rtcpEnd: RemoteEnd | undefined;
  readonly #comedia: boolean;
  /** Engine peer of the RTCP socket. */
  readonly #rtcpPeer: number | undefined;
  #srtpParameters: SrtpParameters | undefined;
  #connected = false;

  /** @throws InvalidStateError when a port cannot be had. */
  constructor(context: MediaContext, directory: Directory, router: Router, creation: PlainTransportCreation) {
    const { listenInfo, rtcpMux, comedia, srtpCryptoSuite } = creation;
    const rtpEnd = new RemoteEnd(context, listenInfo);
    let rtcpEnd: RemoteEnd | undefined;
    try {
      // Like the other one, but on a port of its own.
      if (!rtcpMux) rtcpEnd = new RemoteEnd(context, creation.rtcpListenInfo ?? { ...listenInfo, port: 0 });
      super(context, directory, router, creation);
    } catch (error) {
      rtpEnd.close();
      rtcpEnd?.close();
      throw error;
    }
    this.#rtpEnd = rtpEnd;
    this.#rtcpEnd = rtcpEnd;
    this.#comedia = comedia;
    if (srtpCryptoSuite) this.#srtpParameters = newSrtpParameters(srtpCryptoSuite, context.secretBytes);
    this.#prepare(this.peer, rtpEnd);
    if (creation.enableSctp) context.engine.acceptSctp(this.peer);
    if (rtcpEnd) {
      this.#rtcpPeer = context.engine.createPeer();
      this.#prepare(this.#rtcpPeer, rtcpEnd);
      directory.byPeer.set(this.#rtcpPeer, this);
      this.rtp.rtcp.rtcpPeer = this.#rtcpPeer;
    }
  }

  created(): PlainTransportCreated {
    const sctpParameters = this.data.parameters();
    return {
      tuple: this.#rtpEnd.tuple,
      ...(this.#rtcpEnd ? { rtcpTuple: this.#rtcpEnd.tuple } : {}),
      ...(sctpParameters ? { sctpParameters } : {}),
      ...(this.#srtpParameters ? { srtpParameters: this.#srtpParameters } : {}),
    };
  }

  /**
   * The application has checked which options are there.
   * @throws InvalidStateError (`ALREADY_CONNECTED`, `ADDRESS_IN_USE`), OptionError: nothing is changed then.
   */
  connect({ ip, port, rtcpPort, srtpParameters }: PlainConnect, nowMicros: number): PlainTransportCreated {
    if (this.#connected) throw new InvalidStateError('connect() already called', 'ALREADY_CONNECTED');
    if (!this.#comedia) {
      if (ip === undefined || port === undefined) throw new OptionError('ip, port: missing');
      this.#rtcpEnd?.check(ip);
      this.#rtpEnd.connect(ip, port);
      if (rtcpPort !== undefined) this.#rtcpEnd?.connect(ip, rtcpPort);
    }
    this.#connected = true;
    const own = this.#srtpParameters;
    if (own && srtpParameters) {
      // The peer may prefer another suite; ours has to be the same.
      const { cryptoSuite } = srtpParameters;
      const { engine, secretBytes } = this.context;
      if (own.cryptoSuite !== cryptoSuite) this.#srtpParameters = newSrtpParameters(cryptoSuite, secretBytes);
      for (const peer of [this.peer, this.#rtcpPeer])
        if (peer !== undefined) setSrtpKeys(engine, peer, this.#srtpParameters!, srtpParameters);
    }
    this.#begin(nowMicros);
    return this.created();
  }

  // ---- datagrams ----

  override handleRtp(at: number, nowMicros: number): void {
    this.#noteSource(at, nowMicros);
    if (this.#isRtcpSocket(at)) this.rtp.drops.count('rtp-wrong-socket');
    else this.rtp.handleRtp(at, nowMicros);
  }

  override handleRtcp(at: number, bytes: Uint8Array, nowMicros: number): void {
    this.#noteSource(at, nowMicros);
    if (this.#rtcpEnd && !this.#isRtcpSocket(at)) this.rtp.drops.count('rtcp-wrong-socket');
    else this.rtp.handleRtcp(bytes, nowMicros);
  }

  override handleSctp(at: number, bytes: Uint8Array): void {
    this.#noteSource(at, this.context.engine.now());
    this.data.handlePacket(bytes);
  }

  // ---- state ----

  stats(nowMicros: number): PlainTransportStat {
    return {
      type: 'plain-rtp-transport',
      ...this.baseStats(nowMicros),
      rtcpMux: this.#rtcpEnd === undefined,
      comedia: this.#comedia,
      tuple: this.#rtpEnd.tuple,
      ...(this.#rtcpEnd ? { rtcpTuple: this.#rtcpEnd.tuple } : {}),
    };
  }

  dump(): PlainTransportDump {
    const { sctpParameters: _, ...created } = this.created();
    return {
      ...this.baseDump(),
      ...created,
      rtcpMux: this.#rtcpEnd === undefined,
      comedia: this.#comedia,
    };
  }

  // ---- inside ----

  override captureSources(): CaptureSource[] {
    const sources = super.captureSources();
    if (this.#rtcpPeer !== undefined)
      sources.push({ peer: this.#rtcpPeer, transportId: this.id, tuple: this.#rtcpEnd?.tuple });
    return sources;
  }

  protected override captureTuple(): TransportTuple {
    return this.#rtpEnd.tuple;
  }

  protected sendData(bytes: Uint8Array): void {
    this.#rtpEnd.send(bytes);
  }

  protected override release(): void {
    if (this.#rtcpPeer === undefined) return;
    this.directory.byPeer.delete(this.#rtcpPeer);
    this.context.engine.closePeer(this.#rtcpPeer);
  }

  protected override releaseSockets(): void {
    this.#rtpEnd.close();
    this.#rtcpEnd?.close();
  }

  /** With SRTP the keys come with `connect`; packets until then are dropped. */
  #prepare(peer: number, end: RemoteEnd): void {
    const { engine } = this.context;
    engine.setRateLimit(peer, PLAIN_LIMITS.packetsPerSecond, PLAIN_LIMITS.burst, PLAIN_LIMITS.sources);
    if (!this.#srtpParameters) engine.setPlain(peer);
    end.own(peer, this.#comedia);
  }

  /** Keys, where there are to be some, and an address. */
  #begin(nowMicros: number): void {
    if (!this.#rtpEnd.address || (this.#srtpParameters && !this.#connected)) return;
    this.rtp.setReady(true, nowMicros);
    this.data.start(sctpRole(this.#rtpEnd.tuple), 'without-dtls');
  }

  #isRtcpSocket(at: number): boolean {
    return this.#rtcpPeer !== undefined && this.context.engine.rows[at + ROW_PEER] === this.#rtcpPeer;
  }

  /** The first packet of a remote end that nobody gave: the engine takes no other one from now on. */
  #noteSource(at: number, nowMicros: number): void {
    const isRtcp = this.#isRtcpSocket(at);
    const end = isRtcp ? this.#rtcpEnd! : this.#rtpEnd;
    if (end.address) return;
    end.learn(rowAddress(this.context.engine.rows, at));
    this.context.emit({
      event: isRtcp ? 'transport.rtcpTuple' : 'transport.tuple',
      transportId: this.id,
      tuple: end.tuple,
    });
    if (!isRtcp) this.#begin(nowMicros);
  }
}
