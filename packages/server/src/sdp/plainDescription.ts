/**
 * The SDP file that a program without signalling needs to take plain RTP: RFC 8866. What FFmpeg and GStreamer do not have is left out:
 * one payload type per stream, RTCP on the port above (RFC 3550 §11), no feedback, no extensions. Pure.
 */
import type { RtpParameters } from '@tertulia/wire';
import { isIPv6 } from 'node:net';

export interface PlainStream {
  readonly kind: 'audio' | 'video';
  /** Where the program listens. */
  readonly port: number;
  readonly rtpParameters: RtpParameters;
}

export interface PlainDescription {
  /** Where the packets come from. */
  readonly origin: string;
  /** Where they go. */
  readonly ip: string;
  /** 0…2^63. */
  readonly id: number;
  /** One line; a room's name. */
  readonly name: string;
  readonly streams: readonly PlainStream[];
}

/** `encoding` of a=rtpmap, as registered; GStreamer compares it letter by letter once it has made it upper case. */
const ENCODINGS: Readonly<Record<string, string>> = {
  'audio/opus': 'opus',
  'video/vp8': 'VP8',
  'video/vp9': 'VP9',
  'video/h264': 'H264',
  'video/av1': 'AV1',
};

export function writePlainDescription({ origin, ip, id, name, streams }: PlainDescription): string {
  const lines = [
    'v=0',
    `o=- ${id} 1 ${address(origin)}`,
    `s=${name}`,
    `c=${address(ip)}`,
    't=0 0',
    ...streams.flatMap(streamLines),
  ];
  return `${lines.join('\r\n')}\r\n`;
}

const address = (ip: string): string => `IN ${isIPv6(ip) ? 'IP6' : 'IP4'} ${ip}`;

function streamLines({ kind, port, rtpParameters }: PlainStream): string[] {
  const codec = rtpParameters.codecs[0];
  if (!codec) return [];
  const { payloadType, mimeType, clockRate, channels, parameters = {} } = codec;
  const encoding = ENCODINGS[mimeType.toLowerCase()] ?? mimeType.slice(mimeType.indexOf('/') + 1);
  const format = Object.entries(parameters).map(([key, value]) => `${key}=${value}`);
  const { cname } = rtpParameters.rtcp ?? {};
  const ssrc = rtpParameters.encodings?.[0]?.ssrc;
  return [
    `m=${kind} ${port} RTP/AVP ${payloadType}`,
    `a=rtpmap:${payloadType} ${encoding}/${clockRate}${channels === undefined ? '' : `/${channels}`}`,
    ...(format.length === 0 ? [] : [`a=fmtp:${payloadType} ${format.join(';')}`]),
    `a=rtcp:${port + 1}`,
    ...(ssrc === undefined || cname === undefined ? [] : [`a=ssrc:${ssrc} cname:${cname}`]),
    'a=sendonly',
  ];
}
