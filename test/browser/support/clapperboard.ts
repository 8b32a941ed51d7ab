/**
 * The typed side of `page/clapperboard.js`, and what was shown and played of each clap: how much later a picture is than the
 * sound that belongs to it. Positive: the picture comes after its sound. All times are unix ms of one machine.
 * Elsewhere: the same by RTP timestamps and sender reports → clapsOnTheWire.ts
 */
import type { TabPage } from './people.js';
import { FRAME_MS, clapOf, pictureOf, TONES } from './page/claps.js';

export interface Beep {
  at: number;
  tone: number;
}
export interface Picture {
  at: number;
  whose: number;
  /** Modulo 4,096. */
  number: number;
  /** Of the picture that `at` is about; absent where the browser does not tell. */
  rtpTimestamp?: number;
}
export interface Observed {
  beeps: Beep[];
  pictures: Picture[];
}
/** What the server told of a slot: this timestamp was captured then. */
export interface Anchor {
  /** When it came. */
  at: number;
  kind: 'audio' | 'video';
  csrc: number;
  rtpTimestamp?: number;
  captureTimeMs?: number;
}
/** The page's worker, which does little, got no processor time. */
export interface Stall {
  at: number;
  lateMs: number;
}
interface PageModule {
  now(): number;
  beginning(): number;
  addClapper(name: string, room: string, number: number, options: { linkPort?: number }): Promise<void>;
  observeClient(name: string, room: string): Promise<void>;
  observeAlone(name: string, room: string): Promise<void>;
  soundDeviceMs(name: string): Promise<number>;
  stalls(): Stall[];
  anchors(name: string): Anchor[];
  layClient(name: string, sender: string): Promise<void>;
  observed(name: string): Observed;
  beepsIn(packets: string[]): Promise<{ tone: number; packet: number; ms: number; error?: string }[]>;
  numbersIn(frames: { key: boolean; text: string }[]): Promise<({ whose: number; number: number } | null)[]>;
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

export interface Clap {
  /** When it was heard, or its packet sent. */
  at: number;
  /** When it was made. */
  madeAt: number;
  clap: number;
  whose: number;
  skewMs: number;
}

/** A picture later than its clap by more shows nothing of it. */
const SAME_CLAP_PICTURES = 3;
const NUMBERS = 4_096;
/** A tone of a sender comes again after 3.3 s or more: nothing is so late. */
const LATEST_MS = 2_000;

export const senderOf = (tone: number): number => (tone % 2) + 1;

/** Which clap this tone was, when it is heard at that time. */
export function clapOfTone(tone: number, at: number, begin: number): number | undefined {
  let picture = Math.floor((at + 20 - begin) / FRAME_MS);
  for (const least = picture - LATEST_MS / FRAME_MS; picture > least; picture--) {
    const clap = clapOf(picture);
    if (clap !== undefined && clap % TONES === tone >> 1) return clap;
  }
  return undefined;
}

/** Which picture of all has this number, when it is seen at that time. */
export const pictureNumber = (number: number, at: number, begin: number): number => {
  const newest = Math.floor((at + 20 - begin) / FRAME_MS);
  return newest - ((((newest - number) % NUMBERS) + NUMBERS) % NUMBERS);
};

const TICKS_PER_PICTURE = FRAME_MS * 90;
/** Pictures before and after one, by which it is known what timestamp its number has. */
const NEIGHBOURS = 12;

/**
 * Without those that were read too late: where the page's thread comes late to a picture, the next one lies there already, and its
 * number would be taken for that of the one before. Timestamps tell: numbers and ticks go on together.
 */
export function ownPictures(pictures: readonly Picture[], begin: number): Picture[] {
  const relations = pictures.map(({ rtpTimestamp, number, at }) =>
    rtpTimestamp === undefined
      ? undefined
      : rtpTimestamp - pictureNumber(number, at, begin) * TICKS_PER_PICTURE,
  );
  return pictures.filter(({ whose }, index) => {
    const own = relations[index];
    if (own === undefined) return true;
    const from = Math.max(0, index - NEIGHBOURS);
    const others = relations
      .slice(from, index + NEIGHBOURS + 1)
      .filter((relation, i) => relation !== undefined && pictures[from + i]!.whose === whose) as number[];
    // RTP timestamps are of 32 bits.
    const same = others.filter((relation) => Math.abs((relation - own) | 0) < TICKS_PER_PICTURE / 2);
    return same.length * 2 > others.length;
  });
}

/**
 * What somebody before the screen saw and heard: when the first picture of a clap was shown, less when its beep was heard, which is
 * `deviceMs` after the sound device took it.
 */
export function playedClaps({ beeps, pictures: all }: Observed, begin: number, deviceMs: number): Clap[] {
  const pictures = ownPictures(all, begin);
  return beeps.flatMap(({ at, tone }): Clap[] => {
    const clap = clapOfTone(tone, at, begin);
    if (clap === undefined) return [];
    const whose = senderOf(tone);
    const first = pictureOf(clap);
    const madeAt = begin + first * FRAME_MS;
    const seen = pictures.find((picture) => {
      if (picture.whose !== whose || picture.at < madeAt) return false;
      const number = pictureNumber(picture.number, picture.at, begin);
      return number >= first && number < first + SAME_CLAP_PICTURES;
    });
    if (!seen) return [];
    const late = (pictureNumber(seen.number, seen.at, begin) - first) * FRAME_MS;
    return [{ at, madeAt, clap, whose, skewMs: seen.at - late - (at + deviceMs) }];
  });
}

/** NaN of nothing; what is not a number does not count. */
export function middleOf(values: readonly number[]): number {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort((left, right) => left - right);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}
