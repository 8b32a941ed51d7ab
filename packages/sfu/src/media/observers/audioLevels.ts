/**
 * Who is loud, from time to time: the average level of each source over an interval, the loudest first.
 * Pure: levels go in, one answer per interval comes out.
 * Contract: mediasoup v3 AudioLevelObserver. Spec: RFC 6464 (levels).
 * Elsewhere: timers and events → rtpObserver.ts · who dominates a conversation → dominantSpeaker.ts
 */

export const AUDIO_LEVEL_LIMITS = {
  /** Packets that an average needs: 0.2 s of sound. Fewer are a click, or DTX's comfort noise. mediasoup's figure. */
  leastPackets: 10,
} as const;

export interface AudioLevelOptions {
  /** How many are named at most. */
  readonly maxEntries: number;
  /** dBov, -127…0: what is quieter on average is not named. */
  readonly threshold: number;
}

export interface Volume {
  readonly id: string;
  /** dBov, -127…0, rounded. */
  readonly volume: number;
}

interface Sum {
  packets: number;
  level: number;
}

export class AudioLevels {
  readonly #sums = new Map<string, Sum>();
  #silent = true;

  constructor(private readonly options: AudioLevelOptions) {}

  add(id: string): void {
    if (!this.#sums.has(id)) this.#sums.set(id, { packets: 0, level: 0 });
  }

  remove(id: string): void {
    this.#sums.delete(id);
  }

  /** @param level as in the packet: 0 is the loudest, 127 silence */
  handleLevel(id: string, level: number): void {
    const sum = this.#sums.get(id);
    if (!sum) return;
    sum.packets++;
    sum.level += level;
  }

  /** What was heard is forgotten, as after a pause. @returns true when somebody was loud until now. */
  reset(): boolean {
    for (const sum of this.#sums.values()) sum.packets = sum.level = 0;
    const wasLoud = !this.#silent;
    this.#silent = true;
    return wasLoud;
  }

  /** At the end of an interval. @returns the loud ones; 'silence' when there is none any more; undefined: still none. */
  take(): readonly Volume[] | 'silence' | undefined {
    const volumes: Volume[] = [];
    for (const [id, sum] of this.#sums) {
      const { packets, level } = sum;
      sum.packets = sum.level = 0;
      if (packets < AUDIO_LEVEL_LIMITS.leastPackets) continue;
      const volume = -Math.round(level / packets);
      if (volume >= this.options.threshold) volumes.push({ id, volume: volume + 0 });
    }
    if (volumes.length === 0) {
      const wasSilent = this.#silent;
      this.#silent = true;
      return wasSilent ? undefined : 'silence';
    }
    this.#silent = false;
    volumes.sort((a, b) => b.volume - a.volume);
    return volumes.slice(0, this.options.maxEntries);
  }
}
