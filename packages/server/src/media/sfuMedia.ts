/**
 * The media side over @tertulia/sfu: media processes, one router and one set of virtual streams per room. A process that
 * dies is replaced; its rooms are lost, and their sessions are told (sfuSession.ts).
 * Elsewhere: one session → sfuSession.ts · what recorders get → sfuRecordingTap.ts · what rooms ask for → mediaPort.ts
 */
import {
  createWorker,
  setLogEventListeners,
  type Producer,
  type Router,
  type RouterRtpCodecCapability,
  type VirtualStreams,
  type WebRtcServer,
  type Worker,
} from '@tertulia/sfu';
import type { MediaListen } from '../addresses.js';
import { StartError } from '../errors.js';
import type { Logger } from '../logger.js';
import type {
  MediaCapture,
  MediaPort,
  MediaRoom,
  MediaSession,
  MediaSessionEvents,
  MediaSessionRequest,
  MediaStage,
  RecordingTap,
  RecordingTapRequest,
  RtpInput,
  RtpInputRequest,
  RtpOutput,
  RtpOutputRequest,
  RtpVideoCodec,
} from './mediaPort.js';
import { RTP_VIDEO_CODECS } from './mediaPort.js';
import { SfuRecordingTap } from './sfuRecordingTap.js';
import { SfuRtpInput } from './sfuRtpInput.js';
import { SfuRtpOutput } from './sfuRtpOutput.js';
import { SfuCapture } from './sfuCapture.js';
import { SfuSession } from './sfuSession.js';
import { SfuStage } from './sfuStage.js';

export interface SfuMediaOptions {
  readonly workers: number;
  readonly listen: readonly MediaListen[];
  /** UDP and TCP port of the first process; process i has this + i. */
  readonly port: number;
  /** Most slots that any receiver may have. */
  readonly audioSlots: number;
  readonly videoSlots: number;
}

const VIDEO = { kind: 'video' as const, clockRate: 90_000 };
/** Opus as every browser has it (RFC 7587 §7), and what browsers send and decode of video (RFC 7742 §5 and newer). */
const MEDIA_CODECS: RouterRtpCodecCapability[] = [
  { kind: 'audio', mimeType: 'audio/opus', clockRate: 48_000, channels: 2 },
  { ...VIDEO, mimeType: 'video/VP8' },
  { ...VIDEO, mimeType: 'video/VP9', parameters: { 'profile-id': 0 } },
  {
    ...VIDEO,
    mimeType: 'video/H264',
    parameters: { 'packetization-mode': 1, 'profile-level-id': '42e01f', 'level-asymmetry-allowed': 1 },
  },
  { ...VIDEO, mimeType: 'video/AV1' },
];

/** Between attempts to start a process again: the port may need a moment, and a process that never starts must not spin. */
const RESTART_DELAYS_MS = [100, 1_000, 5_000, 15_000, 30_000] as const;

interface Running {
  readonly index: number;
  readonly worker: Worker;
  readonly webRtcServer: WebRtcServer;
  readonly rooms: Set<SfuRoom>;
}

/** @throws StartError in one sentence when a process or a port cannot be had. */
export async function createSfuMedia(options: SfuMediaOptions, log: Logger): Promise<MediaPort> {
  setLogEventListeners({
    onwarn: (origin, text) => log.warn({ origin }, text),
    onerror: (origin, text) => log.error({ origin }, text),
  });
  const media = new SfuMedia(options, log);
  try {
    await media.start();
  } catch (error) {
    await media.close();
    throw new StartError(explain(error, options), { cause: error });
  }
  return media;
}

function explain(error: unknown, { port, workers }: SfuMediaOptions): string {
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const ports =
    workers === 1
      ? `UDP or TCP port ${port}`
      : `One of the UDP and TCP ports ${port} to ${port + workers - 1}`;
  switch (code) {
    case 'ADDRESS_IN_USE':
      return `${ports} is in use by another program; choose another with --media-port.`;
    case 'ADDRESS_NOT_AVAILABLE':
      return `This machine cannot receive media on the address given: ${message}; give one that it has with --media-ip.`;
    case 'WORKER_NOT_STARTED':
      return `The media process does not start: ${message}; "npm run build" builds what it needs.`;
    default:
      return `Media cannot be received: ${message}.`;
  }
}

class SfuMedia implements MediaPort {
  readonly #running: (Running | undefined)[];
  #closed = false;

  constructor(
    private readonly options: SfuMediaOptions,
    private readonly log: Logger,
  ) {
    this.#running = Array.from({ length: options.workers }, () => undefined);
  }

  async start(): Promise<void> {
    for (let index = 0; index < this.options.workers; index++) await this.#startOne(index);
  }

  get available(): boolean {
    return this.#running.some((running) => running !== undefined);
  }

