/** One m-section of an offer: its kind, and everything in it that is not transport. Transport: readOffer.ts. */
import type { SdpMediaInput, SdpSessionInput } from './description.js';
import type {
  SdpApplicationSection,
  SdpHeaderExtension,
  SdpMediaSection,
  SdpOfferSection,
  SdpRid,
  SdpSimulcastStream,
} from './offer.js';
import { OfferRefused, SDP_LIMITS } from './offer.js';
import { readCodecs } from './readCodecs.js';
import { direction, list, readParameters, text, wholeNumber, words } from './readText.js';

/** RFC 8866 §9 token; RFC 5888 §5 for MIDs. */
const TOKEN = /^[!#-'*+\-.0-9A-Z^-~]+$/;
const RID = /^[0-9A-Za-z_-]{1,255}$/;
/** Media over DTLS-SRTP with feedback or without, RFC 5764 §8, RFC 7850 for TCP. */
const MEDIA_PROTOCOL = /^(UDP|TCP)\/TLS\/RTP\/SAVPF?$/;
const DATA_PROTOCOL = /^(UDP|TCP)\/DTLS\/SCTP$/;
/** Form of drafts before RFC 8841: the format is the port, `sctpmap` names what is in it. */
const OLD_DATA_PROTOCOL = 'DTLS/SCTP';
/** Up to here ids may be offered, beyond 255 only in place of others; 15 cannot stand in the one-byte form. RFC 8285 §4.2, §5. */
const LAST_PROVISIONAL_ID = 4351;
const DEFAULT_SCTP_PORT = 5000; // what the browsers use
const DEFAULT_MAX_MESSAGE_SIZE = 65_536; // RFC 8841 §6.1, when the line is absent

export function readSection(session: SdpSessionInput, media: SdpMediaInput): SdpOfferSection {
  const mid = text(media.mid);
  if (mid === '') throw new OfferRefused('mid-missing');
  if (mid.length > SDP_LIMITS.midCharacters || !TOKEN.test(mid)) throw new OfferRefused('mid-malformed');
  const base = {
    mid,
    rejected: media.port === 0 && media.bundleOnly === undefined,
    protocol: text(media.protocol),
    formats: words(media.payloads),
  };
  const type = text(media.type);
  if (!TOKEN.test(type) || base.protocol === '' || base.formats.length === 0)
    throw new OfferRefused('section-malformed');
  if (type === 'audio' || type === 'video') {
    if (!MEDIA_PROTOCOL.test(base.protocol) && !base.rejected) throw new OfferRefused('transport-not-secure');
    return readMedia(type, base, session, media);
  }
  return (
    (type === 'application' ? readApplication(base, media) : undefined) ?? {
      kind: 'unknown',
      media: type,
      ...base,
    }
  );
}

type Base = Pick<SdpMediaSection, 'mid' | 'rejected' | 'protocol' | 'formats'>;

function readMedia(
  kind: 'audio' | 'video',
  base: Base,
  session: SdpSessionInput,
  media: SdpMediaInput,
): SdpMediaSection {
  const section: SdpMediaSection = {
    kind,
    ...base,
    direction: direction(media.direction) ?? direction(session.direction) ?? 'sendrecv',
    codecs: readCodecs(kind, base.formats, media),
    headerExtensions: readHeaderExtensions(session, media),
    rtcpMux: media.rtcpMux !== undefined,
    rtcpReducedSize: media.rtcpRsize !== undefined,
    ...readSsrcs(media),
    rids: readRids(media),
  };
  const simulcast = readSimulcast(media);
  if (simulcast !== undefined) section.simulcast = simulcast;
  return section;
}

function readHeaderExtensions(session: SdpSessionInput, media: SdpMediaInput): SdpHeaderExtension[] {
  const lines = [...list(session.ext), ...list(media.ext)];
  if (lines.length > SDP_LIMITS.headerExtensions) throw new OfferRefused('too-many-header-extensions');
  const byId = new Map<number, SdpHeaderExtension>();
  for (const line of lines) {
    if (line['encrypt-uri'] !== undefined) continue; // RFC 6904, which nothing here speaks
    const id = wholeNumber(line.value, 1, LAST_PROVISIONAL_ID);
    const uri = text(line.uri);
    if (id === undefined || uri === '') throw new OfferRefused('header-extension-malformed');
    if (id === 15 || id > 255) continue;
    if (byId.has(id)) throw new OfferRefused('header-extension-duplicate');
    const way = direction(line.direction);
    byId.set(id, { id, uri, ...(way === undefined ? {} : { direction: way }) });
  }
  return [...byId.values()];
}

function readSsrcs(media: SdpMediaInput): Pick<SdpMediaSection, 'ssrcs' | 'ssrcGroups' | 'msid'> {
  const bySsrc = new Map<number, { ssrc: number; cname?: string }>();
  const [line] = list(media.msid);
  let msid = line && { stream: text(line.id), track: text(line.appdata) };
  for (const { id, attribute, value } of list(media.ssrcs)) {
    const ssrc = readSsrc(id);
    if (!bySsrc.has(ssrc)) bySsrc.set(ssrc, { ssrc });
    if (bySsrc.size > SDP_LIMITS.ssrcs) throw new OfferRefused('too-many-ssrcs');
    if (attribute === 'cname') bySsrc.get(ssrc)!.cname = text(value);
    // The form of before RFC 8830, still sent beside the newer one.
    const [stream, track] = attribute === 'msid' ? words(value) : [];
    if (stream !== undefined) msid ??= { stream, track: track ?? '' };
  }
  const groups = list(media.ssrcGroups);
  if (groups.length > SDP_LIMITS.ssrcs) throw new OfferRefused('too-many-ssrcs');
  const ssrcGroups = groups.map((group) => {
    const members = words(group.ssrcs);
    if (members.length > SDP_LIMITS.ssrcs) throw new OfferRefused('too-many-ssrcs');
    return { semantics: text(group.semantics), ssrcs: members.map(readSsrc) };
  });
  return { ssrcs: [...bySsrc.values()], ssrcGroups, ...(msid === undefined ? {} : { msid }) };
}

function readSsrc(written: unknown): number {
  const ssrc = wholeNumber(written, 0, 0xffffffff);
  if (ssrc === undefined) throw new OfferRefused('ssrc-malformed');
  return ssrc;
}

function readRids(media: SdpMediaInput): SdpRid[] {
  const lines = list(media.rids);
  if (lines.length > SDP_LIMITS.rids) throw new OfferRefused('too-many-rids');
  const seen = new Set<string>();
  return lines.map((line) => {
    const id = text(line.id);
    const way = text(line.direction);
    if (!RID.test(id) || seen.has(id) || (way !== 'send' && way !== 'recv'))
      throw new OfferRefused('rid-malformed');
    seen.add(id);
    return { id, direction: way, parameters: readParameters(line.params) };
  });
}

/** `send 1,2;~3`: streams divided by semicolons, alternatives by commas, ~ begins paused. RFC 8853 §5.1. */
function readSimulcast(media: SdpMediaInput): SdpMediaSection['simulcast'] {
  if (media.simulcast === undefined) return undefined;
  const { dir1, list1, dir2, list2 } = media.simulcast;
  const simulcast: NonNullable<SdpMediaSection['simulcast']> = {};
  for (const [way, written] of [
    [dir1, list1],
    [dir2, list2],
  ]) {
    const streams = readSimulcastList(written);
    if (way === 'send') simulcast.send = streams;
    else if (way === 'recv') simulcast.receive = streams;
  }
  return simulcast;
}

function readSimulcastList(written: unknown): SdpSimulcastStream[][] {
  const streams = text(written)
    .split(';')
    .filter((part) => part !== '');
  if (streams.length > SDP_LIMITS.rids) throw new OfferRefused('too-many-rids');
  return streams.map((stream) =>
    stream.split(',').map((alternative) => {
      const paused = alternative.startsWith('~');
      const rid = paused ? alternative.slice(1) : alternative;
      if (!RID.test(rid)) throw new OfferRefused('rid-malformed');
      return { rid, paused };
    }),
  );
}

/** @returns undefined when it is not SCTP over DTLS with data channels in it */
function readApplication(base: Base, media: SdpMediaInput): SdpApplicationSection | undefined {
  const old = base.protocol === OLD_DATA_PROTOCOL;
  if (!old && !DATA_PROTOCOL.test(base.protocol)) return undefined;
  const content = old ? text(media.sctpmap?.app) : base.formats[0];
  if (content !== 'webrtc-datachannel') return undefined;
  const port = old ? base.formats[0] : (media.sctpPort ?? DEFAULT_SCTP_PORT);
  const sctpPort = wholeNumber(port, 1, 65_535);
  const maxMessageSize = Math.floor(media.maxMessageSize ?? DEFAULT_MAX_MESSAGE_SIZE);
  if (sctpPort === undefined || !Number.isSafeInteger(maxMessageSize) || maxMessageSize < 0)
    throw new OfferRefused('sctp-malformed');
  return { kind: 'application', ...base, format: 'webrtc-datachannel', sctpPort, maxMessageSize };
}
