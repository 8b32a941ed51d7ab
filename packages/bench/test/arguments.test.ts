/** The bench's command line: what is not in the table is refused by name. */
import { expect, test } from 'vitest';
import { numberList, parseArguments } from '../src/arguments.js';

test.each([
  { name: 'defaults', args: [], want: { json: '', rounds: '5' } },
  { name: 'a value behind', args: ['--rounds', '3'], want: { json: '', rounds: '3' } },
  { name: 'a value with =', args: ['--json=a=b.json'], want: { json: 'a=b.json', rounds: '5' } },
])('$name', ({ args, want }) => {
  expect(parseArguments(args, { json: '', rounds: '5' })).toEqual({ ok: true, value: want });
});

test.each([
  { args: ['--speed', '3'], why: "unknown argument '--speed'" },
  { args: ['rounds', '3'], why: "unknown argument 'rounds'" },
  { args: ['--constructor', '3'], why: "unknown argument '--constructor'" },
  { args: ['--rounds'], why: '--rounds needs a value' },
])('refused: $args', ({ args, why }) => {
  expect(parseArguments(args, { json: '', rounds: '5' })).toEqual({ ok: false, why });
});

test('lists of whole numbers', () => {
  expect(numberList('receivers', '10,100')).toEqual([10, 100]);
  for (const text of ['', '0', '1.5', 'ten', '10,-1'])
    expect(() => numberList('receivers', text)).toThrow('--receivers');
});
