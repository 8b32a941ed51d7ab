/** Figures as people read them, and whose colour is whose. Pure. */
import { hue, HUES } from '../person.js';

/** Three digits are enough to compare. */
export function bitRate(bitsPerSecond: number): string {
  if (bitsPerSecond < 500) return '0';
  if (bitsPerSecond < 999_500) return `${Math.round(bitsPerSecond / 1000)} kbit/s`;
  const megabits = bitsPerSecond / 1e6;
  return `${megabits < 9.95 ? megabits.toFixed(1) : Math.round(megabits)} Mbit/s`;
}

export const percent = (share: number): string =>
  share === 0 ? '0 %' : share < 0.1 ? `${(100 * share).toFixed(1)} %` : `${Math.round(100 * share)} %`;

export const milliseconds = (ms: number): string => `${Math.round(ms)} ms`;

export const count = (number: number): string => number.toLocaleString('en');

/** Audible from about a tenth on where nothing is repaired, seen earlier. */
export const lossTone = (share: number): 'good' | 'poor' | 'bad' =>
  share < 0.02 ? 'good' : share < 0.1 ? 'poor' : 'bad';

export const SOURCES: Readonly<Record<string, string>> = {
  microphone: 'Microphone',
  screenSound: 'Sound of the screen',
  camera: 'Camera',
  screen: 'Screen',
};

/**
 * Each as in the call where that is free, else the next colour that is: side by side two people must not look alike.
 * Who has one keeps it.
 */
export function assignHues(
  before: ReadonlyMap<string, number>,
  people: readonly { key: string; name: string }[],
): ReadonlyMap<string, number> {
  if (people.every(({ key }) => before.has(key))) return before;
  const given = new Map(before);
  const taken = new Set(given.values());
  for (const { key, name } of people) {
    if (given.has(key)) continue;
    const wished = hue(name);
    const room = (one: number): number => Math.min(360, ...[...taken].map((other) => apart(one, other)));
    const [roomiest = wished] = [...HUES].sort((a, b) => room(b) - room(a));
    // When all are taken the call's own is as good as any.
    const chosen = room(wished) >= FAR_ENOUGH || room(roomiest) === 0 ? wished : roomiest;
    taken.add(chosen);
    given.set(key, chosen);
  }
  return given;
}

/** Degrees between two hues that are told apart at a glance. */
const FAR_ENOUGH = 40;
const apart = (a: number, b: number): number => Math.min(Math.abs(a - b), 360 - Math.abs(a - b));

/** What is taller than most of it says little: the scale ends at the next round number. */
export function niceCeiling(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= value) ?? 10;
  return step * power;
}
