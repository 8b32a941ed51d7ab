/**
 * A platform in which time stands still until a test moves it, with a server of a few lines behind it. Everything
 * that a call asks for (peers, requests, timers) can be seen and answered here.
 */
import { CallError } from '../src/errors.js';
import type {
  AudioSink,
  LevelMeter,
  MediaPeer,
  PeerHandlers,
  PeerSlot,
  Platform,
  ScreenTracks,
  ServerEventHandlers,
  SlotCounts,
  SlotLook,
} from '../src/platform.js';
import type { Source } from '../src/messages.js';
import type { SlotReading } from '../src/slotReading.js';

/** Lets all promises that can settle do so; no time passes. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 60; turn++) await Promise.resolve();
}

/** As much of a Response as is read; a real one needs turns of the event loop. */
const response = (status: number, body: object): Response =>
  ({ status, ok: status < 300, json: async () => body }) as unknown as Response;

export class FakeTrack extends EventTarget {
  enabled = true;
  stopped = false;
  contentHint = '';
  constructor(
    readonly label: string,
    readonly kind: 'audio' | 'video' = 'audio',
  ) {
    super();
  }
  stop(): void {
    this.stopped = true;
  }
  asTrack(): MediaStreamTrack {
    return this as unknown as MediaStreamTrack;
  }
}

/** A slot whose readings a test writes, and that notes how long it is told to hold things back. */
export class FakeSlot implements PeerSlot {
  readonly mid: string;
  readonly track: MediaStreamTrack;
  readonly stream: MediaStream;
  reading: SlotReading = { contributing: [], synchronization: [] };
  playoutDelayMs: number | null = null;
  buffered: number | undefined;

  constructor(
    readonly index: number,
    kind: 'audio' | 'video',
  ) {
    this.mid = String(index + (kind === 'audio' ? 4 : 20));
    this.track = new FakeTrack(`${kind} slot ${index}`, kind).asTrack();
    this.stream = { id: `${kind} stream ${index}` } as MediaStream;
  }
  read(): SlotReading {
    return this.reading;
  }
  setPlayoutDelay(delayMs: number | null): void {
    this.playoutDelayMs = delayMs;
  }
  async look(): Promise<SlotLook> {
    return { bufferedMs: this.buffered, deviceMs: undefined };
  }
  /** The packet that is played now. */
  plays(source: number, timestamp: number, rtpTimestamp?: number): void {
    this.reading = { contributing: [{ source, timestamp, rtpTimestamp }], synchronization: [] };
  }
}

export class FakePeer implements MediaPeer {
  readonly audioSlots: FakeSlot[];
  readonly videoSlots: FakeSlot[];
  readonly canDelay = true;
  readonly sent: Record<string, unknown>[] = [];
  readonly applied: string[] = [];
  readonly tracks: Record<Source, MediaStreamTrack | null> = {
    microphone: null,
    screenSound: null,
    camera: null,
    screen: null,
  };
  channelOpen = false;
  closed = false;
  offers = 0;

  constructor(
    counts: SlotCounts,
    readonly handlers: PeerHandlers,
    readonly onSend: (peer: FakePeer, request: Record<string, unknown>) => void,
    readonly onApplied: (peer: FakePeer, answer: string) => void,
  ) {
    this.audioSlots = Array.from({ length: counts.audio }, (_, index) => new FakeSlot(index, 'audio'));
    this.videoSlots = Array.from({ length: counts.video }, (_, index) => new FakeSlot(index, 'video'));
  }

  get microphone(): MediaStreamTrack | null {
    return this.tracks.microphone;
  }
  async createOffer(iceRestart: boolean): Promise<string> {
    this.offers += 1;
    return iceRestart ? 'restart-offer' : 'offer';
  }
  async apply(_offer: string, answer: string): Promise<void> {
    this.applied.push(answer);
    queueMicrotask(() => this.onApplied(this, answer));
  }
  async setTrack(source: Source, track: MediaStreamTrack | null): Promise<void> {
    this.tracks[source] = track;
  }
  /** What was asked for on the channel under this name, oldest first. */
  asked(name: string): unknown[] {
    return this.sent.flatMap((request) => (name in request ? [request[name]] : []));
  }
  send(text: string): boolean {
    if (!this.channelOpen) return false;
    const { request } = JSON.parse(text) as { request: Record<string, unknown> };
    this.sent.push(request);
    this.onSend(this, request);
    return true;
  }
  async getStats(): Promise<RTCStatsReport> {
    return new Map() as unknown as RTCStatsReport;
  }
  close(): void {
    this.closed = true;
    this.channelOpen = false;
  }

