/** The typed side of `page/senders.js`. */
import type { Page } from 'playwright-core';

interface Status {
  code: number;
  message: string;
}
export interface Encoded {
  keyFrames: number;
  pictureLossIndications: number;
  codec: string;
}

export class Senders {
  constructor(readonly page: Page) {}

  async #call(method: string, ...args: unknown[]): Promise<unknown> {
    return this.page.evaluate(
      async ([name, values]) => {
        type Module = Record<string, (...args: unknown[]) => unknown>;
        const senders = await (window as unknown as { testModules: Record<string, Promise<Module>> })
          .testModules['senders'];
        return senders?.[name]?.(...values);
      },
      [method, args] as const,
    );
  }

  enter = (name: string, room: string) => this.#call('enter', name, room) as Promise<string>;
  film = (name: string, on: boolean) => this.#call('film', name, on) as Promise<Status>;
  share = (name: string, on: boolean) => this.#call('share', name, on) as Promise<Status>;
  speak = (levels: Record<string, number>) => this.#call('speak', levels) as Promise<void>;
  rename = (name: string, displayName: string) => this.#call('rename', name, displayName) as Promise<Status>;
  leave = (name: string) => this.#call('leave', name) as Promise<void>;
  encoded = (name: string) => this.#call('encoded', name) as Promise<Encoded>;
}
