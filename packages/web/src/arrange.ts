/**
 * Where each tile lies: a grid, or one tile large and the others beside or below it. Pure: sizes in px, no DOM.
 * All tiles share one coordinate system, so that a tile that becomes large keeps its element and its picture.
 * Elsewhere: columns and rows → grid.ts · which tile is the large one → stageChoice.ts · pixels asked for → layoutPlan.ts
 */
import { chooseGrid, LOOKS, TILE } from './grid.js';

/** `participantId`, or with `/screen` behind it. */
export type TileKey = string;
export const tileKey = (participantId: string, screen: boolean): TileKey =>
  screen ? `${participantId}/screen` : participantId;

export interface ArrangedTile {
  key: TileKey;
  screen: boolean;
  self: boolean;
  /** Width / height of the picture, once it is known. */
  aspect?: number | undefined;
}

export type Role = 'grid' | 'stage' | 'strip' | 'corner';
export interface Place {
  role: Role;
  xPx: number;
  yPx: number;
  widthPx: number;
  heightPx: number;
}

export interface Arrangement {
  places: ReadonlyMap<TileKey, Place>;
  /** People for whom there is no room beside the stage, and where the button with their number goes. */
  more: { count: number; place: Place } | undefined;
  /** Higher than the area: it scrolls. */
  contentHeightPx: number;
  scrolls: boolean;
}

interface Area {
  widthPx: number;
  heightPx: number;
}

const STRIP = {
  share: 0.17, // of the width of a wide stage
  minWidthPx: 132,
  maxWidthPx: 280,
  /** When not all fit, the strip may become so narrow before some are left out. */
  tightWidthPx: 168,
  /** Of each of two columns. */
  halfWidthPx: 120,
  ratio: 16 / 10,
  flatRatio: 1.9, // heads are cut beyond it
} as const;

/** With others below it a large picture takes no more height than this leaves. */
const BELOW_RATIO = 0.9;

const CORNER = { share: 0.24, minPx: 104, maxPx: 240, insetPx: 12 } as const;
const SCREEN_ASPECT = 16 / 9; // until the picture says otherwise
/** Of a person's large picture. Narrower than the camera's shape by more than `share` would cut a face; so would wider. */
const STAGE_RATIO = { least: 0.56, unknown: 1, share: 0.4, max: 2.1 } as const;
const leastRatio = ({ aspect }: ArrangedTile): number =>
  aspect === undefined ? STAGE_RATIO.unknown : clamp(aspect * STAGE_RATIO.share, STAGE_RATIO.least, 1);

const clamp = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high);

/**
 * @param tiles in the order in which they are listed; for the strip the caller puts first who must be seen
 * @param pictures whether anybody has a picture: then tiles are as large as they can be
 */
export function arrange(
  tiles: readonly ArrangedTile[],
  stage: TileKey | undefined,
  area: Area,
  pictures: boolean,
): Arrangement {
  const staged = tiles.find((tile) => tile.key === stage);
  if (!staged) return arrangeGrid(tiles, area, pictures);
  const others = tiles.filter((tile) => tile !== staged);
  const [only] = others;
  if (only === undefined) return alone(staged, area);
  if (others.length === 1 && only.self && !only.screen && !staged.screen)
    return withCorner(staged, only, area);
  return area.widthPx > area.heightPx ? beside(staged, others, area) : below(staged, others, area);
}

function arrangeGrid(tiles: readonly ArrangedTile[], area: Area, pictures: boolean): Arrangement {
  const look = pictures ? LOOKS.pictures : LOOKS.voices;
  const grid = chooseGrid(tiles.length, area.widthPx, area.heightPx, look);
  const { heightPx, places } = lay(tiles, grid, { xPx: 0, yPx: 0, ...area }, 'grid');
  return {
    places,
    more: undefined,
    contentHeightPx: Math.max(heightPx, area.heightPx),
    scrolls: grid.scrolls,
  };
}

