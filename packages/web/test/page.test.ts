/** The page as people use it, in Chromium, with a made-up call: keyboard, screen reader, trouble, sizes. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Page } from 'playwright-core';
import { joinCall, startHarness, type CallOptions, type Harness } from './support/page.js';

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness();
});
afterAll(() => harness.close());

const inCall = (people?: number, options?: CallOptions): Promise<Page> => joinCall(harness, people, options);

/** What has the focus after each press of Tab, by its accessible name. */
async function tabStops(page: Page, count: number): Promise<string[]> {
  const stops: string[] = [];
  for (let press = 0; press < count; press++) {
    await page.keyboard.press('Tab');
    stops.push(
      await page.evaluate(() => {
        const { activeElement: node } = document;
        if (!node || node === document.body) return 'nothing';
        return node.getAttribute('aria-label') ?? (node as HTMLElement).innerText.trim().replace(/\s+/g, ' ');
      }),
    );
  }
  return stops;
}
const told = (page: Page): Promise<string[]> => page.getByTestId('live').locator('p').allInnerTexts();

describe('joining', () => {
  test('by keyboard alone: name, then Enter; what was chosen arrives', async () => {
    const page = await harness.open('room=tea', { name: '' });
    await expectFocus(page, 'name');
    await page.keyboard.type('Grace');
    await page.keyboard.press('Enter');
    await page.getByTestId('call').waitFor();
    expect(await page.evaluate(() => window.joins)).toMatchObject([
      { displayName: 'Grace', audio: 'object', video: false, muted: false, room: 'tea' },
    ]);
    expect(await page.evaluate(() => localStorage.getItem('tertulia.name'))).toBe('Grace');
    await page.context().close();
  });

  test('every field has a label; the microphone can be tried and chosen before', async () => {
    const page = await harness.open('room=tea');
    const test = page.getByRole('button', { name: 'Test the microphone' });
    if (await test.isVisible().catch(() => false)) await test.click().catch(() => {});
    const microphone = page.getByRole('combobox', { name: 'Microphone' });
    await microphone.waitFor();
    expect(await microphone.locator('option').count()).toBeGreaterThan(1);
    expect(await page.getByRole('textbox', { name: 'Your name' }).inputValue()).toBe('Ada Lovelace');
    await page.getByRole('button', { name: 'Mute' }).click();
    // Chromium's fake device beeps: the bar moves.
    await page.waitForFunction(() => {
      const bar = document.querySelector<HTMLElement>('[data-testid=level]');
      return Number(bar?.style.getPropertyValue('--level')) > 0.05;
    });
    await page.getByTestId('join').click();
    await page.getByTestId('call').waitFor();
    expect(await page.evaluate(() => window.joins?.[0]?.muted)).toBe(true);
    await page.context().close();
  });

  test('a refused microphone: said with what to do, and listening is offered', async () => {
    const page = await harness.open('room=tea', { microphone: 'denied' });
    if (await page.getByTestId('join').isVisible()) await page.getByTestId('join').click();
    await page.getByRole('alert').getByText('The microphone is blocked').waitFor();
    await page.getByRole('button', { name: 'Try the microphone again' }).waitFor();
    await page.getByRole('button', { name: 'Join and only listen' }).click();
    await page.getByTestId('call').waitFor();
    expect(await page.evaluate(() => window.joins?.[0]?.audio)).toBe(false);
    await page.getByRole('button', { name: 'Unmute' }).waitFor();
    await page.context().close();
  });

  test('one who has given no name yet is no question mark; both devices blocked: said once', async () => {
    const page = await harness.open('room=tea', { microphone: 'denied', name: '' });
    expect(await page.getByTestId('preview').locator('.avatar').textContent()).toBe('');
    await page.getByTestId('name').fill('Grace');
    await page.getByTestId('preview').locator('.avatar').getByText('G').waitFor();
    if (await page.getByTestId('join').isVisible()) await page.getByTestId('join').click();
    await page.getByRole('alert').getByText('The microphone is blocked').waitFor();
    await page.getByTestId('join-camera').click();
    await page.getByRole('alert').getByText('The microphone and the camera are blocked').waitFor();
    expect(await page.getByRole('alert').count()).toBe(1);
    await page.context().close();
  });

  test('plain http: said before anything is tried, and listening is offered', async () => {
    const page = await harness.open('room=tea', { insecure: true });
    await page.getByRole('alert').getByText('This address gives no access to the microphone').waitFor();
    expect(await page.getByTestId('retry-microphone').count()).toBe(0);
    await page.getByRole('button', { name: 'Join and only listen' }).click();
    await page.getByTestId('call').waitFor();
    await page.context().close();
  });

  test('a server that is gone: said, and the same button works the second time', async () => {
    const page = await harness.open('room=tea&refuse=SERVER_UNREACHABLE');
    await page.getByTestId('join').click();
    await page.getByRole('alert').getByText('The server does not answer').waitFor();
    await page.getByTestId('join').click();
    await page.getByTestId('call').waitFor();
    await page.context().close();
  });

  test.each([
    ['with spaces', 'not a room'],
    ['with markup', '<img src=x onerror=alert(1)>'],
    ['of 500 characters', 'x'.repeat(500)],
  ])('a link to a name %s: said before anything is tried, and the way to the start', async (_name, room) => {
    const title = 'That is not a room name';
    const page = await harness.open(`room=${encodeURIComponent(room)}`);
    await page.getByRole('heading', { name: title }).waitFor();
    expect(await page.getByTestId('join').count()).toBe(0);
    expect(await page.locator('img').count()).toBe(0);
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Start a call' }).waitFor();
    expect(new URL(page.url()).pathname).toBe('/');
    expect(await page.title()).toBe('Tertulia');
    await page.goBack();
    await page.getByRole('heading', { name: title }).waitFor();
    await page.context().close();
  });

  test('without a room: one is made, and the address is its link', async () => {
    const page = await harness.open('');
    await page.getByRole('textbox', { name: 'Room name' }).fill('Tuesday Tea');
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByTestId('room-name').getByText('tuesday-tea').waitFor();
    expect(new URL(page.url()).pathname).toBe('/r/tuesday-tea');
    await page.goBack();
    await page.getByRole('heading', { name: 'Start a call' }).waitFor();
    await page.context().close();
  });

  test('the way back in the browser is not the way out of a call', async () => {
    const page = await harness.open('');
    await page.getByRole('textbox', { name: 'Room name' }).fill('tea');
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByTestId('join').click();
    await page.getByTestId('call').waitFor();
    await page.goBack();
    await page.waitForFunction(() => location.pathname === '/');
    // Two turns of the page: what the address would change has changed.
    await page.evaluate(
      () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))),
    );
    expect(await page.getByTestId('call').isVisible()).toBe(true);
    await page.evaluate(() => window.fake?.end('left'));
    await page.getByTestId('ended').getByText('tea', { exact: true }).waitFor();
    await page.context().close();
  });
});

