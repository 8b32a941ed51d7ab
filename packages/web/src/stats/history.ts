/**
 * What was, from one answer to the next: who was in which slot from when to when, and rates as lines. Pure; time is that of
 * the answers. What happens between two answers is not seen.
 */
import { assignHues } from './format.js';
import {
  keyOf,
  nameOf,
  worstLoss,
  type RoomStats,
  type SessionFigures,
  type SlotFigures,
} from './roomStats.js';

/** Long enough for a conversation to be seen in it, short enough for a name to fit into ten seconds on a phone. */
export const WINDOW_MS = 180_000;
/** Answers that are further apart have a hole between them: the page was in the background, or the server silent. */
const HOLE_MS = 6_000;

/** Of people who have left the oldest are forgotten. */
const OWNERS_MOST = 2_000;

export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
  /** undefined: nobody. */
  readonly csrc: number | undefined;
  readonly loudest: boolean;
  /** The picture is held back. */
  readonly dark: boolean;
}

export interface Lane {
  readonly kind: 'audio' | 'video';
  readonly slot: number;
  readonly spans: readonly Span[];
}

export interface Point {
  readonly atMs: number;
  readonly value: number;
}

/** Lines of a session, each with its points by time. */
export const LINES = ['sent', 'received', 'available', 'lost'] as const;
export type LineName = (typeof LINES)[number];

interface Remembered {
  lanes: Map<string, Lane>;
  lines: Record<LineName, Point[]>;
  atMs: number;
}

/** Whose a CSRC is, or was. */
export interface Owner {
  readonly key: string;
  readonly name: string;
  readonly source: string;
}

/** Immutable from outside: `add` gives the next one, so that React sees the change. */
export interface History {
  readonly sessions: ReadonlyMap<string, Remembered>;
  /** Who is the loudest of the room. */
  readonly loudest: Lane;
  /** By CSRC; who has left is still in the others' lanes. */
  readonly owners: ReadonlyMap<number, Owner>;
  /** By key of the session. */
  readonly hues: ReadonlyMap<string, number>;
  readonly atMs: number;
}

export const EMPTY: History = {
  sessions: new Map(),
  loudest: { kind: 'audio', slot: 0, spans: [] },
  owners: new Map(),
  hues: new Map(),
  atMs: 0,
};

export function add(history: History, stats: RoomStats): History {
  const { atMs } = stats;
  // The same answer again, or an older one that was overtaken.
  if (atMs <= history.atMs) return history;
  const sessions = new Map<string, Remembered>();
  const owners = new Map([...history.owners].slice(-OWNERS_MOST));
  const people = stats.sessions.map((session, at) => ({ key: keyOf(session, at), name: nameOf(session) }));
  stats.sessions.forEach((session, at) => {
    const { key, name } = people[at]!;
    sessions.set(key, remember(history.sessions.get(key), session, atMs));
    for (const { csrc, source } of session.sources) owners.set(csrc, { key, name, source });
  });
  const loud = stats.sessions.flatMap(({ slots }) => slots).find(({ loudest }) => loudest);
  const loudest = extend(
    history.loudest,
    { csrc: loud?.csrc, loudest: true, dark: false },
    history.atMs,
    atMs,
  );
  return { sessions, loudest, owners, hues: assignHues(history.hues, people), atMs };
}

function remember(before: Remembered | undefined, session: SessionFigures, atMs: number): Remembered {
  const lanes = new Map<string, Lane>();
  for (const slot of session.slots) {
    const key = `${slot.kind} ${slot.slot}`;
    const lane = before?.lanes.get(key) ?? { kind: slot.kind, slot: slot.slot, spans: [] };
    lanes.set(key, extend(lane, contentOf(slot), before?.atMs ?? 0, atMs));
  }
  const { transport } = session;
  const values: Record<LineName, number | undefined> = {
    sent: transport?.sentBitsPerSecond,
    received: transport?.receivedBitsPerSecond,
    available: transport?.availableOutgoingBitsPerSecond,
    lost: worstLoss(session),
  };
  const lines = Object.fromEntries(
    LINES.map((name) => [name, extendLine(before?.lines[name] ?? [], values[name], atMs)]),
  ) as Record<LineName, Point[]>;
  return { lanes, lines, atMs };
}

type Content = Pick<Span, 'csrc' | 'loudest' | 'dark'>;

const contentOf = ({ csrc, loudest = false, dark = false }: SlotFigures): Content => ({
  csrc,
  loudest: csrc !== undefined && loudest,
  dark: csrc !== undefined && dark,
});

/** The span that was last goes on to now, or another begins where the last answer was. */
function extend(lane: Lane, content: Content, beforeMs: number, atMs: number): Lane {
  const kept = lane.spans.filter(({ toMs }) => toMs > atMs - WINDOW_MS);
  const last = kept.at(-1);
  const follows = last !== undefined && last.toMs === beforeMs && atMs - beforeMs <= HOLE_MS;
  if (follows && same(last, content))
    return { ...lane, spans: [...kept.slice(0, -1), { ...last, toMs: atMs }] };
  return { ...lane, spans: [...kept, { ...content, fromMs: follows ? beforeMs : atMs, toMs: atMs }] };
}

const same = (span: Span, { csrc, loudest, dark }: Content): boolean =>
  span.csrc === csrc && span.loudest === loudest && span.dark === dark;

function extendLine(line: readonly Point[], value: number | undefined, atMs: number): Point[] {
  const kept = line.filter((point) => point.atMs > atMs - WINDOW_MS);
  return value === undefined ? kept : [...kept, { atMs, value }];
}
