/**
 * The answer of an ICE-lite side to an offer that was read, as an object for sdp-transform's writer. RFC 8829 §5.3,
 * RFC 8843 §7.3 (BUNDLE), RFC 8839 §5.3 (ice-lite), RFC 5576 (ssrc lines), RFC 8853 (simulcast).
 * Sections stand in the order of the offer, with its MIDs and protocols. Credentials and fingerprint are repeated in each
 * accepted section, as browsers do; candidates stand in the first, whose m-line also names the default one.
 */
import type { SdpAnswerInput, SdpApplicationAnswer, SdpIceCandidate, SdpMediaAnswer } from './answer.js';
import type { SdpMediaOutput, SdpSessionOutput } from './description.js';
import type { SdpApplicationSection, SdpMediaSection, SdpOffer, SdpOfferSection } from './offer.js';
import { writeParameters } from './readText.js';

const DISCARD_PORT = 9; // m-line port of a section whose candidates are elsewhere, RFC 8829 §5.2.1
const UNSPECIFIED = { version: 4, ip: '0.0.0.0' };

/** @throws TypeError when the input does not fit the offer: other sections, codecs or extensions than were offered. */
export function writeAnswer(offer: SdpOffer, input: SdpAnswerInput): SdpSessionOutput {
  if (input.sections.length !== offer.sections.length)
    throw new TypeError(
      `the offer has ${offer.sections.length} sections, the answer ${input.sections.length}`,
    );
  const accepted: string[] = [];
  const media = offer.sections.map((section, i) => {
    const answer = input.sections[i]!;
    if (!answer.accept) return rejected(section);
    if (section.rejected) throw new TypeError(`section ${section.mid} was not offered to be accepted`);
    const written =
      answer.kind === 'application' ? applicationSection(section, answer) : mediaSection(section, answer);
    addTransport(written, input, accepted.length === 0);
    accepted.push(section.mid);
    return written;
  });
  return {
    version: 0,
    origin: {
      username: '-',
      sessionId: input.sessionId,
      sessionVersion: 2,
      netType: 'IN',
      ipVer: 4,
      address: '127.0.0.1', // RFC 8829 §5.2.1: says nothing about the address
    },
    name: '-',
    timing: { start: 0, stop: 0 },
    icelite: 'ice-lite',
    ...(accepted.length > 0 ? { groups: [{ type: 'BUNDLE', mids: accepted.join(' ') }] } : {}),
    ...(offer.extmapAllowMixed ? { extmapAllowMixed: 'extmap-allow-mixed' as const } : {}),
    msidSemantic: { semantic: 'WMS', token: '*' },
    media,
  };
}

/** Port 0 and one format of the offer, for an m-line needs one. RFC 8829 §5.3.1. */
function rejected(section: SdpOfferSection): SdpMediaOutput {
  return {
    type: typeOf(section),
    port: 0,
    protocol: section.protocol,
    payloads: section.formats[0] ?? '0',
    connection: UNSPECIFIED,
    mid: section.mid,
    rtp: [],
    fmtp: [],
    direction: 'inactive',
  };
}

const typeOf = (section: SdpOfferSection): string =>
  section.kind === 'unknown' ? section.media : section.kind;

function addTransport(written: SdpMediaOutput, input: SdpAnswerInput, first: boolean): void {
  const { ice, dtls } = input;
  const [fingerprint] = dtls.fingerprints;
  if (fingerprint === undefined) throw new TypeError('an answer needs a fingerprint');
  written.iceUfrag = ice.usernameFragment;
  written.icePwd = ice.password;
  written.fingerprint = { type: fingerprint.algorithm, hash: fingerprint.value };
  written.setup = dtls.setup;
  if (!first) return;
  // The default candidate is the one most likely to be reached: the first over UDP (RFC 8839 §4.2.1.2).
  const usual = ice.candidates.find(({ protocol }) => protocol === 'udp') ?? ice.candidates[0];
  if (usual !== undefined) {
    written.port = usual.port;
    written.connection = { version: usual.address.includes(':') ? 6 : 4, ip: usual.address };
  }
  written.candidates = ice.candidates.map(writeCandidate);
  written.endOfCandidates = 'end-of-candidates';
}

const writeCandidate = (candidate: SdpIceCandidate): NonNullable<SdpMediaOutput['candidates']>[number] => ({
  foundation: candidate.foundation,
  component: 1,
  transport: candidate.protocol,
  priority: candidate.priority,
  ip: candidate.address,
  port: candidate.port,
  type: 'host',
  ...(candidate.protocol === 'tcp' ? { tcptype: candidate.tcpType ?? 'passive' } : {}),
});