async function expectFocus(page: Page, testId: string): Promise<void> {
  await page.waitForFunction(
    (id) => (document.activeElement as HTMLElement | null)?.dataset.testid === id,
    testId,
  );
}

describe('a call that is recorded', () => {
  const record = (page: Page, on: boolean): Promise<void> =>
    page.evaluate((now) => window.fake?.setRecording(now), on);

  test('a mark that stays, a sentence for who does not see it, both gone with it', async () => {
    const page = await inCall();
    expect(await page.getByTestId('recorded').count()).toBe(0);
    await record(page, true);
    await page.getByText('This call is recorded', { exact: true }).first().waitFor();
    await expect.poll(() => told(page)).toContain('This call is recorded.');
    expect(await page.getByTestId('recorded-over').isVisible()).toBe(false);
    await record(page, false);
    await page.getByTestId('recorded').waitFor({ state: 'detached' });
    await expect.poll(() => told(page)).toContain('The recording has ended.');
    await page.context().close();
  });

  test.each([320, 390, 820, 1440])(
    'at a width of %i the mark is on the screen, and nothing is cut',
    async (width) => {
      const page = await inCall(4, { viewport: { width, height: 800 } });
      await record(page, true);
      const mark = page.getByTestId('recorded');
      await mark.waitFor();
      expect(await mark.innerText()).toMatch(width > 460 ? /This call is recorded/ : /Recorded/);
      const box = await mark.boundingBox();
      const [left, right] = [box?.x ?? -1, (box?.x ?? 0) + (box?.width ?? 0)];
      expect([left >= 0, right <= width]).toEqual([true, true]);
      const buttons = await page.locator('.call-top-end').boundingBox();
      const below = (box?.y ?? 0) >= (buttons?.y ?? 0) + (buttons?.height ?? 0);
      expect(below || right <= (buttons?.x ?? 0)).toBe(true);
      await page.context().close();
    },
  );

  test('in full screen, where only the pictures are, it lies over them', async () => {
    const page = await inCall();
    await record(page, true);
    await page.getByTestId('full-screen').click();
    await page.getByTestId('recorded-over').waitFor();
    await page.context().close();
  });

  test('who may starts and stops it in the settings, by keyboard, and keeps the focus; others find nothing', async () => {
    const page = await inCall();
    await page.getByTestId('open-settings').click();
    expect(await page.getByTestId('record').count()).toBe(0);
    await page.keyboard.press('Escape');
    await page.evaluate(() => {
      if (window.fake) window.fake.canRecord = true;
    });
    await page.getByTestId('open-settings').click();
    await page.getByRole('button', { name: 'Record this call' }).focus();
    await page.keyboard.press('Enter');
    await page.getByTestId('recorded').waitFor();
    await page.getByRole('button', { name: 'Stop recording' }).waitFor();
    await page.keyboard.press('Enter');
    await page.getByTestId('recorded').waitFor({ state: 'detached' });
    await page.evaluate(() => {
      if (window.fake) window.fake.recordProblem = 'REQUEST_REFUSED';
    });
    await page.keyboard.press('Enter');
    await page.getByRole('alert').getByText('The recording did not start').waitFor();
    await page.keyboard.press('Escape');
    await page.getByTestId('settings').waitFor({ state: 'detached' });
    await page.context().close();
  });
});

