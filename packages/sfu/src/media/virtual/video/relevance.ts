/**
 * Which pictures matter most, for everybody alike: sources and speakers in, one order out. Pure.
 *
 * Shared screens, the newest first · pinned · the dominant speaker's camera · the cameras of those who dominated before,
 * latest first · all others in the order in which they came. A source that owes a key frame comes after all of these: a
 * canvas for it would stay black. What a receiver gets is the order's beginning without what it must not get; one speaker's
 * change moves one source, so each beginning of the order changes by one source at most.
 * Spec: virtual streams V2.
 * Elsewhere: who speaks → dominantSpeaker.ts · what a receiver makes of the order → layout.ts
 */

/** What the choice needs to know of a producer that is a source of video. */
export interface VideoSource {
  /** The producer's. */
  readonly id: string;
  readonly participantId: string;
  readonly csrc: number;
  readonly content: 'camera' | 'screen';
  readonly pinned: boolean;
  /** Counts the sources of the room as they come. */
  readonly joinSerial: number;
  readonly paused: boolean;
  /** Was asked for a key frame, gave none for a while (videoSlot.ts) and still owes it. */
  readonly stalled: boolean;
}

export interface Speakers {
  readonly dominant: string | undefined;
  /** Latest first. */
  readonly recent: readonly string[];
}

const SCREEN = 0;
const PINNED = 1;
const SPEAKER = 2;
const OTHER = 3;

interface Place<S> {
  readonly source: S;
  readonly group: number;
  /** Within the group, the lower the earlier. */
  readonly rank: number;
}

/** @returns those that can be shown now, the most relevant first */
export function orderByRelevance<S extends VideoSource>(sources: Iterable<S>, speakers: Speakers): S[] {
  const shown = [...sources].filter(({ paused }) => !paused);
  const spoken = new Map<string, number>();
  for (const participantId of speakers.recent)
    if (!spoken.has(participantId)) spoken.set(participantId, spoken.size);
  if (speakers.dominant !== undefined) spoken.set(speakers.dominant, -1);
  const cameras = firstCameras(shown);
  const places = shown.map((source): Place<S> => {
    const { participantId, joinSerial } = source;
    if (source.content === 'screen') return { source, group: SCREEN, rank: -joinSerial };
    if (source.pinned) return { source, group: PINNED, rank: joinSerial };
    const rank = spoken.get(participantId);
    // Whoever has three cameras is still one speaker.
    if (rank === undefined || cameras.get(participantId) !== source)
      return { source, group: OTHER, rank: joinSerial };
    return { source, group: SPEAKER, rank };
  });
  places.sort(
    (a, b) =>
      Number(a.source.stalled) - Number(b.source.stalled) ||
      a.group - b.group ||
      a.rank - b.rank ||
      a.source.joinSerial - b.source.joinSerial,
  );
  return places.map(({ source }) => source);
}

/** Of each participant the camera that stands for it when it speaks: one that gives pictures, the earliest of these. */
function firstCameras<S extends VideoSource>(sources: readonly S[]): Map<string, S> {
  const first = new Map<string, S>();
  for (const source of sources) {
    if (source.content !== 'camera' || source.pinned) continue;
    const known = first.get(source.participantId);
    const better =
      !known || (source.stalled === known.stalled ? source.joinSerial < known.joinSerial : known.stalled);
    if (better) first.set(source.participantId, source);
  }
  return first;
}
