/** How the tiles of a call share the stage: as large as possible, nearly the same shape, scrolling only when they would be too small. Pure. */
export const TILE = {
  gapPx: 12,
  minWidthPx: 104, // three in a row on a phone of 360 px
  minHeightPx: 108, // avatar, name and mute mark are still readable
  maxWidthPx: 440, // a tile has a name and a circle: larger is only emptier
  maxHeightPx: 330,
  ratioWide: 4 / 3, // wanted width / height on a stage that is wider than high
  ratioHigh: 0.95, // and on one that is higher than wide
} as const;

export interface Grid {
  columns: number;
  rows: number;
  tileWidthPx: number;
  tileHeightPx: number;
  /** The tiles are higher than the stage. */
  scrolls: boolean;
}

const clamp = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high);

export function chooseGrid(count: number, widthPx: number, heightPx: number): Grid {
  const tiles = Math.max(1, count);
  const { gapPx, minWidthPx, minHeightPx, maxWidthPx, maxHeightPx, ratioWide, ratioHigh } = TILE;
  const ratio = widthPx > heightPx ? ratioWide : ratioHigh;
  const maxColumns = Math.max(1, Math.min(tiles, Math.floor((widthPx + gapPx) / (minWidthPx + gapPx))));
  let best: Grid | undefined;
  let bestScore = -Infinity;
  for (let columns = 1; columns <= maxColumns; columns++) {
    const rows = Math.ceil(tiles / columns);
    const width = Math.min((widthPx - gapPx * (columns - 1)) / columns, maxWidthPx);
    const share = (heightPx - gapPx * (rows - 1)) / rows;
    const scrolls = share < minHeightPx;
    const height = scrolls ? minHeightPx : Math.min(share, maxHeightPx);
    // Not much wider and not much higher than wanted: cut what exceeds it.
    const tileWidthPx = Math.floor(clamp(width, 0, height * ratio * 1.5));
    const tileHeightPx = Math.floor(
      clamp(height, minHeightPx, Math.max(minHeightPx, (width / ratio) * 1.25)),
    );
    // The circle grows with the shorter side; a ragged last row is the tie-breaker. Where nothing fits, the more in
    // a row the better.
    const empty = columns * rows - tiles;
    const score = scrolls ? columns - 1_000 : Math.min(tileWidthPx / ratio, tileHeightPx) - empty * 2;
    // Equally large: beside each other on a wide stage, below each other on a high one.
    if (score > bestScore || (score === bestScore && widthPx > heightPx)) {
      bestScore = score;
      best = { columns, rows, tileWidthPx, tileHeightPx, scrolls };
    }
  }
  return best!;
}
