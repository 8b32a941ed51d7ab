/**
 * What one outgoing packet costs the whole media process: a room of 10, 100 and 1,000 people, ten of whom talk, three
 * slots each, Opus of 100 bytes, AES-GCM, real sockets on loopback. Beside it, in turns within the same run, the floor:
 * the same sends from a C++ program that does nothing else.
 *
 * Core 0: media process and floor, never both at work. Core 1: load generator and this process.
 * Method, fairness and how to read the figures: docs/bench.md.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { cpus } from 'node:os';
import { numberList } from '../arguments.js';
import { Floor } from '../floor.js';
import { BEHAVIOUR, LIKE_CHROMIUM, LoadGenerator } from '../loadgen.js';
import { MediaRoom } from '../mediaRoom.js';
import { complain, floorRound, oursRound, percent, timedRound } from '../rounds.js';
import type { Bench, FloorRound, OursRound, TimedRound } from '../rounds.js';
import type { ResultRow, Scenario } from '../scenario.js';
import { median, rounded } from '../statistics.js';

const PAYLOAD_BYTES = 100;
const TALKERS = 10;
const SLOTS = 3;
const NACK_SHARE = 0.01;
/** JavaScript is compiled and the ranker has heard everybody. */
const WARM_UP_MS = 30_000;
/** Rounds with receivers that send nothing, for TypeScript's share; well below the 30 s after which consent ends. */
const QUIET_ROUNDS = 3;
const PART_ROUNDS = 3;
/** What each habit of the receivers adds, µs per outgoing packet: rounds with that one alone, less rounds with none. */
async function measureParts(bench: Bench): Promise<Record<string, number>> {
  const parts = { none: 0, ...BEHAVIOUR };
  const micros = new Map<string, number[]>();
  for (let round = 0; round < PART_ROUNDS; round++)
    for (const [name, what] of Object.entries(parts)) {
      const { micros: measured } = await oursRound(bench, what);
      micros.set(name, [...(micros.get(name) ?? []), measured]);
    }
  const alone = (name: string): number => median(micros.get(name) ?? []);
  const added = Object.keys(BEHAVIOUR).map((name) => [
    `${name}Micros`,
    rounded(alone(name) - alone('none'), 3),
  ]);
  return { mediaOnlyMicros: rounded(alone('none'), 3), ...Object.fromEntries(added) };
}

async function measure(
  receivers: number,
  settings: { rounds: number; seconds: number; profile: string; parts: boolean },
  cores: [media: number | undefined, load: number | undefined],
  say: (line: string) => void,
): Promise<ResultRow> {
  const room = await MediaRoom.start({
    room: { kind: 'audio', talkers: TALKERS, slots: SLOTS },
    endpoints: receivers,
    core: cores[0],
    profile: settings.profile,
  });
  const { server, endpoints, talkers } = room;
  const load = {
    server,
    endpoints,
    talkers,
    payloadBytes: PAYLOAD_BYTES,
    nackShare: NACK_SHARE,
    seed: 20_260_101,
  };
  const generator = await LoadGenerator.start(load, cores[1]);
  const { cipher } = await room.usage();
  const floor = await Floor.start(
    { receivers: endpoints, slots: SLOTS, payloadBytes: PAYLOAD_BYTES, cipher },
    cores[0],
  );
  const milliseconds = settings.seconds * 1000;
  const bench: Bench = { room, generator, floor, milliseconds, nackShare: NACK_SHARE };
  try {
    await generator.talk(true);
    await generator.behave(LIKE_CHROMIUM);
    await sleep(WARM_UP_MS);
    const ours: OursRound[] = [];
    const floors: FloorRound[] = [];
    for (let round = 0; round < settings.rounds; round++) {
      // Whoever comes second finds warmer or busier surroundings: they take turns.
      if (round % 2 === 1) floors.push(await floorRound(bench));
      ours.push(await oursRound(bench));
      if (round % 2 === 0) floors.push(await floorRound(bench));
      const [o, f] = [ours.at(-1)!, floors.at(-1)!];
      say(
        `  round ${round + 1}: ours ${o.micros.toFixed(3)} µs, floor ${f.micros.toFixed(3)} µs, ` +
          `${o.packets} and ${f.packets} packets, core busy ${percent(o.coreBusy)}, stolen ${percent(o.stolen)}, ` +
          `generator ${percent(o.generatorShare)}`,
      );
      complain(o, f, bench, say);
    }
    const quiet: TimedRound[] = [];
    for (let round = 0; round < QUIET_ROUNDS; round++) quiet.push(await timedRound(bench));
    const parts = settings.parts ? await measureParts(bench) : {};
    const final = await room.usage();
    const micros = median(ours.map((round) => round.micros));
    const floorMicros = median(floors.map((round) => round.micros));
    return {
      receivers,
      packetsOut: ours.reduce((sum, round) => sum + round.packets, 0),
      cpuMicrosPerPacketOut: rounded(micros, 3),
      floorMicrosPerPacketOut: rounded(floorMicros, 3),
      floorRatio: rounded(micros / floorMicros, 3),
      packetsPerSecondPerCore: Math.round(1e6 / micros),
      packetsPerSecond: Math.round(median(ours.map((round) => round.packets / settings.seconds))),
      typeScriptMicrosPerPacketIn: rounded(median(quiet.map((round) => round.typeScript)), 2),
      typeScriptMicrosPerPacketInMiddle: rounded(median(quiet.map((round) => round.middle)), 2),
      quietCpuMicrosPerPacketOut: rounded(median(quiet.map((round) => round.micros)), 3),
      nacksPerSecond: Math.round(median(ours.map((round) => round.nacks / settings.seconds))),
      reportsOutPerSecond: Math.round(median(ours.map((round) => round.reports / settings.seconds))),
      coreBusyShare: rounded(median(ours.map((round) => round.coreBusy)), 3),
      stolenShare: rounded(median(ours.map((round) => round.stolen)), 3),
      generatorShare: rounded(median(ours.map((round) => round.generatorShare)), 3),
      lostOnLoopback: ours.reduce((sum, round) => sum + round.lost, 0),
      memoryMiB: Math.round(final.residentBytes / 2 ** 20),
      cipher,
      ...parts,
      roundsMicros: ours.map((round) => rounded(round.micros, 3)),
      roundsFloorMicros: floors.map((round) => rounded(round.micros, 3)),
    };
  } finally {
    await Promise.all([generator.end(), floor.end(), room.end()]);
  }
}

