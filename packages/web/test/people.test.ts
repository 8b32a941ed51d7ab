/** Names: the list of everybody, and that names are readable where they stand. In Chromium, with a made-up call. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Page } from 'playwright-core';
import { joinCall, startHarness, type CallOptions, type Harness } from './support/page.js';

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness();
});
afterAll(() => harness.close());

const inCall = (people?: number, options?: CallOptions): Promise<Page> => joinCall(harness, people, options);
const PHONE = { width: 390, height: 844 };

describe('the list of people', () => {
  const rows = async (page: Page): Promise<string[]> =>
    (await page.getByTestId('one-person').allTextContents()).map((text) => text.replace(/\s+/g, ' '));

  test('P opens it: oneself first, the others by name, with what is on and off', async () => {
    const page = await inCall(4, { cameras: 1 });
    await page.evaluate(() => {
      window.fake?.add('Émile Zola');
      window.fake?.setScreenOf('p_3', true);
    });
    await page.keyboard.press('p');
    await page.getByRole('complementary', { name: 'People' }).waitFor();
    const list = await rows(page);
    expect(list).toHaveLength(5);
    expect(list[0]).toMatch(/Ada Lovelace.*, you$/);
    expect(list[1]).toMatch(/Bruno Latour, camera on$/);
    expect(list[2]).toMatch(/Chimamanda Adichie, muted$/);
    expect(list[3]).toMatch(/Dmitri Shostakovich, shares a screen$/);
    expect(list[4]).toMatch(/Émile Zola$/);
    await page.keyboard.press('m');
    await expect.poll(async () => (await rows(page))[0]).toMatch(/, you, muted$/);
    await page.keyboard.press('p');
    await page.getByTestId('people').waitFor({ state: 'detached' });
    await page.context().close();
  });

  test('a pin in the list makes that person large; a second press undoes it', async () => {
    const page = await inCall(4, { cameras: 3 });
    await page.getByTestId('open-people').click();
    const pin = page.getByTestId('people').getByRole('button', { name: 'Pin Dmitri Shostakovich' });
    await pin.click();
    await page.locator('.tile[data-role=stage][data-participant=p_3]').waitFor();
    await page.getByTestId('people').getByRole('button', { name: 'Unpin Dmitri Shostakovich' }).click();
    await page.locator('.tile[data-role=stage]').waitFor({ state: 'detached' });
    await page.context().close();
  });

  test('on a phone it covers the tiles; after a pin it goes, so that one sees what was done', async () => {
    const page = await inCall(4, { cameras: 3, viewport: PHONE });
    await page.getByTestId('open-people').click();
    expect(await page.getByTestId('tiles').isVisible()).toBe(false);
    await page.getByTestId('people').getByRole('button', { name: 'Pin Bruno Latour' }).click();
    await page.getByTestId('people').waitFor({ state: 'detached' });
    await page.locator('.tile[data-role=stage][data-participant=p_1]').waitFor();
    await page.context().close();
  });

  test('of many, one is found by typing, without accents', async () => {
    const page = await inCall(20);
    await page.getByTestId('open-people').click();
    await page.getByRole('searchbox', { name: 'Find a name' }).fill('joao');
    await expect.poll(() => rows(page)).toEqual([expect.stringContaining('João Guimarães Rosa')]);
    await page.getByTestId('people-search').fill('nobody at all');
    await page.getByText('Nobody here has that name.').waitFor();
    await page.context().close();
  });

  test.each([
    ['phone', 320, 568],
    ['phone on its side', 844, 390],
    ['tablet', 1_024, 768],
  ])('on a %s (%i × %i) no panel lies over a button or cuts one', async (_, width, height) => {
    const page = await inCall(12, { viewport: { width, height } });
    await page.evaluate(() => {
      window.fake?.add('Maximiliana Konstantinopolitanska-Fernández de la Vega');
      window.fake?.setRecording(true);
    });
    for (const open of ['open-people', 'open-chat']) {
      await page.getByTestId(open).click();
      const found = await page.evaluate(() => {
        const side = document.querySelector('.side-panel')!.getBoundingClientRect();
        const right = side.left > 0 ? side.left : innerWidth;
        const boxes = (selector: string): (DOMRect & { name: string })[] =>
          [...document.querySelectorAll(selector)]
            .map((node) => Object.assign(node.getBoundingClientRect(), { name: node.className }))
            .filter((box) => box.width > 0);
        const outside = boxes('.call-top button, .controls button, [data-testid=recorded]').filter(
          (box) => box.left < 0 || box.right > right,
        );
        const small = boxes('button').filter((box) => box.width < 43.5 || box.height < 43.5);
        const recorded = boxes('[data-testid=recorded]')[0]!;
        const covered = boxes('.call-top button').filter(
          (box) => box.left < recorded.right && box.top < recorded.bottom,
        );
        return [outside, small, covered].map((all) => all.map(({ name }) => name));
      });
      expect(found).toEqual([[], [], []]);
    }
    await page.context().close();
  });
});

describe('names are readable', () => {
  test('below the tiles no short name is cut for a long one', async () => {
    const page = await inCall(2, { viewport: { width: 1_440, height: 900 } });
    await page.evaluate(() => {
      const { fake } = window;
      const long = fake?.add('Maximiliana Konstantinopolitanska-Fernández') ?? '';
      const short = fake?.add('Jo') ?? '';
      fake?.speak([long, short, 'p_1']);
    });
    const cut = await page
      .getByTestId('voices')
      .locator('.voice-name')
      .evaluateAll((names) => names.map((name) => name.scrollWidth > name.clientWidth));
    expect(cut).toEqual([true, false, false]);
    await page.context().close();
  });

  test('the own small tile says You, not half a name', async () => {
    const page = await inCall(2, { cameras: 1, viewport: PHONE });
    const own = page.locator('.tile[data-role=corner]');
    await own.waitFor();
    const plate = own.locator('.plate-self');
    expect(await plate.innerText()).toBe('You');
    const name = await own.locator('.plate-name').evaluate((node) => getComputedStyle(node).clipPath);
    expect(name).toBe('inset(50%)');
    await page.context().close();
  });
});

test.each([
  [844, 390],
  [667, 375],
])(
  'a phone on its side (%i × %i): the button that joins is seen without scrolling',
  async (width, height) => {
    const page = await harness.open('room=river-porch-7k2m', { viewport: { width, height } });
    await page
      .getByTestId('open-microphone')
      .click({ timeout: 1_000 })
      .catch(() => {});
    await page.getByTestId('level').waitFor();
    const box = (await page.getByTestId('join').boundingBox())!;
    expect(box.y + box.height).toBeLessThanOrEqual(height);
    await page.context().close();
  },
);
