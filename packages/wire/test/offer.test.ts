import fc from 'fast-check';
import { parse } from 'sdp-transform';
import { describe, expect, test } from 'vitest';
import { readOffer, SDP_LIMITS, sectionToRtpCapabilities, sectionToRtpParameters } from '../src/index.js';
import type { SdpMediaSection, SdpOffer } from '../src/index.js';
import {
  CAMERA,
  DATA,
  FINGERPRINT,
  FULL,
  HEAD,
  lines,
  MICROPHONE,
  OFFER_FILES,
  offerOf,
  offerText,
  refusalOf,
  tryOffer,
} from './support/offers.js';

function mediaSection(offer: SdpOffer, index: number): SdpMediaSection {
  const section = offer.sections[index];
  if (section?.kind !== 'audio' && section?.kind !== 'video')
    throw new Error(`section ${index} has no media`);
  return section;
}

describe('offers that Chromium wrote', () => {
  test.each([
    ['meet-3a3v', ['audio 0', 'audio 1', 'audio 2', 'application 3', 'video 4', 'video 5', 'video 6']],
    [
      'meet-native-order',
      ['audio 0', 'audio 1', 'audio 2', 'video 3', 'video 4', 'video 5', 'application 6'],
    ],
    ['meet-3a0v', ['audio 0', 'audio 1', 'audio 2', 'application 3']],
    ['meet-0a1v', ['application 0', 'video 1']],
  ] as const)('%s: kinds and MIDs in order, one bundle, nothing rejected', (name, want) => {
    const offer = offerOf(offerText(name));
    expect(offer.sections.map(({ kind, mid }) => `${kind} ${mid}`)).toEqual(want);
    expect(offer.bundle).toEqual(offer.sections.map(({ mid }) => mid));
    expect(offer.sections.some(({ rejected }) => rejected)).toBe(false);
    expect(offer).toMatchObject({
      dtls: { setup: 'actpass' },
      extmapAllowMixed: true,
      ice: { options: ['trickle'] },
    });
  });

  test('transport of meet-3a3v', () => {
    expect(offerOf(offerText('meet-3a3v'))).toMatchObject({
      ice: { usernameFragment: 'Glem', password: 'NmLfdvfbbG5aRWHw646q5nWF' },
      dtls: {
        fingerprints: [
          {
            algorithm: 'sha-256',
            value:
              'EB:49:17:78:8F:D7:0D:C8:9F:C9:D2:F1:AC:E8:93:18:51:7C:A2:85:44:A1:3C:D3:54:B9:73:B2:DD:06:E7:89',
          },
        ],
      },
    });
  });

  test('an audio section of meet-3a3v', () => {
    const audio = mediaSection(offerOf(offerText('meet-3a3v')), 1);
    expect(audio).toMatchObject({
      mid: '1',
      direction: 'recvonly',
      rtcpMux: true,
      rtcpReducedSize: true,
      ssrcs: [],
    });
    expect(audio.codecs[0]).toEqual({
      payloadType: 111,
      mimeType: 'audio/opus',
      clockRate: 48_000,
      channels: 2,
      parameters: { minptime: 10, useinbandfec: 1 },
      rtcpFeedback: [{ type: 'transport-cc' }],
    });
    expect(audio.codecs.map(({ payloadType, mimeType }) => `${payloadType} ${mimeType}`)).toEqual([
      '111 audio/opus',
      '63 audio/red',
      '9 audio/G722',
      '0 audio/PCMU',
      '8 audio/PCMA',
      '13 audio/CN',
      '110 audio/telephone-event',
      '126 audio/telephone-event',
    ]);
    expect(audio.headerExtensions[3]).toEqual({ id: 4, uri: 'urn:ietf:params:rtp-hdrext:sdes:mid' });
  });

  test('a video section of meet-0a1v: each codec knows its retransmission, H264 its profile', () => {
    const { codecs } = mediaSection(offerOf(offerText('meet-0a1v')), 1);
    const by = (payloadType: number) => codecs.find((codec) => codec.payloadType === payloadType);
    expect(by(96)).toMatchObject({ mimeType: 'video/VP8', clockRate: 90_000, rtxPayloadType: 97 });
    expect(by(96)).not.toHaveProperty('channels');
    expect(by(97)).toMatchObject({ mimeType: 'video/rtx', parameters: { apt: 96 } });
    expect(by(108)?.parameters['profile-level-id']).toBe('42e01f');
    expect(by(45)?.rtcpFeedback).toEqual([
      { type: 'goog-remb' },
      { type: 'transport-cc' },
      { type: 'ccm', parameter: 'fir' },
      { type: 'nack' },
      { type: 'nack', parameter: 'pli' },
    ]);
  });

  test('the data section', () => {
    const section = offerOf(offerText('meet-3a0v')).sections[3];
    expect(section).toMatchObject({ kind: 'application', sctpPort: 5000, maxMessageSize: 262_144 });
  });
});

