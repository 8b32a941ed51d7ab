/** Router, with a real media process: capabilities, everything it makes, pipes to others, dumps, and its end in every way. */
import { describe, expect, test } from 'vitest';
import { getSupportedRtpCapabilities, InvalidStateError, UnsupportedError } from '@tertulia/sfu';
import type { PlainTransport, Router, RouterRtpCodecCapability } from '@tertulia/sfu';
import { LISTEN, OPUS, picture, recordNames, voice, VP8, workersOfTests } from './support/realWorker.js';

const start = workersOfTests();
const newRouter = async (mediaCodecs: RouterRtpCodecCapability[] = [OPUS, VP8]): Promise<Router> =>
  (await start()).createRouter({ mediaCodecs });
const newTransport = (router: Router): Promise<PlainTransport> =>
  router.createPlainTransport({ listenInfo: LISTEN, comedia: true });

const nameOf = ({ mimeType, clockRate }: { mimeType: string; clockRate: number }): string =>
  `${mimeType}/${clockRate}`;

describe('rtpCapabilities', () => {
  test('are what was asked for, with payload types, RTX for video, and all header extensions', async () => {
    const mediaCodecs = [
      OPUS,
      { ...VP8, preferredPayloadType: 101, parameters: { 'x-google-start-bitrate': 1500 } },
    ];
    const { codecs = [], headerExtensions } = (await newRouter(mediaCodecs)).rtpCapabilities;
    expect(codecs.map(({ mimeType, preferredPayloadType }) => [mimeType, preferredPayloadType])).toEqual([
      ['audio/opus', 100],
      ['video/VP8', 101],
      ['video/rtx', 102],
    ]);
    expect(codecs[1]?.parameters).toEqual({ 'x-google-start-bitrate': 1500 });
    expect(codecs[2]?.parameters).toEqual({ apt: 101 });
    expect(headerExtensions).toEqual(getSupportedRtpCapabilities().headerExtensions);
  });

  test('a router can have every codec that there is', async () => {
    const supported = getSupportedRtpCapabilities().codecs ?? [];
    // The three rates of comfort noise have one static payload type in mediasoup's table; each gets one of its own here.
    const mediaCodecs = supported.map((codec) =>
      codec.mimeType === 'audio/CN'
        ? { ...codec, preferredPayloadType: 13 + codec.clockRate / 8_000 }
        : codec,
    );
    const router = await newRouter(mediaCodecs);
    const names = (router.rtpCapabilities.codecs ?? []).map(nameOf);
    expect(names.filter((name) => name !== 'video/rtx/90000')).toEqual(supported.map(nameOf));
    for (const name of ['audio/opus/48000', 'audio/multiopus/48000', 'audio/PCMU/8000', 'audio/PCMA/8000'])
      expect(names).toContain(name);
    for (const name of ['audio/ISAC/32000', 'audio/G722/8000', 'audio/iLBC/8000', 'audio/SILK/24000'])
      expect(names).toContain(name);
    for (const name of ['audio/CN/8000', 'audio/telephone-event/8000', 'video/VP8/90000', 'video/VP9/90000'])
      expect(names).toContain(name);
    for (const name of ['video/H264/90000', 'video/AV1/90000', 'video/H265/90000', 'audio/red/48000'])
      expect(names).toContain(name);
  });

  test('what the application does with its array, or with what it was told, changes nothing', async () => {
    const mediaCodecs = [structuredClone(OPUS)];
    const router = await newRouter(mediaCodecs);
    mediaCodecs[0]!.mimeType = 'audio/changed';
    getSupportedRtpCapabilities().codecs!.length = 0;
    expect(router.rtpCapabilities.codecs?.[0]?.mimeType).toBe('audio/opus');
    expect(getSupportedRtpCapabilities().codecs).not.toEqual([]);
  });

  test.each<[what: string, mediaCodecs: unknown, error: new (message: string) => Error]>([
    ['no array', {}, TypeError],
    ['no codec', ['opus'], TypeError],
    ['no clock rate', [{ kind: 'audio', mimeType: 'audio/opus' }], TypeError],
    [
      'a payload type twice',
      [
        { ...OPUS, preferredPayloadType: 100 },
        { ...VP8, preferredPayloadType: 100 },
      ],
      TypeError,
    ],
    ['an unknown codec', [{ ...OPUS, mimeType: 'audio/chicken' }], UnsupportedError],
    ['opus with three channels', [{ ...OPUS, channels: 3 }], UnsupportedError],
    ['RTX by itself', [{ ...VP8, mimeType: 'video/rtx' }], UnsupportedError],
  ])('%s is refused', async (_what, mediaCodecs, error) => {
    const worker = await start();
    await expect(worker.createRouter({ mediaCodecs: mediaCodecs as [] })).rejects.toThrow(error);
    const router = await worker.createRouter();
    expect(() => router.updateMediaCodecs(mediaCodecs as [])).toThrow(error);
    expect(router.rtpCapabilities.codecs).toEqual([]);
  });

  test('updateMediaCodecs counts for producers from then on', async () => {
    const router = await newRouter([OPUS]);
    const transport = await newTransport(router);
    await expect(transport.produce({ kind: 'video', rtpParameters: picture() })).rejects.toThrow(
      UnsupportedError,
    );
    const audio = await transport.produce({ kind: 'audio', rtpParameters: voice() });
    router.updateMediaCodecs([VP8]);
    expect(router.rtpCapabilities.codecs?.map(({ mimeType }) => mimeType)).toEqual([
      'video/VP8',
      'video/rtx',
    ]);
    await transport.produce({ kind: 'video', rtpParameters: picture() });
    await expect(transport.produce({ kind: 'audio', rtpParameters: voice(7) })).rejects.toThrow(
      UnsupportedError,
    );
    expect(audio.closed).toBe(false);
  });
});

