/**
 * When a room that is to be recorded gets its next recording. Pure: what happens goes in with its time, the time of the next
 * start comes out. A person who stops it has the last word for as long as the room lives; after a full disk the next try is
 * when somebody else joins, so that a disk that stays full does not make a recording a second.
 * Elsewhere: which rooms → recordings.ts
 */
import { LIMITS } from '../limits.js';
import { isFailure, type EndCause } from './recording.js';

/** A recorder that lived so long has not died of its start. */
const HEALTHY_MS = 60_000;

export class RoomPolicy {
  #stopped = false;
  #deaths = 0;
  #dueMs = 0;
  /** The latest to join when it failed. */
  #failedAt: number | undefined;

  /**
   * @param latest number of the participant that joined last; undefined: nobody is there
   * @returns when to start, Unix time; in the past: now. undefined: not until something happens
   */
  due(latest: number | undefined): number | undefined {
    if (this.#stopped || latest === undefined) return undefined;
    if (this.#failedAt !== undefined && latest <= this.#failedAt) return undefined;
    return this.#dueMs;
  }

  ended(
    cause: EndCause,
    { lastedMs, nowMs, latest }: { lastedMs: number; nowMs: number; latest: number },
  ): void {
    if (cause === 'recorder-died') {
      const delays = LIMITS.recordingRestartMs;
      this.#deaths = lastedMs >= HEALTHY_MS ? 0 : this.#deaths;
      this.#dueMs = nowMs + (delays[Math.min(this.#deaths, delays.length - 1)] ?? 0);
      this.#deaths++;
    } else if (isFailure(cause)) this.#failedAt = latest;
    else this.#stopped = true;
  }
}
