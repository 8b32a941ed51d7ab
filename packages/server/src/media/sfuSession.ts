/**
 * One session over @tertulia/sfu: a transport, a producer per source, a receiver for the slots, a data channel for each
 * that the client opens. Turns the library's events into those of mediaPort.ts; `lost` comes once, as the last.
 */
import type {
  DataChannel,
  DtlsFingerprint,
  IceCandidate,
  IceParameters,
  Assignment,
  Canvas as LibraryCanvas,
  Receiver,
  Router,
  VideoSlotChange as LibraryVideoSlotChange,
  VirtualStreams,
  WebRtcServer,
  WebRtcTransport,
  Worker,
} from '@tertulia/sfu';
import type {
  Canvas,
  LayoutResult,
  MaxResolution,
  SlotChange,
  SourceName,
  VideoAssignment,
  VideoSlotChange,
} from '../rooms/news.js';
import { slotFigures, transportFigures } from './figures.js';
import type {
  Fingerprint,
  IceSide,
  MediaChannel,
  MediaSession,
  MediaSessionEvents,
  MediaSessionRequest,
  PayloadType,
  SessionStats,
} from './mediaPort.js';
import { payloadTypesOf, SfuSources, type SourcesParts } from './sfuSources.js';
import type { Cast } from './sfuStage.js';

export interface SfuParts extends SourcesParts {
  readonly worker: Worker;
  readonly webRtcServer: WebRtcServer;
  readonly router: Router;
  /** Where its slots come from: the room's as well, or a stage's. */
  readonly receiving: VirtualStreams;
  /** Of a source of the room, whoever has it. */
  readonly producerOf: (csrc: number) => string | undefined;
}

const LAYOUT_ERRORS = ['INVALID_CANVAS', 'TOO_MANY_CANVASES', 'OWN_SOURCE'] as const;

/** In the answer stands one fingerprint; this hash is the one that every client knows. */
const ANSWERED_HASH = 'sha-256';

export class SfuSession implements MediaSession {
  readonly fingerprints: readonly Fingerprint[];
  readonly #sources: SfuSources;
  #receiver: Receiver | undefined;
  #connected = false;
  #over = false;

  /** @throws when the media process refuses any part; nothing of it is left then. */
  static async create(
    parts: SfuParts,
    request: MediaSessionRequest,
    events: MediaSessionEvents,
  ): Promise<SfuSession> {
    const transport = await parts.router.createWebRtcTransport({
      webRtcServer: parts.webRtcServer,
      // TCP is for networks without UDP: a lost packet holds up all that come after it.
      enableTcp: true,
      preferUdp: true,
      enableDcep: request.dataChannels,
    });
    const sources = new SfuSources(parts, request.participantId ?? '');
    const session = new SfuSession(parts, transport, sources, events);
    try {
      await session.#setUp(request);
    } catch (error) {
      session.close();
      throw error;
    }
    return session;
  }

