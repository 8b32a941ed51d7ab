/** How long to wait between attempts: doubling, with a little chance so that a whole room does not return at once. Pure. */
export const BACKOFF = {
  firstMs: 500, // soon enough that a short drop is barely noticed
  longestMs: 8_000, // a server that restarts is back within a few of these
  jitter: 0.2, // ± share of the delay
} as const;

/**
 * @param attempt failed attempts so far, from 1
 * @param chance 0…1, evenly distributed
 */
export function backoffMs(attempt: number, chance: number): number {
  const delay = Math.min(BACKOFF.firstMs * 2 ** Math.max(0, attempt - 1), BACKOFF.longestMs);
  return Math.round(delay * (1 + BACKOFF.jitter * (2 * chance - 1)));
}
