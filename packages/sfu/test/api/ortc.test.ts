/** From capabilities and parameters to parameters: who can send what to whom, and which field is wrong. */
import { describe, expect, test } from 'vitest';
import { answerProfileLevel, readProfileLevel } from '../../src/api/ortc/h264Profile.js';
import * as ortc from '../../src/api/ortc/index.js';
import { UnsupportedError } from '../../src/channel/errors.js';
import type { RtpCapabilities, RouterRtpCodecCapability, RtpParameters } from '../../src/types.js';

const OPUS = { kind: 'audio' as const, mimeType: 'audio/opus', clockRate: 48_000, channels: 2 };
const VP8 = { kind: 'video' as const, mimeType: 'video/VP8', clockRate: 90_000 };
const h264 = (id: string, mode = 1): RouterRtpCodecCapability => ({
  kind: 'video',
  mimeType: 'video/H264',
  clockRate: 90_000,
  parameters: { 'packetization-mode': mode, 'profile-level-id': id, 'level-asymmetry-allowed': 1 },
});
const MID = 'urn:ietf:params:rtp-hdrext:sdes:mid';
const ABS_SEND_TIME = 'http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time';
const TRANSPORT_CC = 'http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01';

const router = ortc.generateRouterRtpCapabilities([OPUS, VP8, h264('42e01f')]);

const sent = (): RtpParameters => ({
  mid: '0',
  codecs: [
    { mimeType: 'video/VP8', clockRate: 90_000, payloadType: 96, rtcpFeedback: [{ type: 'nack' }] },
    { mimeType: 'video/rtx', clockRate: 90_000, payloadType: 97, parameters: { apt: 96 } },
  ],
  headerExtensions: [{ uri: MID, id: 4 }],
  encodings: [
    { rid: 'l', scalabilityMode: 'L1T3', maxBitrate: 100_000 },
    { rid: 'h', scalabilityMode: 'L1T3', maxBitrate: 900_000 },
  ],
  rtcp: { cname: 'ada' },
});

/** As a transport does it. */
function consumable(parameters = sent(), capabilities = router): RtpParameters {
  ortc.validateRtpParameters(parameters);
  const mapping = ortc.getProducerRtpParametersMapping(parameters, capabilities);
  return ortc.getConsumableRtpParameters('video', parameters, capabilities, mapping);
}

describe('generateRouterRtpCapabilities()', () => {
  test('gives payload types out in order, keeps wanted ones, puts RTX behind video', () => {
    expect(
      router.codecs?.map(({ mimeType, preferredPayloadType }) => [mimeType, preferredPayloadType]),
    ).toEqual([
      ['audio/opus', 100],
      ['video/VP8', 101],
      ['video/rtx', 102],
      ['video/H264', 103],
      ['video/rtx', 104],
    ]);
    expect(router.codecs?.[2]?.parameters).toEqual({ apt: 101 });
    const wanted = ortc.generateRouterRtpCapabilities([{ ...OPUS, preferredPayloadType: 100 }, VP8]);
    expect(wanted.codecs?.map(({ preferredPayloadType }) => preferredPayloadType)).toEqual([100, 101, 102]);
  });

  test('leaves what it was given as it was', () => {
    const codecs = [{ ...OPUS, parameters: { useinbandfec: 1 } }];
    const before = structuredClone(codecs);
    expect(ortc.generateRouterRtpCapabilities(codecs).codecs?.[0]?.parameters).toEqual({ useinbandfec: 1 });
    expect(codecs).toEqual(before);
  });

  test('refuses unknown codecs, channels and clock rates, payload types given twice, and too many codecs', () => {
    for (const codec of [
      { ...OPUS, mimeType: 'audio/nonsense' },
      { ...OPUS, channels: 1 },
      { ...OPUS, clockRate: 44_100 },
      { ...VP8, mimeType: 'video/rtx' },
    ])
      expect(() => ortc.generateRouterRtpCapabilities([codec])).toThrow(UnsupportedError);
    const twice = { ...OPUS, preferredPayloadType: 120 };
    expect(() => ortc.generateRouterRtpCapabilities([twice, twice])).toThrow(/preferredPayloadType/);
    expect(() => ortc.generateRouterRtpCapabilities(Array.from({ length: 17 }, () => VP8))).toThrow(
      /allocate/,
    );
  });
});

