/**
 * Numbers for Prometheus. No label has a room's or a person's name: labels are few and known in advance.
 * Media counters are read from the media side when the page is asked for.
 */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Conference, ConferenceObserver } from './rooms/conference.js';
import type { MediaPort } from './media/mediaPort.js';
import type { RecordingMode } from './recording/modes.js';
import type { EndCause } from './recording/recording.js';
import type { RecordingObserver, Recordings } from './recording/recordings.js';

export class Metrics implements ConferenceObserver, RecordingObserver {
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
  readonly #recordingsStarted = this.#counter('tertulia_recordings_started_total', 'Recordings begun', [
    'mode',
  ]);
  readonly #recordingsEnded = this.#counter(
    'tertulia_recordings_ended_total',
    'Recordings ended, by cause: disk-full, write-failed, recorder-died and start-failed are failures',
    ['mode', 'cause'],
  );
  readonly #recordedBytes = this.#counter('tertulia_recorded_bytes_total', 'Written by recorders', []);
  readonly #recordedPackets = this.#counter(
    'tertulia_recorded_packets_total',
    'Packets that recorders got, or did not',
    ['outcome'],
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
  watch(conference: Conference, media: MediaPort, recordings: Recordings): void {
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
    gauge('tertulia_players', 'WHEP players of all rooms', () =>
      [...conference.rooms.live()].reduce((sum, { players }) => sum + players, 0),
    );
    gauge('tertulia_sessions', 'Sessions of all kinds', () => conference.sessionCount);
    gauge('tertulia_recordings', 'Recordings that run', () => recordings.runningCount);
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

  recordingStarted(mode: RecordingMode): void {
    this.#recordingsStarted.inc({ mode });
  }

  recordingEnded(mode: RecordingMode, cause: EndCause): void {
    this.#recordingsEnded.inc({ mode, cause });
  }

  recorded({ bytes, packets, lost }: { bytes: number; packets: number; lost: number }): void {
    this.#recordedBytes.inc(bytes);
    this.#recordedPackets.inc({ outcome: 'received' }, packets);
    this.#recordedPackets.inc({ outcome: 'lost' }, lost);
  }

  requestDone(method: string, route: string, status: number, elapsedMs: number): void {
    this.#requests.observe({ method, route, status }, elapsedMs / 1_000);
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }
}
