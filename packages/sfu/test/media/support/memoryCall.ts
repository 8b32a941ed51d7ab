/**
 * A call without sockets: the media core on an engine in memory mode, peers that hold their own SRTP keys and judge by
 * an independent SRTP implementation, time that only moves when told.
 */
import { Engine, toAddress } from '@tertulia/engine';
import { parseRtcp, parseRtp, writeRtcp, writeRtp, HEADER_EXTENSION_URIS } from '@tertulia/wire';
import type { RtcpPacket, RtpPacket, RtpParameters } from '@tertulia/wire';
import { SrtpReference } from '../../../../engine/test/support/srtp.js';
import type { ChannelEvent, SourceContent } from '../../../src/channel/messages.js';
import { MediaCore } from '../../../src/media/core.js';

export const OPUS_PAYLOAD_TYPE = 111;
export const IDS = { mid: 4, audioLevel: 1, absSendTime: 3, absCaptureTime: 7 } as const;
export const UNIX_MICROS_AT_ZERO = 1_700_000_000_000_000;
const PROFILE = 'AEAD_AES_128_GCM';
const FRAME_MICROS = 20_000;
const FRAME_TICKS = 960;

/** mulberry32: the same chance on every run. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface OpusOptions {
  mid?: string;
  ssrc?: number;
  nack?: boolean;
  payloadType?: number;
  reducedSize?: boolean;
  /** abs-capture-time is negotiated. */
  captureTime?: boolean;
}

export function opusParameters(options: OpusOptions): RtpParameters {
  const { mid, ssrc, nack = false, payloadType = OPUS_PAYLOAD_TYPE, reducedSize = true } = options;
  const { absCaptureTime } = HEADER_EXTENSION_URIS;
  return {
    ...(mid === undefined ? {} : { mid }),
    codecs: [
      {
        mimeType: 'audio/opus',
        payloadType,
        clockRate: 48_000,
        channels: 2,
        rtcpFeedback: nack ? [{ type: 'nack' }] : [],
      },
    ],
    headerExtensions: [
      { uri: HEADER_EXTENSION_URIS.mid, id: IDS.mid },
      { uri: HEADER_EXTENSION_URIS.audioLevel, id: IDS.audioLevel },
      { uri: HEADER_EXTENSION_URIS.absSendTime, id: IDS.absSendTime },
      ...(options.captureTime ? [{ uri: absCaptureTime, id: IDS.absCaptureTime }] : []),
    ],
    encodings: ssrc === undefined ? [] : [{ ssrc }],
    rtcp: { cname: 'voice', reducedSize },
  };
}

export interface HeardRtp extends RtpPacket {
  atMicros: number;
  payload: Buffer;
  /** Header extension values by id. */
  extensions: Map<number, Buffer>;
}

export class Peer {
  readonly address: Uint8Array;
  readonly id: string;
  readonly rtp: HeardRtp[] = [];
  readonly rtcp: { atMicros: number; packet: RtcpPacket }[] = [];
  readonly other: Uint8Array[] = [];
  readonly #send: SrtpReference;
  readonly #receive: SrtpReference;
  #srtcpIndex = 1;

  constructor(
    readonly number: number,
    readonly keys: { toServer: Uint8Array; fromServer: Uint8Array; salt: Uint8Array },
    address = toAddress(`10.0.${number >> 8}.${number & 255}`, 5000 + number),
  ) {
    this.id = `transport-${number}`;
    this.address = address;
    this.#send = new SrtpReference(PROFILE, keys.toServer, keys.salt);
    this.#receive = new SrtpReference(PROFILE, keys.fromServer, keys.salt);
  }

