/** A web server of the tests' own: an application on another origin that uses the SDK. So CORS is tested on the way. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from './serverProcess.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const FOLDERS: Record<string, string> = {
  '/client/': join(ROOT, 'packages/client/dist'),
  '/voices/': join(ROOT, 'test/voices'),
  '/page/': join(ROOT, 'test/browser/support/page'),
};
const TYPES: Record<string, string> = {
  '.js': 'text/javascript',
  '.ogg': 'audio/ogg',
  '.map': 'application/json',
};

/** Tests reach the modules as `testModules`; a plain script, so that it is there before the page counts as loaded. */
const PAGE = `<!doctype html><meta charset="utf-8"><title>test</title><body>
<script>window.testModules = {
  people: import('/page/people.js'),
  meet: import('/page/meetClient.js'),
  pictures: import('/page/pictures.js'),
  clapperboard: import('/page/clapperboard.js'),
  senders: import('/page/senders.js'),
};</script>`;

export interface TestPages {
  readonly origin: string;
  stop(): void;
}

export async function serveTestPages(): Promise<TestPages> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const prefix = Object.keys(FOLDERS).find((start) => pathname.startsWith(start));
    if (!prefix) {
      response.setHeader('content-type', 'text/html');
      response.end(PAGE);
      return;
    }
    const file = join(FOLDERS[prefix] ?? '', normalize(pathname.slice(prefix.length)));
    readFile(file).then(
      (body) => {
        response.setHeader('content-type', TYPES[extname(file)] ?? 'application/octet-stream');
        response.end(body);
      },
      () => {
        response.statusCode = 404;
        response.end();
      },
    );
  });
  const port = await freePort();
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://localhost:${port}`,
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
