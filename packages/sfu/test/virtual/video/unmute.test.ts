/** After a pause pictures are where their time of capture puts them on the slot's line: docs/virtual-streams.md R2. */
import { expect, test } from 'vitest';
import { VideoRoomCall } from './support/videoRoomCall.js';

const TICKS_PER_FRAME = 3000;
/** Two milliseconds. */
const CLOSE_TICKS = 180;

test('what comes first is of the time while it was muted, and a third of a second late', () => {
  const call = new VideoRoomCall();
  const ada = call.addCamera('ada');
  const [encoder] = ada.encoders;
  const ben = call.addReceiver('ben', 1);
  call.film(5);
  call.setLayout(ben, [{ id: 1 }]);
  call.film(40);
  const before = { ...ben.facts(0).at(-1)!, timestamp: ben.media(0).at(-1)!.timestamp };

  call.call.core.handleRequest('producer.pause', { producerId: 'ada' });
  ada.sends = false;
  const held = [];
  for (let frame = 0; frame < 12; frame++) {
    held.push(encoder!.frame(call.call.nowMicros, false));
    call.film(1);
  }
  call.call.core.handleRequest('producer.resume', { producerId: 'ada' });
  const [late] = held[2]!;
  call.call.inject(encoder!.wrap(late!));
  ada.sends = true;
  ada.wants.add(encoder!.options.ssrc);
  call.film(20);

  const after = ben.media(0).map(({ timestamp }, i) => ({ ...ben.facts(0)[i]!, timestamp }));
  const resumed = after.filter(({ n }) => n > before.n);
  expect(resumed.length).toBeGreaterThan(20);
  for (const { n, timestamp } of resumed) {
    const off = ((timestamp - before.timestamp) | 0) - TICKS_PER_FRAME * (n - before.n);
    expect(Math.abs(off), `frame ${n}`).toBeLessThan(CLOSE_TICKS);
  }
  call.close();
});
