/**
 * What one outgoing video packet costs the whole media process: one camera of 1.5 Mbit/s, 10, 100 and 500 receivers with a
 * consumer and a transport each, AES-GCM, RTX, real sockets on loopback. Two rooms in one run, in turns with the floor: in one
 * the receivers send no transport-wide feedback, in the other they do, and the server estimates and paces.
 *
 * Core 0: media processes and floor, never two at work. Core 1: load generators and this process.
 * Method, fairness and how to read the figures: docs/bench.md.
 */
import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { numberList } from '../arguments.js';
import { Floor } from '../floor.js';
import { BEHAVIOUR, FEEDBACK, LIKE_CHROMIUM, LoadGenerator } from '../loadgen.js';
import { FIRST_CLIENT_PORT, MediaRoom } from '../mediaRoom.js';
import { complain, fallSilent, floorRound, oursRound, percent, timedRound } from '../rounds.js';
import type { Bench, FloorRound, OursRound, TimedRound } from '../rounds.js';
import type { ResultRow, Scenario } from '../scenario.js';
import { median, rounded } from '../statistics.js';

const PAYLOAD_BYTES = 1200;
/** 156.25 packets/s of 1,200 bytes: 1.5 Mbit/s. */
const FRAME = { framePackets: 5, frameMicros: 32_000 };
const NACK_SHARE = 0.01;
/** Timed rounds, for TypeScript's share and the feedback's. */
const TIMED_ROUNDS = 3;
/** Receivers of the second room. */
const PORTS_APART = 2_000;

interface Settings {
  /** Seconds before the first round. */
  warm: number;
  rounds: number;
  seconds: number;
  profile: string;
  parts: boolean;
}
type Cores = [media: number | undefined, load: number | undefined];

async function startRoom(
  receivers: number,
  firstPort: number,
  settings: Settings,
  cores: Cores,
): Promise<Bench> {
  const room = await MediaRoom.start({
    room: { kind: 'video' },
    endpoints: receivers + 1,
    firstPort,
    core: cores[0],
    profile: settings.profile,
  });
  const { server, endpoints, talkers, camera } = room;
  const load = {
    server,
    endpoints,
    talkers,
    cameras: [{ ...camera!, ...FRAME }],
    payloadBytes: PAYLOAD_BYTES,
    nackShare: NACK_SHARE,
    seed: 20_260_101,
  };
  const generator = await LoadGenerator.start(load, cores[1]);
  const { cipher } = await room.usage();
  const consumers = endpoints.slice(1);
  const floor = await Floor.start(
    { receivers: consumers, slots: 1, payloadBytes: PAYLOAD_BYTES, video: FRAME, cipher },
    cores[0],
  );
  return { room, generator, floor, milliseconds: settings.seconds * 1000, nackShare: NACK_SHARE };
}

const endRoom = ({ room, generator, floor }: Bench): Promise<unknown> =>
  Promise.all([generator.end(), floor.end(), room.end()]);

