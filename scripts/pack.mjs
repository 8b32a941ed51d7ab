/**
 * `npm run pack [-- --to FOLDER]`: writes the packages as tarballs that install without a compiler, a download or an install
 * script. In the engine's are the binary of this platform and those of others that lie in packages/engine/prebuilds, made there by
 * packages/engine/scripts/prebuild.mjs. Each package is put together in a folder of its own, so the checkout stays as it is.
 * Default folder: build/packages. With --as-built nothing is built first.
 */
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { prebuild, sourcesHash, SOURCES_FILE } from '../packages/engine/scripts/prebuild.mjs';
import { build, root } from './build.mjs';

const PUBLIC = ['engine', 'wire', 'sfu', 'recorder', 'client', 'web', 'server'];

function fail(sentence) {
  console.error(sentence);
  process.exit(1);
}

/** Compiled files whose source is gone stay in dist/ until somebody removes it; they are not packed. */
function hasSource(folder, file) {
  const stem = relative(join(folder, 'dist'), file).replace(/(\.d)?\.[cm]?[jt]s(\.map)?$/, '');
  return ['.ts', '.cts', '.mts'].some((suffix) => existsSync(join(folder, 'src', stem + suffix)));
}

/** Puts a package together: what its manifest lists, the licence, and a manifest for people who install it. */
function stage(name, folder) {
  const from = join(root, 'packages', name);
  const whole = JSON.parse(readFileSync(join(from, 'package.json'), 'utf8'));
  // What only this repository needs of it stays here.
  const { devDependencies: _tools, scripts: _commands, ...manifest } = whole;
  const isCompiled = existsSync(join(from, 'src')) && manifest.files.includes('src');
  mkdirSync(folder);
  for (const entry of ['README.md', ...manifest.files]) {
    if (entry.startsWith('!') || !existsSync(join(from, entry))) continue;
    cpSync(join(from, entry), join(folder, entry), {
      recursive: true,
      filter: (file) =>
        !(isCompiled && entry === 'dist') || statSync(file).isDirectory() || hasSource(from, file),
    });
  }
  cpSync(join(root, 'LICENSE'), join(folder, 'LICENSE'));
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** Adds this platform's binary to those that were brought from elsewhere, and looks whether all are of these sources. */
function gatherPrebuilds(folder) {
  prebuild(folder);
  const sources = sourcesHash();
  for (const platform of readdirSync(folder)) {
    const stamp = join(folder, platform, SOURCES_FILE);
    if (!existsSync(stamp) || readFileSync(stamp, 'utf8').trim() !== sources)
      fail(`packages/engine/prebuilds/${platform} is of other sources: build it again there, or delete it.`);
  }
  return readdirSync(folder, { recursive: true }).filter((file) => file.endsWith('.node'));
}

/** npm itself, also where it is no program that can be started by its name. */
function npm(args, options) {
  const own = process.env.npm_execpath;
  return own?.endsWith('.js')
    ? spawnSync(process.execPath, [own, ...args], options)
    : spawnSync('npm', args, { ...options, shell: process.platform === 'win32' });
}

const { values } = parseArgs({
  options: {
    to: { type: 'string', default: join(root, 'build/packages') },
    'as-built': { type: 'boolean', default: false },
  },
});
const target = resolve(values.to);
if (!values['as-built']) build();
if (!existsSync(join(root, 'packages/web/dist/index.html')))
  fail('The call page is not built. Run "npm run build" first.');

const staging = mkdtempSync(join(tmpdir(), 'tertulia-pack-'));
process.on('exit', () => rmSync(staging, { recursive: true, force: true }));
for (const name of PUBLIC) stage(name, join(staging, name));
const binaries = gatherPrebuilds(join(staging, 'engine/prebuilds'));

mkdirSync(target, { recursive: true });
for (const file of readdirSync(target)) if (/^tertulia-.*\.tgz$/.test(file)) rmSync(join(target, file));
const folders = PUBLIC.map((name) => `./${name}`);
const { status } = npm(
  ['pack', ...folders, '--pack-destination', target, '--ignore-scripts', '--loglevel=error'],
  { cwd: staging, stdio: ['ignore', 'ignore', 'inherit'] },
);
if (status !== 0) fail('npm pack failed.');

for (const file of readdirSync(target).sort())
  console.log(`${String(Math.round(statSync(join(target, file)).size / 1000)).padStart(6)} kB  ${file}`);
console.log(`written to ${target}`);
console.log(`platforms with a binary: ${binaries.sort().join(', ')}`);
