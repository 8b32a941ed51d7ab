/** `npm test [-- filter…]`: builds, checks the borders, installs the programs that are missing, runs every test once. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { ensurePrograms } from './programs.mjs';
import { build, root, run } from './build.mjs';

const filters = process.argv.slice(2);
build();
run(process.execPath, [join(root, 'scripts/borders.mjs')]);
if (filters.length === 0) ensurePrograms();
const { status } = spawnSync(
  process.execPath,
  [join(root, 'node_modules/vitest/vitest.mjs'), 'run', ...filters],
  { cwd: root, stdio: 'inherit' },
);
process.exit(status ?? 1);
