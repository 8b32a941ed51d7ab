/**
 * How an estimate becomes layers that stay: down at once, up with room to spare, and the more patiently the more often an
 * upgrade did not hold. Pure: time is an argument. Elsewhere: what fits → bitrateAllocator.ts · the estimate → sendSideEstimator.ts
 */
import { allocateBitrate } from './bitrateAllocator.js';
import type { AllocationRequest } from './bitrateAllocator.js';

export const LAYER_SHARING = {
  /** An upgrade needs so much more than it takes: a target that trembles must not switch layers to and fro. Ours. */
  headroom: 1.1,
  /** Where probes have measured the way's end it trembles less. Ours. */
  measuredHeadroom: 1.05,
  /** After layers were taken because of the estimate, none is given for this long. */
  calmMicros: 2_000_000,
  /** Layers that were given so shortly before did not hold: for as much in all it waits twice as long, up to the most. Ours. */
  failedMicros: 10_000_000,
  calmMostMicros: 30_000_000,
  /** Less than this share of what failed is another matter: it waits no longer than at first. Layers are measured so well. Ours. */
  failedShare: 0.95,
  /** So much more than before layers were taken is another way, which a probe has shown: no need to wait. Ours. */
  widerFactor: 1.8,
  /**
   * A layer that was given begins with a key frame, whose packets can look like a link that has become narrower: for this long
   * nothing is taken because of it, while the way is not strained. Enough for the key frame, a calm second and a probe. Ours.
   */
  settleMicros: 2_500_000,
  /** Below this share of what there was when it was given it is no key frame's doing. Ours. */
  settleShare: 0.6,
  /** Meanwhile the layers themselves may turn out so much larger than measured. Ours. */
  settleSlack: 1.15,
  /** What was there before is held for as long once more, if that was not enough: the target needs some time to come back. */
  keptSlack: 1.08,
  /** Where something is to be given, each layer counts as what it was at most in this time: layers tremble, too. Ours. */
  peakMicros: 2_000_000,
  /** Key frames of what is given at once are to take no more than the room that is left has in half a second: one is about a second of its layer. */
  giveShare: 0.5,
  /** Nothing was taken for this long: the way is another one, and patience begins anew. Ours. */
  forgetMicros: 60_000_000,
} as const;

/** A request of somebody who may have something already. */
export interface SharingRequest extends AllocationRequest {
  /** Index into `bitrates` that it has now, -1: nothing; undefined: not limited so far. */
  readonly allowed: number | undefined;
}

/** What is known of the way besides. */
export interface WayState {
  /** Packets are lost, or wait so long that no key frame explains it: what does not fit is taken, whatever was given. */
  readonly strained?: boolean;
  /** Probes have found its end. */
  readonly measured?: boolean;
}

export interface Shared {
  /** By id: index into `bitrates`, -1: nothing. */
  readonly choices: ReadonlyMap<string, number>;
  /** What everybody would take, if there were enough. */
  readonly desiredBitrate: number;
}

export class LayerSharing {
  /** For as much as has failed. */
  #patienceMicros: number = LAYER_SHARING.calmMicros;
  #takenMicros = -Infinity;
  /** What there was before layers were taken, or was thought to be. */
  #takenBitrate = 0;
  /** At the last call. */
  #availableBitrate = 0;
  #givenMicros = -Infinity;
  /** By id: what each layer was lately. */
  #seen = new Map<string, { readonly atMicros: number; readonly bitrates: readonly number[] }[]>();
  /** All that was given when an upgrade did not hold. */
  #failedBitrate = Infinity;
  /** Until when a key frame may be under way, and what there was before it. */
  #settlesMicros = -Infinity;
  #givenBitrate = 0;
  /** What had been given before. */
  #keptBitrate = 0;