describe('an offer with sending sections', () => {
  const offer = offerOf(FULL);

  test('fingerprint and direction of the session count where a section has none', () => {
    expect(offer.dtls.fingerprints[0]).toEqual({ algorithm: 'sha-256', value: FINGERPRINT.slice(8) });
    const inactive = lines(...HEAD, 'a=recvonly', ...MICROPHONE.filter((line) => line !== 'a=sendonly'));
    expect(mediaSection(offerOf(inactive), 0).direction).toBe('recvonly');
    const silent = lines(...HEAD, ...MICROPHONE.filter((line) => line !== 'a=sendonly'));
    expect(mediaSection(offerOf(silent), 0).direction).toBe('sendrecv');
  });

  test('microphone: static payload type without rtpmap, SSRC, msid', () => {
    const microphone = mediaSection(offer, 0);
    expect(microphone.codecs[1]).toMatchObject({ payloadType: 0, mimeType: 'audio/PCMU', clockRate: 8000 });
    expect(microphone.ssrcs).toEqual([{ ssrc: 4_000_000_001, cname: 'someone' }]);
    expect(microphone.msid).toEqual({ stream: 'stream1', track: 'track1' });
    expect(microphone.headerExtensions[1]).toEqual({
      id: 2,
      uri: 'urn:ietf:params:rtp-hdrext:csrc-audio-level',
      direction: 'recvonly',
    });
  });

  test('camera: RIDs, simulcast with alternatives and a paused stream, feedback for all codecs', () => {
    const camera = mediaSection(offer, 1);
    expect(camera.rids[0]).toEqual({
      id: 'hi',
      direction: 'send',
      parameters: { 'max-width': 1280, 'max-fps': 30 },
    });
    expect(camera.simulcast).toEqual({
      send: [
        [{ rid: 'hi', paused: false }],
        [
          { rid: 'mid', paused: true },
          { rid: 'lo', paused: false },
        ],
      ],
    });
    expect(camera.codecs.map(({ rtcpFeedback }) => rtcpFeedback.length)).toEqual([2, 1]);
  });

  test('what the client sends, in the terms of mediasoup', () => {
    expect(sectionToRtpParameters(mediaSection(offer, 0))).toEqual({
      mid: '0',
      codecs: [
        {
          mimeType: 'audio/opus',
          payloadType: 109,
          clockRate: 48_000,
          channels: 2,
          parameters: { maxplaybackrate: 48_000, stereo: 1, useinbandfec: 1 },
          rtcpFeedback: [{ type: 'nack', parameter: '' }],
        },
        {
          mimeType: 'audio/PCMU',
          payloadType: 0,
          clockRate: 8000,
          channels: 1,
          parameters: {},
          rtcpFeedback: [],
        },
      ],
      headerExtensions: [
        { uri: 'urn:ietf:params:rtp-hdrext:ssrc-audio-level', id: 1, encrypt: false, parameters: {} },
        { uri: 'urn:ietf:params:rtp-hdrext:sdes:mid', id: 3, encrypt: false, parameters: {} },
      ],
      encodings: [{ ssrc: 4_000_000_001 }],
      rtcp: { cname: 'someone', reducedSize: false },
    });
    expect(sectionToRtpParameters(mediaSection(offer, 1)).encodings).toEqual([
      { rid: 'hi' },
      { rid: 'mid' },
      { rid: 'lo' },
    ]);
  });

  test('an SSRC for retransmission belongs to its stream and is none of its own', () => {
    const camera = CAMERA.filter((line) => !/^a=(rid|simulcast)/.test(line));
    const ssrcs = ['a=ssrc-group:FID 7 8', 'a=ssrc:7 cname:c', 'a=ssrc:8 cname:c'];
    const section = mediaSection(offerOf(lines(...HEAD, ...camera, ...ssrcs)), 0);
    expect(sectionToRtpParameters(section).encodings).toEqual([{ ssrc: 7, rtx: { ssrc: 8 } }]);
    const nameless = mediaSection(offerOf(lines(...HEAD, ...camera)), 0);
    expect(sectionToRtpParameters(nameless).encodings).toEqual([{}]);
  });

  test('what the client can receive, with its own payload types and ids', () => {
    const capabilities = sectionToRtpCapabilities(mediaSection(offerOf(offerText('meet-3a3v')), 0));
    expect(capabilities.codecs?.[0]).toEqual({
      kind: 'audio',
      mimeType: 'audio/opus',
      preferredPayloadType: 111,
      clockRate: 48_000,
      channels: 2,
      parameters: { minptime: 10, useinbandfec: 1 },
      rtcpFeedback: [{ type: 'transport-cc', parameter: '' }],
    });
    expect(capabilities.headerExtensions?.map(({ preferredId }) => preferredId)).toEqual([1, 2, 3, 4]);
    // What the client only sends it does not take, and the other way round.
    const microphone = lines(...HEAD, ...MICROPHONE, 'a=extmap:9/sendonly urn:x');
    expect(
      sectionToRtpCapabilities(mediaSection(offerOf(microphone), 0)).headerExtensions?.map(
        ({ preferredId }) => preferredId,
      ),
    ).toEqual([1, 2, 3]);
  });
});

