/** SDP fragments of PATCH: RFC 8840 §9, RFC 9725 §4.3, and what hostile ones must not do. */
import { describe, expect, test } from 'vitest';
import { FRAGMENT_LIMITS, readIceFragment, writeIceFragment } from '../../src/sdp/iceFragment.js';
import { planPublisher } from '../../src/sdp/httpPlans.js';
import { readOfferText } from '../../src/sdp/offerReader.js';
import { makeOffer } from '../support/offers.js';

/** In the form of RFC 9725's example. */
const lines = (...extra: string[]): string =>
  [
    'a=group:BUNDLE 0 1',
    'm=audio 9 UDP/TLS/RTP/SAVPF 111',
    'a=mid:0',
    'a=ice-ufrag:EsAw',
    'a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1',
    ...extra,
    'a=end-of-candidates',
  ].join('\r\n') + '\r\n';

const HOST =
  'a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw network-id 1';

describe('what is read', () => {
  test('credentials, sections, candidates', () => {
    const text = lines(
      HOST,
      'a=candidate:473322822 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active generation 0',
      'a=candidate:3 1 UDP 1686052607 2001:db8::7 50000 typ srflx raddr 10.0.0.1 rport 50000',
    );
    expect(readIceFragment(text)).toEqual({
      ok: true,
      value: {
        usernameFragment: 'EsAw',
        password: 'P2uYro0UCOQ4zxjKXaWCBui1',
        mids: ['0'],
        candidates: 3,
        passedOver: 0,
      },
    });
  });

  test.each([
    ['no candidate at all', lines(), 0, 0],
    ['credentials above the sections', `a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n`, 0, 0],
    [
      'the same credentials in two sections',
      `${lines(HOST)}m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=ice-ufrag:EsAw\r\n`,
      1,
      0,
    ],
    ['lines that end as in Unix', lines(HOST).replaceAll('\r\n', '\n'), 1, 0],
    [
      'a name of mDNS in the place of an address',
      lines('a=candidate:1 1 udp 2122260223 5b8a1c52-0d1f-4d9e.local 61764 typ host'),
      0,
      1,
    ],
    [
      'a transport that we do not have',
      lines('a=candidate:1 1 sctp 2122260223 192.0.2.1 61764 typ host'),
      0,
      1,
    ],
    ['RTCP on a port of its own', lines('a=candidate:1 2 udp 2122260222 192.0.2.1 61765 typ host'), 0, 1],
    [
      'lines that mean nothing here',
      lines('a=ice-options:trickle ice2', 'a=x-unknown', 'c=IN IP4 0.0.0.0'),
      0,
      0,
    ],
  ])('%s', (_name, text, candidates, passedOver) => {
    expect(readIceFragment(text)).toMatchObject({ ok: true, value: { candidates, passedOver } });
  });
});

