/** Chromium on the harness: Vite serves it from memory, nothing is built. */
import { fileURLToPath } from 'node:url';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import { createServer, type ViteDevServer } from 'vite';
import type { FakeCall } from '../harness/fakeCall.js';

declare global {
  interface Window {
    fake?: FakeCall;
    joins?: { displayName: string; audio: unknown; video: unknown; muted?: boolean }[];
  }
}

const COMMON = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--use-fake-device-for-media-stream',
];

export interface Harness {
  open(
    query: string,
    options?: BrowserContextOptions & {
      name?: string;
      microphone?: 'allowed' | 'denied';
      insecure?: boolean;
    },
  ): Promise<Page>;
  /** The real page at this path; `prepare` answers in place of the server. */
  visit(path: string, prepare: (page: Page) => Promise<void>, options?: BrowserContextOptions): Promise<Page>;
  close(): Promise<void>;
}

export async function startHarness(): Promise<Harness> {
  const server: ViteDevServer = await createServer({
    configFile: fileURLToPath(new URL('../../vite.config.ts', import.meta.url)),
    server: { host: '127.0.0.1', port: 0, hmr: false },
    logLevel: 'error',
  });
  await server.listen();
  const address = server.httpServer?.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const browsers = new Map<string, Browser>();
  const pages: Page[] = [];

  const browserFor = async (microphone: 'allowed' | 'denied'): Promise<Browser> => {
    let browser = browsers.get(microphone);
    if (!browser) {
      const answer =
        microphone === 'allowed' ? '--use-fake-ui-for-media-stream' : '--deny-permission-prompts';
      browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: [...COMMON, answer] });
      browsers.set(microphone, browser);
    }
    return browser;
  };

  return {
    async visit(path, prepare, options) {
      const browser = await browserFor('allowed');
      const page = await (await browser.newContext(options)).newPage();
      pages.push(page);
      page.on('pageerror', (error) => {
        throw error;
      });
      await prepare(page);
      await page.goto(`http://localhost:${port}${path}`);
      return page;
    },
    async open(query, { name = 'Ada Lovelace', microphone = 'allowed', insecure = false, ...options } = {}) {
      const browser = await browserFor(microphone);
      const context = await browser.newContext(options);
      const page = await context.newPage();
      pages.push(page);
      page.on('pageerror', (error) => {
        throw error;
      });
      await page.addInitScript((given) => {
        if (given !== '') localStorage.setItem('tertulia.name', given);
      }, name);
      if (insecure)
        await page.addInitScript(() => Object.defineProperty(window, 'isSecureContext', { value: false }));
      await page.goto(`http://localhost:${port}/test/harness/index.html?${query}`);
      return page;
    },
    async close() {
      for (const browser of browsers.values()) await browser.close();
      await server.close();
    },
  };
}

export type CallOptions = Parameters<Harness['open']>[1] & { cameras?: number };

/** A page in a call. @param people with oneself; of the others the first `cameras` have theirs on */
export async function joinCall(
  harness: Harness,
  people = 4,
  { cameras = 0, ...options }: CallOptions = {},
): Promise<Page> {
  const page = await harness.open(`room=tea&people=${people}&cameras=${cameras}&portrait`, options);
  await page.getByRole('button', { name: 'Join the call' }).click();
  await page.getByTestId('call').waitFor();
  return page;
}
