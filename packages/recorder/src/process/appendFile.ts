/**
 * A file that only grows. What is given is written in order, as much as waits with one system call; nobody waits for the disk.
 * The first error is told once, and nothing is written after it: the file is cut back to the last whole piece.
 * While it grows it is never synced: what was written survives the process, not the machine. `close` syncs.
 */
import type { FileLayer, OpenedFile } from './fileLayer.js';

export const APPEND_LIMITS = {
  /** What may wait for a slow disk: 10 s of a 20 Mbit/s picture. Beyond it the disk is too slow. */
  waitingBytes: 32 * 1024 * 1024,
  /** Pieces of one system call: IOV_MAX of Linux is 1,024. */
  pieces: 512,
  /** Given back of a full disk, so that the JSON files can say why the recording ended. */
  roomBytes: 32 * 1024,
} as const;

/** No room on the disk, or none for this user. */
export const DISK_FULL: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT']);

export type AppendError = NodeJS.ErrnoException;

export class AppendFile {
  /** Taken from the caller. */
  bytes = 0;
  readonly #layer: FileLayer;
  readonly #onError: (error: AppendError) => void;
  #file: OpenedFile | undefined;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  /** Whole pieces that are in the file. */
  #written = 0;
  /** Where it could be cut to give back `roomBytes`, ascending. */
  readonly #borders: number[] = [];
  #busy = true;
  #failed = false;
  #closing: (() => void) | undefined;

  constructor(
    readonly path: string,
    layer: FileLayer,
    onError: (error: AppendError) => void,
    /** Told of each piece that is written and not needed any more. */
    private readonly onWritten: (piece: Uint8Array) => void = () => undefined,
  ) {
    this.#layer = layer;
    this.#onError = onError;
    layer.open(path, (error, file) => {
      this.#file = file;
      this.#done(error);
    });
  }

  get failed(): boolean {
    return this.#failed;
  }

  append(pieces: readonly Uint8Array[]): void {
    if (this.#failed || this.#closing) return;
    for (const piece of pieces) {
      this.#waiting.push(piece);
      this.#waitingBytes += piece.length;
      this.bytes += piece.length;
    }
    if (this.#waitingBytes > APPEND_LIMITS.waitingBytes)
      this.#fail(
        Object.assign(new Error(`the disk is slower than the recording: ${this.path}`), { code: 'TOO_SLOW' }),
      );
    else this.#next();
  }

  /** @returns after everything was written and synced, or could not be; an error was told by `onError` */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#closing = resolve;
      this.#next();
    });
  }

  #next(): void {
    if (this.#busy) return;
    if (this.#waiting.length === 0) {
      if (this.#closing) this.#finish();
      return;
    }
    const pieces = this.#waiting.splice(0, APPEND_LIMITS.pieces);
    let length = 0;
    for (const piece of pieces) length += piece.length;
    this.#busy = true;
    this.#write(pieces, length, (error) => {
      if (!error) this.#grow(length);
      this.#waitingBytes -= length;
      for (const piece of pieces) this.onWritten(piece);
      this.#done(error);
    });
  }

  #write(pieces: readonly Uint8Array[], length: number, done: (error: AppendError | null) => void): void {
    this.#layer.append(this.#file!, pieces, (error, written = 0) => {
      // The kernel took a part of it: a disk that is nearly full, mostly. The rest says why.
      if (!error && written < length) this.#write(restOf(pieces, written), length - written, done);
      else done(error);
    });
  }

  #grow(length: number): void {
    const borders = this.#borders;
    borders.push(this.#written);
    this.#written += length;
    // The last one that gives back enough, and those behind it.
    while (borders.length > 1 && borders[1]! <= this.#written - APPEND_LIMITS.roomBytes) borders.shift();
  }

  #done(error: AppendError | null): void {
    this.#busy = false;
    if (error) this.#fail(error);
    this.#next();
  }

  #fail(error: AppendError): void {
    this.#waiting = [];
    this.#waitingBytes = 0;
    if (this.#failed) return;
    this.#failed = true;
    const [border = 0] = this.#borders;
    const gives = border > 0 && border <= this.#written - APPEND_LIMITS.roomBytes;
    if (DISK_FULL.has(error.code ?? '') && gives) this.#written = border;
    this.bytes = this.#written;
    this.#onError(error);
  }

  #finish(): void {
    const finished = this.#closing!;
    this.#busy = true;
    if (!this.#file) finished();
    else this.#layer.close(this.#file, this.#failed ? this.#written : undefined, finished);
  }
}

function restOf(pieces: readonly Uint8Array[], written: number): Uint8Array[] {
  const rest: Uint8Array[] = [];
  let skip = written;
  for (const piece of pieces) {
    if (skip >= piece.length) skip -= piece.length;
    else {
      rest.push(skip === 0 ? piece : piece.subarray(skip));
      skip = 0;
    }
  }
  return rest;
}
