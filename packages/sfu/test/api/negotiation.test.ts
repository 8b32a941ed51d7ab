/** From capabilities and parameters to parameters: who can send what to whom, and which field is wrong. */
import { describe, expect, test } from 'vitest';
import {
  canConsume,
  checkProducerParameters,
  consumableRtpParameters,
  consumerRtpParameters,
  producerRtpParameters,
  routerRtpCapabilities,
  slotRtpParameters,
} from '../../src/api/negotiation.js';
import { UnsupportedError } from '../../src/channel/errors.js';
import type { RtpCapabilities, RtpParameters } from '../../src/types.js';

const OPUS = { kind: 'audio' as const, mimeType: 'audio/opus', clockRate: 48_000, channels: 2 };
const MID = 'urn:ietf:params:rtp-hdrext:sdes:mid';
const LEVEL = 'urn:ietf:params:rtp-hdrext:ssrc-audio-level';
const TRANSPORT_CC = 'http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01';

const router = routerRtpCapabilities([OPUS]);

const sent: RtpParameters = {
  mid: '0',
  codecs: [
    { ...OPUS, payloadType: 111, parameters: { useinbandfec: 1 }, rtcpFeedback: [{ type: 'transport-cc' }] },
    { mimeType: 'audio/red', clockRate: 48_000, channels: 2, payloadType: 63 },
  ],
  headerExtensions: [
    { uri: LEVEL, id: 1 },
    { uri: MID, id: 4 },
  ],
  encodings: [{ ssrc: 1234 }],
  rtcp: { cname: 'ada', reducedSize: true },
};

/** As Chromium offers it in a receiving section. */
const browser: RtpCapabilities = {
  codecs: [
    { ...OPUS, preferredPayloadType: 111, rtcpFeedback: [{ type: 'transport-cc' }, { type: 'nack' }] },
    { kind: 'audio', mimeType: 'audio/PCMU', preferredPayloadType: 0, clockRate: 8_000 },
  ],
  headerExtensions: [
    { kind: 'audio', uri: LEVEL, preferredId: 1 },
    { kind: 'audio', uri: TRANSPORT_CC, preferredId: 3 },
    { kind: 'audio', uri: MID, preferredId: 4 },
  ],
};

describe('routers', () => {
  test('give dynamic payload types out in order and keep wanted ones', () => {
    expect(router.codecs?.[0]).toMatchObject({ mimeType: 'audio/opus', preferredPayloadType: 100 });
    expect(
      routerRtpCapabilities([{ ...OPUS, preferredPayloadType: 120 }]).codecs?.[0]?.preferredPayloadType,
    ).toBe(120);
  });

  test('refuse codecs that are not there, and the same payload type twice', () => {
    expect(() => routerRtpCapabilities([{ ...OPUS, mimeType: 'audio/nonsense' }])).toThrow(UnsupportedError);
    const twice = { ...OPUS, preferredPayloadType: 120 };
    expect(() => routerRtpCapabilities([twice, twice])).toThrow(/preferredPayloadType/);
  });
});

describe('producers', () => {
  test("keep the sender's own numbers, without codecs that the router does not have", () => {
    const parameters = producerRtpParameters(sent, router);
    expect(parameters.codecs.map(({ payloadType }) => payloadType)).toEqual([111]);
    expect(parameters.headerExtensions).toEqual(sent.headerExtensions);
  });

  test.each<[string, (parameters: RtpParameters) => RtpParameters]>([
    ['rtpParameters.codecs', (p) => ({ ...p, codecs: [] })],
    [
      'rtpParameters.codecs[0].payloadType',
      (p) => ({ ...p, codecs: [{ ...p.codecs[0]!, payloadType: 128 }] }),
    ],
    ['rtpParameters.codecs[0].mimeType', (p) => ({ ...p, codecs: [{ ...p.codecs[0]!, mimeType: 'opus' }] })],
    ['rtpParameters.headerExtensions[0]', (p) => ({ ...p, headerExtensions: [{ uri: LEVEL, id: 0 }] })],
    ['rtpParameters.encodings[0].ssrc', (p) => ({ ...p, encodings: [{ ssrc: 2 ** 32 }] })],
    ['neither mid nor an ssrc', ({ mid: _mid, ...p }) => ({ ...p, encodings: [] })],
  ])('a mistake in %s is a TypeError that names it', (name, spoil) => {
    expect(() => checkProducerParameters('audio', spoil(sent), router)).toThrow(TypeError);
    expect(() => checkProducerParameters('audio', spoil(sent), router)).toThrow(name);
  });

  test('a sender without a common codec is an UnsupportedError', () => {
    const other = { ...sent, codecs: [sent.codecs[1]!] };
    expect(() => checkProducerParameters('audio', other, router)).toThrow(UnsupportedError);
  });
});

describe('consumers', () => {
  test("get the router's payload types and extension ids, of which they take what they know", () => {
    const consumable = consumableRtpParameters(producerRtpParameters(sent, router), router);
    expect(canConsume(consumable, router)).toBe(true);
    const parameters = consumerRtpParameters(consumable, router, 99, '7');
    expect(parameters).toMatchObject({ mid: '7', encodings: [{ ssrc: 99 }], rtcp: { cname: 'ada' } });
    expect(parameters.codecs[0]).toMatchObject({ payloadType: 100, parameters: { useinbandfec: 1 } });
    const ids = new Map(router.headerExtensions?.map(({ uri, preferredId }) => [uri, preferredId]));
    for (const { uri, id } of parameters.headerExtensions ?? []) expect(id).toBe(ids.get(uri));
    expect(canConsume(consumable, { codecs: [] })).toBe(false);
  });
});

describe('slots', () => {
  test("speak the receiver's dialect: its payload type, its extension ids", () => {
    const parameters = slotRtpParameters(browser, router, { mid: '2', ssrc: 5, cname: 'tertulia' });
    expect(parameters).toMatchObject({ mid: '2', encodings: [{ ssrc: 5 }], rtcp: { cname: 'tertulia' } });
    expect(parameters.codecs).toHaveLength(1);
    expect(parameters.codecs[0]).toMatchObject({ mimeType: 'audio/opus', payloadType: 111 });
    expect(parameters.headerExtensions?.map(({ uri, id }) => [uri, id])).toEqual([
      [LEVEL, 1],
      [MID, 4],
    ]);
  });

  test('are answered with NACK where the receiver asked for it, and never with transport-cc', () => {
    const slot = { mid: '2', ssrc: 5, cname: 'tertulia' };
    expect(slotRtpParameters(browser, router, slot).codecs[0]?.rtcpFeedback).toEqual([{ type: 'nack' }]);
    const modest = { ...browser, codecs: [{ ...OPUS, preferredPayloadType: 109, rtcpFeedback: [] }] };
    expect(slotRtpParameters(modest, router, slot).codecs[0]?.rtcpFeedback).toEqual([]);
  });

  test('a receiver without Opus is an UnsupportedError', () => {
    const without = { codecs: [browser.codecs![1]!] };
    expect(() => slotRtpParameters(without, router, { mid: '2', ssrc: 5, cname: 'x' })).toThrow(
      UnsupportedError,
    );
  });
});
