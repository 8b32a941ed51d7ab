/**
 * A bad network between a browser and the server: a UDP relay with delay, loss and a rate in each direction. It needs no
 * privileges, unlike a queueing discipline of the kernel. Each sender's port gets a socket of its own towards the server.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

export interface Conditions {
  /** ms, one way. Default 0. */
  delayMs?: number;
  /** 0…1, each datagram on its own. Default 0. */
  loss?: number;
  /** Default unlimited. */
  bitsPerSecond?: number;
  /** ms of data that the bottleneck holds before it drops. Default 300. */
  queueMs?: number;
}

/** IPv4 and UDP headers count on a real link. */
const HEADER_BYTES = 28;

class Direction {
  conditions: Conditions = {};
  sent = 0;
  lost = 0;
  overflowed = 0;
  #freeAtMs = 0;
  #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  pass(bytes: Uint8Array, deliver: () => void): void {
    const { delayMs = 0, loss = 0, bitsPerSecond, queueMs = 300 } = this.conditions;
    if (this.#random() < loss) {
      this.lost++;
      return;
    }
    const now = performance.now();
    let waitMs = delayMs;
    if (bitsPerSecond !== undefined) {
      const start = Math.max(now, this.#freeAtMs);
      if (start - now > queueMs) {
        this.overflowed++;
        return;
      }
      this.#freeAtMs = start + ((bytes.length + HEADER_BYTES) * 8_000) / bitsPerSecond;
      waitMs += this.#freeAtMs - now;
    }
    this.sent++;
    if (waitMs < 1) deliver();
    else setTimeout(deliver, waitMs).unref();
  }
}

export class Link {
  readonly toServer: Direction;
  readonly toClient: Direction;
  readonly #front: Socket;
  #closed = false;
  /** By the client's port and address: a browser sends to loopback from any of its addresses. */
  readonly #backs = new Map<string, Socket>();

  private constructor(
    readonly port: number,
    front: Socket,
    readonly serverPort: number,
    random: () => number,
  ) {
    this.#front = front;
    this.toServer = new Direction(random);
    this.toClient = new Direction(random);
    front.on('message', (bytes, { port, address }) => {
      const back = this.#backs.get(`${port} ${address}`) ?? this.#open(port, address);
      this.toServer.pass(bytes, () => {
        if (!this.#closed) back.send(bytes, this.serverPort, '127.0.0.1', ignore);
      });
    });
  }

  /** @param seed of the losses: the same run loses the same */
  static async open(serverPort: number, seed = 1): Promise<Link> {
    const front = createSocket('udp4');
    front.bind(0, '127.0.0.1');
    await once(front, 'listening');
    return new Link(front.address().port, front, serverPort, randomOf(seed));
  }

  set(conditions: Conditions): void {
    this.toServer.conditions = this.toClient.conditions = conditions;
  }

  close(): void {
    this.#closed = true;
    this.#front.close();
    for (const back of this.#backs.values()) back.close();
    this.#backs.clear();
  }

  #open(port: number, address: string): Socket {
    const back = createSocket('udp4');
    back.bind(0, '127.0.0.1');
    back.on('message', (bytes) =>
      this.toClient.pass(bytes, () => {
        if (!this.#closed) this.#front.send(bytes, port, address, ignore);
      }),
    );
    back.on('error', ignore);
    this.#backs.set(`${port} ${address}`, back);
    return back;
  }
}

/** What a closed socket cannot send any more was lost on the way. */
const ignore = (): void => {};

/** mulberry32 */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(state ^ (state >>> 15), state | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  };
}
