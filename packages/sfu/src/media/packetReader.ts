/**
 * From a row of the engine to a ReceivedPacket: header extensions are read once per incoming packet, into one object that
 * is used again for the next. What the ids mean is negotiated per transport (BUNDLE: one meaning for all its sections).
 * Spec: RFC 8285 (extensions), RFC 6464 (level), virtual streams R6 (what is carried).
 * Elsewhere: bytes of extensions → @tertulia/wire · what a packet is for → rtpListener.ts
 */
import {
  ROW_EXTENSION_LENGTH,
  ROW_EXTENSION_OFFSET,
  ROW_EXTENSION_PROFILE,
  ROW_HEADER_LENGTH,
  ROW_LENGTH,
  ROW_MARKER,
  ROW_OFFSET,
  ROW_PAYLOAD_TYPE,
  ROW_ROC,
  ROW_SEQUENCE,
  ROW_SLOT,
  ROW_SSRC,
  ROW_TIMESTAMP,
} from '@tertulia/engine';
import {
  captureUnixMicros,
  HEADER_EXTENSION_URIS,
  parseAbsCaptureTime,
  visitHeaderExtensions,
} from '@tertulia/wire';
import { CARRIED_KINDS, CarriedKind } from './packet.js';
import type { ReceivedPacket } from './packet.js';

/** Kinds of ExtensionIds beyond the carried ones. */
const MID = 32;
const RID = 33;
const REPAIRED_RID = 34;
const TRANSPORT_WIDE = 35;
const ABS_SEND_TIME = 36;
const NOTHING = 0xff;
const KIND_BY_URI: Readonly<Record<string, number>> = {
  [HEADER_EXTENSION_URIS.audioLevel]: CarriedKind.audioLevel,
  [HEADER_EXTENSION_URIS.videoOrientation]: CarriedKind.videoOrientation,
  [HEADER_EXTENSION_URIS.dependencyDescriptor]: CarriedKind.dependencyDescriptor,
  [HEADER_EXTENSION_URIS.playoutDelay]: CarriedKind.playoutDelay,
  [HEADER_EXTENSION_URIS.colorSpace]: CarriedKind.colorSpace,
  [HEADER_EXTENSION_URIS.videoContentType]: CarriedKind.videoContentType,
  [HEADER_EXTENSION_URIS.absCaptureTime]: CarriedKind.absCaptureTime,
  [HEADER_EXTENSION_URIS.mid]: MID,
  [HEADER_EXTENSION_URIS.rid]: RID,
  [HEADER_EXTENSION_URIS.repairedRid]: REPAIRED_RID,
  [HEADER_EXTENSION_URIS.transportWideCc]: TRANSPORT_WIDE,
  [HEADER_EXTENSION_URIS.absSendTime]: ABS_SEND_TIME,
};
const RTX_HEADER_BYTES = 2;
/** Longest value that is carried: what a two-byte element can say. */
const CARRIED_BYTES_MAX = 255;

/** What a URI is to an entry of the engine; undefined when it is not carried. */
export function carriedKind(uri: string): CarriedKind | undefined {
  const kind = KIND_BY_URI[uri];
  return kind !== undefined && kind < CARRIED_KINDS ? (kind as CarriedKind) : undefined;
}

/** Which id of a transport's packets means what. */
export class ExtensionIds {
  readonly #kinds = new Uint8Array(256).fill(NOTHING);

  add(uri: string, id: number): void {
    const kind = KIND_BY_URI[uri];
    if (kind !== undefined) this.#kinds[id] = kind;
  }

  kindOf(id: number): number {
    return this.#kinds[id]!;
  }
}

export class PacketReader implements ReceivedPacket {
  slot = 0;
  payloadOffset = 0;
  payloadLength = 0;
  extendedSequence = 0;
  timestamp = 0;
  marker = false;
  payloadType = 0;
  /** Set by the producer, which knows what its payload types are. */
  codec = 0;
  ssrc = 0;
  arrivalMicros = 0;
  audioLevel = -1;
  voice = false;
  senderCaptureMicros = NaN;
  /** 16 bits, -1 absent. */
  transportWideNumber = -1;
  /** 24 bits: seconds in 6.18 fixed point, -1 absent. */
  absSendTime = -1;
  readonly extensions = { offsets: new Uint32Array(CARRIED_KINDS), lengths: new Uint8Array(CARRIED_KINDS) };
  readonly #slab: Uint8Array;
  readonly #rows: Uint32Array;
  #ids: ExtensionIds | undefined;
  /** Where MID, RID and repaired RID lie, and how long they are; 0 = absent. */
  readonly #nameOffsets = [0, 0, 0];
  readonly #nameLengths = [0, 0, 0];

