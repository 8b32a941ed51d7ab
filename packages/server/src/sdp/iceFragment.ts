/**
 * SDP fragments with candidates or new ICE credentials, `application/trickle-ice-sdpfrag`: text → what it says, and the
 * one that answers a restart. Pure. RFC 8840 §9 (form), RFC 9725 §4.3 (use), RFC 8839 §5.1 (candidates), §5.4 (credentials).
 * Candidates are checked and counted, not kept: an ICE-lite side sends no checks and learns addresses from those that come.
 */
import { isIP } from 'node:net';
import type { IceSide } from '../media/mediaPort.js';
import type { SessionPlan } from './sessionPlan.js';

export const FRAGMENT_LIMITS = {
  /** A browser on a machine with VPN and containers has some 20 candidates of 150 characters. */
  characters: 32_768,
  lines: 256,
  candidates: 100,
  lineCharacters: 1_024,
} as const;

export interface IceFragment {
  readonly usernameFragment: string;
  readonly password: string;
  /** Of its sections. Empty: the fragment is about the whole session. */
  readonly mids: readonly string[];
  /** Of use to a full agent: UDP or TCP, with an address. */
  readonly candidates: number;
  /** Other transports, names in the place of addresses, other components: passed over in silence (RFC 9725 §4.3.2). */
  readonly passedOver: number;
}

export type FragmentRefusal =
  | 'too-long'
  | 'too-many-lines'
  | 'line-malformed'
  | 'credentials-missing'
  | 'credentials-malformed'
  | 'credentials-differ'
  | 'candidate-malformed'
  | 'too-many-candidates';

export type ReadFragment = { ok: true; value: IceFragment } | { ok: false; why: FragmentRefusal };

const LINE = /^[a-z]=[^\0\r\n]*$/;
/** ice-char, RFC 8839 §5.4; lengths too. */
const USERNAME_FRAGMENT = /^[0-9A-Za-z+/]{4,256}$/;
const PASSWORD = /^[0-9A-Za-z+/]{22,256}$/;
/** RFC 8839 §5.1: foundation, component, transport, priority, address, port, type, and pairs. */
const CANDIDATE =
  /^candidate:([0-9A-Za-z+/]{1,32}) (\d{1,5}) ([A-Za-z0-9-]{1,16}) (\d{1,10}) ([0-9A-Za-z.:%_-]{1,255}) (\d{1,5}) typ ([a-z0-9-]{1,16})((?: [!-~]+ [!-~]+)*)$/;

export function readIceFragment(text: string): ReadFragment {
  if (text.length > FRAGMENT_LIMITS.characters) return { ok: false, why: 'too-long' };
  const lines = text.split(/\r?\n/);
  // Not by a pattern: one for "line ends at the end" takes seconds for 32 KiB of them with a letter behind.
  while (lines.at(-1) === '') lines.pop();
  if (lines.length > FRAGMENT_LIMITS.lines) return { ok: false, why: 'too-many-lines' };
  const found = { fragments: new Set<string>(), passwords: new Set<string>() };
  const mids: string[] = [];
  let candidates = 0;
  let passedOver = 0;
  for (const line of lines) {
    if (line.length > FRAGMENT_LIMITS.lineCharacters || !LINE.test(line))
      return { ok: false, why: 'line-malformed' };
    if (!line.startsWith('a=')) continue;
    const [, name = '', value = ''] = /^a=([^:]*):?(.*)$/.exec(line) ?? [];
    if (name === 'ice-ufrag') found.fragments.add(value);
    else if (name === 'ice-pwd') found.passwords.add(value);
    else if (name === 'mid') mids.push(value);
    else if (name === 'candidate') {
      if (candidates + passedOver >= FRAGMENT_LIMITS.candidates)
        return { ok: false, why: 'too-many-candidates' };
      const use = readCandidate(line.slice(2));
      if (use === undefined) return { ok: false, why: 'candidate-malformed' };
      if (use) candidates++;
      else passedOver++;
    }
  }
  if (found.fragments.size > 1 || found.passwords.size > 1) return { ok: false, why: 'credentials-differ' };
  const [usernameFragment] = found.fragments;
  const [password] = found.passwords;
  if (usernameFragment === undefined || password === undefined)
    return { ok: false, why: 'credentials-missing' };
  if (!USERNAME_FRAGMENT.test(usernameFragment) || !PASSWORD.test(password))
    return { ok: false, why: 'credentials-malformed' };
  return { ok: true, value: { usernameFragment, password, mids, candidates, passedOver } };
}

/** @returns whether it is of use; undefined when it is no candidate */
function readCandidate(line: string): boolean | undefined {
  const [whole, , component, transport = '', priority, address = '', port] = CANDIDATE.exec(line) ?? [];
  if (whole === undefined || Number(component) < 1 || Number(component) > 256) return undefined;
  if (Number(priority) > 0xffff_ffff || Number(port) > 65_535) return undefined;
  return Number(component) === 1 && /^(udp|tcp)$/i.test(transport) && isIP(address) !== 0;
}

/** Attributes that stand in answers and in fragments alike, as RFC 9725 §4.3.3 asks. */
export const ICE_OPTIONS = 'trickle';

/** Our side after a restart, in the bundle's first section. */
export function writeIceFragment({ offer, sections }: SessionPlan, ice: IceSide): string {
  const at = sections.findIndex(({ t }) => t !== 'reject');
  const tagged = offer.sections[at];
  if (!tagged) throw new Error('the session has no section');
  const mids = offer.sections.flatMap(({ mid }, i) => (sections[i]?.t === 'reject' ? [] : [mid]));
  const lines = [
    'a=ice-lite',
    `a=ice-options:${ICE_OPTIONS}`,
    `a=group:BUNDLE ${mids.join(' ')}`,
    `m=${tagged.kind} 9 ${tagged.protocol} ${tagged.formats[0] ?? '0'}`,
    `a=mid:${tagged.mid}`,
    `a=ice-ufrag:${ice.usernameFragment}`,
    `a=ice-pwd:${ice.password}`,
    ...ice.candidates.map(
      ({ foundation, protocol, priority, address, port }) =>
        `a=candidate:${foundation} 1 ${protocol} ${priority} ${address} ${port} typ host` +
        (protocol === 'tcp' ? ' tcptype passive' : ''),
    ),
    'a=end-of-candidates',
  ];
  return `${lines.join('\r\n')}\r\n`;
}

/**
 * What an answer to WHIP or WHEP says beyond others: candidates may be trickled to us, and RTCP has no port of its own
 * (RFC 9725 §4.4.1, RFC 8858 §3).
 */
export const withHttpAttributes = (answer: string): string =>
  answer
    .replace(/^a=ice-lite\r\n/m, `a=ice-lite\r\na=ice-options:${ICE_OPTIONS}\r\n`)
    .replaceAll('a=rtcp-mux\r\n', 'a=rtcp-mux\r\na=rtcp-mux-only\r\n');
