/** Offers to the Meet endpoint and their answers, strict and with extensions. Names bear the ids of docs/meet.md. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HEADER_EXTENSION_URIS } from '@tertulia/wire';
import { expectReason } from '../support/googleErrors.js';
import { TestServer, type Answer } from '../support/testServer.js';
import { makeOffer, meetOffer, realOffer } from '../support/offers.js';

const CODE = 'abc-mnop-xyz';
const CONFIG = { rooms: [{ code: CODE, id: 'jQCFfuBOdN5z' }] };

let server: TestServer;
beforeEach(async () => {
  server = await TestServer.start(CONFIG);
});
afterEach(() => server.close());

interface Section {
  kind: string;
  port: number;
  mid: string;
  formats: string[];
  lines: string[];
}
function parseSdp(text: string): { session: string[]; sections: Section[] } {
  const [head = '', ...rest] = text.split(/^m=/m);
  return {
    session: head.split('\r\n'),
    sections: rest.map((part) => {
      const [first = '', ...lines] = part.split('\r\n');
      const [kind = '', port = '', , ...formats] = first.split(' ');
      const mid = lines.find((line) => line.startsWith('a=mid:'))?.slice(6) ?? '';
      return { kind, port: Number(port), mid, formats, lines };
    }),
  };
}
const shape = (text: string): string[] => parseSdp(text).sections.map(({ kind, mid }) => `${kind} ${mid}`);
const extensionsOf = ({ lines }: Section): string[] =>
  lines.filter((line) => line.startsWith('a=extmap:')).map((line) => line.slice(9));

describe('offer and answer', () => {
  const answerTo = async (offer: string): Promise<string> => {
    const fresh = await TestServer.start({ ...CONFIG, meet: { extensions: true } });
    await fresh.enter(CODE, 'Ada');
    const answer = await fresh.postMeet(CODE, { offer });
    await fresh.close();
    expect(answer.body['error']).toBeUndefined();
    return String(answer.body['answer']);
  };
  const strictAnswer = async (offer: string): Promise<Answer> => {
    await server.enter(CODE, 'Ada');
    return server.postMeet(CODE, { offer });
  };
  const OFFERS = ['meet-3a3v', 'meet-native-order', 'meet-3a0v', 'meet-0a1v'];

  test.each(OFFERS)('S01 S02 S03 %s: the same sections in the same order, strict', async (name) => {
    const offer = realOffer(name);
    const answer = await strictAnswer(offer);
    expect(answer.status).toBe(200);
    expect(shape(String(answer.body['answer']))).toEqual(shape(offer));
  });

  test('S02 audio, video, application in the order of the C++ tests', async () => {
    const offer = makeOffer([
      { kind: 'audio' },
      { kind: 'audio' },
      { kind: 'audio' },
      { kind: 'video' },
      { kind: 'application' },
    ]);
    expect(shape(String((await strictAnswer(offer)).body['answer']))).toEqual(shape(offer));
  });

  test('S03 data only: one section', async () => {
    const answer = await strictAnswer(makeOffer([{ kind: 'application' }]));
    expect(answer.status).toBe(200);
    expect(parseSdp(String(answer.body['answer'])).sections).toHaveLength(1);
  });

  test.each(OFFERS)('S04 S05 S06 %s: sendonly, ICE-lite, one transport, everything bundled', async (name) => {
    const { session, sections } = parseSdp(await answerTo(realOffer(name)));
    const line = (start: string, lines: string[]): string | undefined =>
      lines.find((each) => each.startsWith(start));
    expect(session).toContain('a=ice-lite');
    expect(line('a=group:BUNDLE', session)).toBe(
      `a=group:BUNDLE ${sections.map(({ mid }) => mid).join(' ')}`,
    );
    expect(
      sections[0]?.lines.filter((each) => /^a=candidate:\S+ 1 udp \d+ \S+ \d+ typ host/.test(each)).length,
    ).toBeGreaterThan(0);
    for (const { kind, lines } of sections) {
      expect(line('a=ice-ufrag:', lines)?.slice(12).length).toBeGreaterThanOrEqual(4);
      expect(line('a=ice-pwd:', lines)?.slice(10).length).toBeGreaterThanOrEqual(22);
      expect(line('a=setup:', lines)).toBe('a=setup:passive');
      expect(lines.filter((each) => each.startsWith('a=fingerprint:sha-256 '))).toHaveLength(1);
      if (kind === 'application') continue;
      expect(lines).toContain('a=sendonly');
      expect(lines).toContain('a=rtcp-mux');
      expect(lines.join()).not.toMatch(/a=(sendrecv|recvonly|inactive)/);
    }
  });

  test('S07 extension ids are those of the offer, also when permuted, and none that was not offered', async () => {
    const permuted = realOffer('meet-3a3v').replace(
      /^a=extmap:(\d+) /gm,
      (_line, id: string) => `a=extmap:${15 - Number(id)} `,
    );
    for (const offer of [...OFFERS.map(realOffer), permuted]) {
      const offered = parseSdp(offer).sections;
      parseSdp(await answerTo(offer)).sections.forEach((section, at) => {
        const known = offered[at] ? extensionsOf(offered[at]) : [];
        for (const line of extensionsOf(section)) expect(known).toContain(line);
        if (section.kind !== 'application') expect(extensionsOf(section).join()).toContain('sdes:mid');
        if (section.kind === 'audio') expect(extensionsOf(section).join()).toContain('ssrc-audio-level');
      });
    }
  });

  test('S07 the time of capture is answered where it was offered', async () => {
    const line = `a=extmap:12 ${HEADER_EXTENSION_URIS.absCaptureTime}`;
    const offer = realOffer('meet-3a3v').replaceAll(/^(a=mid:.*)$/gm, `$1\r\n${line}`);
    const [plain, asked] = [
      parseSdp(await answerTo(realOffer('meet-3a3v'))),
      parseSdp(await answerTo(offer)),
    ];
    expect(plain.sections.flatMap(extensionsOf).join()).not.toContain('abs-capture-time');
    for (const section of asked.sections)
      expect(extensionsOf(section).includes(line.slice(9))).toBe(section.kind !== 'application');
  });

  test('S08 the payload type of Opus is the offer’s', async () => {
    const offer = realOffer('meet-3a0v').replaceAll(/\b111\b/g, '109');
    for (const { kind, formats } of parseSdp(await answerTo(offer)).sections)
      if (kind === 'audio') expect(formats).toEqual(['109']);
  });

  test('S09 S10 codecs that were not offered are not answered', async () => {
    const withoutVp9 = realOffer('meet-3a3v')
      .split('\r\n')
      .filter((line) => !/VP9|^a=(fmtp|rtcp-fb):(98|99|100|101|35|36|37|38)\b/.test(line))
      .map((line) =>
        line.startsWith('m=video') ? line.replaceAll(/ (98|99|100|101|35|36|37|38)\b/g, '') : line,
      )
      .join('\r\n');
    const answer = await answerTo(withoutVp9);
    expect(answer).not.toMatch(/VP9/);
    expect(answer).toMatch(/VP8/);
    const whole = await answerTo(realOffer('meet-3a3v'));
    expect(whole).not.toMatch(/ red\/|ulpfec|flexfec/i);
    expect(whole).toMatch(/VP9/);
    // Profiles other than 0 are not kept, and each codec has its retransmission.
    const video = parseSdp(whole).sections.find(({ kind }) => kind === 'video');
    expect(video?.lines.join()).not.toMatch(/profile-id=[123]/);
    expect(video?.lines.filter((line) => / rtx\//.test(line)).length).toBe(
      video?.lines.filter((line) => / (VP8|VP9|AV1|H264)\//.test(line)).length,
    );
  });

  test('S10 an offer without H264 is answered without it', async () => {
    const withoutH264 = realOffer('meet-3a3v').replaceAll(
      /^a=(rtpmap:\d+ H264|fmtp:\d+ .*packetization).*\r\n/gm,
      '',
    );
    expect(await answerTo(withoutH264)).not.toMatch(/H264/);
  });

  test.each([1, 2, 4])('S11 %i audio sections: refused, with extensions answered', async (count) => {
    const offer = meetOffer(count);
    expectReason(await strictAnswer(offer), 400, 'INVALID_ARGUMENT', 'INVALID_OFFER');
    expect(shape(await answerTo(offer))).toEqual(shape(offer));
  });

  test('S12 four video sections: refused, with extensions answered', async () => {
    const offer = makeOffer([
      ...Array.from({ length: 4 }, () => ({ kind: 'video' as const })),
      { kind: 'application' },
    ]);
    expectReason(await strictAnswer(offer), 400, 'INVALID_ARGUMENT', 'INVALID_OFFER');
    expect(shape(await answerTo(offer))).toEqual(shape(offer));
  });

  test('S13 no data section', async () => {
    expectReason(
      await strictAnswer(makeOffer([{ kind: 'audio' }, { kind: 'audio' }, { kind: 'audio' }])),
      400,
      'INVALID_ARGUMENT',
      'INVALID_OFFER',
    );
  });

  test('S14 setup:passive', async () => {
    expectReason(
      await strictAnswer(meetOffer().replaceAll('actpass', 'passive')),
      400,
      'INVALID_ARGUMENT',
      'INVALID_OFFER',
    );
    expect((await server.postMeet(CODE, { offer: meetOffer().replaceAll('actpass', 'active') })).status).toBe(
      200,
    );
  });

  test('S15 audio, video, audio: refused, with extensions mirrored', async () => {
    const offer = makeOffer([
      { kind: 'audio' },
      { kind: 'video' },
      { kind: 'audio' },
      { kind: 'audio' },
      { kind: 'application' },
    ]);
    expectReason(await strictAnswer(offer), 400, 'INVALID_ARGUMENT', 'INVALID_OFFER');
    expect(shape(await answerTo(offer))).toEqual(shape(offer));
  });

  test('S16 candidates in the offer are tolerated', async () => {
    const candidate =
      'a=candidate:1 1 udp 2122260223 192.168.1.2 50000 typ host generation 0\r\na=candidate:2 1 tcp 1518280447 192.168.1.2 9 typ host tcptype active\r\n';
    expect((await strictAnswer(meetOffer().replaceAll('a=mid:', `${candidate}a=mid:`))).status).toBe(200);
  });

  test('S17 SSRCs of all slots and their retransmissions are distinct and none is a CSRC', async () => {
    await server.enter(CODE, 'Ada');
    const answer = String((await server.postMeet(CODE, { offer: realOffer('meet-3a3v') })).body['answer']);
    const ssrcs = [...answer.matchAll(/^a=ssrc:(\d+) /gm)].map(([, ssrc]) => Number(ssrc));
    expect(ssrcs).toHaveLength(3 + 3 * 2);
    const csrcs =
      server.conference.rooms
        .find(CODE)
        ?.snapshot()
        .entries.flatMap(({ audioCsrc, videoCsrc }) => [audioCsrc, videoCsrc]) ?? [];
    expect(csrcs).toHaveLength(2);
    expect(new Set([...ssrcs, ...csrcs]).size).toBe(ssrcs.length + csrcs.length);
  });

  test.each([
    ['a section that sends', meetOffer().replace('a=recvonly', 'a=sendonly')],
    [
      'no Opus',
      makeOffer([
        { kind: 'audio' },
        { kind: 'audio', opus: undefined },
        { kind: 'audio' },
        { kind: 'application' },
      ]),
    ],
    ['two data sections', makeOffer([{ kind: 'application' }, { kind: 'application' }])],
    ['H8.8 a duplicate MID', meetOffer().replaceAll('a=mid:1', 'a=mid:0')],
    [
      'H8.9 a payload type of two codecs',
      meetOffer().replace('a=rtpmap:0 PCMU/8000', 'a=rtpmap:0 PCMU/8000\r\na=rtpmap:111 G722/8000'),
    ],
  ])('an offer with %s is INVALID_OFFER', async (_name, offer) => {
    expectReason(await strictAnswer(offer), 400, 'INVALID_ARGUMENT', 'INVALID_OFFER');
  });
});
