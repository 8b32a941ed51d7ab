/** When a source is asked for a key frame, and asked again. */
import { describe, expect, test } from 'vitest';
import { KeyFrameRequests } from '../../src/media/receive/keyFrameRequests.js';

/** Times of the requests in ms, until then. */
function asked(requests: KeyFrameRequests, awaited: boolean, untilMillis: number): number[] {
  const times: number[] = [];
  for (let millis = 0; millis <= untilMillis; millis += 10)
    if (requests.poll(millis * 1000, awaited)) times.push(millis);
  return times;
}

describe('a request that nobody answers', () => {
  test.each([
    { name: 'somebody has nothing to show', awaited: true, times: [0, 500, 1000, 2000, 3000] },
    { name: 'a picture is broken', awaited: false, times: [0, 500] },
  ])('$name', ({ awaited, times }) => {
    const requests = new KeyFrameRequests();
    requests.want();
    expect(asked(requests, awaited, 3_500)).toEqual(times);
  });
});

test('a key frame ends it, and the next one is a window away', () => {
  const requests = new KeyFrameRequests();
  requests.want();
  expect(requests.poll(0, true)).toBe(true);
  requests.handleKeyFrame();
  requests.want();
  expect(asked(requests, true, 600)).toEqual([500]);
});
