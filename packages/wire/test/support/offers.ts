/** Offers as text: those that Chromium wrote (test/offers), two written by hand in Firefox's manner, and ways to change them. */
import { readFileSync } from 'node:fs';
import { parse } from 'sdp-transform';
import { readOffer, type OfferRefusal, type SdpOffer } from '../../src/index.js';

export const OFFER_FILES = ['meet-3a3v', 'meet-3a0v', 'meet-0a1v', 'meet-native-order'] as const;
export const offerText = (name: (typeof OFFER_FILES)[number]): string =>
  readFileSync(new URL(`../../../../test/offers/${name}.sdp`, import.meta.url), 'utf8');

export const tryOffer = (text: string): ReturnType<typeof readOffer> => readOffer(parse(text));

export function offerOf(text: string): SdpOffer {
  const offer = tryOffer(text);
  if (!offer.ok) throw new Error(offer.why);
  return offer.value;
}

export function refusalOf(text: string): OfferRefusal | undefined {
  const offer = tryOffer(text);
  return offer.ok ? undefined : offer.why;
}

export const FINGERPRINT = `sha-256 ${new Array<string>(32).fill('AB').join(':')}`;

export const lines = (...all: readonly string[]): string => `${all.join('\r\n')}\r\n`;

const TRANSPORT = ['a=ice-ufrag:abcd', 'a=ice-pwd:aaaaaaaaaaaaaaaaaaaaaa', 'a=setup:actpass'];

export const HEAD = [
  'v=0',
  'o=- 1 1 IN IP4 127.0.0.1',
  's=-',
  't=0 0',
  `a=fingerprint:${FINGERPRINT}`,
] as const;

/** A microphone with everything a sender may say of itself. */
export const MICROPHONE = [
  'm=audio 9 UDP/TLS/RTP/SAVPF 109 0',
  'c=IN IP4 0.0.0.0',
  'a=mid:0',
  ...TRANSPORT,
  'a=sendonly',
  'a=rtcp-mux',
  'a=rtpmap:109 opus/48000/2',
  'a=fmtp:109 maxplaybackrate=48000;stereo=1;useinbandfec=1',
  'a=rtcp-fb:109 nack',
  'a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level',
  'a=extmap:2/recvonly urn:ietf:params:rtp-hdrext:csrc-audio-level',
  'a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid',
  'a=msid:stream1 track1',
  'a=ssrc:4000000001 cname:someone',
] as const;

/** A camera with three RIDs. */
export const CAMERA = [
  'm=video 9 UDP/TLS/RTP/SAVPF 120 124',
  'c=IN IP4 0.0.0.0',
  'a=mid:1',
  ...TRANSPORT,
  'a=sendonly',
  'a=rtcp-mux',
  'a=rtcp-rsize',
  'a=rtpmap:120 VP8/90000',
  'a=fmtp:120 max-fs=12288;max-fr=60',
  'a=rtpmap:124 rtx/90000',
  'a=fmtp:124 apt=120',
  'a=rtcp-fb:* nack',
  'a=rtcp-fb:120 nack pli',
  'a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid',
  'a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id',
  'a=rid:hi send max-width=1280;max-fps=30',
  'a=rid:mid send',
  'a=rid:lo send',
  'a=simulcast:send hi;~mid,lo',
] as const;

export const DATA = [
  'm=application 9 UDP/DTLS/SCTP webrtc-datachannel',
  'c=IN IP4 0.0.0.0',
  'a=mid:2',
  ...TRANSPORT,
  'a=sctp-port:5000',
  'a=max-message-size:1073741823',
] as const;

export const FULL = lines(...HEAD, 'a=group:BUNDLE 0 1 2', ...MICROPHONE, ...CAMERA, ...DATA);
