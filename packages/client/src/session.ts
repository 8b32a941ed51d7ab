/**
 * One session: one peer connection, one offer and answer, one channel, one events stream. It ends once and does not
 * come back; what happens then is the call's decision. No state of the room is kept here.
 */
import { CallError } from './errors.js';
import {
  parseServerMessage,
  requestText,
  type RequestPayload,
  type ServerMessage,
  type Source,
} from './messages.js';
import type { MediaPeer, Platform, SlotCounts } from './platform.js';
import type { SessionApi } from './sessionApi.js';

export const SESSION_LIMITS = {
  requestMs: 10_000, // an answer on an open channel takes one round trip; later than this it will not come
} as const;

export interface SessionHandlers {
  transport(state: RTCPeerConnectionState): void;
  message(message: ServerMessage): void;
  /** The channel closed or the server asked for a new session. */
  lost(delayMs: number): void;
  moved(url: string): void;
  ended(reason: string): void;
  refused(why: string): void;
}

export type OwnTracks = Partial<Record<Source, MediaStreamTrack>>;

export interface OpenOptions {
  displayName: string;
  replaces: string | undefined;
  /** What is sent from the beginning. */
  tracks: OwnTracks;
  signal: AbortSignal;
}

/** Reasons after which the same person may come back at once, and how long to wait first. */
const RETURNING: Record<string, number> = {
  'media-lost': 0,
  draining: 1_000, // the process is on its way out; the next one needs a moment
};

type Waiting = { resolve: () => void; reject: (error: CallError) => void; cancel: () => void };

export class Session {
  readonly peer: MediaPeer;
  sessionId: string | undefined;
  participantId: string | undefined;
  #closed = false;
  #nextRequestId = 1;
  readonly #waiting = new Map<number, Waiting>();
  #closeEvents: (() => void) | undefined;
  #ready: { resolve: () => void; reject: (error: CallError) => void } | undefined;
  #transport: RTCPeerConnectionState = 'new';
  #announced = false;

  constructor(
    readonly platform: Platform,
    readonly api: SessionApi,
    slots: SlotCounts,
    readonly handlers: SessionHandlers,
  ) {
    this.peer = platform.createPeer(slots, {
      state: (state) => this.#onTransport(state),
      channelOpen: () => {},
      channelClosed: () => this.#lost(0),
      message: (text) => this.#onText(text),
    });
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Resolves when media can flow and the server has said who we are.
   * The abort signal is the deadline: it rejects with `CONNECTION_FAILED` once the server has answered.
   */
  async open({ displayName, replaces, tracks, signal }: OpenOptions): Promise<void> {
    for (const [source, track] of Object.entries(tracks) as [Source, MediaStreamTrack][])
      await this.peer.setTrack(source, track);
    const offer = await this.peer.createOffer(false);
    const body = replaces === undefined ? { offer, displayName } : { offer, displayName, replaces };
    const created = await this.api.create(body, signal);
    this.sessionId = created.sessionId;
    this.participantId = created.participantId;
    if (this.#closed || signal.aborted) throw new CallError('CONNECTION_FAILED');

    const ready = new Promise<void>((resolve, reject) => (this.#ready = { resolve, reject }));
    signal.addEventListener('abort', () => this.#ready?.reject(new CallError('CONNECTION_FAILED')), {
      once: true,
    });
    // It may reject while the answer is still being applied; that is reported below.
    ready.catch(() => {});
    this.#closeEvents = this.platform.openEvents(this.api.eventsUrl(created.sessionId), {
      rejoin: () => this.#lost(0),
      moved: (url) => !this.#closed && this.handlers.moved(url),
      ended: (reason) => this.#ended(reason),
    });
    try {
      await this.peer.apply(offer, created.answer, created.iceServers);
    } catch (cause) {
      throw new CallError('ANSWER_MALFORMED', undefined, { cause });
    }
    this.#checkReady();
    await ready;
  }

  async restartIce(signal: AbortSignal): Promise<void> {
    if (this.sessionId === undefined) throw new CallError('NOT_CONNECTED');
    const offer = await this.peer.createOffer(true);
    const answer = await this.api.restart(this.sessionId, offer, signal);
    if (this.#closed) throw new CallError('NOT_CONNECTED');
    try {
      await this.peer.apply(offer, answer, []);
    } catch (cause) {
      throw new CallError('ANSWER_MALFORMED', undefined, { cause });
    }
  }

  /** Resolves with the server's OK; rejects with `REQUEST_REFUSED`, `REQUEST_TIMED_OUT` or `NOT_CONNECTED`. */
  request(payload: RequestPayload): Promise<void> {
    return new Promise((resolve, reject) => {
      const requestId = this.#nextRequestId++;
      const cancel = this.platform.after(SESSION_LIMITS.requestMs, () =>
        this.#settle(requestId, new CallError('REQUEST_TIMED_OUT')),
      );
      this.#waiting.set(requestId, { resolve, reject, cancel });
      if (this.#closed || !this.peer.send(requestText(requestId, payload)))
        this.#settle(requestId, new CallError('NOT_CONNECTED'));
    });
  }

  /** Local only; tell the server with `api.remove` where that is wanted. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#closeEvents?.();
    this.peer.close();
    for (const requestId of [...this.#waiting.keys()])
      this.#settle(requestId, new CallError('NOT_CONNECTED'));
    this.#ready?.reject(new CallError('CONNECTION_FAILED'));
  }

  #settle(requestId: number, error?: CallError): void {
    const waiting = this.#waiting.get(requestId);
    if (!waiting) return;
    this.#waiting.delete(requestId);
    waiting.cancel();
    if (error) waiting.reject(error);
    else waiting.resolve();
  }

  #onTransport(state: RTCPeerConnectionState): void {
    if (this.#closed) return;
    this.#transport = state;
    this.#checkReady();
    if (state === 'failed') this.#ready?.reject(new CallError('CONNECTION_FAILED'));
    this.handlers.transport(state);
  }

  #checkReady(): void {
    if (this.#announced && this.#transport === 'connected') this.#ready?.resolve();
  }

  #onText(text: string): void {
    if (this.#closed) return;
    const parsed = parseServerMessage(text);
    if (!parsed.ok) {
      this.handlers.refused(parsed.why);
      return;
    }
    const { response, resources } = parsed.value;
    if (response?.requestId !== undefined)
      this.#settle(
        response.requestId,
        response.code === 0 ? undefined : new CallError('REQUEST_REFUSED', response.message || undefined),
      );
    if (resources.some((resource) => resource.t === 'session')) this.#announced = true;
    this.handlers.message(parsed.value);
    this.#checkReady();
    for (const resource of resources)
      if (resource.t === 'sessionStatus' && resource.state === 'ended') this.#ended(resource.reason);
  }

  #lost(delayMs: number): void {
    if (this.#closed) return;
    this.#ready?.reject(new CallError('CONNECTION_FAILED'));
    this.handlers.lost(delayMs);
  }

  #ended(reason: string): void {
    if (this.#closed) return;
    const delayMs = RETURNING[reason];
    if (delayMs !== undefined) this.#lost(delayMs);
    else this.handlers.ended(reason);
  }
}
