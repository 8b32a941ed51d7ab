/**
 * What a recorded packet costs the recorder: CPU time of its whole process, kernel and threads included, while 100 streams
 * come through worker, router and PlainTransports; then what finishing the files costs.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { launchRecorder } from '@tertulia/recorder';
import type { RecorderUsage } from '@tertulia/recorder';
import { hasTaskset } from '../childProcess.js';
import type { Row } from '../scenario.js';
import { rounded } from '../statistics.js';
import { Call } from './call.js';
import { people } from './load.js';
import { pictures, tone } from './samples.js';

/** JavaScript is compiled by then: at five per cent of a core V8 takes its time. */
const WARM_UP_MS = 40_000;

export interface CpuSettings {
  readonly pairs: number;
  readonly seconds: number;
  readonly mode: 'sources' | 'participants';
  /** Folder for a CPU profile of the recorder; empty for none. */
  readonly profile: string;
}

export async function measureCpu(settings: CpuSettings, say: (line: string) => void): Promise<Row> {
  const { pairs, seconds, mode, profile } = settings;
  const directory = await mkdtemp(join(tmpdir(), 'tertulia-recording-'));
  const profiling = profile === '' ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
  const recorder = await launchRecorder({
    directory,
    ...(hasTaskset
      ? { execPath: 'taskset', execArgv: ['-c', '0', process.execPath, ...profiling] }
      : { execArgv: profiling }),
  });
  const call = await Call.begin(people(pairs, tone(10), pictures(1_000_000, 10)));
  try {
    await recorder.start({ recordingId: 'cpu', room: 'bench', mode, startedAtMs: Date.now() });
    const transport = await call.connect(recorder, 'cpu');
    await call.record(recorder, 'cpu', transport, mode);
    call.senders.start();
    await sleep(WARM_UP_MS);
    const before = await recorder.usage();
    await sleep(seconds * 1_000);
    const after = await recorder.usage();
    call.senders.stop();
    const packets = after.packets - before.packets;
    const micros = (cpu(after) - cpu(before)) / packets;
    const result = await recorder.stop('cpu');
    const finished = await recorder.usage();
    const bytes = result.files.reduce(
      (sum, { parts }) => sum + parts.reduce((all, part) => all + part.bytes, 0),
      0,
    );
    const row: Row = {
      part: 'cpu',
      mode,
      streams: 2 * pairs,
      packets,
      packetsPerSecond: Math.round(packets / seconds),
      cpuMicrosPerPacket: rounded(micros, 2),
      kernelShare: rounded((after.systemMicros - before.systemMicros) / (cpu(after) - cpu(before)), 2),
      coreShare: rounded((cpu(after) - cpu(before)) / (seconds * 1e6), 3),
      batchesPerSecond: Math.round((after.batches - before.batches) / seconds),
      finishingMicrosPerPacket: rounded((cpu(finished) - cpu(after)) / finished.packets, 2),
      memoryMiB: Math.round(after.residentBytes / 2 ** 20),
      megabytes: rounded(bytes / 1e6, 1),
      files: result.files.length,
      drops: dropsOf(after),
    };
    say(`${mode}: ${row['cpuMicrosPerPacket']} µs per packet at ${row['packetsPerSecond']} packets/s`);
    say(`  ${JSON.stringify(row)}`);
    return row;
  } finally {
    await recorder.close();
    call.end();
    await rm(directory, { recursive: true, force: true });
  }
}

const cpu = ({ userMicros, systemMicros }: RecorderUsage): number => userMicros + systemMicros;

/** 'reason: count' of those that are not zero. */
function dropsOf({ drops }: RecorderUsage): string {
  const counted = Object.entries(drops).filter(([, count]) => count > 0);
  return counted.map(([reason, count]) => `${reason}: ${count}`).join(', ');
}
