/**
 * The one UDP socket of a recorder: which track a datagram belongs to, and RTCP to the media process and from it. A transport
 * of the media process is a peer of the engine that speaks without SRTP.
 * Spec: RFC 3550 §6 (reports), RFC 4585 §6 (NACK, PLI), RFC 5506 (feedback without a report in front).
 * Elsewhere: what becomes of packets → ../media/ · who asks for tracks → recording.ts
 */
import {
  Engine,
  KIND_RTCP,
  KIND_RTP,
  ROW_CSRC_COUNT,
  ROW_EXTENSION_LENGTH,
  ROW_EXTENSION_OFFSET,
  ROW_EXTENSION_PROFILE,
  ROW_HEADER_LENGTH,
  ROW_KIND,
  ROW_LENGTH,
  ROW_MARKER,
  ROW_OFFSET,
  ROW_PAYLOAD_TYPE,
  ROW_PEER,
  ROW_SEQUENCE,
  ROW_SSRC,
  ROW_TIMESTAMP,
  ROW_WORDS,
  toAddress,
} from '@tertulia/engine';
import { findHeaderExtension, parseRtcp, writeRtcp, type RtcpPacket } from '@tertulia/wire';
import type { IncomingTrack } from '../media/incomingTrack.js';
import type { LinePacket } from '../media/receiveLine.js';

const LIMITS = {
  /** Of one transport: a room of a hundred senders with pictures of some Mbit/s. */
  packetsPerSecond: 200_000,
  burst: 50_000,
  /** SSRCs of one transport, each of media and of repetitions. */
  sources: 1_024,
  /** What may wait in the kernel while V8 tidies up or a reading takes long: 100 streams for more than half a second. */
  receiveBufferBytes: 16 * 1024 * 1024,
  /** Between two receiver reports; the media process takes loss and round trip from them. */
  reportMicros: 1_000_000,
  /** Blocks of a report: five bits. */
  reportBlocks: 31,
  /** Numbers in one NACK packet: 68 words at worst, within a path's MTU. */
  nackNumbers: 256,
  /** A datagram of RTCP. */
  compoundBytes: 1_200,
} as const;

interface Transport {
  readonly peer: number;
  /** Both of media and of repetitions. */
  readonly bySsrc: Map<number, { readonly track: IncomingTrack; readonly isRepair: boolean }>;
  readonly tracks: Set<IncomingTrack>;
  reportDueMicros: number;
}

export interface ReceiverCounters {
  /** RTP packets of a track. */
  packets: number;
  /** Datagrams that went no further here, by reason. The engine counts those that did not come so far. */
  drops: Record<
    'unknown-peer' | 'unknown-ssrc' | 'not-rtp' | 'rtcp-malformed' | 'rtcp-unknown-ssrc' | 'rtcp-not-sent',
    number
  >;
}