describe('forms that are taken', () => {
  const replaced = (from: string | RegExp, to: string): string => FULL.replace(from, to);

  test('bundle-only sections with port 0 are not rejected; port 0 alone is', () => {
    const bundleOnly = offerOf(
      replaced('m=video 9', 'm=video 0').replace('a=mid:1', 'a=mid:1\r\na=bundle-only'),
    );
    expect(bundleOnly.sections.map(({ rejected }) => rejected)).toEqual([false, false, false]);
    const rejected = offerOf(replaced('m=video 9', 'm=video 0').replace('BUNDLE 0 1 2', 'BUNDLE 0 2'));
    expect(rejected.sections.map((section) => section.rejected)).toEqual([false, true, false]);
  });

  test('a single section needs no bundle', () => {
    expect(offerOf(lines(...HEAD, ...MICROPHONE)).bundle).toEqual(['0']);
  });

  test("the transport is that of the bundle's first section, wherever it stands", () => {
    const offer = offerOf(
      replaced('BUNDLE 0 1 2', 'BUNDLE 2 1 0').replace(/ice-ufrag:abcd(?=[^]*a=mid:1)/, 'ice-ufrag:1234'),
    );
    expect(offer.ice.usernameFragment).toBe('abcd');
  });

  test('names of digits stay text', () => {
    const offer = offerOf(
      replaced(/ice-ufrag:abcd/g, 'ice-ufrag:1234').replace('cname:someone', 'cname:007'),
    );
    expect(offer.ice.usernameFragment).toBe('1234');
    expect(mediaSection(offer, 0).ssrcs[0]?.cname).toBe('007');
  });

  test('the older form of a data section', () => {
    const old = [
      'm=application 9 DTLS/SCTP 5000',
      'a=mid:2',
      'a=setup:actpass',
      'a=sctpmap:5000 webrtc-datachannel 1024',
    ];
    const offer = offerOf(lines(...HEAD, 'a=group:BUNDLE 0 2', ...MICROPHONE, ...old));
    expect(offer.sections[1]).toMatchObject({ kind: 'application', sctpPort: 5000, maxMessageSize: 65_536 });
  });

  test('media types that are not known are kept in place and need no bundle', () => {
    const offer = offerOf(
      lines(...HEAD, 'a=group:BUNDLE 0', ...MICROPHONE, 'm=text 9 RTP/AVP 98', 'a=mid:t'),
    );
    expect(offer.sections[1]).toMatchObject({ kind: 'unknown', media: 'text', mid: 't', formats: ['98'] });
  });

  test('extension ids that cannot stand on the wire and encrypted extensions are left out', () => {
    const extra = [
      'a=extmap:15 urn:x',
      'a=extmap:4096 urn:y',
      'a=extmap:9 urn:ietf:params:rtp-hdrext:encrypt urn:z',
    ];
    const ids = mediaSection(offerOf(lines(...HEAD, ...MICROPHONE, ...extra)), 0).headerExtensions.map(
      ({ id }) => id,
    );
    expect(ids).toEqual([1, 2, 3]);
  });

  test('candidates in an offer are not minded (S16)', () => {
    const candidate = 'a=candidate:1 1 udp 2130706431 192.0.2.7 50000 typ host';
    expect(refusalOf(lines(...HEAD, ...MICROPHONE, candidate))).toBeUndefined();
  });
});