describe('in the call, by keyboard', () => {
  test('reading begins with the room; Tab goes list, link, view, people, then the buttons', async () => {
    const page = await inCall();
    expect(await page.evaluate(() => document.activeElement?.tagName)).toBe('H1');
    expect(await tabStops(page, 11)).toEqual([
      'People',
      'Copy link',
      'Full screen',
      'Speaker view',
      'Pin Ada Lovelace',
      'Mute',
      'Turn on camera',
      'Share screen',
      'Settings',
      'Chat',
      'Leave',
    ]);
    await page.context().close();
  });

  test('what has the focus is outlined', async () => {
    const page = await inCall();
    await tabStops(page, 2);
    const outline = await page.evaluate(() => {
      const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement!);
      return `${outlineStyle} ${outlineWidth}`;
    });
    expect(outline).toBe('solid 2px');
    await page.context().close();
  });

  test('M mutes and unmutes, but not while somebody types', async () => {
    const page = await inCall();
    const muted = (): Promise<boolean | undefined> => page.evaluate(() => window.fake?.muted);
    await page.keyboard.press('m');
    expect(await muted()).toBe(true);
    await page.getByRole('button', { name: 'Unmute' }).waitFor();
    await page.keyboard.press('m');
    expect(await muted()).toBe(false);
    await page.getByTestId('open-chat').click();
    await page.keyboard.type('mmm');
    expect(await muted()).toBe(false);
    expect(await page.getByTestId('chat-input').inputValue()).toBe('mmm');
    await page.keyboard.press('Control+m');
    expect(await muted()).toBe(false);
    await page.context().close();
  });

  test('Escape closes a panel and returns to its button', async () => {
    const page = await inCall();
    for (const which of ['open-chat', 'open-settings', 'open-people']) {
      const button = page.getByTestId(which);
      await button.press('Enter');
      expect(await button.getAttribute('aria-expanded')).toBe('true');
      await page.keyboard.press('Escape');
      expect(await button.getAttribute('aria-expanded')).toBe('false');
      await expectFocus(page, which);
    }
    await page.context().close();
  });

  test('a room that does not fit can be scrolled by keyboard', async () => {
    const page = await inCall(40, { viewport: { width: 390, height: 844 } });
    await page.getByTestId('tiles').focus();
    await page.keyboard.press('End');
    await page.waitForFunction(() => document.querySelector('.tiles')!.scrollTop > 100);
    await page.context().close();
  });
});

