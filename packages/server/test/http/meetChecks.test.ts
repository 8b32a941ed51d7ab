/** The table of docs/meet.md is true: all 89 checks are in it, and every file that a row names has a test that bears its id. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const ROOT = new URL('../../../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, ROOT), 'utf8');
const page = read('docs/meet.md');

/** How many there are by letter: HTTP, SDP, data channels, video assignment, media, life cycle. */
const CHECKS = { H: 14, S: 18, D: 23, V: 15, M: 14, L: 5 };
const ids = Object.entries(CHECKS).flatMap(([letter, count]) =>
  Array.from({ length: count }, (_, at) => letter + String(at + 1).padStart(2, '0')),
);
const files = new Map(
  [...page.matchAll(/^\| ([a-zA-Z ]+) \| .*`([^`]+\.test\.ts)` \|$/gm)].map(([, name = '', path = '']) => [
    name,
    read(path),
  ]),
);
const rows = [...page.matchAll(/^\| ([A-Z]\d\d) \| .+ \| ([a-zA-Z, ]+) \|$/gm)].map(
  ([, id = '', names = '']) => ({ id, names: names.split(', ') }),
);
/** Whether a name of a test, or of a group of tests, has the id. */
const bears = (text: string, id: string): boolean =>
  new RegExp(
    `^\\s*(?:(?:test|describe)\\b[^'"\`\\n]*|\\](?: as const)?\\)\\(|\\[)?['"\`][^\\n]*\\b${id}\\b`,
    'm',
  ).test(text);

test('the page has all 89 checks, in their order', () => {
  expect(ids).toHaveLength(89);
  expect(rows.map(({ id }) => id)).toEqual(ids);
});

test.each(rows)('$id is a test in each file that the page names', ({ id, names }) => {
  for (const name of names) {
    const text = files.get(name);
    expect(text, name).toBeDefined();
    expect(bears(text ?? '', id), `${id} in ${name}`).toBe(true);
  }
});
