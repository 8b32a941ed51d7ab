/**
 * The API process's end of a media process that is not there: answers requests as the test says, keeps what was asked, and
 * tells events. Entities cannot see the difference.
 */
import type { MediaProcess } from '../../../src/api/mediaProcess.js';
import type {
  ChannelEvent,
  ChannelNotice,
  Method,
  RequestOf,
  ResponseOf,
} from '../../../src/channel/messages.js';
import type { RtpParameters } from '../../../src/types.js';

type Answers = { [M in Method]?: (data: RequestOf<M>) => ResponseOf<M> };

export class FakeChannel {
  readonly requests: { method: Method; data: unknown }[] = [];
  readonly notices: ChannelNotice[] = [];
  readonly #answers: Answers = {};
  readonly #handlers = new Map<string, (event: ChannelEvent) => void>();

  /** What an entity's constructor takes. */
  get process(): MediaProcess {
    return this as unknown as MediaProcess;
  }

  /** Requests without an answer of their own are answered with undefined. */
  answer<M extends Method>(method: M, answer: (data: RequestOf<M>) => ResponseOf<M>): this {
    Object.assign(this.#answers, { [method]: answer });
    return this;
  }

  /** Data of the last request of this kind. */
  last<M extends Method>(method: M): RequestOf<M> | undefined {
    return this.requests.findLast((request) => request.method === method)?.data as RequestOf<M> | undefined;
  }

  emit(id: string, event: ChannelEvent): void {
    this.#handlers.get(id)?.(event);
  }

  /** Whether somebody waits for this id's events. */
  heard(id: string): boolean {
    return this.#handlers.has(id);
  }

  async request<M extends Method>(method: M, data: RequestOf<M>): Promise<ResponseOf<M>> {
    this.requests.push({ method, data });
    await Promise.resolve();
    const answer = this.#answers[method] as ((data: RequestOf<M>) => ResponseOf<M>) | undefined;
    return answer?.(data) as ResponseOf<M>;
  }
  tell<M extends Method>(method: M, data: RequestOf<M>): void {
    this.requests.push({ method, data });
  }
  notify(notice: ChannelNotice): void {
    this.notices.push(notice);
  }
  listen(id: string, handler: (event: ChannelEvent) => void): void {
    this.#handlers.set(id, handler);
  }
  forget(id: string): void {
    this.#handlers.delete(id);
  }
}

/** Writes down which of these events come, with their arguments, in the order in which they come. */
export function record(
  log: unknown[][],
  name: string,
  emitter: { on(event: never, listener: (...args: unknown[]) => void): unknown },
  events: readonly string[],
): void {
  for (const event of events) emitter.on(event as never, (...args) => log.push([name, event, ...args]));
}

export const opus = (mid = '0', ssrc = 1111): RtpParameters => ({
  mid,
  codecs: [{ mimeType: 'audio/opus', payloadType: 111, clockRate: 48_000, channels: 2 }],
  headerExtensions: [],
  encodings: [{ ssrc }],
  rtcp: { cname: 'ada', reducedSize: true },
});
