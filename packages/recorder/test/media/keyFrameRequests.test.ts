import { expect, test } from 'vitest';
import { KeyFrameRequests } from '../../src/media/keyFrameRequests.js';

const ms = (value: number): number => value * 1_000;

/** When requests leave, of somebody who wants a key frame in each millisecond. */
function asked(until: number, keyFrameAt = Infinity): number[] {
  const requests = new KeyFrameRequests();
  const times: number[] = [];
  for (let at = 0; at < until; at++) {
    if (at === keyFrameAt) requests.handleKeyFrame();
    requests.want();
    if (requests.poll(ms(at))) times.push(at);
  }
  return times;
}

test('at once, then ever more rarely: a source that is gone answers none', () =>
  expect(asked(16_000)).toEqual([0, 500, 1_500, 3_500, 7_500, 11_500, 15_500]));

test('after an answer half a second is the distance again', () =>
  expect(asked(5_000, 3_600)).toEqual([0, 500, 1_500, 3_500]));

test('nobody wants one: none is asked for', () => {
  const requests = new KeyFrameRequests();
  expect(requests.poll(0)).toBe(false);
  requests.want();
  requests.handleKeyFrame();
  expect(requests.poll(ms(1))).toBe(false);
  expect(requests.sent).toBe(0);
});