/** Rows of equal tiles, the last row in the middle; all in the middle of the area unless they are higher than it. */
function lay(
  tiles: readonly { key: TileKey }[],
  grid: { columns: number; tileWidthPx: number; tileHeightPx: number },
  area: Area & { xPx: number; yPx: number },
  role: Role,
): { places: Map<TileKey, Place>; heightPx: number } {
  const { columns, tileWidthPx: widthPx, tileHeightPx: heightPx } = grid;
  const rows = Math.ceil(tiles.length / columns);
  const allPx = rows * heightPx + Math.max(0, rows - 1) * TILE.gapPx;
  const top = area.yPx + Math.max(0, (area.heightPx - allPx) / 2);
  const places = new Map<TileKey, Place>();
  tiles.forEach(({ key }, index) => {
    const row = Math.floor(index / columns);
    const inRow = Math.min(columns, tiles.length - row * columns);
    const left = area.xPx + (area.widthPx - inRow * widthPx - (inRow - 1) * TILE.gapPx) / 2;
    places.set(key, {
      role,
      xPx: Math.round(left + (index - row * columns) * (widthPx + TILE.gapPx)),
      yPx: Math.round(top + row * (heightPx + TILE.gapPx)),
      widthPx,
      heightPx,
    });
  });
  return { places, heightPx: allPx };
}

/** The largest rectangle of an allowed shape in the middle of an area. */
function fitStage(tile: ArrangedTile, area: Area & { xPx: number; yPx: number }): Place {
  const whole = area.widthPx / Math.max(1, area.heightPx);
  const ratio = tile.screen
    ? (tile.aspect ?? SCREEN_ASPECT)
    : clamp(whole, leastRatio(tile), STAGE_RATIO.max);
  const widthPx = Math.floor(Math.min(area.widthPx, area.heightPx * ratio));
  const heightPx = Math.floor(Math.min(area.heightPx, area.widthPx / ratio));
  return {
    role: 'stage',
    xPx: Math.round(area.xPx + (area.widthPx - widthPx) / 2),
    yPx: Math.round(area.yPx + (area.heightPx - heightPx) / 2),
    widthPx,
    heightPx,
  };
}

function alone(tile: ArrangedTile, area: Area): Arrangement {
  const place = fitStage(tile, { xPx: 0, yPx: 0, ...area });
  return {
    places: new Map([[tile.key, place]]),
    more: undefined,
    contentHeightPx: area.heightPx,
    scrolls: false,
  };
}

/** Two people: the other one large, oneself small in a corner of that picture. */
function withCorner(staged: ArrangedTile, self: ArrangedTile, area: Area): Arrangement {
  const { places, ...rest } = alone(staged, area);
  const stage = places.get(staged.key)!;
  const high = area.heightPx > area.widthPx;
  const long = clamp((high ? area.heightPx * 0.8 : stage.widthPx) * CORNER.share, CORNER.minPx, CORNER.maxPx);
  const widthPx = Math.round(high ? (long * 3) / 4 : long);
  const heightPx = Math.round(high ? long : long / STRIP.ratio);
  const corner: Place = {
    role: 'corner',
    xPx: stage.xPx + stage.widthPx - widthPx - CORNER.insetPx,
    yPx: stage.yPx + stage.heightPx - heightPx - CORNER.insetPx,
    widthPx,
    heightPx,
  };
  return { ...rest, places: new Map([...places, [self.key, corner]]) };
}

/** Shows as many as there are places for; the last place is the button when some are left over. */
function fill(
  others: readonly ArrangedTile[],
  capacity: number,
): { shown: { key: TileKey }[]; moreCount: number } {
  if (others.length <= capacity) return { shown: [...others], moreCount: 0 };
  const shown = others.slice(0, Math.max(0, capacity - 1));
  return { shown: [...shown, { key: MORE }], moreCount: others.length - shown.length };
}
const MORE = '/more'; // no participant id begins with a slash

function finish(
  stage: [TileKey, Place],
  strip: Map<TileKey, Place>,
  moreCount: number,
  area: Area,
): Arrangement {
  const place = strip.get(MORE);
  strip.delete(MORE);
  return {
    places: new Map([stage, ...strip]),
    more: place === undefined ? undefined : { count: moreCount, place },
    contentHeightPx: area.heightPx,
    scrolls: false,
  };
}