describe('refusals', () => {
  const without = (line: string): string => FULL.replaceAll(`${line}\r\n`, '');
  const many = (count: number, line: (i: number) => string): string[] =>
    Array.from({ length: count }, (_, i) => line(i));
  const microphone = (...more: string[]): string => lines(...HEAD, ...MICROPHONE, ...more);

  test.each([
    ['no-sections', ''],
    ['no-sections', 'rubbish'],
    ['no-sections', lines(...HEAD)],
    ['mid-missing', without('a=mid:1')],
    ['mid-malformed', FULL.replace('a=mid:1', `a=mid:${'x'.repeat(65)}`)],
    ['mid-malformed', FULL.replace('a=mid:1', 'a=mid:é')],
    ['section-malformed', microphone('m=video 9', 'a=mid:9')],
    ['not-bundled', without('a=group:BUNDLE 0 1 2')],
    ['not-bundled', FULL.replace('BUNDLE 0 1 2', 'BUNDLE 0 2')],
    ['bundle-unknown-mid', FULL.replace('BUNDLE 0 1 2', 'BUNDLE 0 1 2 3')],
    ['ice-missing', without('a=ice-ufrag:abcd')],
    ['ice-missing', without('a=ice-pwd:aaaaaaaaaaaaaaaaaaaaaa')],
    ['ice-malformed', FULL.replaceAll('ice-ufrag:abcd', 'ice-ufrag:abc')],
    ['ice-malformed', FULL.replaceAll('ice-ufrag:abcd', `ice-ufrag:${'a'.repeat(257)}`)],
    ['ice-malformed', FULL.replaceAll('ice-pwd:aaaaaaaaaaaaaaaaaaaaaa', 'ice-pwd:aaaaaaaaaaaaaaaaaaaaa')],
    ['fingerprint-missing', without(`a=fingerprint:${FINGERPRINT}`)],
    ['fingerprint-malformed', FULL.replace('sha-256 AB:', 'sha-256 ')],
    ['fingerprint-malformed', FULL.replace('sha-256 AB:', 'sha-256 XY:')],
    ['fingerprint-malformed', FULL.replace('sha-256', 'md5')],
    ['fingerprint-malformed', FULL.replace('sha-256', 'constructor')],
    ['setup-missing', without('a=setup:actpass')],
    ['setup-malformed', FULL.replaceAll('setup:actpass', 'setup:holdconn')],
    ['setup-conflict', FULL.replace(/setup:actpass(?=[^]*m=application)/, 'setup:active')],
    ['transport-not-secure', FULL.replace('UDP/TLS/RTP/SAVPF 109', 'RTP/AVP 109')],
    ['rtcp-mux-missing', FULL.replace('a=rtcp-mux\r\n', '')],
    ['codec-malformed', FULL.replace('opus/48000/2', 'opus')],
    ['codec-malformed', FULL.replace('opus/48000/2', 'opus/0/2')],
    ['payload-type-malformed', FULL.replace('SAVPF 109 0', 'SAVPF 109 128')],
    ['payload-type-malformed', FULL.replace('SAVPF 109 0', 'SAVPF 109 x')],
    ['payload-type-conflict', FULL.replaceAll('120', '109')],
    ['too-much-feedback', microphone(...many(16, (i) => `a=rtcp-fb:109 x${i}`))],
    ['too-many-header-extensions', microphone(...many(30, (i) => `a=extmap:${i + 20} urn:x${i}`))],
    ['header-extension-malformed', microphone('a=extmap:0 urn:x')],
    ['header-extension-malformed', microphone('a=extmap:5000 urn:x')],
    ['header-extension-duplicate', microphone('a=extmap:3 urn:x')],
    ['header-extension-conflict', FULL.replace('a=extmap:4 urn', 'a=extmap:1 urn')],
    ['ssrc-malformed', microphone('a=ssrc:4294967296 cname:x')],
    ['ssrc-malformed', microphone('a=ssrc-group:FID 1 x')],
    ['too-many-ssrcs', microphone(...many(64, (i) => `a=ssrc:${i + 1} cname:x`))],
    ['too-many-ssrcs', microphone(...many(65, (i) => `a=ssrc-group:FID ${i} ${i}`))],
    ['too-many-ssrcs', microphone(`a=ssrc-group:SIM ${many(65, String).join(' ')}`)],
    ['too-many-rids', microphone(...many(17, (i) => `a=rid:${i} send`))],
    ['too-many-rids', microphone(`a=simulcast:send ${many(17, String).join(';')}`)],
    ['rid-malformed', microphone('a=rid:x send', 'a=rid:x send')],
    ['rid-malformed', microphone('a=rid:x sideways')],
    ['sctp-malformed', FULL.replace('sctp-port:5000', 'sctp-port:65536')],
    ['sctp-malformed', FULL.replace('sctp-port:5000', 'sctp-port:0')],
  ] as const)('%s', (why, text) => {
    expect(text).not.toBe(FULL);
    expect(refusalOf(text)).toBe(why);
  });

  test('H8.7 thousands of sections', () => {
    const sections = (count: number) =>
      lines(
        ...HEAD,
        `a=group:BUNDLE ${many(count, String).join(' ')}`,
        ...many(count, (i) => DATA.join('\r\n').replace('mid:2', `mid:${i}`)),
      );
    expect(refusalOf(sections(SDP_LIMITS.sections))).toBeUndefined();
    expect(refusalOf(sections(SDP_LIMITS.sections + 1))).toBe('too-many-sections');
    expect(refusalOf(sections(5000))).toBe('too-many-sections');
  });

  test('H8.8 a MID twice', () => {
    expect(refusalOf(FULL.replace('a=mid:1', 'a=mid:0'))).toBe('mid-duplicate');
  });

  test('H8.9 a payload type twice, in the m-line and in rtpmap', () => {
    expect(refusalOf(FULL.replace('SAVPF 109 0', 'SAVPF 109 109'))).toBe('payload-type-duplicate');
    expect(refusalOf(microphone('a=rtpmap:109 PCMU/8000'))).toBe('payload-type-duplicate');
  });

  test('H8.10 a codec list of 1,000', () => {
    const types = many(1000, String).join(' ');
    expect(refusalOf(FULL.replace('SAVPF 109 0', `SAVPF ${types}`))).toBe('too-many-codecs');
    expect(refusalOf(microphone(...many(1000, (i) => `a=rtpmap:${i + 200} x/1`)))).toBe('too-many-codecs');
  });

  test('H8.3 names of the prototype are parameters like others, or none', () => {
    const codec = mediaSection(offerOf(microphone('a=fmtp:109 __proto__=1;constructor=2;toString')), 0)
      .codecs[0];
    expect(codec?.parameters).toMatchObject({ constructor: 2, toString: '' });
    expect(Object.getPrototypeOf(codec?.parameters)).toBe(Object.prototype);
    expect(({} as Record<string, unknown>)['1']).toBeUndefined();
  });

  test('H8.11 any offer with lines taken out, doubled, swapped or scrambled is read or refused', () => {
    const sources = [FULL, ...OFFER_FILES.map(offerText)].map((text) => text.split('\r\n'));
    const edit = fc.record({
      at: fc.nat(),
      how: fc.constantFrom('drop', 'double', 'swap', 'garble', 'cut'),
      other: fc.nat(),
      text: fc.string({ unit: 'binary', maxLength: 12 }),
    });
    fc.assert(
      fc.property(
        fc.constantFrom(...sources),
        fc.array(edit, { minLength: 1, maxLength: 8 }),
        (source, edits) => {
          const text = [...source];
          for (const { at, how, other, text: scrap } of edits) {
            const i = at % text.length;
            const line = text[i] ?? '';
            if (how === 'drop') text.splice(i, 1);
            else if (how === 'double') text.splice(other % text.length, 0, line);
            else if (how === 'swap')
              [text[i], text[other % text.length]] = [text[other % text.length] ?? '', line];
            else if (how === 'cut') text[i] = line.slice(0, other % (line.length + 1));
            else text[i] = line.slice(0, other % (line.length + 1)) + scrap;
            if (text.length === 0) text.push('v=0');
          }
          const offer = tryOffer(text.join('\r\n'));
          if (!offer.ok) expect(offer.why).toMatch(/^[a-z]+(-[a-z]+)+$/);
          for (const section of offer.ok ? offer.value.sections : []) {
            if (section.kind !== 'audio' && section.kind !== 'video') continue;
            sectionToRtpParameters(section);
            sectionToRtpCapabilities(section);
          }
        },
      ),
      { numRuns: 400 },
    );
  });

  test('H8.11 objects that no parser of SDP would give are refused too', () => {
    for (const session of [
      {},
      { media: [{}] },
      { media: [{ type: 'audio', mid: 0 }] },
      { groups: [], media: [] },
    ])
      expect(readOffer(session).ok).toBe(false);
    expect(readOffer(parse('')).ok).toBe(false);
  });
});
