/**
 * A camera without pictures: packets whose payload says which frame of which layer they are and what that frame refers to,
 * behind real payload descriptors; and a decoder that believes only what arrives. Nothing here looks at the forwarder.
 */
import { HEADER_EXTENSION_URIS, toNtp, writeRtp } from '@tertulia/wire';
import type { RtpCodecParameters, RtpParameters } from '@tertulia/wire';
import { UNIX_MICROS_AT_ZERO } from '../../media/support/memoryCall.js';
import type { HeardRtp, Peer } from '../../media/support/memoryCall.js';

export const VIDEO_IDS = {
  mid: 4,
  rid: 10,
  repairedRid: 11,
  absSendTime: 3,
  transportWideCc: 5,
  dependencyDescriptor: 12,
  absCaptureTime: 7,
} as const;
export const PAYLOAD_TYPE = { media: 96, rtx: 97 } as const;
export const CLOCK_RATE = 90_000;
export const FRAME_MICROS = 33_333;

export interface VideoOptions {
  mid?: string;
  mimeType?: string;
  payloadType?: number;
  encodings: { ssrc?: number; rid?: string; rtx?: number; scalabilityMode?: string }[];
  feedback?: RtpCodecParameters['rtcpFeedback'];
  rtx?: boolean;
  extensions?: (keyof typeof VIDEO_IDS)[];
}

export function videoParameters(options: VideoOptions): RtpParameters {
  const { mid, mimeType = 'video/VP8', payloadType = PAYLOAD_TYPE.media, encodings, rtx = true } = options;
  const { extensions = ['mid', 'rid', 'repairedRid', 'dependencyDescriptor'] } = options;
  const rtcpFeedback = options.feedback ?? [{ type: 'nack' }, { type: 'nack', parameter: 'pli' }];
  return {
    ...(mid === undefined ? {} : { mid }),
    codecs: [
      { mimeType, payloadType, clockRate: CLOCK_RATE, rtcpFeedback },
      ...(rtx
        ? [
            {
              mimeType: 'video/rtx',
              payloadType: payloadType + 1,
              clockRate: CLOCK_RATE,
              parameters: { apt: payloadType },
            },
          ]
        : []),
    ],
    headerExtensions: extensions.map((name) => ({ uri: HEADER_EXTENSION_URIS[name], id: VIDEO_IDS[name] })),
    encodings: encodings.map(({ ssrc, rid, rtx: rtxSsrc, scalabilityMode }) => ({
      ...(ssrc === undefined ? {} : { ssrc }),
      ...(rid === undefined ? {} : { rid }),
      ...(rtxSsrc === undefined ? {} : { rtx: { ssrc: rtxSsrc } }),
      ...(scalabilityMode === undefined ? {} : { scalabilityMode }),
    })),
    rtcp: { cname: 'camera', reducedSize: true },
  };
}

/** What the payload says. */
export interface FrameFacts {
  /** Which encoder. */
  e: string;
  /** Number of the frame, per encoder; frames of several spatial layers each have one. */
  n: number;
  key: boolean;
  spatial: number;
  temporal: number;
  /** Numbers of the frames without which it cannot be decoded. */
  refs: number[];
  /** This packet, of so many. */
  p: number;
  of: number;
}

export interface SentPacket {
  readonly facts: FrameFacts;
  /** Before encryption. */
  readonly plain: Uint8Array;
  readonly roc: number;
  readonly sequence: number;
  /** The dependency descriptor. */
  readonly descriptor: Uint8Array | undefined;
}

const MARKER_BYTE = 0x7b; // '{'

export function factsOf(payload: Uint8Array): FrameFacts | undefined {
  const at = payload.lastIndexOf(MARKER_BYTE);
  if (at < 0) return undefined;
  try {
    return JSON.parse(Buffer.from(payload.subarray(at)).toString()) as FrameFacts;
  } catch {
    return undefined;
  }
}

export interface EncoderOptions {
  ssrc: number;
  name?: string;
  rid?: string;
  mid?: string;
  sequence?: number;
  timestamp?: number;
  pictureId?: number;
  pictureIdBits?: 7 | 15;
  tl0?: number;
  temporalLayers?: 1 | 2 | 3;
  packetsPerFrame?: number;
  rtxSsrc?: number;
  payloadType?: number;
  /** Bytes without meaning in each packet. Default 0. */
  filler?: number;
}

