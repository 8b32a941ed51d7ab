/** The typed side of `page/people.js`: what tests ask of the people in the tab. */

export interface SlotChange {
  at: number;
  person: string;
  slot: number;
  csrc: number;
  loudest: boolean;
}
export interface Heard {
  csrc: number;
  loudest: boolean;
}
type Streams = Record<string, { concealed: number; total: number; lost: number; received: number }>;

/** What playwright's and puppeteer's pages have in common. */
export interface TabPage {
  evaluate<Result, Argument>(
    run: (argument: Argument) => Result | Promise<Result>,
    argument: Argument,
  ): Promise<Result>;
  close(): Promise<void>;
}

interface PageModule {
  enter(name: string, room: string, microphone?: 'voice' | 'tone'): Promise<string>;
  speak(levels: Record<string, number>): void;
  signalledSsrcs(): Record<string, number[]>;
  receivedSsrcs(): Promise<Record<string, number[]>>;
  csrcs(): Record<string, number>;
  now(): number;
  changes(): SlotChange[];
  hearing(): Record<string, Heard[]>;
  concealment(name: string, slot: number, from: number, to: number): number | undefined;
  streamStatistics(): Record<string, Streams | undefined>;
  mute(name: string, muted: boolean): Promise<void>;
  rename(name: string, displayName: string): Promise<void>;
  leave(name: string): Promise<void>;
}

export class People {
  constructor(readonly page: TabPage) {}

  async #call<Name extends keyof PageModule>(
    name: Name,
    ...args: Parameters<PageModule[Name]>
  ): Promise<Awaited<ReturnType<PageModule[Name]>>> {
    const result = await this.page.evaluate(
      async ([method, values]) => {
        type Module = Record<string, (...args: unknown[]) => unknown>;
        const people = await (window as unknown as { testModules: Record<string, Promise<Module>> })
          .testModules['people'];
        return people?.[method as string]?.(...(values as unknown[]));
      },
      [name, args] as const,
    );
    return result as Awaited<ReturnType<PageModule[Name]>>;
  }

  enter = (name: string, room: string, microphone: 'voice' | 'tone' = 'voice') =>
    this.#call('enter', name, room, microphone);
  speak = (levels: Record<string, number>) => this.#call('speak', levels);
  signalledSsrcs = () => this.#call('signalledSsrcs');
  receivedSsrcs = () => this.#call('receivedSsrcs');
  csrcs = () => this.#call('csrcs');
  now = () => this.#call('now');
  changes = () => this.#call('changes');
  hearing = () => this.#call('hearing');
  concealment = (name: string, slot: number, from: number, to: number) =>
    this.#call('concealment', name, slot, from, to);
  streamStatistics = () => this.#call('streamStatistics');
  mute = (name: string, muted: boolean) => this.#call('mute', name, muted);
  rename = (name: string, displayName: string) => this.#call('rename', name, displayName);
  leave = (name: string) => this.#call('leave', name);

  /** Real time passes in the browser; there is no virtual clock for its sound. */
  listen = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds));
}