describe('validation', () => {
  test.each<[string, (parameters: RtpParameters) => void]>([
    ['rtpParameters.mid', (p) => Object.assign(p, { mid: 7 })],
    ['rtpParameters.codecs', (p) => Object.assign(p, { codecs: 'opus' })],
    ['rtpParameters.codecs[0]', (p) => Object.assign(p.codecs, ['opus'])],
    ['rtpParameters.codecs[0].mimeType', (p) => Object.assign(p.codecs[0]!, { mimeType: 'opus' })],
    ['rtpParameters.codecs[0].clockRate', (p) => Object.assign(p.codecs[0]!, { clockRate: '48000' })],
    ['rtpParameters.codecs[0].payloadType', (p) => Object.assign(p.codecs[0]!, { payloadType: 128 })],
    [
      'rtpParameters.codecs[1].parameters.apt',
      (p) => Object.assign(p.codecs[1]!, { parameters: { apt: 'x' } }),
    ],
    ['rtpParameters.codecs[0].rtcpFeedback[0]', (p) => Object.assign(p.codecs[0]!, { rtcpFeedback: [1] })],
    [
      'rtpParameters.headerExtensions[0].id',
      (p) => Object.assign(p, { headerExtensions: [{ uri: MID, id: 0 }] }),
    ],
    ['rtpParameters.headerExtensions[0].uri', (p) => Object.assign(p, { headerExtensions: [{ id: 1 }] })],
    ['rtpParameters.encodings[0].ssrc', (p) => Object.assign(p, { encodings: [{ ssrc: 2 ** 32 }] })],
    ['rtpParameters.encodings[0].rtx.ssrc', (p) => Object.assign(p, { encodings: [{ rtx: {} }] })],
    ['rtpParameters.encodings[0].rid', (p) => Object.assign(p, { encodings: [{ rid: 1 }] })],
    ['rtpParameters.rtcp.cname', (p) => Object.assign(p, { rtcp: { cname: 1 } })],
  ])('a mistake in %s is a TypeError that names it', (name, spoil) => {
    const parameters = sent();
    spoil(parameters);
    expect(() => ortc.validateRtpParameters(parameters)).toThrow(TypeError);
    expect(() => ortc.validateRtpParameters(parameters)).toThrow(name);
  });

  test.each([
    ['rtpCapabilities', null],
    ['rtpCapabilities.codecs', { codecs: {} }],
    ['rtpCapabilities.codecs[0].preferredPayloadType', { codecs: [{ ...OPUS, preferredPayloadType: 'x' }] }],
    ['rtpCapabilities.headerExtensions[0].kind', { headerExtensions: [{ uri: MID, preferredId: 1 }] }],
    ['rtpCapabilities.headerExtensions[0].preferredId', { headerExtensions: [{ kind: 'audio', uri: MID }] }],
  ])('a mistake in %s is a TypeError that names it', (name, capabilities) => {
    const validate = () => ortc.validateRtpCapabilities(capabilities as unknown as RtpCapabilities);
    expect(validate).toThrow(TypeError);
    expect(validate).toThrow(name);
  });

  test.each([
    [{ streamId: 1 }, true],
    [{ streamId: 1, ordered: false }, false],
    [{ streamId: 1, maxRetransmits: 2 }, false],
    [{ streamId: 1, ordered: false, maxPacketLifeTime: 5 }, false],
  ])('SCTP stream %j is ordered: %s', (stream, ordered) => {
    const filled: { streamId: number; ordered?: boolean } = { ...stream };
    ortc.validateSctpStreamParameters(filled);
    expect(filled.ordered).toBe(ordered);
  });

  test.each([
    ['streamId', {}],
    ['streamId', { streamId: 65_535 }],
    ['ordered', { streamId: 1, ordered: true, maxPacketLifeTime: 5 }],
    ['maxRetransmits', { streamId: 1, maxPacketLifeTime: 5, maxRetransmits: 5 }],
  ])('a wrong %s of an SCTP stream is a TypeError that names it: %j', (name, stream) => {
    const validate = () => ortc.validateSctpStreamParameters(stream as { streamId: number });
    expect(validate).toThrow(TypeError);
    expect(validate).toThrow(name);
  });
});