  say(message: object): void {
    this.handlers.message(JSON.stringify(message));
  }
}

interface Timer {
  atMs: number;
  periodMs: number | undefined;
  run: () => void;
}

export interface ServerCall {
  atMs: number;
  method: string;
  path: string;
  body: Record<string, unknown>;
  authorization: string | undefined;
}

export class FakePlatform implements Platform {
  now = 1_000;
  readonly timers = new Set<Timer>();
  readonly peers: FakePeer[] = [];
  readonly calls: ServerCall[] = [];
  readonly events: { url: string; handlers: ServerEventHandlers; closed: boolean }[] = [];
  readonly microphones: { track: FakeTrack; constraints: MediaTrackConstraints }[] = [];
  watchers: { online(): void; offline(): void; pageHide(): void } | undefined;
  microphoneProblem: Error | undefined;
  readonly cameras: { track: FakeTrack; constraints: MediaTrackConstraints }[] = [];
  cameraProblem: Error | undefined;
  readonly screens: { video: FakeTrack; sound: FakeTrack | undefined }[] = [];
  screenProblem: Error | undefined;
  sinkClosed = false;
  readonly played: (readonly MediaStream[])[] = [];

  /** What the server does with a request over HTTP; 'unreachable' is a network without it, 'silent' never answers. */
  onCreate: (body: Record<string, unknown>) => { status: number; body: object } | 'unreachable' | 'silent' =
    () => this.created();
  onRestart: () => { status: number; body: object } | 'unreachable' | 'silent' = () => ({
    status: 200,
    body: { answer: 'restart-answer' },
  });
  /** What the server grants. */
  videoSlots = 9;
  canPublish = true;
  canRecord = false;
  /** Told in one message with the session. */
  recording: object | undefined;
  /** Whether a peer's checks reach the server once its answer is applied. */
  mediaWorks = true;
  /** Answers each request on the channel with OK unless a test says otherwise. */
  onRequest: (peer: FakePeer, request: Record<string, unknown>) => void = (peer, { requestId }) =>
    peer.say({ response: { requestId, status: { code: 0, message: '', details: [] } } });
  resources: object[] = [
    { id: 1, participant: { participantId: 'p_me', displayName: 'Me', joinedAtMs: 2, self: true } },
    { id: 2, participant: { participantId: 'p_ada', displayName: 'Ada', joinedAtMs: 1 } },
    {
      id: 3,
      mediaEntry: {
        participantId: 'p_ada',
        screenshare: false,
        audioCsrc: 1001,
        videoCsrc: 2001,
        audioMuted: false,
        videoMuted: true,
      },
    },
    {
      id: 4,
      mediaEntry: {
        participantId: 'p_me',
        screenshare: false,
        audioCsrc: 1002,
        videoCsrc: 2002,
        audioMuted: false,
        videoMuted: true,
      },
    },
  ];
  #sessions = 0;

  created(): { status: number; body: object } {
    this.#sessions += 1;
    return {
      status: 201,
      body: { answer: 'answer', sessionId: `s${this.#sessions}`, participantId: 'p_me', iceServers: [] },
    };
  }

  get peer(): FakePeer {
    return this.peers.at(-1)!;
  }