/** In the form of the offer: RFC 8841, or `sctpmap` for a peer that writes the older one. */
function applicationSection(section: SdpOfferSection, answer: SdpApplicationAnswer): SdpMediaOutput {
  if (section.kind !== 'application') throw new TypeError(`section ${section.mid} is not a data section`);
  const old = section.protocol === 'DTLS/SCTP';
  const { sctpPort, maxMessageSize } = answer;
  return {
    ...acceptedBase(section),
    payloads: old ? String(sctpPort) : section.format,
    rtp: [],
    fmtp: [],
    ...(old
      ? { sctpmap: { sctpmapNumber: sctpPort, app: section.format, maxMessageSize: 65_535 }, maxMessageSize }
      : { sctpPort, maxMessageSize }),
  };
}

const acceptedBase = (
  section: SdpMediaSection | SdpApplicationSection,
): Pick<SdpMediaOutput, 'type' | 'port' | 'protocol' | 'connection' | 'mid'> => ({
  type: section.kind,
  port: DISCARD_PORT,
  protocol: section.protocol,
  connection: UNSPECIFIED,
  mid: section.mid,
});

function mediaSection(section: SdpOfferSection, answer: SdpMediaAnswer): SdpMediaOutput {
  if (section.kind !== answer.kind) throw new TypeError(`section ${section.mid} is not ${answer.kind}`);
  refuseUnoffered(section, answer);
  const written: SdpMediaOutput = {
    ...acceptedBase(section),
    payloads: answer.codecs.map(({ payloadType }) => payloadType).join(' '),
    direction: answer.direction,
    ext: answer.headerExtensions.map(({ id, uri }) => ({ value: id, uri })),
    rtcpMux: 'rtcp-mux',
    ...(section.rtcpReducedSize ? { rtcpRsize: 'rtcp-rsize' as const } : {}),
    rtp: answer.codecs.map(({ payloadType, mimeType, clockRate, channels = 1 }) => ({
      payload: payloadType,
      codec: mimeType.slice(mimeType.indexOf('/') + 1),
      rate: clockRate,
      ...(channels > 1 ? { encoding: channels } : {}),
    })),
    fmtp: answer.codecs
      .filter(({ parameters }) => Object.keys(parameters).length > 0)
      .map(({ payloadType, parameters }) => ({ payload: payloadType, config: writeParameters(parameters) })),
    rtcpFb: answer.codecs.flatMap(({ payloadType, rtcpFeedback }) =>
      rtcpFeedback.map(({ type, parameter }) => ({
        payload: payloadType,
        type,
        ...(parameter === undefined || parameter === '' ? {} : { subtype: parameter }),
      })),
    ),
  };
  addSource(written, answer);
  if (answer.rids !== undefined && answer.rids.length > 0) {
    written.rids = answer.rids.map((id) => ({ id, direction: 'recv' }));
    if (answer.rids.length > 1) written.simulcast = { dir1: 'recv', list1: answer.rids.join(';') };
  }
  return written;
}

/** A browser refuses an answer with a codec or an extension that it did not offer. */
function refuseUnoffered(section: SdpMediaSection, answer: SdpMediaAnswer): void {
  if (answer.codecs.length === 0) throw new TypeError(`section ${section.mid} is answered without a codec`);
  for (const { payloadType } of answer.codecs)
    if (!section.codecs.some((codec) => codec.payloadType === payloadType))
      throw new TypeError(`section ${section.mid} did not offer payload type ${payloadType}`);
  for (const { id, uri } of answer.headerExtensions)
    if (!section.headerExtensions.some((each) => each.id === id && each.uri === uri))
      throw new TypeError(`section ${section.mid} did not offer extension ${id} as ${uri}`);
}

/** ssrc lines of what we send, with the group that ties a retransmission stream to it (RFC 5576 §4, RFC 4588 §8.7). */
function addSource(written: SdpMediaOutput, answer: SdpMediaAnswer): void {
  const { ssrc, rtxSsrc, msid, cname } = answer;
  if (msid !== undefined) written.msid = [{ id: msid.stream, appdata: msid.track }];
  if (ssrc === undefined) return;
  const ssrcs = rtxSsrc === undefined ? [ssrc] : [ssrc, rtxSsrc];
  written.ssrcs = ssrcs.map((id) => ({ id, attribute: 'cname', value: cname ?? String(ssrc) }));
  if (rtxSsrc !== undefined) written.ssrcGroups = [{ semantics: 'FID', ssrcs: `${ssrc} ${rtxSsrc}` }];
}