export const audioFanout: Scenario = {
  name: 'audio-fanout',
  summary: `CPU per outgoing packet of the media process: ${TALKERS} talkers, ${SLOTS} slots, Opus of ${PAYLOAD_BYTES} bytes, AES-GCM, beside a C++ floor`,
  flags: { receivers: '10,100,1000', rounds: '5', seconds: '4', parts: 'no', profile: '' },

  async run(flags, say) {
    const sizes = numberList('receivers', flags['receivers']!);
    const [rounds] = numberList('rounds', flags['rounds']!);
    const [seconds] = numberList('seconds', flags['seconds']!);
    const cores: [number | undefined, number | undefined] =
      cpus().length > 1 ? [0, 1] : [undefined, undefined];
    if (cores[0] === undefined) say('One core only: server and load share it, the figures say little.');
    const rows: ResultRow[] = [];
    for (const receivers of sizes) {
      say(`${receivers} receivers`);
      const parts = flags['parts'] === 'yes';
      const settings = { rounds: rounds!, seconds: seconds!, profile: flags['profile']!, parts };
      const row = await measure(receivers, settings, cores, say);
      if (parts)
        say(
          `  media alone ${row['mediaOnlyMicros']} µs; added by checks ${row['checksMicros']}, ` +
            `reports ${row['reportsMicros']}, NACKs ${row['nacksMicros']}`,
        );
      rows.push(row);
    }
    say('');
    say('receivers  µs/packet out   floor   ratio   packets/s/core   TypeScript µs/packet in: mean  middle');
    for (const row of rows) {
      const cells = [
        String(row.receivers).padStart(9),
        row.cpuMicrosPerPacketOut.toFixed(2).padStart(13),
        row.floorMicrosPerPacketOut.toFixed(2).padStart(7),
        row.floorRatio.toFixed(2).padStart(7),
        String(row['packetsPerSecondPerCore']).padStart(16),
        Number(row['typeScriptMicrosPerPacketIn']).toFixed(1).padStart(31),
        Number(row['typeScriptMicrosPerPacketInMiddle']).toFixed(1).padStart(7),
      ];
      say(cells.join(' '));
    }
    const settings = {
      talkers: TALKERS,
      slots: SLOTS,
      payloadBytes: PAYLOAD_BYTES,
      rounds: rounds!,
      seconds: seconds!,
    };
    return {
      scenario: 'audio-fanout',
      settings: { ...settings, nackShare: NACK_SHARE, profile: 'AEAD_AES_128_GCM' },
      rows,
    };
  },
};
