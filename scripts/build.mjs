/**
 * Builds what is missing or out of date: the native engine, the TypeScript packages, the call page.
 * Prints a line only for steps that do something. Used by start, test, bench and check.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Runs a command to its end with our output. Ends this process when the command fails. */
export function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options });
  if (error) {
    console.error(`${command}: ${error.message}`);
    process.exit(1);
  }
  if (status !== 0) process.exit(status ?? 1);
}

function newestChange(folder) {
  let newest = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.name === 'node_modules' || entry.name.startsWith('dist')) continue;
    const path = join(folder, entry.name);
    newest = Math.max(newest, entry.isDirectory() ? newestChange(path) : statSync(path).mtimeMs);
  }
  return newest;
}

export function build({ page = true } = {}) {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    console.error(`Node.js ${process.versions.node} is too old. Install Node.js 20.19 or later.`);
    process.exit(1);
  }
  if (!existsSync(join(root, 'node_modules', 'typescript'))) {
    console.error('The dependencies are not installed. Run "npm ci" first.');
    process.exit(1);
  }
  run(process.execPath, [join(root, 'packages/engine/scripts/build-native.mjs')]);
  run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-b']);

  if (!page) return;
  const built = join(root, 'packages/web/dist/index.html');
  const changed = Math.max(
    newestChange(join(root, 'packages/web')),
    newestChange(join(root, 'packages/client/src')),
  );
  if (!existsSync(built) || statSync(built).mtimeMs < changed) {
    run(process.execPath, [join(root, 'node_modules/vite/bin/vite.js'), 'build', '--logLevel', 'warn'], {
      cwd: join(root, 'packages/web'),
    });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) build();
