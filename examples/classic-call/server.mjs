/**
 * A call in the classical form: one Router, one WebSocket per person, one transport for each direction, a Consumer for
 * everything that somebody else sends. The code is what one would write for mediasoup; only the first import differs.
 *
 *     node examples/classic-call/server.mjs        then open http://localhost:4100 twice
 */
import { createServer } from 'node:http';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import * as mediasoup from '@tertulia/sfu';
import { build } from 'vite';
import { WebSocketServer } from 'ws';
import { Person } from './person.mjs';

const PAGE = join(dirname(fileURLToPath(import.meta.url)), 'page');

export const MEDIA_CODECS = [
  { kind: 'audio', mimeType: 'audio/opus', clockRate: 48_000, channels: 2 },
  { kind: 'video', mimeType: 'video/VP8', clockRate: 90_000 },
  { kind: 'video', mimeType: 'video/VP9', clockRate: 90_000, parameters: { 'profile-id': 0 } },
  {
    kind: 'video',
    mimeType: 'video/H264',
    clockRate: 90_000,
    parameters: { 'packetization-mode': 1, 'profile-level-id': '42e01f', 'level-asymmetry-allowed': 1 },
  },
];

/**
 * @param {{ port?: number, listenInfos?: object[] }} [options] `port` 0 takes any that is free
 * @returns {Promise<{ url: string, worker: object, router: object, close(): Promise<void> }>}
 */
export async function startServer({
  port = 4100,
  listenInfos = [
    { protocol: 'udp', ip: '127.0.0.1' },
    { protocol: 'tcp', ip: '127.0.0.1' },
  ],
} = {}) {
  const worker = await mediasoup.createWorker();
  const webRtcServer = await worker.createWebRtcServer({ listenInfos });
  const router = await worker.createRouter({ mediaCodecs: MEDIA_CODECS });
  worker.on('died', () => process.exit(1));

  const files = await pageFiles();
  const http = createServer((request, response) => {
    const file = files.get(new URL(request.url, 'http://localhost').pathname);
    response.writeHead(file ? 200 : 404, { 'content-type': file?.type ?? 'text/plain' });
    response.end(file?.body ?? 'not found');
  });
  const people = new Set();
  const sockets = new WebSocketServer({ server: http, maxPayload: 256 * 1024 });
  sockets.on('connection', (socket) => {
    const person = new Person(socket, { router, webRtcServer, people });
    socket.on('close', () => person.close());
  });
  await new Promise((resolve) => http.listen(port, '127.0.0.1', resolve));

  return {
    url: `http://localhost:${http.address().port}`,
    worker,
    router,
    async close() {
      for (const socket of sockets.clients) socket.terminate();
      await new Promise((resolve) => http.close(resolve));
      worker.close();
    },
  };
}

/** The page and its script, bundled once with everything that it imports. */
async function pageFiles() {
  const { output } = await build({
    root: PAGE,
    configFile: false,
    logLevel: 'warn',
    build: { write: false, modulePreload: false },
  });
  const types = { html: 'text/html; charset=utf-8', js: 'text/javascript', css: 'text/css' };
  const files = new Map();
  for (const file of output) {
    const body = file.type === 'chunk' ? file.code : file.source;
    files.set(`/${file.fileName}`, { type: types[file.fileName.split('.').pop()], body });
  }
  files.set('/', files.get('/index.html'));
  return files;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { url } = await startServer({ port: Number(process.env.PORT ?? 4100) });
  console.log(`open ${url} in two windows`);
}