/** What each habit of the receivers adds without feedback, µs per outgoing packet: rounds with that one alone, less none. */
async function measureParts(bench: Bench): Promise<Record<string, number>> {
  const parts = { none: 0, ...BEHAVIOUR };
  const micros = new Map<string, number[]>();
  for (let round = 0; round < TIMED_ROUNDS; round++)
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
  settings: Settings,
  cores: Cores,
  say: (line: string) => void,
): Promise<ResultRow> {
  const plain = await startRoom(receivers, FIRST_CLIENT_PORT, settings, cores);
  const fed = await startRoom(receivers, FIRST_CLIENT_PORT + PORTS_APART, settings, cores);
  try {
    for (const [bench, behaviour] of [
      [plain, LIKE_CHROMIUM],
      [fed, LIKE_CHROMIUM | FEEDBACK],
    ] as const) {
      await bench.generator.talk(true);
      await bench.generator.behave(behaviour);
    }
    // JavaScript is compiled, and the estimates have found the way free.
    await sleep(settings.warm * 1000);
    await fallSilent(plain, BEHAVIOUR.checks);
    await fallSilent(fed, BEHAVIOUR.checks);
    const plains: OursRound[] = [];
    const feds: OursRound[] = [];
    const floors: FloorRound[] = [];
    // Whoever comes second finds warmer or busier surroundings: they take turns.
    const turns = [
      async () => {
        plains.push(await oursRound(plain));
        await fallSilent(plain, BEHAVIOUR.checks);
      },
      async () => {
        feds.push(await oursRound(fed, LIKE_CHROMIUM | FEEDBACK));
        await fallSilent(fed, BEHAVIOUR.checks);
      },
      async () => floors.push(await floorRound(plain)),
    ];
    for (let round = 0; round < settings.rounds; round++) {
      for (const turn of round % 2 === 0 ? turns : [...turns].reverse()) await turn();
      const [p, f, floor] = [plains.at(-1)!, feds.at(-1)!, floors.at(-1)!];
      const cells = [p, f].map(
        ({ micros, packets, sendCalls, coreBusy }) =>
          `${micros.toFixed(3)} µs (${packets} packets, ${sendCalls} calls, core ${percent(coreBusy)})`,
      );
      say(
        `  round ${round + 1}: without feedback ${cells[0]}, with ${cells[1]}, floor ${floor.micros.toFixed(3)} µs`,
      );
      for (const [bench, ours] of [
        [plain, p],
        [fed, f],
      ] as const) {
        complain(ours, floor, bench, say);
        if (Object.keys(ours.drops).length > 0) say(`  drops: ${JSON.stringify(ours.drops)}`);
      }
    }
    const quiet: TimedRound[] = [];
    const reporting: TimedRound[] = [];
    for (let round = 0; round < TIMED_ROUNDS; round++) {
      quiet.push(await timedRound(plain));
      await fallSilent(plain, BEHAVIOUR.checks);
      reporting.push(await timedRound(fed, FEEDBACK));
      await fallSilent(fed, BEHAVIOUR.checks);
    }
    const parts = settings.parts ? await measureParts(plain) : {};
    const final = await plain.room.usage();
    const of = <T>(rounds: readonly T[], figure: (round: T) => number): number => median(rounds.map(figure));
    const micros = of(plains, (round) => round.micros);
    const fedMicros = of(feds, (round) => round.micros);
    const floorMicros = of(floors, (round) => round.micros);
    const reports = of(feds, (round) => round.feedbacks);
    const quietTypeScript = of(quiet, (round) => round.typeScriptMicros);
    return {
      receivers,
      packetsOut: plains.reduce((sum, round) => sum + round.packets, 0),
      cpuMicrosPerPacketOut: rounded(micros, 3),
      floorMicrosPerPacketOut: rounded(floorMicros, 3),
      floorRatio: rounded(micros / floorMicros, 3),
      packetsPerSecondPerCore: Math.round(1e6 / micros),
      packetsPerSecond: Math.round(of(plains, (round) => round.packets / settings.seconds)),
      feedbackCpuMicrosPerPacketOut: rounded(fedMicros, 3),
      feedbackFloorRatio: rounded(fedMicros / floorMicros, 3),
      feedbackPacketsPerSecondPerCore: Math.round(1e6 / fedMicros),
      feedbacksPerSecond: Math.round(reports / settings.seconds),
      cpuMicrosPerFeedback: rounded(
        (of(feds, (round) => round.cpuMicros) - of(plains, (round) => round.cpuMicros)) / reports,
        2,
      ),
      typeScriptMicrosPerFeedback: rounded(
        of(reporting, (round) => (round.typeScriptMicros - quietTypeScript) / round.feedbacks),
        2,
      ),
      typeScriptMicrosPerPacketIn: rounded(
        of(quiet, (round) => round.typeScript),
        2,
      ),
      typeScriptMicrosPerPacketInMiddle: rounded(
        of(quiet, (round) => round.middle),
        2,
      ),
      quietCpuMicrosPerPacketOut: rounded(
        of(quiet, (round) => round.micros),
        3,
      ),
      nacksPerSecond: Math.round(of(plains, (round) => round.nacks / settings.seconds)),
      reportsOutPerSecond: Math.round(of(plains, (round) => round.reports / settings.seconds)),
      packetsPerSendCall: rounded(
        of(plains, (round) => round.packets / round.sendCalls),
        1,
      ),
      feedbackPacketsPerSendCall: rounded(
        of(feds, (round) => round.packets / round.sendCalls),
        1,
      ),
      coreBusyShare: rounded(
        of(plains, (round) => round.coreBusy),
        3,
      ),
      stolenShare: rounded(
        of(plains, (round) => round.stolen),
        3,
      ),
      generatorShare: rounded(
        of(feds, (round) => round.generatorShare),
        3,
      ),
      lostOnLoopback: [...plains, ...feds].reduce((sum, round) => sum + round.lost, 0),
      memoryMiB: Math.round(final.residentBytes / 2 ** 20),
      cipher: final.cipher,
      ...parts,
      roundsMicros: plains.map((round) => rounded(round.micros, 3)),
      roundsFeedbackMicros: feds.map((round) => rounded(round.micros, 3)),
      roundsFloorMicros: floors.map((round) => rounded(round.micros, 3)),
    };
  } finally {
    await Promise.all([endRoom(plain), endRoom(fed)]);
  }
}

