/**
 * What a recorder gets of a room over @tertulia/sfu: a plain transport to its port on this machine, with a consumer per
 * source or with slots of their own. Nothing is negotiated that would limit the bandwidth, so the highest layers come.
 */
import type { Canvas, PlainTransport, Router, RtpCapabilities, VirtualStreams } from '@tertulia/sfu';
import { HEADER_EXTENSION_URIS } from '@tertulia/wire';
import type { RecordingTap, RecordingTapRequest, TapReceiver, TapTrack } from './mediaPort.js';

interface TapParts {
  readonly router: Router;
  readonly virtual: VirtualStreams;
  /** Of a source of the room, whoever has it. */
  readonly producerOf: (csrc: number) => string | undefined;
}

/** What a recorder answers: losses and key frames. Not how much bandwidth there is: it is on the same machine. */
const FEEDBACK: readonly string[] = ['nack', 'ccm'];
/** What it reads in packets. */
const EXTENSIONS: readonly string[] = [
  HEADER_EXTENSION_URIS.mid,
  HEADER_EXTENSION_URIS.audioLevel,
  HEADER_EXTENSION_URIS.videoOrientation,
  HEADER_EXTENSION_URIS.dependencyDescriptor,
];
/** Larger than any camera's picture, so that the highest layer covers it. */
const CANVAS_SIZE = { width: 3_840, height: 2_160 };

export class SfuRecordingTap implements RecordingTap {
  #closed = false;

  /** @throws when the media process refuses; nothing is left then. */
  static async create(parts: TapParts, request: RecordingTapRequest): Promise<SfuRecordingTap> {
    const { ip, port } = request.recorder;
    const transport = await parts.router.createPlainTransport({
      listenInfo: { protocol: 'udp', ip },
      rtcpMux: true,
      comedia: false,
    });
    try {
      await transport.connect({ ip, port });
    } catch (error) {
      transport.close();
      throw error;
    }
    return new SfuRecordingTap(parts, transport, request);
  }

  private constructor(
    private readonly parts: TapParts,
    private readonly transport: PlainTransport,
    request: RecordingTapRequest,
  ) {
    transport.observer.once('close', () => {
      if (this.#closed) return;
      this.#closed = true;
      request.lost();
    });
  }

  get id(): string {
    return this.transport.id;
  }
  get address(): { ip: string; port: number } {
    const { localIp, localAddress, localPort } = this.transport.tuple;
    return { ip: localIp ?? localAddress, port: localPort };
  }

  async addSource(csrc: number): Promise<TapTrack> {
    const producerId = this.parts.producerOf(csrc);
    if (producerId === undefined) throw new Error(`there is no source ${csrc}`);
    const consumer = await this.transport.consume({
      producerId,
      rtpCapabilities: this.#capabilities,
      paused: true,
      enableRtx: true,
    });
    const { kind, rtpParameters } = consumer;
    return { kind, rtpParameters, start: () => consumer.resume(), close: () => consumer.close() };
  }

  async addReceiver({ audio, video }: { audio: number; video: number }): Promise<TapReceiver> {
    const receiver = await this.parts.virtual.createReceiver({
      transport: this.transport,
      rtpCapabilities: this.#capabilities,
      mids: { audio: mids('a', audio), video: mids('v', video) },
    });
    const canvases = Array.from({ length: video }, (_, at): Canvas => ({
      id: at + 1,
      ...CANVAS_SIZE,
      mode: 'relevant',
    }));
    return {
      audio: receiver.audio.map(({ rtpParameters }) => rtpParameters),
      video: receiver.video.map(({ rtpParameters }) => rtpParameters),
      start: async () => void (await receiver.setLayout(canvases)),
    };
  }

  /** The room's own numbers. */
  get #capabilities(): RtpCapabilities {
    const { codecs = [], headerExtensions = [] } = this.parts.router.rtpCapabilities;
    return {
      codecs: codecs.map(({ rtcpFeedback = [], ...codec }) => ({
        ...codec,
        rtcpFeedback: rtcpFeedback.filter(({ type }) => FEEDBACK.includes(type)),
      })),
      headerExtensions: headerExtensions.filter(({ uri }) => EXTENSIONS.includes(uri)),
    };
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.transport.close();
  }
}

const mids = (letter: string, count: number): string[] =>
  Array.from({ length: count }, (_, at) => `${letter}${at}`);
