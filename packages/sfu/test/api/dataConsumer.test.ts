/** DataConsumer: each method's success and refusal, events in their order, what closing does. */
import { beforeEach, describe, expect, test } from 'vitest';
import { DataConsumer } from '../../src/api/dataConsumer.js';
import { InvalidStateError } from '../../src/channel/errors.js';
import { FakeChannel, record } from './support/fakeChannel.js';

const EVENTS = [
  'transportclose',
  'dataproducerclose',
  'dataproducerpause',
  'dataproducerresume',
  'message',
  'sctpsendbufferfull',
  'bufferedamountlow',
  '@close',
  '@dataproducerclose',
];

let channel: FakeChannel;
let dataConsumer: DataConsumer;
let log: unknown[][];

beforeEach(() => {
  channel = new FakeChannel();
  dataConsumer = new DataConsumer({
    id: 'd',
    process: channel.process,
    dataProducerId: 'p',
    type: 'sctp',
    sctpStreamParameters: { streamId: 0, ordered: true },
    label: 'chat',
    protocol: 'text',
    subchannels: [0, 1, 1, 2],
    state: { paused: false, dataProducerPaused: false },
    appData: { my: 'data' },
    onClosed: () => {},
  });
  log = [];
  record(log, 'dataConsumer', dataConsumer, EVENTS);
  record(log, 'observer', dataConsumer.observer, ['close', 'pause', 'resume']);
});

test('the getters say what it was made with', () => {
  expect(dataConsumer).toMatchObject({
    id: 'd',
    dataProducerId: 'p',
    type: 'sctp',
    label: 'chat',
    protocol: 'text',
  });
  expect([dataConsumer.paused, dataConsumer.dataProducerPaused]).toEqual([false, false]);
  expect(dataConsumer.sctpStreamParameters).toEqual({ streamId: 0, ordered: true });
  expect(dataConsumer.subchannels).toEqual([0, 1, 2]);
  expect(dataConsumer.appData).toEqual({ my: 'data' });
});

test('the list of subchannels cannot be changed from outside', () => {
  dataConsumer.subchannels.push(9);
  expect(dataConsumer.subchannels).toEqual([0, 1, 2]);
});

test('paused on both sides it paused once, and resumes when both do', async () => {
  await dataConsumer.pause();
  channel.emit('d', { event: 'dataConsumer.dataProducerPause', dataConsumerId: 'd' });
  channel.emit('d', { event: 'dataConsumer.dataProducerPause', dataConsumerId: 'd' });
  expect(dataConsumer.dataProducerPaused).toBe(true);
  await dataConsumer.resume();
  channel.emit('d', { event: 'dataConsumer.dataProducerResume', dataConsumerId: 'd' });
  expect(log).toEqual([
    ['observer', 'pause'],
    ['dataConsumer', 'dataproducerpause'],
    ['dataConsumer', 'dataproducerresume'],
    ['observer', 'resume'],
  ]);
});

test('messages and what is said of the buffer', () => {
  channel.emit('d', {
    event: 'dataConsumer.message',
    dataConsumerId: 'd',
    data: new Uint8Array([104]),
    ppid: 51,
  });
  channel.emit('d', { event: 'dataConsumer.sctpSendBufferFull', dataConsumerId: 'd' });
  channel.emit('d', { event: 'dataConsumer.bufferedAmountLow', dataConsumerId: 'd', bufferedAmount: 5 });
  expect(log).toEqual([
    ['dataConsumer', 'message', Buffer.from('h'), 51],
    ['dataConsumer', 'sctpsendbufferfull'],
    ['dataConsumer', 'bufferedamountlow', 5],
  ]);
});

test('send() waits for the media process, and takes nothing but text and Buffers', async () => {
  await dataConsumer.send('');
  expect(channel.last('dataConsumer.send')).toEqual({
    dataConsumerId: 'd',
    ppid: 56,
    data: Buffer.from(' '),
  });
  await expect(dataConsumer.send(1 as unknown as string)).rejects.toThrow(/message/);
});

test('the buffer is asked for and its threshold set', async () => {
  channel.answer('dataConsumer.getBufferedAmount', () => ({ bufferedAmount: 12 }));
  expect(await dataConsumer.getBufferedAmount()).toBe(12);
  await dataConsumer.setBufferedAmountLowThreshold(200);
  expect(channel.last('dataConsumer.setBufferedAmountLowThreshold')).toEqual({
    dataConsumerId: 'd',
    threshold: 200,
  });
  await expect(dataConsumer.setBufferedAmountLowThreshold(-1)).rejects.toThrow(/threshold/);
});

describe('subchannels', () => {
  test('are what the media process answers', async () => {
    channel
      .answer('dataConsumer.setSubchannels', ({ subchannels }) => ({ subchannels: [...subchannels] }))
      .answer('dataConsumer.addSubchannel', ({ subchannel }) => ({ subchannels: [998, subchannel] }))
      .answer('dataConsumer.removeSubchannel', () => ({ subchannels: [998] }));
    await dataConsumer.setSubchannels([999, 998]);
    expect(dataConsumer.subchannels).toEqual([999, 998]);
    await dataConsumer.addSubchannel(5);
    expect(dataConsumer.subchannels).toEqual([998, 5]);
    await dataConsumer.removeSubchannel(5);
    expect(dataConsumer.subchannels).toEqual([998]);
  });

  test('wrong ones are refused by name', async () => {
    await expect(dataConsumer.setSubchannels('1' as unknown as number[])).rejects.toThrow(/subchannels/);
    await expect(dataConsumer.addSubchannel(-1)).rejects.toThrow(/subchannel/);
    await expect(dataConsumer.removeSubchannel(1.5)).rejects.toThrow(/subchannel/);
    expect(channel.requests).toEqual([]);
  });
});

describe('closing', () => {
  test('close() tells the media process once', () => {
    dataConsumer.close();
    dataConsumer.close();
    expect(channel.requests).toEqual([{ method: 'dataConsumer.close', data: { dataConsumerId: 'd' } }]);
    expect(log).toEqual([
      ['dataConsumer', '@close'],
      ['observer', 'close'],
    ]);
  });

  test('with its data producer, once', () => {
    channel.emit('d', { event: 'dataConsumer.dataProducerClose', dataConsumerId: 'd' });
    dataConsumer.transportClosed();
    expect(log).toEqual([
      ['dataConsumer', '@dataproducerclose'],
      ['dataConsumer', 'dataproducerclose'],
      ['observer', 'close'],
    ]);
    expect(channel.requests).toEqual([]);
  });

  test('with its transport', () => {
    dataConsumer.transportClosed();
    expect(log).toEqual([
      ['dataConsumer', 'transportclose'],
      ['observer', 'close'],
    ]);
  });

  test('afterwards every method is an InvalidStateError', async () => {
    dataConsumer.close();
    for (const call of [
      dataConsumer.dump(),
      dataConsumer.getStats(),
      dataConsumer.pause(),
      dataConsumer.resume(),
      dataConsumer.send('hi'),
      dataConsumer.getBufferedAmount(),
      dataConsumer.setBufferedAmountLowThreshold(1),
      dataConsumer.setSubchannels([]),
      dataConsumer.addSubchannel(1),
      dataConsumer.removeSubchannel(1),
    ])
      await expect(call).rejects.toThrow(InvalidStateError);
  });
});
