/** What all transports share, on a PlainTransport: limits, producers and consumers of media and of data, closing. */
import { beforeEach, describe, expect, test } from 'vitest';
import { PlainTransport } from '../../src/api/plainTransport.js';
import { InvalidStateError, UnsupportedError } from '../../src/channel/errors.js';
import { FakeChannel, opus, record } from './support/fakeChannel.js';
import { answerAsUsual, FakeRouter, SCTP_PARAMETERS, TUPLE } from './support/transportRouter.js';

let channel: FakeChannel;
let router: FakeRouter;
let transport: PlainTransport;
let log: unknown[][];

const newTransport = (sctp = true): PlainTransport =>
  new PlainTransport({
    id: 't',
    process: channel.process,
    router,
    data: {
      tuple: TUPLE,
      rtcpMux: true,
      comedia: false,
      ...(sctp ? { sctpParameters: SCTP_PARAMETERS } : {}),
    },
    appData: { room: 1 },
    onClosed: () => log.push(['router', 'closed']),
  });

beforeEach(() => {
  channel = answerAsUsual(new FakeChannel());
  router = new FakeRouter();
  log = [];
  transport = newTransport();
});

describe('limits', () => {
  test.each([
    ['setMaxIncomingBitrate', 'transport.setMaxIncomingBitrate'],
    ['setMaxOutgoingBitrate', 'transport.setMaxOutgoingBitrate'],
    ['setMinOutgoingBitrate', 'transport.setMinOutgoingBitrate'],
  ] as const)('%s()', async (method, request) => {
    await transport[method](100_000);
    expect(channel.last(request)).toEqual({ transportId: 't', bitrate: 100_000 });
    await transport[method](0);
    expect(channel.last(request)).toEqual({ transportId: 't', bitrate: 0 });
    for (const wrong of [-1, 1.5, '9' as unknown as number, 2 ** 32])
      await expect(transport[method](wrong)).rejects.toThrow(/^bitrate/);
  });

  test('minimum and maximum do not cross, unless one is taken away', async () => {
    await transport.setMinOutgoingBitrate(200_000);
    await expect(transport.setMaxOutgoingBitrate(100_000)).rejects.toThrow(TypeError);
    await transport.setMaxOutgoingBitrate(300_000);
    await expect(transport.setMinOutgoingBitrate(400_000)).rejects.toThrow(TypeError);
    await transport.setMaxOutgoingBitrate(0);
    await transport.setMinOutgoingBitrate(400_000);
  });
});

test('enableTraceEvent() passes on the types that transports have', async () => {
  await transport.enableTraceEvent(['probation', 'foo' as 'bwe', 'bwe']);
  expect(channel.last('transport.enableTraceEvent')).toEqual({
    transportId: 't',
    types: ['probation', 'bwe'],
  });
  await expect(transport.enableTraceEvent('bwe' as unknown as [])).rejects.toThrow(TypeError);
  const trace = { type: 'bwe' as const, timestamp: 1, direction: 'out' as const, info: {} };
  record(log, 'transport', transport, ['trace']);
  record(log, 'observer', transport.observer, ['trace']);
  channel.emit('t', { event: 'transport.trace', transportId: 't', trace });
  expect(log).toEqual([
    ['transport', 'trace', trace],
    ['observer', 'trace', trace],
  ]);
});

