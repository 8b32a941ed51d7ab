/**
 * AV1: a temporal unit is the open bitstream units of its packets. AV1 RTP specification §4.3–§4.5, §5. In the data each unit has its size
 * (AV1 §5.3.1), as files want it; temporal delimiters and tile lists are left out.
 *    |Z|Y| W (2) |N|-|-|-|   then elements, see payload/av1.ts
 */
import { AV1_OBU } from '../payload/av1.js';
import type { FrameFacts, FrameRefusal, FrameStart } from './frame.js';
import type { FrameBuffer } from './frameBuffer.js';
import type { FrameFormat } from './format.js';
import { Av1SequenceHeader } from './av1SequenceHeader.js';

const TILE_LIST = 8;
const HAS_SIZE = 0x02;
const HAS_EXTENSION = 0x04;
/** A unit in parts has at least the size of a packet, so mostly two bytes of length; leb128, AV1 §4.10.5. */
const LENGTH_BYTES_OF_PARTS = 2;
const MAX_LENGTH_BYTES = 4; // 28 bits, more than a frame may have

export class Av1Frames implements FrameFormat {
  readonly #sequence = new Av1SequenceHeader();
  #elements = 0;
  #start: FrameStart = 'no';
  #sequenceHeader = false;
  /** The first frame of the unit is a key frame that is shown. */
  #key = false;
  #frames = 0;
  /** Of the unit whose parts are coming: where it begins in the data; −1: none. */
  #unitAt = -1;
  /** The unit in parts is one that is left out. */
  #skipping = false;
  #more = false;

  begin(): void {
    this.#elements = 0;
    this.#start = 'no';
    this.#sequenceHeader = false;
    this.#key = false;
    this.#frames = 0;
    this.#unitAt = -1;
    this.#skipping = false;
    this.#more = false;
  }

