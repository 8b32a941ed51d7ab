/** AudioLevelObserver and ActiveSpeakerObserver: methods, events in their order, what closing does. */
import { beforeEach, describe, expect, test } from 'vitest';
import { ActiveSpeakerObserver } from '../../src/api/activeSpeakerObserver.js';
import { AudioLevelObserver } from '../../src/api/audioLevelObserver.js';
import { Producer } from '../../src/api/producer.js';
import { InvalidStateError } from '../../src/channel/errors.js';
import { FakeChannel, opus, record } from './support/fakeChannel.js';

let channel: FakeChannel;
let producer: Producer;
let log: unknown[][];

beforeEach(() => {
  channel = new FakeChannel();
  log = [];
  producer = new Producer({
    id: 'p',
    process: channel.process,
    kind: 'audio',
    type: 'simple',
    rtpParameters: opus(),
    consumableRtpParameters: opus(),
    paused: false,
    appData: undefined,
    onClosed: () => {},
  });
});

const options = () => ({
  id: 'o',
  process: channel.process,
  findProducer: (id: string) => (id === 'p' ? producer : undefined),
  appData: undefined,
  onClosed: () => {},
});

describe.each([
  ['AudioLevelObserver', () => new AudioLevelObserver(options()), 'audiolevel'],
  ['ActiveSpeakerObserver', () => new ActiveSpeakerObserver(options()), 'activespeaker'],
] as const)('%s', (_, make, type) => {
  test('adds and removes producers of its router', async () => {
    const observer = make();
    expect(observer).toMatchObject({ id: 'o', type, paused: false, closed: false });
    record(log, 'observer', observer.observer, ['addproducer', 'removeproducer']);
    await observer.addProducer({ producerId: 'p' });
    expect(channel.last('rtpObserver.addProducer')).toEqual({ rtpObserverId: 'o', producerId: 'p' });
    await observer.removeProducer({ producerId: 'p' });
    expect(log).toEqual([
      ['observer', 'addproducer', producer],
      ['observer', 'removeproducer', producer],
    ]);
    await expect(observer.addProducer({ producerId: 'nobody' })).rejects.toThrow(/producerId/);
    await expect(observer.removeProducer({ producerId: 'nobody' })).rejects.toThrow(TypeError);
  });

  test('pauses and resumes, observed once each', async () => {
    const observer = make();
    record(log, 'observer', observer.observer, ['pause', 'resume']);
    await observer.pause();
    await observer.pause();
    expect(observer.paused).toBe(true);
    await observer.resume();
    await observer.resume();
    expect(observer.paused).toBe(false);
    expect(log).toEqual([
      ['observer', 'pause'],
      ['observer', 'resume'],
    ]);
  });

  test('closes by itself or with its router', async () => {
    const first = make();
    record(log, 'first', first, ['routerclose']);
    record(log, 'first observer', first.observer, ['close']);
    first.close();
    first.close();
    expect(channel.requests).toEqual([{ method: 'rtpObserver.close', data: { rtpObserverId: 'o' } }]);
    const second = make();
    record(log, 'second', second, ['routerclose']);
    record(log, 'second observer', second.observer, ['close']);
    second.routerClosed();
    expect(log).toEqual([
      ['first observer', 'close'],
      ['second', 'routerclose'],
      ['second observer', 'close'],
    ]);
    expect(channel.requests).toHaveLength(1);
    for (const call of [
      second.pause(),
      second.resume(),
      second.dump(),
      second.addProducer({ producerId: 'p' }),
    ])
      await expect(call).rejects.toThrow(InvalidStateError);
  });
});

test('volumes and silence come to the observer first, then to its observer; producers that are gone are left out', () => {
  const observer = new AudioLevelObserver(options());
  record(log, 'levels', observer, ['volumes', 'silence']);
  record(log, 'observer', observer.observer, ['volumes', 'silence']);
  const volumes = [
    { producerId: 'gone', volume: -20 },
    { producerId: 'p', volume: -30 },
  ];
  channel.emit('o', { event: 'rtpObserver.volumes', rtpObserverId: 'o', volumes });
  channel.emit('o', { event: 'rtpObserver.volumes', rtpObserverId: 'o', volumes: volumes.slice(0, 1) });
  channel.emit('o', { event: 'rtpObserver.silence', rtpObserverId: 'o' });
  expect(log).toEqual([
    ['levels', 'volumes', [{ producer, volume: -30 }]],
    ['observer', 'volumes', [{ producer, volume: -30 }]],
    ['levels', 'silence'],
    ['observer', 'silence'],
  ]);
});

test('the dominant speaker is a producer; one that is gone is nobody', () => {
  const observer = new ActiveSpeakerObserver(options());
  record(log, 'speaker', observer, ['dominantspeaker']);
  record(log, 'observer', observer.observer, ['dominantspeaker']);
  channel.emit('o', { event: 'rtpObserver.dominantSpeaker', rtpObserverId: 'o', producerId: 'gone' });
  channel.emit('o', { event: 'rtpObserver.dominantSpeaker', rtpObserverId: 'o', producerId: 'p' });
  expect(log).toEqual([
    ['speaker', 'dominantspeaker', { producer }],
    ['observer', 'dominantspeaker', { producer }],
  ]);
});
