/**
 * Builds one C++ program of this package with g++ into `build/`, as a module that `nativeHost.js` loads and runs.
 * Only when its sources are newer. Loaded into Node it finds the OpenSSL that the engine uses as well, so the floor
 * and the engine are compared on the same cipher, and nothing has to be installed but the compiler.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const packageRoot = join(dirname(fileURLToPath(import.meta.url)), '..');
export const engineNative = join(packageRoot, '..', 'engine', 'native');

/** The folder of node_api.h: beside this Node's binary, or where node-gyp keeps what it fetched for the engine. */
function nodeHeaders(): string {
  const candidates = [
    join(dirname(process.execPath), '..', 'include', 'node'),
    join(homedir(), '.cache', 'node-gyp', process.versions.node, 'include', 'node'),
    join(homedir(), 'Library', 'Caches', 'node-gyp', process.versions.node, 'include', 'node'),
  ];
  const found = candidates.find((folder) => existsSync(join(folder, 'node_api.h')));
  if (found === undefined) throw new Error(`node_api.h was not found in ${candidates.join(', ')}`);
  return found;
}

function newest(folder: string): number {
  return Math.max(...readdirSync(folder).map((name) => statSync(join(folder, name)).mtimeMs));
}

export interface NativeProgram {
  name: 'loadgen' | 'floor';
  /** Files of the engine's native folder that are compiled into it. */
  engineSources?: readonly string[];
  flags?: readonly string[];
}

/** @returns path of the built module. @throws when the compiler is missing or refuses the source. */
export function buildNative({ name, engineSources = [], flags = [] }: NativeProgram): string {
  const folder = join(packageRoot, 'build');
  const built = join(folder, `${name}.node`);
  const sources = Math.max(
    newest(join(packageRoot, 'native')),
    engineSources.length > 0 ? newest(engineNative) : 0,
  );
  if (existsSync(built) && statSync(built).mtimeMs > sources) return built;
  mkdirSync(folder, { recursive: true });
  const compile = ['-std=c++20', '-O3', '-fPIC', '-shared', '-Wno-deprecated-declarations', ...flags];
  const include = [`-I${nodeHeaders()}`, `-I${engineNative}`];
  const files = [
    join(packageRoot, 'native', `${name}.cc`),
    ...engineSources.map((file) => join(engineNative, file)),
  ];
  try {
    execFileSync('g++', [...compile, ...include, ...files, '-o', built], { stdio: 'inherit' });
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    throw new Error(
      missing
        ? 'g++ was not found. Install a C++ compiler (Debian: apt-get install g++).'
        : `${name}.cc did not compile`,
      { cause: error },
    );
  }
  return built;
}
