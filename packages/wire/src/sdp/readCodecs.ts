/**
 * Codecs of one m-section: payload types of the m-line with their rtpmap, fmtp and rtcp-fb lines. RFC 8866 §6.6, §6.15,
 * RFC 4585 §4.2, RFC 4588 §8.1 (apt). Which codecs are of use is decided elsewhere.
 */
import type { SdpMediaInput } from './description.js';
import type { SdpCodec } from './offer.js';
import { OfferRefused, SDP_LIMITS } from './offer.js';
import { list, readParameters, text, wholeNumber } from './readText.js';

/** Payload types that need no rtpmap, RFC 3551 §6; those that browsers offer. */
const STATIC: Readonly<Record<number, { codec: string; rate: number }>> = {
  0: { codec: 'PCMU', rate: 8000 },
  8: { codec: 'PCMA', rate: 8000 },
  9: { codec: 'G722', rate: 8000 }, // RFC 3551 §4.5.2: the RTP clock of G722 is 8000, by an old error
  13: { codec: 'CN', rate: 8000 },
};

/** A payload type of the m-line without rtpmap that is not static is left out: nothing is known of it. */
export function readCodecs(
  kind: 'audio' | 'video',
  formats: readonly string[],
  media: SdpMediaInput,
): SdpCodec[] {
  if (formats.length > SDP_LIMITS.codecs) throw new OfferRefused('too-many-codecs');
  const rtpmaps = new Map<number, Required<SdpMediaInput>['rtp'][number]>();
  for (const line of list(media.rtp)) {
    if (rtpmaps.has(line.payload)) throw new OfferRefused('payload-type-duplicate');
    if (rtpmaps.size >= SDP_LIMITS.codecs) throw new OfferRefused('too-many-codecs');
    rtpmaps.set(line.payload, line);
  }
  const codecs = new Map<number, SdpCodec>();
  for (const format of formats) {
    const payloadType = wholeNumber(format, 0, 127);
    if (payloadType === undefined) throw new OfferRefused('payload-type-malformed');
    if (codecs.has(payloadType)) throw new OfferRefused('payload-type-duplicate');
    const line = rtpmaps.get(payloadType) ?? STATIC[payloadType];
    if (line !== undefined) codecs.set(payloadType, readCodec(kind, payloadType, line));
  }
  for (const { payload, config } of list(media.fmtp)) {
    const codec = codecs.get(payload);
    if (codec !== undefined) Object.assign(codec.parameters, readParameters(config));
  }
  readFeedback(media, codecs);
  for (const codec of codecs.values()) {
    if (!/\/rtx$/i.test(codec.mimeType)) continue;
    const repaired = codecs.get(wholeNumber(codec.parameters['apt'], 0, 127) ?? -1);
    if (repaired !== undefined && repaired !== codec) repaired.rtxPayloadType ??= codec.payloadType;
  }
  return [...codecs.values()];
}

function readCodec(
  kind: 'audio' | 'video',
  payloadType: number,
  line: { codec: string | number; rate?: number; encoding?: string | number },
): SdpCodec {
  const clockRate = wholeNumber(line.rate, 1, 10_000_000);
  const channels = line.encoding === undefined ? 1 : wholeNumber(line.encoding, 1, 255);
  const name = text(line.codec);
  if (clockRate === undefined || channels === undefined || !/^[\w.+-]{1,64}$/.test(name))
    throw new OfferRefused('codec-malformed');
  const codec: SdpCodec = {
    payloadType,
    mimeType: `${kind}/${name}`,
    clockRate,
    parameters: {},
    rtcpFeedback: [],
  };
  if (kind === 'audio') codec.channels = channels;
  return codec;
}

function readFeedback(media: SdpMediaInput, codecs: ReadonlyMap<number, SdpCodec>): void {
  for (const { payload, type, subtype } of list(media.rtcpFb)) {
    const feedback = { type: text(type), ...(subtype === undefined ? {} : { parameter: text(subtype) }) };
    const one = payload === '*' ? undefined : codecs.get(Number(payload));
    for (const codec of payload === '*' ? codecs.values() : one === undefined ? [] : [one]) {
      if (codec.rtcpFeedback.length >= SDP_LIMITS.feedback) throw new OfferRefused('too-much-feedback');
      codec.rtcpFeedback.push({ ...feedback });
    }
  }
}
