/** Video in offers of the project's own client: what becomes of each section, and what is answered. Browsers' own offers. */
import type { RtpParameters, SdpOffer } from '@tertulia/wire';
import { describe, expect, test } from 'vitest';
import { ServerError } from '../../src/errors.js';
import { answerText } from '../../src/sdp/answerWriter.js';
import { receiverRequest, sourceRequests } from '../../src/sdp/mediaRequest.js';
import { readOfferText } from '../../src/sdp/offerReader.js';
import { planRestart } from '../../src/sdp/restartOffer.js';
import { planSession, type SessionPlan, type SessionRights } from '../../src/sdp/sessionPlan.js';
import { makeOffer, realOffer, type SectionSpec } from '../support/offers.js';

const EVERYTHING = { publish: true, subscribe: true, audioSlots: 3, videoSlots: 9 };
const planOf = (offer: string, rights: Partial<SessionRights> = {}): SessionPlan =>
  planSession(readOfferText(offer), { ...EVERYTHING, ...rights });
const kinds = ({ sections }: SessionPlan): string =>
  sections.map((section) => (section.t === 'source' ? section.name : section.t)).join(' ');
const times = (count: number, word: string): string => Array.from({ length: count }, () => word).join(' ');
const requested = (plan: SessionPlan) =>
  sourceRequests(plan, () => ({ paused: true, csrc: undefined })).map(({ name, rtpParameters }) => ({
    name,
    rtpParameters,
  }));

/** A slot as the media side makes one: not all that was offered, and no RIDs. */
function slotParameters(plan: SessionPlan, mid: string, ssrc: number): RtpParameters {
  const { codecs = [], headerExtensions = [] } = receiverRequest(plan)?.rtpCapabilities ?? {};
  return {
    mid,
    codecs: codecs
      .filter(({ kind }) => kind === 'video')
      .map(({ kind: _kind, preferredPayloadType = 0, ...codec }) => ({
        ...codec,
        payloadType: preferredPayloadType,
      })),
    headerExtensions: headerExtensions
      .filter(({ kind, uri }) => kind === 'video' && !uri.includes('stream-id'))
      .map(({ uri, preferredId }) => ({ uri, id: preferredId })),
    encodings: [{ ssrc, rtx: { ssrc: ssrc + 1 } }],
    rtcp: { cname: 'room' },
  };
}

function answerOf(plan: SessionPlan): {
  sections: string[];
  slots: { mid: string; rtpParameters: RtpParameters }[];
} {
  const { audio = [], video = [] } = receiverRequest(plan)?.mids ?? {};
  const slots = video.map((mid, at) => ({ mid, rtpParameters: slotParameters(plan, mid, 7_000 + 2 * at) }));
  const voices = audio.map((mid, at) => ({
    mid,
    rtpParameters: {
      codecs: plan.offer.sections.flatMap((section) =>
        section.mid === mid && 'codecs' in section ? section.codecs.slice(0, 1) : [],
      ),
      encodings: [{ ssrc: 6_000 + at }],
    } as RtpParameters,
  }));
  const text = answerText(plan, {
    originId: '1',
    ice: { usernameFragment: 'abcd', password: 'abcdefghijklmnopqrstuvwx', candidates: [] },
    fingerprints: [{ algorithm: 'sha-256', value: 'AB:CD' }],
    audioSlots: voices,
    videoSlots: slots,
  });
  return { sections: text.split(/^m=/m).slice(1), slots };
}
const lines = (section: string | undefined, start: string): string[] =>
  (section ?? '').split('\r\n').filter((line) => line.startsWith(start));

const REAL = [
  { name: 'client-chromium', vp8: 96, codecs: ['VP8 96', 'VP9 98', 'H264 108', 'AV1 45'] },
  { name: 'client-firefox', vp8: 120, codecs: ['VP8 120', 'VP9 121', 'AV1 99'] },
];

