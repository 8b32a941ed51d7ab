/** What each kind of transport has of its own: how it is connected, its getters, its events. */
import { beforeEach, describe, expect, test } from 'vitest';
import { DirectTransport } from '../../src/api/directTransport.js';
import { PipeTransport } from '../../src/api/pipeTransport.js';
import { PlainTransport } from '../../src/api/plainTransport.js';
import { WebRtcTransport } from '../../src/api/webRtcTransport.js';
import { UnsupportedError } from '../../src/channel/errors.js';
import type { DtlsParameters, SrtpParameters } from '../../src/types.js';
import { FakeChannel, opus, record } from './support/fakeChannel.js';
import { answerAsUsual, FakeRouter, TUPLE } from './support/transportRouter.js';

const CONNECTED = { ...TUPLE, remoteIp: '127.0.0.1', remotePort: 5_000 };
const KEY_30: SrtpParameters = {
  cryptoSuite: 'AES_CM_128_HMAC_SHA1_80',
  keyBase64: Buffer.alloc(30, 1).toString('base64'),
};
const KEY_44: SrtpParameters = {
  cryptoSuite: 'AEAD_AES_256_GCM',
  keyBase64: Buffer.alloc(44, 1).toString('base64'),
};

let channel: FakeChannel;
let router: FakeRouter;
let log: unknown[][];

beforeEach(() => {
  channel = answerAsUsual(new FakeChannel());
  router = new FakeRouter();
  log = [];
});

const construction = <Data>(data: Data) => ({
  id: 't',
  process: channel.process,
  router,
  data,
  appData: undefined,
  onClosed: () => {},
});