describe('canConsume', () => {
  test('is about the producer’s codecs and the receiver’s', async () => {
    const router = await newRouter();
    const { id: producerId } = await (
      await newTransport(router)
    ).produce({ kind: 'video', rtpParameters: picture() });
    const { rtpCapabilities } = router;
    const { codecs = [] } = rtpCapabilities;
    const only = (mimeType: string) => ({
      ...rtpCapabilities,
      codecs: codecs.filter((codec) => codec.mimeType === mimeType),
    });
    expect(router.canConsume({ producerId, rtpCapabilities })).toBe(true);
    expect(router.canConsume({ producerId, rtpCapabilities: only('video/VP8') })).toBe(true);
    expect(router.canConsume({ producerId, rtpCapabilities: only('audio/opus') })).toBe(false);
    expect(router.canConsume({ producerId, rtpCapabilities: only('video/rtx') })).toBe(false);
    expect(router.canConsume({ producerId, rtpCapabilities: {} })).toBe(false);
    expect(router.canConsume({ producerId, rtpCapabilities: 'none' as never })).toBe(false);
    expect(router.canConsume({ producerId: 'nobody', rtpCapabilities })).toBe(false);
  });

  test('a producer of another router cannot be consumed', async () => {
    const worker = await start();
    const [router, other] = [
      await worker.createRouter({ mediaCodecs: [OPUS] }),
      await worker.createRouter({ mediaCodecs: [OPUS] }),
    ];
    const producer = await (await newTransport(other)).produce({ kind: 'audio', rtpParameters: voice() });
    const { rtpCapabilities } = router;
    expect(router.canConsume({ producerId: producer.id, rtpCapabilities })).toBe(false);
    const consumed = (await newTransport(router)).consume({ producerId: producer.id, rtpCapabilities });
    await expect(consumed).rejects.toThrow(/not found/);
  });
});

