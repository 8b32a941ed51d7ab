import { describe, expect, test } from 'vitest';
import { ICE_LIMITS, localFragment, stunUsername } from '../../src/media/ice/index.js';
import {
  check,
  HOME,
  many,
  ms,
  newIce,
  newTransaction,
  nomination,
  PHONE,
  reply,
  seconds,
  SIX,
} from './support.js';

describe('first contact', () => {
  test('a check binds its address, chooses it and is answered with that address', () => {
    const ice = newIce();
    const output = ice.handleStun(HOME, check(), 0);
    expect(output).toMatchObject({ bind: HOME, select: HOME, state: 'connected' });
    expect(reply(output)).toMatchObject({
      class: 'success',
      xorMappedAddress: { family: 4, ip: '192.0.2.1', port: 5000 },
      fingerprint: true,
    });
  });
  test('a check with USE-CANDIDATE completes at once', () => {
    const ice = newIce();
    expect(ice.handleStun(HOME, nomination(), 0)).toMatchObject({ select: HOME, state: 'completed' });
  });
  test('IPv6 peers read their own address', () => {
    expect(reply(newIce().handleStun(SIX, check(), 0)).xorMappedAddress).toEqual({
      family: 6,
      ip: '2001:db8::7',
      port: 40_001,
    });
  });
  test('before anything is nominated or proven, the first nominated address is taken at once', () => {
    const ice = newIce();
    ice.handleStun(HOME, check(), 0);
    expect(ice.handleStun(PHONE, nomination(), ms(20))).toMatchObject({ select: PHONE, state: 'completed' });
  });
  test('a plain check from a second address binds it and moves nothing', () => {
    const ice = newIce();
    ice.handleStun(HOME, check(), 0);
    const output = ice.handleStun(PHONE, check(), ms(20));
    expect(output.bind).toBe(PHONE);
    expect(output.select).toBeUndefined();
    expect(ice.selectedTuple).toBe(HOME);
  });
});

describe('a peer that moves', () => {
  const settled = () => {
    const ice = newIce();
    ice.handleStun(HOME, nomination(), 0);
    ice.handleStun(PHONE, check(), seconds(1));
    return ice;
  };
  test('H13.1 authenticated media from a bound address moves sending there', () => {
    const ice = settled();
    expect(ice.handleAuthenticated(PHONE, seconds(2))).toEqual({ select: PHONE });
    expect(ice.selectedTuple).toBe(PHONE);
    expect(ice.stats().moves).toBe(1);
  });
  test('authenticated media from an address that no check vouched for moves nothing', () => {
    const ice = settled();
    expect(ice.handleAuthenticated(SIX, seconds(2))).toEqual({ drop: 'ice-unbound-tuple' });
    expect(ice.selectedTuple).toBe(HOME);
  });
  test('one nomination moves nothing; a second one 50 ms later with another transaction id does', () => {
    const ice = settled();
    expect(ice.handleStun(PHONE, nomination(), seconds(2)).select).toBeUndefined();
    expect(ice.handleStun(PHONE, nomination(), seconds(2) + ms(49)).select).toBeUndefined();
    expect(ice.handleStun(PHONE, nomination(), seconds(2) + ms(50)).select).toBe(PHONE);
  });
  test('the same nomination twice is one nomination', () => {
    const ice = settled();
    const same = nomination({ transactionId: newTransaction() });
    ice.handleStun(PHONE, same, seconds(2));
    const again = ice.handleStun(PHONE, same, seconds(3));
    expect(again.select).toBeUndefined();
    expect(reply(again).class).toBe('success');
    expect(ice.selectedTuple).toBe(HOME);
  });
  test('H1.7 recorded nominations from a spoofed address bind nothing, move nothing and are not answered', () => {
    const ice = settled();
    const recorded = [nomination(), nomination(), nomination()];
    recorded.forEach((bytes, i) => ice.handleStun(HOME, bytes, seconds(2) + ms(100 * i)));
    recorded.forEach((bytes, i) => {
      expect(ice.handleStun(SIX, bytes, seconds(3) + ms(100 * i))).toEqual({ drop: 'stun-replayed' });
    });
    expect(ice.selectedTuple).toBe(HOME);
    expect(ice.boundTuples).not.toContain(SIX);
  });
  test('a nomination of the chosen address in between starts the count anew', () => {
    const ice = settled();
    ice.handleStun(PHONE, nomination(), seconds(2));
    ice.handleStun(HOME, nomination(), seconds(2) + ms(60));
    expect(ice.handleStun(PHONE, nomination(), seconds(2) + ms(120)).select).toBeUndefined();
  });
  test('H13.2 a peer that nominates two addresses in turn does not make sending jump', () => {
    const ice = settled();
    let moves = 0;
    for (let i = 0; i < 200; i++)
      if (ice.handleStun(i % 2 ? PHONE : HOME, nomination(), seconds(2) + ms(60 * i)).select) moves++;
    expect(moves).toBe(0);
  });
  test('H13.6 stragglers of the path just left do not move sending back; a real return does', () => {
    const ice = settled();
    ice.handleAuthenticated(PHONE, seconds(2));
    expect(ice.handleAuthenticated(HOME, seconds(2) + ms(100))).toEqual({});
    expect(ice.selectedTuple).toBe(PHONE);
    expect(ice.handleAuthenticated(HOME, seconds(2) + ms(200)).select).toBe(HOME);
  });
  test('H13.3 a flip between IPv4 and IPv6 is a move like any other', () => {
    const ice = settled();
    ice.handleStun(SIX, check(), seconds(2));
    expect(ice.handleAuthenticated(SIX, seconds(3)).select).toBe(SIX);
    ice.handleStun(HOME, check(), seconds(4));
    expect(ice.handleAuthenticated(HOME, seconds(5)).select).toBe(HOME);
  });
  test('at most 8 addresses are bound; a ninth takes the place of the one longest silent, never of the chosen one', () => {
    const ice = newIce();
    const tuples = many(10);
    tuples.slice(0, 8).forEach((tuple, i) => ice.handleStun(tuple, check(), ms(i)));
    expect(ice.handleStun(tuples[8]!, check(), ms(8))).toMatchObject({
      bind: tuples[8],
      unbind: [tuples[1]],
    });
    expect(ice.boundTuples).toHaveLength(ICE_LIMITS.boundTuples);
    expect(ice.selectedTuple).toBe(tuples[0]);
  });
});

