/** What a slot carries, in its receiver's dialect. */
import { describe, expect, test } from 'vitest';
import { HEADER_EXTENSION_URIS } from '@tertulia/wire';
import { generateRouterRtpCapabilities } from '../../src/api/ortc/index.js';
import { audioSlotParameters, videoSlotParameters } from '../../src/api/slotParameters.js';
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
    const parameters = audioSlotParameters(browser, router, { mid: '2', ssrc: 5, cname: 'tertulia' });
    expect(parameters).toMatchObject({ mid: '2', encodings: [{ ssrc: 5 }], rtcp: { cname: 'tertulia' } });
    expect(parameters.codecs).toHaveLength(1);
    expect(parameters.codecs[0]).toMatchObject({ mimeType: 'audio/opus', payloadType: 111 });
    expect(parameters.headerExtensions?.map(({ uri, id }) => [uri, id])).toEqual([
      [LEVEL, 1],
      [MID, 4],
    ]);
  });

  test('tell when a packet was captured only where the receiver negotiated it', () => {
    const uri = HEADER_EXTENSION_URIS.absCaptureTime;
    for (const kind of ['audio', 'video'] as const) {
      const from = kind === 'audio' ? browser : videoBrowser;
      const of = (capabilities: RtpCapabilities): string[] => {
        const slot = { mid: '2', ssrc: 5, rtxSsrc: 6, cname: 'tertulia' };
        const { headerExtensions = [] } =
          kind === 'audio'
            ? audioSlotParameters(capabilities, router, slot)
            : videoSlotParameters(capabilities, videoRouter, slot);
        return headerExtensions.filter((each) => each.uri === uri).map(({ id }) => `${kind} ${id}`);
      };
      const { headerExtensions = [] } = from;
      expect(of(from)).toEqual([]);
      expect(of({ ...from, headerExtensions: [...headerExtensions, { kind, uri, preferredId: 9 }] })).toEqual(
        [`${kind} 9`],
      );
    }
  });

  test('are answered with NACK where the receiver asked for it, and never with transport-cc', () => {
    const slot = { mid: '2', ssrc: 5, cname: 'tertulia' };
    expect(audioSlotParameters(browser, router, slot).codecs[0]?.rtcpFeedback).toEqual([{ type: 'nack' }]);
    const modest = { ...browser, codecs: [{ ...OPUS, preferredPayloadType: 109, rtcpFeedback: [] }] };
    expect(audioSlotParameters(modest, router, slot).codecs[0]?.rtcpFeedback).toEqual([]);
  });

  test('a receiver without Opus is an UnsupportedError', () => {
    const without = { codecs: [browser.codecs![1]!] };
    expect(() => audioSlotParameters(without, router, { mid: '2', ssrc: 5, cname: 'x' })).toThrow(
      UnsupportedError,
    );
  });
});

const VP8 = { kind: 'video' as const, mimeType: 'video/VP8', clockRate: 90_000 };
const VP9 = { kind: 'video' as const, mimeType: 'video/VP9', clockRate: 90_000 };
const RTX = { kind: 'video' as const, mimeType: 'video/rtx', clockRate: 90_000 };
const ORIENTATION = 'urn:3gpp:video-orientation';
const feedback = [
  { type: 'goog-remb' },
  { type: 'transport-cc' },
  { type: 'ccm', parameter: 'fir' },
  { type: 'nack' },
  { type: 'nack', parameter: 'pli' },
];
const videoRouter = generateRouterRtpCapabilities([VP8, VP9]);
const videoBrowser: RtpCapabilities = {
  codecs: [
    { ...VP8, preferredPayloadType: 96, rtcpFeedback: feedback },
    { ...RTX, preferredPayloadType: 97, parameters: { apt: 96 } },
    { ...VP9, preferredPayloadType: 98, parameters: { 'profile-id': 0 }, rtcpFeedback: feedback },
    { ...RTX, preferredPayloadType: 99, parameters: { apt: 98 } },
    { ...VP9, preferredPayloadType: 100, parameters: { 'profile-id': 2 }, rtcpFeedback: feedback },
    { ...RTX, preferredPayloadType: 101, parameters: { apt: 100 } },
  ],
  headerExtensions: [
    { kind: 'video', uri: ORIENTATION, preferredId: 3 },
    { kind: 'video', uri: TRANSPORT_CC, preferredId: 4 },
    { kind: 'video', uri: 'urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id', preferredId: 10 },
  ],
};

describe('video slots', () => {
  const slot = { mid: '4', ssrc: 5, rtxSsrc: 6, cname: 'x' };

  test('have every codec that both sides have, with RTX, in the numbers of the receiver', () => {
    const { codecs, encodings } = videoSlotParameters(videoBrowser, videoRouter, slot);
    expect(codecs.map(({ payloadType }) => payloadType)).toEqual([96, 98, 97, 99]);
    expect(encodings).toEqual([{ ssrc: 5, rtx: { ssrc: 6 } }]);
  });

  test('carry what R6 lets through: no RIDs', () => {
    const { headerExtensions = [] } = videoSlotParameters(videoBrowser, videoRouter, slot);
    expect(headerExtensions.map(({ uri, id }) => [uri, id])).toEqual([
      [ORIENTATION, 3],
      [TRANSPORT_CC, 4],
    ]);
  });

  test('agree on one way to tell the bandwidth', () => {
    const types = ({ codecs: [codec] }: ReturnType<typeof videoSlotParameters>): string[] =>
      (codec?.rtcpFeedback ?? []).map(({ type, parameter = '' }) => `${type} ${parameter}`.trim());
    const repairs = ['nack', 'nack pli', 'ccm fir'];
    expect(types(videoSlotParameters(videoBrowser, videoRouter, slot)).sort()).toEqual(
      [...repairs, 'transport-cc'].sort(),
    );
    const without = { ...videoBrowser, headerExtensions: [] };
    expect(types(videoSlotParameters(without, videoRouter, slot)).sort()).toEqual(repairs.sort());
  });

  test('have no RTX SSRC where the receiver takes none', () => {
    const [codec] = videoBrowser.codecs!;
    const parameters = videoSlotParameters({ codecs: [codec!] }, videoRouter, slot);
    expect(parameters.encodings).toEqual([{ ssrc: 5 }]);
  });
});
