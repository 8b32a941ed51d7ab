/** Pictures through virtual slots: the whole media core, without sockets. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { videoParameters } from '../../forward/support/video.js';
import { VideoRoomCall } from './support/videoRoomCall.js';

let call: VideoRoomCall;
beforeEach(() => {
  call = new VideoRoomCall();
});
afterEach(() => call.close());

test('nothing is sent before the first layout; then the picture comes, named by its CSRC', () => {
  const ada = call.addCamera('ada');
  const ben = call.addReceiver('ben', 1);
  call.film(10);
  expect(ben.media(0)).toEqual([]);
  expect(call.setLayout(ben, [{ id: 7 }])).toMatchObject([
    { canvasId: 7, slot: 0, csrc: ada.csrc, producerId: 'ada', participantId: 'ada', active: false },
  ]);
  call.film(10);
  const packets = ben.media(0);
  expect(packets.length).toBeGreaterThan(5);
  expect(ben.facts(0)[0]).toMatchObject({ e: 'ada', key: true });
  for (const packet of packets) expect(packet.csrcs).toEqual([ada.csrc]);
  expect(ben.assignments()).toMatchObject([{ canvasId: 7, active: true }]);
});

test('the anchor told last is true: when a picture has repaid its lead over the line, it is told anew', () => {
  call.addCamera('ada');
  call.addCamera('cleo');
  const ben = call.addReceiver('ben', 1);
  call.film(5);
  /** ms beside the line; the slot's first picture lies on it. */
  const besides: number[][] = [];
  for (const name of ['ada', 'cleo', 'ada', 'cleo', 'ada', 'cleo']) {
    const told = ben.changes().length;
    call.setLayout(ben, [{ id: 1, mode: { participantId: name } }]);
    call.film(12);
    const [first] = ben.changes().filter(({ csrc }) => csrc !== 0);
    const since = ben
      .changes()
      .slice(told)
      .filter(({ producerId }) => producerId === name);
    besides.push(
      since.map(({ rtpTimestamp, captureTimeMs }) => {
        const ticks = (rtpTimestamp - first!.rtpTimestamp) | 0;
        return ticks / 90 - (captureTimeMs - first!.captureTimeMs);
      }),
    );
  }
  for (const stay of besides) expect(Math.abs(stay.at(-1)!)).toBeLessThan(1);
  // It was ahead at all.
  expect(Math.max(...besides.flat())).toBeGreaterThan(5);
});

test('numbers go on over switches, timestamps go forward, and a switch begins with a key frame', () => {
  const [ada, cleo] = [call.addCamera('ada'), call.addCamera('cleo')];
  const ben = call.addReceiver('ben', 1);
  call.film(5);
  for (const name of ['ada', 'cleo', 'ada', 'cleo']) {
    call.setLayout(ben, [{ id: 1, mode: { participantId: name } }]);
    call.film(10);
  }
  const packets = ben.media(0);
  const facts = ben.facts(0);
  packets.forEach((packet, i) => {
    const before = packets[i - 1];
    if (!before) return;
    expect(packet.sequenceNumber).toBe((before.sequenceNumber + 1) & 0xffff);
    const step = (packet.timestamp - before.timestamp) | 0;
    const [now, then] = [facts[i]!, facts[i - 1]!];
    expect(step, `${then.e} ${then.n} → ${now.e} ${now.n}`).toBeGreaterThanOrEqual(
      now.e === then.e && now.n === then.n ? 0 : 1,
    );
    if (now.e !== then.e) expect(now.key).toBe(true);
    expect(packet.csrcs).toEqual([now.e === 'ada' ? ada.csrc : cleo.csrc]);
  });
  expect(new Set(facts.map(({ e }) => e))).toEqual(new Set(['ada', 'cleo']));
});

test('a receiver that is refused leaves nothing: not its SSRCs, not its voices, not its id', () => {
  const ada = call.addCamera('ada');
  call.call.produce(ada.peer, 'voice', { mid: 'v', ssrc: 77 });
  const ben = call.peer('ben');
  const voice = { mid: 'a', ssrc: 0x5000_0001 };
  const pictures = (...ssrcs: number[]) =>
    ssrcs.map((ssrc, slot) => videoParameters({ mid: `s${slot}`, payloadType: 100, encodings: [{ ssrc }] }));
  const create = (...ssrcs: number[]): void =>
    call.call.createReceiver(ben, 'receiver', [voice], 'ben', pictures(...ssrcs));
  expect(() => create(0x6000_0001, ada.csrc)).toThrow(`ssrc ${ada.csrc} is the CSRC of a source`);
  create(0x6000_0003, 0x6000_0005);
  // What was refused is free: a source may have it as its CSRC.
  const added = call.call.core.handleRequest('virtual.addSource', {
    virtualStreamsId: 'virtual',
    producerId: 'voice',
    participantId: 'ada',
    content: 'speech',
    csrc: 0x6000_0001,
  });
  expect(added.csrc).toBe(0x6000_0001);
});