describe('what is refused', () => {
  test.each([
    ['nothing', '', 'credentials-missing'],
    ['an offer in JSON', '{"candidate":"candidate:1"}', 'line-malformed'],
    ['a NUL', lines('a=x:\0'), 'line-malformed'],
    ['an empty line in the middle', lines('', HOST), 'line-malformed'],
    ['a line of 2,000 characters', lines(`a=x:${'y'.repeat(2_000)}`), 'line-malformed'],
    ['no credentials', lines(HOST).replace(/a=ice-.*\r\n/g, ''), 'credentials-missing'],
    ['no password', lines(HOST).replace(/a=ice-pwd.*\r\n/, ''), 'credentials-missing'],
    [
      'a password of 21 characters',
      lines().replace(/a=ice-pwd:.*\r/, `a=ice-pwd:${'x'.repeat(21)}\r`),
      'credentials-malformed',
    ],
    ['a fragment with a space', lines().replace('EsAw', 'Es Aw'), 'credentials-malformed'],
    ['two passwords', lines('a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui2'), 'credentials-differ'],
    [
      'a candidate without a type',
      lines('a=candidate:1 1 udp 2122260223 192.0.2.1 61764'),
      'candidate-malformed',
    ],
    ['port 65,536', lines('a=candidate:1 1 udp 2122260223 192.0.2.1 65536 typ host'), 'candidate-malformed'],
    ['component 0', lines('a=candidate:1 0 udp 2122260223 192.0.2.1 9 typ host'), 'candidate-malformed'],
    ['component 300', lines('a=candidate:1 300 udp 2122260223 192.0.2.1 9 typ host'), 'candidate-malformed'],
    ['priority 2^32', lines('a=candidate:1 1 udp 4294967296 192.0.2.1 9 typ host'), 'candidate-malformed'],
    ['an extension without a value', lines(`${HOST} generation`), 'candidate-malformed'],
    [
      '101 candidates',
      lines(...Array.from({ length: FRAGMENT_LIMITS.candidates + 1 }, () => HOST)),
      'too-many-candidates',
    ],
    [
      '101 of no use',
      lines(...Array.from({ length: 101 }, () => 'a=candidate:1 2 udp 1 192.0.2.1 9 typ host')),
      'too-many-candidates',
    ],
    ['300 lines', lines(...Array.from({ length: 300 }, () => 'a=x')), 'too-many-lines'],
    ['40 kB', lines(...Array.from({ length: 200 }, () => `a=x:${'y'.repeat(200)}`)), 'too-long'],
  ])('%s', (_name, text, why) => {
    expect(readIceFragment(text)).toEqual({ ok: false, why });
  });

  test('every prefix and every changed character is read or refused, never thrown', () => {
    const text = lines(HOST);
    for (let at = 0; at <= text.length; at++) {
      readIceFragment(text.slice(0, at));
      for (const other of ['\0', ' ', ':', '\r', '\uffff'])
        readIceFragment(text.slice(0, at) + other + text.slice(at + 1));
    }
  });

  test('a line made to be matched slowly takes no time', () => {
    const nasty = `a=candidate:1 1 udp 1 192.0.2.1 9 typ host${' a'.repeat(480)}`;
    expect(readIceFragment(lines(...Array.from({ length: 30 }, () => nasty)))).toMatchObject({ ok: true });
    expect(readIceFragment(lines(`${nasty} `))).toEqual({ ok: false, why: 'candidate-malformed' });
    // Backtracking over all line ends from each of them took four seconds.
    const lineEnds = `${'\n'.repeat(FRAGMENT_LIMITS.characters - 1)}x`;
    const startedMs = performance.now();
    expect(readIceFragment(lineEnds)).toEqual({ ok: false, why: 'too-many-lines' });
    expect(performance.now() - startedMs).toBeLessThan(500);
  });
});

test('what is written after a restart can be read, and stands in the first section of the bundle', () => {
  const plan = planPublisher(
    readOfferText(
      makeOffer([
        { kind: 'audio', direction: 'sendonly' },
        { kind: 'video', direction: 'sendonly' },
      ]),
    ),
  );
  const text = writeIceFragment(plan, {
    usernameFragment: 'abcd1234',
    password: 'abcdefghijklmnopqrstuvwx',
    candidates: [
      { foundation: 'udp', priority: 2_113_667_327, address: '192.0.2.1', port: 40_000, protocol: 'udp' },
      { foundation: 'tcp', priority: 1_518_280_447, address: '2001:db8::1', port: 40_000, protocol: 'tcp' },
    ],
  });
  expect(text.split('\r\n')).toEqual([
    'a=ice-lite',
    'a=ice-options:trickle',
    'a=group:BUNDLE 0 1',
    'm=audio 9 UDP/TLS/RTP/SAVPF 111',
    'a=mid:0',
    'a=ice-ufrag:abcd1234',
    'a=ice-pwd:abcdefghijklmnopqrstuvwx',
    'a=candidate:udp 1 udp 2113667327 192.0.2.1 40000 typ host',
    'a=candidate:tcp 1 tcp 1518280447 2001:db8::1 40000 typ host tcptype passive',
    'a=end-of-candidates',
    '',
  ]);
  expect(readIceFragment(text)).toMatchObject({ ok: true, value: { candidates: 2, mids: ['0'] } });
});