describe('produce()', () => {
  test('makes a producer of the parameters, which stay as they were', async () => {
    record(log, 'observer', transport.observer, ['newproducer']);
    const rtpParameters = opus();
    const before = structuredClone(rtpParameters);
    const producer = await transport.produce({
      id: 'p',
      kind: 'audio',
      rtpParameters,
      paused: true,
      appData: { foo: 1 },
    });
    expect(rtpParameters).toEqual(before);
    expect(producer).toMatchObject({
      id: 'p',
      kind: 'audio',
      type: 'simple',
      paused: true,
      appData: { foo: 1 },
    });
    expect(channel.last('transport.produce')).toMatchObject({
      transportId: 't',
      producerId: 'p',
      kind: 'audio',
      type: 'simple',
      paused: true,
    });
    expect(router.producers.get('p')).toBe(producer);
    expect(log).toEqual([['observer', 'newproducer', producer]]);
  });

  test('all producers of an endpoint have its CNAME, the first one that came', async () => {
    const first = await transport.produce({ kind: 'audio', rtpParameters: opus('0', 1) });
    const second = await transport.produce({
      kind: 'audio',
      rtpParameters: { ...opus('1', 2), rtcp: { cname: 'other' } },
    });
    expect(first.rtpParameters.rtcp?.cname).toBe('ada');
    expect(second.rtpParameters.rtcp?.cname).toBe('ada');
  });

  test.each([
    ['kind', { kind: 'chicken', rtpParameters: opus() }],
    ['rtpParameters', { kind: 'audio', rtpParameters: {} }],
    ['appData', { kind: 'audio', rtpParameters: opus(), appData: 'x' }],
    ['id', { id: 7, kind: 'audio', rtpParameters: opus() }],
    ['keyFrameRequestDelay', { kind: 'audio', rtpParameters: opus(), keyFrameRequestDelay: -1 }],
  ])('a wrong %s is a TypeError that names it', async (name, options) => {
    const call = transport.produce(options as unknown as Parameters<typeof transport.produce>[0]);
    await expect(call).rejects.toThrow(TypeError);
    await expect(call).rejects.toThrow(name);
    expect(channel.requests).toEqual([]);
  });

  test('an id of its own that is taken is refused, an unknown codec is not supported', async () => {
    await transport.produce({ id: 'p', kind: 'audio', rtpParameters: opus() });
    await expect(transport.produce({ id: 'p', kind: 'audio', rtpParameters: opus() })).rejects.toThrow(
      TypeError,
    );
    const codecs = [{ mimeType: 'audio/wonder', payloadType: 100, clockRate: 8_000, parameters: {} }];
    await expect(
      transport.produce({ kind: 'audio', rtpParameters: { ...opus('1', 2), codecs } }),
    ).rejects.toThrow(UnsupportedError);
  });
});

describe('consume()', () => {
  test('numbers MIDs, passes on its options, and says what the media process answered', async () => {
    const producer = await transport.produce({ kind: 'audio', rtpParameters: opus() });
    record(log, 'observer', transport.observer, ['newconsumer']);
    const { rtpCapabilities } = router;
    const first = await transport.consume({
      producerId: producer.id,
      rtpCapabilities,
      paused: true,
      ignoreDtx: true,
      preferredLayers: { spatialLayer: 1 },
      appData: { baz: 'LOL' },
    });
    expect(first).toMatchObject({ producerId: producer.id, kind: 'audio', type: 'simple', paused: true });
    expect(first.appData).toEqual({ baz: 'LOL' });
    expect(first.rtpParameters.mid).toBe('0');
    expect(channel.last('transport.consume')).toMatchObject({
      type: 'simple',
      ignoreDtx: true,
      preferredLayers: { spatialLayer: 1 },
    });
    const second = await transport.consume({ producerId: producer.id, rtpCapabilities, mid: 'mine' });
    const third = await transport.consume({ producerId: producer.id, rtpCapabilities });
    expect([second.rtpParameters.mid, third.rtpParameters.mid]).toEqual(['mine', '1']);
    expect(log).toEqual([first, second, third].map((consumer) => ['observer', 'newconsumer', consumer]));
  });

  test('what the receiver does not take is not supported', async () => {
    const producer = await transport.produce({ kind: 'audio', rtpParameters: opus() });
    const call = transport.consume({ producerId: producer.id, rtpCapabilities: { codecs: [] } });
    await expect(call).rejects.toThrow(UnsupportedError);
  });

  test.each([
    ['producerId', { producerId: 'nobody' }],
    ['producerId', { producerId: '' }],
    ['rtpCapabilities', { rtpCapabilities: { codecs: 'all' } }],
    ['mid', { mid: 7 }],
    ['preferredLayers.spatialLayer', { preferredLayers: {} }],
    ['appData', { appData: 'x' }],
  ])('a wrong %s is a TypeError that names it', async (name, wrong) => {
    await transport.produce({ id: 'p', kind: 'audio', rtpParameters: opus() });
    const options = { producerId: 'p', rtpCapabilities: router.rtpCapabilities, ...wrong };
    const call = transport.consume(options as unknown as Parameters<typeof transport.consume>[0]);
    await expect(call).rejects.toThrow(TypeError);
    await expect(call).rejects.toThrow(name);
  });
});

