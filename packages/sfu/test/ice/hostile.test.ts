import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ICE_LIMITS, REMEMBERED_TRANSACTIONS, stunUsername } from '../../src/media/ice/index.js';
import { check, HOME, many, ms, newIce, nomination, oddCheck, PHONE, reply, seconds } from './support.js';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const USERNAME: [number, Uint8Array] = [0x0006, text('ours:theirs')];
const PRIORITY: [number, Uint8Array] = [0x0024, Uint8Array.of(0x6e, 0, 1, 0xff)];
const CONTROLLING: [number, Uint8Array] = [0x802a, new Uint8Array(8)];

describe('H1 hostile STUN', () => {
  test('H1.1 every cut of a check is refused without an answer', () => {
    const whole = nomination();
    for (let length = 0; length < whole.length; length++) {
      const ice = newIce();
      const output = ice.handleStun(HOME, whole.slice(0, length), 0);
      expect(output.reply).toBeUndefined();
      expect(output.drop).toBeDefined();
      expect(ice.boundTuples).toEqual([]);
    }
  });
  test('H1.1 every flipped byte of a check is refused without an answer', () => {
    const whole = nomination();
    const fingerprintType = whole.length - 8; // another type there is an attribute behind the integrity: ignored
    for (let at = 0; at < whole.length; at++) {
      if (at === fingerprintType || at === fingerprintType + 1) continue;
      const ice = newIce();
      const bent = whole.slice();
      bent[at]! ^= 0x01;
      const output = ice.handleStun(HOME, bent, 0);
      expect(output.reply, `byte ${at}`).toBeUndefined();
      expect(output.drop).toBeDefined();
      expect(ice.boundTuples).toEqual([]);
    }
  });
  test('H1.2 H1.3 attribute lengths that lie are refused, also by the fast look at the user name', () => {
    const whole = check();
    for (const claim of [0x0100, 0x7fff, 0xffff]) {
      const bent = whole.slice();
      bent[22] = claim >>> 8;
      bent[23] = claim & 0xff;
      expect(stunUsername(bent)).toBeUndefined();
      expect(newIce().handleStun(HOME, bent, 0)).toEqual({ drop: 'stun-malformed' });
    }
  });
  test('H1.4 wrong or missing MESSAGE-INTEGRITY: no answer, counted', () => {
    const ice = newIce();
    expect(ice.handleStun(HOME, check({ password: 'wrong' }), 0)).toEqual({ drop: 'stun-integrity' });
    const without = Uint8Array.from([
      ...[0, 1, 0, 20, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
      ...[0, 6, 0, 11, ...text('ours:theirs'), 0],
      ...[0, 0x24, 0, 0],
    ]);
    without.set([0x80, 0x23], without.length - 4); // an attribute that may be ignored, in place of the integrity
    expect(ice.handleStun(HOME, without, 0)).toEqual({ drop: 'stun-no-integrity' });
    expect(ice.stats().drops).toEqual({ 'stun-integrity': 1, 'stun-no-integrity': 1 });
    expect(ice.state).toBe('new');
  });
  test('H1.5 a wrong FINGERPRINT is refused', () => {
    const bent = check();
    bent[bent.length - 1]! ^= 0xff;
    expect(newIce().handleStun(HOME, bent, 0)).toEqual({ drop: 'stun-malformed' });
  });
  test('H1.6 a flood for users that do not exist is not answered and leaves nothing behind', () => {
    const ice = newIce();
    for (let i = 0; i < 10_000; i++) {
      const output = ice.handleStun(many(1)[0]!, check({ username: `nobody${i}:x` }), i);
      expect(output.reply).toBeUndefined();
    }
    expect(ice.stats()).toEqual({
      checks: 0,
      moves: 0,
      boundTuples: 0,
      drops: { 'stun-unknown-user': 10_000 },
    });
  });
  test.each([
    ['no colon', 'ours'],
    ['another fragment that begins alike', 'oursmore:x'],
    ['the fragments in the other order', 'theirs:ours'],
    ['empty', ''],
  ])('H1.6 user name: %s', (_name, username) => {
    expect(newIce().handleStun(HOME, check({ username }), 0).drop).toBe('stun-unknown-user');
  });
  test('H1.8 a peer that says it is controlled is told 487, and nothing is bound', () => {
    const ice = newIce();
    const output = ice.handleStun(HOME, check({ controlled: true }), 0);
    expect(output.drop).toBe('stun-role-conflict');
    expect(reply(output).errorCode?.code).toBe(487);
    expect(ice.boundTuples).toEqual([]);
  });
  test('an unknown attribute that must be understood is answered with 420', () => {
    const output = newIce().handleStun(
      HOME,
      oddCheck([USERNAME, PRIORITY, CONTROLLING, [0x7001, text('?')]]),
      0,
    );
    expect(output.drop).toBe('stun-unknown-attribute');
    expect(reply(output).errorCode?.code).toBe(420);
  });
  test('an unknown attribute that may be ignored is ignored', () => {
    const output = newIce().handleStun(
      HOME,
      oddCheck([USERNAME, PRIORITY, CONTROLLING, [0xc057, text('net')]]),
      0,
    );
    expect(reply(output).class).toBe('success');
  });
  test('a check without PRIORITY is answered with 400', () => {
    const output = newIce().handleStun(HOME, oddCheck([USERNAME, CONTROLLING]), 0);
    expect(reply(output).errorCode?.code).toBe(400);
  });
  test('H1.10 no error answer is larger than its question', () => {
    const lean: [number, Uint8Array][] = [
      [0x0006, text('ours:')],
      [0x7001, new Uint8Array()],
    ];
    expect(newIce().handleStun(HOME, oddCheck(lean), 0)).toEqual({ drop: 'stun-reply-too-large' });
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0x7000, max: 0x7fff }), { maxLength: 40 }), (types) => {
        const question = oddCheck([
          USERNAME,
          ...types.map((type): [number, Uint8Array] => [type, new Uint8Array()]),
        ]);
        const output = newIce().handleStun(HOME, question, 0);
        if (output.drop !== undefined) expect(output.reply?.length ?? 0).toBeLessThanOrEqual(question.length);
      }),
      { numRuns: 200 },
    );
  });
  test('H1.10 the answer to a browser-like check is smaller than the check', () => {
    const question = nomination();
    expect(newIce().handleStun(HOME, question, 0).reply!.length).toBeLessThanOrEqual(question.length);
  });
  test('H1.10 indications, responses and other methods are not answered', () => {
    const whole = check();
    for (const type of [0x0011, 0x0101, 0x0111, 0x0003, 0x0004, 0x0008]) {
      const bent = whole.slice(0, whole.length - 8); // without FINGERPRINT
      bent[0] = type >>> 8;
      bent[1] = type & 0xff;
      bent[3] = bent.length - 20;
      expect(newIce().handleStun(HOME, bent, 0)).toEqual({ drop: 'stun-not-a-check' });
    }
  });
  test('H13.1 a thousand addresses in turn, all with right checks: 8 stay bound, sending stays', () => {
    const ice = newIce();
    ice.handleStun(HOME, nomination(), 0);
    many(1000).forEach((tuple, i) => {
      ice.handleStun(HOME, check(), ms(i));
      ice.handleStun(tuple, nomination(), ms(i));
    });
    expect(ice.boundTuples).toHaveLength(ICE_LIMITS.boundTuples);
    expect(ice.selectedTuple).toBe(HOME);
  });
  test('a recorded check is known for as long as the memory reaches', () => {
    const ice = newIce();
    const recorded = nomination();
    ice.handleStun(HOME, recorded, 0);
    for (let i = 1; i < REMEMBERED_TRANSACTIONS; i++) ice.handleStun(HOME, check(), seconds(2.5 * i));
    expect(ice.handleStun(PHONE, recorded, seconds(2.5 * REMEMBERED_TRANSACTIONS)).drop).toBe(
      'stun-replayed',
    );
  });
  test('rubbish never throws and is never answered', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, likeStun) => {
        if (likeStun && bytes.length >= 20) bytes.set([0, 1, 0, bytes.length - 20, 0x21, 0x12, 0xa4, 0x42]);
        stunUsername(bytes);
        expect(newIce().handleStun(HOME, bytes, 0).reply).toBeUndefined();
      }),
      { numRuns: 2000 },
    );
  });
});
