/**
 * Thousands of random switches of pictures over bad networks: simulcast and layers, four codecs mixed, loss, reordering and
 * retransmission both ways, layouts that never stay. Every packet that the server sent is judged by what is written in its
 * decrypted payload. Rules: docs/virtual-streams.md V2, V4, V6, V7, R1, R2, R4, R5, R7–R9.
 *
 * Ten thousand switches, or other rooms than usual:
 * TERTULIA_SIMULATION_SWITCHES=10000 TERTULIA_SIMULATION_SEED=1000 npx vitest run test/simulation/videoSwitches.test.ts
 */
import { expect, test } from 'vitest';
import { quantile, say } from './support/figures.js';
import { POOR, type LinkOptions } from './support/link.js';
import { Random } from './support/random.js';
import { Audience } from './support/video/audience.js';
import { VideoJudge, type VideoTolerance } from './support/video/videoJudge.js';
import { SimulatedVideoRoom } from './support/video/videoRoom.js';

const WANTED_SWITCHES = Number(process.env['TERTULIA_SIMULATION_SWITCHES'] ?? 1_200);
const MORE_SEEDS = Number(process.env['TERTULIA_SIMULATION_SEED'] ?? 0);
const MOST_SECONDS = 1_200;
/** Switches whose first packets are still under way at the end. */
const MARGIN = 10;

const CLEAN: LinkOptions = { loss: 0, delayMs: 20, jitterMs: 0, reorder: 0, reorderMs: 0 };
const FAIR: LinkOptions = { loss: 0.005, delayMs: 15, jitterMs: 1, reorder: 0.01, reorderMs: 50 };
const BAD: LinkOptions = { loss: 0.05, delayMs: 60, jitterMs: 6, reorder: 0.04, reorderMs: 90 };

/** Half a millisecond of deadband, one of the simulation's steps. */
const CLOSE: VideoTolerance = { earlyMs: 1, lateMs: 2, firstLateMs: 70 };
/** Clocks are known by the quickest packets of the last seconds. */
const LOOSE: VideoTolerance = { earlyMs: 2, lateMs: 10, firstLateMs: 400 };

const ROOMS: readonly {
  name: string;
  seed: number;
  link: LinkOptions;
  slots: number;
  tolerance: VideoTolerance;
}[] = [
  { name: 'clean', seed: 21, link: CLEAN, slots: 3, tolerance: CLOSE },
  { name: 'fair', seed: 22, link: FAIR, slots: 4, tolerance: LOOSE },
  { name: 'poor', seed: 23, link: POOR, slots: 3, tolerance: LOOSE },
  { name: 'bad', seed: 24, link: BAD, slots: 2, tolerance: LOOSE },
];

test.each(ROOMS)(
  'no wrong attribution and no broken rule in a quarter of the switches, $name network',
  { timeout: 600_000 },
  ({ name, seed, link, slots, tolerance }) => {
    const random = new Random(seed + MORE_SEEDS);
    const judge = new VideoJudge(tolerance);
    const room = new SimulatedVideoRoom({ random, slots, uplink: link, downlink: link }, judge);
    const audience = new Audience(
      room,
      { least: 5, most: 8, layoutEveryMs: 700, pinEveryMs: 500, muteEveryMs: 700, comeOrGoEveryMs: 4000 },
      random,
    );
    audience.begin(7);
    const wanted = WANTED_SWITCHES / ROOMS.length;
    const end = room.nowMicros + MOST_SECONDS * 1_000_000;
    const begin = performance.now();
    while (judge.switchesSeen < wanted + MARGIN && room.nowMicros < end) room.step(audience.act);
    room.settle();
    const requests = [...judge.cameras.values()].flatMap(({ requestedMicros }) => [
      ...requestedMicros.values(),
    ]);
    say(`simulation of pictures, ${name} network, seed ${seed + MORE_SEEDS}:`, [
      `${(room.nowMicros / 1e6 - 1).toFixed(0)} s of call in ${((performance.now() - begin) / 1000).toFixed(1)} s, ${room.packetsIn} packets in, ${judge.packets} out and ${judge.resent} of these again`,
      `${judge.switches} switches of source, ${judge.codecSwitches} of these to another codec, ${judge.layerSwitches} between layers`,
      `${audience.layouts} layouts, ${audience.pins} pins, ${audience.mutes} mutes, ${audience.joins} joins, ${audience.leaves} leaves`,
      `${requests.reduce((sum, times) => sum + times.length, 0)} requests for key frames`,
      `${judge.sourceGaps} numbers left open by packets that were not there, ${judge.empty} filled with nothing, ${judge.lateSent} packets before which one came late, ${judge.lateRepeated} repeated only, ${judge.lateLeftOut} left out`,
      `distance from the line p1 ${quantile(judge.lineErrorsMs, 0.01)} p50 ${quantile(judge.lineErrorsMs, 0.5)} p99 ${quantile(judge.lineErrorsMs, 0.99)} ms`,
      `ahead of the line from a second after a switch on: p50 ${quantile(judge.leadsMs, 0.5)} p99 ${quantile(judge.leadsMs, 0.99)} max ${quantile(judge.leadsMs, 1)} ms`,
      `sender report after a switch's first packet: p50 ${quantile(judge.reportAfterSwitchMs, 0.5)} p99 ${quantile(judge.reportAfterSwitchMs, 0.99)} max ${quantile(judge.reportAfterSwitchMs, 1)} ms`,
      `dropped by the engine: ${JSON.stringify(room.server.drops())}`,
      `violations: ${judge.total} ${JSON.stringify(Object.fromEntries(judge.violations))}`,
    ]);
    room.close();
    expect(judge.examples).toEqual([]);
    expect(judge.total).toBe(0);
    expect(judge.switches).toBeGreaterThanOrEqual(wanted);
  },
);