/** Temporal layer by position in the pattern; which of them refer to their own layer follows from it. */
const PATTERNS = { 1: [0], 2: [0, 1], 3: [0, 2, 1, 2] } as const;

/** One stream of one encoder; makes packets, numbers them, remembers them for repetitions. */
export class Encoder {
  sequence: number;
  roc = 0;
  timestamp: number;
  frames = 0;
  /** SSRC, then what the receiver must see under it. */
  readonly sent: SentPacket[] = [];
  readonly name: string;
  #rtxSequence = 100;
  #lastTimestamp = 0;
  #lastMicros = 0;
  octets = 0;
  /** What its next packets say of their capture: abs-capture-time. */
  captureTime: Uint8Array | undefined;

  constructor(
    readonly peer: Peer,
    readonly options: EncoderOptions,
  ) {
    this.name = options.name ?? String(options.ssrc);
    this.sequence = options.sequence ?? 1000;
    this.timestamp = options.timestamp ?? 50_000;
  }

  /** @param extension of the dependency descriptor */
  protected packet(
    payload: Uint8Array,
    facts: FrameFacts,
    marker: boolean,
    extension?: Uint8Array,
  ): SentPacket {
    const { ssrc, rid, mid, payloadType = PAYLOAD_TYPE.media } = this.options;
    const named = this.sent.length < 20;
    const plain = writeRtp({
      payloadType,
      marker,
      sequenceNumber: this.sequence,
      timestamp: this.timestamp,
      ssrc,
      extensions: [
        ...(named && mid !== undefined ? [{ id: VIDEO_IDS.mid, bytes: Buffer.from(mid) }] : []),
        ...(named && rid !== undefined ? [{ id: VIDEO_IDS.rid, bytes: Buffer.from(rid) }] : []),
        ...(extension ? [{ id: VIDEO_IDS.dependencyDescriptor, bytes: extension }] : []),
        ...(this.captureTime ? [{ id: VIDEO_IDS.absCaptureTime, bytes: this.captureTime }] : []),
      ],
      payload,
    });
    const packet = { facts, plain, roc: this.roc, sequence: this.sequence, descriptor: extension };
    this.sent.push(packet);
    this.octets += payload.length;
    this.sequence = (this.sequence + 1) & 0xffff;
    if (this.sequence === 0) this.roc++;
    return packet;
  }

  protected next(nowMicros: number): void {
    this.#lastTimestamp = this.timestamp;
    this.#lastMicros = nowMicros;
    this.timestamp = (this.timestamp + 3000) >>> 0;
  }

  wrap({ plain, roc }: SentPacket): { from: Uint8Array; bytes: Uint8Array } {
    return this.peer.protect(plain, roc);
  }

  /** The same packet over the SSRC of retransmissions, with the header extensions of the first time (RFC 4588 §4). */
  repeat({ plain, sequence, descriptor }: SentPacket): { from: Uint8Array; bytes: Uint8Array } {
    const { rtxSsrc = this.options.ssrc + 1, rid, mid } = this.options;
    const view = new DataView(plain.buffer, plain.byteOffset, plain.length);
    let header = 12;
    if (plain[0]! & 0x10) header += 4 + 4 * view.getUint16(14);
    const payload = plain.subarray(header);
    return this.peer.protect(
      writeRtp({
        payloadType: PAYLOAD_TYPE.rtx,
        marker: (plain[1]! & 0x80) !== 0,
        sequenceNumber: this.#rtxSequence++,
        timestamp: view.getUint32(4),
        ssrc: rtxSsrc,
        extensions: [
          ...(mid === undefined ? [] : [{ id: VIDEO_IDS.mid, bytes: Buffer.from(mid) }]),
          ...(rid === undefined ? [] : [{ id: VIDEO_IDS.repairedRid, bytes: Buffer.from(rid) }]),
          ...(descriptor ? [{ id: VIDEO_IDS.dependencyDescriptor, bytes: descriptor }] : []),
        ],
        payload: Buffer.concat([Uint8Array.of(sequence >> 8, sequence & 255), payload]),
      }),
    );
  }

