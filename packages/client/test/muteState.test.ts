import { expect, test } from 'vitest';
import { MuteState } from '../src/muteState.js';

test('what the server says counts when nobody here has just wished anything', () => {
  const mute = new MuteState(false);
  mute.serverSays(true);
  expect(mute.poll(0)).toBe(true);
  expect(mute.muted).toBe(true);
  expect(mute.poll(1)).toBe(false);
});

test('a wish under way is not undone by the state of before', () => {
  const mute = new MuteState(true);
  mute.serverSays(true);
  mute.wish(false);
  mute.asked();
  mute.serverSays(true); // still the old state
  expect(mute.poll(50)).toBe(false);
  mute.answered(true, 100);
  expect(mute.poll(150)).toBe(false); // its entry is on its way
  mute.serverSays(false);
  expect(mute.poll(5_000)).toBe(false);
  expect(mute.muted).toBe(false);
});

test('a moderator who muted in the same moment wins in the end', () => {
  const mute = new MuteState(true);
  mute.wish(false);
  mute.asked();
  mute.serverSays(false);
  mute.serverSays(true);
  mute.answered(true, 100);
  expect(mute.poll(1_099)).toBe(false);
  expect(mute.poll(1_100)).toBe(true);
  expect(mute.muted).toBe(true);
});

test('a refused wish is taken back at once', () => {
  const mute = new MuteState(true);
  mute.serverSays(true);
  mute.wish(false);
  mute.asked();
  mute.answered(false, 100);
  expect(mute.poll(100)).toBe(true);
  expect(mute.muted).toBe(true);
});

test('a new session forgets what the old one said, not what was wished', () => {
  const mute = new MuteState(false);
  mute.serverSays(true);
  mute.reset();
  expect(mute.poll(0)).toBe(false);
  expect(mute.muted).toBe(false);
});
