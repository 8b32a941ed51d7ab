/** The files of `vectors/streams`: packets of one stream, and FFmpeg's checksums of the frames that they were made of. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { FrameAssembler, type AssembledFrame, type FrameCodec, type RtpPayload } from '../../src/index.js';
import { hex } from './vectors.js';

export interface Stream {
  name: string;
  codec: FrameCodec;
  from: string;
  size?: [width: number, height: number];
  codecPrivate?: string;
  frames: { bytes: number; md5: string }[];
  packets: [timestamp: number, marker: 0 | 1, payload: string, codec?: 'opus' | null, descriptor?: string][];
}

const FOLDER = new URL('../../../../vectors/streams/', import.meta.url);

export const readStreams = (): Stream[] =>
  readdirSync(FOLDER)
    .filter((file) => file.endsWith('.json'))
    .map((file) => ({
      ...(JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8')) as Stream),
      name: file.slice(0, -5),
    }));

/** @param start over the border of 16 bits: the assembler's numbers are unwrapped */
export const packetsOf = (stream: Stream, start = 65_530): RtpPayload[] =>
  stream.packets.map(([timestamp, marker, payload, codec, descriptor], at) => ({
    sequenceNumber: start + at,
    timestamp,
    marker: marker === 1,
    payload: hex(payload),
    ...(codec ? { codec } : {}),
    ...(descriptor === undefined ? {} : { dependencyDescriptor: hex(descriptor) }),
  }));

/** All of them through one assembler, and the end of the stream. */
export const assemble = (codec: FrameCodec, packets: Iterable<RtpPayload>): AssembledFrame[] => {
  const assembler = new FrameAssembler(codec);
  const frames: AssembledFrame[] = [];
  for (const packet of packets) frames.push(...assembler.push(packet).map(kept));
  frames.push(...assembler.flush());
  return frames;
};

/** With data of its own: that of a frame is good until the next packet only. */
export const kept = (each: AssembledFrame): AssembledFrame =>
  each.ok ? { ...each, frame: { ...each.frame, data: each.frame.data.slice() } } : each;

export const digest = (data: Uint8Array): { bytes: number; md5: string } => ({
  bytes: data.length,
  md5: createHash('md5').update(data).digest('hex'),
});
