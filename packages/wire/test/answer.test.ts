import { parse, write } from 'sdp-transform';
import { describe, expect, test } from 'vitest';
import { writeAnswer, type SdpAnswerInput, type SdpAnswerSection, type SdpOffer } from '../src/index.js';
import {
  DATA,
  FINGERPRINT,
  FULL,
  HEAD,
  lines,
  MICROPHONE,
  OFFER_FILES,
  offerOf,
  offerText,
} from './support/offers.js';

const REJECT: SdpAnswerSection = { accept: false };
const CHANNELS: SdpAnswerSection = {
  accept: true,
  kind: 'application',
  sctpPort: 5000,
  maxMessageSize: 262_144,
};

const input = (sections: SdpAnswerSection[]): SdpAnswerInput => ({
  sessionId: '4611686018427387904',
  ice: {
    usernameFragment: 'server12',
    password: 'bbbbbbbbbbbbbbbbbbbbbbbb',
    lite: true,
    candidates: [
      { foundation: 'tcp', priority: 1, address: '192.0.2.1', protocol: 'tcp', port: 40_000 },
      { foundation: 'udp6', priority: 2_130_706_431, address: '2001:db8::1', protocol: 'udp', port: 40_000 },
      { foundation: 'udp4', priority: 2_113_929_471, address: '192.0.2.1', protocol: 'udp', port: 40_000 },
    ],
  },
  dtls: { setup: 'passive', fingerprints: [{ algorithm: 'sha-256', value: FINGERPRINT.slice(8) }] },
  sections,
  endOfCandidates: true,
});

/** Voice and channels accepted, video not: the usual answer to a receiver without pictures. */
const voiceOnly = (offer: SdpOffer): SdpAnswerInput =>
  input(
    offer.sections.map((section, i): SdpAnswerSection => {
      if (section.kind === 'application') return CHANNELS;
      if (section.kind !== 'audio') return REJECT;
      return {
        accept: true,
        kind: 'audio',
        direction: section.direction === 'recvonly' ? 'sendonly' : 'recvonly',
        codecs: section.codecs.slice(0, 1),
        headerExtensions: section.headerExtensions,
        ...(section.direction === 'recvonly'
          ? { ssrc: 1000 + i, cname: 'tertulia', msid: { stream: `slot-${i}`, track: `slot-${i}` } }
          : {}),
      };
    }),
  );

const answerTo = (text: string): string => {
  const offer = offerOf(text);
  return write(writeAnswer(offer, voiceOnly(offer)));
};
/** The text of one section, without the m= that divides them. */
const sectionsOf = (answer: string): string[] => answer.split('\r\nm=').slice(1);

describe.each(OFFER_FILES)('answer to %s', (name) => {
  const offer = parse(offerText(name));
  const text = answerTo(offerText(name));
  const answer = parse(text);

  test('S01–S03: count, order, kinds and MIDs of the offer', () => {
    expect(answer.media.map(({ type, mid, protocol }) => [type, mid, protocol])).toEqual(
      offer.media.map(({ type, mid, protocol }) => [type, mid, protocol]),
    );
  });

  test('S04: accepted media is sendonly, the rest inactive with port 0', () => {
    for (const { type, direction, port } of answer.media) {
      if (type === 'audio') expect(direction).toBe('sendonly');
      if (type === 'video') expect([direction, port]).toEqual(['inactive', 0]);
    }
  });

  test('S05: ice-lite for the session; credentials, setup and one fingerprint in each accepted section', () => {
    expect(text.slice(0, text.indexOf('\r\nm='))).toContain('\r\na=ice-lite\r\n');
    for (const section of sectionsOf(text)) {
      const accepted = !/^\w+ 0 /.test(section);
      expect(section.includes('a=ice-ufrag:server12\r\na=ice-pwd:bbbbbbbbbbbbbbbbbbbbbbbb')).toBe(accepted);
      expect(section.includes('a=setup:passive')).toBe(accepted);
      expect(section.match(/a=fingerprint:/g)?.length ?? 0).toBe(accepted ? 1 : 0);
    }
  });

  test('S05: candidates and their end stand in the first accepted section only, which names the default one', () => {
    const withCandidates = sectionsOf(text).filter((section) => section.includes('a=candidate:'));
    expect(withCandidates).toHaveLength(1);
    const [first] = withCandidates;
    expect(first).toBe(sectionsOf(text).find((section) => !/^\w+ 0 /.test(section)));
    expect(first).toContain('a=candidate:udp4 1 udp 2113929471 192.0.2.1 40000 typ host\r\n');
    expect(first).toContain('a=candidate:tcp 1 tcp 1 192.0.2.1 40000 typ host tcptype passive\r\n');
    expect(first).toContain('a=end-of-candidates');
    expect(first).toContain('c=IN IP6 2001:db8::1\r\n');
  });

  test('S06: BUNDLE lists all accepted MIDs and no other, rtcp-mux in each accepted media section', () => {
    const accepted = answer.media.filter(({ port }) => port !== 0);
    expect(answer.groups).toHaveLength(1);
    expect(String(answer.groups?.[0]?.mids)).toBe(accepted.map(({ mid }) => mid).join(' '));
    for (const { type, rtcpMux, rtcpRsize } of accepted)
      if (type !== 'application') expect([rtcpMux, rtcpRsize]).toEqual(['rtcp-mux', 'rtcp-rsize']);
  });

  test('S07, S08: extension ids and payload types are those of the offer', () => {
    answer.media.forEach(({ type, ext, rtp }, i) => {
      if (type !== 'audio') return;
      expect(ext).toEqual(offer.media[i]?.ext);
      expect(rtp).toEqual([{ payload: 111, codec: 'opus', rate: 48_000, encoding: 2 }]);
    });
  });

  test('S17: each audio section names its own SSRC and its track', () => {
    const audio = answer.media.filter(({ type }) => type === 'audio');
    const ssrcs = audio.map((media) => media.ssrcs);
    expect(new Set(ssrcs.map((lines) => lines?.[0]?.id)).size).toBe(audio.length);
    for (const lines of ssrcs)
      expect(lines).toEqual([{ id: lines?.[0]?.id, attribute: 'cname', value: 'tertulia' }]);
    for (const { msid } of audio) expect(msid?.[0]?.id).toMatch(/^slot-\d$/);
  });

  test('the writer loses nothing: read again it is the same', () => {
    expect(write(parse(text))).toBe(text);
  });
});

