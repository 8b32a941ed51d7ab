/**
 * Puts the add-on of this machine where the loader looks in an installed package: `prebuilds/<platform>-<arch>/`. Builds it first
 * when that is needed. Beside the binary stands what it was built from, so that `scripts/pack.mjs` takes no stale one.
 * Node-API and the OpenSSL inside Node make it one binary for all versions of Node.
 *
 *   node packages/engine/scripts/prebuild.mjs [--to FOLDER]     default: packages/engine/prebuilds
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** The file beside each binary that says what it was built from. */
export const SOURCES_FILE = 'sources.sha256';

/** @returns one number for all native sources and how they are compiled. */
export function sourcesHash() {
  const hash = createHash('sha256');
  const sources = readdirSync(join(root, 'native')).sort();
  for (const file of ['binding.gyp', ...sources.map((name) => `native/${name}`)]) {
    const text = readFileSync(join(root, file), 'utf8').replaceAll('\r\n', '\n');
    hash.update(`${file}\0${text}\0`);
  }
  return hash.digest('hex');
}

/** Which C library this Node runs on; the loader compares it with the name of the file. */
function libc() {
  if (process.platform !== 'linux') return '';
  return process.report.getReport().header.glibcVersionRuntime ? '.glibc' : '.musl';
}

/** Symbols that only a debugger wants. Without the tool they stay. */
function strip(binary) {
  const flags = { linux: ['--strip-unneeded'], darwin: ['-x'] }[process.platform];
  if (flags) spawnSync('strip', [...flags, binary], { stdio: 'ignore' });
}

/** @returns the newest versions of system libraries that the binary asks for, e.g. `GLIBC_2.14`; empty where nobody can say. */
function asksFor(binary) {
  const { stdout } = spawnSync('objdump', ['-T', binary], { encoding: 'utf8' });
  const newest = new Map();
  for (const [, library, version] of (stdout ?? '').matchAll(/\((GLIBC|GLIBCXX|CXXABI)_([\d.]+)\)/g)) {
    const known = newest.get(library);
    if (known === undefined || known.localeCompare(version, 'en', { numeric: true }) < 0)
      newest.set(library, version);
  }
  return [...newest].map(([library, version]) => `${library}_${version}`);
}

/** @param folder the prebuilds of a package */
export function prebuild(folder = join(root, 'prebuilds')) {
  const { status } = spawnSync(process.execPath, [join(root, 'scripts/build-native.mjs')], {
    stdio: 'inherit',
  });
  if (status !== 0) process.exit(status ?? 1);

  const platform = `${process.platform}-${process.arch}`;
  const own = join(folder, platform);
  const binary = join(own, `@tertulia+engine${libc()}.node`);
  rmSync(own, { recursive: true, force: true });
  mkdirSync(own, { recursive: true });
  copyFileSync(join(root, 'build/Release/tertulia_engine.node'), binary);
  strip(binary);
  writeFileSync(join(own, SOURCES_FILE), `${sourcesHash()}\n`);
  const needs = asksFor(binary);
  console.log(`prebuilt ${platform}${libc()}${needs.length > 0 ? `, asks for ${needs.join(', ')}` : ''}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [flag, folder] = process.argv.slice(2);
  prebuild(flag === '--to' && folder ? resolve(folder) : undefined);
}
