/**
 * Who is shown large. A pin counts most, then a shared screen, then in the speaker view whoever leads the conversation.
 * Pure: `nowMs` is monotonic and comes in. Elsewhere: where the tiles lie → arrange.ts
 */
import type { TileKey } from './arrange.js';

export interface ViewState {
  /**
   * What the person chose; a screen or a pin comes on top of it. Until something is chosen: equal tiles, but of two
   * people the other one large.
   */
  view: 'auto' | 'grid' | 'speaker';
  pinned: TileKey | undefined;
  /** Screens that the person has put back among the tiles; they stay there until that share ends. */
  dismissed: readonly TileKey[];
}

export const INITIAL_VIEW: ViewState = { view: 'auto', pinned: undefined, dismissed: [] };

export interface OnStage {
  key: TileKey;
  why: 'pin' | 'screen' | 'speaker' | 'pair';
}

/**
 * @param screens of others, the newest last
 * @param partner the only other person, when that one is seen
 */
export function chooseStage(
  { view, pinned, dismissed }: ViewState,
  present: (key: TileKey) => boolean,
  screens: readonly TileKey[],
  dominant: TileKey | undefined,
  partner: TileKey | undefined,
): OnStage | undefined {
  if (pinned !== undefined && present(pinned)) return { key: pinned, why: 'pin' };
  const screen = screens.findLast((key) => !dismissed.includes(key));
  if (screen !== undefined) return { key: screen, why: 'screen' };
  if (view === 'speaker' && dominant !== undefined && present(dominant))
    return { key: dominant, why: 'speaker' };
  if (view === 'auto' && partner !== undefined) return { key: partner, why: 'pair' };
  return undefined;
}

/** What is pinned or put back and no longer there is forgotten. @returns the same object when nothing changes */
export function forget(state: ViewState, present: (key: TileKey) => boolean): ViewState {
  const pinned = state.pinned !== undefined && present(state.pinned) ? state.pinned : undefined;
  const dismissed = state.dismissed.filter(present);
  if (pinned === state.pinned && dismissed.length === state.dismissed.length) return state;
  return { ...state, pinned, dismissed };
}

export const pin = (state: ViewState, key: TileKey): ViewState => ({
  ...state,
  pinned: key,
  dismissed: state.dismissed.filter((one) => one !== key),
});

/** Back to equal tiles: nothing is large afterwards. */
export const toGrid = (state: ViewState, screens: readonly TileKey[]): ViewState => ({
  view: 'grid',
  pinned: undefined,
  dismissed: [...new Set([...state.dismissed, ...screens])],
});

/** Something large: the screen that was put back, or whoever speaks. */
export const toStage = (state: ViewState): ViewState => ({
  view: 'speaker',
  pinned: state.pinned,
  dismissed: [],
});

export const DOMINANT = {
  stayMs: 2_000, // whoever has just come onto the stage stays at least so long
  overMs: 2_000, // somebody must lead so long to displace a person who still speaks
  silentMs: 700, // and so long when that person has stopped: longer than "mhm"
} as const;

export interface Dominant {
  participantId: string | undefined;
  sinceMs: number;
  /** Who leads at the moment and since when. */
  rival: { participantId: string; sinceMs: number } | undefined;
}

export const NOBODY: Dominant = { participantId: undefined, sinceMs: -Infinity, rival: undefined };

export interface Speech {
  /** The loudest of those who speak; never oneself. */
  leading: string | undefined;
  speaking: readonly string[];
}

/** @returns the same object when nothing changes. Call it some times a second while somebody speaks. */
export function followSpeech(now: Dominant, { leading, speaking }: Speech, nowMs: number): Dominant {
  if (leading === undefined || leading === now.participantId)
    return now.rival === undefined ? now : { ...now, rival: undefined };
  if (now.participantId === undefined) return { participantId: leading, sinceMs: nowMs, rival: undefined };
  if (now.rival?.participantId !== leading)
    return { ...now, rival: { participantId: leading, sinceMs: nowMs } };
  const neededMs = speaking.includes(now.participantId) ? DOMINANT.overMs : DOMINANT.silentMs;
  const led = nowMs - now.rival.sinceMs >= neededMs && nowMs - now.sinceMs >= DOMINANT.stayMs;
  return led ? { participantId: leading, sinceMs: nowMs, rival: undefined } : now;
}