describe.each(REAL)('the offer $name', ({ name, vp8, codecs }) => {
  const plan = planOf(realOffer(name));

  test('has a microphone, screen sound, a camera, a screen, three voices, nine pictures and a channel', () => {
    expect(kinds(plan)).toBe(
      `microphone screenSound camera screen ${times(3, 'slot')} ${times(9, 'video')} channel`,
    );
  });

  test('the camera sends VP8 with its retransmission in three sizes, the screen in one', () => {
    const [, , camera, screen] = requested(plan);
    for (const source of [camera, screen])
      expect(
        source?.rtpParameters.codecs.map(({ mimeType, payloadType }) => `${mimeType} ${payloadType}`),
      ).toEqual([`video/VP8 ${vp8}`, expect.stringMatching(/^video\/rtx /)]);
    expect(camera?.rtpParameters.encodings?.map(({ rid }) => rid)).toEqual(['q', 'h', 'f']);
    expect(screen?.rtpParameters.encodings).toMatchObject([{ rtx: {} }]);
    const uris = camera?.rtpParameters.headerExtensions?.map(({ uri }) => uri.split(/[:/]/).at(-1));
    expect(uris).toEqual(
      expect.arrayContaining([
        'mid',
        'rtp-stream-id',
        'repaired-rtp-stream-id',
        'abs-send-time',
        'draft-holmer-rmcat-transport-wide-cc-extensions-01',
      ]),
    );
    expect(uris).not.toContain('toffset');
    expect(uris).not.toContain('video-timing');
    expect(camera?.rtpParameters.codecs[0]?.rtcpFeedback).toEqual(
      expect.arrayContaining([
        { type: 'transport-cc', parameter: '' },
        { type: 'nack', parameter: '' },
        { type: 'nack', parameter: 'pli' },
        { type: 'ccm', parameter: 'fir' },
        { type: 'goog-remb', parameter: '' },
      ]),
    );
  });

  test('where H.264 is preferred and offered, camera and screen send it in as many sizes; the slots stay as they are', () => {
    const preferring = planOf(realOffer(name), { videoCodec: 'h264' });
    const offered = codecs.some((codec) => codec.startsWith('H264'));
    const [, , camera, screen] = requested(preferring);
    for (const source of [camera, screen])
      expect(source?.rtpParameters.codecs.map(({ mimeType }) => mimeType)).toEqual([
        offered ? 'video/H264' : 'video/VP8',
        'video/rtx',
      ]);
    expect(camera?.rtpParameters.encodings?.map(({ rid }) => rid)).toEqual(['q', 'h', 'f']);
    expect(receiverRequest(preferring)).toEqual(receiverRequest(plan));
    const restarted = planRestart(preferring, preferring.offer, { audioSlots: [], videoSlots: [] });
    expect(restarted && requested(restarted)).toEqual(requested(preferring));
  });

  test('its slots take each codec of the room once, with the browser’s own numbers', () => {
    const { rtpCapabilities, mids } = receiverRequest(plan) ?? {};
    expect(mids?.video).toHaveLength(9);
    const offered = (rtpCapabilities?.codecs ?? []).filter(
      ({ kind, mimeType }) => kind === 'video' && mimeType !== 'video/rtx',
    );
    expect(
      offered.map(({ mimeType, preferredPayloadType }) => `${mimeType.slice(6)} ${preferredPayloadType}`),
    ).toEqual(codecs);
  });

  test('the answer mirrors the RIDs to the camera and to nobody else', () => {
    const { sections } = answerOf(plan);
    expect(lines(sections[2], 'a=rid')).toEqual(['a=rid:q recv', 'a=rid:h recv', 'a=rid:f recv']);
    expect(lines(sections[2], 'a=simulcast')).toEqual(['a=simulcast:recv q;h;f']);
    expect(sections[2]).toContain('a=recvonly');
    expect(sections.filter((section) => section.includes('a=rid:'))).toHaveLength(1);
    expect(sections[2]).toMatch(new RegExp(`^video 9 UDP/TLS/RTP/SAVPF ${vp8} \\d+\r\n`));
  });

  test('the answer says of each slot what the media side made of it: SSRC, retransmission, codecs, extensions', () => {
    const { sections, slots } = answerOf(plan);
    slots.forEach(({ rtpParameters }, at) => {
      const section = sections[7 + at];
      expect(section).toContain('a=sendonly');
      expect(lines(section, 'a=ssrc-group')).toEqual([
        `a=ssrc-group:FID ${7_000 + 2 * at} ${7_001 + 2 * at}`,
      ]);
      expect(lines(section, 'a=rtpmap').length).toBe(rtpParameters.codecs.length);
      expect(lines(section, 'a=extmap').length).toBe(rtpParameters.headerExtensions?.length);
      expect(lines(section, 'a=extmap').join()).not.toContain('stream-id');
      expect(lines(section, 'a=rtcp-fb').join()).toContain('transport-cc');
    });
    const streams = sections.flatMap((section) => lines(section, 'a=msid'));
    expect(new Set(streams).size).toBe(12);
  });

  test('a restart with the same offer is the same session; one with other numbers is not', () => {
    const { slots } = answerOf(plan);
    const before = { audioSlots: [], videoSlots: slots };
    const again = (change: (offer: string) => string): SdpOffer =>
      readOfferText(change(realOffer(name).replaceAll(/a=ice-ufrag:.*/g, 'a=ice-ufrag:newer')));
    expect(planRestart(plan, again(String), before)?.sections).toHaveLength(17);
    const other = again((offer) =>
      offer.replaceAll(new RegExp(`\\b${vp8}\\b(?=[ /\r])`, 'g'), '77').replaceAll(`apt=${vp8}`, 'apt=77'),
    );
    expect(planRestart(plan, other, before)).toBeUndefined();
  });
});

