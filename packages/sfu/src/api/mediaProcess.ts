/**
 * The API process's end of one media process: starts it, matches answers with requests, hands its events to the entity
 * that they name, and notices its death. Knows no entity.
 * Elsewhere: what is said → channel/messages.ts · the other end → media/main.ts
 */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { errorFromChannel, InvalidStateError, OptionError, SfuError } from '../channel/errors.js';
import { Logger } from './logger.js';
import type {
  ChannelEvent,
  ChannelNotice,
  FromMedia,
  MediaProcessSettings,
  Method,
  RequestOf,
  ResponseOf,
} from '../channel/messages.js';

const logger = new Logger('Channel');

/** What a media process runs. */
export const ENTRY = fileURLToPath(new URL('../media/main.js', import.meta.url));
/** A media process that is not ready by then will never be: it does nothing but load the add-on. */
const START_LIMIT_MS = 20_000;

export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** `entity` is the id in the event's own field: transportId, producerId, … */
export type EventHandler = (event: ChannelEvent) => void;

interface Pending {
  resolve(data: unknown): void;
  reject(error: Error): void;
}

export class MediaProcess {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #pending = new Map<number, Pending>();
  readonly #handlers = new Map<string, EventHandler>();
  #nextId = 1;
  #gone = false;

  /** Without an entity: log lines. */
  onLog: (event: Extract<ChannelEvent, { event: 'log' }>) => void = () => {};
  /** Once, after every pending request was refused. */
  onExit: (exit: ProcessExit) => void = () => {};
  /** Once, when the process and its pipes are gone. */
  onSubprocessClose: () => void = () => {};

  static async start(settings: MediaProcessSettings): Promise<MediaProcess> {
    // The parent's inspector and loader flags are not for a media process: they would take its port or its time.
    const child = fork(ENTRY, [], {
      execArgv: [],
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    await new Promise<void>((resolve, reject) => {
      const fail = (why: string): void => {
        clearTimeout(timer);
        child.kill('SIGKILL');
        reject(new SfuError(`the media process did not start: ${why}`, 'WORKER_NOT_STARTED'));
      };
      const timer = setTimeout(() => fail('no answer in time'), START_LIMIT_MS);
      const onError = (error: Error): void => fail(error.message);
      const onExit = (code: number | null, signal: NodeJS.Signals | null): void =>
        fail(`it ended with ${signal ?? `code ${code}`}`);
      child.once('error', onError);
      child.once('exit', onExit);
      child.once('message', (message: FromMedia) => {
        if (!('ready' in message)) return fail('it spoke out of turn');
        clearTimeout(timer);
        child.off('error', onError);
        child.off('exit', onExit);
        if (message.ready) resolve();
        else reject(errorFromChannel(message.error));
      });
      child.send({ settings });
    });
    return new MediaProcess(child);
  }

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.pid = child.pid ?? 0;
    child.on('message', (message: FromMedia) => this.#handle(message));
    child.on('error', () => {}); // an IPC write to a dead process; `exit` tells the rest
    child.on('exit', (code, signal) => {
      this.#gone = true;
      this.#refusePending();
      this.onExit({ code, signal });
      // Not 'close': Node does not emit it when the pipe was closed from this side first. There are no other pipes.
      setImmediate(() => this.onSubprocessClose());
    });
  }

  get gone(): boolean {
    return this.#gone;
  }

  /** @throws what the media process refused it with; InvalidStateError (`WORKER_CLOSED`) when it is gone. */
  request<M extends Method>(method: M, data: RequestOf<M>): Promise<ResponseOf<M>> {
    if (this.#gone || !this.#child.connected)
      return Promise.reject(new InvalidStateError('the media process is gone', 'WORKER_CLOSED'));
    if (logger.hasDebug) logger.debug(`request ${method} [pid:${this.pid}]`);
    const id = this.#nextId++;
    return new Promise<ResponseOf<M>>((resolve, reject) => {
      try {
        this.#child.send({ id, method, data });
      } catch (error) {
        // A function or the like among the options: nothing was sent, so nothing will be answered.
        return reject(new OptionError(`${method}: the options cannot be sent (${(error as Error).message})`));
      }
      this.#pending.set(id, { resolve: resolve as (data: unknown) => void, reject });
    });
  }

  /** A request whose refusal means that the entity is gone anyway: closing. */
  tell<M extends Method>(method: M, data: RequestOf<M>): void {
    this.request(method, data).catch(() => {});
  }

  notify(notice: ChannelNotice): void {
    if (!this.#gone && this.#child.connected) this.#child.send(notice);
  }

  /** Events that name this id go there until `forget`. */
  listen(id: string, handler: EventHandler): void {
    this.#handlers.set(id, handler);
  }

  forget(id: string): void {
    this.#handlers.delete(id);
  }

  /** The process ends by itself when its pipe closes; one that does not is killed. Pending requests are refused at once. */
  stop(): void {
    this.#refusePending();
    if (this.#gone) return;
    if (this.#child.connected) this.#child.disconnect();
    const killer = setTimeout(() => this.#child.kill('SIGKILL'), 2_000);
    killer.unref();
    this.#child.once('exit', () => clearTimeout(killer));
  }

  #refusePending(): void {
    for (const { reject } of this.#pending.values())
      reject(new InvalidStateError('the media process is gone', 'WORKER_CLOSED'));
    this.#pending.clear();
  }

  #handle(message: FromMedia): void {
    if ('events' in message) {
      // Not at once: whoever waits for an answer that came before must have seen it, and may listen by then.
      setImmediate(() => {
        for (const event of message.events) this.#dispatch(event);
      });
      return;
    }
    if (!('id' in message)) return;
    const pending = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    if (message.ok) pending?.resolve(message.data);
    else pending?.reject(errorFromChannel(message.error));
  }

  #dispatch(event: ChannelEvent): void {
    if (event.event === 'log') {
      this.onLog(event);
      return;
    }
    const id = entityOf(event);
    this.#handlers.get(id)?.(event);
  }
}

/** Whose event it is: the id in the event's own field. */
function entityOf(event: Exclude<ChannelEvent, { event: 'log' }>): string {
  if ('transportId' in event) return event.transportId;
  if ('virtualStreamsId' in event) return event.virtualStreamsId;
  if ('consumerId' in event) return event.consumerId;
  if ('dataConsumerId' in event) return event.dataConsumerId;
  if ('rtpObserverId' in event) return event.rtpObserverId;
  return event.producerId;
}