describe('consent', () => {
  test('ends 30 s after the last check, not before', () => {
    const ice = newIce();
    ice.handleStun(HOME, nomination(), 0);
    ice.handleStun(HOME, check(), seconds(10));
    expect(ice.nextDeadline()).toBe(seconds(40));
    expect(ice.poll(seconds(40) - 1)).toEqual({});
    expect(ice.poll(seconds(40))).toEqual({ unbind: [HOME], state: 'disconnected' });
    expect(ice.selectedTuple).toBeUndefined();
    expect(ice.nextDeadline()).toBeUndefined();
  });
  test('authenticated packets prolong it: not every agent goes on checking', () => {
    const ice = newIce();
    ice.handleStun(HOME, nomination(), 0);
    ice.handleAuthenticated(HOME, seconds(1));
    expect(ice.poll(seconds(30), seconds(29))).toEqual({});
    expect(ice.nextDeadline()).toBe(seconds(59));
    expect(ice.poll(seconds(59), seconds(29))).toEqual({ unbind: [HOME], state: 'disconnected' });
  });
  test('packets from the chosen address do not keep another one', () => {
    const ice = newIce();
    ice.handleStun(HOME, nomination(), 0);
    ice.handleStun(PHONE, check(), 0);
    expect(ice.poll(seconds(30), seconds(29))).toEqual({ unbind: [PHONE] });
    expect(ice.selectedTuple).toBe(HOME);
  });
  test('a repeated check does not prolong it', () => {
    const ice = newIce();
    const same = nomination();
    ice.handleStun(HOME, same, 0);
    ice.handleStun(HOME, same, seconds(20));
    expect(ice.poll(seconds(30)).state).toBe('disconnected');
  });
  test('a session whose chosen address falls silent goes on at the one that is still checked', () => {
    const ice = newIce();
    ice.handleStun(HOME, nomination(), 0);
    ice.handleStun(PHONE, check(), seconds(20));
    expect(ice.poll(seconds(30))).toEqual({ unbind: [HOME], select: PHONE });
    expect(ice.state).toBe('completed');
  });
  test('H1.9 checks after consent is lost bring the session back', () => {
    const ice = newIce();
    ice.handleStun(HOME, nomination(), 0);
    ice.poll(seconds(30));
    expect(ice.handleStun(PHONE, check(), seconds(31))).toMatchObject({
      bind: PHONE,
      select: PHONE,
      state: 'connected',
    });
  });
  test('H1.9 a recorded check after consent is lost does not', () => {
    const ice = newIce();
    const recorded = nomination();
    ice.handleStun(HOME, recorded, 0);
    ice.poll(seconds(30));
    expect(ice.handleStun(HOME, recorded, seconds(31))).toEqual({ drop: 'stun-replayed' });
    expect(ice.state).toBe('disconnected');
  });
});

