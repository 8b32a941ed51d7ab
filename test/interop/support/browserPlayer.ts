/** A page with a video element, and a server on loopback that gives it files in ranges, as a web server would. */
import { once } from 'node:events';
import { createReadStream, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { launchChromium } from '../../browser/support/chromium.js';

export interface Played {
  readonly size: string;
  /** Infinity in JSON is null: a file that is still growing. */
  readonly durationSeconds: number | null;
  /** Decoded after a jump to the middle. */
  readonly frames: number;
  readonly soundBytes: number;
}

export interface BrowserPlayer {
  /** Loads a file, jumps, plays until ten more pictures were shown. @throws Error with the browser's words. */
  play(name: string, atSeconds: number): Promise<Played>;
  close(): Promise<void>;
}

const TYPES: Record<string, string> = { mp4: 'video/mp4', mkv: 'video/x-matroska', webm: 'video/webm' };

export async function openPlayer(folder: string): Promise<BrowserPlayer> {
  const server = createServer((request, response) => {
    const name = /^\/([\w.-]+)$/.exec(request.url ?? '')?.[1];
    if (name === undefined || name === 'favicon.ico') {
      response.setHeader('content-type', 'text/html');
      response.end('<video muted></video>');
      return;
    }
    const path = join(folder, name);
    const { size } = statSync(path);
    const range = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? '');
    const start = Number(range?.[1] ?? 0);
    const end = range?.[2] ? Number(range[2]) : size - 1;
    const kind = Object.keys(TYPES).find((extension) => name.includes(`.${extension}`)) ?? 'webm';
    response.writeHead(range ? 206 : 200, {
      'accept-ranges': 'bytes',
      'content-type': TYPES[name.endsWith('.mp4') ? 'mp4' : kind],
      'content-length': end - start + 1,
      ...(range ? { 'content-range': `bytes ${start}-${end}/${size}` } : {}),
    });
    createReadStream(path, { start, end }).pipe(response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const browser = await launchChromium();
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  return {
    play: (name, atSeconds) =>
      page.evaluate(
        async ({ source, at }) => {
          const video = document.querySelector('video')!;
          const happened = (name: string) =>
            new Promise<void>((resolve, reject) => {
              video.addEventListener(name, () => resolve(), { once: true });
              video.addEventListener('error', () => reject(new Error(video.error?.message)), { once: true });
            });
          const loaded = happened('loadeddata');
          video.src = source;
          await loaded;
          const { duration } = video;
          const seeked = happened('seeked');
          video.currentTime = at;
          await seeked;
          const before = video.getVideoPlaybackQuality().totalVideoFrames;
          await video.play();
          while (video.getVideoPlaybackQuality().totalVideoFrames < before + 10) await happened('timeupdate');
          video.pause();
          return {
            size: `${video.videoWidth}x${video.videoHeight}`,
            durationSeconds: Number.isFinite(duration) ? duration : null,
            frames: video.getVideoPlaybackQuality().totalVideoFrames - before,
            soundBytes: Number(Reflect.get(video, 'webkitAudioDecodedByteCount')),
          };
        },
        { source: `/${name}`, at: atSeconds },
      ),
    close: async () => {
      await browser.close();
      server.closeAllConnections();
      server.close();
    },
  };
}
