/** A real media process for a test file, and what its entities tell, written down. */
import { afterEach } from 'vitest';
import { createWorker } from '@tertulia/sfu';
import type { RtpParameters, Worker, WorkerSettings } from '@tertulia/sfu';

export const LISTEN = { protocol: 'udp' as const, ip: '127.0.0.1' };
export const OPUS = { kind: 'audio' as const, mimeType: 'audio/opus', clockRate: 48_000, channels: 2 };
export const VP8 = { kind: 'video' as const, mimeType: 'video/VP8', clockRate: 90_000 };

/** Starts workers that end with each test. */
export function workersOfTests(): (settings?: WorkerSettings) => Promise<Worker> {
  const workers: Worker[] = [];
  afterEach(() => {
    for (const worker of workers.splice(0)) worker.close();
  });
  return async (settings) => {
    const worker = await createWorker(settings);
    workers.push(worker);
    return worker;
  };
}

/** Which of these events come, in the order in which they come: 'name event'. */
export function recordNames(...emitters: [name: string, emitter: object, events: string[]][]): string[] {
  const log: string[] = [];
  for (const [name, emitter, events] of emitters)
    for (const event of events)
      (emitter as { on(event: string, listener: () => void): void }).on(event, () =>
        log.push(`${name} ${event}`),
      );
  return log;
}

export const voice = (ssrc = 1111): RtpParameters => ({
  mid: String(ssrc),
  codecs: [{ mimeType: 'audio/opus', payloadType: 111, clockRate: 48_000, channels: 2 }],
  encodings: [{ ssrc }],
  rtcp: { cname: 'ada' },
});

export const picture = (ssrc = 2222): RtpParameters => ({
  mid: String(ssrc),
  codecs: [
    { mimeType: 'video/VP8', payloadType: 96, clockRate: 90_000, rtcpFeedback: [{ type: 'nack' }] },
    { mimeType: 'video/rtx', payloadType: 97, clockRate: 90_000, parameters: { apt: 96 } },
  ],
  encodings: [{ ssrc, rtx: { ssrc: ssrc + 1 } }],
});
