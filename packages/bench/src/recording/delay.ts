/**
 * What recording does to the call: how long a packet is on its way through the media process while 100 streams come in and go out
 * to somebody who listens, with all of them recorded and with none, in turns.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Engine } from '@tertulia/engine';
import { launchRecorder } from '@tertulia/recorder';
import { endWithUs } from '../childProcess.js';
import type { Row } from '../scenario.js';
import { median, quantile, rounded } from '../statistics.js';
import { Call, PAYLOAD_TYPES } from './call.js';
import { people } from './load.js';
import { pictures, tone } from './samples.js';

export type ToProbe =
  { t: 'send'; ip: string; port: number; ssrc: number; payloadType: number } | { t: 'take' };
export type FromProbe = { t: 'ready'; port: number } | { t: 'delays'; micros: number[] };

const WARM_UP_MS = 20_000;
/** After consumers began or ended. */
const CALM_MS = 1_500;
const PROBE_SSRC = 77_777;

export interface DelaySettings {
  readonly pairs: number;
  readonly seconds: number;
  readonly rounds: number;
}

export async function measureDelay(settings: DelaySettings, say: (line: string) => void): Promise<Row> {
  const directory = await mkdtemp(join(tmpdir(), 'tertulia-recording-'));
  const recorder = await launchRecorder({ directory });
  const call = await Call.begin(people(settings.pairs, tone(10), pictures(1_000_000, 10)));
  const probe = fork(fileURLToPath(new URL('./probeProcess.js', import.meta.url)), {
    serialization: 'advanced',
  });
  endWithUs(probe);
  const listener = new Engine();
  try {
    await beginProbe(call, probe);
    await listen(call, listener);
    call.senders.start();
    await sleep(WARM_UP_MS);
    const figures: Record<'off' | 'on', { middle: number[]; late: number[] }> = {
      off: { middle: [], late: [] },
      on: { middle: [], late: [] },
    };
    for (let round = 0; round < settings.rounds; round++) {
      // Whoever comes second finds another machine: they take turns.
      for (const state of round % 2 === 0 ? (['off', 'on'] as const) : (['on', 'off'] as const)) {
        const recordingId = `delay-${round}`;
        if (state === 'on') {
          await recorder.start({ recordingId, room: 'bench', mode: 'participants', startedAtMs: Date.now() });
          const transport = await call.connect(recorder, recordingId);
          await call.record(recorder, recordingId, transport, 'participants');
          await sleep(CALM_MS);
          const delays = await measureRound(probe, settings.seconds);
          transport.close();
          await recorder.stop(recordingId);
          add(figures.on, delays);
        } else {
          await sleep(CALM_MS);
          add(figures.off, await measureRound(probe, settings.seconds));
        }
      }
      const show = ({ middle, late }: { middle: number[]; late: number[] }): string =>
        `${Math.round(middle.at(-1)!)} / ${Math.round(late.at(-1)!)}`;
      say(`  round ${round + 1}: p50 / p99 µs without ${show(figures.off)}, with ${show(figures.on)}`);
    }
    const row: Row = {
      part: 'delay',
      streams: 2 * settings.pairs,
      rounds: settings.rounds,
      p50MicrosWithout: rounded(median(figures.off.middle), 0),
      p50MicrosWith: rounded(median(figures.on.middle), 0),
      p99MicrosWithout: rounded(median(figures.off.late), 0),
      p99MicrosWith: rounded(median(figures.on.late), 0),
    };
    say(JSON.stringify(row));
    return row;
  } finally {
    probe.kill();
    listener.close();
    await recorder.close();
    call.end();
    await rm(directory, { recursive: true, force: true });
  }
}

function add(to: { middle: number[]; late: number[] }, delays: readonly number[]): void {
  to.middle.push(quantile(delays, 0.5));
  to.late.push(quantile(delays, 0.99));
}

/** Somebody gets all streams, as in a call; a socket that nobody reads, so that listening costs nothing here. */
async function listen(call: Call, listener: Engine): Promise<void> {
  const listenInfo = { protocol: 'udp', ip: '127.0.0.1' } as const;
  const transport = await call.router.createPlainTransport({ listenInfo, rtcpMux: true, comedia: false });
  await transport.connect({ ip: '127.0.0.1', port: listener.bind('127.0.0.1', 0).port });
  const { rtpCapabilities } = call.router;
  for (const { id } of call.producers) await transport.consume({ producerId: id, rtpCapabilities });
}

async function beginProbe(call: Call, probe: ChildProcess): Promise<void> {
  const [ready] = (await once(probe, 'message')) as [FromProbe];
  if (ready.t !== 'ready') throw new Error('the probe did not begin');
  const listenInfo = { protocol: 'udp', ip: '127.0.0.1' } as const;
  const options = { listenInfo, rtcpMux: true };
  const inbound = await call.router.createPlainTransport({ ...options, comedia: true });
  const outbound = await call.router.createPlainTransport({ ...options, comedia: false });
  await outbound.connect({ ip: '127.0.0.1', port: ready.port });
  const producer = await inbound.produce({
    kind: 'audio',
    rtpParameters: {
      codecs: [{ mimeType: 'audio/opus', payloadType: PAYLOAD_TYPES.audio, clockRate: 48_000, channels: 2 }],
      encodings: [{ ssrc: PROBE_SSRC }],
    },
  });
  await outbound.consume({ producerId: producer.id, rtpCapabilities: call.router.rtpCapabilities });
  const payloadType = PAYLOAD_TYPES.audio;
  probe.send({ t: 'send', ip: '127.0.0.1', port: inbound.tuple.localPort, ssrc: PROBE_SSRC, payloadType });
}

async function measureRound(probe: ChildProcess, seconds: number): Promise<number[]> {
  const take = async (): Promise<number[]> => {
    const answer = once(probe, 'message') as Promise<[FromProbe]>;
    probe.send({ t: 'take' });
    const [message] = await answer;
    return message.t === 'delays' ? message.micros : [];
  };
  await take();
  await sleep(seconds * 1_000);
  return take();
}
