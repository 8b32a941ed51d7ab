/**
 * Numbers for Prometheus. No label has a room's or a person's name: labels are few and known in advance.
 * Media counters are read from the media side when the page is asked for.
 */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Conference, ConferenceObserver } from './rooms/conference.js';
import type { MediaPort } from './media/mediaPort.js';

export class Metrics implements ConferenceObserver {
  readonly #registry = new Registry();
  readonly #started = this.#counter('tertulia_sessions_started_total', 'Sessions that got an answer', [
    'kind',
  ]);
  readonly #ended = this.#counter('tertulia_sessions_ended_total', 'Sessions that ended, by reason', [
    'kind',
    'reason',
  ]);
  readonly #refusals = this.#counter(
    'tertulia_channel_refusals_total',
    'Channel messages refused, by reason',
    ['kind', 'reason'],
  );
  readonly #requests = new Histogram({
    name: 'tertulia_http_request_seconds',
    help: 'HTTP requests by route and status',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.005, 0.02, 0.1, 0.5, 2],
    registers: [this.#registry],
  });
  readonly contentType = Registry.PROMETHEUS_CONTENT_TYPE;

  /** @param withProcess also memory, CPU and event loop of this process. */
  constructor(withProcess: boolean) {
    if (withProcess) collectDefaultMetrics({ register: this.#registry });
  }

  #counter(name: string, help: string, labelNames: string[]): Counter {
    return new Counter({ name, help, labelNames, registers: [this.#registry] });
  }

  /** Gauges that are read off when asked for. */
  watch(conference: Conference, media: MediaPort): void {
    const gauge = (name: string, help: string, read: () => number): void => {
      new Gauge({
        name,
        help,
        registers: [this.#registry],
        collect() {
          this.set(read());
        },
      });
    };
    gauge('tertulia_rooms', 'Rooms with somebody in them', () => [...conference.rooms.live()].length);
    gauge('tertulia_participants', 'Participants of all rooms', () =>
      [...conference.rooms.live()].reduce((sum, { participants }) => sum + participants.size, 0),
    );
    gauge('tertulia_sessions', 'Sessions of all kinds', () => conference.sessionCount);
    gauge('tertulia_ready', '1 when new sessions are taken', () => Number(conference.ready));
    new Gauge({
      name: 'tertulia_media',
      help: 'Counters of the media processes, summed',
      labelNames: ['counter'],
      registers: [this.#registry],
      async collect() {
        this.reset();
        for (const [counter, value] of await media.counters()) this.set({ counter }, value);
      },
    });
  }

  sessionStarted(kind: string): void {
    this.#started.inc({ kind });
  }

  sessionEnded(kind: string, reason: string, refusals: ReadonlyMap<string, number>): void {
    this.#ended.inc({ kind, reason });
    for (const [why, count] of refusals) this.#refusals.inc({ kind, reason: why }, count);
  }

  requestDone(method: string, route: string, status: number, elapsedMs: number): void {
    this.#requests.observe({ method, route, status }, elapsedMs / 1_000);
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }
}
