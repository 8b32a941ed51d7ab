/** The page with cameras and screens, in Chromium, with made-up people: what is shown, what is asked for, who is large. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Page } from 'playwright-core';
import { joinCall, startHarness, type CallOptions, type Harness } from './support/page.js';

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness();
});
afterAll(() => harness.close());

const inCall = (people?: number, options?: CallOptions): Promise<Page> => joinCall(harness, people, options);
const tileOf = (page: Page, name: string) =>
  page.locator('[data-testid=tile]').filter({ has: page.locator(`[title="${name}"]`) });
const pictured = (page: Page, count: number): Promise<unknown> =>
  page.waitForFunction(
    (wanted) =>
      [...document.querySelectorAll('[data-testid=tile]')].filter(
        (tile) => (tile as HTMLElement).dataset.pictured === 'true',
      ).length === wanted,
    count,
  );
const lastLayout = (page: Page) => page.evaluate(() => window.fake?.layouts.at(-1));

describe('joining with a camera', () => {
  test('the own picture is shown as in a mirror, goes into the call, and is wanted the next time', async () => {
    const page = await harness.open('room=tea&portrait');
    await page.getByText('Camera is off').waitFor();
    await page.getByRole('button', { name: 'Turn on camera' }).click();
    await page.locator('[data-testid=preview][data-pictured=true]').waitFor();
    expect(await page.getByTestId('picture').evaluate((video) => getComputedStyle(video).transform)).toBe(
      'matrix(-1, 0, 0, 1, 0, 0)',
    );
    await page.getByTestId('join').click();
    await page.getByTestId('call').waitFor();
    expect(await page.evaluate(() => window.joins?.[0]?.video)).toBe('object');
    expect(await page.evaluate(() => localStorage.getItem('tertulia.camera-on'))).toBe('yes');
    await pictured(page, 1);
    await page.context().close();
  });

  test('turned off again before joining: let go, and not sent', async () => {
    const page = await harness.open('room=tea&portrait');
    await page.getByRole('button', { name: 'Turn on camera' }).click();
    await page.locator('[data-testid=preview][data-pictured=true]').waitFor();
    await page.getByRole('button', { name: 'Turn off camera' }).click();
    await page.locator('[data-testid=preview][data-pictured=false]').waitFor();
    await page.getByTestId('join').click();
    await page.getByTestId('call').waitFor();
    expect(await page.evaluate(() => window.joins?.[0]?.video)).toBe(false);
    await page.context().close();
  });

  test('refused: said with what to do, and joining is possible all the same', async () => {
    const page = await harness.open('room=tea', { microphone: 'denied' });
    await page.getByRole('button', { name: 'Turn on camera' }).click();
    await page.getByRole('alert').getByText('The camera is blocked').waitFor();
    await page.getByRole('button', { name: 'Join and only listen' }).or(page.getByTestId('join')).waitFor();
    await page.context().close();
  });

  test('a machine without a camera joins as before', async () => {
    const page = await harness.open('room=tea');
    await page.evaluate(() => {
      const { getUserMedia } = navigator.mediaDevices;
      navigator.mediaDevices.getUserMedia = (constraints) =>
        constraints?.video
          ? Promise.reject(new DOMException('Requested device not found', 'NotFoundError'))
          : getUserMedia.call(navigator.mediaDevices, constraints);
    });
    await page.getByRole('button', { name: 'Turn on camera' }).click();
    await page.getByRole('alert').getByText('No camera was found').waitFor();
    await page.getByTestId('join').click();
    await page.getByTestId('call').waitFor();
    await page.context().close();
  });
});

describe('pictures', () => {
  test('who has a camera on is seen, the others have their circle; as large as on the screen is asked for', async () => {
    const page = await inCall(4, { cameras: 2, viewport: { width: 1_280, height: 800 } });
    await pictured(page, 2);
    const layout = await lastLayout(page);
    expect(layout?.map(({ mode }) => mode)).toEqual([
      { participantId: 'p_1', screenshare: false },
      { participantId: 'p_2', screenshare: false },
    ]);
    const box = await tileOf(page, 'Bruno Latour').boundingBox();
    expect(layout?.[0]?.width).toBeGreaterThanOrEqual(Math.floor(box!.width));
    expect(layout?.[0]?.width).toBeLessThan(box!.width + 64);
    await page.evaluate(() => window.fake?.setCameraOf('p_1', false));
    await pictured(page, 1);
    await page.waitForFunction(() => window.fake?.layouts.at(-1)?.length === 1);
    await page.context().close();
  });

  test('dark: the circle instead of an old face, and the picture again when there is one', async () => {
    const page = await inCall(3, { cameras: 2 });
    await pictured(page, 2);
    await page.evaluate(() => window.fake?.setDark('p_1', true));
    await pictured(page, 1);
    expect(await tileOf(page, 'Bruno Latour').getByTestId('picture').evaluate(opacity)).toBe(0);
    await page.evaluate(() => window.fake?.setDark('p_1', false));
    await pictured(page, 2);
    await page.context().close();
  });

  test('a camera that gives nothing any more is not left standing', async () => {
    const page = await inCall(3, { cameras: 2 });
    await pictured(page, 2);
    await page.evaluate(() => window.fake?.freeze('p_1'));
    await pictured(page, 1);
    await page.context().close();
  });

  test('the own camera: a key turns it on, the picture is mirrored; a person’s is not', async () => {
    const page = await inCall(3, { cameras: 1 });
    await page.keyboard.press('v');
    await pictured(page, 2);
    const mirrored = (name: string): Promise<string | null> =>
      tileOf(page, name).getByTestId('picture').getAttribute('data-mirrored');
    expect(await mirrored('Ada Lovelace')).toBe('true');
    expect(await mirrored('Bruno Latour')).toBe('false');
    await page.getByRole('button', { name: 'Turn off camera' }).click();
    await pictured(page, 1);
    await page.context().close();
  });

  test('a camera that another program uses: said in plain words', async () => {
    const page = await inCall(2);
    await page.evaluate(() => (window.fake!.cameraProblem = 'CAMERA_FAILED'));
    await page.getByTestId('camera').click();
    await page.getByRole('alert').getByText('The camera does not start').waitFor();
    await page.context().close();
  });

  test('nobody looks at the page: after some seconds nothing is asked for, and again when it is seen', async () => {
    const page = await inCall(3, { cameras: 2 });
    await pictured(page, 2);
    const hide = (hidden: boolean): Promise<void> =>
      page.evaluate((value) => {
        Object.defineProperty(document, 'hidden', { value, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));
      }, hidden);
    await hide(true);
    await page.waitForFunction(() => window.fake?.layouts.at(-1)?.length === 0);
    await hide(false);
    await page.waitForFunction(() => window.fake?.layouts.at(-1)?.length === 2);
    await page.context().close();
  });

  test('on a phone those who are scrolled away give their picture back', async () => {
    const page = await inCall(40, { cameras: 39, viewport: { width: 390, height: 844 } });
    await page.waitForFunction(() => (window.fake?.layouts.at(-1)?.length ?? 0) > 0);
    expect(JSON.stringify(await lastLayout(page))).toContain('"p_1"');
    await page.getByTestId('tiles').evaluate((list) => list.scrollTo(0, list.scrollHeight));
    await page.waitForFunction(() => {
      const asked = JSON.stringify(window.fake?.layouts.at(-1));
      return asked.includes('"p_24"') && !asked.includes('"p_1"');
    });
    await page.context().close();
  });
});

describe('views', () => {
  const stageOf = (page: Page): Promise<string | null> =>
    page.evaluate(() => {
      const tile = document.querySelector<HTMLElement>('.tile[data-role=stage]');
      return tile ? `${tile.dataset.participant}${tile.dataset.kind === 'screen' ? '/screen' : ''}` : null;
    });

  test('the speaker is large, and somebody else after having spoken for a while', async () => {
    const page = await inCall(5, { cameras: 4 });
    await page.evaluate(() => window.fake?.speak(['p_2', '', '']));
    await page.keyboard.press('g');
    await expect.poll(() => stageOf(page)).toBe('p_2');
    await page.evaluate(() => window.fake?.speak(['p_4', '', '']));
    await expect.poll(() => stageOf(page), { timeout: 5_000 }).toBe('p_4');
    const layout = await lastLayout(page);
    const sizes = layout?.map(({ width, height }) => width * height) ?? [];
    const large = layout?.[sizes.indexOf(Math.max(...sizes))];
    expect(large?.mode).toEqual({ participantId: 'p_4', screenshare: false });
    await page.keyboard.press('g');
    await expect.poll(() => stageOf(page)).toBe(null);
    await page.context().close();
  });

  test('a shared screen comes large and whole; one can go back, and it stays so', async () => {
    const page = await inCall(4, { cameras: 3 });
    await page.evaluate(() => window.fake?.setScreenOf('p_1', true));
    await expect.poll(() => stageOf(page)).toBe('p_1/screen');
    await page.locator('[data-testid=screen-tile][data-pictured=true]').waitFor();
    const screen = page.getByTestId('screen-tile').getByTestId('picture');
    expect(await screen.evaluate((video) => getComputedStyle(video).objectFit)).toBe('contain');
    await page.getByText('Bruno Latour shares a screen.').waitFor({ state: 'attached' });
    await page.getByTestId('view').click();
    await expect.poll(() => stageOf(page)).toBe(null);
    await page.evaluate(() => window.fake?.setCameraOf('p_2', false));
    expect(await stageOf(page)).toBe(null);
    await page.evaluate(() => window.fake?.setScreenOf('p_1', false));
    await expect.poll(() => page.getByTestId('screen-tile').count()).toBe(0);
    await page.context().close();
  });

  test('a pin by click and by keyboard holds against screens and speakers', async () => {
    const page = await inCall(4, { cameras: 3 });
    await tileOf(page, 'Dmitri Shostakovich').getByTestId('pin').click();
    await expect.poll(() => stageOf(page)).toBe('p_3');
    await page.evaluate(() => {
      window.fake?.setScreenOf('p_1', true);
      window.fake?.speak(['p_2', '', '']);
    });
    expect(await stageOf(page)).toBe('p_3');
    await page.getByRole('button', { name: 'Unpin Dmitri Shostakovich' }).click();
    await expect.poll(() => stageOf(page)).toBe('p_1/screen');
    await page.getByTestId('view').click();
    await page.getByTestId('view').focus();
    await page.keyboard.press('Tab');
    await page.keyboard.press('End');
    expect(await page.evaluate(() => document.activeElement?.getAttribute('aria-label'))).toBe(
      'Pin Dmitri Shostakovich',
    );
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('Enter');
    expect(await stageOf(page)).not.toBe(null);
    await page.context().close();
  });

  test('the button with the number shows all', async () => {
    const page = await inCall(20, { cameras: 6, viewport: { width: 1_280, height: 720 } });
    await page.keyboard.press('g');
    await page.getByTestId('more').getByRole('button').click();
    await expect.poll(() => stageOf(page)).toBe(null);
    await page.context().close();
  });

  test('the keys are listed, and Escape closes the list', async () => {
    const page = await inCall(2);
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).getByText('Mute or unmute').waitFor();
    await page.keyboard.press('Escape');
    await page.getByTestId('help').waitFor({ state: 'detached' });
    await page.context().close();
  });
});

test('while the connection is being mended no circle shines through a face, and no old face stays', async () => {
  const page = await inCall(3, { cameras: 2 });
  await pictured(page, 2);
  await page.evaluate(() => window.fake?.setState('reconnecting'));
  const seen = (name: string, part: string): Promise<number> =>
    tileOf(page, name)
      .locator(part)
      .evaluate((node) => Number(getComputedStyle(node).opacity));
  await expect.poll(() => seen('Bruno Latour', '.avatar')).toBe(0);
  expect(await tileOf(page, 'Ada Lovelace').locator('.avatar').isVisible()).toBe(true);
  await page.evaluate(() => window.fake?.freeze('p_1'));
  await expect.poll(() => seen('Bruno Latour', '.picture'), { timeout: 8_000 }).toBe(0);
  await page.context().close();
});

describe('the own screen', () => {
  test('shared by a button, said above, stopped there', async () => {
    const page = await inCall(3);
    await page.getByRole('button', { name: 'Share screen' }).click();
    await page.getByTestId('sharing').getByText('You share your screen.').waitFor();
    const own = page.getByTestId('screen-tile').getByTestId('picture');
    expect(await own.getAttribute('data-mirrored')).toBe('false');
    await page.getByTestId('stop-screen').click();
    await page.getByTestId('sharing').waitFor({ state: 'detached' });
    await page.context().close();
  });

  test('a chooser that is closed is no trouble', async () => {
    const page = await inCall(2);
    await page.evaluate(() => (window.fake!.screenProblem = 'SCREEN_DENIED'));
    await page.keyboard.press('s');
    await page.waitForTimeout(100);
    expect(await page.getByRole('alert').count()).toBe(0);
    await page.context().close();
  });

  test('where the browser cannot share there is no button', async () => {
    const page = await harness.open('room=tea&people=2');
    await page.evaluate(() =>
      Object.defineProperty(navigator.mediaDevices, 'getDisplayMedia', { value: undefined }),
    );
    await page.getByTestId('join').click();
    await page.getByTestId('call').waitFor();
    expect(await page.getByTestId('share').count()).toBe(0);
    await page.context().close();
  });
});

describe('a moderator', () => {
  test('mutes: it is said, and one click undoes it', async () => {
    const page = await inCall(2);
    await page.evaluate(() => window.fake?.moderate(true));
    await page.getByTestId('moderated').getByText('A moderator muted you.').waitFor();
    await page.getByTestId('moderated').getByRole('button', { name: 'Unmute' }).click();
    await page.getByTestId('moderated').waitFor({ state: 'detached' });
    expect(await page.evaluate(() => window.fake?.muted)).toBe(false);
    await page.context().close();
  });

  test('turns the camera off: it is said', async () => {
    const page = await inCall(2);
    await page.getByTestId('camera').click();
    await pictured(page, 1);
    await page.evaluate(() => window.fake?.moderateCamera());
    await page.getByTestId('moderated').getByText('A moderator turned off your camera.').waitFor();
    await page.context().close();
  });
});

/** Runs in the page. */
const opacity = (node: Element): number => Math.round(Number(getComputedStyle(node).opacity));
