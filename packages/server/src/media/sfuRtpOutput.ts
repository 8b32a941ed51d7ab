/**
 * RTP to a program elsewhere over @tertulia/sfu: a plain transport for each stream, since FFmpeg and GStreamer want each on ports of
 * its own, with one slot on it. No feedback is negotiated, so nothing limits the bandwidth and nothing is sent twice.
 * Elsewhere: when key frames are asked for → plainRtp/ · SDP → sdp/plainDescription.ts
 */
import { randomBytes } from 'node:crypto';
import type { PlainTransport, Receiver, Router, RtpCapabilities, VirtualStreams } from '@tertulia/sfu';
import type { RtpParameters } from '@tertulia/wire';
import type { MediaListen } from '../addresses.js';
import type { RtpOutput, RtpOutputRequest, RtpVideoCodec } from './mediaPort.js';
import { listenFor } from './plainListen.js';

interface OutputParts {
  readonly router: Router;
  /** Where the slots come from. */
  readonly virtual: VirtualStreams;
  readonly listen: readonly MediaListen[];
}

/** Larger than any camera's picture, so that the highest layer covers it. */
const CANVAS = { id: 1, width: 3_840, height: 2_160, mode: 'relevant' } as const;
/** Free numbers of RFC 3551 §6; which codec has which says the SDP file. */
const PAYLOAD_TYPES = { audio: 111, video: 96 } as const;
const MIME_TYPES: Readonly<Record<RtpVideoCodec, string>> = {
  vp8: 'video/vp8',
  vp9: 'video/vp9',
  h264: 'video/h264',
  av1: 'video/av1',
};

export class SfuRtpOutput implements RtpOutput {
  audio: RtpParameters | undefined;
  video: RtpParameters | undefined;
  ip = '';
  /** Sound and pictures are one source: programs play them in step by it. */
  readonly #cname = randomBytes(9).toString('base64url');
  readonly #transports: PlainTransport[] = [];
  #picture: Receiver | undefined;
  #closed = false;

  /** @throws when the media process refuses any part; nothing is left then. */
  static async create(parts: OutputParts, request: RtpOutputRequest): Promise<SfuRtpOutput> {
    const output = new SfuRtpOutput(parts, request);
    try {
      await output.#setUp();
    } catch (error) {
      output.close();
      throw error;
    }
    return output;
  }

  private constructor(
    private readonly parts: OutputParts,
    private readonly request: RtpOutputRequest,
  ) {}

  async #setUp(): Promise<void> {
    const { virtual } = this.parts;
    const { audioPort, videoPort } = this.request;
    if (audioPort !== undefined) {
      const transport = await this.#connect(audioPort);
      const rtpCapabilities = this.#capabilities('audio/opus', PAYLOAD_TYPES.audio);
      const receiver = await virtual.createReceiver({
        transport,
        rtpCapabilities,
        mids: { audio: ['a'] },
        cname: this.#cname,
      });
      this.audio = receiver.audio[0]?.rtpParameters;
    }
    if (videoPort !== undefined) {
      const transport = await this.#connect(videoPort);
      const rtpCapabilities = this.#capabilities(MIME_TYPES[this.request.videoCodec], PAYLOAD_TYPES.video);
      const mids = { audio: [], video: ['v'] };
      const receiver = await virtual.createReceiver({ transport, rtpCapabilities, mids, cname: this.#cname });
      await receiver.setLayout([CANVAS]);
      this.video = receiver.video[0]?.rtpParameters;
      this.#picture = receiver;
    }
  }

  async #connect(port: number): Promise<PlainTransport> {
    const { ip } = this.request;
    const listen = listenFor(ip, this.parts.listen);
    const transport = await this.parts.router.createPlainTransport({
      listenInfo: { protocol: 'udp', ...listen },
      rtcpMux: false,
      comedia: false,
    });
    this.#transports.push(transport);
    transport.observer.once('close', () => {
      if (this.#closed) return;
      this.close();
      this.request.lost();
    });
    await transport.connect({ ip, port, rtcpPort: port + 1 });
    this.ip = listen.announcedAddress ?? listen.ip;
    return transport;
  }

  #capabilities(mimeType: string, preferredPayloadType: number): RtpCapabilities {
    const codecs = this.parts.router.rtpCapabilities.codecs ?? [];
    return {
      codecs: codecs
        .filter((codec) => codec.mimeType.toLowerCase() === mimeType)
        .slice(0, 1)
        .map((codec) => ({ ...codec, preferredPayloadType, rtcpFeedback: [] })),
      headerExtensions: [],
    };
  }

  async requestKeyFrame(): Promise<void> {
    if (!this.#closed) await this.#picture?.requestKeyFrames();
  }

  async bytes(): Promise<number> {
    const stats = await Promise.all(this.#transports.map((transport) => transport.getStats()));
    return stats.reduce((sum, [stat]) => sum + (stat?.rtpBytesSent ?? 0), 0);
  }

  close(): void {
    this.#closed = true;
    for (const transport of this.#transports) transport.close();
  }
}
