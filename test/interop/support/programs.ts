/** External programs that send and receive plain RTP or SRTP: FFmpeg and GStreamer, as Debian has them. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type CodecName = 'opus' | 'VP8' | 'VP9' | 'H264';
export interface Srtp {
  cryptoSuite:
    'AEAD_AES_256_GCM' | 'AEAD_AES_128_GCM' | 'AES_CM_128_HMAC_SHA1_80' | 'AES_CM_128_HMAC_SHA1_32';
  keyBase64: string;
}
export interface Stream {
  codec: CodecName;
  payloadType: number;
  ssrc: number;
  port: number;
  /** Of who sends RTCP: where to. Default: nowhere else. */
  rtcpPort?: number | undefined;
  srtp?: Srtp | undefined;
}

export const CLOCK_RATES: Record<CodecName, number> = {
  opus: 48_000,
  VP8: 90_000,
  VP9: 90_000,
  H264: 90_000,
};
const isAudio = (codec: CodecName): boolean => codec === 'opus';

/** A program that runs until it has done its work, or until it is stopped. Its last words are kept for failures. */
export class Program {
  readonly #child: ChildProcess;
  #output = '';

  constructor(command: string, args: readonly string[]) {
    this.#child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const keep = (chunk: Buffer): void => {
      this.#output = (this.#output + chunk.toString()).slice(-20_000);
    };
    this.#child.stdout?.on('data', keep);
    this.#child.stderr?.on('data', keep);
  }

  get output(): string {
    return this.#output;
  }

  /** @throws Error with its last words when it does not end by itself, with exit code 0, in time. */
  async finish(limitMs: number): Promise<void> {
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), limitMs);
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit');
    clearTimeout(timer);
    if (this.#child.exitCode !== 0)
      throw new Error(
        `ended with ${this.#child.exitCode ?? this.#child.signalCode}: ${this.#output.slice(-3000)}`,
      );
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exit;
  }
}

// ---- FFmpeg ----

const FFMPEG_ENCODERS: Record<CodecName, string[]> = {
  opus: ['-c:a', 'libopus', '-ac', '2', '-b:a', '64k'],
  VP8: ['-c:v', 'libvpx', '-deadline', 'realtime', '-cpu-used', '8', '-b:v', '500k', '-g', '25'],
  VP9: ['-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8', '-b:v', '500k', '-g', '25'],
  H264: [
    '-c:v',
    'libx264',
    '-preset',
    'ultrafast',
    '-tune',
    'zerolatency',
    '-profile:v',
    'baseline',
    '-g',
    '25',
  ],
};
const QUIET = ['-hide_banner', '-loglevel', 'warning'];

/** Its RTCP comes from another port than its RTP. */
export function ffmpegSender({ codec, payloadType, ssrc, port, rtcpPort = port, srtp }: Stream): Program {
  const source = isAudio(codec) ? 'sine=frequency=440:sample_rate=48000' : 'testsrc=size=320x240:rate=25';
  const secret = srtp ? ['-srtp_out_suite', srtp.cryptoSuite, '-srtp_out_params', srtp.keyBase64] : [];
  return new Program('ffmpeg', [
    ...QUIET,
    '-re',
    ...['-f', 'lavfi', '-i', source],
    ...(isAudio(codec) ? [] : ['-pix_fmt', 'yuv420p']),
    ...FFMPEG_ENCODERS[codec],
    // Its VP9 payloader is behind this flag.
    ...['-strict', 'experimental', '-ssrc', String(ssrc), '-payload_type', String(payloadType), '-f', 'rtp'],
    ...secret,
    `${srtp ? 's' : ''}rtp://127.0.0.1:${port}?rtcpport=${rtcpPort}&pkt_size=1200`,
  ]);
}

/** Ends by itself after a second of sound, or 25 decoded frames. */
export function ffmpegReceiver({ codec, payloadType, port, srtp }: Stream): Program & { folder: string } {
  const folder = mkdtempSync(join(tmpdir(), 'tertulia-'));
  const file = join(folder, 'stream.sdp');
  const kind = isAudio(codec) ? 'audio' : 'video';
  const lines = [
    'v=0',
    'o=- 0 0 IN IP4 127.0.0.1',
    's=-',
    'c=IN IP4 127.0.0.1',
    't=0 0',
    `m=${kind} ${port} RTP/${srtp ? 'SAVP' : 'AVP'} ${payloadType}`,
    `a=rtpmap:${payloadType} ${codec}/${CLOCK_RATES[codec]}${isAudio(codec) ? '/2' : ''}`,
    ...(codec === 'H264' ? [`a=fmtp:${payloadType} packetization-mode=1`] : []),
    ...(srtp ? [`a=crypto:1 ${srtp.cryptoSuite} inline:${srtp.keyBase64}`] : []),
  ];
  writeFileSync(file, `${lines.join('\r\n')}\r\n`);
  const end = isAudio(codec) ? ['-t', '1'] : ['-frames:v', '25'];
  const program = new Program('ffmpeg', [
    ...QUIET,
    ...['-protocol_whitelist', 'file,udp,rtp,srtp,crypto', '-analyzeduration', '3M'],
    ...['-i', file, ...end, '-f', 'null', '-'],
  ]);
  return Object.assign(program, { folder });
}

