/**
 * Comments say where else to look. This finds those that name a file which is nowhere: a name, with the folders before it,
 * must be the end of some file's path. Names in braces are each one; a name with a star is none. Headers of the system count
 * when they are included somewhere, those of the kernel always.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './build.mjs';

const COMMENT = /\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*/gm;
const NAME = /(?:[\w./*-]|\{[\w, ]+\})+\.(?:tsx?|mjs|cc|h|md)\b/g;
const SOURCE = /^(?:packages|test|scripts|examples)\/.*\.(?:tsx?|mjs|cc|h)$/;
const NOT_OURS = ['node_modules', 'dist', 'dist-types', 'build', '.git'];

function* filesBelow(folder = '') {
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    if (NOT_OURS.includes(entry.name)) continue;
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) yield* filesBelow(path);
    else if (entry.isFile()) yield path;
  }
}

const files = [...filesBelow()];
const sources = files
  .filter((file) => SOURCE.test(file))
  .map((file) => [file, readFileSync(join(root, file), 'utf8')]);

const known = new Set();
for (const file of files)
  for (let at = 0; at >= 0; at = file.indexOf('/', at) + 1 || -1) known.add(file.slice(at));
for (const [, text] of sources) for (const [, name] of text.matchAll(/#include <(.+)>/g)) known.add(name);
const isKnown = (name) => known.has(name) || name.startsWith('linux/');

function spelledOut(name) {
  const bare = name.replace(/^(?:\.{1,2}\/)+/, '');
  const [, before, list, after] = /^(.*)\{(.*)\}(.*)$/.exec(bare) ?? [];
  return list === undefined ? [bare] : list.split(',').map((part) => before + part.trim() + after);
}

let failed = false;
for (const [file, text] of sources)
  for (const comment of text.matchAll(COMMENT))
    for (const name of comment[0].matchAll(NAME))
      for (const one of name[0].includes('*') ? [] : spelledOut(name[0])) {
        if (isKnown(one)) continue;
        const line = text.slice(0, comment.index + name.index).split('\n').length;
        console.error(`${file}:${line}: there is no ${one}`);
        failed = true;
      }
console.log(`${failed ? 'FAILED' : 'ok    '} names of files in comments`);
process.exit(failed ? 1 : 0);