describe('a connection that ends', () => {
  test('takes the session with it when it was the only way', () => {
    const ice = newIce();
    ice.handleStun(HOME, nomination(), 0);
    expect(ice.handleLost(HOME, seconds(1))).toEqual({ unbind: [HOME], state: 'disconnected' });
    expect(ice.selectedTuple).toBeUndefined();
    expect(ice.handleLost(HOME, seconds(2))).toEqual({});
    expect(ice.handleStun(PHONE, nomination(), seconds(3))).toMatchObject({
      select: PHONE,
      state: 'completed',
    });
  });
  test('leaves the session to another way that is checked', () => {
    const ice = newIce();
    ice.handleStun(HOME, nomination(), 0);
    ice.handleStun(PHONE, check(), seconds(1));
    expect(ice.handleLost(HOME, seconds(2))).toEqual({ unbind: [HOME], select: PHONE });
    expect(ice.state).toBe('completed');
  });
  test('changes nothing when it was not the chosen one', () => {
    const ice = newIce();
    ice.handleStun(HOME, nomination(), 0);
    ice.handleStun(PHONE, check(), seconds(1));
    expect(ice.handleLost(PHONE, seconds(2))).toEqual({ unbind: [PHONE] });
    expect(ice.selectedTuple).toBe(HOME);
  });
});

describe('restart', () => {
  const renewed = { usernameFragment: 'newer', password: 'another-password-of-24-l' };
  const newCheck = (nominates = false) =>
    check({ username: 'newer:theirs', password: renewed.password, nominates });
  test('the old credentials hold until a check with the new ones passes', () => {
    const ice = newIce();
    ice.handleStun(HOME, nomination(), 0);
    ice.restart(renewed, seconds(1));
    expect(ice.usernameFragments).toEqual(['newer', 'ours']);
    expect(reply(ice.handleStun(HOME, check(), seconds(2))).class).toBe('success');
    expect(reply(ice.handleStun(HOME, newCheck(), seconds(3)), renewed.password).class).toBe('success');
    expect(ice.usernameFragments).toEqual(['newer']);
    expect(ice.handleStun(HOME, check(), seconds(4))).toEqual({ drop: 'stun-unknown-user' });
  });
  test('after it, the first nomination is taken at once', () => {
    const ice = newIce();
    ice.handleStun(HOME, nomination(), 0);
    ice.restart(renewed, seconds(1));
    ice.handleStun(PHONE, newCheck(), seconds(2));
    expect(ice.selectedTuple).toBe(HOME);
    expect(ice.handleStun(PHONE, newCheck(true), seconds(2) + ms(1)).select).toBe(PHONE);
  });
  test('H13.4 media goes on at the old address during a restart, and 1000 restarts leave two fragments', () => {
    const ice = newIce();
    ice.handleStun(HOME, nomination(), 0);
    for (let i = 0; i < 1000; i++) {
      ice.restart({ usernameFragment: `u${i}`, password: renewed.password }, seconds(1));
      expect(ice.selectedTuple).toBe(HOME);
    }
    expect(ice.usernameFragments).toEqual(['u999', 'ours']);
    expect(reply(ice.handleStun(HOME, check(), seconds(2))).class).toBe('success');
  });
});

test('a closed session gives its addresses back and answers nothing', () => {
  const ice = newIce();
  ice.handleStun(HOME, nomination(), 0);
  expect(ice.close()).toEqual({ unbind: [HOME], state: 'closed' });
  expect(ice.handleStun(HOME, check(), 1)).toEqual({ drop: 'ice-closed' });
  expect(ice.handleAuthenticated(HOME, 1)).toEqual({ drop: 'ice-closed' });
  expect(ice.poll(seconds(60))).toEqual({});
  expect(ice.nextDeadline()).toBeUndefined();
  expect(ice.close()).toEqual({});
});

test('the user name can be read without parsing the message', () => {
  expect(stunUsername(check())).toBe('ours:theirs');
  expect(localFragment('ours:theirs')).toBe('ours');
  expect(localFragment('ours')).toBeUndefined();
  expect(localFragment(':theirs')).toBeUndefined();
  const whole = check();
  for (let length = 0; length < 32; length++) expect(stunUsername(whole.subarray(0, length))).toBeUndefined();
});
