/**
 * The typed side of `page/clapperboard.js`, and what its flashes and beeps say: how much later a picture is than the sound
 * that belongs to it. Positive: the picture comes after its sound.
 */
import type { TabPage } from './people.js';

interface Anchor {
  /** performance.now() when it came. */
  at: number;
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
  /** `step`: ticks since the frame before. `clap`: performance.now() at which it was to be. `late`: how much later its picture was drawn. */
  flashes: { at: number; rtpTimestamp: number; step: number; whose: number; clap: number; late: number }[];
  beeps: number[];
  lines: Line[];
  anchors: Anchor[];
  packetBeeps: { rtpTimestamp: number; csrc?: number }[];
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
/** 5 ms: frames are further apart, and a slot's line may be slewed by less between two of them. */
const SAME_FRAME_TICKS = 450;
/** Readings around a flash that tell how the browser translates timestamps: four a second, and their middle counts. */
const READINGS_MS = 1_500;

export interface Clap {
  /** performance.now() of the flash, and when it was to be. */
  at: number;
  clap: number;
  skewMs: number;
  whose: number;
  /** Ticks from the frame before the flash. */
  step: number;
}
type Flash = Observed['flashes'][number];

/** The beep that belongs to a flash is the nearest one. */
function skewOf(flashMs: number, beeps: readonly number[]): number | undefined {
  const skews = beeps.map((beep) => flashMs - beep).filter((skew) => Math.abs(skew) < TOGETHER_MS);
  return skews.sort((left, right) => Math.abs(left) - Math.abs(right))[0];
}
function claps(flashes: readonly Flash[], skew: (flash: Flash) => number | undefined): Clap[] {
  return flashes.flatMap((flash) => {
    const skewMs = skew(flash);
    const { at, clap, whose, step } = flash;
    return skewMs === undefined ? [] : [{ at, clap, whose, step, skewMs }];
  });
}

/** As the browser played them. */
export const playedClaps = ({ flashes, beeps }: Observed): Clap[] =>
  claps(flashes, ({ at, late }) => skewOf(at - late, beeps));

/** Ticks from one 32-bit timestamp to another, the nearest way round. */
const ticks = (to: number, from: number): number => (to - from) | 0;

/** As the RTP timestamps of flashes and beeps say, each translated by the anchors that the server told of its slot. */
export function anchoredClaps({ flashes, packetBeeps, anchors }: Observed): Clap[] {
  // What an anchor says of a time long before it or behind it is as true, but for the lead that its slot had then.
  const time = (kind: Anchor['kind'], rtpTimestamp: number, at: number): number => {
    const known = anchors.filter((one) => one.kind === kind && one.csrc !== 0);
    const anchor = known.findLast((one) => one.at < at) ?? known[0];
    if (anchor?.rtpTimestamp === undefined || anchor.captureTimeMs === undefined) return Number.NaN;
    return anchor.captureTimeMs + ticks(rtpTimestamp, anchor.rtpTimestamp) / anchor.rate;
  };
  return claps(flashes, ({ at, rtpTimestamp, late }) =>
    skewOf(
      time('videoSlots', rtpTimestamp, at) - late,
      packetBeeps.map((beep) => time('speakers', beep.rtpTimestamp, at)),
    ),
  );
}

/** The same, translated by the sender reports alone, as the browser reads them: what it takes for the time of capture. */
export function reportedClaps({ flashes, packetBeeps, lines }: Observed): Clap[] {
  const time = (kind: 'audio' | 'video', rtpTimestamp: number, near: readonly Line[]): number =>
    middleOf(
      near.map(({ [kind]: { playout, playedAt, rtpTimestamp: played } }) =>
        playedAt === undefined || played === undefined
          ? Number.NaN
          : playout + playedAt + ticks(rtpTimestamp, played) / (kind === 'audio' ? 48 : 90),
      ),
    );
  return claps(flashes, ({ at, rtpTimestamp, late }) => {
    const near = lines.filter((line) => Math.abs(line.at - at) < READINGS_MS);
    return skewOf(
      time('video', rtpTimestamp, near) - late,
      packetBeeps.map((beep) => time('audio', beep.rtpTimestamp, near)),
    );
  });
}

/**
 * Played claps less what the browser believes of them by the sender reports: the constant difference between how it shows pictures
 * and how it plays sound, and what is between flash and beep at the sender.
 */
export function unbelievedClaps(observed: Observed): Clap[] {
  return playedClaps(observed).flatMap((clap) => {
    const near = observed.lines.filter(({ at }) => Math.abs(at - clap.at) < 400);
    const believed = near.map(({ audio, video }) => audio.playout - video.playout);
    return near.length === 0 ? [] : [{ ...clap, skewMs: clap.skewMs - middleOf(believed) }];
  });
}

/**
 * Each clap less what the same clap was in the control group. Those are left out that are not in it, or whose flash was first
 * painted with another frame: then the two are of different moments.
 */
export function against(control: readonly Clap[], measured: readonly Clap[]): Clap[] {
  const known = new Map(control.map((one) => [`${one.whose}:${one.clap}`, one]));
  return measured.flatMap((one) => {
    const same = known.get(`${one.whose}:${one.clap}`);
    if (same === undefined || Math.abs(one.step - same.step) > SAME_FRAME_TICKS) return [];
    return [{ ...one, skewMs: one.skewMs - same.skewMs }];
  });
}

/** NaN of nothing; what is not a number does not count. */
export function middleOf(values: readonly number[]): number {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort((left, right) => left - right);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}