export const videoFanout: Scenario = {
  name: 'video-fanout',
  summary: `CPU per outgoing packet of the media process: VP8 of 1.5 Mbit/s in packets of ${PAYLOAD_BYTES} bytes, AES-GCM, RTX, with and without transport-wide feedback, beside a C++ floor`,
  flags: { receivers: '10,100,500', rounds: '5', seconds: '4', warm: '30', parts: 'no', profile: '' },

  async run(flags, say) {
    const sizes = numberList('receivers', flags['receivers']!);
    const [rounds] = numberList('rounds', flags['rounds']!);
    const [seconds] = numberList('seconds', flags['seconds']!);
    const [warm] = numberList('warm', flags['warm']!);
    const cores: Cores = cpus().length > 1 ? [0, 1] : [undefined, undefined];
    if (cores[0] === undefined) say('One core only: server and load share it, the figures say little.');
    const rows: ResultRow[] = [];
    for (const receivers of sizes) {
      say(`${receivers} receivers`);
      const parts = flags['parts'] === 'yes';
      const profile = flags['profile']!;
      const settings = { rounds: rounds!, seconds: seconds!, warm: warm!, profile, parts };
      const row = await measure(receivers, settings, cores, say);
      if (parts)
        say(
          `  media alone ${row['mediaOnlyMicros']} µs; added by checks ${row['checksMicros']}, ` +
            `reports ${row['reportsMicros']}, NACKs ${row['nacksMicros']}`,
        );
      rows.push(row);
    }
    say('');
    say(
      '           without feedback                          with feedback                          TypeScript',
    );
    say(
      'receivers  µs/packet  floor  ratio  packets/s/core   µs/packet  ratio  µs/feedback (TS)   µs/packet in',
    );
    for (const row of rows) {
      const number = (name: string, digits: number, width: number): string =>
        Number(row[name]).toFixed(digits).padStart(width);
      say(
        number('receivers', 0, 9) +
          number('cpuMicrosPerPacketOut', 2, 11) +
          number('floorMicrosPerPacketOut', 2, 7) +
          number('floorRatio', 2, 7) +
          number('packetsPerSecondPerCore', 0, 16) +
          number('feedbackCpuMicrosPerPacketOut', 2, 12) +
          number('feedbackFloorRatio', 2, 7) +
          number('cpuMicrosPerFeedback', 1, 11) +
          ` (${number('typeScriptMicrosPerFeedback', 1, 4)})`.padStart(9) +
          number('typeScriptMicrosPerPacketIn', 1, 15),
      );
    }
    const settings = { payloadBytes: PAYLOAD_BYTES, ...FRAME, rounds: rounds!, seconds: seconds! };
    return {
      scenario: 'video-fanout',
      settings: { ...settings, nackShare: NACK_SHARE, profile: 'AEAD_AES_128_GCM' },
      rows,
    };
  },
};