describe('what it makes', () => {
  test('is told by the observer, is in the dump, and leaves it', async () => {
    const router = await newRouter();
    const log = recordNames([
      'router',
      router.observer,
      ['newtransport', 'newrtpobserver', 'newvirtualstreams'],
    ]);
    const appData = { number: 1 };
    const transports = [
      await router.createWebRtcTransport({ listenInfos: [LISTEN], appData }),
      await router.createPlainTransport({ listenInfo: LISTEN, appData }),
      await router.createPipeTransport({ listenInfo: LISTEN, appData }),
      await router.createDirectTransport({ appData }),
    ];
    const observers = [
      await router.createAudioLevelObserver({ appData }),
      await router.createActiveSpeakerObserver({ appData }),
    ];
    const virtual = await router.createVirtualStreams();
    expect(log).toEqual([
      ...Array.from({ length: 4 }, () => 'router newtransport'),
      ...Array.from({ length: 2 }, () => 'router newrtpobserver'),
      'router newvirtualstreams',
    ]);
    expect(transports.map(({ type }) => type)).toEqual(['webrtc', 'plain', 'pipe', 'direct']);
    expect(observers.map(({ type }) => type)).toEqual(['audiolevel', 'activespeaker']);
    for (const each of [...transports, ...observers]) expect(each.appData.number).toBe(1);
    expect(await router.dump()).toMatchObject({
      id: router.id,
      transportIds: transports.map(({ id }) => id),
      rtpObserverIds: observers.map(({ id }) => id),
      virtualStreamsIds: [virtual.id],
    });
    for (const each of [...transports, ...observers, virtual]) each.close();
    expect(router.transportsForTesting.size).toBe(0);
    expect(await router.dump()).toMatchObject({
      transportIds: [],
      rtpObserverIds: [],
      virtualStreamsIds: [],
    });
  });

  test('dump says who feeds whom', async () => {
    const router = await newRouter();
    const [sending, receiving] = [await newTransport(router), await newTransport(router)];
    const direct = await router.createDirectTransport();
    const levels = await router.createAudioLevelObserver();
    const audio = await sending.produce({ kind: 'audio', rtpParameters: voice() });
    const video = await sending.produce({ kind: 'video', rtpParameters: picture() });
    const consumer = await receiving.consume({
      producerId: audio.id,
      rtpCapabilities: router.rtpCapabilities,
    });
    const dataProducer = await direct.produceData();
    const dataConsumer = await direct.consumeData({ dataProducerId: dataProducer.id });
    await levels.addProducer({ producerId: audio.id });
    expect(await router.dump()).toMatchObject({
      mapProducerIdConsumerIds: [
        { key: audio.id, values: [consumer.id] },
        { key: video.id, values: [] },
      ],
      mapConsumerIdProducerId: [{ key: consumer.id, value: audio.id }],
      mapProducerIdObserverIds: [{ key: audio.id, values: [levels.id] }],
      mapDataProducerIdDataConsumerIds: [{ key: dataProducer.id, values: [dataConsumer.id] }],
      mapDataConsumerIdDataProducerId: [{ key: dataConsumer.id, value: dataProducer.id }],
    });
  });

  test.each<[what: string, make: (router: Router) => Promise<unknown>, names: RegExp]>([
    ['a WebRtcTransport that listens nowhere', (r) => r.createWebRtcTransport({} as never), /listenInfos/],
    [
      'initialAvailableOutgoingBitrate',
      (r) => r.createWebRtcTransport({ listenInfos: [LISTEN], initialAvailableOutgoingBitrate: -1 }),
      /initialAvailableOutgoingBitrate/,
    ],
    [
      'iceConsentTimeout',
      (r) => r.createWebRtcTransport({ listenInfos: [LISTEN], iceConsentTimeout: -1 }),
      /iceConsentTimeout/,
    ],
    ['appData', (r) => r.createWebRtcTransport({ listenInfos: [LISTEN], appData: 1 as never }), /appData/],
    ['a PlainTransport that listens nowhere', (r) => r.createPlainTransport({} as never), /listenInfo/],
    [
      'both ways to listen',
      (r) => r.createPlainTransport({ listenInfo: LISTEN, listenIp: '127.0.0.1' } as never),
      /listenIp/,
    ],
    [
      'srtpCryptoSuite',
      (r) =>
        r.createPlainTransport({ listenInfo: LISTEN, enableSrtp: true, srtpCryptoSuite: 'ROT13' as never }),
      /srtpCryptoSuite/,
    ],
    [
      'numSctpStreams',
      (r) =>
        r.createPipeTransport({ listenInfo: LISTEN, enableSctp: true, numSctpStreams: { OS: -1, MIS: 1 } }),
      /numSctpStreams/,
    ],
    ['maxMessageSize', (r) => r.createDirectTransport({ maxMessageSize: -2_000 }), /maxMessageSize/],
    ['maxEntries', (r) => r.createAudioLevelObserver({ maxEntries: 0 }), /maxEntries/],
    ['threshold', (r) => r.createAudioLevelObserver({ threshold: 5 }), /threshold/],
    ['interval', (r) => r.createActiveSpeakerObserver({ interval: 'soon' as never }), /interval/],
    ['audioSlots', (r) => r.createVirtualStreams({ audioSlots: 17 }), /audioSlots/],
  ])('a wrong option is a TypeError that names it: %s', async (_what, make, names) => {
    const router = await newRouter();
    const error: unknown = await make(router).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TypeError);
    expect((error as Error).message).toMatch(names);
    expect(await router.dump()).toMatchObject({ transportIds: [], rtpObserverIds: [] });
  });
});

