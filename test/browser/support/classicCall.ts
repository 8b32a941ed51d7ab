/**
 * The example of the classical form as a process of its own, and people in it: pages with npm's mediasoup-client, whose
 * media may go through a bad link. The link is slipped into the candidates on their way to the page.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { Link } from './link.js';

const EXAMPLE = fileURLToPath(new URL('../../../examples/classic-call/server.mjs', import.meta.url));

export class ClassicCall {
  private constructor(
    readonly url: string,
    readonly process: ChildProcess,
  ) {}

  static async start(): Promise<ClassicCall> {
    const child = spawn(process.execPath, [EXAMPLE], {
      env: { ...process.env, PORT: '0' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let printed = '';
    for await (const chunk of child.stdout) {
      printed += String(chunk);
      const url = /open (\S+) in/.exec(printed)?.[1];
      if (url !== undefined) return new ClassicCall(url, child);
    }
    throw new Error(`the example did not start: ${printed}`);
  }

  async stop(): Promise<void> {
    if (this.process.exitCode !== null) return;
    const exit = once(this.process, 'exit');
    this.process.kill();
    await exit;
  }
}

interface Candidate {
  protocol: string;
  port: number;
}

export interface Outgoing {
  /** px */
  width?: number;
  height?: number;
  /** One camera for each. Default: one, in the codec that the client chooses. */
  codecs?: readonly (string | undefined)[];
  audio?: boolean;
  video?: boolean;
  /** Chromium asks for sound again and answers such requests. */
  opusNack?: boolean;
}

export class Guest {
  link: Link | undefined;

  private constructor(
    readonly page: Page,
    readonly errors: string[],
  ) {}

  /** @param throughLink all media of this person goes through `guest.link` */
  static async enter(browser: Browser, call: ClassicCall, name: string, throughLink = false): Promise<Guest> {
    const context = await browser.newContext();
    const page = await context.newPage();
    const guest = new Guest(page, []);
    page.on('pageerror', (error) => guest.errors.push(String(error.stack ?? error)));
    if (throughLink) await guest.#slipLinkIn();
    await page.goto(call.url);
    await page.evaluate((myName) => window.room.join(myName), name);
    return guest;
  }

  async #slipLinkIn(): Promise<void> {
    await this.page.routeWebSocket(/.*/, (toPage) => {
      const toServer = toPage.connectToServer();
      // One after the other: opening the link takes a moment, and answers stay in order.
      let before = Promise.resolve();
      toServer.onMessage((text) => {
        before = before.then(async () => toPage.send(await this.#throughLink(String(text))));
      });
    });
  }

  async #throughLink(text: string): Promise<string> {
    const message = JSON.parse(text) as { data?: { iceCandidates?: Candidate[] } };
    const candidates = message.data?.iceCandidates;
    if (!message.data || !candidates) return text;
    const udp = candidates.find(({ protocol }) => protocol === 'udp');
    if (!udp) throw new Error('no UDP candidate');
    this.link ??= await Link.open(udp.port);
    message.data.iceCandidates = [{ ...udp, port: this.link.port }];
    return JSON.stringify(message);
  }

  /** Sends what Chromium's fake devices give. */
  send({
    width = 640,
    height = 360,
    codecs = [undefined],
    audio = true,
    video = true,
    opusNack = false,
  }: Outgoing = {}): Promise<void> {
    return this.page.evaluate(
      async (wanted) => {
        const stream = await navigator.mediaDevices.getUserMedia({
          audio: wanted.audio && { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
          video: wanted.video && { width: wanted.width, height: wanted.height, frameRate: 30 },
        });
        const [microphone] = stream.getAudioTracks();
        const [camera] = stream.getVideoTracks();
        if (microphone)
          await window.room.produce(microphone, 'microphone', {
            codecOptions: { opusNack: wanted.opusNack },
          });
        if (!camera) return;
        for (const codec of wanted.codecs)
          await window.room.produce(camera.clone(), 'camera', codec === undefined ? {} : { codec });
      },
      { width, height, codecs, audio, video, opusNack },
    );
  }

  /** The consumers of this kind, oldest first. */
  consumers(
    kind: 'audio' | 'video',
  ): Promise<{ id: string; source: string; type: string; codec: string | undefined }[]> {
    return this.page.evaluate(
      (wanted) =>
        [...window.room.consumers.values()]
          .filter((consumer) => consumer.kind === wanted)
          .map(({ id, appData, rtpParameters }) => ({
            id,
            source: appData.source,
            type: appData.type,
            codec: rtpParameters.codecs[0]?.mimeType,
          })),
      kind,
    );
  }

  /** What the browser counted for the stream of a consumer. */
  inbound(consumerId: string): Promise<Record<string, number>> {
    return this.page.evaluate(async (id) => {
      const report = await window.room.consumers.get(id)?.getStats();
      for (const stat of report?.values() ?? [])
        if (stat.type === 'inbound-rtp') return stat as Record<string, number>;
      return {};
    }, consumerId);
  }

  request(method: string, data: object): Promise<unknown> {
    return this.page.evaluate(([name, body]) => window.room.request(name, body), [method, data] as const);
  }

  /** From now on the distances of painted frames are watched. */
  watch(consumerId: string): Promise<void> {
    return this.page.evaluate((id) => {
      const video = document.querySelector<HTMLVideoElement>(`video[data-consumer="${id}"]`);
      if (!video) throw new Error('no video');
      const frames = { worstMs: 0, lastMs: performance.now(), width: 0 };
      window.watched = { ...window.watched, [id]: frames };
      const painted = (nowMs: number, { width }: { width: number }): void => {
        frames.worstMs = Math.max(frames.worstMs, nowMs - frames.lastMs);
        frames.lastMs = nowMs;
        frames.width = width;
        video.requestVideoFrameCallback(painted);
      };
      video.requestVideoFrameCallback(painted);
    }, consumerId);
  }

  /** The longest time without a new frame since `watch` or the last call, and the newest frame's width. */
  frames(consumerId: string): Promise<{ worstMs: number; width: number }> {
    return this.page.evaluate((id) => {
      const frames = window.watched[id];
      if (!frames) throw new Error('not watched');
      const worstMs = Math.max(frames.worstMs, performance.now() - frames.lastMs);
      frames.worstMs = 0;
      return { worstMs, width: frames.width };
    }, consumerId);
  }

  async close(): Promise<void> {
    await this.page.context().close();
    this.link?.close();
  }
}

interface ClientConsumer {
  id: string;
  kind: string;
  appData: { source: string; type: string };
  rtpParameters: { codecs: { mimeType: string }[] };
  getStats(): Promise<RTCStatsReport>;
}
interface ClientDataProducer {
  readyState: string;
  send(message: string): void;
}
declare global {
  interface Window {
    room: {
      consumers: Map<string, ClientConsumer>;
      join(name: string): Promise<unknown>;
      request(method: string, data: object): Promise<unknown>;
      produce(track: MediaStreamTrack, source: string, options?: object): Promise<{ id: string }>;
      produceData(options?: object): Promise<ClientDataProducer>;
      addEventListener(event: string, listener: (event: CustomEvent) => void): void;
    };
    watched: Record<string, { worstMs: number; lastMs: number; width: number }>;
    messages: string[];
  }
}
