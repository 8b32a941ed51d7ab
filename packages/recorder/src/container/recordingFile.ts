/**
 * Reads a recording from disk, one cluster after another, with one buffer: memory does not grow with the file.
 * Ends at the first thing that is no whole cluster, so that a file cut off anywhere is read up to there.
 * Spec: RFC 9559 §5.1.3. Elsewhere: what the bytes mean → recordingHead.ts
 */
import { open, type FileHandle } from 'node:fs/promises';
import { LONGEST_HEADER, readHeader, UNKNOWN_SIZE } from './ebml.js';
import { ID } from './elements.js';
import { ContainerError } from './errors.js';
import { parseHead, readBlocks, type Block, type RecordingHead } from './recordingHead.js';

/** Largest header that is looked for; ours have some kilobytes (parameter sets, names). */
const HEAD_BYTES = 1024 * 1024;
/** Read at once; a cluster of 500 ms of a good picture has a quarter of it. */
const WINDOW_BYTES = 1024 * 1024;
/** No cluster of ours is larger than 8 MiB plus one frame; a larger size is garbage. */
const LARGEST_CLUSTER_BYTES = 64 * 1024 * 1024;

export interface Cluster {
  /** Where it starts in the file. */
  readonly at: number;
  /** With identifier and size. Valid until the next cluster is asked for. */
  readonly bytes: Uint8Array;
  /** Views into `bytes`. */
  readonly blocks: readonly Block[];
}

export class RecordingFile {
  readonly #handle: FileHandle;
  #buffer = Buffer.alloc(WINDOW_BYTES);
  /** What of the buffer is filled, and where it was read. */
  #window = this.#buffer.subarray(0, 0);
  #windowAt = 0;
  /** End of the last whole cluster that was read; everything behind it is nothing or not whole. */
  wholeUntil: number;
  /** Why reading ended before the end of the file, if it did. */
  cutWhy: string | undefined;

  private constructor(
    handle: FileHandle,
    readonly path: string,
    readonly bytes: number,
    /** Who may read it: a copy is not for more people than the original. */
    readonly mode: number,
    readonly head: RecordingHead,
  ) {
    this.#handle = handle;
    this.wholeUntil = head.firstClusterAt;
  }

  /** @throws ContainerError `CONTAINER_UNREADABLE`, `CONTAINER_EMPTY`; errors of the file system as they are. */
  static async open(path: string): Promise<RecordingFile> {
    const handle = await open(path, 'r');
    try {
      const { size, mode } = await handle.stat();
      const start = Buffer.allocUnsafe(Math.min(size, HEAD_BYTES));
      await readFully(handle, start, start.length, 0);
      const head = parseHead(start);
      if (!head.ok && head.why === 'cut' && size < HEAD_BYTES)
        throw new ContainerError('CONTAINER_EMPTY', `${path} ends before its first sound or picture.`);
      if (!head.ok)
        throw new ContainerError(
          'CONTAINER_UNREADABLE',
          `${path} is no Matroska or WebM file that this version can read (${head.why}).`,
        );
      return new RecordingFile(handle, path, size, mode & 0o777, head.value);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** From the first one on; may be asked for again. */
  async *clusters(): AsyncGenerator<Cluster, void, undefined> {
    this.wholeUntil = this.head.firstClusterAt;
    this.cutWhy = undefined;
    const end = Math.min(this.bytes, this.head.segmentEnd ?? this.bytes);
    let at = this.head.firstClusterAt;
    while (at < end) {
      const start = await this.#view(at, LONGEST_HEADER);
      const header = readHeader(start, 0);
      if (!header.ok) return void (this.cutWhy = header.why);
      const { id, size, headerLength } = header.value;
      if (size === UNKNOWN_SIZE) return void (this.cutWhy = 'size-unknown');
      const next = at + headerLength + size;
      if (next > end) return void (this.cutWhy = 'cut');
      if (id === ID.cluster) {
        if (size > LARGEST_CLUSTER_BYTES) return void (this.cutWhy = 'cluster-too-large');
        const bytes = await this.#view(at, headerLength + size);
        const blocks = readBlocks(bytes.subarray(headerLength));
        if (!blocks.ok) return void (this.cutWhy = blocks.why);
        yield { at, bytes, blocks: blocks.value };
      } else if (!BESIDE_CLUSTERS.has(id)) return void (this.cutWhy = 'not-a-cluster');
      at = next;
      if (id === ID.cluster) this.wholeUntil = at;
    }
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  /** Up to `length` bytes from `at`; fewer at the end of the file. */
  async #view(at: number, length: number): Promise<Buffer> {
    const offset = at - this.#windowAt;
    const wanted = Math.min(length, this.bytes - at);
    if (offset >= 0 && offset + wanted <= this.#window.length)
      return this.#window.subarray(offset, offset + wanted);
    if (this.#buffer.length < wanted) this.#buffer = Buffer.alloc(wanted);
    const filled = await readFully(
      this.#handle,
      this.#buffer,
      Math.min(this.#buffer.length, this.bytes - at),
      at,
    );
    this.#window = this.#buffer.subarray(0, filled);
    this.#windowAt = at;
    return this.#window.subarray(0, Math.min(wanted, filled));
  }
}

/** What may stand between and behind clusters. */
const BESIDE_CLUSTERS: ReadonlySet<number> = new Set([
  ID.cues,
  ID.void,
  ID.tags,
  ID.seekHead,
  ID.info,
  ID.tracks,
]);

async function readFully(
  handle: FileHandle,
  into: Buffer,
  length: number,
  position: number,
): Promise<number> {
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await handle.read(into, filled, length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return filled;
}