export const removeFolder = (folder: string): void => rmSync(folder, { recursive: true, force: true });

// ---- GStreamer ----

const GSTREAMER_ENCODERS: Record<CodecName, string[]> = {
  opus: ['opusenc', '!', 'rtpopuspay'],
  VP8: ['vp8enc', 'deadline=1', 'cpu-used=8', 'keyframe-max-dist=25', '!', 'rtpvp8pay', 'picture-id-mode=2'],
  VP9: ['vp9enc', 'deadline=1', 'cpu-used=8', 'keyframe-max-dist=25', '!', 'rtpvp9pay', 'picture-id-mode=2'],
  H264: [
    ...['x264enc', 'tune=zerolatency', 'speed-preset=ultrafast', 'key-int-max=25', '!'],
    ...['rtph264pay', 'config-interval=-1', 'aggregate-mode=zero-latency'],
  ],
};
const GSTREAMER_DECODERS: Record<CodecName, string[]> = {
  opus: ['rtpopusdepay', '!', 'opusdec'],
  VP8: ['rtpvp8depay', '!', 'vp8dec'],
  VP9: ['rtpvp9depay', '!', 'vp9dec'],
  H264: ['rtph264depay', '!', 'avdec_h264'],
};
const GSTREAMER_SUITES: Record<Srtp['cryptoSuite'], [cipher: string, authentication: string]> = {
  AEAD_AES_256_GCM: ['aes-256-gcm', 'null'],
  AEAD_AES_128_GCM: ['aes-128-gcm', 'null'],
  AES_CM_128_HMAC_SHA1_80: ['aes-128-icm', 'hmac-sha1-80'],
  AES_CM_128_HMAC_SHA1_32: ['aes-128-icm', 'hmac-sha1-32'],
};
const hex = (base64: string): string => Buffer.from(base64, 'base64').toString('hex');

export function gstreamerSender({ codec, payloadType, ssrc, port, srtp }: Stream): Program {
  const source = isAudio(codec)
    ? ['audiotestsrc', 'is-live=true', '!', 'audio/x-raw,rate=48000,channels=2']
    : ['videotestsrc', 'is-live=true', '!', 'video/x-raw,width=320,height=240,framerate=25/1'];
  const secret: string[] = [];
  if (srtp) {
    const [cipher, authentication] = GSTREAMER_SUITES[srtp.cryptoSuite];
    secret.push('srtpenc', `key=${hex(srtp.keyBase64)}`, '!');
    secret.splice(1, 0, `rtp-cipher=${cipher}`, `rtp-auth=${authentication}`);
    secret.splice(1, 0, `rtcp-cipher=${cipher}`, `rtcp-auth=${authentication}`);
  }
  return new Program('gst-launch-1.0', [
    ...['-q', ...source, '!', ...GSTREAMER_ENCODERS[codec]],
    ...[`ssrc=${ssrc}`, `pt=${payloadType}`, 'mtu=1200', '!', ...secret],
    ...['udpsink', 'host=127.0.0.1', `port=${port}`, 'sync=false'],
  ]);
}

/** Ends by itself after 25 decoded buffers. */
export function gstreamerReceiver({ codec, payloadType, ssrc, port, srtp }: Stream): Program {
  const kind = isAudio(codec) ? 'audio' : 'video';
  const name = codec.toUpperCase();
  const media = `media=${kind},clock-rate=${CLOCK_RATES[codec]},encoding-name=${name},payload=${payloadType}`;
  let caps = `application/x-rtp,${media}`;
  if (srtp) {
    const [cipher, authentication] = GSTREAMER_SUITES[srtp.cryptoSuite];
    const both = ['srtp', 'srtcp'].map(
      (p) => `${p}-cipher=(string)${cipher},${p}-auth=(string)${authentication}`,
    );
    caps = `application/x-srtp,${media},ssrc=(uint)${ssrc},srtp-key=(buffer)${hex(srtp.keyBase64)},${both.join(',')}`;
  }
  return new Program('gst-launch-1.0', [
    ...['-q', 'udpsrc', 'address=127.0.0.1', `port=${port}`, `caps=${caps}`, '!'],
    ...(srtp ? ['srtpdec', '!'] : []),
    ...[...GSTREAMER_DECODERS[codec], '!', 'fakesink', 'sync=false', 'num-buffers=25'],
  ]);
}
