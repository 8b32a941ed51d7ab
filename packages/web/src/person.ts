/** How a person is drawn: initials and a colour that are the same for everybody, every time. Pure. */
const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
const first = (word: string): string => {
  for (const { segment } of segmenter.segment(word)) return segment;
  return '';
};

/** First letters of the first and the last word; one word gives one letter. */
export function initials(name: string): string {
  const words = name.trim().split(/\s+/u).filter(Boolean);
  const last = words.length > 1 ? words.at(-1)! : '';
  const letters = (first(words[0] ?? '') + first(last)).toLocaleUpperCase();
  return letters || '?';
}

/** Degrees in oklch. Yellow-greens are left out: at the lightness that white letters need they look like mud. */
export const HUES: readonly number[] = [12, 32, 52, 145, 165, 188, 212, 236, 258, 280, 304, 330, 352];

/** The same name has the same colour, everywhere and always. FNV-1a, 32 bit, and one round of mixing. */
export function hue(key: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < key.length; at++) {
    hash ^= key.charCodeAt(at);
    hash = Math.imul(hash, 0x01000193);
  }
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x2c1b3c6d);
  hash ^= hash >>> 13;
  return HUES[(hash >>> 0) % HUES.length]!;
}
