/** `tertulia dump` against a server whose media plays along: the file, and the sentence when there is none. */
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { dump } from '../../src/commands/dump.js';
import { CommandError } from '../../src/errors.js';
import { interfacesOf, packetsOf, readBlocks } from '../support/pcapng.js';
import { KEYS, TestServer } from '../support/testServer.js';

let server: TestServer;
let folder: string;
let file: string;
let clock: NodeJS.Timeout | undefined;
const env = { TERTULIA_API_KEY: KEYS.apiKey, TERTULIA_API_SECRET: KEYS.secret };

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tertulia-dump-'));
  file = join(folder, 'tea.pcapng');
  vi.spyOn(process.stderr, 'write').mockReturnValue(true);
});
afterEach(async () => {
  clearInterval(clock);
  vi.restoreAllMocks();
  await server?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Time goes by as it does, from the present on: the tokens of the command are of now. */
async function serve(keys?: typeof KEYS): Promise<string> {
  server = await TestServer.start({}, keys);
  server.scheduler.advance(Date.now() - server.scheduler.nowMs());
  clock = setInterval(() => server.scheduler.advance(50), 5);
  return server.listen();
}

test('key and secret of the environment open it; the file is whole and for nobody else', async () => {
  const url = await serve(KEYS);
  const ada = await server.join('tea', 'Ada', { token: await server.token() });
  ada.media.connect();
  // One that was there, readable for everybody.
  writeFileSync(file, 'an older one, which is longer than nothing', { mode: 0o644 });
  const done = dump(['--url', url, '--room', 'tea', '--seconds', '1', file], env);
  await vi.waitFor(() => expect(server.media.rooms[0]?.captures).toHaveLength(1));
  const [capture] = server.media.rooms[0]!.captures;
  await vi.waitFor(() => expect(capture!.sessions).toHaveLength(1));
  capture!.packets.push({
    sessionId: ada.media.id,
    direction: 'incoming',
    unixMicros: 1,
    local: undefined,
    remote: undefined,
    bytes: Uint8Array.of(0x80, 111),
  });
  await done;
  const blocks = readBlocks(readFileSync(file));
  expect(interfacesOf(blocks)).toEqual([`from Ada (${ada.participantId})`]);
  expect(packetsOf(blocks)).toHaveLength(1);
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test.each([
  { name: 'nobody in the room', args: ['--room', 'milk'], sentence: /Nobody is in the room "milk"/ },
  { name: 'an unknown participant', args: ['--room', 'tea', '--participant', 'x'], sentence: /participant/ },
])('$name: a sentence, and no file', async ({ args, sentence }) => {
  const url = await serve();
  await server.enter('tea', 'Ada');
  await expect(dump([...args, '--url', url, file], {})).rejects.toThrow(sentence);
  expect(existsSync(file)).toBe(false);
});

test('a token without the right: a sentence, and no file', async () => {
  const url = await serve(KEYS);
  await server.join('tea', 'Ada', { token: await server.token() });
  const token = await server.token({ roles: ['moderate'] });
  const refused = dump(['--url', url, '--room', 'tea', '--token', token, file], {});
  await expect(refused).rejects.toThrow(/needs the role admin/);
  expect(existsSync(file)).toBe(false);
});

test('a file that cannot be written is said, and the server stops capturing', async () => {
  const url = await serve();
  await server.enter('tea', 'Ada');
  const wrong = join(folder, 'no', 'such', 'folder.pcapng');
  await expect(dump(['--url', url, '--room', 'tea', wrong], {})).rejects.toThrow(
    /cannot be written \(ENOENT\)/,
  );
  const [capture] = server.media.rooms[0]!.captures;
  await vi.waitFor(() => expect(capture!.closed).toBe(true));
});

test.skipIf(process.platform !== 'linux')('a disk that is full is said as what it is', async () => {
  const url = await serve();
  await server.enter('tea', 'Ada');
  const done = dump(['--url', url, '--room', 'tea', '--seconds', '1', '/dev/full'], {});
  await expect(done).rejects.toThrow('/dev/full cannot be written (ENOSPC).');
});

test('a server that ends in the middle is said, and what came is kept', async () => {
  const url = await serve();
  await server.enter('tea', 'Ada');
  const done = dump(['--url', url, '--room', 'tea', '--seconds', '60', file], {});
  const refused = expect(done).rejects.toThrow(/connection broke after \d+ bytes; what came is in/);
  await vi.waitFor(() => expect(existsSync(file) && statSync(file).size).toBeGreaterThan(0));
  server.app.server.closeAllConnections();
  await refused;
  expect(readBlocks(readFileSync(file))).toHaveLength(1);
});

test.each([
  { args: ['x'], sentence: /--room and a file/ },
  { args: ['--room', 'tea'], sentence: /--room and a file/ },
  { args: ['--room', 'tea', '--seconds', '61', 'x'], sentence: /1 to 60, not "61"/ },
  { args: ['--room', 'tea', '--seconds', 'long', 'x'], sentence: /1 to 60, not "long"/ },
  { args: ['--room', 'tea', 'x', 'y'], sentence: /One file, not 2/ },
  { args: ['--rom', 'tea', 'x'], sentence: /--rom/ },
  { args: ['--room', 'a/b', 'x'], sentence: /--room/ },
])('$args is refused in one sentence', async ({ args, sentence }) => {
  await expect(dump(args, {})).rejects.toThrow(sentence);
  await expect(dump(args, {})).rejects.toBeInstanceOf(CommandError);
});
