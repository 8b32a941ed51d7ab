/**
 * The typed side of `page/clapperboard.js`, and what its flashes and beeps say: how much later a picture is than the sound
 * that belongs to it. Positive: the picture comes after its sound.
 */
import type { TabPage } from './people.js';

interface Anchor {
  kind: 'speakers' | 'videoSlots';
  /** Ticks a millisecond. */
  rate: number;
  csrc: number;
  rtpTimestamp?: number;
  captureTimeMs?: number;
}
interface Played {
  /** Capture time of what is played, less the time of reading, both in ms. */
  playout: number;
  rtpTimestamp?: number;
  playedAt?: number;
}
interface Line {
  at: number;
  audio: Played;
  video: Played;
}
export interface Observed {
  /** `late`: how much later than its beep it was drawn. */
  flashes: { at: number; rtpTimestamp: number; whose: number; late: number }[];
  beeps: number[];
  lines: Line[];
  anchors?: Anchor[];
  packetBeeps?: { rtpTimestamp: number; csrc: number }[];
}
interface PageModule {
  clap(name: string): void;
  observeLoop(name: string): Promise<void>;
  observeClient(name: string, room: string): Promise<void>;
  observeRaw(name: string, room: string, together: boolean): Promise<void>;
  layClient(name: string, sender: string): Promise<void>;
  clientSkews(name: string): { participantId: string; skewMs: number }[];
  observed(name: string): Promise<Observed>;
}

export class Clapperboard {
  constructor(readonly page: TabPage) {}

  async call<Name extends keyof PageModule>(
    name: Name,
    ...args: Parameters<PageModule[Name]>
  ): Promise<Awaited<ReturnType<PageModule[Name]>>> {
    const result = await this.page.evaluate(
      async ([method, values]) => {
        type Module = Record<string, (...args: unknown[]) => unknown>;
        const board = await (window as unknown as { testModules: Record<string, Promise<Module>> })
          .testModules['clapperboard'];
        return board?.[method as string]?.(...(values as unknown[]));
      },
      [name, args] as const,
    );
    return result as Awaited<ReturnType<PageModule[Name]>>;
  }
}

/** A clap a second: what is further apart does not belong together. */
const TOGETHER_MS = 450;

export interface Clap {
  /** performance.now() of the flash. */
  at: number;
  skewMs: number;
  whose: number;
}

function pairs(flashes: { at: number; timeMs: number; whose: number }[], beeps: readonly number[]): Clap[] {
  return flashes.flatMap(({ at, timeMs, whose }) => {
    const skews = beeps.map((beep) => timeMs - beep).filter((skew) => Math.abs(skew) < TOGETHER_MS);
    const [skewMs] = skews.sort((left, right) => Math.abs(left) - Math.abs(right));
    return skewMs === undefined ? [] : [{ at, skewMs, whose }];
  });
}

/** As the browser played them. */
export const playedClaps = ({ flashes, beeps }: Observed): Clap[] =>
  pairs(
    flashes.map(({ at, whose, late }) => ({ at, timeMs: at - late, whose })),
    beeps,
  );

/** Ticks from one 32-bit timestamp to another, the nearest way round. */
const ticks = (to: number, from: number): number => (to - from) | 0;

/** As the RTP timestamps of flashes and beeps say, each translated by what the server said of its slot's line. */
export function capturedClaps({ flashes, packetBeeps = [], anchors = [] }: Observed): Clap[] {
  const time = (kind: Anchor['kind'], rtpTimestamp: number): number | undefined => {
    const anchor = anchors.findLast((one) => one.kind === kind && one.csrc !== 0);
    if (anchor?.rtpTimestamp === undefined || anchor.captureTimeMs === undefined) return undefined;
    return anchor.captureTimeMs + ticks(rtpTimestamp, anchor.rtpTimestamp) / anchor.rate;
  };
  const beeps = packetBeeps.map(({ rtpTimestamp }) => time('speakers', rtpTimestamp) ?? Number.NaN);
  return pairs(
    flashes.map(({ at, rtpTimestamp, whose, late }) => ({
      ...{ at, whose },
      timeMs: (time('videoSlots', rtpTimestamp) ?? Number.NaN) - late,
    })),
    beeps,
  );
}

/**
 * Played claps less what the browser believes of them, from the sender reports alone: what is left is the reports' error and the
 * constant difference between how it shows pictures and how it plays sound.
 */
export function reportErrors(observed: Observed): Clap[] {
  return playedClaps(observed).flatMap((clap) => {
    const near = observed.lines.filter(({ at }) => Math.abs(at - clap.at) < 400);
    if (near.length === 0) return [];
    const believed = near.map(({ audio, video }) => audio.playout - video.playout);
    return [{ ...clap, skewMs: clap.skewMs - believed.reduce((sum, one) => sum + one, 0) / near.length }];
  });
}

/** The sender reports as the browser reads them, against the anchors on the channel: the picture's difference less the sound's. */
export function reportsAgainstAnchors({ lines, anchors = [] }: Observed): number[] {
  const error = (kind: Anchor['kind'], { playout, rtpTimestamp, playedAt }: Played): number => {
    const anchor = anchors.findLast((one) => one.kind === kind && one.csrc !== 0);
    if (anchor?.rtpTimestamp === undefined || anchor.captureTimeMs === undefined) return Number.NaN;
    if (rtpTimestamp === undefined || playedAt === undefined) return Number.NaN;
    const capture = anchor.captureTimeMs + ticks(rtpTimestamp, anchor.rtpTimestamp) / anchor.rate;
    return playout - (capture - playedAt);
  };
  return lines
    .map(({ audio, video }) => error('videoSlots', video) - error('speakers', audio))
    .filter((difference) => !Number.isNaN(difference));
}