describe('for a screen reader', () => {
  test('people are a list with names and states', async () => {
    const page = await inCall();
    await page.evaluate(() => window.fake?.speak(['p_1', '', '']));
    const people = page.getByRole('list', { name: 'People in the call' }).getByRole('listitem');
    const texts = (await people.allTextContents()).map((text) => text.replace(/\s+/g, ' '));
    expect(texts[0]).toMatch(/Ada Lovelace.*, you$/);
    expect(texts[1]).toMatch(/Bruno Latour, speaking$/);
    expect(texts[2]).toMatch(/Chimamanda Adichie, muted$/);
    const voices = page.getByRole('list', { name: 'Voices you hear now' }).getByRole('listitem');
    expect(await voices.first().textContent()).toContain('Bruno Latour, speaking');
    expect(await voices.nth(1).textContent()).toBe('free');
    await page.context().close();
  });

  test('joins, leaves, mutes and the connection are told politely; speaking is not', async () => {
    const page = await inCall(2);
    expect(await page.getByTestId('live').getAttribute('aria-live')).toBe('polite');
    await page.evaluate(() => {
      const { fake } = window;
      fake?.speak(['p_1', '', '']);
      const id = fake?.add('Zoë') ?? '';
      fake?.setMuted('p_1', true);
      fake?.remove(id);
      fake?.setState('reconnecting');
      fake?.setState('connected');
      fake?.moderate(true);
    });
    await page.getByText('You were muted.').waitFor({ state: 'attached' });
    expect(await told(page)).toEqual([
      'Zoë joined.',
      'Bruno Latour muted.',
      'Zoë left.',
      'Connection lost. Reconnecting.',
      'Connected again.',
      'You were muted.',
    ]);
    await page.context().close();
  });

  test('a message is told when the chat is closed, and is in the log when it is open', async () => {
    const page = await inCall(2);
    await page.evaluate(() => window.fake?.chat('p_1', 'hello'));
    await page.getByText('Bruno Latour writes: hello').waitFor({ state: 'attached' });
    expect(await page.getByTestId('open-chat').innerText()).toContain('1');
    await page.getByTestId('open-chat').click();
    await page.getByRole('log').getByText('hello').waitFor();
    await page.keyboard.type('good morning');
    await page.keyboard.press('Enter');
    await page.getByRole('log').getByText('good morning').waitFor();
    expect(await page.evaluate(() => window.fake?.sent)).toEqual(['good morning']);
    expect(await page.getByTestId('chat-input').inputValue()).toBe('');
    await page.context().close();
  });

  test('every button and field has a name', async () => {
    const page = await inCall(4);
    for (const open of ['open-chat', 'open-settings', 'open-people']) {
      await page.getByTestId(open).click();
      const nameless = await page.evaluate(() =>
        [...document.querySelectorAll<HTMLElement>('button, input, select')]
          .filter((node) => {
            const label = (node as HTMLInputElement).labels?.[0]?.innerText ?? '';
            return !(node.getAttribute('aria-label') ?? '') && !node.innerText.trim() && !label.trim();
          })
          .map((node) => node.outerHTML),
      );
      expect(nameless).toEqual([]);
    }
    await page.context().close();
  });
});

describe('trouble in the call', () => {
  test('a lost connection is shown until it is back; the end says why and leads back', async () => {
    const page = await inCall(2);
    await page.evaluate(() => window.fake?.setState('reconnecting'));
    await page.getByTestId('reconnecting').getByText('Connection lost').waitFor();
    await page.evaluate(() => window.fake?.setState('connected'));
    await page.getByTestId('reconnecting').waitFor({ state: 'detached' });
    await page.evaluate(() => window.fake?.end('connection-lost'));
    await page.getByRole('heading', { name: 'The connection was lost' }).waitFor();
    await page.getByRole('button', { name: 'Join again' }).click();
    await page.getByTestId('join').click();
    await page.getByTestId('call').waitFor();
    await page.context().close();
  });

  test('blocked sound needs one click', async () => {
    const page = await inCall(2);
    await page.evaluate(() => window.fake?.block());
    await page.getByRole('button', { name: 'Turn on sound' }).click();
    await page.getByTestId('resume').waitFor({ state: 'detached' });
    await page.context().close();
  });

  test('a microphone that is refused at unmute is explained', async () => {
    const page = await inCall(2);
    await page.getByTestId('mute').click();
    await page.evaluate(() => (window.fake!.unmuteProblem = 'MICROPHONE_DENIED'));
    await page.getByTestId('mute').click();
    await page.getByRole('alert').getByText('The microphone is blocked').waitFor();
    await page.context().close();
  });

  test('leaving ends at a page that says so, and the microphone is let go', async () => {
    const page = await harness.open('room=tea');
    await page.evaluate(() => {
      const { getUserMedia } = navigator.mediaDevices;
      const tracks: MediaStreamTrack[] = [];
      (window as unknown as { tracks: MediaStreamTrack[] }).tracks = tracks;
      navigator.mediaDevices.getUserMedia = async (constraints) => {
        const stream = await getUserMedia.call(navigator.mediaDevices, constraints);
        tracks.push(...stream.getTracks());
        return stream;
      };
    });
    await page.getByTestId('join').click();
    await page.getByTestId('leave').click();
    await page.getByRole('heading', { name: 'You left the call' }).waitFor();
    const live = await page.evaluate(() =>
      (window as unknown as { tracks: MediaStreamTrack[] }).tracks.filter(
        (track) => track.readyState === 'live',
      ),
    );
    expect(live).toEqual([]);
    await page.context().close();
  });
});

