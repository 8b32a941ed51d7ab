/**
 * One round of a fan-out benchmark: the media process, or the floor in its place, under the same load for a few seconds.
 * What the load is → scenarios/ · how figures are made of rounds → there too
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { coreShares, readCore } from './cpuLoad.js';
import type { Floor } from './floor.js';
import { FEEDBACK, LIKE_CHROMIUM } from './loadgen.js';
import type { LoadGenerator } from './loadgen.js';
import type { MediaRoom } from './mediaRoom.js';

/** After a change of load, before anything is counted: queues, caches and the noise floors of the ranker settle. */
const SETTLE_MS = 700;
/** The last packets are reported before the receivers fall silent, or the server would take them for lost. */
const LAST_FEEDBACK_MS = 250;
/** A round that lost more than this on loopback is not a measurement: somebody did not drain. */
const LOSS_ALLOWED = 0.001;

export interface Bench {
  room: MediaRoom;
  generator: LoadGenerator;
  floor: Floor;
  milliseconds: number;
  /** Share of packets for which NACKs are sent. */
  nackShare: number;
}
export interface OursRound {
  packets: number;
  micros: number;
  cpuMicros: number;
  coreBusy: number;
  stolen: number;
  generatorShare: number;
  lost: number;
  received: number;
  notGenuine: number;
  nacks: number;
  /** RTCP that arrived at the receivers. */
  reports: number;
  feedbacks: number;
  sendCalls: number;
  /** By reason, the ones that happened. */
  drops: Record<string, number>;
}
export interface FloorRound {
  packets: number;
  micros: number;
  received: number;
}

export async function oursRound(
  { room, generator, milliseconds }: Bench,
  behaviour: number = LIKE_CHROMIUM,
): Promise<OursRound> {
  await generator.talk(true);
  await generator.behave(behaviour);
  await sleep(SETTLE_MS);
  const generatorBefore = await generator.reset();
  const coreBefore = readCore(0);
  const before = await room.usage();
  const started = performance.now();
  await sleep(milliseconds);
  const after = await room.usage();
  const wallMicros = (performance.now() - started) * 1000;
  const { busy, stolen } = coreShares(coreBefore, readCore(0));
  const load = await generator.report();
  const packets = after.rtpSent - before.rtpSent;
  const cpuMicros = after.cpuMicros - before.cpuMicros;
  const drops = Object.entries(after.drops)
    .map(([reason, count]) => [reason, count - (before.drops[reason] ?? 0)] as const)
    .filter(([, count]) => count > 0);
  return {
    packets,
    micros: cpuMicros / packets,
    cpuMicros,
    coreBusy: busy,
    stolen,
    generatorShare: (load.cpuMicros - generatorBefore.cpuMicros) / wallMicros,
    lost: load.lost,
    received: load.rtp,
    notGenuine: load.notGenuine + load.unknownSsrc,
    nacks: load.nacks,
    reports: load.rtcp,
    feedbacks: load.feedbacks,
    sendCalls: after.sendCalls - before.sendCalls,
    drops: Object.fromEntries(drops),
  };
}

/**
 * No media until the next round.
 * @param behaviour what receivers go on with: without checks for 30 s they count as gone
 */
export async function fallSilent({ generator }: Bench, behaviour = 0): Promise<void> {
  await generator.talk(false);
  await sleep(LAST_FEEDBACK_MS);
  await generator.behave(behaviour);
}

export async function floorRound(bench: Bench): Promise<FloorRound> {
  const { generator, floor, milliseconds } = bench;
  await fallSilent(bench);
  await sleep(SETTLE_MS / 2);
  await generator.reset();
  const run = await floor.run(milliseconds / 1000);
  await sleep(100);
  const load = await generator.report();
  return { packets: run.packets, micros: run.cpuMicros / run.packets, received: load.rtp };
}

export interface TimedRound {
  /** µs inside TypeScript's handling of batches, per incoming packet. */
  typeScript: number;
  /** The same of the middle batch, in which nothing rare happens. */
  middle: number;
  /** µs inside TypeScript's handling of batches, all of the round. */
  typeScriptMicros: number;
  /** CPU µs per outgoing packet. */
  micros: number;
  feedbacks: number;
}

/** @param behaviour by default receivers are silent, so all rows are media */
export async function timedRound(
  { room, generator, milliseconds }: Bench,
  behaviour: 0 | typeof FEEDBACK = 0,
): Promise<TimedRound> {
  await generator.talk(true);
  await generator.behave(behaviour);
  await sleep(SETTLE_MS);
  await generator.reset();
  await room.timing(true);
  const before = await room.usage();
  await sleep(milliseconds);
  const after = await room.usage();
  const middle = await room.timing(false);
  const { feedbacks } = await generator.report();
  const typeScriptMicros = after.typeScriptMicros - before.typeScriptMicros;
  return {
    typeScript: typeScriptMicros / (after.timedRows - before.timedRows),
    middle,
    typeScriptMicros,
    micros: (after.cpuMicros - before.cpuMicros) / (after.rtpSent - before.rtpSent),
    feedbacks,
  };
}

/** Says what makes a round worthless. */
export function complain(
  ours: OursRound,
  floor: FloorRound,
  { nackShare }: Bench,
  say: (line: string) => void,
): void {
  if (ours.lost > ours.packets * LOSS_ALLOWED) say(`  ! ${ours.lost} packets were lost on loopback`);
  if (ours.notGenuine > 0)
    say(`  ! ${ours.notGenuine} packets could not be decrypted or had an unknown SSRC`);
  if (floor.received < floor.packets * (1 - LOSS_ALLOWED))
    say(`  ! the floor's receivers got ${floor.received} only`);
  const nacksExpected = ours.packets * nackShare;
  if (nacksExpected > 100 && ours.nacks < nacksExpected * 0.7)
    say(`  ! receivers sent ${ours.nacks} NACKs only`);
  if (ours.generatorShare > 0.8) say('  ! the load generator is nearly busy: the figures may be its own');
}

export const percent = (share: number): string => `${(share * 100).toFixed(0)} %`;
