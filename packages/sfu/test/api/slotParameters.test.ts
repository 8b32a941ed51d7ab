/** What a slot carries, in its receiver's dialect. */
import { describe, expect, test } from 'vitest';
import { generateRouterRtpCapabilities } from '../../src/api/ortc/index.js';
import { slotRtpParameters } from '../../src/api/slotParameters.js';
import { UnsupportedError } from '../../src/channel/errors.js';
import type { RtpCapabilities } from '../../src/types.js';

const OPUS = { kind: 'audio' as const, mimeType: 'audio/opus', clockRate: 48_000, channels: 2 };
const MID = 'urn:ietf:params:rtp-hdrext:sdes:mid';
const LEVEL = 'urn:ietf:params:rtp-hdrext:ssrc-audio-level';
const TRANSPORT_CC = 'http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01';

const router = generateRouterRtpCapabilities([OPUS]);

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
