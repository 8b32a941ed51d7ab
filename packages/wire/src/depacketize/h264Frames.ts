/**
 * H.264: an access unit is the NAL units of its packets, single, aggregated or in parts. RFC 6184 §5.6, §5.7.1, §5.8. In the data
 * each unit stands behind its length (ISO 14496-15 §5.3.2); parameter sets stay where they came and are in avcC as well.
 */
import { readUint16 } from '../bytes.js';
import type { FrameFacts, FrameRefusal, FrameStart } from './frame.js';
import type { FrameBuffer } from './frameBuffer.js';
import type { FrameFormat } from './format.js';
import { H264ParameterSets } from './h264ParameterSets.js';

const TYPE = { slice: 1, partition: 2, idr: 5, sps: 7, pps: 8, delimiter: 9, lastSingle: 23 } as const;
const STAP_A = 24;
const FU_A = 28;
const LENGTH_BYTES = 4;

export class H264Frames implements FrameFormat {
  readonly #sets = new H264ParameterSets();
  #units = 0;
  #start: FrameStart = 'no';
  #idr = false;
  #slices = false;
  #referred = false;
  #parameterSets = false;
  /** Of the unit whose parts are coming: where its length stands; −1: none. */
  #unitAt = -1;
  /** The sender puts its parameter sets in front of key frames, as most do. */
  #setsWithKeys = false;

  begin(): void {
    this.#units = 0;
    this.#start = 'no';
    this.#idr = false;
    this.#slices = false;
    this.#referred = false;
    this.#parameterSets = false;
    this.#unitAt = -1;
  }

  add(bytes: Uint8Array, from: number, to: number, into: FrameBuffer): FrameRefusal | undefined {
    const payload = from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to);
    const type = payload[0]! & 0x1f;
    if (type === FU_A) return this.#addPart(payload, into);
    if (this.#unitAt >= 0) return 'h264-fragment-end';
    if (type >= 1 && type <= TYPE.lastSingle) return this.#addUnit(payload, 0, payload.length, into);
    if (type !== STAP_A) return 'h264-type';
    if (payload.length < 2) return 'h264-aggregate-length';
    for (let at = 1; at < payload.length;) {
      if (at + 2 > payload.length) return 'h264-aggregate-length';
      const size = readUint16(payload, at);
      at += 2;
      if (size === 0) return 'h264-unit-empty';
      if (at + size > payload.length) return 'h264-aggregate-length';
      const why = this.#addUnit(payload, at, at + size, into);
      if (why !== undefined) return why;
      at += size;
    }
    return undefined;
  }

  start(): FrameStart {
    return this.#start;
  }

  end(_into: FrameBuffer, out: FrameFacts, lossBefore: boolean): FrameRefusal | undefined {
    if (this.#unitAt >= 0) return 'h264-fragment-end';
    if (!this.#slices) return 'h264-no-picture';
    out.discardable = !this.#referred;
    out.keyFrame = this.#idr;
    if (!this.#idr) return undefined;
    // The packet with the sets may be what is missing; the old ones might describe another picture.
    const configuration = this.#sets.configuration();
    if (lossBefore && !this.#parameterSets && (this.#setsWithKeys || configuration === undefined))
      return 'h264-parameter-sets-missing';
    if (!lossBefore) this.#setsWithKeys = this.#parameterSets;
    out.decodable = configuration !== undefined;
    out.codecPrivate = configuration;
    out.width = this.#sets.width;
    out.height = this.#sets.height;
    return undefined;
  }

  #addUnit(payload: Uint8Array, from: number, to: number, into: FrameBuffer): FrameRefusal | undefined {
    const at = into.length;
    if (!into.skip(LENGTH_BYTES) || !into.append(payload, from, to)) return 'frame-too-long';
    writeLength(into, at, to - from);
    this.#note(payload[from]!, from + 1 < to ? payload[from + 1]! : 0);
    return this.#noteSets(into, at + LENGTH_BYTES);
  }

  /** FU-A: | F NRI 28 |S|E|R| type (5) | part |: the unit's header is made of both bytes. RFC 6184 §5.8. */
  #addPart(payload: Uint8Array, into: FrameBuffer): FrameRefusal | undefined {
    if (payload.length < 2) return 'h264-fragment-header';
    const indicator = payload[0]!;
    const header = payload[1]!;
    if ((header & 0xc0) === 0xc0) return 'h264-fragment-header';
    if (header & 0x80) {
      if (this.#unitAt >= 0) return 'h264-fragment-end';
      const unitHeader = (indicator & 0xe0) | (header & 0x1f);
      this.#unitAt = into.length;
      if (!into.skip(LENGTH_BYTES) || !into.byte(unitHeader)) return 'frame-too-long';
      this.#note(unitHeader, payload.length > 2 ? payload[2]! : 0);
    } else if (this.#unitAt < 0) return this.#units === 0 ? 'frame-start-missing' : 'h264-fragment-start';
    if (!into.append(payload, 2, payload.length)) return 'frame-too-long';
    if ((header & 0x40) === 0) return undefined;
    const at = this.#unitAt;
    this.#unitAt = -1;
    writeLength(into, at, into.length - at - LENGTH_BYTES);
    return this.#noteSets(into, at + LENGTH_BYTES);
  }

  /** @param next byte of the unit: its first bit says whether a slice is the picture's first (first_mb_in_slice is 0) */
  #note(header: number, next: number): void {
    const type = header & 0x1f;
    const slice = type >= TYPE.slice && type <= TYPE.idr;
    if (this.#units++ === 0) {
      const sliceStart = (type <= TYPE.partition || type === TYPE.idr) && (next & 0x80) !== 0;
      if (type === TYPE.sps || type === TYPE.delimiter || sliceStart) this.#start = 'yes';
      else this.#start = slice ? 'no' : 'maybe';
    }
    if (!slice) return;
    this.#slices = true;
    if (type === TYPE.idr) this.#idr = true;
    if ((header & 0x60) !== 0) this.#referred = true;
  }

  /** A whole unit stands in the frame from `at` up to its end. */
  #noteSets(into: FrameBuffer, at: number): FrameRefusal | undefined {
    const type = into.read(at) & 0x1f;
    if (type !== TYPE.sps && type !== TYPE.pps) return undefined;
    const why = this.#sets.note(into.view(at, into.length));
    if (why !== undefined || type !== TYPE.sps) return why;
    this.#parameterSets = true;
    this.#setsWithKeys = true;
    return undefined;
  }
}

function writeLength(into: FrameBuffer, at: number, length: number): void {
  into.patch(at, length >>> 24);
  into.patch(at + 1, length >>> 16);
  into.patch(at + 2, length >>> 8);
  into.patch(at + 3, length);
}