  constructor(slab: Uint8Array, rows: Uint32Array) {
    this.#slab = slab;
    this.#rows = rows;
  }

  /** @returns false when the header extensions end early; those before that place were read. */
  read(at: number, ids: ExtensionIds, nowMicros: number): boolean {
    const rows = this.#rows;
    const offset = rows[at + ROW_OFFSET]!;
    const headerLength = rows[at + ROW_HEADER_LENGTH]!;
    this.slot = rows[at + ROW_SLOT]!;
    this.payloadOffset = offset + headerLength;
    this.payloadLength = rows[at + ROW_LENGTH]! - headerLength;
    this.extendedSequence = rows[at + ROW_ROC]! * 65_536 + rows[at + ROW_SEQUENCE]!;
    this.timestamp = rows[at + ROW_TIMESTAMP]!;
    this.marker = rows[at + ROW_MARKER] !== 0;
    this.payloadType = rows[at + ROW_PAYLOAD_TYPE]!;
    this.ssrc = rows[at + ROW_SSRC]!;
    this.arrivalMicros = nowMicros;
    this.audioLevel = -1;
    this.voice = false;
    this.senderCaptureMicros = NaN;
    this.extensions.lengths.fill(0);
    this.transportWideNumber = -1;
    this.absSendTime = -1;
    this.#nameLengths[0] = this.#nameLengths[1] = this.#nameLengths[2] = 0;
    const profile = rows[at + ROW_EXTENSION_PROFILE]!;
    if (profile === 0) return true;
    this.#ids = ids;
    const why = visitHeaderExtensions(
      this.#slab,
      profile,
      rows[at + ROW_EXTENSION_OFFSET]!,
      rows[at + ROW_EXTENSION_LENGTH]!,
      this.#visit,
    );
    // Another profile than RFC 8285's is somebody else's private matter, not a malformed packet.
    return why === undefined || why === 'extension-profile';
  }

  /** What the packet says of its section; text only when somebody asks. */
  mid(): string | undefined {
    return this.#name(MID);
  }

  rid(): string | undefined {
    return this.#name(RID);
  }

  /** Of a retransmission: the RID of what it repeats. */
  repairedRid(): string | undefined {
    return this.#name(REPAIRED_RID);
  }

  /** A retransmission becomes what it repeats: RFC 4588 §4, the original number is in front of the payload. */
  becomeOriginal(extendedSequence: number, ssrc: number, payloadType: number): void {
    this.payloadOffset += RTX_HEADER_BYTES;
    this.payloadLength -= RTX_HEADER_BYTES;
    this.extendedSequence = extendedSequence;
    this.ssrc = ssrc;
    this.payloadType = payloadType;
  }

  /** Of a retransmission: the 16-bit number of what it repeats; undefined when there is nothing in it. */
  originalSequence(): number | undefined {
    if (this.payloadLength < RTX_HEADER_BYTES) return undefined;
    return (this.#slab[this.payloadOffset]! << 8) | this.#slab[this.payloadOffset + 1]!;
  }

  #name(kind: number): string | undefined {
    const length = this.#nameLengths[kind - MID]!;
    if (length === 0) return undefined;
    const offset = this.#nameOffsets[kind - MID]!;
    let text = '';
    for (let i = 0; i < length; i++) text += String.fromCharCode(this.#slab[offset + i]!);
    return text;
  }

  readonly #visit = (id: number, offset: number, length: number): void => {
    const kind = this.#ids!.kindOf(id);
    if (kind === NOTHING || length === 0) return;
    if (kind >= MID) {
      this.#visitOther(kind, offset, length);
      return;
    }
    if (length > CARRIED_BYTES_MAX) return;
    this.extensions.offsets[kind] = offset;
    this.extensions.lengths[kind] = length;
    if (kind === CarriedKind.audioLevel) {
      const byte = this.#slab[offset]!; // V bit, then seven bits of -dBov
      this.audioLevel = byte & 0x7f;
      this.voice = byte >= 0x80;
    } else if (kind === CarriedKind.absCaptureTime) {
      const time = parseAbsCaptureTime(this.#slab, offset, length);
      if (time.ok) this.senderCaptureMicros = captureUnixMicros(time.value);
    }
  };

  #visitOther(kind: number, offset: number, length: number): void {
    const slab = this.#slab;
    if (kind <= REPAIRED_RID) {
      this.#nameOffsets[kind - MID] = offset;
      this.#nameLengths[kind - MID] = length;
    } else if (kind === TRANSPORT_WIDE) {
      if (length >= 2) this.transportWideNumber = (slab[offset]! << 8) | slab[offset + 1]!;
    } else if (length >= 3) {
      this.absSendTime = (slab[offset]! << 16) | (slab[offset + 1]! << 8) | slab[offset + 2]!;
    }
  }
}