describe('answers to senders', () => {
  test('a microphone that is received: no SSRC of ours, the codec as chosen', () => {
    const [microphone] = sectionsOf(answerTo(FULL));
    expect(microphone).toContain('a=recvonly\r\n');
    expect(microphone).toContain('a=rtpmap:109 opus/48000/2\r\n');
    expect(microphone).toContain('a=fmtp:109 maxplaybackrate=48000;stereo=1;useinbandfec=1\r\n');
    expect(microphone).toContain('a=rtcp-fb:109 nack\r\n');
    expect(microphone).not.toContain('a=ssrc');
    expect(microphone).not.toContain('a=rtcp-rsize');
  });

  test('simulcast that is received, and a stream with retransmission that is sent', () => {
    const offer = offerOf(FULL);
    const camera = offer.sections[1];
    if (camera?.kind !== 'video') throw new Error('no camera');
    const media = { accept: true, kind: 'video', codecs: camera.codecs, headerExtensions: [] } as const;
    const received = writeAnswer(
      offer,
      input([REJECT, { ...media, direction: 'recvonly', rids: ['hi', 'mid', 'lo'] }, REJECT]),
    );
    expect(write(received)).toContain('a=rid:hi recv\r\na=rid:mid recv\r\na=rid:lo recv\r\n');
    expect(write(received)).toContain('a=simulcast:recv hi;mid;lo\r\n');
    const sent = writeAnswer(
      offer,
      input([REJECT, { ...media, direction: 'sendonly', ssrc: 7, rtxSsrc: 8 }, REJECT]),
    );
    expect(write(sent)).toContain('a=ssrc:7 cname:7\r\na=ssrc:8 cname:7\r\n');
    expect(write(sent)).toContain('a=ssrc-group:FID 7 8\r\n');
    expect(write(sent)).toContain('a=group:BUNDLE 1\r\n');
  });

  test('nothing accepted: no bundle, all ports 0', () => {
    const text = write(writeAnswer(offerOf(FULL), input([REJECT, REJECT, REJECT])));
    expect(text).not.toContain('BUNDLE');
    expect(parse(text).media.map(({ port }) => port)).toEqual([0, 0, 0]);
  });

  test('a data section is answered in the form of its offer', () => {
    const old = [
      'm=application 9 DTLS/SCTP 5000',
      'a=mid:2',
      'a=setup:actpass',
      'a=sctpmap:5000 webrtc-datachannel 1024',
    ];
    const offer = offerOf(lines(...HEAD, 'a=group:BUNDLE 0 2', ...MICROPHONE, ...old));
    const text = write(writeAnswer(offer, input([REJECT, CHANNELS])));
    expect(text).toMatch(/m=application \d+ DTLS\/SCTP 5000\r\n/);
    expect(text).toContain('a=sctpmap:5000 webrtc-datachannel');
    const newer = write(writeAnswer(offerOf(lines(...HEAD, ...DATA)), input([CHANNELS])));
    expect(newer).toMatch(/m=application \d+ UDP\/DTLS\/SCTP webrtc-datachannel\r\n/);
    expect(newer).toContain('a=sctp-port:5000\r\na=max-message-size:262144\r\n');
  });
});

describe('an answer that does not fit the offer is a mistake of ours', () => {
  const offer = offerOf(FULL);
  const [microphone] = offer.sections;
  if (microphone?.kind !== 'audio') throw new Error('no microphone');
  const good = {
    accept: true,
    kind: 'audio',
    direction: 'recvonly',
    codecs: microphone.codecs,
    headerExtensions: [],
  } as const;

  test.each<[string, SdpAnswerSection[]]>([
    ['fewer sections', [REJECT, REJECT]],
    ['another kind', [CHANNELS, REJECT, REJECT]],
    ['media for data', [REJECT, REJECT, good]],
    [
      'a codec not offered',
      [{ ...good, codecs: [{ ...microphone.codecs[0]!, payloadType: 96 }] }, REJECT, REJECT],
    ],
    ['no codec', [{ ...good, codecs: [] }, REJECT, REJECT]],
    [
      'an extension under another id',
      [
        { ...good, headerExtensions: [{ id: 5, uri: 'urn:ietf:params:rtp-hdrext:sdes:mid' }] },
        REJECT,
        REJECT,
      ],
    ],
  ])('%s', (_name, sections) => {
    expect(() => writeAnswer(offer, input(sections))).toThrow(TypeError);
  });

  test('a section that was offered with port 0', () => {
    const rejected = offerOf(FULL.replace('m=video 9', 'm=video 0').replace('BUNDLE 0 1 2', 'BUNDLE 0 2'));
    const media = { ...good, kind: 'video' } as const;
    expect(() => writeAnswer(rejected, input([REJECT, media, REJECT]))).toThrow(TypeError);
  });
});
