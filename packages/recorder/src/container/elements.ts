/**
 * The Matroska elements that a recording has, the codecs' names in it, and what kinds of file there are.
 * Spec: RFC 9559 §5 (elements), RFC 9559 §27.1 (identifiers); draft-ietf-cellar-codec (codec identifiers); WebM container guidelines.
 */
export const ID = {
  ebml: 0x1a45dfa3,
  ebmlVersion: 0x4286,
  ebmlReadVersion: 0x42f7,
  ebmlMaxIdLength: 0x42f2,
  ebmlMaxSizeLength: 0x42f3,
  docType: 0x4282,
  docTypeVersion: 0x4287,
  docTypeReadVersion: 0x4285,
  void: 0xec,
  segment: 0x18538067,
  seekHead: 0x114d9b74,
  seek: 0x4dbb,
  seekId: 0x53ab,
  seekPosition: 0x53ac,
  info: 0x1549a966,
  timestampScale: 0x2ad7b1,
  duration: 0x4489,
  dateUtc: 0x4461,
  title: 0x7ba9,
  muxingApp: 0x4d80,
  writingApp: 0x5741,
  tracks: 0x1654ae6b,
  trackEntry: 0xae,
  trackNumber: 0xd7,
  trackUid: 0x73c5,
  trackType: 0x83,
  flagLacing: 0x9c,
  language: 0x22b59c,
  codecId: 0x86,
  codecPrivate: 0x63a2,
  codecDelay: 0x56aa,
  seekPreRoll: 0x56bb,
  name: 0x536e,
  video: 0xe0,
  pixelWidth: 0xb0,
  pixelHeight: 0xba,
  audio: 0xe1,
  samplingFrequency: 0xb5,
  channels: 0x9f,
  cluster: 0x1f43b675,
  timestamp: 0xe7,
  simpleBlock: 0xa3,
  blockGroup: 0xa0,
  block: 0xa1,
  referenceBlock: 0xfb,
  cues: 0x1c53bb6b,
  cuePoint: 0xbb,
  cueTime: 0xb3,
  cueTrackPositions: 0xb7,
  cueTrack: 0xf7,
  cueClusterPosition: 0xf1,
  tags: 0x1254c367,
} as const;

export type ContainerCodec = 'opus' | 'vp8' | 'vp9' | 'av1' | 'h264';

/** draft-ietf-cellar-codec §4.3 (video), §4.4 (audio). */
export const CODEC_ID: Readonly<Record<ContainerCodec, string>> = {
  opus: 'A_OPUS',
  vp8: 'V_VP8',
  vp9: 'V_VP9',
  av1: 'V_AV1',
  h264: 'V_MPEG4/ISO/AVC',
};

/** WebM holds Opus, VP8, VP9 and AV1 (WebM container guidelines); H.264 needs Matroska's general form. */
export const containerFor = (codecs: Iterable<ContainerCodec>): 'webm' | 'mkv' =>
  [...codecs].includes('h264') ? 'mkv' : 'webm';

/** RFC 9559 §5.1.4.1.3. */
export const TRACK_TYPE = { video: 1, audio: 2 } as const;

export const isAudio = (codec: ContainerCodec): boolean => codec === 'opus';

export interface TrackHeader {
  /** From 1, unique in the file. */
  readonly number: number;
  readonly codec: ContainerCodec;
  /** avcC for H.264 and av1C for AV1, which cannot do without; VP9 may have one; Opus gets its own. */
  readonly codecPrivate?: Uint8Array;
  readonly width?: number;
  readonly height?: number;
  /** Opus only; default 2, as RFC 7587 §7 has it. */
  readonly channels?: number;
  readonly name?: string;
}

export const OPUS_RATE_HZ = 48_000;
/**
 * Samples that libopus adds in front (4 ms of delay compensation and 2.5 ms of look-ahead), the encoder of every browser.
 * A player subtracts it, so the sound is where the sender's clock said it was.
 */
export const OPUS_PRE_SKIP_SAMPLES = 312;
export const OPUS_PRE_SKIP_MS = (OPUS_PRE_SKIP_SAMPLES * 1000) / OPUS_RATE_HZ;
/** A decoder needs 80 ms to be exact after a seek. RFC 7845 §4.6; draft-ietf-cellar-codec §4.4.14. */
export const OPUS_SEEK_PRE_ROLL_NS = 80_000_000;

/** Identification header, RFC 7845 §5.1: version 1, little-endian numbers, no gain, mapping family 0. */
export function opusHead(channels: number): Uint8Array {
  const head = new Uint8Array(19);
  head.set(new TextEncoder().encode('OpusHead'));
  const view = new DataView(head.buffer);
  view.setUint8(8, 1);
  view.setUint8(9, channels);
  view.setUint16(10, OPUS_PRE_SKIP_SAMPLES, true);
  view.setUint32(12, OPUS_RATE_HZ, true);
  return head;
}