  private constructor(
    private readonly parts: SfuParts,
    private readonly transport: WebRtcTransport,
    sources: SfuSources,
    private readonly events: MediaSessionEvents,
  ) {
    this.#sources = sources;
    this.fingerprints = transport.dtlsParameters.fingerprints.filter(
      ({ algorithm }) => algorithm === ANSWERED_HASH,
    );
    transport.on('icestatechange', (state) => {
      if (state === 'disconnected' || state === 'closed') this.#lose('consent-lost');
    });
    transport.on('dtlsstatechange', (state) => {
      if (state === 'connected') this.#connect();
      else if (state === 'failed' || state === 'closed') this.#lose('peer-closed');
    });
    transport.on('datachannel', (channel) => this.#openChannel(channel));
    transport.observer.once('close', () => this.#lose(parts.worker.died ? 'process-died' : 'peer-closed'));
  }

  get id(): string {
    return this.transport.id;
  }
  get ice(): IceSide {
    return this.#iceSide(this.transport.iceParameters);
  }
  get sources(): readonly { name: SourceName; csrc: number }[] {
    return this.#sources.named;
  }
  /** What of it goes on a stage. */
  get cast(): Cast {
    const { participantId, all } = this.#sources;
    return {
      participantId,
      sources: all.filter(({ name }) => name === 'microphone' || name === 'camera'),
    };
  }
  get audioSlots(): MediaSession['audioSlots'] {
    return (this.#receiver?.audio ?? []).map(({ mid, rtpParameters }) => ({ mid, rtpParameters }));
  }

  get videoSlots(): MediaSession['videoSlots'] {
    return (this.#receiver?.video ?? []).map(({ mid, rtpParameters }) => ({ mid, rtpParameters }));
  }

  get transportIds(): readonly string[] {
    return [this.transport.id];
  }

  get payloadTypes(): readonly PayloadType[] {
    const slots = [...(this.#receiver?.audio ?? []), ...(this.#receiver?.video ?? [])];
    const outgoing = slots.flatMap(({ rtpParameters }) => payloadTypesOf('outgoing', rtpParameters));
    const all = [...this.#sources.payloadTypes, ...outgoing];
    // Slots of a kind have the same ones.
    return [...new Map(all.map((one) => [`${one.direction} ${one.payloadType}`, one])).values()];
  }

  async setLayout(
    canvases: readonly Canvas[],
    maxResolution: MaxResolution | undefined,
  ): Promise<LayoutResult> {
    const receiver = this.#receiver;
    if (!receiver || this.#over)
      return { ok: false, code: 'UNAVAILABLE', message: 'The session receives nothing.' };
    try {
      const wanted = canvases.map(({ mode, ...canvas }) => ({ ...canvas, mode: this.#mode(mode) }));
      const assignments = await receiver.setLayout(wanted, { maxResolution });
      return { ok: true, assignments: this.#plainAssignments(assignments) };
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      const known = LAYOUT_ERRORS.find((name) => name === code);
      if (!known) this.parts.log.debug({ err: error }, 'layout could not be carried out');
      return {
        ok: false,
        code: known ?? 'UNAVAILABLE',
        message: String(known ?? 'The media process is gone.'),
      };
    }
  }

  /** A source of the room by its CSRC, in the words of the library. */
  #mode(mode: Canvas['mode']): LibraryCanvas['mode'] {
    if (mode === 'relevant' || 'participantId' in mode) return mode;
    return { producerId: this.parts.producerOf(mode.csrc) ?? `csrc ${mode.csrc}` };
  }

  setPaused(name: SourceName, paused: boolean): void {
    this.#sources.setPaused(name, paused);
  }

  setPinned(name: SourceName, pinned: boolean): void {
    this.#sources.setPinned(name, pinned);
  }

  async #setUp(request: MediaSessionRequest): Promise<void> {
    const { transport } = this;
    await transport.connect({
      dtlsParameters: {
        role: 'client',
        fingerprints: request.fingerprints.map((one) => ({ ...one }) as DtlsFingerprint),
      },
    });
    for (const source of request.sources) await this.#sources.add(transport, source);
    if (!request.receiver) return;
    const receiver = await this.parts.receiving.createReceiver({
      transport,
      rtpCapabilities: request.receiver.rtpCapabilities,
      participantId: request.participantId,
      mids: request.receiver.mids,
    });
    this.#receiver = receiver;
    const tell = (changes: readonly SlotChange[]): void => {
      if (!this.#over && changes.length > 0) this.events.slotsChanged(changes);
    };
    // What the slots carry from the start was told before anybody could listen.
    tell(receiver.audio.flatMap(({ lastChange }) => (lastChange ? [plain(lastChange)] : [])));
    receiver.on('slotschange', (changes) => tell(changes.map(plain)));
    receiver.on('videoslotschange', (changes) => {
      if (!this.#over) this.events.videoSlotsChanged(changes.map(plainVideo));
    });
    receiver.on('assignmentschange', (assignments) => {
      if (!this.#over) this.events.assignmentsChanged(this.#plainAssignments(assignments));
    });
  }

  #plainAssignments(assignments: readonly Assignment[]): VideoAssignment[] {
    return assignments.map(({ canvasId, slot, csrc, participantId, active }) => {
      const ssrc = slot === undefined ? undefined : this.#receiver?.video[slot]?.ssrc;
      return { canvasId, slot, ssrc, csrc, participantId, active };
    });
  }

  #iceSide({ usernameFragment, password }: IceParameters): IceSide {
    return { usernameFragment, password, candidates: this.transport.iceCandidates.map(candidateOf) };
  }

  #connect(): void {
    if (this.#connected || this.#over) return;
    this.#connected = true;
    this.events.connected();
  }

  #lose(cause: 'peer-closed' | 'consent-lost' | 'process-died'): void {
    if (this.#over) return;
    this.#over = true;
    this.events.lost(cause);
  }

  #openChannel(channel: DataChannel): void {
    if (this.#over) return;
    const shown: MediaChannel = {
      id: channel.id,
      label: channel.label,
      send: (text) => channel.send(text),
      close: () => channel.close(),
    };
    channel.on('message', (data) => {
      if (!this.#over) this.events.channelMessage(shown, data);
    });
    channel.on('close', () => {
      if (!this.#over) this.events.channelClosed(shown);
    });
    this.events.channelOpened(shown);
  }

  async restartIce(): Promise<IceSide> {
    return this.#iceSide(await this.transport.restartIce());
  }

  stopMedia(): void {
    this.#sources.close();
    this.#receiver?.close();
  }

  async stats(): Promise<SessionStats> {
    const receiver = this.#receiver;
    const [[transport], sources, slotStats = []] = await Promise.all([
      this.transport.getStats(),
      this.#sources.stats(),
      // Without media there is no receiver any more.
      receiver?.getStats().catch(() => undefined),
    ]);
    const slots = (receiver?.audio ?? []).map(({ index, ssrc, csrc, loudest }) => ({
      slot: index,
      ssrc,
      csrc,
      loudest,
    }));
    const videoSlots = (receiver?.video ?? []).map(({ index, ssrc, csrc, canvasId }) => ({
      slot: index,
      ssrc,
      csrc,
      ...(canvasId === undefined ? {} : { canvasId }),
    }));
    const ofSlots = slotStats.map((stat) =>
      slotFigures((stat.kind === 'audio' ? slots : videoSlots)[stat.slot], stat),
    );
    return {
      media: { transport, sources: sources.media, slots, videoSlots },
      figures: {
        transport: transportFigures(transport, ofSlots),
        sources: sources.figures,
        slots: ofSlots,
      },
    };
  }

  close(): void {
    this.#over = true;
    this.transport.close();
  }
}

function candidateOf({
  foundation,
  priority,
  address,
  port,
  protocol,
}: IceCandidate): IceSide['candidates'][number] {
  return { foundation, priority, address, port, protocol };
}

function plain({ slot, csrc, loudest, epoch, rtpTimestamp, captureTimeMs }: SlotChange): SlotChange {
  return { slot, csrc, loudest, epoch, rtpTimestamp, captureTimeMs };
}

function plainVideo({
  slot,
  csrc,
  epoch,
  rtpTimestamp,
  captureTimeMs,
}: LibraryVideoSlotChange): VideoSlotChange {
  return { slot, csrc, epoch, rtpTimestamp, captureTimeMs };
}
