/** A receiver of some cameras whose layers follow the target as a forwarder's do. */
import { LayerSharing } from '../../../src/media/congestion/layerSharing.js';
import { runCall, SECOND, type CallOptions, type Sample } from './call.js';

const THREE_CAMERAS = { count: 3, layers: [100_000, 300_000, 900_000] };
const EVERY_MICROS = 500_000;
const FRAME_SECONDS = 1 / 30;
/** Wanted in all, and somewhat more. */
const WANTED_SHARE = 1.35;

export interface CamerasOptions extends CallOptions {
  /** Default: three of them with three layers. */
  cameras?: { count: number; layers: readonly number[] };
  /** A camera that goes up begins with a key frame of so many seconds of its layer. Default 0. */
  keyFrameSeconds?: number;
  /** Each camera's frame comes with every so many of the link's 30 a second, one camera after the other. Default 1. */
  everyFrames?: number;
  /** How many times as large as measured the layers are at a time. Default 1. */
  larger?: (nowMicros: number) => number;
}

export interface CamerasResult {
  samples: Sample[];
  /** Seconds at which a camera went up or down. */
  switches: number[];
  /** Sum of the layers chosen, at each sample. */
  chosen: number[];
  /** By camera, the most relevant first: layer at the end, -1 = dark. */
  layers: number[];
}

export function runCameras(options: CamerasOptions): CamerasResult {
  const { count, layers } = options.cameras ?? THREE_CAMERAS;
  const names = Array.from({ length: count }, (_, i) => `camera${i}`);
  const choices = new Map<string, number>(names.map((name) => [name, 0]));
  const switches: number[] = [];
  const chosen: number[] = [];
  const sharing = new LayerSharing();
  let next = 0;
  let frame = 0;
  const everyFrames = options.everyFrames ?? 1;
  /** By camera: of key frames that are to come. */
  const keyFrameBits = new Map<string, number>();
  const sum = (): number => names.reduce((total, name) => total + (layers[choices.get(name)!] ?? 0), 0);
  const { samples } = runCall({
    bounds: { max: count * layers.at(-1)! * WANTED_SHARE },
    ...options,
    layered: true,
    needed: sum,
    application: (now) => {
      const due = names.filter((_, i) => i % everyFrames === frame % everyFrames);
      frame++;
      let rate = 0;
      const larger = options.larger?.(now) ?? 1;
      for (const name of due) {
        rate += (layers[choices.get(name)!] ?? 0) * everyFrames * larger;
        rate += (keyFrameBits.get(name) ?? 0) / FRAME_SECONDS;
        keyFrameBits.delete(name);
      }
      return rate;
    },
    onTick: (now, estimator) => {
      if (now % 100_000 === 0) chosen.push(sum());
      if (now < next) return;
      next = now + EVERY_MICROS;
      const requests = names.map((id) => ({
        id,
        priority: 1,
        bitrates: layers,
        wanted: layers.length - 1,
        allowed: choices.get(id),
      }));
      const way = { strained: estimator.isStrained(now), measured: estimator.measured };
      for (const [name, choice] of sharing.share(requests, estimator.targetBitrate, now, way).choices) {
        if (choice === choices.get(name)) continue;
        if (choice > choices.get(name)!)
          keyFrameBits.set(name, layers[choice]! * (options.keyFrameSeconds ?? 0));
        else keyFrameBits.delete(name);
        choices.set(name, choice);
        switches.push(now / SECOND);
      }
    },
  });
  return { samples, switches, chosen, layers: names.map((name) => choices.get(name)!) };
}
