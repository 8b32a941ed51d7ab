/** Camera, screen, layouts and lip-sync through the SDK: two people in Chromium, one looks at the other. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Call, Canvas } from '@tertulia/client';
import { launchChromium, openTestPage } from './support/chromium.js';
import { startServer, type ServerProcess } from './support/serverProcess.js';
import { serveTestPages, type TestPages } from './support/testPages.js';

/** What `page/videoTab.js` leaves in each tab. */
interface Tab {
  call: Call;
  video: HTMLVideoElement;
  /** The receiver that plays the other's voice. */
  voice(): RTCRtpReceiver | undefined;
}
type TabWindow = Window & {
  tab: Tab;
  enterVideo(room: string, displayName: string, camera: boolean): Promise<void>;
};

let pages: TestPages;
let server: ServerProcess;
let browser: Browser;
let ada: Page;
let ben: Page;
let adaId: string;
const errors: string[][] = [];

beforeAll(async () => {
  pages = await serveTestPages();
  server = await startServer(['--cors-origin', pages.origin]);
  browser = await launchChromium();
  const enter = async (name: string, video: boolean): Promise<Page> => {
    const opened = await openTestPage(browser, pages.origin, server.url);
    errors.push(opened.errors);
    await opened.page.addScriptTag({ type: 'module', url: '/page/videoTab.js' });
    await opened.page.evaluate(
      ([displayName, camera]) => (window as unknown as TabWindow).enterVideo('pictures', displayName, camera),
      [name, video] as const,
    );
    return opened.page;
  };
  ada = await enter('Ada', true);
  ben = await enter('Ben', false);
  adaId = await ada.evaluate(() => (window as unknown as TabWindow).tab.call.participantId);
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
  pages?.stop();
});

const setLayout = (canvases: Canvas[]): Promise<string> =>
  ben.evaluate(async (wanted) => {
    try {
      await (window as unknown as TabWindow).tab.call.setLayout(wanted);
      return 'taken';
    } catch (error) {
      return String((error as Error).message);
    }
  }, canvases);

/** The first canvas: what it shows, and the size of the frames that are decoded now; none for 400 ms is no picture. */
const seen = (): Promise<string> =>
  ben.evaluate(async () => {
    const { call, video } = (window as unknown as TabWindow).tab;
    const size = await new Promise<string>((resolve) => {
      const timer = setTimeout(() => resolve('dark'), 400);
      video.requestVideoFrameCallback((_, { width, height }) => {
        clearTimeout(timer);
        resolve(`${width}×${height}`);
      });
    });
    const first = call.assignments.find(({ canvasId }) => canvasId === 1);
    if (!first) return 'nothing';
    const whose = `${first.participant?.displayName} ${first.screenshare ? 'screen' : 'camera'}`;
    return `${whose} ${first.active ? size : 'waiting'}`;
  });
const sees = (want: string): Promise<void> =>
  expect.poll(seen, { timeout: 20_000, interval: 200 }).toBe(want);

test('a camera fills a canvas in the size that the canvas is worth', async () => {
  expect(await setLayout([{ id: 1, width: 320, height: 180, mode: 'relevant' }])).toBe('taken');
  await sees('Ada camera 320×180');
  await setLayout([{ id: 1, width: 640, height: 360, mode: { participantId: adaId } }]);
  await sees('Ada camera 640×360');
});

test('the packets name the person, and the stream stays the same', async () => {
  const slot = await ben.evaluate(() => {
    const { call, video } = (window as unknown as TabWindow).tab;
    const found = call.videoSlots.find(({ participant }) => participant);
    return {
      name: found?.participant?.displayName,
      right: found?.csrc === found?.participant?.videoCsrc,
      same: video.srcObject === found?.stream,
      slots: call.videoSlots.length,
    };
  });
  expect(slot).toEqual({ name: 'Ada', right: true, same: true, slots: 9 });
});

test('voice and picture are in step, also when the voice is held back by 300 ms', async () => {
  const skews = (): Promise<number[]> =>
    ben.evaluate(async () => {
      const { call } = (window as unknown as TabWindow).tab;
      const found: number[] = [];
      for (let reading = 0; reading < 30; reading++) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        for (const { skewMs } of call.lipSync) found.push(Math.abs(skewMs));
      }
      return found;
    });
  const median = (values: number[]): number =>
    [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.POSITIVE_INFINITY;
  await expect.poll(async () => median(await skews()), { timeout: 30_000 }).toBeLessThan(20);
  await ben.evaluate(() => {
    const voice = (window as unknown as TabWindow).tab.voice();
    if (voice) voice.jitterBufferTarget = 300;
  });
  await ben.evaluate(() => new Promise((resolve) => setTimeout(resolve, 6_000)));
  await expect.poll(async () => median(await skews()), { timeout: 30_000 }).toBeLessThan(20);
});

test('a shared screen comes as a second picture, before the camera', async () => {
  await ada.evaluate(() => (window as unknown as TabWindow).tab.call.shareScreen());
  await setLayout([
    { id: 1, width: 1280, height: 720, mode: 'relevant' },
    { id: 2, width: 320, height: 180, mode: { participantId: adaId } },
  ]);
  await sees('Ada screen 1280×720');
  const state = await ben.evaluate(() => {
    const { participants, assignments } = (window as unknown as TabWindow).tab.call;
    const person = participants.find(({ self }) => !self);
    return [person?.cameraOn, person?.screenOn, assignments.map(({ screenshare }) => screenshare)];
  });
  expect(state).toEqual([true, true, [true, false]]);
  await ada.evaluate(() => (window as unknown as TabWindow).tab.call.stopScreen());
  await sees('nothing'); // the camera is on the other canvas
});

test('camera off and on: the canvas is left empty and filled again, without a new session', async () => {
  await setLayout([{ id: 1, width: 320, height: 180, mode: { participantId: adaId } }]);
  await sees('Ada camera 320×180');
  const id = await ada.evaluate(() => (window as unknown as TabWindow).tab.call.participantId);
  await ada.evaluate(() => (window as unknown as TabWindow).tab.call.setCamera(false));
  await sees('Ada camera waiting');
  await ada.evaluate(() => (window as unknown as TabWindow).tab.call.setCamera(true));
  await sees('Ada camera 320×180');
  expect(id).toBe(adaId);
});

test('a layout that makes no sense is refused with the word for it, and the one before stays', async () => {
  const benId = await ben.evaluate(() => (window as unknown as TabWindow).tab.call.participantId);
  expect(await setLayout([{ id: 1, width: 64, height: 64, mode: { participantId: benId } }])).toMatch(
    /^OWN_SOURCE/,
  );
  expect(await setLayout([{ id: 1, width: 0, height: 64, mode: 'relevant' }])).toMatch(/^INVALID_CANVAS/);
  await sees('Ada camera 320×180');
});

test('nothing was thrown in either tab', () => {
  expect(errors).toEqual([[], []]);
});
