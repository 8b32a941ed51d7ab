/** The table of errors and its page say the same. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ERRORS, MEET_REASONS } from '../src/errors.js';

const page = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8');
const rows = (heading: string): string[][] => {
  const section = page.split(`## ${heading}`)[1]?.split('\n## ')[0] ?? '';
  return [...section.matchAll(/^\| `([A-Z_]+)`\s*\|(.*)\|$/gm)].map(([, code = '', rest = '']) => [
    code,
    ...rest.split('|').map((cell) => cell.trim()),
  ]);
};

test('docs/errors.md lists every code with its status, and no other', () => {
  expect(rows('Codes').map(([code, http, retry, title]) => [code, http, retry, title])).toEqual(
    Object.entries(ERRORS).map(([code, { http, retry, title }]) => [
      code,
      String(http),
      retry ? 'yes' : 'no',
      title,
    ]),
  );
});

test('so it does with the reasons of the Meet endpoint', () => {
  expect(
    rows('Reasons of the Meet endpoint').map(([reason, http, status]) => [reason, http, status]),
  ).toEqual(Object.entries(MEET_REASONS).map(([reason, { http, status }]) => [reason, String(http), status]));
});
