/**
 * The server-sent events of one session (HTML standard, "Server-sent events"): what a client must know although its
 * channels are gone. A stream that is opened after an event still gets the last one, since it may have been cut off.
 */
import { LIMITS } from '../limits.js';

export type SessionEventName = 'rejoin' | 'moved' | 'ended';

/** One open response. `write` gives the bytes that still wait for the reader. */
export interface EventSink {
  write(text: string): number;
  close(): void;
}

export class EventStreams {
  readonly #sinks = new Set<EventSink>();
  #last: string | undefined;

  get size(): number {
    return this.#sinks.size;
  }

  /** @returns false when the session has as many streams as it may. */
  add(sink: EventSink): boolean {
    if (this.#sinks.size >= LIMITS.eventStreamsPerSession) return false;
    this.#sinks.add(sink);
    this.#write(sink, `: tertulia\n\n${this.#last ?? ''}`);
    return true;
  }

  remove(sink: EventSink): void {
    this.#sinks.delete(sink);
  }

  send(name: SessionEventName, data: object): void {
    this.#last = `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
    for (const sink of [...this.#sinks]) this.#write(sink, this.#last);
  }

  keepAlive(): void {
    for (const sink of [...this.#sinks]) this.#write(sink, ': keep-alive\n\n');
  }

  close(): void {
    for (const sink of [...this.#sinks]) sink.close();
    this.#sinks.clear();
  }

  #write(sink: EventSink, text: string): void {
    if (sink.write(text) <= LIMITS.eventBacklogBytes) return;
    this.#sinks.delete(sink);
    sink.close();
  }
}
