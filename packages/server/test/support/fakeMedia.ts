/** A media side without media: gives plausible parameters, records what it was told, and does what a test says. */
import type { RtpParameters } from '@tertulia/wire';
import { PortInUseError } from '../../src/media/mediaPort.js';
import type { SessionFigures } from '../../src/media/figures.js';
import type {
  CaptureBatch,
  CapturedPacket,
  IceSide,
  MediaCapture,
  MediaChannel,
  MediaPort,
  MediaRoom,
  MediaSession,
  MediaSessionEvents,
  MediaSessionRequest,
  MediaStage,
  PayloadType,
  SessionStats,
  RecordingTap,
  RecordingTapRequest,
  RtpInput,
  RtpInputRequest,
  RtpOutput,
  RtpOutputRequest,
  RtpVideoCodec,
  TapReceiver,
  TapTrack,
} from '../../src/media/mediaPort.js';
import type {
  Canvas,
  LayoutResult,
  MaxResolution,
  SlotChange,
  SourceName,
  VideoAssignment,
  VideoSlotChange,
} from '../../src/rooms/news.js';

export class FakeChannel implements MediaChannel {
  readonly sent: string[] = [];
  closed = false;
  constructor(
    readonly id: number,
    readonly label: string,
    private readonly session: FakeSession,
  ) {}

  send(text: string): void {
    if (!this.closed && !this.session.closed) {
      this.sent.push(text);
      this.session.log.push({ label: this.label, message: JSON.parse(text) as Record<string, unknown> });
    }
  }
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.session.events.channelClosed(this);
  }
  /** As if the client had sent it. */
  receive(data: string | Uint8Array | object): void {
    const text = typeof data === 'string' || data instanceof Uint8Array ? data : JSON.stringify(data);
    this.session.events.channelMessage(this, text);
  }
  get messages(): Record<string, unknown>[] {
    return this.sent.map((text) => JSON.parse(text) as Record<string, unknown>);
  }
}

export class FakeSession implements MediaSession {
  readonly id: string;
  ice: IceSide;
  readonly fingerprints = [{ algorithm: 'sha-256', value: Array.from({ length: 32 }, () => 'AB').join(':') }];
  readonly sources: { name: SourceName; csrc: number }[];
  readonly audioSlots: { mid: string; rtpParameters: RtpParameters }[];
  readonly videoSlots: { mid: string; rtpParameters: RtpParameters }[];
  readonly paused = new Map<SourceName, boolean>();
  readonly pinned = new Map<SourceName, boolean>();
  readonly layouts: { canvases: readonly Canvas[]; maxResolution: MaxResolution | undefined }[] = [];
  /** What the next layouts are answered with. */
  layoutResult: LayoutResult = { ok: true, assignments: [] };
  readonly channels: FakeChannel[] = [];
  statsAsked = 0;
  figures: SessionFigures = {
    transport: { receivedBitsPerSecond: 0, sentBitsPerSecond: 0, drops: {} },
    sources: [],
    slots: [],
  };
  /** All messages on all channels, in order. */
  readonly log: { label: string; message: Record<string, unknown> }[] = [];
  mediaStopped = false;
  closed = false;
  restarts = 0;

  constructor(
    private readonly number: number,
    readonly request: MediaSessionRequest,
    readonly events: MediaSessionEvents,
  ) {
    this.id = `media-${number}`;
    this.ice = this.#newIce();
    this.sources = request.sources.map(({ name, csrc }, at) => ({
      name,
      csrc: csrc ?? number * 1_000 + at + 1,
    }));
    for (const { name, paused } of request.sources) this.paused.set(name, paused);
    const { mids = { audio: [], video: [] }, rtpCapabilities = {} } = request.receiver ?? {};
    const parametersOf = (wanted: 'audio' | 'video', mid: string, ssrc: number): RtpParameters => ({
      mid,
      codecs: (rtpCapabilities.codecs ?? [])
        .filter(({ kind }) => kind === wanted)
        .map(({ kind: _kind, preferredPayloadType = 0, ...codec }) => ({
          ...codec,
          payloadType: preferredPayloadType,
        })),
      headerExtensions: (rtpCapabilities.headerExtensions ?? [])
        .filter(({ kind }) => kind === wanted)
        .map(({ uri, preferredId }) => ({ uri, id: preferredId })),
      encodings: [wanted === 'audio' ? { ssrc } : { ssrc, rtx: { ssrc: ssrc + 1 } }],
      rtcp: { cname: `fake-${number}`, reducedSize: true },
    });
    const firstSsrc = 900_000_000 + number * 100;
    this.audioSlots = mids.audio.map((mid, at) => ({
      mid,
      rtpParameters: parametersOf('audio', mid, firstSsrc + at),
    }));
    this.videoSlots = mids.video.map((mid, at) => ({
      mid,
      rtpParameters: parametersOf('video', mid, firstSsrc + 20 + 2 * at),
    }));
  }

