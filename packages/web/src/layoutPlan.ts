/**
 * What the page asks the server for, and which picture belongs on which tile. Pure: tiles, window and what the call says
 * in, canvases and slot numbers out. A canvas is asked for each picture that can be seen, as large as it is on this
 * device; who is scrolled away or has no camera on gives theirs back.
 * Spec: virtual streams V1 to V3, V6. Elsewhere: geometry → arrange.ts · when it is sent → useLayout.ts
 */
import type { Arrangement, Place, TileKey } from './arrange.js';

export const PLAN = {
  /** Sizes are rounded up to it, so that dragging a window's edge does not ask anew for each pixel. */
  stepPx: 32,
  /** Above and below what is seen: a picture is there when it is scrolled into view. */
  marginPx: 120,
  /** As far as the protocol goes. */
  mostPixels: 16_384,
} as const;

export interface PlanTile {
  key: TileKey;
  participantId: string;
  screen: boolean;
  self: boolean;
  /** A camera or screen is on: there is something to show. */
  live: boolean;
  /** Monotonic; −Infinity for who has not spoken. */
  spokeAtMs: number;
}

export interface PlannedCanvas {
  id: number;
  width: number;
  height: number;
  mode: 'relevant' | { participantId: string; screenshare: boolean };
}

export interface Plan {
  canvases: readonly PlannedCanvas[];
  /** Canvas id by tile, for as long as the tile has one: the server keeps a source on its canvas. */
  ids: ReadonlyMap<TileKey, number>;
}

export const NO_PLAN: Plan = { canvases: [], ids: new Map() };

export interface Surroundings {
  arrangement: Pick<Arrangement, 'places'>;
  scrollTopPx: number;
  heightPx: number;
  pixelRatio: number;
  /** Video slots of this receiver: never more canvases than these. */
  slots: number;
  /** Nobody looks at the page. */
  hidden: boolean;
}

export function isVisible(
  place: Place | undefined,
  { scrollTopPx, heightPx }: Pick<Surroundings, 'scrollTopPx' | 'heightPx'>,
  marginPx: number = PLAN.marginPx,
): boolean {
  if (!place) return false;
  return place.yPx + place.heightPx > scrollTopPx - marginPx && place.yPx < scrollTopPx + heightPx + marginPx;
}

export function planLayout(tiles: readonly PlanTile[], around: Surroundings, before: Plan = NO_PLAN): Plan {
  const { slots, hidden, pixelRatio, arrangement } = around;
  const place = ({ key }: PlanTile): Place | undefined => arrangement.places.get(key);
  if (hidden || slots === 0) return before === NO_PLAN || before.canvases.length === 0 ? before : NO_PLAN;

  const theirs = tiles.filter(({ live, self }) => live && !self);
  const wanted = theirs.filter((tile) => isVisible(place(tile), around));
  const large = (tile: PlanTile): number => {
    if (place(tile)?.role === 'stage') return 0;
    if (!isVisible(place(tile), around, 0)) return 3; // just beyond the edge
    return tile.screen ? 1 : 2;
  };
  // Where there are too few canvases: the large one, screens, who spoke last; the order of the tiles otherwise.
  const ordered = [...wanted].sort((a, b) => large(a) - large(b) || later(a, b));
  const chosen = ordered.slice(0, slots);

  const ids = new Map<TileKey, number>();
  const used = new Set<number>();
  for (const { key } of chosen) {
    const id = before.ids.get(key);
    if (id === undefined) continue;
    ids.set(key, id);
    used.add(id);
  }
  let next = 1;
  for (const { key } of chosen) {
    if (ids.has(key)) continue;
    while (used.has(next)) next += 1;
    ids.set(key, next);
    used.add(next);
  }

  // All of them can be seen and there are more than slots: the server knows best who matters in the room.
  const serverChooses = wanted.length > slots && wanted.length === theirs.length;
  const canvases = chosen.map((tile): PlannedCanvas => {
    const fixed = !serverChooses || place(tile)?.role === 'stage';
    const id = ids.get(tile.key)!;
    const old = before.canvases.find((canvas) => canvas.id === id);
    return {
      id,
      width: pixels(place(tile)!.widthPx * pixelRatio, old?.width),
      height: pixels(place(tile)!.heightPx * pixelRatio, old?.height),
      mode: fixed ? { participantId: tile.participantId, screenshare: tile.screen } : 'relevant',
    };
  });
  canvases.sort((a, b) => a.id - b.id);
  return sameCanvases(canvases, before.canvases) ? before : { canvases, ids };
}

