/**
 * The packages as people install them: packed, unpacked into a folder shaped as npm would, and used there without the checkout, its
 * build folder or a compiler. Their dependencies are links to those of this checkout, so no network is needed.
 */
import { execFile } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServer } from '../browser/support/serverProcess.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PACKAGES = ['client', 'engine', 'recorder', 'server', 'sfu', 'web', 'wire'] as const;

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly type: string;
  readonly engines: { readonly node: string };
  readonly main?: string;
  readonly types?: string;
  readonly bin?: Record<string, string>;
  readonly exports?: unknown;
  readonly scripts?: unknown;
  readonly private?: boolean;
  readonly gypfile?: boolean;
  readonly dependencies?: Record<string, string>;
}

const run = promisify(execFile);
let folder: string;
let said: string;

const place = (name: string): string => join(folder, 'node_modules/@tertulia', name);
const manifestOf = (name: string): Manifest =>
  JSON.parse(readFileSync(join(place(name), 'package.json'), 'utf8')) as Manifest;
const filesOf = (name: string): string[] =>
  readdirSync(place(name), { recursive: true, encoding: 'utf8' })
    .filter((file) => statSync(join(place(name), file)).isFile())
    .map((file) => file.replaceAll('\\', '/'));

/** Each file that a manifest names, in whatever depth of `exports`. */
function targets(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(targets) : [];
}

function linkDependencies(name: string): void {
  for (const dependency of Object.keys(manifestOf(name).dependencies ?? {})) {
    const link = join(folder, 'node_modules', dependency);
    if (dependency.startsWith('@tertulia/') || existsSync(link)) continue;
    const installed = [join(ROOT, 'packages', name), ROOT]
      .map((from) => join(from, 'node_modules', dependency))
      .find((path) => existsSync(path));
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(installed ?? `${dependency} is not installed`, link, 'junction');
  }
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tertulia-packages-'));
  const packed = await run(process.execPath, [
    join(ROOT, 'scripts/pack.mjs'),
    '--as-built',
    '--to',
    join(folder, 'packed'),
  ]);
  said = packed.stdout;
  for (const file of readdirSync(join(folder, 'packed'))) {
    const name = /^tertulia-(\w+)-/.exec(file)?.[1] ?? file;
    mkdirSync(place(name), { recursive: true });
    await run('tar', ['-xzf', join(folder, 'packed', file), '-C', place(name), '--strip-components=1']);
  }
  for (const name of PACKAGES) linkDependencies(name);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.each(PACKAGES)('the tarball of %s', (name) => {
  test('has what its manifest promises', () => {
    const manifest = manifestOf(name);
    const named = [manifest.main, manifest.types, manifest.exports, manifest.bin].flatMap(targets);
    for (const file of named) expect(existsSync(join(place(name), file)), file).toBe(true);
    expect(filesOf(name)).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'package.json']));
    expect(manifest).toMatchObject({ license: 'MIT', engines: { node: '>=20.19' } });
    expect(manifest.private).toBeUndefined();
  });

  test('runs nothing when it is installed', () => {
    const manifest = manifestOf(name);
    expect(manifest.scripts).toBeUndefined();
    // npm builds what has a binding.gyp unless the manifest says otherwise.
    if (existsSync(join(place(name), 'binding.gyp'))) expect(manifest.gypfile).toBe(false);
  });

  test('has no tests, no build state, no map of a source that is not there', () => {
    const files = filesOf(name);
    expect(files.filter((file) => /(^|\/)tests?\/|\.test\.|tsbuildinfo|node_modules/.test(file))).toEqual([]);
    for (const file of files.filter((each) => each.endsWith('.map'))) {
      const path = join(place(name), file);
      const { sources } = JSON.parse(readFileSync(path, 'utf8')) as { sources: string[] };
      for (const source of sources) expect(existsSync(resolve(dirname(path), source)), file).toBe(true);
    }
  });
});

test('the packages need one another in the version that is packed', () => {
  for (const name of PACKAGES)
    for (const [dependency, version] of Object.entries(manifestOf(name).dependencies ?? {}))
      if (dependency.startsWith('@tertulia/'))
        expect(version).toBe(manifestOf(dependency.slice('@tertulia/'.length)).version);
});

test('the page brings the licences of what is bundled in it', () => {
  expect(readFileSync(join(place('web'), 'dist/licenses.md'), 'utf8')).toMatch(/react-dom[^]*scheduler/);
});

test('the engine has a binary of this platform, and packing says so', () => {
  const binary = filesOf('engine').find((file) =>
    file.startsWith(`prebuilds/${process.platform}-${process.arch}/@tertulia+engine`),
  );
  expect(binary).toMatch(/\.node$/);
  expect(said).toContain(binary?.slice('prebuilds/'.length));
});

const APPLICATION = `
  async function main({ createWorker }) {
    const worker = await createWorker();
    const mediaCodecs = [{ kind: 'audio', mimeType: 'audio/opus', clockRate: 48000, channels: 2 }];
    const router = await worker.createRouter({ mediaCodecs });
    const transport = await router.createWebRtcTransport({ listenInfos: [{ protocol: 'udp', ip: '127.0.0.1' }] });
    console.log(transport.iceCandidates[0].protocol, router.rtpCapabilities.codecs[0].mimeType);
    worker.close();
  }`;

test.each([
  ['import', 'app.mjs', `import * as sfu from '@tertulia/sfu'; ${APPLICATION} await main(sfu);`],
  ['require', 'app.cjs', `${APPLICATION} main(require('@tertulia/sfu'));`],
])('the library works by %s', async (_way, file, source) => {
  writeFileSync(join(folder, file), source);
  const { stdout } = await run(process.execPath, [file], { cwd: folder, timeout: 20_000 });
  expect(stdout).toBe('udp audio/opus\n');
});

test('the command serves the page and answers when asked for its health', async () => {
  const command = join(place('server'), manifestOf('server').bin?.['tertulia'] ?? '');
  const server = await startServer([], { command });
  try {
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
    const page = await (await fetch(`${server.url}/r/tea`)).text();
    const script = /src="(\/assets\/[^"]+)"/.exec(page)?.[1];
    expect((await fetch(`${server.url}${script}`)).status).toBe(200);
  } finally {
    expect(await server.stop(), server.output()).toBe(0);
  }
});

test('where no binary fits, the engine says how to build it', async () => {
  rmSync(join(place('engine'), 'prebuilds'), { recursive: true });
  const source =
    "import { Engine } from '@tertulia/engine'; try { new Engine(); } catch (e) { console.log(e.message); }";
  writeFileSync(join(folder, 'engine.mjs'), source);
  const { stdout } = await run(process.execPath, ['engine.mjs'], { cwd: folder });
  expect(stdout).toMatch(/^NOT_BUILT: .*npx node-gyp rebuild --directory ".*engine"/);
});