  /** Where the last frame's timestamp was, in the sender's clock, which runs `offsetMicros` before the server's. */
  report(offsetMicros = 0): { from: Uint8Array; bytes: Uint8Array } {
    const ntp = toNtp((UNIX_MICROS_AT_ZERO + this.#lastMicros + offsetMicros) / 1000);
    return this.peer.protectRtcp([
      {
        type: 'sr',
        ssrc: this.options.ssrc,
        ntpSeconds: ntp.seconds,
        ntpFraction: ntp.fraction,
        rtpTimestamp: this.#lastTimestamp,
        packetCount: this.sent.length,
        octetCount: this.octets,
        reports: [],
      },
    ]);
  }
}

export class Vp8Encoder extends Encoder {
  pictureId: number;
  tl0: number;
  #position = 0;
  #lastOf: (number | undefined)[] = [];

  constructor(peer: Peer, options: EncoderOptions) {
    super(peer, options);
    this.pictureId = options.pictureId ?? 10;
    this.tl0 = options.tl0 ?? 7;
  }

  frame(nowMicros: number, wantsKey = false): SentPacket[] {
    const { temporalLayers = 1, packetsPerFrame = 2, pictureIdBits = 15 } = this.options;
    const pattern = PATTERNS[temporalLayers];
    const key = wantsKey || this.frames === 0;
    if (key) this.#position = 0;
    const temporal = pattern[this.#position++ % pattern.length]!;
    const n = this.frames++;
    // As libvpx: T0 refers to T0; T1 to T0, and later to T1; the first of a layer after a key frame, and each fourth, is a sync.
    const below = this.#lastOf.slice(0, temporal).filter((each) => each !== undefined);
    const own = this.#lastOf[temporal];
    const sync = temporal > 0 && (own === undefined || this.#position % 8 <= 4);
    const refs = key ? [] : temporal === 0 ? [own!] : sync ? [this.#lastOf[0]!] : [...below, own!];
    if (key) this.#lastOf = [];
    this.#lastOf[temporal] = n;
    if (key) this.#lastOf = [n];
    if (temporal === 0) this.tl0 = (this.tl0 + 1) & 0xff;
    const packets = Array.from({ length: packetsPerFrame }, (_, p) => {
      const start = p === 0;
      const id =
        pictureIdBits === 15 ? [0x80 | (this.pictureId >> 8), this.pictureId & 0xff] : [this.pictureId];
      const descriptor = Uint8Array.of(
        0x80 | (start ? 0x10 : 0) | (temporal === temporalLayers - 1 && temporal > 0 ? 0x20 : 0),
        0x80 | 0x40 | 0x20,
        ...id,
        this.tl0,
        (temporal << 6) | (sync ? 0x20 : 0),
      );
      const head =
        start && key ? [0x10, 2, 0, 0x9d, 0x01, 0x2a, 128, 2, 224, 1] : [start && key ? 0 : 1, 2, 3];
      const facts = { e: this.name, n, key, spatial: 0, temporal, refs, p, of: packetsPerFrame };
      const payload = Buffer.concat([
        descriptor,
        Uint8Array.from(head),
        Buffer.alloc(this.options.filler ?? 0),
        Buffer.from(JSON.stringify(facts)),
      ]);
      return this.packet(payload, facts, p === packetsPerFrame - 1);
    });
    this.pictureId = (this.pictureId + 1) & (pictureIdBits === 15 ? 0x7fff : 0x7f);
    this.next(nowMicros);
    return packets;
  }
}

export interface Verdict {
  /** Frames that a decoder could show, in order of sending. */
  decoded: (FrameFacts & { timestamp: number; atMicros: number })[];
  /** What no good server sends. */
  faults: string[];
  /** Complete frames whose references are missing. */
  undecodable: FrameFacts[];
}

/** Packets of one SSRC by extended number; repetitions must be the same. */
export function inOrder(heard: readonly HeardRtp[], faults: string[] = []): HeardRtp[] {
  const byNumber = new Map<number, HeardRtp>();
  let highest: number | undefined;
  for (const packet of heard) {
    const extended: number =
      highest === undefined
        ? packet.sequenceNumber
        : highest + (((packet.sequenceNumber - highest) << 16) >> 16);
    highest = highest === undefined ? extended : Math.max(highest, extended);
    const before = byNumber.get(extended);
    if (!before) byNumber.set(extended, packet);
    else if (
      !before.payload.equals(packet.payload) ||
      before.timestamp !== packet.timestamp ||
      before.marker !== packet.marker
    )
      faults.push(`number ${packet.sequenceNumber} was sent with two contents`);
  }
  return [...byNumber].sort(([a], [b]) => a - b).map(([, packet]) => packet);
}

export interface JudgeOptions {
  /** Holes in the numbers are the network's, not the server's. */
  lossy?: boolean;
}

/** Judges what a receiver got of one SSRC: numbers, timestamps, whole frames, references. */
export function judge(heard: readonly HeardRtp[], options: JudgeOptions = {}): Verdict {
  const faults: string[] = [];
  const packets = inOrder(heard, faults);
  const decoded: Verdict['decoded'] = [];
  const undecodable: FrameFacts[] = [];
  const known = new Set<string>();
  let gathered: HeardRtp[] = [];
  packets.forEach((packet, i) => {
    const before = packets[i - 1];
    if (before) {
      const step = (packet.sequenceNumber - before.sequenceNumber) & 0xffff;
      if (step !== 1 && !options.lossy)
        faults.push(`${step - 1} numbers missing before ${packet.sequenceNumber}`);
      if (
        packet.payload.length > 0 &&
        before.payload.length > 0 &&
        ((packet.timestamp - before.timestamp) | 0) < 0
      )
        faults.push(
          `timestamp went back by ${(before.timestamp - packet.timestamp) | 0} at ${packet.sequenceNumber}`,
        );
    }
    if (packet.payload.length === 0) return;
    const facts = factsOf(packet.payload);
    if (!facts) {
      faults.push(`payload of ${packet.sequenceNumber} is broken`);
      return;
    }
    if (facts.p === 0) gathered = [];
    gathered.push(packet);
    if (facts.p !== facts.of - 1) return;
    const whole =
      gathered.length === facts.of &&
      gathered.every(
        (each, k) =>
          factsOf(each.payload)!.n === facts.n &&
          factsOf(each.payload)!.p === k &&
          each.timestamp === packet.timestamp,
      );
    if (!whole) return;
    if (facts.key && facts.refs.length === 0 && facts.spatial === 0) known.clear();
    const decodable = facts.refs.every((n) => known.has(`${facts.e}/${n}`));
    if (!decodable) {
      undecodable.push(facts);
      return;
    }
    known.add(`${facts.e}/${facts.n}`);
    decoded.push({ ...facts, timestamp: packet.timestamp, atMicros: packet.atMicros });
  });
  return { decoded, faults, undecodable };
}

export interface Vp8Numbers {
  pictureId: number;
  tl0: number;
  temporal: number;
}

/** The numbers of the descriptor, read by hand. */
export function vp8Numbers(payload: Uint8Array): Vp8Numbers {
  const long = (payload[2]! & 0x80) !== 0;
  const pictureId = long ? ((payload[2]! & 0x7f) << 8) | payload[3]! : payload[2]!;
  const at = long ? 4 : 3;
  return { pictureId, tl0: payload[at]!, temporal: payload[at + 1]! >> 6 };
}

/** Picture ids rise by one from picture to picture, TL0PICIDX by one with each picture of the base layer. */
export function vp8Faults(heard: readonly HeardRtp[]): string[] {
  const faults: string[] = [];
  let last: (Vp8Numbers & { timestamp: number }) | undefined;
  for (const packet of inOrder(heard)) {
    if (packet.payload.length === 0) continue;
    const numbers = { ...vp8Numbers(packet.payload), timestamp: packet.timestamp };
    const bits = packet.payload[2]! & 0x80 ? 0x7fff : 0x7f;
    if (last) {
      const same = last.timestamp === numbers.timestamp;
      const step = (numbers.pictureId - last.pictureId) & bits;
      if (step !== (same ? 0 : 1)) faults.push(`picture id ${last.pictureId} → ${numbers.pictureId}`);
      const tl0Step = (numbers.tl0 - last.tl0) & 0xff;
      if (tl0Step !== (!same && numbers.temporal === 0 ? 1 : 0))
        faults.push(`TL0PICIDX ${last.tl0} → ${numbers.tl0}`);
    }
    last = numbers;
  }
  return faults;
}
