import { expect, test } from 'vitest';
import { cleanDisplayName, isRoomName } from '../src/names.js';

test.each(['a', 'abc-mnop-xyz', 'A.b_c~d-9', 'x'.repeat(64), '...'])('%j is a room name', (name) => {
  expect(isRoomName(name)).toBe(true);
});
test.each(['', '.', '..', 'a/b', '../etc', 'a b', 'ä', 'x'.repeat(65), 'a\n', 'a%2e', 'a:b', '\u0000'])(
  'H12.5 %j is no room name',
  (name) => {
    expect(isRoomName(name)).toBe(false);
  },
);

test.each([
  ['  Ada   Lovelace ', 'Ada Lovelace'],
  ['a\u0000b\nc', 'a b c'],
  ['\u202eevil', 'evil'],
  ['👩‍🚀', '👩‍🚀'],
  ['\ud800x', 'x'],
  ['   ', undefined],
  ['', undefined],
])('%j is shown as %j', (given, shown) => {
  expect(cleanDisplayName(given)).toBe(shown);
});
test('a long name is cut at 128 code points', () => {
  expect([...(cleanDisplayName('🐧'.repeat(500)) ?? '')]).toHaveLength(128);
});