  protect(packet: Uint8Array, roc = 0): { from: Uint8Array; bytes: Uint8Array } {
    return { from: this.address, bytes: this.#send.protectRtp(packet, roc) };
  }

  protectRtcp(packets: RtcpPacket[]): { from: Uint8Array; bytes: Uint8Array } {
    return this.protectCompound(writeRtcp(packets));
  }

  /** Whatever the bytes are. */
  protectCompound(compound: Uint8Array): { from: Uint8Array; bytes: Uint8Array } {
    return { from: this.address, bytes: this.#send.protectRtcp(compound, this.#srtcpIndex++) };
  }

  hear(bytes: Uint8Array, atMicros: number): void {
    const type = bytes[1]! & 0x7f;
    if (bytes[0]! >> 6 !== 2) {
      this.other.push(bytes.slice());
    } else if (type >= 64 && type <= 95) {
      const opened = this.#receive.unprotectRtcp(bytes);
      if (!opened) throw new Error('the server sent SRTCP that does not authenticate');
      const { packets, why } = parseRtcp(opened.plain);
      if (why !== undefined) throw new Error(`the server sent malformed RTCP: ${why}`);
      for (const packet of packets) this.rtcp.push({ atMicros, packet });
    } else {
      const plain = this.#receive.unprotectRtp(bytes, 0);
      if (!plain) throw new Error('the server sent SRTP that does not authenticate');
      const parsed = parseRtp(plain);
      if (!parsed.ok) throw new Error(`the server sent malformed RTP: ${parsed.why}`);
      const { value } = parsed;
      const payload = Buffer.from(
        plain.subarray(value.payloadOffset, value.payloadOffset + value.payloadLength),
      );
      this.rtp.push({ ...value, atMicros, payload, extensions: extensionsOf(plain, value) });
    }
  }

  /** Sender reports of one SSRC. */
  senderReports(ssrc: number): { atMicros: number; packet: Extract<RtcpPacket, { type: 'sr' }> }[] {
    return this.rtcp.flatMap(({ atMicros, packet }) =>
      packet.type === 'sr' && packet.ssrc === ssrc ? [{ atMicros, packet }] : [],
    );
  }
}

function extensionsOf(packet: Uint8Array, { extension }: RtpPacket): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  if (extension?.profile !== 0xbede && extension?.profile !== 0x1000) return found;
  const oneByte = extension.profile === 0xbede;
  for (let at = extension.offset; at < extension.offset + extension.length;) {
    const head = packet[at]!;
    if (head === 0) {
      at++;
      continue;
    }
    const length = oneByte ? (head & 15) + 1 : packet[at + 1]!;
    at += oneByte ? 1 : 2;
    found.set(oneByte ? head >> 4 : head, Buffer.from(packet.subarray(at, at + length)));
    at += length;
  }
  return found;
}

/** A microphone: 20 ms packets whose payload says who and which. */
export class Voice {
  sequence: number;
  timestamp: number;
  sent = 0;
  level = 30;
  mid: string | undefined;
  /** Of the next packet; undefined: it does not say. */
  captureTime: Uint8Array | undefined;

  constructor(
    readonly peer: Peer,
    readonly ssrc: number,
    readonly name: string,
    start: { sequence?: number; timestamp?: number } = {},
  ) {
    this.sequence = start.sequence ?? 1000;
    this.timestamp = start.timestamp ?? 5000;
  }

  /** The next packet; undefined skips it, as the network would. */
  next(): { from: Uint8Array; bytes: Uint8Array } {
    const packet = this.plain();
    this.sequence = (this.sequence + 1) & 0xffff;
    this.timestamp = (this.timestamp + FRAME_TICKS) >>> 0;
    this.sent++;
    return this.peer.protect(packet);
  }

  plain(): Uint8Array {
    return writeRtp({
      payloadType: OPUS_PAYLOAD_TYPE,
      marker: false,
      sequenceNumber: this.sequence,
      timestamp: this.timestamp,
      ssrc: this.ssrc,
      csrcs: [42, 0xdead],
      extensions: [
        { id: IDS.audioLevel, bytes: Uint8Array.of(0x80 | this.level) },
        ...(this.mid === undefined ? [] : [{ id: IDS.mid, bytes: Buffer.from(this.mid) }]),
        ...(this.captureTime ? [{ id: IDS.absCaptureTime, bytes: this.captureTime }] : []),
      ],
      payload: Buffer.from(`${this.name} ${String(this.sent).padStart(60)}`),
    });
  }
}

export class MemoryCall {
  readonly engine = new Engine({ memory: true, slots: 4096, entries: 1024, commands: 256 });
  readonly events: ChannelEvent[] = [];
  readonly core: MediaCore;
  readonly peers: Peer[] = [];
  nowMicros = 1_000_000;

  constructor(seed = 1) {
    this.engine.setNow(this.nowMicros);
    this.core = new MediaCore({
      engine: this.engine,
      emit: (event) => this.events.push(event),
      rng: seededRandom(seed),
      unixMicrosAtZero: UNIX_MICROS_AT_ZERO,
      allowKeyInjection: true,
    });
    this.core.handleRequest('worker.createRouter', { routerId: 'router' });
  }