  #newIce(): IceSide {
    return {
      usernameFragment: `frag${this.number}x${this.restarts}`,
      password: `password-of-${this.number}-${this.restarts}-abcdefgh`,
      candidates: [
        {
          foundation: 'udpcandidate',
          priority: 2_113_667_327,
          address: '127.0.0.1',
          port: 40_000,
          protocol: 'udp',
        },
      ],
    };
  }

  get transportIds(): readonly string[] {
    return [this.id];
  }
  readonly payloadTypes: readonly PayloadType[] = [
    { direction: 'incoming', payloadType: 111, codec: 'opus/48000' },
    { direction: 'outgoing', payloadType: 109, codec: 'opus/48000' },
  ];
  setPaused(source: SourceName, paused: boolean): void {
    this.paused.set(source, paused);
  }
  setPinned(source: SourceName, pinned: boolean): void {
    this.pinned.set(source, pinned);
  }
  setLayout(canvases: readonly Canvas[], maxResolution: MaxResolution | undefined): Promise<LayoutResult> {
    this.layouts.push({ canvases, maxResolution });
    return Promise.resolve(this.layoutResult);
  }
  restartIce(): Promise<IceSide> {
    this.restarts++;
    this.ice = this.#newIce();
    return Promise.resolve(this.ice);
  }
  stopMedia(): void {
    this.mediaStopped = true;
  }
  stats(): Promise<SessionStats> {
    this.statsAsked++;
    return Promise.resolve({ media: { id: this.id }, figures: this.figures });
  }
  close(): void {
    this.closed = true;
  }

  // What a test does.

  connect(): this {
    this.events.connected();
    return this;
  }
  open(label: string): FakeChannel {
    const channel = new FakeChannel(this.channels.length, label, this);
    this.channels.push(channel);
    this.events.channelOpened(channel);
    return channel;
  }
  assign(...assignments: Partial<VideoAssignment>[]): void {
    this.events.assignmentsChanged(
      assignments.map((assignment, at) => ({
        canvasId: at + 1,
        slot: at,
        ssrc: this.videoSlots[at]?.rtpParameters.encodings?.[0]?.ssrc,
        csrc: 0,
        participantId: '',
        active: true,
        ...assignment,
      })),
    );
  }
  videoSlotChanges(...changes: Partial<VideoSlotChange>[]): void {
    this.events.videoSlotsChanged(
      changes.map((change) => ({
        slot: 0,
        csrc: 0,
        epoch: 1,
        rtpTimestamp: 0,
        captureTimeMs: 0,
        ...change,
      })),
    );
  }
  slots(...changes: Partial<SlotChange>[]): void {
    this.events.slotsChanged(
      changes.map((change) => ({
        slot: 0,
        csrc: 0,
        loudest: false,
        epoch: 1,
        rtpTimestamp: 0,
        captureTimeMs: 0,
        ...change,
      })),
    );
  }
}

export class FakeStage implements MediaStage {
  /** Who is on it now, and who was before. */
  readonly shown: (MediaSession | undefined)[] = [];
  closed = false;
  get now(): MediaSession | undefined {
    return this.shown.at(-1);
  }
  show(session: MediaSession | undefined): void {
    this.shown.push(session);
  }
  close(): void {
    this.closed = true;
  }
}

