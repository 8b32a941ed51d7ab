/**
 * npm's mediasoup-client, unchanged, in Chromium, on networks where the usual UDP over IPv4 is not there: the server of the
 * example listens on TCP only, or on ::1 only.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { TransportListenInfo } from '@tertulia/sfu';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { launchChromium } from './support/chromium.js';
import { Guest } from './support/classicCall.js';
import type { ClassicCall } from './support/classicCall.js';

const EXAMPLE = new URL('../../examples/classic-call/server.mjs', import.meta.url).href;
const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** The example as a process of its own, with other places to listen on than its own. */
async function startCall(listenInfos: TransportListenInfo[]): Promise<ClassicCall> {
  const script = `
    const { startServer } = await import(${JSON.stringify(EXAMPLE)});
    const { url } = await startServer({ port: 0, listenInfos: ${JSON.stringify(listenInfos)} });
    console.log('at ' + url + ' now');`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let printed = '';
  for await (const chunk of child.stdout) {
    printed += String(chunk);
    const url = /at (\S+) now/.exec(printed)?.[1];
    if (url === undefined) continue;
    const stop = async (): Promise<void> => {
      if (child.exitCode !== null) return;
      const exit = once(child, 'exit');
      child.kill();
      await exit;
    };
    return { url, process: child, stop };
  }
  throw new Error(`the example did not start: ${printed}`);
}

const until = <Value>(read: () => Promise<Value>, timeout = 20_000) =>
  expect.poll(read, { timeout, interval: 200 });

/** The chosen pair of the transport that a consumer is on. */
const chosenPair = (guest: Guest, consumerId: string): Promise<Record<string, unknown>> =>
  guest.page.evaluate(async (id) => {
    const stats = [...((await window.room.consumers.get(id)?.getStats())?.values() ?? [])] as Record<
      string,
      unknown
    >[];
    const find = (wanted: unknown) => stats.find((stat) => stat['id'] === wanted);
    const transport = stats.find(({ type }) => type === 'transport');
    const pair = find(transport?.['selectedCandidatePairId']);
    return find(pair?.['remoteCandidateId']) ?? {};
  }, consumerId);

describe.each([
  {
    name: 'ICE-TCP',
    listen: { protocol: 'tcp', ip: '127.0.0.1' },
    want: { protocol: 'tcp', address: '127.0.0.1' },
  },
  {
    name: 'UDP over IPv6',
    listen: { protocol: 'udp', ip: '::1' },
    want: { protocol: 'udp', address: '::1' },
  },
  {
    name: 'ICE-TCP over IPv6',
    listen: { protocol: 'tcp', ip: '::1' },
    want: { protocol: 'tcp', address: '::1' },
  },
] as const)('$name', ({ listen, want }) => {
  let call: ClassicCall;
  let browser: Browser;
  let ada: Guest;
  let ben: Guest;

  beforeAll(async () => {
    call = await startCall([listen]);
    browser = await launchChromium();
    ada = await Guest.enter(browser, call, 'Ada');
    ben = await Guest.enter(browser, call, 'Ben');
    await ada.send();
  });
  afterAll(async () => {
    expect([...(ada?.errors ?? []), ...(ben?.errors ?? [])]).toEqual([]);
    await browser?.close();
    await call?.stop();
  });

  test('sound and video arrive and stay', async () => {
    await until(() => ben.consumers('audio')).toHaveLength(1);
    await until(() => ben.consumers('video')).toHaveLength(1);
    const audio = (await ben.consumers('audio'))[0]!.id;
    const video = (await ben.consumers('video'))[0]!.id;
    await until(async () => (await ben.inbound(audio))['totalAudioEnergy'] ?? 0).toBeGreaterThan(0.001);
    // How high the layers go depends on the machine; that the lowest is not all there is, on the network.
    await until(async () => (await ben.inbound(video))['frameWidth'] ?? 0).toBeGreaterThanOrEqual(320);
    expect(await chosenPair(ben, video)).toMatchObject(want);
    const before = await ben.inbound(video);
    await ben.page.waitForTimeout(5_000);
    const after = await ben.inbound(video);
    const gained = (name: string): number => (after[name] ?? 0) - (before[name] ?? 0);
    expect(gained('framesDecoded')).toBeGreaterThan(60);
    expect(gained('totalFreezesDuration')).toBeLessThan(0.5);
    expect(gained('packetsLost')).toBe(0);
  });
});
