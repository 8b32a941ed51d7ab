/** Producer: each method's success and refusal, events in their order, what closing does. */
import { beforeEach, describe, expect, test } from 'vitest';
import { Producer } from '../../src/api/producer.js';
import { InvalidStateError } from '../../src/channel/errors.js';
import { FakeChannel, opus, record } from './support/fakeChannel.js';

const EVENTS = ['transportclose', 'score', 'videoorientationchange', 'trace', '@close'];
const OBSERVED = ['close', 'pause', 'resume', 'score', 'videoorientationchange', 'trace'];

let channel: FakeChannel;
let producer: Producer;
let log: unknown[][];
let closedCount: number;

beforeEach(() => {
  channel = new FakeChannel();
  closedCount = 0;
  producer = new Producer({
    id: 'p',
    process: channel.process,
    kind: 'audio',
    type: 'simple',
    rtpParameters: opus(),
    consumableRtpParameters: opus(),
    paused: false,
    appData: { name: 'ada' },
    onClosed: () => closedCount++,
  });
  log = [];
  record(log, 'producer', producer, EVENTS);
  record(log, 'observer', producer.observer, OBSERVED);
});

test('the getters say what it was made with', () => {
  expect(producer).toMatchObject({ id: 'p', kind: 'audio', type: 'simple', paused: false, closed: false });
  expect(producer.rtpParameters.mid).toBe('0');
  expect(producer.score).toEqual([]);
  expect(producer.appData).toEqual({ name: 'ada' });
  producer.appData = { name: 'grace' };
  expect(producer.appData).toEqual({ name: 'grace' });
});

test('pause() and resume() change `paused` after the answer and are observed once', async () => {
  const pausing = producer.pause();
  expect(producer.paused).toBe(false);
  await pausing;
  expect(producer.paused).toBe(true);
  await producer.pause();
  await producer.resume();
  await producer.resume();
  expect(producer.paused).toBe(false);
  expect(log).toEqual([
    ['observer', 'pause'],
    ['observer', 'resume'],
  ]);
});

test('score, orientation and trace come to the producer first, then to its observer', () => {
  const score = [{ encodingIdx: 0, ssrc: 1111, score: 9 }];
  const videoOrientation = { camera: true, flip: false, rotation: 90 };
  const trace = { type: 'pli' as const, timestamp: 1, direction: 'out' as const, info: { ssrc: 1111 } };
  channel.emit('p', { event: 'producer.score', producerId: 'p', score });
  channel.emit('p', { event: 'producer.videoorientationchange', producerId: 'p', videoOrientation });
  channel.emit('p', { event: 'producer.trace', producerId: 'p', trace });
  expect(producer.score).toEqual(score);
  expect(log).toEqual([
    ['producer', 'score', score],
    ['observer', 'score', score],
    ['producer', 'videoorientationchange', videoOrientation],
    ['observer', 'videoorientationchange', videoOrientation],
    ['producer', 'trace', trace],
    ['observer', 'trace', trace],
  ]);
});

describe('enableTraceEvent()', () => {
  test('passes on the types that producers have; none by default', async () => {
    await producer.enableTraceEvent(['rtp', 'nope' as 'rtp', 'sr']);
    expect(channel.last('producer.enableTraceEvent')).toEqual({ producerId: 'p', types: ['rtp', 'sr'] });
    await producer.enableTraceEvent();
    expect(channel.last('producer.enableTraceEvent')).toEqual({ producerId: 'p', types: [] });
  });

  test.each([[123], ['rtp'], [['rtp', 123]]])('refuses %j', async (types) => {
    const refused = expect(producer.enableTraceEvent(types as unknown as ['rtp'])).rejects;
    await refused.toThrow(TypeError);
    await expect(producer.enableTraceEvent(types as unknown as ['rtp'])).rejects.toThrow('types');
  });
});

test('send() hands a packet to the media process, and takes nothing but a Buffer', () => {
  producer.send(Buffer.from([0x80, 111]));
  expect(channel.notices).toEqual([
    { notice: 'producer.send', producerId: 'p', packet: Buffer.from([0x80, 111]) },
  ]);
  expect(() => producer.send('x' as unknown as Buffer)).toThrow(TypeError);
  producer.close();
  producer.send(Buffer.from([0x80]));
  expect(channel.notices).toHaveLength(1);
});

test('dump() is what the media process says with what was negotiated; getStats() what it says', async () => {
  const dump = { id: 'p', kind: 'audio', type: 'simple', paused: false };
  channel.answer('producer.dump', () => dump).answer('producer.getStats', () => []);
  const { rtpParameters, ...rest } = await producer.dump();
  expect(rest).toEqual(dump);
  expect(rtpParameters).toMatchObject({ mid: '0', encodings: [{ ssrc: 1111, codecPayloadType: 111 }] });
  expect(await producer.getStats()).toEqual([]);
});

describe('closing', () => {
  test('close() tells the media process and is observed; `transportclose` does not come', () => {
    producer.close();
    producer.close();
    expect(channel.last('producer.close')).toEqual({ producerId: 'p' });
    expect(log).toEqual([
      ['producer', '@close'],
      ['observer', 'close'],
    ]);
    expect([producer.closed, closedCount, channel.heard('p')]).toEqual([true, 1, false]);
  });

  test('with its transport: `transportclose`, then the observer; the media process knows', () => {
    producer.transportClosed();
    expect(log).toEqual([
      ['producer', 'transportclose'],
      ['observer', 'close'],
    ]);
    expect(channel.requests).toEqual([]);
  });

  test('afterwards every method is an InvalidStateError', async () => {
    producer.close();
    for (const call of [
      producer.dump(),
      producer.getStats(),
      producer.pause(),
      producer.resume(),
      producer.enableTraceEvent(),
    ])
      await expect(call).rejects.toThrow(InvalidStateError);
  });
});
