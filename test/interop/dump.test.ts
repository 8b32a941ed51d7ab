/**
 * `tertulia dump` of two people who speak in real Chromium: the file has both directions of both, readable by Wireshark's own
 * programs where they are installed.
 */
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import {
  interfacesOf,
  packetsOf,
  readBlocks,
  statisticsOf,
} from '../../packages/server/test/support/pcapng.js';
import { launchChromium, openTestPage } from '../browser/support/chromium.js';
import { People } from '../browser/support/people.js';
import { startServer, type ServerProcess } from '../browser/support/serverProcess.js';
import { serveTestPages, type TestPages } from '../browser/support/testPages.js';

const CLI = fileURLToPath(new URL('../../packages/server/dist/cli.js', import.meta.url));
const ROOM = 'tea';
const run = promisify(execFile);
const isInstalled = (program: string): boolean => spawnSync(program, ['--version']).status === 0;
const hasWireshark = isInstalled('tshark') && isInstalled('capinfos');

let pages: TestPages;
let server: ServerProcess;
let browser: Browser;
let people: People;
let folder: string;
let file: string;
let said: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tertulia-dump-'));
  file = join(folder, 'tea.pcapng');
  pages = await serveTestPages();
  server = await startServer(['--cors-origin', pages.origin]);
  browser = await launchChromium();
  const { page } = await openTestPage(browser, pages.origin, server.url);
  people = new People(page);
  for (const name of ['ada', 'ben']) await people.enter(name, ROOM);
  await people.speak({ ada: 1, ben: 1 });
  await vi.waitUntil(async () => Object.values(await people.hearing()).some((heard) => heard.length > 0), {
    timeout: 10_000,
  });
  const { stderr } = await run(process.execPath, [
    ...[CLI, 'dump', '--url', server.url, '--room', ROOM, '--seconds', '3', file],
  ]);
  said = stderr;
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
  pages?.stop();
  if (process.env['KEEP_DUMP'] === undefined) rmSync(folder, { recursive: true, force: true });
  else console.log(file);
});

test('the file is only for who asked, and the command says how to look at it', () => {
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(said).toMatch(/look at it with: tshark -d udp\.port==\d+,rtp -r \S+\n$/);
  expect(said).toContain(` -r ${file}\n`);
});

test('both directions of both people, without gaps, with the SSRCs that were signalled', async () => {
  const blocks = readBlocks(readFileSync(file));
  const names = interfacesOf(blocks);
  expect(names.map((name) => name.replace(/ \(.*/, '')).sort()).toEqual([
    ...['from ada', 'from ben', 'to ada', 'to ben'],
  ]);
  const packets = packetsOf(blocks).map((packet) => ({
    ...packet,
    name: names[packet.interface]!.split(' (')[0],
  }));
  const rtp = packets.filter(({ payload }) => (payload[1]! & 0x7f) < 64 || (payload[1]! & 0x7f) > 95);
  const streams = new Map<string, number[]>();
  for (const { name, payload } of rtp) {
    const key = `${name} ${payload.readUInt32BE(8)}`;
    streams.set(key, [...(streams.get(key) ?? []), payload.readUInt16BE(2)]);
  }
  for (const [key, numbers] of streams) {
    const gaps = numbers.filter((number, at) => at > 0 && ((number - numbers[at - 1]!) & 0xffff) !== 1);
    expect(gaps, key).toEqual([]);
  }
  const ssrcs = await people.signalledSsrcs();
  for (const name of ['ada', 'ben']) {
    const sent = [...streams.keys()].filter((key) => key.startsWith(`to ${name} `));
    expect(sent.length).toBeGreaterThan(0);
    for (const key of sent) expect(ssrcs[name]).toContain(Number(key.split(' ')[2]));
    // 50 packets a second, and some are lost to the start of the command.
    const got = [...streams].find(([key]) => key.startsWith(`from ${name} `))![1];
    expect(got.length).toBeGreaterThan(100);
  }
  const reports = packets.filter((packet) => !rtp.includes(packet));
  expect(new Set(reports.map(({ direction }) => direction))).toEqual(new Set(['incoming', 'outgoing']));
  const span = (packets.at(-1)!.unixMicros - packets[0]!.unixMicros) / 1e6;
  expect(span).toBeGreaterThan(2);
  expect(span).toBeLessThan(4);
  expect(Math.abs(packets[0]!.unixMicros / 1000 - Date.now())).toBeLessThan(60_000);
  for (const { dropped } of statisticsOf(blocks)) expect(dropped).toBe(0n);
});

test.skipIf(!hasWireshark)('Wireshark dissects RTP and RTCP, and sees the same numbers', async () => {
  const decodeAs = /tshark (.*) -r /.exec(said)![1]!.split(' ');
  const { stdout: about } = await run('capinfos', ['-c', '-M', '-I', file]);
  const packets = packetsOf(readBlocks(readFileSync(file)));
  expect(Number(/Number of packets:\s+(\d+)/.exec(about)?.[1])).toBe(packets.length);

  const fields = [
    '_ws.col.Protocol',
    'frame.interface_name',
    'rtp.ssrc',
    'rtp.seq',
    'rtp.payload',
    'udp.checksum.status',
  ];
  const { stdout } = await run(
    'tshark',
    [
      ...[...decodeAs, '-o', 'udp.check_checksum:TRUE', '-o', 'ip.check_checksum:TRUE'],
      ...['-r', file, '-T', 'fields', ...fields.flatMap((field) => ['-e', field])],
    ],
    { maxBuffer: 64 * 1024 * 1024 },
  );
  const lines = stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.split('\t'));
  expect(lines).toHaveLength(packets.length);
  lines.forEach(([protocol, , ssrc, number, payload, checksum], at) => {
    const { payload: bytes } = packets[at]!;
    const isRtcp = bytes[1]! >= 192 && bytes[1]! <= 223;
    expect(protocol, `packet ${at + 1}`).toMatch(isRtcp ? /RTCP/ : /^RTP/);
    expect(checksum).toBe('1');
    if (isRtcp) return;
    expect(Number(ssrc)).toBe(bytes.readUInt32BE(8));
    expect(Number(number)).toBe(bytes.readUInt16BE(2));
    expect(bytes.toString('hex').endsWith(payload!.replaceAll(':', ''))).toBe(true);
  });
});
