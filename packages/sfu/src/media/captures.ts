/**
 * Captures: packets of chosen transports as they are without SRTP, gathered by the engine until somebody reads them. There
 * is no timer and nothing per packet here while none runs; reading is the one thing that moves packets on.
 * Elsewhere: copies and their room → engine capture.h · what the application sees → api/capture.ts
 */
import { CAPTURE_HEAD_BYTES, readCapture } from '@tertulia/engine';
import { InvalidStateError } from '../channel/errors.js';
import type { CaptureRead, CaptureSource } from '../channel/messages.js';
import type { MediaContext } from './context.js';
import type { Router } from './router.js';
import type { Transport } from './transport.js';

export const CAPTURE_LIMITS = {
  /** At once in a media process: the engine has a byte for the number. */
  captures: 255,
  /** What waits to be read, of all together in the engine, and of each beside another: half a second at 100 Mbit/s. */
  waitingBytes: 8 * 1024 * 1024,
} as const;

interface Marked {
  readonly transport: Transport;
  /** As it was told last: what follows it after its end are the packets from before. */
  source: CaptureSource;
}

interface Running {
  readonly id: string;
  readonly number: number;
  readonly router: Router;
  /** By peer. */
  readonly marked: Map<number, Marked>;
  /** Records that another capture's reader took out of the engine. */
  waiting: Uint8Array[];
  waitingBytes: number;
  /** Packets that were taken out for it and found no room; more precise nobody asks. */
  lost: number;
}

export class Captures {
  readonly #context: MediaContext;
  readonly #byId = new Map<string, Running>();
  readonly #byNumber = new Map<number, Running>();

  constructor(context: MediaContext) {
    this.#context = context;
  }

  /** @throws InvalidStateError (`TOO_MANY_CAPTURES`, `DUPLICATE_ID`). */
  create(id: string, router: Router): void {
    if (this.#byId.has(id))
      throw new InvalidStateError(`a Capture with id "${id}" already exists`, 'DUPLICATE_ID');
    let number = 1;
    while (this.#byNumber.has(number)) number++;
    if (number > CAPTURE_LIMITS.captures)
      throw new InvalidStateError('as many captures as there may be', 'TOO_MANY_CAPTURES');
    if (this.#byId.size === 0) this.#context.engine.setCaptureRoom(CAPTURE_LIMITS.waitingBytes);
    const made = { id, number, router, marked: new Map(), waiting: [], waitingBytes: 0, lost: 0 };
    this.#byId.set(id, made);
    this.#byNumber.set(number, made);
  }

  /** @throws InvalidStateError (`NOT_FOUND`, `CAPTURED_ALREADY`): another capture has it. */
  add(id: string, transport: Transport): void {
    const capture = this.#get(id);
    const others = [...this.#byId.values()].filter((other) => other !== capture);
    if (others.some(({ marked }) => marked.has(transport.peer)))
      throw new InvalidStateError('another capture has this transport', 'CAPTURED_ALREADY');
    for (const source of transport.captureSources()) {
      if (capture.marked.has(source.peer)) continue;
      this.#context.engine.setCapture(source.peer, capture.number);
      capture.marked.set(source.peer, { transport, source });
    }
  }

  /** What has come since it was read before. @throws InvalidStateError (`NOT_FOUND`). */
  read(id: string): CaptureRead {
    const capture = this.#get(id);
    this.#collect();
    const records = join(capture.waiting, capture.waitingBytes);
    capture.waiting = [];
    capture.waitingBytes = 0;
    const sources: CaptureSource[] = [];
    for (const [peer, marked] of capture.marked) {
      const now = marked.transport.closed
        ? undefined
        : marked.transport.captureSources().find((source) => source.peer === peer);
      if (now) marked.source = { ...now, lost: this.#context.engine.captureLost(peer) };
      sources.push(marked.source);
      if (!now) capture.marked.delete(peer);
    }
    return { records, sources, lost: capture.lost };
  }

  close(id: string): void {
    const capture = this.#byId.get(id);
    if (!capture) return;
    for (const [peer, { transport }] of capture.marked)
      if (!transport.closed) this.#context.engine.setCapture(peer, 0);
    // Records that are still in the engine would be taken for another's.
    this.#collect();
    this.#byId.delete(id);
    this.#byNumber.delete(capture.number);
    if (this.#byId.size === 0) this.#context.engine.setCaptureRoom(0);
  }

  /** A router takes its captures along. */
  closeOf(router: Router): void {
    for (const capture of [...this.#byId.values()]) if (capture.router === router) this.close(capture.id);
  }

  #get(id: string): Running {
    const capture = this.#byId.get(id);
    if (!capture) throw new InvalidStateError(`Capture with id "${id}" not found`, 'NOT_FOUND');
    return capture;
  }

  /** Out of the engine, to whom they belong. */
  #collect(): void {
    const records = this.#context.engine.takeCapture();
    if (records.length === 0) return;
    const [only, ...others] = this.#byId.values();
    if (only && others.length === 0) {
      // Nobody else's are among them: `close` has taken those out.
      keep(only, records);
      return;
    }
    for (const { capture, bytes } of readCapture(records)) {
      const running = this.#byNumber.get(capture);
      if (!running) continue;
      const start = bytes.byteOffset - records.byteOffset - CAPTURE_HEAD_BYTES;
      keep(running, records.subarray(start, start + ((CAPTURE_HEAD_BYTES + bytes.length + 3) & ~3)));
    }
  }
}

function keep(capture: Running, records: Uint8Array): void {
  if (capture.waitingBytes + records.length > CAPTURE_LIMITS.waitingBytes) {
    for (const _ of readCapture(records)) capture.lost++;
    return;
  }
  capture.waiting.push(records);
  capture.waitingBytes += records.length;
}

function join(parts: readonly Uint8Array[], length: number): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