  share(
    requests: readonly SharingRequest[],
    availableBitrate: number,
    nowMicros: number,
    { strained = false, measured = false }: WayState = {},
  ): Shared {
    const held = strained ? availableBitrate : this.#heldBitrate(availableBitrate, nowMicros);
    const { choices: most, desiredBitrate } = allocateBitrate(requests, held);
    const headroom = measured ? LAYER_SHARING.measuredHeadroom : LAYER_SHARING.headroom;
    const { choices: safe } = allocateBitrate(
      this.#peaksOf(requests, nowMicros),
      availableBitrate / headroom,
    );
    if (nowMicros - this.#takenMicros >= LAYER_SHARING.forgetMicros) this.#forget();
    const choices = new Map<string, number>();
    let taken = false;
    let used = 0;
    let before = 0;
    for (const { id, allowed, wanted, bitrates } of requests) {
      const fits = most.get(id) ?? -1;
      // Unlimited so far: what fits, fits.
      const choice = Math.min(allowed ?? fits, fits);
      if (allowed !== undefined && choice < allowed && choice < wanted) taken = true;
      used += bitrates[choice] ?? 0;
      before += bitrates[allowed ?? choice] ?? 0;
      choices.set(id, choice);
    }
    if (taken) this.#take(before, availableBitrate, nowMicros);
    else if (!strained && this.#give(requests, choices, safe, used, availableBitrate, nowMicros)) {
      this.#givenMicros = nowMicros;
      this.#settlesMicros = nowMicros + LAYER_SHARING.settleMicros;
      this.#givenBitrate = availableBitrate;
      this.#keptBitrate = used;
    }
    this.#availableBitrate = availableBitrate;
    return { choices, desiredBitrate };
  }

  /** What nothing is taken below: a key frame may be under way, or what has just been taken may have been enough. */
  #heldBitrate(availableBitrate: number, nowMicros: number): number {
    const { settleMicros, settleShare, settleSlack, keptSlack } = LAYER_SHARING;
    const since = nowMicros - this.#settlesMicros;
    if (since >= settleMicros || availableBitrate < this.#givenBitrate * settleShare) return availableBitrate;
    return Math.max(
      availableBitrate,
      since < 0 ? this.#givenBitrate * settleSlack : this.#keptBitrate * keptSlack,
    );
  }

  /** The first at least, and as many more as there is room for their key frames. @returns whether anything was given */
  #give(
    requests: readonly SharingRequest[],
    choices: Map<string, number>,
    safe: ReadonlyMap<string, number>,
    used: number,
    availableBitrate: number,
    nowMicros: number,
  ): boolean {
    const calmMicros = nowMicros - this.#takenMicros;
    const wider = availableBitrate >= this.#takenBitrate * LAYER_SHARING.widerFactor;
    if (calmMicros < LAYER_SHARING.calmMicros && !wider) return false;
    const most =
      wider || calmMicros >= this.#patienceMicros
        ? Infinity
        : this.#failedBitrate * LAYER_SHARING.failedShare;
    let room = (availableBitrate - used) * LAYER_SHARING.giveShare;
    let sum = used;
    let given = false;
    for (const { id, bitrates } of requests.toSorted((a, b) => b.priority - a.priority)) {
      const before = choices.get(id)!;
      const choice = safe.get(id) ?? -1;
      if (choice <= before) continue;
      const bitrate = bitrates[choice] ?? 0;
      sum += bitrate - (bitrates[before] ?? 0);
      if ((given && bitrate > room) || sum > most) break;
      room -= bitrate;
      given = true;
      choices.set(id, choice);
    }
    return given;
  }

  #peaksOf(requests: readonly SharingRequest[], nowMicros: number): AllocationRequest[] {
    const before = this.#seen;
    this.#seen = new Map();
    return requests.map((request) => {
      const { id, bitrates } = request;
      const seen = (before.get(id) ?? []).filter(
        (each) => nowMicros - each.atMicros <= LAYER_SHARING.peakMicros,
      );
      seen.push({ atMicros: nowMicros, bitrates });
      this.#seen.set(id, seen);
      const peak = (now: number, layer: number): number =>
        now <= 0 ? now : Math.max(...seen.map((each) => each.bitrates[layer] ?? 0));
      return { ...request, bitrates: bitrates.map(peak) };
    });
  }

  #take(before: number, availableBitrate: number, nowMicros: number): void {
    this.#takenMicros = nowMicros;
    this.#takenBitrate = Math.max(availableBitrate, this.#availableBitrate);
    if (nowMicros - this.#givenMicros > LAYER_SHARING.failedMicros) return;
    this.#givenMicros = -Infinity; // one upgrade fails once
    this.#failedBitrate = Math.min(this.#failedBitrate, before);
    this.#patienceMicros = Math.min(LAYER_SHARING.calmMostMicros, this.#patienceMicros * 2);
  }

  #forget(): void {
    this.#patienceMicros = LAYER_SHARING.calmMicros;
    this.#failedBitrate = Infinity;
  }
}