/** Records which sources are sent. */
export class FakeTap implements RecordingTap {
  readonly id: string;
  readonly address: { ip: string; port: number };
  /** CSRCs whose packets go out now. */
  readonly sending = new Set<number>();
  slots: { audio: number; video: number } | undefined;
  slotsStarted = false;
  closed = false;
  constructor(
    number: number,
    private readonly room: FakeRoom,
    readonly request: RecordingTapRequest,
  ) {
    this.id = `tap-${number}`;
    this.address = { ip: '127.0.0.1', port: 50_000 + number };
  }

  addSource(csrc: number): Promise<TapTrack> {
    const source = this.room.sessions
      .filter(({ closed, mediaStopped }) => !closed && !mediaStopped)
      .flatMap(({ sources }) => sources)
      .find((one) => one.csrc === csrc);
    if (!source || this.closed) return Promise.reject(new Error(`there is no source ${csrc}`));
    return Promise.resolve({
      kind: /^(microphone|screenSound)$/.test(source.name) ? 'audio' : 'video',
      rtpParameters: { codecs: [], encodings: [{ ssrc: csrc }] },
      start: () => Promise.resolve(void this.sending.add(csrc)),
      close: () => void this.sending.delete(csrc),
    });
  }
  addReceiver(slots: { audio: number; video: number }): Promise<TapReceiver> {
    this.slots = slots;
    const parameters = (count: number): RtpParameters[] =>
      Array.from({ length: count }, () => ({ codecs: [] }));
    return Promise.resolve({
      audio: parameters(slots.audio),
      video: parameters(slots.video),
      start: () => Promise.resolve(void (this.slotsStarted = true)),
    });
  }
  close(): void {
    this.closed = true;
    this.sending.clear();
  }
}

export class FakeRtpOutput implements RtpOutput {
  readonly audio: RtpParameters | undefined;
  readonly video: RtpParameters | undefined;
  readonly ip = '127.0.0.1';
  keyFrameRequests = 0;
  closed = false;
  constructor(readonly request: RtpOutputRequest) {
    const parameters = (mimeType: string, payloadType: number, channels?: number): RtpParameters => ({
      codecs: [
        { mimeType, payloadType, clockRate: channels ? 48_000 : 90_000, ...(channels ? { channels } : {}) },
      ],
      encodings: [{ ssrc: 4_000_000_000 + payloadType }],
      rtcp: { cname: 'fake' },
    });
    if (request.audioPort !== undefined) this.audio = parameters('audio/opus', 111, 2);
    if (request.videoPort !== undefined) this.video = parameters(`video/${request.videoCodec}`, 96);
  }
  requestKeyFrame(): Promise<void> {
    this.keyFrameRequests++;
    return Promise.resolve();
  }
  bytes(): Promise<number> {
    return Promise.resolve(1_234);
  }
  close(): void {
    this.closed = true;
  }
}

/** Sound and pictures at fixed ports. */
export class FakeRtpInput extends FakeSession implements RtpInput {
  readonly audioPort: RtpInput['audioPort'];
  readonly videoPort: RtpInput['videoPort'];
  constructor(number: number, rtp: RtpInputRequest, events: MediaSessionEvents) {
    const source = (name: SourceName, rtpParameters: RtpParameters | undefined) =>
      rtpParameters ? [{ name, rtpParameters, paused: true, csrc: undefined }] : [];
    super(
      number,
      {
        participantId: rtp.participantId,
        fingerprints: [],
        sources: [...source('microphone', rtp.audio), ...source('camera', rtp.video)],
        receiver: undefined,
        dataChannels: false,
      },
      events,
    );
    const srtp = rtp.remote
      ? ({ cryptoSuite: 'AES_CM_128_HMAC_SHA1_80', keyBase64: 'c2VjcmV0' } as const)
      : undefined;
    const at = (port: number) => ({ ip: '127.0.0.1', port, rtcpPort: port + 1, srtp });
    const { port = 20_000 } = rtp;
    this.audioPort = rtp.audio && at(port);
    this.videoPort = rtp.video && at(port + 2);
  }
}

export class FakeRoom implements MediaRoom {
  readonly outputs: FakeRtpOutput[] = [];
  videoCodec: RtpVideoCodec | undefined = 'vp8';
  readonly sessions: FakeSession[] = [];
  readonly stages: FakeStage[] = [];
  readonly captures: FakeCapture[] = [];
  readonly taps: FakeTap[] = [];
  readonly worker = 0;
  lost = false;
  closed = false;
  constructor(
    readonly name: string,
    private readonly media: FakeMedia,
  ) {}

