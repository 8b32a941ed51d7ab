import { expect, test } from 'vitest';
import { AppendFile, APPEND_LIMITS, type AppendError } from '../../src/process/appendFile.js';
import type { FileLayer } from '../../src/process/fileLayer.js';

/** A disk that answers when the test says, with room for so many bytes. */
class Disk implements Pick<FileLayer, 'open' | 'append' | 'close'> {
  readonly calls: number[] = [];
  readonly content: number[] = [];
  kept: number | undefined;
  closed = false;
  #answers: (() => void)[] = [];

  constructor(
    private readonly room: number,
    private readonly openError?: AppendError,
    private readonly code = 'ENOSPC',
  ) {}

  open: FileLayer['open'] = (_path, done) => {
    this.#answers.push(() => (this.openError ? done(this.openError) : done(null, { handle: 1 })));
  };
  append: FileLayer['append'] = (_file, pieces, done) => {
    const bytes = pieces.flatMap((piece) => [...piece]);
    const fits = Math.min(bytes.length, this.room - this.content.length);
    this.calls.push(bytes.length);
    this.#answers.push(() => {
      if (fits === 0) return done(Object.assign(new Error('no space'), { code: this.code }));
      this.content.push(...bytes.slice(0, fits));
      done(null, fits);
    });
  };
  close: FileLayer['close'] = (_file, keepBytes, done) => {
    this.kept = keepBytes;
    this.closed = true;
    this.#answers.push(done);
  };

  get layer(): FileLayer {
    return this as unknown as FileLayer;
  }
  answer(): void {
    this.#answers.shift()?.();
  }
  answerAll(): void {
    while (this.#answers.length > 0) this.answer();
  }
}

const piece = (length: number): Uint8Array => new Uint8Array(length).fill(length);

test('what waits while the disk works is written with one call', async () => {
  const disk = new Disk(1_000);
  const file = new AppendFile('/x', disk.layer, () => expect.unreachable());
  file.append([piece(10)]);
  disk.answer();
  file.append([piece(20)]);
  file.append([piece(30), piece(40)]);
  disk.answerAll();
  expect(disk.calls).toEqual([10, 90]);
  const closed = file.close();
  disk.answerAll();
  await closed;
  expect(disk.content.length).toBe(100);
  expect(disk.kept).toBeUndefined();
  expect(file.bytes).toBe(100);
});

test('a full disk: the error is told once, the file ends with its last whole piece', async () => {
  const disk = new Disk(55);
  const errors: (string | undefined)[] = [];
  const file = new AppendFile('/x', disk.layer, ({ code }) => errors.push(code));
  disk.answer();
  for (let i = 0; i < 6; i++) {
    file.append([piece(10)]);
    disk.answerAll();
  }
  file.append([piece(10)]);
  disk.answerAll();
  expect(errors).toEqual(['ENOSPC']);
  const closed = file.close();
  disk.answerAll();
  await closed;
  expect(disk.kept).toBe(50);
  expect(file.bytes).toBe(50);
});

test.each([
  { code: 'ENOSPC', kept: 70_000 },
  { code: 'EIO', kept: 110_000 },
])(
  '$code at 110 kB: the file keeps $kept bytes, so that there is room to say why',
  async ({ code, kept }) => {
    const disk = new Disk(110_000, undefined, code);
    const file = new AppendFile('/x', disk.layer, () => undefined);
    disk.answer();
    for (let i = 0; i < 12; i++) {
      file.append([piece(10_000)]);
      disk.answerAll();
    }
    const closed = file.close();
    disk.answerAll();
    await closed;
    expect(disk.kept).toBe(kept);
    expect(file.bytes).toBe(kept);
  },
);

test('a file that cannot be opened', async () => {
  const disk = new Disk(0, Object.assign(new Error('no'), { code: 'EACCES' }));
  const errors: (string | undefined)[] = [];
  const file = new AppendFile('/x', disk.layer, ({ code }) => errors.push(code));
  file.append([piece(10)]);
  disk.answerAll();
  expect(errors).toEqual(['EACCES']);
  await file.close();
  expect(disk.closed).toBe(false);
});

test('a disk that is too slow ends it before the memory is full', () => {
  const disk = new Disk(1_000);
  const errors: (string | undefined)[] = [];
  const file = new AppendFile('/x', disk.layer, ({ code }) => errors.push(code));
  const megabyte = new Uint8Array(1024 * 1024);
  for (let i = 0; i <= APPEND_LIMITS.waitingBytes / megabyte.length; i++) file.append([megabyte]);
  expect(errors).toEqual(['TOO_SLOW']);
});