describe('from producer to consumer', () => {
  test("payload types and extension ids become the router's, encodings get SSRCs and lose RIDs", () => {
    const parameters = consumable();
    expect(parameters.codecs.map(({ mimeType, payloadType }) => [mimeType, payloadType])).toEqual([
      ['video/VP8', 101],
      ['video/rtx', 102],
    ]);
    const [low, high] = parameters.encodings ?? [];
    expect(low).toMatchObject({ scalabilityMode: 'L1T3', maxBitrate: 100_000 });
    expect(low).not.toHaveProperty('rid');
    expect(high?.ssrc).toBe((low?.ssrc ?? 0) + 1);
    expect(parameters.rtcp).toEqual({ cname: 'ada', reducedSize: true });
  });

  test('codecs that the router does not have, and RTX of nothing, are refused', () => {
    const unknown = sent();
    unknown.codecs[0]!.mimeType = 'video/VP9';
    expect(() => consumable(unknown)).toThrow(UnsupportedError);
    const orphan = sent();
    orphan.codecs[1]!.parameters = { apt: 111 };
    expect(() => consumable(orphan)).toThrow(/apt/);
  });

  test('a consumer has one stream with all layers, RTX where both have it, and one way to tell the bandwidth', () => {
    const parameters = ortc.getConsumerRtpParameters({
      consumableRtpParameters: consumable(),
      remoteRtpCapabilities: structuredClone(router),
      pipe: false,
      enableRtx: true,
    });
    const [encoding] = parameters.encodings ?? [];
    expect(parameters.encodings).toHaveLength(1);
    expect(encoding).toMatchObject({ scalabilityMode: 'L2T3', maxBitrate: 900_000 });
    expect(encoding?.rtx?.ssrc).toBe((encoding?.ssrc ?? 0) + 1);
    expect(parameters.codecs[0]?.rtcpFeedback?.map(({ type }) => type)).toEqual([
      'nack',
      'nack',
      'ccm',
      'transport-cc',
    ]);
  });

  test.each([
    [[], []],
    [[ABS_SEND_TIME], ['goog-remb']],
    [[ABS_SEND_TIME, TRANSPORT_CC], ['transport-cc']],
  ])('with the extensions %j the bandwidth is told by %j', (uris, types) => {
    const remote = structuredClone(router);
    remote.headerExtensions = remote.headerExtensions?.filter(({ uri }) => uris.includes(uri)) ?? [];
    const { codecs } = ortc.getConsumerRtpParameters({
      consumableRtpParameters: consumable(),
      remoteRtpCapabilities: remote,
      pipe: false,
      enableRtx: false,
    });
    expect(codecs).toHaveLength(1); // no RTX
    const told = codecs[0]?.rtcpFeedback?.filter(
      ({ type }) => type === 'goog-remb' || type === 'transport-cc',
    );
    expect(told?.map(({ type }) => type)).toEqual(types);
    expect(codecs[0]?.rtcpFeedback).not.toContainEqual({ type: 'nack', parameter: '' });
  });

  test('a pipe has all encodings, with RTX and NACK only where asked for, and no feedback on bandwidth', () => {
    const source = consumable();
    const bare = ortc.getPipeConsumerRtpParameters({ consumableRtpParameters: source, enableRtx: false });
    expect(bare.codecs.map(({ mimeType }) => mimeType)).toEqual(['video/VP8']);
    expect(bare.codecs[0]?.rtcpFeedback).toEqual([
      { type: 'nack', parameter: 'pli' },
      { type: 'ccm', parameter: 'fir' },
    ]);
    expect(bare.encodings).toHaveLength(2);
    for (const { uri } of bare.headerExtensions ?? [])
      expect([MID, ABS_SEND_TIME, TRANSPORT_CC]).not.toContain(uri);
    const repaired = ortc.getPipeConsumerRtpParameters({ consumableRtpParameters: source, enableRtx: true });
    expect(repaired.codecs).toHaveLength(2);
    expect(repaired.encodings?.every(({ rtx }) => rtx !== undefined)).toBe(true);
  });

  test('canConsume() is about media codecs: RTX alone is nothing', () => {
    expect(ortc.canConsume(consumable(), structuredClone(router))).toBe(true);
    expect(ortc.canConsume(consumable(), { codecs: [] })).toBe(false);
    const rtxOnly = { codecs: router.codecs?.filter(({ mimeType }) => mimeType === 'video/rtx') ?? [] };
    expect(ortc.canConsume(consumable(), rtxOnly)).toBe(false);
  });
});

