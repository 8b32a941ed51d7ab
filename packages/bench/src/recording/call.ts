/**
 * A call as the library makes it: a worker, a router, one PlainTransport that brings the streams, and one more for the
 * recorder, with a consumer per stream.
 */
import type { Recorder, RecordingMode } from '@tertulia/recorder';
import { createWorker } from '@tertulia/sfu';
import type { Consumer, PlainTransport, Producer, Router, Worker, types } from '@tertulia/sfu';
import { Senders, type StreamSettings } from './senders.js';

export const PAYLOAD_TYPES = { audio: 100, video: 101 } as const;
const MEDIA_CODECS: types.RouterRtpCodecCapability[] = [
  {
    kind: 'audio',
    mimeType: 'audio/opus',
    clockRate: 48_000,
    channels: 2,
    preferredPayloadType: PAYLOAD_TYPES.audio,
  },
  {
    kind: 'video',
    mimeType: 'video/VP8',
    clockRate: 90_000,
    preferredPayloadType: PAYLOAD_TYPES.video,
    rtcpFeedback: [{ type: 'nack' }, { type: 'nack', parameter: 'pli' }, { type: 'ccm', parameter: 'fir' }],
  },
];
const LISTEN = { protocol: 'udp', ip: '127.0.0.1' } as const;

/** Between the media process and the recorder; a path that loses packets is one, see lossyPath.ts. */
export interface Path {
  /** Where the media process sends to. */
  readonly toRecorder: { ip: string; port: number };
  /** Where the recorder hears it from. */
  readonly fromMediaProcess: { ip: string; port: number };
}

export class Call {
  readonly producers: Producer[] = [];
  readonly consumers: Consumer[] = [];

  private constructor(
    readonly worker: Worker,
    readonly router: Router,
    readonly senders: Senders,
  ) {}

  static async begin(streams: readonly StreamSettings[], lossShare = 0): Promise<Call> {
    const worker = await createWorker();
    const router = await worker.createRouter({ mediaCodecs: MEDIA_CODECS });
    const transport = await router.createPlainTransport({ listenInfo: LISTEN, rtcpMux: true, comedia: true });
    const { localPort } = transport.tuple;
    const call = new Call(
      worker,
      router,
      await Senders.open({ ip: '127.0.0.1', port: localPort }, streams, lossShare),
    );
    for (const { sample, ssrc, payloadType } of streams) {
      const codec = MEDIA_CODECS.find(({ kind }) => kind === sample.kind)!;
      call.producers.push(
        await transport.produce({
          kind: sample.kind,
          rtpParameters: {
            codecs: [
              {
                mimeType: codec.mimeType,
                payloadType,
                clockRate: codec.clockRate,
                ...(codec.channels === undefined ? {} : { channels: codec.channels }),
                rtcpFeedback: [{ type: 'nack' }, { type: 'nack', parameter: 'pli' }],
              },
            ],
            encodings: [{ ssrc }],
            rtcp: { cname: `sender-${ssrc}` },
          },
        }),
      );
    }
    return call;
  }

  /** A transport to the recorder. @param lay makes a path out of the two ends; default: straight */
  async connect(
    recorder: Recorder,
    recordingId: string,
    lay?: (recorder: { ip: string; port: number }, media: { ip: string; port: number }) => Promise<Path>,
  ): Promise<PlainTransport> {
    const transport = await this.router.createPlainTransport({
      listenInfo: LISTEN,
      rtcpMux: true,
      comedia: false,
    });
    const media = { ip: '127.0.0.1', port: transport.tuple.localPort };
    const path = (await lay?.(recorder.address, media)) ?? {
      toRecorder: recorder.address,
      fromMediaProcess: media,
    };
    await transport.connect(path.toRecorder);
    await recorder.addTransport(recordingId, { transportId: transport.id, ...path.fromMediaProcess });
    return transport;
  }

  /** All streams: each into a file of its own, or two by two. */
  async record(
    recorder: Recorder,
    recordingId: string,
    transport: PlainTransport,
    mode: Exclude<RecordingMode, 'room'>,
  ): Promise<void> {
    const { rtpCapabilities } = this.router;
    for (const [i, producer] of this.producers.entries()) {
      const person = mode === 'sources' ? i : Math.floor(i / 2);
      const fileId = `file-${person}`;
      const about = { participantId: `p${person}`, displayName: `Person ${person}` };
      const source = producer.kind === 'audio' ? 'microphone' : 'camera';
      if (mode === 'sources' || i % 2 === 0)
        await recorder.addFile(recordingId, {
          fileId,
          about: mode === 'sources' ? { ...about, source } : about,
        });
      const consumer = await transport.consume({
        producerId: producer.id,
        rtpCapabilities,
        paused: true,
        enableRtx: producer.kind === 'video',
      });
      this.consumers.push(consumer);
      await recorder.addTrack(recordingId, {
        trackId: consumer.id,
        fileId,
        transportId: transport.id,
        kind: producer.kind,
        about: { ...about, source },
        rtpParameters: consumer.rtpParameters,
      });
      await consumer.resume();
    }
  }

  end(): void {
    this.senders.close();
    this.worker.close();
  }
}