describe('sizes', () => {
  test.each([
    ['phone', 390, 844, 12, 0],
    ['phone with pictures', 390, 844, 12, 6],
    ['small phone', 320, 568, 12, 0],
    ['phone on its side', 844, 390, 4, 3],
    ['tablet', 820, 1_180, 12, 6],
    ['desktop', 1_440, 900, 12, 9],
  ])(
    'on a %s (%i × %i) with %i people nothing sticks out, everything to touch is large enough',
    async (_, width, height, people, cameras) => {
      const page = await inCall(people, { viewport: { width, height }, cameras });
      await page.evaluate(() => {
        window.fake?.speak(['p_1', 'p_2', 'p_3']);
        window.fake?.setScreenOf('p_2', true);
      });
      await page.locator('.tile[data-role=stage]').waitFor();
      const found = await page.evaluate(() => {
        const wide = document.documentElement.scrollWidth > document.documentElement.clientWidth;
        const high = document.documentElement.scrollHeight > document.documentElement.clientHeight;
        const small = [...document.querySelectorAll('button')]
          .map((button) => button.getBoundingClientRect())
          .filter(({ width }) => width > 0)
          .filter(
            (box) =>
              box.height < 43.5 || box.width < 43.5 || box.right > innerWidth || box.bottom > innerHeight,
          );
        return { wide, high, small: small.length };
      });
      expect(found).toEqual({ wide: false, high: false, small: 0 });
      await page.context().close();
    },
  );

  test('text has a contrast of at least 4.5 in both schemes', async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      const page = await inCall(4, { colorScheme, viewport: { width: 1_440, height: 900 } });
      await page.getByTestId('open-chat').click();
      await page.evaluate(() => {
        window.fake?.speak(['p_1', 'p_2', ''], [0.2, 0]);
        window.fake?.chat('p_1', 'hello');
        window.fake?.setState('reconnecting');
      });
      const poor = await page.evaluate(contrastProblems, [
        '.call-title p',
        '.call-title h1',
        '.banner p',
        '.control span',
        '.chat-from',
        '.chat-from time',
        '.chat-text',
        '.button.quiet span',
        '.plate-name',
        '.plate-self',
        '.voice-name',
      ]);
      expect(poor).toEqual([]);
      await page.context().close();
    }
  });
});

/** Runs in the page: the selectors whose text is too pale on what lies beneath it. */
function contrastProblems(selectors: string[]): string[] {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true })!;
  const rgb = (color: string): number[] => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const luminance = ([r = 0, g = 0, b = 0]: number[]): number => {
    const linear = [r, g, b].map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * linear[0]! + 0.7152 * linear[1]! + 0.0722 * linear[2]!;
  };
  const poor: string[] = [];
  for (const selector of selectors) {
    const nodes = [...document.querySelectorAll<HTMLElement>(selector)];
    if (nodes.length === 0) poor.push(`${selector}: not on the page`);
    for (const node of nodes) {
      let ground: HTMLElement | null = node;
      while (ground && rgb(getComputedStyle(ground).backgroundColor)[3] === 0) ground = ground.parentElement;
      const below = luminance(rgb(getComputedStyle(ground ?? document.body).backgroundColor));
      const text = luminance(rgb(getComputedStyle(node).color));
      const ratio = (Math.max(below, text) + 0.05) / (Math.min(below, text) + 0.05);
      if (ratio < 4.5) poor.push(`${selector}: ${ratio.toFixed(2)}`);
    }
  }
  return poor;
}