  createSession(request: MediaSessionRequest, events: MediaSessionEvents): Promise<FakeSession> {
    if (this.media.failing) return Promise.reject(new Error('no free port'));
    const session = new FakeSession(++this.media.sessionCount, request, events);
    this.sessions.push(session);
    this.media.sessions.push(session);
    return Promise.resolve(session);
  }
  createStage(): Promise<FakeStage> {
    if (this.media.failing) return Promise.reject(new Error('no memory'));
    const stage = new FakeStage();
    this.stages.push(stage);
    return Promise.resolve(stage);
  }
  createRecordingTap(request: RecordingTapRequest): Promise<FakeTap> {
    if (this.media.failing) return Promise.reject(new Error('no free port'));
    const tap = new FakeTap(this.media.taps.length + 1, this, request);
    this.taps.push(tap);
    this.media.taps.push(tap);
    return Promise.resolve(tap);
  }
  createRtpOutput(request: RtpOutputRequest): Promise<FakeRtpOutput> {
    if (this.media.failing) return Promise.reject(new Error('no free port'));
    const output = new FakeRtpOutput(request);
    this.outputs.push(output);
    return Promise.resolve(output);
  }
  createRtpInput(request: RtpInputRequest, events: MediaSessionEvents): Promise<FakeRtpInput> {
    if (this.media.failing) return Promise.reject(new Error('no free port'));
    const taken = this.sessions.some(
      (each) =>
        each instanceof FakeRtpInput &&
        !each.closed &&
        request.port !== undefined &&
        each.audioPort?.port === request.port,
    );
    if (taken) return Promise.reject(new PortInUseError('port'));
    const input = new FakeRtpInput(++this.media.sessionCount, request, events);
    this.sessions.push(input);
    this.media.sessions.push(input);
    return Promise.resolve(input);
  }
  videoCodecOf(): RtpVideoCodec | undefined {
    return this.videoCodec;
  }
  createCapture(): Promise<FakeCapture> {
    const capture = new FakeCapture();
    this.captures.push(capture);
    return Promise.resolve(capture);
  }
  close(): void {
    this.closed = true;
    for (const capture of this.captures) capture.gone = true;
  }
}

/** Packets are what a test puts into it. */
export class FakeCapture implements MediaCapture {
  readonly sessions: MediaSession[] = [];
  readonly losses = new Map<string, { incoming: number; outgoing: number }>();
  packets: CapturedPacket[] = [];
  lost = 0;
  closed = false;
  gone = false;

  add(session: MediaSession): Promise<void> {
    this.sessions.push(session);
    return Promise.resolve();
  }
  read(): Promise<CaptureBatch> {
    if (this.gone) return Promise.reject(new Error('the media process is gone'));
    return Promise.resolve({ packets: this.packets.splice(0), losses: this.losses, lost: this.lost });
  }
  close(): void {
    this.closed = true;
  }
}

export class FakeMedia implements MediaPort {
  readonly rooms: FakeRoom[] = [];
  readonly sessions: FakeSession[] = [];
  readonly taps: FakeTap[] = [];
  sessionCount = 0;
  available = true;
  failing = false;
  closed = false;

  createRoom(name: string): Promise<FakeRoom> {
    const room = new FakeRoom(name, this);
    this.rooms.push(room);
    return Promise.resolve(room);
  }
  counters(): Promise<ReadonlyMap<string, number>> {
    return Promise.resolve(new Map([['drops_unknown_class', 3]]));
  }
  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }

  get last(): FakeSession {
    const session = this.sessions.at(-1);
    if (!session) throw new Error('no session was made');
    return session;
  }
  /** The media process dies. */
  die(): void {
    for (const room of this.rooms) {
      room.lost = true;
      for (const session of room.sessions) if (!session.closed) session.events.lost('process-died');
      for (const output of room.outputs) if (!output.closed) output.request.lost();
      for (const tap of room.taps) {
        if (tap.closed) continue;
        tap.close();
        tap.request.lost();
      }
    }
  }
}
