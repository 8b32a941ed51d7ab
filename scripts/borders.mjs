/**
 * The import borders of docs/architecture.md, checked against the code: which package may import which, what
 * each package may use of Node and npm, and that relative imports stay inside their package.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { root } from './build.mjs';

/** Package → what its sources may import besides their own files. `node` stands for any node: module. */
const ALLOWED = {
  engine: ['node', 'node-gyp-build'],
  wire: [],
  sfu: ['@tertulia/wire', '@tertulia/engine', 'node', 'werift'],
  recorder: ['@tertulia/wire', '@tertulia/engine', 'node', 'mediabunny'],
  server: [
    '@tertulia/recorder',
    '@tertulia/sfu',
    '@tertulia/wire',
    'node',
    '@fastify/static',
    'fastify',
    'jose',
    'pino',
    'prom-client',
    'sdp-transform',
    'zod',
  ],
  client: [],
  web: ['@tertulia/client', 'react', 'react-dom'],
  bench: ['@tertulia/recorder', '@tertulia/sfu', '@tertulia/wire', '@tertulia/engine', 'node'],
};
/** Narrower rules inside a package: only these files may import the module. */
const ONLY_IN = {
  werift: ['packages/sfu/src/media/sctp/association.ts'],
  mediabunny: ['packages/recorder/src/container/'],
  'sdp-transform': ['packages/server/src/sdp/'],
};
/** Sources that must stay pure: no Node modules at all. */
const PURE = [
  'packages/wire/src/',
  'packages/recorder/src/media/',
  'packages/sfu/src/media/virtual/',
  'packages/sfu/src/media/ice/',
  'packages/sfu/src/media/receive/',
  'packages/sfu/src/media/rtcp/',
];

const IMPORT =
  /(?:^|\n)\s*(?:import|export)\s[^'"]*?from\s*['"]([^'"]+)['"]|(?:^|\n)\s*import\s*['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]/g;

function* sources(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* sources(path);
    else if (/\.(ts|tsx|mts)$/.test(entry.name)) yield path;
  }
}

const problems = [];
for (const [name, allowed] of Object.entries(ALLOWED)) {
  const folder = join(root, 'packages', name, 'src');
  for (const file of sources(folder)) {
    const shown = relative(root, file).split(sep).join('/');
    for (const match of readFileSync(file, 'utf8').matchAll(IMPORT)) {
      const target = match[1] ?? match[2] ?? match[3];
      if (target.startsWith('.')) {
        if (!resolve(dirname(file), target).startsWith(folder))
          problems.push(`${shown}: ${target} leaves the package`);
        continue;
      }
      const isNode = target.startsWith('node:') || builtinModules.includes(target);
      const module = isNode
        ? 'node'
        : target
            .split('/')
            .slice(0, target.startsWith('@') ? 2 : 1)
            .join('/');
      if (!allowed.includes(module)) problems.push(`${shown}: ${name} must not import ${target}`);
      if (isNode && PURE.some((prefix) => shown.startsWith(prefix)))
        problems.push(`${shown}: a pure module must not import ${target}`);
      const only = ONLY_IN[module];
      if (only && !only.some((prefix) => shown.startsWith(prefix)))
        problems.push(`${shown}: ${module} is imported only in ${only.join(', ')}`);
    }
  }
}
for (const problem of problems) console.error(problem);
console.log(`${problems.length === 0 ? 'ok    ' : 'FAILED'} import borders`);
process.exit(problems.length === 0 ? 0 : 1);