export class Receiver {
  readonly engine: Engine;
  readonly port: number;
  readonly receiveBufferBytes: number;
  readonly counters: ReceiverCounters = {
    packets: 0,
    drops: {
      'unknown-peer': 0,
      'unknown-ssrc': 0,
      'not-rtp': 0,
      'rtcp-malformed': 0,
      'rtcp-unknown-ssrc': 0,
      'rtcp-not-sent': 0,
    },
  };
  readonly #socket: number;
  readonly #senderSsrc: number;
  readonly #transports: (Transport | undefined)[] = [];
  /** Tracks with packets missing. */
  readonly #withGaps = new Set<IncomingTrack>();
  /** Used again for each packet. */
  readonly #packet: LinePacket = {
    sequenceNumber: 0,
    timestamp: 0,
    marker: false,
    payloadType: 0,
    memory: new Uint8Array(0),
    from: 0,
    to: 0,
    dependencyDescriptor: undefined,
    csrc: 0,
    arrivalMicros: 0,
  };
  /** To the transport at hand. */
  readonly #owed: RtcpPacket[] = [];
  /** Of the last row; mostly the next one is from there too. */
  #transport: Transport | undefined;
  #transportPeer = -1;

  /** @throws EngineError when no port can be had. */
  constructor(engine: Engine, senderSsrc: number) {
    this.engine = engine;
    this.#senderSsrc = senderSsrc;
    const { receiveBufferBytes } = LIMITS;
    // A frame's packets leave the media process as one message, and stay one up to here.
    const bound = engine.bind('127.0.0.1', 0, { receiveBuffer: receiveBufferBytes, coalesce: true });
    this.#socket = bound.socket;
    this.port = bound.port;
    this.receiveBufferBytes = bound.receiveBuffer;
  }

  // ---- transports and tracks ----

  /** @returns the engine's peer; undefined when the address is none, or belongs to another transport. */
  addTransport(ip: string, port: number): number | undefined {
    let address: Uint8Array;
    try {
      address = toAddress(ip, port);
    } catch {
      return undefined;
    }
    const { engine } = this;
    const peer = engine.createPeer();
    engine.setRateLimit(peer, LIMITS.packetsPerSecond, LIMITS.burst, LIMITS.sources);
    engine.setPlain(peer);
    if (!engine.bindAddress(peer, this.#socket, address)) {
      engine.closePeer(peer);
      return undefined;
    }
    engine.selectAddress(peer, this.#socket, address);
    this.#transports[peer] = { peer, bySsrc: new Map(), tracks: new Set(), reportDueMicros: 0 };
    return peer;
  }

  removeTransport(peer: number): void {
    const transport = this.#transports[peer];
    if (!transport) return;
    for (const track of transport.tracks) this.#withGaps.delete(track);
    this.#transports[peer] = undefined;
    this.#transportPeer = -1;
    this.engine.closePeer(peer);
  }

  /** @returns false when the SSRC is another track's. */
  addTrack(peer: number, track: IncomingTrack): boolean {
    const transport = this.#transports[peer];
    const { ssrc, rtxSsrc } = track.parameters;
    if (!transport || transport.bySsrc.has(ssrc | 0)) return false;
    transport.bySsrc.set(ssrc | 0, { track, isRepair: false });
    if (rtxSsrc !== undefined) transport.bySsrc.set(rtxSsrc | 0, { track, isRepair: true });
    transport.tracks.add(track);
    return true;
  }

  removeTrack(peer: number, track: IncomingTrack): void {
    this.#withGaps.delete(track);
    const transport = this.#transports[peer];
    if (!transport?.tracks.delete(track)) return;
    const { ssrc, rtxSsrc } = track.parameters;
    transport.bySsrc.delete(ssrc | 0);
    if (rtxSsrc !== undefined) transport.bySsrc.delete(rtxSsrc | 0);
  }

  // ---- in ----

  /** For `engine.start`. */
  readonly handleBatch = (rowCount: number, nowMicros: number): number => {
    const { rows } = this.engine;
    const end = rowCount * ROW_WORDS;
    for (let at = 0; at < end; at += ROW_WORDS) {
      const peer = rows[at + ROW_PEER]!;
      if (peer !== this.#transportPeer) {
        this.#transportPeer = peer;
        this.#transport = this.#transports[peer];
      }
      const transport = this.#transport;
      if (!transport) this.counters.drops['unknown-peer']++;
      else if (rows[at + ROW_KIND] === KIND_RTP) this.#handleRtp(transport, at, nowMicros);
      else if (rows[at + ROW_KIND] === KIND_RTCP) this.#handleRtcp(transport, at, nowMicros);
      else this.counters.drops['not-rtp']++;
    }
    return 0;
  };

  #handleRtp(transport: Transport, at: number, nowMicros: number): void {
    const { rows, slab } = this.engine;
    const source = transport.bySsrc.get(rows[at + ROW_SSRC]! | 0);
    if (!source) {
      this.counters.drops['unknown-ssrc']++;
      return;
    }
    const { track } = source;
    const packet = this.#packet;
    const offset = rows[at + ROW_OFFSET]!;
    const headerLength = rows[at + ROW_HEADER_LENGTH]!;
    packet.sequenceNumber = rows[at + ROW_SEQUENCE]!;
    packet.timestamp = rows[at + ROW_TIMESTAMP]!;
    packet.marker = rows[at + ROW_MARKER] !== 0;
    packet.payloadType = rows[at + ROW_PAYLOAD_TYPE]!;
    packet.memory = slab;
    packet.from = offset + headerLength;
    packet.to = offset + rows[at + ROW_LENGTH]!;
    packet.csrc = rows[at + ROW_CSRC_COUNT] === 0 ? 0 : uint32(slab, offset + 12);
    packet.arrivalMicros = nowMicros;
    packet.dependencyDescriptor = this.#descriptor(track, at);
    this.counters.packets++;
    if (source.isRepair) track.handleRepair(packet);
    else track.handlePacket(packet);
    if (track.line.missing.size > 0) this.#withGaps.add(track);
  }

  #descriptor(track: IncomingTrack, at: number): Uint8Array | undefined {
    const id = track.parameters.dependencyDescriptorId;
    const { rows, slab } = this.engine;
    const profile = rows[at + ROW_EXTENSION_PROFILE]!;
    if (id === 0 || profile === 0) return undefined;
    const offset = rows[at + ROW_EXTENSION_OFFSET]!;
    const found = findHeaderExtension(
      slab,
      { profile, offset, length: rows[at + ROW_EXTENSION_LENGTH]! },
      id,
    );
    return found && slab.subarray(found.offset, found.offset + found.length);
  }

  #handleRtcp(transport: Transport, at: number, nowMicros: number): void {
    const { rows, slab } = this.engine;
    const offset = rows[at + ROW_OFFSET]!;
    const { packets, why } = parseRtcp(slab.subarray(offset, offset + rows[at + ROW_LENGTH]!));
    if (why !== undefined) this.counters.drops['rtcp-malformed']++;
    for (const packet of packets) {
      if (packet.type !== 'sr') continue;
      const source = transport.bySsrc.get(packet.ssrc | 0);
      if (!source) this.counters.drops['rtcp-unknown-ssrc']++;
      else if (!source.isRepair) source.track.handleSenderReport(packet, nowMicros);
    }
  }

  // ---- out ----

  /** What is due: lost packets are asked for or given up, key frames asked for, reports sent. */
  poll(nowMicros: number): void {
    for (const track of this.#withGaps) {
      track.line.poll(nowMicros);
      if (track.line.missing.size === 0) this.#withGaps.delete(track);
    }
    for (const transport of this.#transports) {
      if (!transport || transport.tracks.size === 0) continue;
      this.#owed.length = 0;
      if (nowMicros >= transport.reportDueMicros) this.#collectReports(transport, nowMicros);
      for (const track of transport.tracks) this.#collect(track, nowMicros);
      if (this.#owed.length > 0) this.#send(transport.peer, this.#owed);
    }
  }

  #collect(track: IncomingTrack, nowMicros: number): void {
    const { line, keyFrames, parameters } = track;
    const senderSsrc = this.#senderSsrc;
    const mediaSsrc = parameters.ssrc;
    if (line.missing.size > 0) {
      const lost = line.missing.poll(nowMicros).slice(0, LIMITS.nackNumbers);
      if (lost.length > 0) this.#owed.push({ type: 'nack', senderSsrc, mediaSsrc, lost });
    }
    if (keyFrames.wanted && keyFrames.poll(nowMicros))
      this.#owed.push({ type: 'pli', senderSsrc, mediaSsrc });
  }

  #collectReports(transport: Transport, nowMicros: number): void {
    transport.reportDueMicros = nowMicros + LIMITS.reportMicros;
    const blocks = [...transport.tracks]
      .filter(({ reception }) => reception.begun)
      .map(({ reception }) => reception.reportBlock(nowMicros));
    for (let at = 0; at < blocks.length; at += LIMITS.reportBlocks)
      this.#owed.push({
        type: 'rr',
        ssrc: this.#senderSsrc,
        reports: blocks.slice(at, at + LIMITS.reportBlocks),
      });
  }

  /** Each packet a datagram of its own but for small ones: a compound has to fit the path. */
  #send(peer: number, packets: readonly RtcpPacket[]): void {
    const bytes = writeRtcp(packets);
    const sent =
      bytes.length <= LIMITS.compoundBytes
        ? [this.engine.sendRtcp(peer, bytes)]
        : packets.map((packet) => this.engine.sendRtcp(peer, writeRtcp([packet])));
    for (const ok of sent) if (!ok) this.counters.drops['rtcp-not-sent']++;
  }
}

const uint32 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
