/**
 * The connection of a call: one session at a time, an attempt at a time to bring it back or to replace it.
 * Elsewhere: one session → session.ts · what to do when it is lost, and when → reconnector.ts · what is said on it → call.ts
 */
import { CallError } from './errors.js';
import type { EndReason } from './callTypes.js';
import type { ServerMessage } from './messages.js';
import type { Platform, SlotCounts } from './platform.js';
import { Reconnector, RECONNECT, type AttemptResult, type ReconnectCommand } from './reconnector.js';
import { Session, type OwnTracks, type SessionHandlers } from './session.js';
import { isFinal, type SessionApi } from './sessionApi.js';

export interface ConnectionPort {
  /** What the next session begins with. */
  opening(): { displayName: string; tracks: OwnTracks };
  /** It is up, and sends `tracks`. */
  opened(session: Session, tracks: OwnTracks): Promise<void>;
  /** The session is given up; another one will come. */
  lost(): void;
  status(status: 'connected' | 'reconnecting'): void;
  message(message: ServerMessage): void;
  refused(why: string): void;
  ended(reason: EndReason, error?: CallError): void;
}

export class Connection {
  readonly #platform: Platform;
  readonly #slots: SlotCounts;
  readonly #port: ConnectionPort;
  #api: SessionApi;
  #session: Session;
  /** The session that came up last and has been told what we send. */
  #opened: Session | undefined;
  #reconnector: Reconnector | undefined;
  #attempt: AbortController | undefined;
  /** The session whose place a new one takes; it may be one that never came up. */
  #replaceable: string | undefined;
  #closed = false;

  constructor(platform: Platform, api: SessionApi, slots: SlotCounts, port: ConnectionPort) {
    this.#platform = platform;
    this.#api = api;
    this.#slots = slots;
    this.#port = port;
    this.#session = this.#newSession();
  }

  /** The present one, up or not. */
  get session(): Session {
    return this.#session;
  }
  /** Whether the present session is up and knows what we send. */
  get told(): boolean {
    return this.#opened === this.#session;
  }

  /** Opens the first session and watches over it from then on. Rejects when that fails; nothing is tried again then. */
  async start(deadlineMs: number): Promise<void> {
    await this.#open(deadlineMs);
    if (this.#closed) return;
    this.#reconnector = new Reconnector(this.#platform.nowMs(), () => this.#platform.chance());
  }

  online(): void {
    this.#signal({ t: 'online' });
  }
  offline(): void {
    this.#signal({ t: 'offline' });
  }

  /** Call it ten times a second: carries out what the reconnector wants. */
  poll(): void {
    const reconnector = this.#reconnector;
    if (!reconnector || this.#closed) return;
    const command = reconnector.poll(this.#platform.nowMs());
    if (reconnector.status !== 'ended') this.#port.status(reconnector.status);
    if (command) void this.#run(command);
  }

  /** Ends the session on the server. Over HTTP: what was just put into the channel might not go out. Never rejects. */
  async remove(): Promise<void> {
    const { sessionId } = this.#session;
    if (sessionId !== undefined) await this.#api.remove(sessionId);
  }

  /** Local only. */
  close(): void {
    this.#closed = true;
    this.#reconnector?.end();
    this.#attempt?.abort();
    this.#attempt = undefined;
    this.#session.close();
  }

  #newSession(): Session {
    const only = <Args extends unknown[]>(run: (...args: Args) => void) => {
      // A session that was given up may still speak; nobody listens.
      return (...args: Args): void => {
        if (session === this.#session && !session.closed) run(...args);
      };
    };
    const handlers: SessionHandlers = {
      transport: only((state) => this.#signal({ t: 'transport', state })),
      message: only((message) => this.#port.message(message)),
      lost: only((delayMs) => this.#signal({ t: 'rejoin', delayMs })),
      moved: only((url) => {
        this.#api = this.#api.at(url);
        this.#signal({ t: 'rejoin', delayMs: 0 });
      }),
      ended: only((reason) => this.#port.ended(reason)),
      refused: only((why) => this.#port.refused(why)),
    };
    const session: Session = new Session(this.#platform, this.#api, this.#slots, handlers);
    return session;
  }

  async #open(deadlineMs: number): Promise<void> {
    const session = this.#session;
    const attempt = this.#beginAttempt(deadlineMs);
    const options = this.#port.opening();
    try {
      try {
        await session.open({ ...options, replaces: this.#replaceable, signal: attempt.signal });
      } finally {
        // Even one that came too late holds our place on the server.
        if (session.sessionId !== undefined) this.#replaceable = session.sessionId;
      }
    } finally {
      attempt.done();
    }
    if (this.#session !== session || session.closed) throw new CallError('CONNECTION_FAILED');
    this.#opened = session;
    await this.#port.opened(session, options.tracks);
  }

  async #rejoin(): Promise<AttemptResult> {
    this.#session.close();
    this.#port.lost();
    try {
      this.#session = this.#newSession();
      await this.#open(RECONNECT.joinMs);
      return { t: 'ok' };
    } catch (error) {
      this.#session.close();
      if (error instanceof CallError && error.code === 'SESSION_NOT_FOUND') this.#replaceable = undefined;
      return resultOf(error);
    }
  }

  async #restart(): Promise<AttemptResult> {
    const attempt = this.#beginAttempt(RECONNECT.restartMs);
    try {
      await this.#session.restartIce(attempt.signal);
      return { t: 'ok' };
    } catch (error) {
      // A restart may be refused for reasons that a new session does not share.
      const result = resultOf(error);
      return result.t === 'fatal' ? { t: 'refused' } : result;
    } finally {
      attempt.done();
    }
  }

  #beginAttempt(deadlineMs: number): { signal: AbortSignal; done: () => void } {
    this.#attempt?.abort();
    const controller = new AbortController();
    this.#attempt = controller;
    return { signal: controller.signal, done: this.#platform.after(deadlineMs, () => controller.abort()) };
  }

  #signal(signal: Parameters<Reconnector['handle']>[0]): void {
    this.#reconnector?.handle(signal, this.#platform.nowMs());
    this.poll();
  }

  async #run(command: ReconnectCommand): Promise<void> {
    if (command.t === 'giveUp') {
      const lost = command.code === 'CONNECTION_LOST';
      const error = new CallError(command.code, lost ? undefined : 'The server refused the return.');
      this.#port.ended('connection-lost', error);
      return;
    }
    this.#attempt?.abort();
    const running = command.t === 'restart' ? this.#restart() : this.#rejoin();
    const attempt = this.#attempt;
    const result = await running;
    if (attempt === this.#attempt) this.#signal({ t: 'attempt', result });
  }
}

function resultOf(error: unknown): AttemptResult {
  if (!(error instanceof CallError) || error.code === 'SERVER_UNREACHABLE') return { t: 'unreachable' };
  return isFinal(error) ? { t: 'fatal', code: error.code } : { t: 'refused' };
}
