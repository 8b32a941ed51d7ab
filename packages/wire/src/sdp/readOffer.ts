/**
 * A parsed SDP offer → what it asks for, or why it cannot be answered. Here: the session as a whole and its one
 * transport. RFC 8843 §7.2, §9 (BUNDLE), RFC 8839 §5.4 (ICE), RFC 8842 §5, RFC 8122 §5 (fingerprints), RFC 5763 §5 (setup).
 * Refused is what breaks a rule or a limit. Whether an offer suits an endpoint (how many sections, which codecs) is the
 * endpoint's business. Candidates are not read: an ICE-lite side learns addresses from checks.
 */
import type { Parsed } from '../result.js';
import { parsed, refused } from '../result.js';
import type { SdpMediaInput, SdpSessionInput, SdpSharedInput } from './description.js';
import type { OfferRefusal, SdpFingerprint, SdpOffer, SdpOfferSection, SdpSetup } from './offer.js';
import { OfferRefused, SDP_LIMITS } from './offer.js';
import { readSection } from './readSection.js';
import { list, text, words } from './readText.js';

export function readOffer(session: SdpSessionInput): Parsed<SdpOffer, OfferRefusal> {
  try {
    return parsed(read(session));
  } catch (refusal) {
    if (refusal instanceof OfferRefused) return refused(refusal.why);
    throw refusal;
  }
}

function read(session: SdpSessionInput): SdpOffer {
  const media = list(session.media);
  if (media.length === 0) throw new OfferRefused('no-sections');
  if (media.length > SDP_LIMITS.sections) throw new OfferRefused('too-many-sections');
  const sections = media.map((each) => readSection(session, each));
  const byMid = new Map<string, { section: SdpOfferSection; media: SdpMediaInput }>();
  sections.forEach((section, i) => {
    if (byMid.has(section.mid)) throw new OfferRefused('mid-duplicate');
    byMid.set(section.mid, { section, media: media[i]! });
  });
  const live = sections.filter((section) => !section.rejected && section.kind !== 'unknown');
  const bundle = readBundle(session, byMid, live);
  refuseConflicts(live);
  const tagged = bundle.map((mid) => byMid.get(mid)!).find(({ section }) => !section.rejected)?.media ?? {};
  const dtls = readDtls(session, tagged);
  for (const { mid } of live) {
    const setup = byMid.get(mid)!.media.setup;
    if (setup !== undefined && setup !== dtls.setup) throw new OfferRefused('setup-conflict');
  }
  return {
    ice: readIce(session, tagged),
    dtls,
    bundle,
    extmapAllowMixed: session.extmapAllowMixed !== undefined,
    sections,
  };
}

/** One transport for all: every live section is in the first BUNDLE group, or there is only one. */
function readBundle(
  session: SdpSessionInput,
  byMid: ReadonlyMap<string, unknown>,
  live: readonly SdpOfferSection[],
): string[] {
  const group = list(session.groups).find(({ type }) => type === 'BUNDLE');
  const bundle = [...new Set(words(group?.mids))];
  if (bundle.some((mid) => !byMid.has(mid))) throw new OfferRefused('bundle-unknown-mid');
  if (bundle.length === 0 && live.length === 1) return [live[0]!.mid];
  if (live.some(({ mid }) => !bundle.includes(mid))) throw new OfferRefused('not-bundled');
  return bundle;
}

/** Within a bundle one payload type is one codec (RFC 8843 §9.1) and one extension id is one URI (RFC 8285 §6). */
function refuseConflicts(live: readonly SdpOfferSection[]): void {
  const codecs = new Map<number, string>();
  const uris = new Map<number, string>();
  for (const section of live) {
    if (section.kind !== 'audio' && section.kind !== 'video') continue;
    if (!section.rtcpMux) throw new OfferRefused('rtcp-mux-missing');
    for (const { payloadType, mimeType, clockRate, channels = 0 } of section.codecs) {
      const codec = `${mimeType.toLowerCase()}/${clockRate}/${channels}`;
      if ((codecs.get(payloadType) ?? codec) !== codec) throw new OfferRefused('payload-type-conflict');
      codecs.set(payloadType, codec);
    }
    for (const { id, uri } of section.headerExtensions) {
      if ((uris.get(id) ?? uri) !== uri) throw new OfferRefused('header-extension-conflict');
      uris.set(id, uri);
    }
  }
}

/** ice-char, RFC 8839 §5.4; lengths too. */
const USERNAME_FRAGMENT = /^[0-9A-Za-z+/]{4,256}$/;
const PASSWORD = /^[0-9A-Za-z+/]{22,256}$/;

function readIce(session: SdpSharedInput, tagged: SdpSharedInput): SdpOffer['ice'] {
  const usernameFragment = text(tagged.iceUfrag ?? session.iceUfrag);
  const password = text(tagged.icePwd ?? session.icePwd);
  if (usernameFragment === '' || password === '') throw new OfferRefused('ice-missing');
  if (!USERNAME_FRAGMENT.test(usernameFragment) || !PASSWORD.test(password))
    throw new OfferRefused('ice-malformed');
  return { usernameFragment, password, options: words(tagged.iceOptions ?? session.iceOptions) };
}

const SETUPS: readonly SdpSetup[] = ['actpass', 'active', 'passive'];
/** Bytes of each hash that RFC 8122 §5 names and that is still computed. */
const HASH_BYTES: Readonly<Record<string, number>> = {
  'sha-1': 20,
  'sha-224': 28,
  'sha-256': 32,
  'sha-384': 48,
  'sha-512': 64,
};

function readDtls(session: SdpSharedInput, tagged: SdpSharedInput): SdpOffer['dtls'] {
  const line = tagged.fingerprint ?? session.fingerprint;
  if (line === undefined) throw new OfferRefused('fingerprint-missing');
  const fingerprint: SdpFingerprint = {
    algorithm: text(line.type).toLowerCase(),
    value: text(line.hash).toUpperCase(),
  };
  const bytes = Object.hasOwn(HASH_BYTES, fingerprint.algorithm) ? HASH_BYTES[fingerprint.algorithm]! : 0;
  if (!/^[0-9A-F]{2}(:[0-9A-F]{2})*$/.test(fingerprint.value) || fingerprint.value.length !== 3 * bytes - 1)
    throw new OfferRefused('fingerprint-malformed');
  const written = tagged.setup ?? session.setup;
  if (written === undefined) throw new OfferRefused('setup-missing');
  const setup = SETUPS.find((each) => each === written);
  if (setup === undefined) throw new OfferRefused('setup-malformed');
  return { setup, fingerprints: [fingerprint] };
}