describe('H.264 (RFC 6184 §8.1)', () => {
  test.each([
    ['42e01f', 'constrained-baseline', 31],
    ['42c02a', 'constrained-baseline', 42],
    ['4d8015', 'constrained-baseline', 21],
    ['42001f', 'baseline', 31],
    ['4d001f', 'main', 31],
    ['64001f', 'high', 31],
    ['640c1f', 'constrained-high', 31],
    ['f4001f', 'predictive-high-444', 31],
    ['42f00b', 'constrained-baseline', 10.5],
  ])('%s is %s, level %d tenths', (id, profile, level) => {
    expect(readProfileLevel(id)).toEqual({ profile, level });
  });

  test.each(['', '42e0', '42e01g', '42e01f00', '000000', '42e000'])('%j is nothing', (id) => {
    expect(readProfileLevel(id)).toBeUndefined();
  });

  test('the answer keeps the own level where levels may differ, else the lower one', () => {
    const free = (id: string) => ({ 'profile-level-id': id, 'level-asymmetry-allowed': 1 });
    expect(answerProfileLevel(free('42e015'), free('42e01f'))).toEqual({ id: '42e015' });
    expect(answerProfileLevel(free('42e02a'), { 'profile-level-id': '42e01f' })).toEqual({ id: '42e01f' });
    expect(answerProfileLevel({}, {})).toEqual({});
    expect(answerProfileLevel(free('4d001f'), free('42e01f'))).toBeUndefined();
  });

  test('profile and packetization mode must be the same', () => {
    const parameters = (id: string, mode: number): RtpParameters => ({
      ...sent(),
      codecs: [
        {
          mimeType: 'video/H264',
          clockRate: 90_000,
          payloadType: 96,
          parameters: h264(id, mode).parameters!,
        },
      ],
    });
    expect(consumable(parameters('42e034', 1)).codecs[0]?.payloadType).toBe(103);
    expect(() => consumable(parameters('42e01f', 0))).toThrow(UnsupportedError);
    expect(() => consumable(parameters('64001f', 1))).toThrow(UnsupportedError);
  });
});

describe('RED for audio', () => {
  const RED = { kind: 'audio' as const, mimeType: 'audio/red', clockRate: 48_000, channels: 2 };
  const router = ortc.generateRouterRtpCapabilities([
    { ...OPUS, preferredPayloadType: 111 },
    { ...RED, preferredPayloadType: 63 },
  ]);
  const sent = (opusType: number, redFirst: boolean): RtpParameters => {
    const opus = { mimeType: 'audio/opus', payloadType: opusType, clockRate: 48_000, channels: 2 };
    const red = { mimeType: 'audio/red', payloadType: 63, clockRate: 48_000, channels: 2 };
    return { codecs: redFirst ? [red, opus] : [opus, red], encodings: [{ ssrc: 1 }] };
  };
  const consumable = (parameters: RtpParameters): RtpParameters =>
    ortc.getConsumableRtpParameters(
      'audio',
      parameters,
      router,
      ortc.getProducerRtpParametersMapping(parameters, router),
    );

  test('goes to receivers that know it, with the codec that is within', () => {
    const parameters = ortc.getConsumerRtpParameters({
      consumableRtpParameters: consumable(sent(111, true)),
      remoteRtpCapabilities: router,
      pipe: false,
      enableRtx: false,
    });
    expect(parameters.codecs.map(({ mimeType, payloadType }) => [mimeType, payloadType])).toEqual([
      ['audio/red', 63],
      ['audio/opus', 111],
    ]);
  });

  test('is refused when the payload types within it would mean something else behind the router', () => {
    expect(() => consumable(sent(109, true))).toThrow(/audio\/red.*preferredPayloadType/);
  });

  test('who sends it always is not for receivers that do not know it; who may send it is', () => {
    const withoutRed = {
      ...router,
      codecs: router.codecs?.filter(({ mimeType }) => mimeType !== 'audio/red'),
    };
    expect(ortc.canConsume(consumable(sent(111, true)), router)).toBe(true);
    expect(ortc.canConsume(consumable(sent(111, true)), structuredClone(withoutRed) as RtpCapabilities)).toBe(
      false,
    );
    expect(
      ortc.canConsume(consumable(sent(111, false)), structuredClone(withoutRed) as RtpCapabilities),
    ).toBe(true);
  });
});
