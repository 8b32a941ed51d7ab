/** A receiver of three cameras with three layers each, whose layers follow the target as a forwarder's do: in steps, with headroom. */
import { allocateBitrate } from '../../../src/media/congestion/bitrateAllocator.js';
import { runCall, SECOND, type CallOptions, type Sample } from './call.js';

const LAYERS = [100_000, 300_000, 900_000];
const NAMES = ['a', 'b', 'c'];
const EVERY_MICROS = 500_000;
const HEADROOM = 1.1;
const CALM_MICROS = 2 * SECOND;
/** Wanted in all, and somewhat more. */
const WANTED = 3 * 900_000 * 1.35;

export interface CamerasResult {
  samples: Sample[];
  /** Seconds at which a camera went up or down. */
  switches: number[];
  /** Sum of the layers chosen, at each sample. */
  chosen: number[];
}

export function runCameras(options: CallOptions): CamerasResult {
  const choices = new Map(NAMES.map((name) => [name, 0]));
  const switches: number[] = [];
  const chosen: number[] = [];
  let next = 0;
  let loweredMicros = -Infinity;
  const sum = (): number => NAMES.reduce((total, name) => total + (LAYERS[choices.get(name)!] ?? 0), 0);
  const { samples } = runCall({
    bounds: { max: WANTED },
    ...options,
    layered: true,
    application: sum,
    onTick: (now, estimator) => {
      if (now % 100_000 === 0) chosen.push(sum());
      if (now < next) return;
      next = now + EVERY_MICROS;
      const requests = NAMES.map((id) => ({ id, priority: 1, bitrates: LAYERS, wanted: 2 }));
      const most = allocateBitrate(requests, estimator.targetBitrate).choices;
      const safe = allocateBitrate(requests, estimator.targetBitrate / HEADROOM).choices;
      const calm = now - loweredMicros > CALM_MICROS;
      for (const name of NAMES) {
        const before = choices.get(name)!;
        const fits = most.get(name)!;
        const choice = fits <= before ? fits : calm ? Math.max(before, safe.get(name)!) : before;
        if (choice === before) continue;
        if (choice < before) loweredMicros = now;
        choices.set(name, choice);
        switches.push(now / SECOND);
      }
    },
  });
  return { samples, switches, chosen };
}
