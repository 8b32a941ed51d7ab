/**
 * What a kill leaves behind: a recorder is ended by SIGKILL at a random moment, again and again, and each file that it was
 * writing is decoded as it is, unrepaired. How much of the call is missing at its end is the kill's time less that of the last
 * packet in the file.
 */
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { launchRecorder } from '@tertulia/recorder';
import type { Row } from '../scenario.js';
import { quantile, rounded } from '../statistics.js';
import { Call } from './call.js';
import { people } from './load.js';
import { decode, probe } from './play.js';
import { pictures, tone } from './samples.js';

/** A file begins about a second after its first packet; before that there is none. */
const EARLIEST_MS = 2_500;
const LATEST_MS = 8_000;
/** At the same time. */
const PARALLEL = 5;

interface Outcome {
  readonly plays: boolean;
  readonly missingMs: number;
  readonly complaint: string;
}

export async function measureKills(kills: number, say: (line: string) => void): Promise<Row> {
  const directory = await mkdtemp(join(tmpdir(), 'tertulia-recording-'));
  const sound = tone(10);
  const picture = pictures(1_000_000, 10);
  const outcomes: Outcome[] = [];
  try {
    while (outcomes.length < kills) {
      const count = Math.min(PARALLEL, kills - outcomes.length);
      const round = Array.from({ length: count }, (_, i) =>
        killOne(join(directory, String(outcomes.length + i)), () => Call.begin(people(1, sound, picture))),
      );
      outcomes.push(...(await Promise.all(round)));
      const last = outcomes.slice(-count).map(({ missingMs, plays }) => `${missingMs}${plays ? '' : '!'}`);
      say(`  ${outcomes.length} kills; missing at the end, ms: ${last.join(' ')}`);
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
  const missing = outcomes.map(({ missingMs }) => missingMs);
  const row: Row = {
    part: 'kill',
    kills,
    files: outcomes.length,
    playing: outcomes.filter(({ plays }) => plays).length,
    missingMsMiddle: quantile(missing, 0.5),
    missingMsWorst: Math.max(...missing),
    complaints: outcomes.map(({ complaint }) => complaint).find((text) => text !== '') ?? '',
  };
  say(JSON.stringify(row));
  return row;
}

async function killOne(directory: string, begin: () => Promise<Call>): Promise<Outcome> {
  const recorder = await launchRecorder({ directory });
  const call = await begin();
  await recorder.start({ recordingId: 'kill', room: 'bench', mode: 'participants', startedAtMs: Date.now() });
  await call.record(recorder, 'kill', await call.connect(recorder, 'kill'), 'participants');
  const died = once(recorder, 'died');
  call.senders.start();
  const startedMs = performance.now();
  await sleep(EARLIEST_MS + Math.random() * (LATEST_MS - EARLIEST_MS));
  const killedMs = performance.now() - startedMs;
  process.kill(recorder.pid, 'SIGKILL');
  await died;
  call.end();
  const [folder] = await readdir(directory);
  const part = join(directory, folder!, '01.webm.part');
  if ((await stat(part).catch(() => undefined)) === undefined)
    return { plays: false, missingMs: Math.round(killedMs), complaint: 'no file' };
  // The last cluster is whole or not there: what is cut off in the middle is no complaint of a player, which stops there.
  const complaint = await decode(part);
  const streams = await probe(part);
  const lastMs = Math.max(...streams.map(({ last }) => last)) * 1_000;
  return {
    plays: complaint === '' && streams.length === 2 && streams.every(({ packets }) => packets > 0),
    missingMs: rounded(killedMs - lastMs, 0),
    complaint,
  };
}
