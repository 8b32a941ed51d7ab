/** Sources of video for the tests of this folder, and arbitrary rooms of them. */
import fc from 'fast-check';
import type { VideoSource } from '../../../src/media/virtual/video/relevance.js';

/** "alice" is a camera of Alice, "alice/screen" her screen; the CSRC and the serial follow the place in the list. */
export function room(
  names: readonly string[],
  changes: Record<string, Partial<VideoSource>> = {},
): VideoSource[] {
  return names.map((id, at) => ({
    id,
    participantId: id.split('/')[0]!,
    csrc: 100 + at,
    content: id.includes('/screen') ? 'screen' : 'camera',
    pinned: false,
    joinSerial: at,
    paused: false,
    stalled: false,
    ...changes[id],
  }));
}

export const names = (sources: readonly (VideoSource | undefined)[]): string =>
  sources.map((source) => source?.id ?? '-').join(' ');

const PEOPLE = ['a', 'b', 'c', 'd', 'e', 'f'];
export const anyone = fc.constantFrom(...PEOPLE);
export const anyRoom: fc.Arbitrary<VideoSource[]> = fc
  .array(
    fc.record({
      participantId: anyone,
      content: fc.constantFrom<('camera' | 'screen')[]>('camera', 'camera', 'camera', 'screen'),
      pinned: fc.boolean(),
      paused: fc.boolean(),
      stalled: fc.boolean(),
    }),
    { maxLength: 14 },
  )
  .map((sources) =>
    sources.map((source, at) => ({ ...source, id: `s${at}`, csrc: 100 + at, joinSerial: at })),
  );
export const anySpeakers = fc.record({
  dominant: fc.option(anyone, { nil: undefined }),
  recent: fc.uniqueArray(anyone, { maxLength: 6 }),
});
