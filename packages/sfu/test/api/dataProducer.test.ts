/** DataProducer: each method's success and refusal, events in their order, what closing does. */
import { beforeEach, describe, expect, test } from 'vitest';
import { DataProducer } from '../../src/api/dataProducer.js';
import { InvalidStateError } from '../../src/channel/errors.js';
import { FakeChannel, record } from './support/fakeChannel.js';

let channel: FakeChannel;
let dataProducer: DataProducer;
let log: unknown[][];

beforeEach(() => {
  channel = new FakeChannel();
  dataProducer = new DataProducer({
    id: 'd',
    process: channel.process,
    type: 'sctp',
    sctpStreamParameters: { streamId: 7, ordered: false, maxRetransmits: 3 },
    label: 'chat',
    protocol: 'text',
    paused: false,
    appData: undefined,
    onClosed: () => {},
  });
  log = [];
  record(log, 'dataProducer', dataProducer, ['transportclose', '@close']);
  record(log, 'observer', dataProducer.observer, ['close', 'pause', 'resume']);
});

test('the getters say what it was made with', () => {
  expect(dataProducer).toMatchObject({
    id: 'd',
    type: 'sctp',
    label: 'chat',
    protocol: 'text',
    paused: false,
  });
  expect(dataProducer.sctpStreamParameters).toEqual({ streamId: 7, ordered: false, maxRetransmits: 3 });
  expect(dataProducer.appData).toEqual({});
});

test('pause() and resume() are observed once each', async () => {
  await dataProducer.pause();
  await dataProducer.pause();
  expect(dataProducer.paused).toBe(true);
  await dataProducer.resume();
  await dataProducer.resume();
  expect(dataProducer.paused).toBe(false);
  expect(log).toEqual([
    ['observer', 'pause'],
    ['observer', 'resume'],
  ]);
});

describe('send()', () => {
  // RFC 8831 §8: 51 text, 53 binary, 56 and 57 for empty ones, which travel as one byte.
  test.each([
    ['text', 'hi', undefined, 51, Buffer.from('hi')],
    ['no text', '', undefined, 56, Buffer.from(' ')],
    ['bytes', Buffer.from([1, 2]), undefined, 53, Buffer.from([1, 2])],
    ['no bytes', Buffer.alloc(0), undefined, 57, Buffer.alloc(1)],
    ['text under an identifier of its own', 'hi', 123_456, 123_456, Buffer.from('hi')],
  ])('%s', (_, message, given, ppid, data) => {
    dataProducer.send(message, given);
    expect(channel.notices).toEqual([
      { notice: 'dataProducer.send', dataProducerId: 'd', ppid, data, subchannels: [] },
    ]);
  });

  test('subchannels go along', () => {
    dataProducer.send('hi', undefined, [1, 2], 666);
    expect(channel.notices[0]).toMatchObject({ subchannels: [1, 2], requiredSubchannel: 666 });
  });

  test.each([
    ['message', [123]],
    ['ppid', ['hi', -1]],
    ['subchannels', ['hi', undefined, 'all']],
    ['subchannels[1]', ['hi', undefined, [1, 'x']]],
    ['requiredSubchannel', ['hi', undefined, [], -1]],
  ])('a wrong %s is a TypeError that names it', (name, args) => {
    const call = (): void => Reflect.apply(dataProducer.send.bind(dataProducer), undefined, args) as void;
    expect(call).toThrow(TypeError);
    expect(call).toThrow(name);
    expect(channel.notices).toEqual([]);
  });

  test('once closed it means nothing', () => {
    dataProducer.close();
    dataProducer.send('hi');
    expect(channel.notices).toEqual([]);
  });
});

test('dump() and getStats() are what the media process says', async () => {
  channel
    .answer('dataProducer.dump', () => ({ id: 'd', label: 'chat' }))
    .answer('dataProducer.getStats', () => [
      {
        type: 'data-producer',
        timestamp: 1,
        label: 'chat',
        protocol: 'text',
        messagesReceived: 2,
        bytesReceived: 3,
      },
    ]);
  expect(await dataProducer.dump()).toEqual({ id: 'd', label: 'chat' });
  expect(await dataProducer.getStats()).toMatchObject([{ type: 'data-producer', messagesReceived: 2 }]);
});

describe('closing', () => {
  test('close() tells the media process once', () => {
    dataProducer.close();
    dataProducer.close();
    expect(channel.requests).toEqual([{ method: 'dataProducer.close', data: { dataProducerId: 'd' } }]);
    expect(log).toEqual([
      ['dataProducer', '@close'],
      ['observer', 'close'],
    ]);
  });

  test('with its transport: `transportclose`, then the observer', () => {
    dataProducer.transportClosed();
    expect(log).toEqual([
      ['dataProducer', 'transportclose'],
      ['observer', 'close'],
    ]);
    expect(channel.requests).toEqual([]);
  });

  test('afterwards every method is an InvalidStateError', async () => {
    dataProducer.close();
    for (const call of [
      dataProducer.dump(),
      dataProducer.getStats(),
      dataProducer.pause(),
      dataProducer.resume(),
    ])
      await expect(call).rejects.toThrow(InvalidStateError);
  });
});