  nowMs(): number {
    return this.now;
  }
  after(delayMs: number, run: () => void): () => void {
    return this.#schedule({ atMs: this.now + delayMs, periodMs: undefined, run });
  }
  every(periodMs: number, run: () => void): () => void {
    return this.#schedule({ atMs: this.now + periodMs, periodMs, run });
  }
  #schedule(timer: Timer): () => void {
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  }
  chance(): number {
    return 0.5; // no jitter
  }

  /** Moves the clock, running each timer at its own time. */
  async advance(ms: number): Promise<void> {
    const until = this.now + ms;
    await settle();
    for (;;) {
      const next = [...this.timers].sort((a, b) => a.atMs - b.atMs)[0];
      if (!next || next.atMs > until) break;
      this.now = next.atMs;
      if (next.periodMs === undefined) this.timers.delete(next);
      else next.atMs += next.periodMs;
      next.run();
      await settle();
    }
    this.now = until;
  }

  async fetch(url: string, init: RequestInit): Promise<Response> {
    const path = new URL(url).pathname;
    const body = (init.body === undefined ? {} : JSON.parse(String(init.body))) as Record<string, unknown>;
    const headers = init.headers as Record<string, string>;
    this.calls.push({
      atMs: this.now,
      method: init.method ?? 'GET',
      path,
      body,
      authorization: headers.authorization,
    });
    if (init.method === 'DELETE') return response(204, {});
    const restart = path.endsWith('/restart');
    const answer = restart ? this.onRestart() : this.onCreate(body);
    if (answer === 'unreachable') throw new TypeError('fetch failed');
    if (answer === 'silent')
      return new Promise((_, reject) =>
        init.signal?.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError'))),
      );
    return response(answer.status, answer.body);
  }

  recover(peer: FakePeer): void {
    if (!peer.closed) peer.handlers.state('connected');
  }
  bringUp(peer: FakePeer): void {
    if (peer.closed) return;
    peer.handlers.state('connecting');
    peer.handlers.state('connected');
    peer.channelOpen = true;
    peer.handlers.channelOpen();
    peer.say({
      resources: [
        {
          session: {
            participantId: 'p_me',
            room: 'room',
            audioSlots: 3,
            videoSlots: this.videoSlots,
            serverTimeMs: 0,
            canPublish: this.canPublish,
            canRecord: this.canRecord,
            roles: ['join'],
          },
        },
        ...(this.recording ? [{ recording: this.recording }] : []),
      ],
    });
    for (const resource of this.resources) peer.say({ resources: [resource] });
    peer.say({
      resources: [{ speakers: { slots: [0, 1, 2].map((slot) => ({ slot, csrc: 0, epoch: 0 })) } }],
    });
  }

  createPeer(counts: SlotCounts, handlers: PeerHandlers): MediaPeer {
    const peer = new FakePeer(
      counts,
      handlers,
      (from, request) => this.onRequest(from, request),
      (applied, answer) => {
        if (!this.mediaWorks) return;
        if (answer === 'restart-answer') this.recover(applied);
        else this.bringUp(applied);
      },
    );
    this.peers.push(peer);
    return peer;
  }
  openEvents(url: string, handlers: ServerEventHandlers): () => void {
    const opened = { url, handlers, closed: false };
    this.events.push(opened);
    return () => {
      opened.closed = true;
    };
  }
  async openMicrophone(constraints: MediaTrackConstraints): Promise<MediaStreamTrack> {
    if (this.microphoneProblem) throw this.microphoneProblem;
    const track = new FakeTrack(`microphone ${this.microphones.length}`);
    this.microphones.push({ track, constraints });
    return track.asTrack();
  }
  async openCamera(constraints: MediaTrackConstraints): Promise<MediaStreamTrack> {
    if (this.cameraProblem) throw this.cameraProblem;
    const track = new FakeTrack(`camera ${this.cameras.length}`, 'video');
    this.cameras.push({ track, constraints });
    return track.asTrack();
  }
  async openScreen({ sound }: { sound: boolean }): Promise<ScreenTracks> {
    if (this.screenProblem) throw this.screenProblem;
    const screen = {
      video: new FakeTrack(`screen ${this.screens.length}`, 'video'),
      sound: sound ? new FakeTrack(`screen sound ${this.screens.length}`) : undefined,
    };
    this.screens.push(screen);
    return { video: screen.video.asTrack(), sound: screen.sound?.asTrack() };
  }
  createLevelMeter(): LevelMeter {
    return { level: () => 0.25, close: () => {} };
  }
  createAudioSink(): AudioSink {
    return {
      attach: () => {},
      play: (streams) => void this.played.push(streams),
      resume: async () => {},
      close: () => {
        this.sinkClosed = true;
      },
    };
  }
  watch(handlers: { online(): void; offline(): void; pageHide(): void }): () => void {
    this.watchers = handlers;
    return () => {
      this.watchers = undefined;
    };
  }

  requests(method: string, ending: string): ServerCall[] {
    return this.calls.filter((call) => call.method === method && call.path.endsWith(ending));
  }
}

export const denied = (): Error => new CallError('MICROPHONE_DENIED');
