/**
 * Two associations with a wire between them that loses, delays and reorders as told. werift has clocks of its own, so
 * these tests run in real time; what they wait for is an event, not a duration.
 */
import { DataChannels, SctpAssociation } from '../../src/media/sctp/index.js';
import type { ChannelEnd, DataChannelInfo, DataChannelsOptions } from '../../src/media/sctp/index.js';

export interface Wire {
  /** Decides over each packet: false loses it, a number delays it by as many milliseconds. */
  fate: (packet: Uint8Array, toServer: boolean) => boolean | number;
  sent: { packet: Uint8Array; toServer: boolean }[];
}

export class End {
  readonly opened: DataChannelInfo[] = [];
  readonly messages: { id: number; data: string | Uint8Array; isBinary: boolean }[] = [];
  readonly closed: { id: number; why: ChannelEnd }[] = [];
  readonly low: number[] = [];
  state = 'connecting';
  why: string | undefined;
  readonly association: SctpAssociation;
  readonly channels: DataChannels;
  readonly #waiters = new Set<() => void>();

  constructor(
    role: 'server' | 'client',
    send: (packet: Uint8Array) => void,
    options: Partial<DataChannelsOptions> = {},
  ) {
    this.association = new SctpAssociation({ role, sendPacket: send });
    this.channels = new DataChannels({
      association: this.association,
      on: {
        open: (channel) => this.#note(() => this.opened.push(channel)),
        message: (id, data, isBinary) => this.#note(() => this.messages.push({ id, data, isBinary })),
        close: (id, why) => this.#note(() => this.closed.push({ id, why })),
        bufferedAmountLow: (id) => this.#note(() => this.low.push(id)),
        state: (state, why) =>
          this.#note(() => {
            this.state = state;
            this.why = why;
          }),
      },
      ...options,
    });
  }

  /** Resolves as soon as it is true, looked at after each event and, for other things, every few milliseconds. */
  async until(condition: () => boolean, what = 'condition', timeoutMs = 20_000): Promise<void> {
    const end = Date.now() + timeoutMs;
    while (!condition()) {
      if (Date.now() > end) throw new Error(`waited in vain for: ${what}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(done, 5);
        const waiters = this.#waiters;
        function done(): void {
          clearTimeout(timer);
          waiters.delete(done);
          resolve();
        }
        waiters.add(done);
      });
    }
  }

  #note(change: () => void): void {
    change();
    for (const waiter of [...this.#waiters]) waiter();
  }
}

export interface Pair {
  server: End;
  client: End;
  wire: Wire;
  close(): void;
}

const open = new Set<Pair>();
export function closeAll(): void {
  for (const pair of open) pair.close();
}

export function makePair(
  options: { server?: Partial<DataChannelsOptions>; client?: Partial<DataChannelsOptions> } = {},
): Pair {
  const wire: Wire = { fate: () => true, sent: [] };
  const carry = (packet: Uint8Array, toServer: boolean): void => {
    const copy = packet.slice();
    wire.sent.push({ packet: copy, toServer });
    const fate = wire.fate(copy, toServer);
    if (fate === false) return;
    const deliver = (): void => (toServer ? pair.server : pair.client).channels.handlePacket(copy);
    if (typeof fate === 'number') setTimeout(deliver, fate);
    else setImmediate(deliver);
  };
  const pair: Pair = {
    server: new End('server', (packet) => carry(packet, false), options.server),
    client: undefined as unknown as End,
    wire,
    close() {
      pair.server.association.close();
      pair.client.association.close();
      open.delete(pair);
    },
  };
  pair.client = new End('client', (packet) => carry(packet, true), options.client);
  open.add(pair);
  return pair;
}

export async function connectedPair(options: Parameters<typeof makePair>[0] = {}): Promise<Pair> {
  const pair = makePair(options);
  await pair.client.until(
    () => pair.client.state === 'connected' && pair.server.state === 'connected',
    'connection',
  );
  return pair;
}

export const channel = (id: number, label = `channel ${id}`): DataChannelInfo => ({
  id,
  label,
  protocol: '',
  ordered: true,
  priority: 0,
});

/** A repeatable pseudo-random number in 0…1 (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  };
}