  /** @param connect false: the transport is there, its peer has not come yet */
  addPeer({ connect = true }: { connect?: boolean } = {}): Peer {
    const number = this.peers.length + 1;
    const keys = {
      toServer: new Uint8Array(16).fill(number),
      fromServer: new Uint8Array(16).fill(number ^ 0x80),
      salt: new Uint8Array(12).fill(7),
    };
    const peer = new Peer(number, keys);
    this.peers.push(peer);
    this.core.handleRequest('router.createWebRtcTransport', {
      routerId: 'router',
      transportId: peer.id,
      listenInfos: [{ protocol: 'udp', ip: '127.0.0.1', port: 40_000 }],
      iceConsentTimeout: 30,
      enableSctp: false,
      enableDcep: false,
      maxSctpMessageSize: 262_144,
    });
    if (connect) this.connect(peer);
    return peer;
  }

  /** The same peer at another address; what arrives there is heard there. */
  move(peer: Peer, address: Uint8Array): Peer {
    const moved = new Peer(peer.number, peer.keys, address);
    this.peers.push(moved);
    return moved;
  }

  connect(peer: Peer): void {
    const number = this.peers.indexOf(peer) + 1;
    this.core.handleRequest('transport.injectKeys', {
      transportId: peer.id,
      profile: PROFILE,
      receiveKey: new Uint8Array(16).fill(number),
      receiveSalt: new Uint8Array(12).fill(7),
      sendKey: new Uint8Array(16).fill(number ^ 0x80),
      sendSalt: new Uint8Array(12).fill(7),
      address: peer.address,
    });
  }

  produce(peer: Peer, producerId: string, options: OpusOptions, paused = false): void {
    this.core.handleRequest('transport.produce', {
      transportId: peer.id,
      producerId,
      kind: 'audio',
      rtpParameters: opusParameters(options),
      paused,
    });
  }

  consume(peer: Peer, consumerId: string, producerId: string, options: OpusOptions, paused = false): void {
    this.core.handleRequest('transport.consume', {
      transportId: peer.id,
      consumerId,
      producerId,
      rtpParameters: opusParameters(options),
      paused,
    });
  }

  virtualStreams(audioSlots = 3, videoSlots = 3): void {
    this.core.handleRequest('router.createVirtualStreams', {
      routerId: 'router',
      virtualStreamsId: 'virtual',
      audioSlots,
      videoSlots,
    });
  }

  addSource(producerId: string, participantId: string, content: SourceContent = 'speech'): number {
    return this.core.handleRequest('virtual.addSource', {
      virtualStreamsId: 'virtual',
      producerId,
      participantId,
      content,
    }).csrc;
  }

  createReceiver(
    peer: Peer,
    receiverId: string,
    slots: readonly OpusOptions[],
    participantId?: string,
    video: readonly RtpParameters[] = [],
  ): void {
    this.core.handleRequest('virtual.createReceiver', {
      virtualStreamsId: 'virtual',
      receiverId,
      transportId: peer.id,
      ...(participantId === undefined ? {} : { participantId }),
      audio: slots.map((slot) => ({ rtpParameters: opusParameters(slot) })),
      video: video.map((rtpParameters) => ({ rtpParameters })),
    });
  }

  /** Datagrams at this instant, in one batch. */
  inject(...datagrams: { from: Uint8Array; bytes: Uint8Array }[]): void {
    this.engine.inject(datagrams, this.nowMicros);
    this.#deliver();
  }

  /** Time passes; deadlines are met to the microsecond. */
  advance(micros: number): void {
    const end = this.nowMicros + micros;
    for (;;) {
      const deadline = this.core.nextDeadline();
      if (deadline === undefined || deadline > end) break;
      this.nowMicros = Math.max(this.nowMicros, Math.ceil(deadline));
      this.engine.setNow(this.nowMicros);
      this.core.poll(this.nowMicros);
      this.#deliver();
    }
    this.nowMicros = end;
    this.engine.setNow(end);
    this.#deliver();
  }

  /** Everybody speaks for so many frames of 20 ms. */
  speak(voices: readonly Voice[], frames: number): void {
    for (let frame = 0; frame < frames; frame++) {
      this.inject(...voices.map((voice) => voice.next()));
      this.advance(FRAME_MICROS);
    }
  }

  close(): void {
    this.core.close();
    this.engine.close();
  }

  #deliver(): void {
    for (const { to, bytes } of this.engine.takeSent()) {
      const peer = this.peers.find(({ address }) => Buffer.compare(address, to) === 0);
      if (!peer) throw new Error('the server sent to an address that nobody has');
      peer.hear(bytes, this.nowMicros);
    }
  }
}