/** Not by subtraction: of two who never spoke that gives no number. */
const later = (a: PlanTile, b: PlanTile): number =>
  a.spokeAtMs === b.spokeAtMs ? 0 : a.spokeAtMs > b.spokeAtMs ? -1 : 1;

/** Up to the next step; a size that is still enough and not much too large stays as it is. */
function pixels(neededPx: number, oldPx: number | undefined): number {
  if (oldPx !== undefined && oldPx >= neededPx && oldPx - neededPx < 2 * PLAN.stepPx) return oldPx;
  return Math.min(PLAN.mostPixels, Math.max(1, Math.ceil(neededPx / PLAN.stepPx)) * PLAN.stepPx);
}

function sameCanvases(a: readonly PlannedCanvas[], b: readonly PlannedCanvas[]): boolean {
  return a.length === b.length && a.every((canvas, index) => sameCanvas(canvas, b[index]!));
}

function sameCanvas(a: PlannedCanvas, b: PlannedCanvas): boolean {
  if (a.id !== b.id || a.width !== b.width || a.height !== b.height) return false;
  if (a.mode === 'relevant' || b.mode === 'relevant') return a.mode === b.mode;
  return a.mode.participantId === b.mode.participantId && a.mode.screenshare === b.mode.screenshare;
}

/** What the call says of a video slot: whose packets come in it. */
export interface CarriedSlot {
  index: number;
  participantId: string | undefined;
  screen: boolean;
}

/** What the server says of a canvas: whom it is for. */
export interface Assigned {
  participantId: string;
  screen: boolean;
  slot: number | undefined;
  /** False: the bandwidth holds no picture of it now, or it is not there yet. */
  active: boolean;
}

/**
 * The slot whose picture belongs on a tile. Packets and announcements come on different ways, so both must agree: the
 * packets in a slot are of this source, and the server does not say that the slot is another one's now or dark. A face
 * under the wrong name is worse than no face.
 */
export function slotOf(
  { participantId, screen }: Pick<PlanTile, 'participantId' | 'screen'>,
  slots: readonly CarriedSlot[],
  assignments: readonly Assigned[],
): number | undefined {
  const mine = (one: { participantId: string | undefined; screen: boolean }): boolean =>
    one.participantId === participantId && one.screen === screen;
  const slot = slots.find(mine);
  if (!slot) return undefined;
  const said = assignments.find((one) => one.slot === slot.index);
  if (said && !(mine(said) && said.active)) return undefined;
  if (!said && assignments.some((one) => mine(one) && !one.active)) return undefined;
  return slot.index;
}

/** A picture was asked for and the bandwidth holds none of it: not the same as a camera that is off. */
export const isDark = (
  { participantId, screen }: Pick<PlanTile, 'participantId' | 'screen'>,
  assignments: readonly Assigned[],
): boolean =>
  assignments.some(
    (one) =>
      one.participantId === participantId && one.screen === screen && one.slot !== undefined && !one.active,
  );

/**
 * Who is in the strip beside the stage, first to last: who was there stays, in the order of the tiles, until somebody who
 * is not there speaks; then whoever has been silent for longest makes room.
 * @param seen keys of the strip before
 */
export function stripOrder<T extends Pick<PlanTile, 'key' | 'screen' | 'self' | 'spokeAtMs'>>(
  tiles: readonly T[],
  seen: readonly TileKey[],
  capacity: number,
): T[] {
  if (tiles.length <= capacity) return [...tiles];
  const rank = (tile: T): number => (tile.screen ? 0 : tile.self ? 1 : 2);
  const worth = [...tiles].sort(
    (a, b) =>
      rank(a) - rank(b) ||
      (a.spokeAtMs === b.spokeAtMs ? 0 : a.spokeAtMs > b.spokeAtMs ? -1 : 1) ||
      Number(seen.includes(b.key)) - Number(seen.includes(a.key)),
  );
  const shown = new Set(worth.slice(0, capacity));
  return [...tiles.filter((tile) => shown.has(tile)), ...tiles.filter((tile) => !shown.has(tile))];
}
