/** Offers for tests: those of real clients, and ones made from a list of sections. */
import { readFileSync } from 'node:fs';

/** Offers that Chromium made, in test/offers. */
export const realOffer = (name: string): string =>
  readFileSync(new URL(`../../../../test/offers/${name}.sdp`, import.meta.url), 'utf8');

export interface SectionSpec {
  kind: 'audio' | 'video' | 'application';
  direction?: 'sendonly' | 'recvonly' | 'sendrecv' | 'inactive';
  mid?: string;
  /** Lines that are added. */
  extra?: string[];
  opus?: number | undefined;
  /** Payload type of VP8; its retransmission has the next one. Without it there is VP8 alone, as 96. */
  vp8?: number;
}

export interface OfferSpec {
  setup?: string;
  fingerprint?: string;
  usernameFragment?: string;
}

const FINGERPRINT = Array.from({ length: 32 }, (_, at) => (at + 16).toString(16).toUpperCase()).join(':');
const LEVEL = 'urn:ietf:params:rtp-hdrext:ssrc-audio-level';
const MID = 'urn:ietf:params:rtp-hdrext:sdes:mid';
const TWCC = 'http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01';

export function makeOffer(specs: readonly SectionSpec[], offer: OfferSpec = {}): string {
  const mids = specs.map(({ mid }, at) => mid ?? String(at));
  const lines = [
    'v=0',
    'o=- 4611 2 IN IP4 127.0.0.1',
    's=-',
    't=0 0',
    `a=group:BUNDLE ${mids.join(' ')}`,
    'a=msid-semantic: WMS',
  ];
  specs.forEach((spec, at) => lines.push(...section(spec, mids[at] ?? '', offer)));
  return `${lines.join('\r\n')}\r\n`;
}

function section(
  { kind, direction = 'recvonly', extra = [], ...more }: SectionSpec,
  mid: string,
  offer: OfferSpec,
): string[] {
  const transport = [
    'c=IN IP4 0.0.0.0',
    `a=ice-ufrag:${offer.usernameFragment ?? 'abcd'}`,
    'a=ice-pwd:abcdefghijklmnopqrstuvwx',
    `a=fingerprint:sha-256 ${offer.fingerprint ?? FINGERPRINT}`,
    `a=setup:${offer.setup ?? 'actpass'}`,
    `a=mid:${mid}`,
  ];
  if (kind === 'application')
    return [
      'm=application 9 UDP/DTLS/SCTP webrtc-datachannel',
      ...transport,
      'a=sctp-port:5000',
      'a=max-message-size:262144',
      ...extra,
    ];
  if (kind === 'video') {
    const { vp8 } = more;
    const number = vp8 ?? 96;
    return [
      `m=video 9 UDP/TLS/RTP/SAVPF ${number}${vp8 === undefined ? '' : ` ${vp8 + 1}`}`,
      ...transport,
      `a=${direction}`,
      'a=rtcp-mux',
      `a=rtpmap:${number} VP8/90000`,
      ...(vp8 === undefined ? [] : [`a=rtpmap:${vp8 + 1} rtx/90000`, `a=fmtp:${vp8 + 1} apt=${vp8}`]),
      ...extra,
    ];
  }
  const opus = 'opus' in more ? more.opus : 111;
  return [
    `m=audio 9 UDP/TLS/RTP/SAVPF ${opus === undefined ? '' : `${opus} `}0`,
    ...transport,
    `a=extmap:1 ${LEVEL}`,
    `a=extmap:3 ${TWCC}`,
    `a=extmap:4 ${MID}`,
    `a=${direction}`,
    'a=rtcp-mux',
    'a=rtcp-rsize',
    ...(opus === undefined
      ? []
      : [
          `a=rtpmap:${opus} opus/48000/2`,
          `a=rtcp-fb:${opus} transport-cc`,
          `a=rtcp-fb:${opus} nack`,
          `a=fmtp:${opus} minptime=10;useinbandfec=1`,
        ]),
    'a=rtpmap:0 PCMU/8000',
    ...extra,
  ];
}

/** What the project's own client offers: a microphone, three voices, a channel. */
export const clientOffer = (offer: OfferSpec = {}): string =>
  makeOffer(
    [
      { kind: 'audio', direction: 'sendonly' },
      { kind: 'audio' },
      { kind: 'audio' },
      { kind: 'audio' },
      { kind: 'application' },
    ],
    offer,
  );

/** What a Media API client without video offers. */
export const meetOffer = (audioSections = 3): string =>
  makeOffer([
    ...Array.from({ length: audioSections }, () => ({ kind: 'audio' as const })),
    { kind: 'application' },
  ]);
