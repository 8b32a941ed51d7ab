/** JSON from strangers. Ids are those of the hostile inputs. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseJson } from '../src/json.js';

test.each([
  ['H8.1 10 MB', `"${'x'.repeat(10_000_000)}"`, 'too-large'],
  ['H8.2 nesting of 100,000 lists', '['.repeat(100_000) + ']'.repeat(100_000), 'too-deep'],
  ['H8.2 nesting of 17 objects', '{"a":'.repeat(17) + '1' + '}'.repeat(17), 'too-deep'],
  ['H8.3 __proto__ at the top', '{"__proto__":{"admin":true}}', 'forbidden-key'],
  ['H8.3 __proto__ within', '{"a":[{"b":{"__proto__":1}}]}', 'forbidden-key'],
  ['H8.3 __proto__ escaped', '{"\\u005f_proto__":1}', 'forbidden-key'],
  ['no JSON', '{"a":', 'not-json'],
  ['nothing', '', 'not-json'],
])('%s is refused', (_name, text, why) => {
  expect(parseJson(new TextEncoder().encode(text))).toEqual({ ok: false, why });
});

test('H8.11 invalid UTF-8 is refused', () => {
  expect(parseJson(new Uint8Array([0x22, 0xc3, 0x28, 0x22]))).toEqual({ ok: false, why: 'not-utf8' });
  expect(parseJson(new Uint8Array([0x22, 0xed, 0xa0, 0x80, 0x22]))).toEqual({ ok: false, why: 'not-utf8' });
});

test('no value that it gives has touched a prototype', () => {
  parseJson('{"constructor":{"prototype":{"polluted":true}}}');
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
});

test('reads what JSON.stringify writes', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
      const text = JSON.stringify(value);
      fc.pre(!text.includes('__proto__'));
      expect(parseJson(text)).toEqual({ ok: true, value: JSON.parse(text) as unknown });
    }),
  );
});

test('every cut of a body is refused, never thrown', () => {
  const whole = new TextEncoder().encode('{"offer":"v=0\\r\\n","displayName":"Zoë"}');
  for (let length = 0; length < whole.length; length++)
    expect(parseJson(whole.subarray(0, length)).ok).toBe(false);
});