describe('WebRtcTransport', () => {
  const ICE = { usernameFragment: 'ufrag', password: 'password', iceLite: true };
  const FINGERPRINT = { algorithm: 'sha-256' as const, value: 'AA:BB' };
  let transport: WebRtcTransport;

  beforeEach(() => {
    transport = new WebRtcTransport(
      construction({
        iceParameters: ICE,
        iceCandidates: [],
        dtlsParameters: { role: 'auto' as const, fingerprints: [FINGERPRINT] },
      }),
    );
    record(log, 'transport', transport, [
      'icestatechange',
      'iceselectedtuplechange',
      'dtlsstatechange',
      'datachannel',
    ]);
    record(log, 'observer', transport.observer, [
      'icestatechange',
      'iceselectedtuplechange',
      'dtlsstatechange',
      'newdatachannel',
    ]);
  });

  test('is new at first', () => {
    expect(transport).toMatchObject({
      type: 'webrtc',
      iceRole: 'controlled',
      iceState: 'new',
      dtlsState: 'new',
    });
    expect(transport.iceParameters).toEqual(ICE);
    expect(transport.iceCandidates).toEqual([]);
    expect([transport.iceSelectedTuple, transport.dtlsRemoteCert, transport.sctpState]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  test('connect() takes over the role that the media process chose', async () => {
    channel.answer('transport.connect', () => ({ dtlsLocalRole: 'client' }));
    await transport.connect({ dtlsParameters: { role: 'server', fingerprints: [FINGERPRINT] } });
    expect(transport.dtlsParameters.role).toBe('client');
  });

  test.each([
    ['fingerprints', {}],
    ['fingerprints', { fingerprints: [] }],
    ['algorithm', { fingerprints: [{ algorithm: 'sha-257', value: 'AA' }] }],
    ['value', { fingerprints: [{ algorithm: 'sha-256' }] }],
    ['role', { role: 'chicken', fingerprints: [FINGERPRINT] }],
  ])('connect() with wrong %s is a TypeError that names them: %j', async (name, dtlsParameters) => {
    const call = transport.connect({ dtlsParameters: dtlsParameters as unknown as DtlsParameters });
    await expect(call).rejects.toThrow(TypeError);
    await expect(call).rejects.toThrow(name);
    expect(channel.requests).toEqual([]);
  });

  test('restartIce() gives new credentials', async () => {
    const iceParameters = { usernameFragment: 'new', password: 'newer', iceLite: true };
    channel.answer('transport.restartIce', () => iceParameters);
    expect(await transport.restartIce()).toEqual(iceParameters);
    expect(transport.iceParameters).toEqual(iceParameters);
  });

  test('states come to the transport first, then to its observer', () => {
    channel.emit('t', { event: 'transport.tuple', transportId: 't', tuple: CONNECTED });
    channel.emit('t', { event: 'transport.iceState', transportId: 't', iceState: 'completed' });
    channel.emit('t', { event: 'transport.dtlsState', transportId: 't', dtlsState: 'connecting' });
    channel.emit('t', {
      event: 'transport.dtlsState',
      transportId: 't',
      dtlsState: 'connected',
      remoteCertificate: 'PEM',
    });
    expect(transport).toMatchObject({ iceState: 'completed', dtlsState: 'connected', dtlsRemoteCert: 'PEM' });
    expect(transport.iceSelectedTuple).toEqual(CONNECTED);
    expect(log).toEqual(
      [
        ['iceselectedtuplechange', CONNECTED],
        ['icestatechange', 'completed'],
        ['dtlsstatechange', 'connecting'],
        ['dtlsstatechange', 'connected'],
      ].flatMap((event) => [
        ['transport', ...event],
        ['observer', ...event],
      ]),
    );
  });

  test('closing changes the states without events', () => {
    channel.emit('t', { event: 'transport.tuple', transportId: 't', tuple: CONNECTED });
    log.length = 0;
    transport.close();
    expect(transport).toMatchObject({ iceState: 'closed', dtlsState: 'closed' });
    expect(transport.iceSelectedTuple).toBeUndefined();
    expect(log).toEqual([]);
  });
});

describe('PlainTransport', () => {
  const plain = (data: object = {}): PlainTransport =>
    new PlainTransport(construction({ tuple: TUPLE, rtcpMux: true, comedia: false, ...data }));

  test('the getters say what it was made with', () => {
    const transport = plain({ rtcpMux: false, rtcpTuple: TUPLE, srtpParameters: KEY_30 });
    expect(transport).toMatchObject({
      type: 'plain',
      tuple: TUPLE,
      rtcpTuple: TUPLE,
      srtpParameters: KEY_30,
    });
    expect([plain().rtcpTuple, plain().srtpParameters]).toEqual([undefined, undefined]);
  });

  test('connect() with an address', async () => {
    channel.answer('transport.connectPlain', () => ({ tuple: CONNECTED }));
    const transport = plain();
    await transport.connect({ ip: '127.0.0.1', port: 5_000 });
    expect(channel.last('transport.connectPlain')).toEqual({
      transportId: 't',
      ip: '127.0.0.1',
      port: 5_000,
    });
    expect(transport.tuple).toEqual(CONNECTED);
  });

  test('connect() with SRTP takes both keys', async () => {
    channel.answer('transport.connectPlain', () => ({ tuple: CONNECTED, srtpParameters: KEY_44 }));
    const transport = plain({ srtpParameters: KEY_30 });
    await transport.connect({ ip: '127.0.0.1', port: 5_000, srtpParameters: KEY_44 });
    expect(channel.last('transport.connectPlain')).toMatchObject({ srtpParameters: KEY_44 });
    expect(transport.srtpParameters).toEqual(KEY_44);
  });

  test.each([
    ['ip', {}, {}],
    ['ip', {}, { ip: 'example.com', port: 1 }],
    ['port', {}, { ip: '127.0.0.1' }],
    ['port', {}, { ip: '127.0.0.1', port: 0 }],
    ['port', {}, { ip: '127.0.0.1', port: 65_536 }],
    ['rtcpPort', {}, { ip: '127.0.0.1', port: 1, rtcpPort: 2 }],
    ['rtcpPort', { rtcpMux: false }, { ip: '127.0.0.1', port: 1 }],
    ['ip', { comedia: true }, { ip: '127.0.0.1', port: 1 }],
    ['port', { comedia: true }, { port: 1 }],
    ['srtpParameters', {}, { ip: '127.0.0.1', port: 1, srtpParameters: KEY_30 }],
    ['srtpParameters', { srtpParameters: KEY_30 }, { ip: '127.0.0.1', port: 1 }],
    [
      'cryptoSuite',
      { srtpParameters: KEY_30 },
      { ip: '127.0.0.1', port: 1, srtpParameters: { ...KEY_30, cryptoSuite: 'ROT13' } },
    ],
    [
      'keyBase64',
      { srtpParameters: KEY_30 },
      { ip: '127.0.0.1', port: 1, srtpParameters: { ...KEY_30, cryptoSuite: 'AEAD_AES_128_GCM' } },
    ],
  ])('a wrong %s is a TypeError that names it (%j, %j)', async (name, data, options) => {
    const call = plain(data).connect(options as Parameters<PlainTransport['connect']>[0]);
    await expect(call).rejects.toThrow(TypeError);
    await expect(call).rejects.toThrow(name);
    expect(channel.requests).toEqual([]);
  });

  test('comedia: the tuples come as events', () => {
    const transport = plain({ comedia: true, rtcpMux: false, rtcpTuple: TUPLE });
    record(log, 'transport', transport, ['tuple', 'rtcptuple']);
    record(log, 'observer', transport.observer, ['tuple', 'rtcptuple']);
    channel.emit('t', { event: 'transport.tuple', transportId: 't', tuple: CONNECTED });
    channel.emit('t', { event: 'transport.rtcpTuple', transportId: 't', tuple: CONNECTED });
    expect([transport.tuple, transport.rtcpTuple]).toEqual([CONNECTED, CONNECTED]);
    expect(log).toEqual([
      ['transport', 'tuple', CONNECTED],
      ['observer', 'tuple', CONNECTED],
      ['transport', 'rtcptuple', CONNECTED],
      ['observer', 'rtcptuple', CONNECTED],
    ]);
  });
});

describe('PipeTransport', () => {
  const pipe = (data: object = {}): PipeTransport =>
    new PipeTransport(construction({ tuple: TUPLE, rtx: false, ...data }));

  test('connect()', async () => {
    channel.answer('transport.connectPipe', () => ({ tuple: CONNECTED }));
    const transport = pipe({ srtpParameters: KEY_44 });
    expect(transport).toMatchObject({ type: 'pipe', tuple: TUPLE, srtpParameters: KEY_44 });
    await transport.connect({ ip: '127.0.0.1', port: 5_000, srtpParameters: KEY_44 });
    expect(transport.tuple).toEqual(CONNECTED);
  });

  test.each([
    ['ip', {}, { port: 1 }],
    ['port', {}, { ip: '127.0.0.1' }],
    ['srtpParameters', {}, { ip: '127.0.0.1', port: 1, srtpParameters: KEY_44 }],
    ['srtpParameters', { srtpParameters: KEY_44 }, { ip: '127.0.0.1', port: 1 }],
  ])('a wrong %s is a TypeError that names it (%j, %j)', async (name, data, options) => {
    const call = pipe(data).connect(options as Parameters<PipeTransport['connect']>[0]);
    await expect(call).rejects.toThrow(TypeError);
    await expect(call).rejects.toThrow(name);
  });

  test('consume() needs no capabilities: it is of type pipe, with all encodings and no MID', async () => {
    const transport = pipe();
    const producer = await transport.produce({ kind: 'audio', rtpParameters: opus() });
    const consumer = await transport.consume({ producerId: producer.id, appData: { foo: 1 } });
    expect(consumer).toMatchObject({ type: 'pipe', paused: false, appData: { foo: 1 } });
    expect(consumer.rtpParameters.mid).toBeUndefined();
    expect(channel.last('transport.consume')).toMatchObject({ type: 'pipe' });
    await expect(transport.consume({ producerId: 'nobody' })).rejects.toThrow(/producerId/);
  });

  test('each producer behind it keeps its CNAME', async () => {
    const transport = pipe();
    await transport.produce({ kind: 'audio', rtpParameters: opus('0', 1) });
    const other = await transport.produce({
      kind: 'audio',
      rtpParameters: { ...opus('1', 2), rtcp: { cname: 'grace' } },
    });
    expect(other.rtpParameters.rtcp?.cname).toBe('grace');
  });
});

describe('DirectTransport', () => {
  let transport: DirectTransport;
  beforeEach(() => {
    transport = new DirectTransport(construction({}));
  });

  test('has no path to connect or to limit', async () => {
    expect(transport.type).toBe('direct');
    await transport.connect();
    for (const call of [
      transport.setMaxIncomingBitrate(),
      transport.setMaxOutgoingBitrate(),
      transport.setMinOutgoingBitrate(),
    ])
      await expect(call).rejects.toThrow(UnsupportedError);
    expect(channel.requests).toEqual([]);
  });

  test('RTCP goes out and comes in', () => {
    record(log, 'transport', transport, ['rtcp']);
    transport.sendRtcp(Buffer.from([0x80, 200]));
    expect(channel.notices).toEqual([
      { notice: 'transport.sendRtcp', transportId: 't', packet: Buffer.from([0x80, 200]) },
    ]);
    expect(() => transport.sendRtcp('x' as unknown as Buffer)).toThrow(TypeError);
    channel.emit('t', { event: 'transport.rtcp', transportId: 't', packet: new Uint8Array([0x80, 201]) });
    expect(log).toEqual([['transport', 'rtcp', Buffer.from([0x80, 201])]]);
  });

  test('data needs no stream', async () => {
    const dataProducer = await transport.produceData({ label: 'foo' });
    expect(dataProducer).toMatchObject({ type: 'direct', label: 'foo', protocol: '' });
    expect(dataProducer.sctpStreamParameters).toBeUndefined();
    const dataConsumer = await transport.consumeData({ dataProducerId: dataProducer.id });
    expect(dataConsumer.type).toBe('direct');
    expect(dataConsumer.sctpStreamParameters).toBeUndefined();
  });
});
