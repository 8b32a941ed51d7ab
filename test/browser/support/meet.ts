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
  }[];
  channels: Record<string, string>;
  connectionState: string;
}
export interface MeetSlot {
  csrc: number;
  loudest: boolean;
  packets: number;
}

export class MeetPage {
  constructor(
    readonly page: Page,
    readonly server: string,
  ) {}

  /** A configuration file in which the room has a meeting code and a space id. */
  static async configWithRoom(code: string, id: string): Promise<string> {
    const file = join(await mkdtemp(join(tmpdir(), 'tertulia-')), 'config.json');
    await writeFile(file, JSON.stringify({ rooms: [{ code, id }] }));
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

  async join(name: string, space: string): Promise<void> {
    await this.#call('join', name, { base: `${this.server}/v2beta/`, space, token: 'any' });
  }
  /** 'ok', or what the client's promise was rejected with. */
  async tryJoin(name: string, space: string): Promise<string> {
    try {
      await this.join(name, space);
      return 'ok';
    } catch (error) {
      return String(error);
    }
  }
  state = (name: string) => this.#call('state', name) as Promise<MeetState>;
  heard = (name: string) => this.#call('heard', name) as Promise<MeetSlot[]>;
  request = (name: string, label: string, payload: object, requestId?: number) =>
    this.#call('request', name, label, payload, requestId);
  sendRaw = (name: string, label: string, data: string | number[]) =>
    this.#call('sendRaw', name, label, data);
  transportBytes = (name: string) => this.#call('transportBytes', name) as Promise<number>;

  /** The tab's process dies as in a crash. */
  async crash(): Promise<void> {
    await this.page.goto('chrome://crash').catch(() => {});
  }
}
