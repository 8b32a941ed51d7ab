/**
 * Who gets which layers of what one receiver's way holds. Everybody's lowest layer first, by priority; then rounds in which
 * one of priority p may go up p steps. Semantics: mediasoup v3, Consumer priority ("the higher … the higher it is served").
 * Pure. Elsewhere: how much there is → sendSideEstimator.ts · when a switch happens → the forwarder
 */
export interface AllocationRequest {
  readonly id: string;
  /** 1…255. */
  readonly priority: number;
  /**
   * Bits per second of each choice in whole, the cheapest first; 0: it does not come at the moment and is passed over.
   */
  readonly bitrates: readonly number[];
  /** Highest index wanted; −1: none at all. */
  readonly wanted: number;
}

export interface Allocation {
  /** Index into `bitrates`, −1: nothing. */
  readonly choices: ReadonlyMap<string, number>;
  /** Those who want something that comes, and get nothing. */
  readonly dark: readonly string[];
  readonly usedBitrate: number;
  /** What everybody would take, if there were enough. */
  readonly desiredBitrate: number;
}

interface Share {
  readonly request: AllocationRequest;
  choice: number;
}

export function allocateBitrate(
  requests: readonly AllocationRequest[],
  availableBitrate: number,
): Allocation {
  const shares: Share[] = requests.map((request) => ({ request, choice: -1 }));
  // Equal priorities keep their order: the sort is stable.
  shares.sort((a, b) => b.request.priority - a.request.priority);
  let left = availableBitrate;
  for (const share of shares) left -= raise(share, left);
  let raised = true;
  while (raised) {
    raised = false;
    for (const share of shares) {
      if (share.choice < 0) continue; // what did not fit before fits less now
      for (let step = 0; step < share.request.priority; step++) {
        const before = share.choice;
        left -= raise(share, left);
        if (share.choice === before) break;
        raised = true;
      }
    }
  }
  const choices = new Map(requests.map(({ id }) => [id, -1]));
  const dark: string[] = [];
  for (const { request, choice } of shares) {
    choices.set(request.id, choice);
    if (choice < 0 && highest(request) >= 0) dark.push(request.id);
  }
  const desiredBitrate = requests.reduce((sum, each) => sum + (each.bitrates[highest(each)] ?? 0), 0);
  return { choices, dark, usedBitrate: availableBitrate - left, desiredBitrate };
}

/** @returns what the next higher choice costs more, 0 where there is none or it does not fit */
function raise(share: Share, left: number): number {
  const { bitrates, wanted } = share.request;
  const now = bitrates[share.choice] ?? 0;
  for (let next = share.choice + 1; next <= wanted && next < bitrates.length; next++) {
    const bitrate = bitrates[next]!;
    if (bitrate <= 0) continue;
    if (bitrate - now > left) return 0;
    share.choice = next;
    return bitrate - now;
  }
  return 0;
}

function highest({ bitrates, wanted }: AllocationRequest): number {
  for (let at = Math.min(wanted, bitrates.length - 1); at >= 0; at--) if (bitrates[at]! > 0) return at;
  return -1;
}