  async #startOne(index: number): Promise<void> {
    const worker = await createWorker({ logLevel: 'warn', ignoreSignals: true });
    let webRtcServer: WebRtcServer;
    try {
      webRtcServer = await worker.createWebRtcServer({
        listenInfos: (['udp', 'tcp'] as const).flatMap((protocol) =>
          this.options.listen.map((listen) => ({ protocol, ...listen, port: this.options.port + index })),
        ),
      });
    } catch (error) {
      worker.close();
      throw error;
    }
    if (this.#closed) {
      worker.close();
      return;
    }
    this.#running[index] = { index, worker, webRtcServer, rooms: new Set() };
    this.log.info(
      { worker: index, pid: worker.pid, port: this.options.port + index },
      'media process started',
    );
    worker.on('died', (error) => {
      this.log.error({ worker: index, err: error }, 'media process died; starting another');
      this.#running[index] = undefined;
      this.#restart(index, 0);
    });
  }

  #restart(index: number, attempt: number): void {
    const delayMs = RESTART_DELAYS_MS[Math.min(attempt, RESTART_DELAYS_MS.length - 1)];
    setTimeout(() => {
      if (this.#closed) return;
      this.#startOne(index).catch((error: unknown) => {
        this.log.error({ worker: index, err: error }, 'media process does not start');
        this.#restart(index, attempt + 1);
      });
    }, delayMs).unref();
  }

  /** In the process with the fewest rooms. */
  async createRoom(name: string): Promise<MediaRoom> {
    const alive = this.#running.filter((running) => running !== undefined);
    const [first, ...others] = alive;
    if (!first) throw new Error('no media process is running');
    const running = others.reduce(
      (least, each) => (each.rooms.size < least.rooms.size ? each : least),
      first,
    );
    const router = await running.worker.createRouter({ mediaCodecs: MEDIA_CODECS, appData: { room: name } });
    const { audioSlots, videoSlots } = this.options;
    const virtual = await router.createVirtualStreams({ audioSlots, videoSlots });
    const room = new SfuRoom(running, router, virtual, this.options.listen, this.log);
    running.rooms.add(room);
    return room;
  }

  async counters(): Promise<ReadonlyMap<string, number>> {
    const totals = new Map<string, number>();
    const dumps = this.#running.map((running) => running?.worker.dump().catch(() => undefined));
    for (const dump of await Promise.all(dumps)) if (dump) addNumbers(totals, '', dump);
    return totals;
  }

  close(): Promise<void> {
    this.#closed = true;
    for (const running of this.#running) running?.worker.close();
    this.#running.fill(undefined);
    return Promise.resolve();
  }
}

/** Of the kernel's sixteen figures those that somebody looks at. */
const RESOURCES: readonly string[] = ['ru_utime', 'ru_stime', 'ru_maxrss'];

/** Every number in a dump under its path: `drops.unknown-class` → drops_unknown_class. */
function addNumbers(totals: Map<string, number>, prefix: string, value: object): void {
  for (const [key, inner] of Object.entries(value) as [string, unknown][]) {
    if (key === 'pid' || (key.startsWith('ru_') && !RESOURCES.includes(key))) continue;
    const name = `${prefix}${key.replaceAll(/[^A-Za-z0-9]+/g, '_')}`;
    if (typeof inner === 'number') totals.set(name, (totals.get(name) ?? 0) + inner);
    else if (typeof inner === 'object' && inner !== null && !Array.isArray(inner))
      addNumbers(totals, `${name}_`, inner);
  }
}

class SfuRoom implements MediaRoom {
  /** By the CSRC of their source. */
  readonly #producers = new Map<number, Producer>();

  constructor(
    private readonly running: Running,
    private readonly router: Router,
    private readonly virtual: VirtualStreams,
    private readonly listen: readonly MediaListen[],
    private readonly log: Logger,
  ) {
    router.observer.once('close', () => running.rooms.delete(this));
  }

  get lost(): boolean {
    return this.router.closed;
  }
  get worker(): number {
    return this.running.index;
  }

  createRecordingTap(request: RecordingTapRequest): Promise<RecordingTap> {
    const { router, virtual } = this;
    return SfuRecordingTap.create(
      { router, virtual, producerOf: (csrc) => this.#producers.get(csrc)?.id },
      request,
    );
  }

  createSession(request: MediaSessionRequest, events: MediaSessionEvents): Promise<MediaSession> {
    const { worker, webRtcServer } = this.running;
    const { router, log } = this;
    const stage = request.receiver?.stage;
    const receiving = stage instanceof SfuStage ? stage.virtual : this.virtual;
    return SfuSession.create(
      {
        worker,
        webRtcServer,
        router,
        virtual: this.virtual,
        receiving,
        log,
        producerOf: (csrc) => this.#producers.get(csrc)?.id,
        addProducer: (csrc, producer) => this.#addProducer(csrc, producer),
      },
      request,
      events,
    );
  }

  /** Until it closes, or another takes its place. */
  #addProducer(csrc: number, producer: Producer): void {
    this.#producers.set(csrc, producer);
    producer.observer.once('close', () => {
      if (this.#producers.get(csrc) === producer) this.#producers.delete(csrc);
    });
  }

  createRtpOutput(request: RtpOutputRequest): Promise<RtpOutput> {
    const { router, listen } = this;
    const virtual = request.stage instanceof SfuStage ? request.stage.virtual : this.virtual;
    return SfuRtpOutput.create({ router, virtual, listen }, request);
  }

  createRtpInput(request: RtpInputRequest, events: MediaSessionEvents): Promise<RtpInput> {
    const { router, virtual, listen, log } = this;
    const addProducer = (csrc: number, producer: Producer): void => this.#addProducer(csrc, producer);
    return SfuRtpInput.create(
      { worker: this.running.worker, router, virtual, listen, addProducer, log },
      request,
      events,
    );
  }

  videoCodecOf(csrc: number): RtpVideoCodec | undefined {
    const mimeType = this.#producers.get(csrc)?.rtpParameters.codecs[0]?.mimeType.toLowerCase();
    return RTP_VIDEO_CODECS.find((codec) => mimeType === `video/${codec}`);
  }

  async createStage(): Promise<MediaStage> {
    const virtual = await this.router.createVirtualStreams({ audioSlots: 1, videoSlots: 1 });
    return new SfuStage(
      virtual,
      (session) =>
        session instanceof SfuSession || session instanceof SfuRtpInput ? session.cast : undefined,
      this.log,
    );
  }
  async createCapture(): Promise<MediaCapture> {
    return new SfuCapture(await this.router.createCapture());
  }

  close(): void {
    this.router.close();
  }
}
