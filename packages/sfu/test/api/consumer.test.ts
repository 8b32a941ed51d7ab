/** Consumer: each method's success and refusal, events in their order, what closing does. */
import { beforeEach, describe, expect, test } from 'vitest';
import { Consumer } from '../../src/api/consumer.js';
import { InvalidStateError } from '../../src/channel/errors.js';
import { FakeChannel, opus, record } from './support/fakeChannel.js';

const EVENTS = [
  'transportclose',
  'producerclose',
  'producerpause',
  'producerresume',
  'score',
  'layerschange',
  'trace',
  'rtp',
  '@close',
  '@producerclose',
];
const OBSERVED = ['close', 'pause', 'resume', 'score', 'layerschange', 'trace'];
const SCORE = { score: 10, producerScore: 10, producerScores: [10] };

let channel: FakeChannel;
let consumer: Consumer;
let log: unknown[][];

beforeEach(() => {
  channel = new FakeChannel();
  consumer = new Consumer({
    id: 'c',
    process: channel.process,
    producerId: 'p',
    kind: 'video',
    type: 'simulcast',
    rtpParameters: opus(),
    state: {
      paused: false,
      producerPaused: false,
      score: SCORE,
      preferredLayers: { spatialLayer: 2, temporalLayer: 2 },
    },
    appData: undefined,
    onClosed: () => {},
  });
  log = [];
  record(log, 'consumer', consumer, EVENTS);
  record(log, 'observer', consumer.observer, OBSERVED);
});

test('the getters say what it was made with', () => {
  expect(consumer).toMatchObject({
    id: 'c',
    producerId: 'p',
    kind: 'video',
    type: 'simulcast',
    closed: false,
  });
  expect([consumer.paused, consumer.producerPaused, consumer.priority]).toEqual([false, false, 1]);
  expect(consumer.score).toEqual(SCORE);
  expect(consumer.preferredLayers).toEqual({ spatialLayer: 2, temporalLayer: 2 });
  expect(consumer.currentLayers).toBeUndefined();
  expect(consumer.appData).toEqual({});
});

describe('pause and resume', () => {
  test('are observed once each', async () => {
    await consumer.pause();
    await consumer.pause();
    expect(consumer.paused).toBe(true);
    await consumer.resume();
    await consumer.resume();
    expect(log).toEqual([
      ['observer', 'pause'],
      ['observer', 'resume'],
    ]);
  });

  test('the observer hears of the effect: a consumer that is paused on both sides paused once, and resumes when both do', async () => {
    channel.emit('c', { event: 'consumer.producerPause', consumerId: 'c' });
    channel.emit('c', { event: 'consumer.producerPause', consumerId: 'c' });
    await consumer.pause();
    channel.emit('c', { event: 'consumer.producerResume', consumerId: 'c' });
    await consumer.resume();
    expect(log).toEqual([
      ['consumer', 'producerpause'],
      ['observer', 'pause'],
      ['consumer', 'producerresume'],
      ['observer', 'resume'],
    ]);
  });
});

describe('setPreferredLayers()', () => {
  test('keeps what the media process made of it', async () => {
    channel.answer('consumer.setPreferredLayers', () => ({
      preferredLayers: { spatialLayer: 1, temporalLayer: 0 },
    }));
    await consumer.setPreferredLayers({ spatialLayer: 7 });
    expect(channel.last('consumer.setPreferredLayers')).toEqual({
      consumerId: 'c',
      preferredLayers: { spatialLayer: 7 },
    });
    expect(consumer.preferredLayers).toEqual({ spatialLayer: 1, temporalLayer: 0 });
    channel.answer('consumer.setPreferredLayers', () => ({}));
    await consumer.setPreferredLayers({ spatialLayer: 1, temporalLayer: 1 });
    expect(consumer.preferredLayers).toBeUndefined();
  });

  test.each([
    ['spatialLayer', {}],
    ['spatialLayer', { spatialLayer: '2' }],
    ['spatialLayer', { spatialLayer: -1 }],
    ['temporalLayer', { spatialLayer: 1, temporalLayer: '3' }],
  ])('refuses a wrong %s: %j', async (name, layers) => {
    const call = consumer.setPreferredLayers(layers as { spatialLayer: number });
    await expect(call).rejects.toThrow(TypeError);
    await expect(call).rejects.toThrow(name);
    expect(channel.requests).toEqual([]);
  });
});

