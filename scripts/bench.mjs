/** `npm run bench [-- SCENARIO [--json FILE]]`: builds what is missing, then lists the scenarios or runs one. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { build, root } from './build.mjs';

build({ page: false });
const { status } = spawnSync(
  process.execPath,
  [join(root, 'packages/bench/dist/cli.js'), ...process.argv.slice(2)],
  {
    stdio: 'inherit',
    cwd: root,
  },
);
process.exit(status ?? 1);