  add(bytes: Uint8Array, from: number, to: number, into: FrameBuffer): FrameRefusal | undefined {
    const payload = from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to);
    if (payload.length < 2) return 'av1-empty';
    const head = payload[0]!;
    const continues = (head & 0x80) !== 0;
    const newSequence = (head & 0x08) !== 0;
    if (newSequence && continues) return 'av1-sequence-flags';
    if (continues !== this.#more)
      return this.#elements === 0 ? 'frame-start-missing' : continues ? 'av1-unit-start' : 'av1-unit-end';
    const goesOn = (head & 0x40) !== 0;
    const announced = (head >> 4) & 0x03;
    const first = this.#elements === 0;
    let elements = 0;
    for (let at = 1; at < payload.length;) {
      elements++;
      let size = payload.length - at;
      if (announced === 0 || elements < announced) {
        size = 0;
        for (let step = 0, more = true; more; step++) {
          if (at >= payload.length || step === MAX_LENGTH_BYTES) return 'av1-element-length';
          more = (payload[at]! & 0x80) !== 0;
          size |= (payload[at++]! & 0x7f) << (7 * step);
        }
        if (size > payload.length - at) return 'av1-element-length';
      }
      const end = at + size;
      const why = this.#addElement(
        payload,
        at,
        end,
        into,
        elements === 1 && continues,
        end === payload.length && goesOn,
      );
      if (why !== undefined) return why;
      at = end;
    }
    if (announced > elements) return 'av1-element-count';
    this.#more = goesOn;
    if (first && newSequence) this.#start = 'yes';
    return undefined;
  }

  start(): FrameStart {
    return this.#start;
  }

  end(_into: FrameBuffer, out: FrameFacts): FrameRefusal | undefined {
    if (this.#more) return 'av1-unit-end';
    if (this.#frames === 0) return 'av1-no-picture';
    out.keyFrame = this.#key && this.#sequenceHeader;
    if (!out.keyFrame) return undefined;
    out.width = this.#sequence.width;
    out.height = this.#sequence.height;
    out.codecPrivate = this.#sequence.configuration;
    return undefined;
  }

  #addElement(
    payload: Uint8Array,
    from: number,
    end: number,
    into: FrameBuffer,
    later: boolean,
    goesOn: boolean,
  ): FrameRefusal | undefined {
    this.#elements++;
    if (later) {
      if (!this.#skipping && !into.append(payload, from, end)) return 'frame-too-long';
      return goesOn ? undefined : this.#endUnit(into);
    }
    if (from === end) return goesOn ? 'av1-unit-header' : undefined;
    const header = payload[from]!;
    const type = (header >> 3) & 0x0f;
    const extended = (header & HAS_EXTENSION) !== 0;
    const headerBytes = extended ? 2 : 1;
    if (header & 0x80 || end - from < headerBytes) return 'av1-unit-header';
    if (this.#elements === 1) this.#start = startOf(type, extended ? (payload[from + 1]! >> 3) & 0x03 : 0);
    this.#skipping = type === AV1_OBU.temporalDelimiter || type === TILE_LIST;
    this.#unitAt = into.length;
    if (this.#skipping) return undefined;
    if ((header & HAS_SIZE) === 0 && !goesOn) return this.#addWhole(payload, from, end, headerBytes, into);
    // A size of its own, or one that is known only at the end: room for it is taken or given back there.
    let fits = into.byte(header | HAS_SIZE);
    if (extended) fits &&= into.byte(payload[from + 1]!);
    if ((header & HAS_SIZE) === 0) fits &&= into.skip(LENGTH_BYTES_OF_PARTS);
    this.#sizeInside = (header & HAS_SIZE) !== 0;
    if (!fits || !into.append(payload, from + headerBytes, end)) return 'frame-too-long';
    return goesOn ? undefined : this.#endUnit(into);
  }
  #sizeInside = false;

  #addWhole(
    payload: Uint8Array,
    from: number,
    end: number,
    headerBytes: number,
    into: FrameBuffer,
  ): FrameRefusal | undefined {
    let fits = into.byte(payload[from]! | HAS_SIZE);
    if (headerBytes === 2) fits &&= into.byte(payload[from + 1]!);
    let size = end - from - headerBytes;
    for (; size > 0x7f; size >>>= 7) fits &&= into.byte((size & 0x7f) | 0x80);
    fits &&= into.byte(size);
    const body = into.length;
    if (!fits || !into.append(payload, from + headerBytes, end)) return 'frame-too-long';
    return this.#noteUnit(into, body);
  }

  /** All parts of a unit are there, or it came with a size of its own. */
  #endUnit(into: FrameBuffer): FrameRefusal | undefined {
    if (this.#skipping) {
      this.#skipping = false;
      return undefined;
    }
    const sizeAt = this.#unitAt + ((into.read(this.#unitAt) & HAS_EXTENSION) !== 0 ? 2 : 1);
    if (this.#sizeInside) return this.#checkSize(into, sizeAt);
    const size = into.length - sizeAt - LENGTH_BYTES_OF_PARTS;
    const bytes = size < 0x80 ? 1 : size < 0x4000 ? 2 : size < 0x20_0000 ? 3 : 4;
    if (
      bytes !== LENGTH_BYTES_OF_PARTS &&
      !into.shift(sizeAt + LENGTH_BYTES_OF_PARTS, bytes - LENGTH_BYTES_OF_PARTS)
    )
      return 'frame-too-long';
    for (let i = 0; i < bytes; i++)
      into.patch(sizeAt + i, ((size >>> (7 * i)) & 0x7f) | (i < bytes - 1 ? 0x80 : 0));
    return this.#noteUnit(into, sizeAt + bytes);
  }

  /** The RTP specification advises against sizes in units (§4.5) but allows them. They must fit. */
  #checkSize(into: FrameBuffer, at: number): FrameRefusal | undefined {
    let size = 0;
    let next = at;
    for (let step = 0, more = true; more; step++) {
      if (next >= into.length || step === MAX_LENGTH_BYTES) return 'av1-unit-size';
      const part = into.read(next++);
      more = (part & 0x80) !== 0;
      size |= (part & 0x7f) << (7 * step);
    }
    return size === into.length - next ? this.#noteUnit(into, next) : 'av1-unit-size';
  }

  /** A whole unit stands in the data up to its end; what is behind its header and size begins at `body`. */
  #noteUnit(into: FrameBuffer, body: number): FrameRefusal | undefined {
    const type = (into.read(this.#unitAt) >> 3) & 0x0f;
    if (type === AV1_OBU.sequenceHeader) {
      this.#sequenceHeader = true;
      return this.#sequence.note(into.view(this.#unitAt, into.length), body - this.#unitAt);
    }
    if (type !== AV1_OBU.frame && type !== AV1_OBU.frameHeader) return undefined;
    if (this.#frames++ > 0) return undefined;
    // | show_existing_frame | frame_type (2) | show_frame |, AV1 §5.9.2; a reduced still picture has none of them.
    const head = into.read(body);
    this.#key = this.#sequence.reduced || (head & 0xf0) === 0x10;
    return undefined;
  }
}

/** Without a dependency descriptor only these can be told to be the first of a temporal unit. */
function startOf(type: number, spatialLayer: number): FrameStart {
  if (type === AV1_OBU.temporalDelimiter || type === AV1_OBU.sequenceHeader) return 'yes';
  if (type === AV1_OBU.frame || type === AV1_OBU.frameHeader) return spatialLayer === 0 ? 'yes' : 'maybe';
  return type === AV1_OBU.tileGroup ? 'no' : 'maybe';
}
