/**
 * Builds the add-on when its sources are newer than the binary. Says what to install when there is no compiler.
 * Needs no network where Node's own headers lie beside it (`<prefix>/include/node`).
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const binary = join(root, 'build', 'Release', 'tertulia_engine.node');

const HELP = `The native engine could not be built. It needs a C++ compiler, make and Python 3:
  Debian, Ubuntu   sudo apt install build-essential python3
  Fedora           sudo dnf install gcc-c++ make python3
  Alpine           sudo apk add build-base python3
  macOS            xcode-select --install
  Windows          Visual Studio Build Tools with "Desktop development with C++", and Python 3`;

function isUpToDate() {
  if (!existsSync(binary)) return false;
  const built = statSync(binary).mtimeMs;
  const sources = readdirSync(join(root, 'native')).map((name) => join(root, 'native', name));
  return [...sources, join(root, 'binding.gyp')].every((source) => statSync(source).mtimeMs <= built);
}

/** Where Node's headers are when they were installed with it; otherwise node-gyp fetches them. */
function headerArguments() {
  const prefix = dirname(dirname(process.execPath));
  return existsSync(join(prefix, 'include', 'node', 'node_api.h')) ? [`--nodedir=${prefix}`] : [];
}

/** Objects of unchanged sources are kept, unless how they are compiled has changed. */
function command() {
  const description = join(root, 'binding.gyp');
  const kept = existsSync(binary) && statSync(description).mtimeMs <= statSync(binary).mtimeMs;
  return kept ? 'build' : 'rebuild';
}

if (!isUpToDate()) {
  console.log('building the native engine …');
  const nodeGyp = createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js');
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [nodeGyp, command(), ...headerArguments(), '--jobs=max'],
    { cwd: root, encoding: 'utf8' },
  );
  const output = `${stdout}${stderr}`;
  if (status !== 0 || process.env.VERBOSE) console.error(output);
  if (status !== 0) {
    console.error(HELP);
    process.exit(1);
  }
  for (const line of output.split('\n')) if (line.includes('warning:')) console.warn(line);
}
