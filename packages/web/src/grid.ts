/** How the tiles of a call share the stage: as large as possible, nearly the same shape, scrolling only when they would be too small. Pure. */
export const TILE = {
  gapPx: 12,
  minWidthPx: 104, // three in a row on a phone of 360 px
  minHeightPx: 108, // avatar, name and mute mark are still readable
} as const;

/** Which shapes a tile may take. Ratios are width / height. */
export interface Look {
  maxWidthPx: number;
  maxHeightPx: number;
  /** Wanted on a stage that is wider than high, and on one that is higher than wide. */
  ratioWide: number;
  ratioHigh: number;
  /** How much wider and how much higher than wanted is still good. */
  wider: number;
  higher: number;
}

export const LOOKS = {
  /** Nobody has a camera on: a tile has a name and a circle, larger is only emptier. */
  voices: {
    maxWidthPx: 440,
    maxHeightPx: 330,
    ratioWide: 4 / 3,
    ratioHigh: 0.95,
    wider: 1.5,
    higher: 1.25,
  },
  /** Cameras are 16:9 mostly. Between 4:3 and 1.9 a face stays whole; on a phone down to 2:3, up to 1.6. */
  pictures: {
    maxWidthPx: Infinity,
    maxHeightPx: Infinity,
    ratioWide: 16 / 9,
    ratioHigh: 0.9,
    wider: 1.07,
    higher: 4 / 3,
  },
} as const satisfies Record<string, Look>;

/** On a high stage two people below each other may be wider than the wanted square. */
const WIDER_HIGH = 1.6;

export interface Grid {
  columns: number;
  rows: number;
  tileWidthPx: number;
  tileHeightPx: number;
  /** The tiles are higher than the stage. */
  scrolls: boolean;
}

const clamp = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high);

export function chooseGrid(
  count: number,
  widthPx: number,
  heightPx: number,
  look: Look = LOOKS.voices,
): Grid {
  const tiles = Math.max(1, count);
  const { gapPx, minWidthPx, minHeightPx } = TILE;
  const wide = widthPx > heightPx;
  const ratio = wide ? look.ratioWide : look.ratioHigh;
  const wider = wide ? look.wider : Math.max(look.wider, Math.min(WIDER_HIGH, look.wider * 1.5));
  const maxColumns = Math.max(1, Math.min(tiles, Math.floor((widthPx + gapPx) / (minWidthPx + gapPx))));
  let best: Grid | undefined;
  let bestScore = -Infinity;
  for (let columns = 1; columns <= maxColumns; columns++) {
    const rows = Math.ceil(tiles / columns);
    const width = Math.min((widthPx - gapPx * (columns - 1)) / columns, look.maxWidthPx);
    const share = (heightPx - gapPx * (rows - 1)) / rows;
    const scrolls = share < minHeightPx;
    const height = scrolls ? minHeightPx : Math.min(share, look.maxHeightPx);
    // Not much wider and not much higher than wanted: cut what exceeds it.
    const tileWidthPx = Math.floor(clamp(width, 0, height * ratio * wider));
    const tileHeightPx = Math.floor(
      clamp(height, minHeightPx, Math.max(minHeightPx, (width / ratio) * look.higher)),
    );
    // The circle grows with the shorter side; a ragged last row is the tie-breaker. Where nothing fits, the more in
    // a row the better.
    const empty = columns * rows - tiles;
    const score = scrolls ? columns - 1_000 : Math.min(tileWidthPx / ratio, tileHeightPx) - empty * 2;
    // Equally large: beside each other on a wide stage, below each other on a high one.
    if (score > bestScore || (score === bestScore && wide)) {
      bestScore = score;
      best = { columns, rows, tileWidthPx, tileHeightPx, scrolls };
    }
  }
  return best!;
}
