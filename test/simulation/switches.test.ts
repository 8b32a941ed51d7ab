/**
 * Ten thousand random switches over bad networks: loss, reordering and jitter both ways, people who come, go, mute and
 * talk over each other. Every packet that the server sent is judged by what is written in its decrypted payload.
 * Rules: docs/virtual-streams.md A1, A2, A4–A6, R1–R3, R5, R7, R9.
 */
import { expect, test } from 'vitest';
import { Conversation } from './support/conversation.js';
import { quantile, say } from './support/figures.js';
import { Judge } from './support/judge.js';
import { POOR, type LinkOptions } from './support/link.js';
import { Random } from './support/random.js';
import { SimulatedRoom } from './support/room.js';
import type { SrtpProfile } from './support/server.js';

const WANTED_SWITCHES = 10_000;
const MOST_SECONDS = 600;
/** Other rooms than usual: TERTULIA_SIMULATION_SEED=1000 npx vitest run test/simulation/switches.test.ts */
const MORE_SEEDS = Number(process.env['TERTULIA_SIMULATION_SEED'] ?? 0);

const BAD: LinkOptions = { loss: 0.05, delayMs: 80, jitterMs: 8, reorder: 0.06, reorderMs: 110 };
const FAIR: LinkOptions = { loss: 0.005, delayMs: 15, jitterMs: 1, reorder: 0.01, reorderMs: 50 };

const ROOMS: readonly {
  name: string;
  seed: number;
  profile: SrtpProfile;
  link: LinkOptions;
  slots: number;
}[] = [
  { name: 'fair', seed: 11, profile: 'AEAD_AES_128_GCM', link: FAIR, slots: 3 },
  { name: 'poor', seed: 12, profile: 'AES_CM_128_HMAC_SHA1_80', link: POOR, slots: 3 },
  { name: 'bad', seed: 13, profile: 'AEAD_AES_256_GCM', link: BAD, slots: 3 },
  { name: 'poor, two slots', seed: 14, profile: 'AES_CM_128_HMAC_SHA1_32', link: POOR, slots: 2 },
];

test.each(ROOMS)(
  'no wrong attribution and no broken rule in a quarter of 10,000 switches, $name network',
  { timeout: 120_000 },
  ({ name, seed, profile, link, slots }) => {
    const random = new Random(seed + MORE_SEEDS);
    const judge = new Judge({ earlyMs: 40, lateMs: 160 });
    const room = SimulatedRoom.create(
      { seed: random, slots, profile, uplink: link, downlink: link, payloadBytes: 40 },
      judge,
    );
    const conversation = new Conversation(
      room,
      { least: 4, most: 9, spurtMs: [80, 700], pauseMs: [60, 900], muteEveryMs: 45, comeOrGoEveryMs: 1500 },
      random,
    );
    conversation.begin(7);
    const wanted = WANTED_SWITCHES / ROOMS.length;
    const end = room.nowMicros + MOST_SECONDS * 1_000_000;
    while (judge.distinctSwitches.size < wanted && room.nowMicros < end) room.step(conversation.act);
    room.settle();
    const { reportAfterSwitchMs: sent, reportReceivedMs: received } = judge;
    say(`simulation, ${name} network, ${profile}, seed ${seed + MORE_SEEDS}:`, [
      `${(room.nowMicros / 1e6 - 1).toFixed(0)} s of call, ${room.packetsIn} packets in, ${judge.packets} out`,
      `${judge.distinctSwitches.size} switches, ${judge.switches} as seen by receivers, ${room.watch.loudestChanges} changes of the loudest, ${room.watch.flickers} taken back within a packet`,
      `${conversation.joins} joins, ${conversation.leaves} leaves, ${conversation.mutes} mutes`,
      `${judge.sourceGaps} gaps that a source's lost packets left, ${judge.lateSent} packets sent late and ${judge.lateLeftOut} left out for it, ${judge.resent} packets resent`,
      `distance from the line p1 ${quantile(judge.lineErrorsMs, 0.01)} p50 ${quantile(judge.lineErrorsMs, 0.5)} p99 ${quantile(judge.lineErrorsMs, 0.99)} ms`,
      `sender report after a switch's first packet: sent p50 ${quantile(sent, 0.5)} p99 ${quantile(sent, 0.99)} max ${quantile(sent, 1)} ms, received p50 ${quantile(received, 0.5)} p95 ${quantile(received, 0.95)} p99 ${quantile(received, 0.99)} max ${quantile(received, 1)} ms`,
      `dropped by the engine: ${JSON.stringify(room.server.drops())}`,
      `violations: ${judge.total} ${JSON.stringify(Object.fromEntries(judge.violations))}`,
    ]);
    room.close();
    expect(judge.examples).toEqual([]);
    expect(judge.total).toBe(0);
    expect(judge.distinctSwitches.size).toBeGreaterThanOrEqual(wanted);
  },
);
