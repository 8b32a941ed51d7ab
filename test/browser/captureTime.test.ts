/**
 * Absolute capture time as Chromium reads it from slots: when sound and picture of each person were captured, on the
 * server's clock, whether that person's browser says it or not. docs/virtual-streams.md R6.
 */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchChromium, openTestPage } from './support/chromium.js';
import { MeetPage } from './support/meet.js';
import { Senders } from './support/senders.js';
import { startServer, type ServerProcess } from './support/serverProcess.js';
import { serveTestPages, type TestPages } from './support/testPages.js';

const ROOM = 'abc-mnop-xyz';
/** From capture to arrival on one machine: microphone and encoder, and what the server took too much for at the start. */
const LONGEST_MS = 400;
/** Clocks are compared by reports: what is older than its arrival by nothing may seem younger by so much. */
const NOISE_MS = 30;
/** Chromium's first reports. */
const SETTLE_MS = 3_000;
const WAIT = { timeout: 20_000, interval: 200 };
const CLIENT = 'client';

let pages: TestPages;
let server: ServerProcess;
let browser: Browser;

/** Every offer that the page makes from now on asks for the extension, to send and to receive. */
const negotiateCaptureTime = (page: Page): Promise<void> =>
  page.evaluate(() => {
    interface Transceiver {
      getHeaderExtensionsToNegotiate(): { uri: string; direction: string }[];
      setHeaderExtensionsToNegotiate(list: { uri: string; direction: string }[]): void;
    }
    const connections = new Set<RTCPeerConnection>();
    Object.assign(globalThis, { connections });
    const { prototype } = RTCPeerConnection;
    type CreateOffer = (this: RTCPeerConnection, ...rest: unknown[]) => unknown;
    const edit = (name: 'createOffer' | 'setLocalDescription'): void => {
      const plain = Reflect.get(prototype, name) as CreateOffer;
      Reflect.set(prototype, name, function (this: RTCPeerConnection, ...rest: unknown[]) {
        connections.add(this);
        for (const transceiver of this.getTransceivers() as unknown as Transceiver[])
          transceiver.setHeaderExtensionsToNegotiate(
            transceiver
              .getHeaderExtensionsToNegotiate()
              .map((one) => (one.uri.includes('abs-capture-time') ? { ...one, direction: 'sendrecv' } : one)),
          );
        return plain.apply(this, rest);
      });
    };
    edit('createOffer');
    edit('setLocalDescription');
  });

/** Capture times by kind and CSRC: how long before its arrival the newest frame was captured. */
const agesMs = (page: Page): Promise<Record<string, number>> =>
  page.evaluate(() => {
    /** Of 1900, as NTP counts, to 1970. */
    const NTP_TO_UNIX_MS = 2_208_988_800_000;
    const connections = Reflect.get(globalThis, 'connections') as Set<RTCPeerConnection>;
    const ages: Record<string, number> = {};
    for (const connection of connections)
      for (const receiver of connection.getReceivers())
        for (const source of receiver.getContributingSources()) {
          const captured: unknown = Reflect.get(source, 'captureTimestamp');
          if (typeof captured === 'number')
            ages[`${receiver.track.kind} ${source.source}`] = source.timestamp + NTP_TO_UNIX_MS - captured;
        }
    return ages;
  });

beforeAll(async () => {
  pages = await serveTestPages();
  const config = await MeetPage.configWithRoom(ROOM, 'jQCFfuBOdN5z', {});
  server = await startServer(['--cors-origin', pages.origin, '--config', config]);
  browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
  pages?.stop();
});

test('when each was captured, of a browser that says it and of one that does not', async () => {
  const people = ['ada', 'ben'];
  const rooms: Page[] = [];
  for (const name of people) {
    const { page } = await openTestPage(browser, pages.origin, server.url);
    if (name === 'ada') await negotiateCaptureTime(page);
    const senders = new Senders(page);
    await senders.enter(name, ROOM);
    await senders.film(name, true);
    await senders.speak({ [name]: 1 });
    rooms.push(page);
  }
  const { page } = await openTestPage(browser, pages.origin, server.url);
  await negotiateCaptureTime(page);
  const meet = new MeetPage(page, server.url);
  await meet.join(CLIENT, `spaces/${ROOM}`);
  await expect.poll(async () => (await meet.state(CLIENT)).status, WAIT).toBe('STATE_JOINED');
  const size = { width: 320, height: 180 };
  expect(await meet.applyNewLayout(CLIENT, [size, size])).toMatchObject({ code: 0 });
  await expect.poll(async () => (await meet.state(CLIENT)).entries.length, WAIT).toBe(people.length);
  const { entries } = await meet.state(CLIENT);
  const streams = entries.flatMap(({ audioCsrc, videoCsrc }) => [`audio ${audioCsrc}`, `video ${videoCsrc}`]);
  await expect
    .poll(async () => Object.keys(await agesMs(page)), WAIT)
    .toEqual(expect.arrayContaining(streams));
  // A report or two later the server knows the clocks of both.
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const ages = await agesMs(page);
  console.log(
    entries
      .map(
        (entry) =>
          `${entry.name} ${ages[`audio ${entry.audioCsrc}`]?.toFixed(0)} / ${ages[`video ${entry.videoCsrc}`]?.toFixed(0)} ms`,
      )
      .join(', '),
  );
  for (const { name, audioCsrc, videoCsrc } of entries) {
    const [sound = NaN, picture = NaN] = [ages[`audio ${audioCsrc}`], ages[`video ${videoCsrc}`]];
    for (const age of [sound, picture]) {
      expect(age, name).toBeGreaterThan(-NOISE_MS);
      expect(age, name).toBeLessThan(LONGEST_MS);
    }
  }
});