describe('pipeToRouter', () => {
  test.each<[where: string, sameWorker: boolean]>([
    ['of another worker', false],
    ['of the same worker', true],
  ])('to a router %s: the producer is there, under its id if it can be', async (_where, sameWorker) => {
    const worker = await start();
    const router = await worker.createRouter({ mediaCodecs: [OPUS, VP8] });
    const other = await (sameWorker ? worker : await start()).createRouter({ mediaCodecs: [OPUS, VP8] });
    const sending = await newTransport(router);
    const producer = await sending.produce({
      kind: 'audio',
      rtpParameters: voice(),
      appData: { name: 'ada' },
    });
    const { pipeConsumer, pipeProducer } = await router.pipeToRouter({
      producerId: producer.id,
      router: other,
      keepId: !sameWorker,
    });
    expect(pipeConsumer).toMatchObject({ producerId: producer.id, type: 'pipe', kind: 'audio' });
    expect(pipeProducer?.appData).toEqual({ name: 'ada' });
    expect(pipeProducer?.id === producer.id).toBe(!sameWorker);
    const { rtpCapabilities } = other;
    expect(other.canConsume({ producerId: pipeProducer!.id, rtpCapabilities })).toBe(true);

    // A second one goes through the same pair of transports.
    const video = await sending.produce({ kind: 'video', rtpParameters: picture() });
    await router.pipeToRouter({ producerId: video.id, router: other, keepId: !sameWorker });
    expect([router.transportsForTesting.size, other.transportsForTesting.size]).toEqual([2, 1]);

    // Pause, resume and close go along.
    const told = recordNames(['piped', pipeProducer!.observer, ['pause', 'resume', 'close']]);
    await producer.pause();
    await expect.poll(() => pipeProducer?.paused).toBe(true);
    await producer.resume();
    await expect.poll(() => pipeProducer?.paused).toBe(false);
    producer.close();
    await expect.poll(() => pipeProducer?.closed).toBe(true);
    expect(told).toEqual(['piped pause', 'piped resume', 'piped close']);
  });

  test('within one worker an id cannot be there twice', async () => {
    const worker = await start();
    const router = await worker.createRouter({ mediaCodecs: [OPUS] });
    const other = await worker.createRouter({ mediaCodecs: [OPUS] });
    const { id: producerId } = await (
      await newTransport(router)
    ).produce({ kind: 'audio', rtpParameters: voice() });
    await expect(router.pipeToRouter({ producerId, router: other })).rejects.toThrow(/already exists/);
  });

  test('many at once share one pair of transports; data producers too', async () => {
    const router = await newRouter();
    const other = await newRouter();
    const direct = await router.createDirectTransport();
    const sending = await newTransport(router);
    const audio = await sending.produce({ kind: 'audio', rtpParameters: voice() });
    const video = await sending.produce({ kind: 'video', rtpParameters: picture(), paused: true });
    const data = await direct.produceData({ label: 'chat', protocol: 'text' });
    const [, { pipeProducer }, { pipeDataConsumer, pipeDataProducer }] = await Promise.all([
      router.pipeToRouter({ producerId: audio.id, router: other }),
      router.pipeToRouter({ producerId: video.id, router: other }),
      router.pipeToRouter({ dataProducerId: data.id, router: other }),
    ]);
    expect(pipeProducer?.paused).toBe(true);
    expect(pipeDataConsumer?.dataProducerId).toBe(data.id);
    expect(pipeDataProducer).toMatchObject({ id: data.id, label: 'chat', protocol: 'text' });
    expect([router.transportsForTesting.size, other.transportsForTesting.size]).toEqual([3, 1]);

    // The other router's end is the end of the pair; the next use makes a new one.
    const third = await newRouter();
    await router.pipeToRouter({ producerId: audio.id, router: third });
    other.close();
    await expect.poll(() => router.transportsForTesting.size).toBe(3);
    expect([audio.closed, video.closed]).toEqual([false, false]);
  });

  test.each<[what: string, options: (router: Router, other: Router) => object, names: RegExp]>([
    ['nothing to pipe', (_r, other) => ({ router: other }), /producerId/],
    [
      'two things',
      (_r, other) => ({ router: other, producerId: 'a', dataProducerId: 'b' }),
      /dataProducerId/,
    ],
    ['no router', () => ({ producerId: 'a' }), /router/],
    ['itself', (router) => ({ router, producerId: 'a' }), /router/],
    ['an unknown producer', (_r, other) => ({ router: other, producerId: 'a' }), /producerId/],
    ['an unknown data producer', (_r, other) => ({ router: other, dataProducerId: 'a' }), /dataProducerId/],
    [
      'two ways to listen',
      (_r, other) => ({ router: other, producerId: 'a', listenInfo: LISTEN, listenIp: '127.0.0.1' }),
      /listenIp/,
    ],
  ])('%s is a TypeError that names it', async (_what, options, names) => {
    const worker = await start();
    const [router, other] = [await worker.createRouter(), await worker.createRouter()];
    const error: unknown = await router
      .pipeToRouter(options(router, other) as never)
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TypeError);
    expect((error as Error).message).toMatch(names);
    expect([router.transportsForTesting.size, other.transportsForTesting.size]).toEqual([0, 0]);
  });
});

