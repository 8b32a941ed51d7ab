/**
 * WHIP and WHEP with clients that we did not write: GStreamer's webrtcbin by the script of the examples, and Chromium by the
 * code that docs/whip-whep.md shows, as it stands there.
 */
import { readFileSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { makeToken } from '../../packages/server/src/auth/tokens.js';
import type { Role } from '../../packages/server/src/auth/grants.js';
import { launchChromium, openTestPage } from '../browser/support/chromium.js';
import { People } from '../browser/support/people.js';
import { startServer, type ServerProcess } from '../browser/support/serverProcess.js';
import { serveTestPages, type TestPages } from '../browser/support/testPages.js';
import { WebRtcBin } from './support/webrtcbin.js';

const KEY = { apiKey: 'interop', secret: 'a secret for the tests of WHIP and WHEP' };
const DOCUMENT = readFileSync(new URL('../../docs/whip-whep.md', import.meta.url), 'utf8');
const SHOWN_CODE = /```js\n([\s\S]*?)```/.exec(DOCUMENT)?.[1] ?? '';

let pages: TestPages;
let server: ServerProcess;
let browser: Browser;
const programs: WebRtcBin[] = [];
/** Publishes while everything else is tested: what is to be seen of it takes longer than all that. */
let lasting: WebRtcBin | undefined;
let lastingSinceMs = 0;

beforeAll(async () => {
  pages = await serveTestPages();
  server = await startServer([
    '--cors-origin',
    pages.origin,
    '--api-key',
    KEY.apiKey,
    '--api-secret',
    KEY.secret,
  ]);
  lasting = new WebRtcBin('publish', `${server.url}/whip/lasting`, [
    ...['--picture', '', '--token', await tokenOf('lasting', 'lasting', 'publish')],
  ]);
  lastingSinceMs = Date.now();
  browser = await launchChromium();
});
afterAll(async () => {
  await lasting?.stop();
  await browser?.close();
  await server?.stop();
  pages?.stop();
});
afterEach(async () => {
  await Promise.all(programs.splice(0).map((program) => program.stop()));
});

const tokenOf = (identity: string, room: string, ...roles: Role[]): Promise<string> =>
  makeToken({ ...KEY, room, identity, name: identity, roles, lifetimeSeconds: 300 }, Date.now());
const start = (command: 'publish' | 'play', url: string, flags: string[] = []): WebRtcBin => {
  const program = new WebRtcBin(command, url, flags);
  programs.push(program);
  return program;
};
const until = <Value>(read: () => Value, what: string, timeout = 15_000) =>
  vi.waitUntil(read, { timeout, interval: 50 }).catch(() => {
    throw new Error(`waited too long for ${what}\n${programs.map(({ output }) => output).join('\n')}`);
  });

// ---- the shown code in a tab ----

interface Received {
  frames: number;
  width: number;
  /** Sum of the squares of all samples, roughly. */
  energy: number;
  samples: number;
  localFragment: string;
  dtls: string;
}
interface Tab {
  page: Page;
  play(name: string, url: string, token: string): Promise<string>;
  publish(name: string, url: string, token: string): Promise<string>;
  restart(name: string): Promise<void>;
  end(name: string): Promise<void>;
  received(name: string): Promise<Received>;
}

/** Around the shown code: a video for what is played, a picture that moves and a tone for what is published. */
const HARNESS = `
const sessions = {};
const video = (name) => Object.assign(document.body.appendChild(document.createElement('video')), { autoplay: true, id: name });
function moving() {
  const canvas = Object.assign(document.createElement('canvas'), { width: 320, height: 180 });
  const pen = canvas.getContext('2d');
  setInterval(() => { pen.fillStyle = 'hsl(' + (performance.now() / 5) % 360 + ' 80% 50%)'; pen.fillRect(0, 0, 320, 180); }, 40);
  const stream = canvas.captureStream(25);
  const context = new AudioContext();
  const tone = new OscillatorNode(context, { frequency: 440 });
  const destination = new MediaStreamAudioDestinationNode(context);
  tone.connect(destination); tone.start();
  stream.addTrack(destination.stream.getAudioTracks()[0]);
  return stream;
}
window.whip = {
  play: async (name, url, token) => (sessions[name] = await play(url, video(name), token)).session.href,
  publish: async (name, url, token) => (sessions[name] = await publish(url, moving(), token)).session.href,
  restart: (name) => restart(sessions[name]),
  end: (name) => end(sessions[name]),
  received: async (name) => {
    const all = [...(await sessions[name].connection.getStats()).values()];
    const of = (kind) => all.find((one) => one.type === 'inbound-rtp' && one.kind === kind) ?? {};
    const transport = all.find(({ type }) => type === 'transport') ?? {};
    return {
      frames: of('video').framesDecoded ?? 0, width: of('video').frameWidth ?? 0,
      energy: of('audio').totalAudioEnergy ?? 0, samples: of('audio').totalSamplesReceived ?? 0,
      localFragment: transport.iceLocalUsernameFragment ?? '', dtls: transport.dtlsState ?? '',
    };
  },
};`;

async function openTab(): Promise<Tab> {
  const { page } = await openTestPage(browser, pages.origin, server.url);
  await page.addScriptTag({ type: 'module', content: SHOWN_CODE + HARNESS });
  await page.waitForFunction('window.whip');
  const call =
    <Args extends unknown[], Result>(method: string) =>
    (...args: Args): Promise<Result> =>
      page.evaluate(
        ([name, values]) =>
          (window as unknown as { whip: Record<string, (...all: unknown[]) => Promise<Result>> }).whip[
            name as string
          ]?.(...(values as unknown[])) as Promise<Result>,
        [method, args] as const,
      );
  return {
    page,
    play: call('play'),
    publish: call('publish'),
    restart: call('restart'),
    end: call('end'),
    received: call('received'),
  };
}

/** @returns once the tab has decoded so many frames more, with sound */
async function plays(tab: Tab, name: string, frames = 15): Promise<Received> {
  const before = await tab.received(name);
  return vi.waitUntil(
    async () => {
      const now = await tab.received(name);
      return now.frames >= before.frames + frames && now.energy > before.energy && now;
    },
    { timeout: 15_000, interval: 100 },
  );
}

describe('GStreamer and Chromium', () => {
  test('GStreamer publishes, Chromium plays the room; an ICE restart by PATCH keeps it playing; DELETE ends it', async () => {
    const studio = start('publish', `${server.url}/whip/one`, [
      ...['--codec', 'H264', '--token', await tokenOf('Studio', 'one', 'publish')],
    ]);
    await until(() => studio.session, 'the session of GStreamer');
    const tab = await openTab();
    const url = await tab.play(
      'screen',
      `${server.url}/whep/one`,
      await tokenOf('viewer', 'one', 'subscribe'),
    );
    const before = await plays(tab, 'screen');
    expect(before).toMatchObject({ width: 640, dtls: 'connected' });

    await tab.restart('screen');
    const after = await plays(tab, 'screen');
    expect(after.localFragment).not.toBe(before.localFragment);
    expect(after.dtls).toBe('connected');

    await tab.end('screen');
    expect((await fetch(url)).status).toBe(404);
    expect(await studio.stop(), studio.output).toBe(0);
    expect((await fetch(studio.session ?? '')).status).toBe(404);
    await tab.page.context().close();
  });

  test('GStreamer waits for a publisher and plays it, silent when it leaves, on again when it comes back', async () => {
    const viewer = await tokenOf('viewer', 'two', 'subscribe');
    const camera = await tokenOf('camera', 'two', 'publish');
    const player = start('play', `${server.url}/whep/two?participant=camera`, ['--token', viewer]);
    await until(() => player.session, 'the session of GStreamer');
    const tab = await openTab();
    await tab.publish('first', `${server.url}/whip/two`, camera);
    const pictures = (): number => player.played.video?.buffers ?? 0;
    const sounds = (): number => player.played.audio?.sounding ?? 0;
    await until(() => pictures() > 15 && sounds() > 15, 'pictures and sound');
    expect(player.played.video).toMatchObject({ width: 320, height: 180 });

    await tab.end('first');
    await until(() => player.sameFor >= 2, 'silence');
    const before = { pictures: pictures(), sounds: sounds() };
    expect((await fetch(player.session ?? '')).status).toBe(204);
    await tab.publish('second', `${server.url}/whip/two`, camera);
    await until(() => pictures() > before.pictures + 15 && sounds() > before.sounds + 15, 'pictures again');
    await tab.page.context().close();
  });
});

describe('a source without levels, while three browsers are silent', () => {
  const SILENT = ['ada', 'ben', 'cleo'];
  /** Half a second of tone and half a second of silence, so that DTX has something to leave out. */
  const TALK =
    'audiotestsrc is-live=true wave=ticks sine-periods-per-tick=220 tick-interval=1000000000 ! audio/x-raw,rate=48000,channels=2';

  test.each([
    [
      'constant bit rate',
      'audiotestsrc is-live=true ! audio/x-raw,rate=48000,channels=2 ! opusenc bitrate-type=cbr',
    ],
    ['variable bit rate', `${TALK} ! opusenc bitrate-type=vbr`],
    ['DTX', `${TALK} ! opusenc bitrate-type=vbr dtx=true audio-type=voice`],
  ])('%s', async (name, sound) => {
    // One slot for everybody: whoever is heard has won it.
    const open = await startServer(['--cors-origin', pages.origin, '--audio-slots', '1']);
    const { page, errors } = await openTestPage(browser, pages.origin, open.url);
    try {
      const people = new People(page);
      for (const person of SILENT) await people.enter(person, 'studio');
      start('publish', `${open.url}/whip/studio`, ['--sound', sound, '--picture', '']);
      const listed = async (): Promise<{ displayName: string; sources: { csrc: number }[] }[]> => {
        const response = await fetch(`${open.url}/v1/rooms/studio/participants`);
        return ((await response.json()) as { participants: never[] }).participants;
      };
      const csrc = await vi.waitUntil(
        async () => (await listed()).find(({ displayName }) => displayName === 'Guest')?.sources[0]?.csrc,
        { timeout: 15_000 },
      );
      const hearing = async (wanted: number, who: string[]): Promise<boolean> => {
        const heard = await people.hearing();
        return who.every((person) => heard[person]?.some((each) => each.csrc === wanted));
      };
      await vi.waitUntil(() => hearing(csrc, SILENT), { timeout: 20_000, interval: 50 });

      // Who really speaks goes before it, and gives way again.
      const { ada = 0 } = await people.csrcs();
      await people.speak({ ada: 1 });
      await vi.waitUntil(() => hearing(ada, ['ben', 'cleo']), { timeout: 20_000, interval: 50 });
      await people.speak({ ada: 0 });
      await vi.waitUntil(() => hearing(csrc, SILENT), { timeout: 20_000, interval: 50 });
      expect(errors, name).toEqual([]);
    } finally {
      await page.context().close();
      await open.stop();
    }
  });
});

test('GStreamer goes on for longer than the 30 s of RFC 7675, though it sends no more checks', async () => {
  const { session = '' } = lasting ?? {};
  expect(session, lasting?.output).not.toBe('');
  await vi.waitUntil(() => Date.now() - lastingSinceMs > 35_000, { timeout: 40_000, interval: 250 });
  expect((await fetch(session)).status).toBe(204);
  expect(await lasting?.stop(), lasting?.output).toBe(0);
});
