/** `Receiver.requestKeyFrames()`: for programs that take pictures and cannot ask by RTCP. */
import { afterEach, expect, test } from 'vitest';
import { VideoRoomCall } from './support/videoRoomCall.js';

let call: VideoRoomCall;
afterEach(() => call.close());

const ask = (receiverId: string): void => {
  call.call.core.handleRequest('virtual.requestKeyFrames', { virtualStreamsId: 'virtual', receiverId });
};

test('who is shown is asked, nobody else; and only once in a moment', () => {
  call = new VideoRoomCall();
  const ada = call.addCamera('ada');
  const ben = call.addCamera('ben');
  const receiving = call.addReceiver('recorder', 1);
  call.setLayout(receiving, [{ id: 1, mode: { participantId: 'ada' } }]);
  call.film(30);
  const before = [call.requests(ada), call.requests(ben)];
  ask(receiving.id);
  ask(receiving.id);
  call.film(1);
  expect([call.requests(ada), call.requests(ben)]).toEqual([before[0]! + 1, before[1]]);
  call.film(60);
  ask(receiving.id);
  call.film(1);
  expect(call.requests(ada)).toBe(before[0]! + 2);
});

test('nobody is shown, and nobody is there', () => {
  call = new VideoRoomCall();
  const receiving = call.addReceiver('recorder', 1);
  expect(() => ask(receiving.id)).not.toThrow();
  expect(() => ask('who')).not.toThrow();
});