describe('priority', () => {
  test('is set and unset', async () => {
    channel.answer('consumer.setPriority', ({ priority }) => ({ priority }));
    await consumer.setPriority(2);
    expect(consumer.priority).toBe(2);
    await consumer.unsetPriority();
    expect(consumer.priority).toBe(1);
  });

  test.each([0, -1, 1.5, 256, 'foo'])('%j is refused', async (priority) => {
    await expect(consumer.setPriority(priority as number)).rejects.toThrow(/priority/);
    expect(consumer.priority).toBe(1);
  });
});

test('requestKeyFrame() asks the media process', async () => {
  await consumer.requestKeyFrame();
  expect(channel.last('consumer.requestKeyFrame')).toEqual({ consumerId: 'c' });
});

test('enableTraceEvent() passes on the types that consumers have and refuses what is no list of strings', async () => {
  await consumer.enableTraceEvent(['rtp', 'sr' as 'pli', 'pli']);
  expect(channel.last('consumer.enableTraceEvent')).toEqual({ consumerId: 'c', types: ['rtp', 'pli'] });
  await expect(consumer.enableTraceEvent(['rtp', 123 as unknown as 'pli'])).rejects.toThrow(TypeError);
});

test('score, layers and trace come to the consumer first, then to its observer; rtp to the consumer only', () => {
  const score = { score: 8, producerScore: 9, producerScores: [9, 0] };
  const trace = { type: 'keyframe' as const, timestamp: 1, direction: 'out' as const, info: {} };
  channel.emit('c', { event: 'consumer.score', consumerId: 'c', score });
  channel.emit('c', {
    event: 'consumer.layerschange',
    consumerId: 'c',
    layers: { spatialLayer: 0, temporalLayer: 1 },
  });
  expect(consumer.currentLayers).toEqual({ spatialLayer: 0, temporalLayer: 1 });
  channel.emit('c', { event: 'consumer.layerschange', consumerId: 'c' });
  expect(consumer.currentLayers).toBeUndefined();
  channel.emit('c', { event: 'consumer.trace', consumerId: 'c', trace });
  channel.emit('c', { event: 'consumer.rtp', consumerId: 'c', packet: new Uint8Array([0x80, 1]) });
  expect(consumer.score).toEqual(score);
  expect(log).toEqual([
    ['consumer', 'score', score],
    ['observer', 'score', score],
    ['consumer', 'layerschange', { spatialLayer: 0, temporalLayer: 1 }],
    ['observer', 'layerschange', { spatialLayer: 0, temporalLayer: 1 }],
    ['consumer', 'layerschange', undefined],
    ['observer', 'layerschange', undefined],
    ['consumer', 'trace', trace],
    ['observer', 'trace', trace],
    ['consumer', 'rtp', Buffer.from([0x80, 1])],
  ]);
});

test('dump() is what the media process says with what was negotiated; getStats() what it says', async () => {
  channel.answer('consumer.dump', () => ({ id: 'c', priority: 1 })).answer('consumer.getStats', () => []);
  const { rtpParameters, ...rest } = await consumer.dump();
  expect(rest).toEqual({ id: 'c', priority: 1 });
  expect(rtpParameters.codecs).toMatchObject(consumer.rtpParameters.codecs);
  expect(await consumer.getStats()).toEqual([]);
});

describe('closing', () => {
  test('close() tells the media process and is observed', () => {
    consumer.close();
    consumer.close();
    expect(channel.last('consumer.close')).toEqual({ consumerId: 'c' });
    expect(log).toEqual([
      ['consumer', '@close'],
      ['observer', 'close'],
    ]);
  });

  test.each([
    [
      'its producer',
      [
        ['consumer', '@producerclose'],
        ['consumer', 'producerclose'],
        ['observer', 'close'],
      ],
    ],
    [
      'its transport',
      [
        ['consumer', 'transportclose'],
        ['observer', 'close'],
      ],
    ],
  ])('with %s it closes once, without a request', (owner, events) => {
    if (owner === 'its producer') {
      channel.emit('c', { event: 'consumer.producerClose', consumerId: 'c' });
      channel.emit('c', { event: 'consumer.producerClose', consumerId: 'c' });
    } else consumer.transportClosed();
    consumer.transportClosed();
    expect(log).toEqual(events);
    expect(channel.requests).toEqual([]);
    expect(channel.heard('c')).toBe(false);
  });

  test('afterwards every method is an InvalidStateError', async () => {
    consumer.close();
    for (const call of [
      consumer.dump(),
      consumer.getStats(),
      consumer.pause(),
      consumer.resume(),
      consumer.setPreferredLayers({ spatialLayer: 1 }),
      consumer.setPriority(2),
      consumer.unsetPriority(),
      consumer.requestKeyFrame(),
      consumer.enableTraceEvent([]),
    ])
      await expect(call).rejects.toThrow(InvalidStateError);
  });
});
