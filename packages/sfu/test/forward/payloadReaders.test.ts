/** Where a receiver may begin, of codecs whose payload does not say which packet is the picture's first. */
import { expect, test } from 'vitest';
import { emptyFrame } from '../../src/media/forward/frame.js';
import { payloadReader } from '../../src/media/forward/payloadReaders.js';
import { CARRIED_KINDS } from '../../src/media/packet.js';
import type { ReceivedPacket } from '../../src/media/packet.js';

function packetOf(bytes: Uint8Array): ReceivedPacket {
  return {
    slot: 0,
    payloadOffset: 0,
    payloadLength: bytes.length,
    extendedSequence: 1,
    timestamp: 0,
    marker: false,
    payloadType: 96,
    codec: 0,
    ssrc: 1,
    arrivalMicros: 0,
    audioLevel: -1,
    voice: false,
    extensions: { offsets: new Uint32Array(CARRIED_KINDS), lengths: new Uint8Array(CARRIED_KINDS) },
  };
}

// RFC 6184 §5.4 (5 IDR, 7 SPS), §5.8 (28 FU-A: S bit and type); RFC 7798 §4.4 (19 IDR_W_RADL, 33 SPS); AV1 RTP §4.4 (N).
test.each([
  { name: 'H264 parameters', codec: 'H264', bytes: '6742c01f', first: true, next: true, begins: true },
  {
    name: 'H264 parameters behind a hole',
    codec: 'H264',
    bytes: '6742c01f',
    first: true,
    next: false,
    begins: true,
  },
  {
    name: 'H264 parameters behind a delimiter',
    codec: 'H264',
    bytes: '6742c01f',
    first: false,
    next: true,
    begins: true,
  },
  {
    name: 'H264 slice that is the first',
    codec: 'H264',
    bytes: '6588',
    first: true,
    next: true,
    begins: true,
  },
  {
    name: 'H264 slice behind its parameters',
    codec: 'H264',
    bytes: '6588',
    first: false,
    next: true,
    begins: false,
  },
  {
    name: 'H264 slice whose parameters may be lost',
    codec: 'H264',
    bytes: '6588',
    first: true,
    next: false,
    begins: false,
  },
  {
    name: 'H264 part whose parameters may be lost',
    codec: 'H264',
    bytes: '7c8588',
    first: true,
    next: false,
    begins: false,
  },
  {
    name: 'H265 parameters behind a hole',
    codec: 'H265',
    bytes: '420101',
    first: true,
    next: false,
    begins: true,
  },
  {
    name: 'H265 slice whose parameters may be lost',
    codec: 'H265',
    bytes: '2601aa',
    first: true,
    next: false,
    begins: false,
  },
  {
    name: 'AV1 sequence header behind a hole',
    codec: 'AV1',
    bytes: '180800',
    first: true,
    next: false,
    begins: true,
  },
  {
    name: 'AV1 frame that is the first',
    codec: 'AV1',
    bytes: '183000',
    first: true,
    next: true,
    begins: true,
  },
  { name: 'AV1 frame behind a hole', codec: 'AV1', bytes: '183000', first: true, next: false, begins: false },
])('$name: $begins', ({ codec, bytes, first, next, begins }) => {
  const slab = new Uint8Array(Buffer.from(bytes, 'hex'));
  const frame = emptyFrame();
  expect(payloadReader(`video/${codec}`)!.read(slab, packetOf(slab), first, frame, next)).toBeUndefined();
  expect(frame.keyFrame).toBe(begins);
});