describe('produceData()', () => {
  test('makes a data producer of a stream', async () => {
    record(log, 'observer', transport.observer, ['newdataproducer']);
    const dataProducer = await transport.produceData({
      sctpStreamParameters: { streamId: 666 },
      label: 'foo',
      protocol: 'bar',
      paused: true,
      appData: { foo: 1 },
    });
    expect(dataProducer).toMatchObject({ type: 'sctp', label: 'foo', protocol: 'bar', paused: true });
    expect(dataProducer.sctpStreamParameters).toMatchObject({ streamId: 666, ordered: true });
    expect(router.dataProducers.get(dataProducer.id)).toBe(dataProducer);
    expect(log).toEqual([['observer', 'newdataproducer', dataProducer]]);
  });

  test.each([
    ['sctpStreamParameters', {}],
    ['sctpStreamParameters', { sctpStreamParameters: { streamId: 'x' } }],
    ['sctpStreamParameters', { sctpStreamParameters: { streamId: 1, ordered: true, maxRetransmits: 2 } }],
    ['label', { sctpStreamParameters: { streamId: 1 }, label: 7 }],
    ['protocol', { sctpStreamParameters: { streamId: 1 }, protocol: 7 }],
    ['appData', { sctpStreamParameters: { streamId: 1 }, appData: 7 }],
  ])('a wrong %s is a TypeError that names it: %j', async (name, options) => {
    const call = transport.produceData(options as unknown as Parameters<typeof transport.produceData>[0]);
    await expect(call).rejects.toThrow(TypeError);
    await expect(call).rejects.toThrow(name);
  });
});

describe('consumeData()', () => {
  const produced = () =>
    transport.produceData({
      id: 'd',
      sctpStreamParameters: { streamId: 9, ordered: false, maxPacketLifeTime: 1_000 },
      label: 'foo',
      protocol: 'bar',
    });

  test.each([
    ['as the producer says', {}, { ordered: false, maxPacketLifeTime: 1_000 }],
    ['in order', { ordered: true }, { ordered: true }],
    ['with retransmits', { maxRetransmits: 2 }, { ordered: false, maxRetransmits: 2 }],
  ])('serves its stream %s', async (_, options, stream) => {
    await produced();
    const dataConsumer = await transport.consumeData({ dataProducerId: 'd', subchannels: [1], ...options });
    expect(dataConsumer).toMatchObject({ dataProducerId: 'd', type: 'sctp', label: 'foo', protocol: 'bar' });
    expect(dataConsumer.sctpStreamParameters).toEqual({ streamId: 0, ...stream });
    expect(dataConsumer.subchannels).toEqual([1]);
  });

  test('streams are given out in turn and come back', async () => {
    await produced();
    const consume = () => transport.consumeData({ dataProducerId: 'd' });
    const consumers = [await consume(), await consume(), await consume()];
    expect(consumers.map(({ sctpStreamParameters }) => sctpStreamParameters?.streamId)).toEqual([0, 1, 2]);
    await expect(consume()).rejects.toThrow(expect.objectContaining({ code: 'NO_SCTP_STREAM' }));
    consumers[1]?.close();
    expect((await consume()).sctpStreamParameters?.streamId).toBe(1);
  });

  test('needs SCTP and a data producer', async () => {
    await produced();
    await expect(transport.consumeData({ dataProducerId: 'nobody' })).rejects.toThrow(/dataProducerId/);
    await expect(newTransport(false).consumeData({ dataProducerId: 'd' })).rejects.toThrow(/enableSctp/);
    const subchannels = 'all' as unknown as number[];
    await expect(transport.consumeData({ dataProducerId: 'd', subchannels })).rejects.toThrow(/subchannels/);
  });
});

