/**
 * Opus packets seen from outside: the table-of-contents byte and the framing behind it. RFC 6716 §3.1, §3.2, rules R1–R7;
 * RTP clock of 48 kHz and DTX by RFC 7587 §3.1.3, §4.1. Sound is not decoded.
 */
import type { Parsed } from './result.js';
import { parsed, refused } from './result.js';

const MAX_FRAME_BYTES = 1275; // RFC 6716 R2
const MAX_PACKET_SAMPLES = 5760; // 120 ms at 48 kHz, RFC 6716 R5

export type OpusMode = 'silk' | 'hybrid' | 'celt';
export type OpusBandwidth = 'narrow' | 'medium' | 'wide' | 'superwide' | 'full';

export interface OpusPacket {
  mode: OpusMode;
  bandwidth: OpusBandwidth;
  stereo: boolean;
  frames: number;
  /** Of all frames, at 48 kHz. */
  samples: number;
}

export type OpusRefusal = 'opus-empty' | 'opus-frame-length' | 'opus-frame-count' | 'opus-duration';

/** Samples of one frame, at 48 kHz. */
const SILK_SAMPLES = [480, 960, 1920, 2880] as const;
const CELT_SAMPLES = [120, 240, 480, 960] as const;
const SILK_BANDWIDTH = ['narrow', 'medium', 'wide'] as const;
const CELT_BANDWIDTH = ['narrow', 'wide', 'superwide', 'full'] as const;

export function parseOpus(
  payload: Uint8Array,
  offset = 0,
  length: number = payload.length - offset,
): Parsed<OpusPacket, OpusRefusal> {
  if (length < 1 || offset + length > payload.length) return refused('opus-empty');
  const toc = payload[offset]!;
  const configuration = toc >> 3;
  const frameSamples = samplesOfFrame(configuration);
  const framing = readFraming(payload, offset, length, toc & 3);
  if (typeof framing === 'string') return refused(framing);
  if (framing * frameSamples > MAX_PACKET_SAMPLES) return refused('opus-duration');
  return parsed({
    mode: configuration < 12 ? 'silk' : configuration < 16 ? 'hybrid' : 'celt',
    bandwidth: bandwidthOf(configuration),
    stereo: (toc & 4) !== 0,
    frames: framing,
    samples: framing * frameSamples,
  });
}

/** Opus sends packets of at most two bytes where it would send nothing: the table of contents and no sound. */
export const isOpusDtx = (length: number): boolean => length <= 2;

function samplesOfFrame(configuration: number): number {
  if (configuration < 12) return SILK_SAMPLES[configuration & 3]!;
  if (configuration < 16) return SILK_SAMPLES[configuration & 1]!;
  return CELT_SAMPLES[configuration & 3]!;
}

function bandwidthOf(configuration: number): OpusBandwidth {
  if (configuration < 12) return SILK_BANDWIDTH[configuration >> 2]!;
  if (configuration < 16) return configuration < 14 ? 'superwide' : 'full';
  return CELT_BANDWIDTH[(configuration - 16) >> 2]!;
}

/** @returns the number of frames, or why the lengths cannot be right. */
function readFraming(
  payload: Uint8Array,
  offset: number,
  length: number,
  code: number,
): number | OpusRefusal {
  const rest = length - 1;
  if (code === 0) return rest <= MAX_FRAME_BYTES ? 1 : 'opus-frame-length';
  if (code === 1) return rest % 2 === 0 && rest / 2 <= MAX_FRAME_BYTES ? 2 : 'opus-frame-length';
  if (code === 2) {
    const first = readFrameLength(payload, offset + 1, offset + length);
    if (first === undefined) return 'opus-frame-length';
    const second = rest - first.bytes - first.length;
    return second >= 0 && second <= MAX_FRAME_BYTES ? 2 : 'opus-frame-length';
  }
  return readManyFrames(payload, offset + 1, offset + length);
}

/** Code 3, RFC 6716 §3.2.5: | v | p | count (6) |, padding length, frame lengths when v, frames, padding. */
function readManyFrames(payload: Uint8Array, start: number, end: number): number | OpusRefusal {
  let at = start;
  if (at >= end) return 'opus-frame-count';
  const head = payload[at++]!;
  const count = head & 0x3f;
  if (count === 0) return 'opus-frame-count';
  let padding = 0;
  if (head & 0x40) {
    let step: number;
    do {
      if (at >= end) return 'opus-frame-length';
      step = payload[at++]!;
      padding += step === 255 ? 254 : step;
    } while (step === 255);
  }
  let left = end - at - padding;
  if (head & 0x80) {
    for (let i = 0; i < count - 1; i++) {
      const frame = readFrameLength(payload, at, end);
      if (frame === undefined) return 'opus-frame-length';
      at += frame.bytes;
      left -= frame.bytes + frame.length;
    }
    return left >= 0 && left <= MAX_FRAME_BYTES ? count : 'opus-frame-length';
  }
  return left >= 0 && left % count === 0 && left / count <= MAX_FRAME_BYTES ? count : 'opus-frame-length';
}

/** RFC 6716 §3.2.1: one byte up to 251, else two: first + 4 × second. */
function readFrameLength(
  payload: Uint8Array,
  at: number,
  end: number,
): { bytes: number; length: number } | undefined {
  if (at >= end) return undefined;
  const first = payload[at]!;
  if (first < 252) return { bytes: 1, length: first };
  return at + 1 < end ? { bytes: 2, length: first + 4 * payload[at + 1]! } : undefined;
}
