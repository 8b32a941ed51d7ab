/** The typed side of `page/meetClient.js`. */
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';

export interface MeetMessage {
  at: number;
  label: string;
  data?: string;
  opened?: boolean;
  closed?: boolean;
}
export interface MeetState {
  status: string;
  disconnectReason?: string;
  messages: MeetMessage[];
  trackEvents: number;
  errors: string[];
  answer: string;
  entries: {
    id: number;
    audioCsrc: number;
    audioMuted: boolean;
    name: string;
    sessionName: string;
    assigned?: { track: number; loudest: boolean };
    screenshare: boolean;
    videoCsrc?: number;
    videoMuted: boolean;
    videoSsrc?: number;
    /** Index of the video track that shows it. */
    videoTrack?: number;
    canvas?: number;
  }[];
  /** As told last. */
  assignment?: {
    label: string;
    canvases: { canvasId: number; ssrc?: number; mediaEntryId: number }[];
  };
  screenshare?: number;
  offer: string;
  channels: Record<string, string>;
  connectionState: string;
}
export interface MeetSlot {
  csrc: number;
  loudest: boolean;
  packets: number;
}

/** A video track of the client, as the browser has it. */
export interface MeetPicture {
  /** 0 while no frame comes. */
  ssrc: number;
  csrcs: number[];
  packets: number;
  lost: number;
  frames: number;
  dropped: number;
  freezes: number;
  width: number;
  height: number;
  codec: string;
}
export interface MeetStatus {
  code: number;
  message?: string;
  details?: unknown[];
}
/** Of a client that is not quite the reference client. */
export interface MeetVariant {
  audio?: number;
  video?: number;
  withoutCodecs?: string[];
  /** Patterns and replacements. */
  editOffer?: [string, string][];
  editAnswer?: [string, string][];
  /** A section that sends a tone. */
  speaks?: boolean;
}

export class MeetPage {
  constructor(
    readonly page: Page,
    readonly server: string,
  ) {}

  /** A configuration file in which the room has a meeting code and a space id. */
  static async configWithRoom(code: string, id: string, more: object = {}): Promise<string> {
    const file = join(await mkdtemp(join(tmpdir(), 'tertulia-')), 'config.json');
    await writeFile(file, JSON.stringify({ rooms: [{ code, id }], ...more }));
    return file;
  }

  async #call(method: string, ...args: unknown[]): Promise<unknown> {
    return this.page.evaluate(
      async ([name, values]) => {
        type Module = Record<string, (...args: unknown[]) => unknown>;
        const client = await (window as unknown as { testModules: Record<string, Promise<Module>> })
          .testModules['meet'];
        return client?.[name]?.(...values);
      },
      [method, args] as const,
    );
  }

  async join(name: string, space: string, variant: MeetVariant = {}): Promise<void> {
    await this.#call('join', name, { base: `${this.server}/v2beta/`, space, token: 'any', ...variant });
  }
  /** 'ok', or what the client's promise was rejected with. */
  async tryJoin(name: string, space: string, variant: MeetVariant = {}): Promise<string> {
    try {
      await this.join(name, space, variant);
      return 'ok';
    } catch (error) {
      return String(error);
    }
  }
  state = (name: string) => this.#call('state', name) as Promise<MeetState>;
  heard = (name: string) => this.#call('heard', name) as Promise<MeetSlot[]>;
  seen = (name: string) => this.#call('seen', name) as Promise<MeetPicture[]>;
  applyNewLayout = (name: string, sizes: { width: number; height: number }[]) =>
    this.#call('applyNewLayout', name, sizes) as Promise<MeetStatus>;
  applyCanvases = (name: string, canvases: object[]) =>
    this.#call('applyCanvases', name, canvases) as Promise<MeetStatus>;
  applyLayoutAgain = (name: string, ids: number[]) =>
    this.#call('applyLayoutAgain', name, ids) as Promise<MeetStatus>;
  openChannel = (name: string, label: string) => this.#call('openChannel', name, label);
  request = (name: string, label: string, payload: object, requestId?: number) =>
    this.#call('request', name, label, payload, requestId);
  sendRaw = (name: string, label: string, data: string | number[]) =>
    this.#call('sendRaw', name, label, data);
  sendAll = (name: string, label: string, texts: string[]) => this.#call('sendAll', name, label, texts);
  transportBytes = (name: string) => this.#call('transportBytes', name) as Promise<number>;

  /** The tab's process dies as in a crash. */
  async crash(): Promise<void> {
    await this.page.goto('chrome://crash').catch(() => {});
  }
}