test('sctpState follows the association', () => {
  record(log, 'transport', transport, ['sctpstatechange']);
  record(log, 'observer', transport.observer, ['sctpstatechange']);
  expect([transport.sctpState, transport.sctpParameters]).toEqual(['new', SCTP_PARAMETERS]);
  channel.emit('t', { event: 'transport.sctpState', transportId: 't', sctpState: 'connecting' });
  expect(transport.sctpState).toBe('connecting');
  expect(log).toEqual([
    ['transport', 'sctpstatechange', 'connecting'],
    ['observer', 'sctpstatechange', 'connecting'],
  ]);
  transport.close();
  expect(transport.sctpState).toBe('closed');
  expect(newTransport(false).sctpState).toBeUndefined();
});

describe('closing', () => {
  test.each([
    ['the application', () => transport.close(), 'producer', ['@close']],
    ['its router', () => transport.routerClosed(), undefined, ['routerclose']],
    [
      'its listening server',
      () => transport.listenServerClosed(),
      undefined,
      ['@listenserverclose', 'listenserverclose'],
    ],
  ])('by %s takes everything along, leaves first', async (_, close, __, own) => {
    const producer = await transport.produce({ kind: 'audio', rtpParameters: opus() });
    const consumer = await transport.consume({
      producerId: producer.id,
      rtpCapabilities: router.rtpCapabilities,
    });
    const dataProducer = await transport.produceData({ sctpStreamParameters: { streamId: 1 } });
    const dataConsumer = await transport.consumeData({ dataProducerId: dataProducer.id });
    const asked = channel.requests.length;
    for (const [name, entity] of Object.entries({ producer, consumer, dataProducer, dataConsumer }))
      record(log, name, entity, ['transportclose']);
    record(log, 'transport', transport, ['@close', 'routerclose', '@listenserverclose', 'listenserverclose']);
    record(log, 'observer', transport.observer, ['close']);
    close();
    close();
    expect(log).toEqual([
      ['producer', 'transportclose'],
      ['consumer', 'transportclose'],
      ['dataProducer', 'transportclose'],
      ['dataConsumer', 'transportclose'],
      ['router', 'closed'],
      ...own.map((event) => ['transport', event]),
      ['observer', 'close'],
    ]);
    expect(channel.requests.length - asked).toBe(own[0] === '@close' ? 1 : 0);
    expect([transport.closed, producer.closed, consumer.closed]).toEqual([true, true, true]);
  });

  test('while something is being made: it comes closed, and nobody hears of it', async () => {
    record(log, 'observer', transport.observer, ['newproducer']);
    const making = transport.produce({ kind: 'audio', rtpParameters: opus() });
    transport.close();
    expect((await making).closed).toBe(true);
    expect(log).toEqual([['router', 'closed']]);
    expect(router.producers.size).toBe(0);
  });

  test('afterwards every method is an InvalidStateError', async () => {
    transport.close();
    for (const call of [
      transport.dump(),
      transport.getStats(),
      transport.connect({ ip: '127.0.0.1', port: 1 }),
      transport.setMaxIncomingBitrate(1),
      transport.setMaxOutgoingBitrate(1),
      transport.setMinOutgoingBitrate(1),
      transport.enableTraceEvent([]),
      transport.produce({ kind: 'audio', rtpParameters: opus() }),
      transport.consume({ producerId: 'p', rtpCapabilities: {} }),
      transport.produceData({ sctpStreamParameters: { streamId: 1 } }),
      transport.consumeData({ dataProducerId: 'd' }),
    ])
      await expect(call).rejects.toThrow(InvalidStateError);
  });
});