/** One column as wide as there is room, narrower so that all fit; two where that shows more people. */
function chooseStrip(
  count: number,
  widestPx: number,
  heightPx: number,
): { widthPx: number; columns: number; capacity: number } {
  const { gapPx } = TILE;
  const fits = (tilePx: number): number =>
    Math.max(1, Math.floor((heightPx + gapPx) / (tilePx / STRIP.flatRatio + gapPx)));
  const allPx = Math.floor(((heightPx - gapPx * (count - 1)) / count) * STRIP.flatRatio);
  const tightPx = Math.min(widestPx, STRIP.tightWidthPx);
  if (allPx >= tightPx) {
    const widthPx = Math.min(widestPx, allPx);
    return { widthPx, columns: 1, capacity: fits(widthPx) };
  }
  const halfPx = Math.floor((widestPx - gapPx) / 2);
  const double = halfPx >= STRIP.halfWidthPx ? 2 * fits(halfPx) : 0;
  return double > fits(tightPx)
    ? { widthPx: widestPx, columns: 2, capacity: double }
    : { widthPx: tightPx, columns: 1, capacity: fits(tightPx) };
}

/** A column at the right. What a screen's shape leaves free at the sides goes to the people. */
function beside(staged: ArrangedTile, others: readonly ArrangedTile[], area: Area): Arrangement {
  const { gapPx } = TILE;
  const wanted = clamp(area.widthPx * STRIP.share, STRIP.minWidthPx, STRIP.maxWidthPx);
  const free = staged.screen
    ? area.widthPx - gapPx - area.heightPx * (staged.aspect ?? SCREEN_ASPECT)
    : wanted;
  const widest = Math.floor(clamp(free, wanted, STRIP.maxWidthPx));
  const { widthPx: stripPx, columns, capacity } = chooseStrip(others.length, widest, area.heightPx);
  const stagePx = area.widthPx - gapPx - stripPx;
  const rows = Math.ceil(Math.min(others.length, capacity) / columns);
  const tileWidthPx = Math.floor((stripPx - gapPx * (columns - 1)) / columns);
  const tileHeightPx = Math.floor(
    clamp(
      (area.heightPx - gapPx * (rows - 1)) / rows,
      tileWidthPx / STRIP.flatRatio,
      tileWidthPx / STRIP.ratio,
    ),
  );
  const { shown, moreCount } = fill(others, capacity);
  const stage = fitStage(staged, { xPx: 0, yPx: 0, widthPx: stagePx, heightPx: area.heightPx });
  // Both in the middle together, when the stage is narrower than its share.
  const slack = Math.max(0, stagePx - stage.widthPx);
  stage.xPx = Math.round(slack / 2);
  const { places } = lay(
    shown,
    { columns, tileWidthPx, tileHeightPx },
    {
      xPx: stage.xPx + stage.widthPx + gapPx,
      yPx: 0,
      widthPx: stripPx,
      heightPx: area.heightPx,
    },
    'strip',
  );
  return finish([staged.key, stage], places, moreCount, area);
}

/** Below: the stage takes the whole width in its own shape, the others share what is left. */
function below(staged: ArrangedTile, others: readonly ArrangedTile[], area: Area): Arrangement {
  const { gapPx, minWidthPx, minHeightPx } = TILE;
  const natural = staged.screen
    ? area.widthPx / (staged.aspect ?? SCREEN_ASPECT)
    : area.widthPx / Math.max(BELOW_RATIO, leastRatio(staged));
  const stageHeightPx = Math.floor(Math.min(natural, area.heightPx - gapPx - minHeightPx));
  const restPx = area.heightPx - gapPx - stageHeightPx;
  const columns = Math.max(1, Math.floor((area.widthPx + gapPx) / (minWidthPx + gapPx)));
  const rows = Math.max(1, Math.floor((restPx + gapPx) / (minHeightPx + gapPx)));
  const { shown, moreCount } = fill(others, columns * rows);
  const grid = chooseGrid(shown.length, area.widthPx, restPx, LOOKS.pictures);
  const stage = fitStage(staged, {
    xPx: 0,
    yPx: 0,
    widthPx: area.widthPx,
    heightPx: stageHeightPx,
  });
  const { places } = lay(
    shown,
    grid.scrolls ? { columns, tileWidthPx: minWidthPx, tileHeightPx: minHeightPx } : grid,
    { xPx: 0, yPx: stageHeightPx + gapPx, widthPx: area.widthPx, heightPx: restPx },
    'strip',
  );
  return finish([staged.key, stage], places, moreCount, area);
}
