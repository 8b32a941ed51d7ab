/** `npm run check`: format, lint, types, import borders, names of files in comments. Everything is run, then the exit code tells. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root } from './build.mjs';

const steps = [
  ['format', 'prettier/bin/prettier.cjs', ['--check', '.', '--log-level', 'warn']],
  ['lint', 'eslint/bin/eslint.js', ['.']],
  ['types', 'typescript/bin/tsc', ['-b']],
  ['types of tests', 'typescript/bin/tsc', ['-p', 'tsconfig.test.json']],
];
let failed = false;
for (const [name, tool, args] of steps) {
  const { status } = spawnSync(process.execPath, [join(root, 'node_modules', tool), ...args], {
    cwd: root,
    stdio: 'inherit',
  });
  console.log(`${status === 0 ? 'ok    ' : 'FAILED'} ${name}`);
  failed ||= status !== 0;
}
for (const script of ['scripts/borders.mjs', 'scripts/names.mjs']) {
  const { status } = spawnSync(process.execPath, [join(root, script)], { stdio: 'inherit' });
  failed ||= status !== 0;
}
process.exit(failed ? 1 : 0);
