/** `npm test [-- filter…]`: builds, checks the borders, installs the browsers where they are missing, runs every test once. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { ensureBrowsers } from './browsers.mjs';
import { build, root, run } from './build.mjs';

const filters = process.argv.slice(2);
build();
run(process.execPath, [join(root, 'scripts/borders.mjs')]);
if (filters.length === 0) ensureBrowsers();
const { status } = spawnSync(
  process.execPath,
  [join(root, 'node_modules/vitest/vitest.mjs'), 'run', ...filters],
  { cwd: root, stdio: 'inherit' },
);
process.exit(status ?? 1);
