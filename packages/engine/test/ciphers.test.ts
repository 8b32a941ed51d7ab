/** Our own AES-GCM code against libcrypto: random keys, lengths, alignments, associated data, in place and not. */
import { describe, expect, test } from 'vitest';
import { Engine } from '../src/index.js';
import { loadNative } from '../src/native.js';

const MESSAGES = 200_000;
const native = loadNative();

describe.each(native.testCiphers())('%s', (cipher) => {
  test(`${MESSAGES} random messages are sealed as by libcrypto, and nothing behind them is touched`, () => {
    expect(native.testCompareCiphers(cipher, MESSAGES, 4711)).toBe(0);
  });

  test('an engine can be told to use it', () => {
    const engine = new Engine({ memory: true, slots: 256, entries: 1 });
    expect(engine.setCipher(cipher as 'evp')).toBe(true);
    expect(engine.stats().cipher).toBe(cipher);
    engine.close();
  });
});

test('the quickest is the default, libcrypto is always there, others are refused', () => {
  const engine = new Engine({ memory: true, slots: 256, entries: 1 });
  expect(native.testCiphers()).toContain('evp');
  expect(engine.stats().cipher).toBe(native.testCiphers().at(-1));
  expect(engine.setCipher('rot13' as 'evp')).toBe(false);
  engine.close();
});