describe('its end', () => {
  test('close() closes what is in it, innermost first; then every call is an InvalidStateError', async () => {
    const router = await newRouter();
    const [transport, levels] = [await newTransport(router), await router.createAudioLevelObserver()];
    const producer = await transport.produce({ kind: 'audio', rtpParameters: voice() });
    const log = recordNames(
      ['producer', producer, ['transportclose']],
      ['transport', transport, ['routerclose']],
      ['transport observer', transport.observer, ['close']],
      ['levels', levels, ['routerclose']],
      ['router', router, ['workerclose']],
      ['router observer', router.observer, ['close']],
    );
    router.close();
    router.close();
    expect(log).toEqual([
      'producer transportclose',
      'transport routerclose',
      'transport observer close',
      'levels routerclose',
      'router observer close',
    ]);
    for (const call of [
      () => router.dump(),
      () => router.createWebRtcTransport({ listenInfos: [LISTEN] }),
      () => router.createPlainTransport({ listenInfo: LISTEN }),
      () => router.createPipeTransport({ listenInfo: LISTEN }),
      () => router.createDirectTransport(),
      () => router.createAudioLevelObserver(),
      () => router.createActiveSpeakerObserver(),
      () => router.createVirtualStreams(),
      () => router.pipeToRouter({ producerId: producer.id, router }),
    ])
      await expect(call()).rejects.toThrow(InvalidStateError);
    expect(() => router.updateMediaCodecs([])).toThrow(InvalidStateError);
  });

  test('a transport that is being made when the router closes ends with it', async () => {
    const router = await newRouter();
    const made = router.createPlainTransport({ listenInfo: LISTEN });
    router.close();
    const outcome = await made.then(
      (transport) => transport.closed,
      (error: unknown) => error instanceof InvalidStateError,
    );
    expect(outcome).toBe(true);
  });
});