describe('sections of video', () => {
  const slot: SectionSpec = { kind: 'video' };
  const camera: SectionSpec = { kind: 'video', direction: 'sendonly' };

  test.each<[string, SectionSpec[], Partial<typeof EVERYTHING>, string]>([
    ['as many slots as may be', [slot, slot, slot], { videoSlots: 2 }, 'video video inactive'],
    ['no slots at all', [slot], { videoSlots: 0 }, 'inactive'],
    ['who may not receive', [slot, camera], { subscribe: false }, 'inactive camera'],
    ['who may not send', [camera, slot], { publish: false }, 'inactive video'],
    ['a third that sends', [camera, camera, camera], {}, 'camera screen inactive'],
    ['both ways is a source', [{ kind: 'video', direction: 'sendrecv' }], {}, 'camera'],
    ['neither way', [{ kind: 'video', direction: 'inactive' }], {}, 'inactive'],
  ])('%s', (_name, sections, rights, expected) => {
    expect(kinds(planOf(makeOffer(sections), rights))).toBe(expected);
  });

  test('a section with none of the room’s codecs is inactive, and takes no other’s place', () => {
    const offer = makeOffer([{ ...camera, vp8: 100 }, camera, slot]).replace('100 VP8/', '100 H265/');
    expect(kinds(planOf(offer))).toBe('inactive camera video');
  });

  test.each([
    ['VP9 of another profile', 'VP9', 'profile-id=2'],
    ['H264 in packets of one NAL unit', 'H264', 'packetization-mode=0;profile-level-id=42e01f'],
    ['H264 of the high profile', 'H264', 'packetization-mode=1;profile-level-id=640c1f'],
    ['AV1 of another profile', 'AV1', 'profile=1'],
  ])('%s is none of the room’s codecs', (_name, codec, parameters) => {
    const offer = makeOffer([{ ...camera, extra: [`a=fmtp:96 ${parameters}`] }]).replace('VP8/', `${codec}/`);
    expect(kinds(planOf(offer))).toBe('inactive');
  });

  test.each([
    ['VP9', 'profile-id=0'],
    ['H264', 'packetization-mode=1;profile-level-id=42e01f'],
    ['AV1', 'profile=0'],
  ])('%s alone is sent as it is offered', (codec, parameters) => {
    const offer = makeOffer([{ ...camera, extra: [`a=fmtp:96 ${parameters}`] }]).replace('VP8/', `${codec}/`);
    expect(requested(planOf(offer))[0]?.rtpParameters.codecs).toMatchObject([
      { mimeType: `video/${codec}`, payloadType: 96 },
    ]);
  });

  test.each<[string, SectionSpec[]]>([
    [
      'H8.7 other payload types',
      [
        { ...slot, vp8: 96 },
        { ...slot, vp8: 100 },
      ],
    ],
    ['another number for the retransmission', [{ ...slot, vp8: 96 }, slot]],
  ])('slots with %s cannot carry one another’s pictures: the offer is refused', (_name, sections) => {
    const plan = planOf(makeOffer(sections));
    expect(() => receiverRequest(plan)).toThrow(ServerError);
    expect(() => receiverRequest(plan)).toThrow(/payload type/);
  });

  test('an extension that has another id in another section is not used', () => {
    const id = (number: number): string => `a=extmap:${number} urn:3gpp:video-orientation`;
    const shared = 'a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid';
    const plan = planOf(
      makeOffer([
        { ...slot, extra: [id(5), shared] },
        { ...slot, extra: [id(6), shared] },
      ]),
    );
    expect(
      receiverRequest(plan)?.rtpCapabilities.headerExtensions?.map(({ preferredId }) => preferredId),
    ).toEqual([4]);
  });

  test('H8.6 as many sections as an offer may have are answered, one more is refused', () => {
    const many = (count: number): string => makeOffer(Array.from({ length: count }, () => slot));
    expect(kinds(planOf(many(40), { videoSlots: 16 }))).toBe(
      `${times(16, 'video')} ${times(24, 'inactive')}`,
    );
    expect(() => planOf(many(41))).toThrow(/40 are allowed/);
  });
});
