import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { CONTAINER_ERRORS } from '../../src/container/index.js';

test('docs/recording-files.md lists every code, and no other', () => {
  const text = readFileSync(new URL('../../../../docs/recording-files.md', import.meta.url), 'utf8');
  const listed = [...text.matchAll(/^\| `((?:EXPORT|CONTAINER)_[A-Z_]+)` \|/gm)].map((match) => match[1]);
  expect(listed.sort()).toEqual(Object.keys(CONTAINER_ERRORS).sort());
});
