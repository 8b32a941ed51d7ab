/**
 * Which H.264 profile and level a `profile-level-id` means, whether two sides have the same profile, and what is answered.
 * Spec: RFC 6184 §8.1 (table 5 is `PROFILES`), ITU-T H.264 §A.3; an absent id is taken as Constrained Baseline 3.1, as
 * libwebrtc does (the RFC says Baseline 1, which nobody sends).
 */
type Parameters = Readonly<Record<string, unknown>>;

export type H264Profile =
  'constrained-baseline' | 'baseline' | 'main' | 'constrained-high' | 'high' | 'predictive-high-444';
export interface H264ProfileLevel {
  readonly profile: H264Profile;
  /** Ten times the level's number; level 1b is 10.5 of them. */
  readonly level: number;
}

const LEVEL_1B = 10.5;
const CONSTRAINT_SET_3 = 0x10;
const DEFAULT: H264ProfileLevel = { profile: 'constrained-baseline', level: 31 };

/** profile_idc, the bits of profile_iop that count, their values, the profile; the first that fits is meant. */
const PROFILES: readonly (readonly [idc: number, mask: number, bits: number, profile: H264Profile])[] = [
  [0x42, 0x4f, 0x40, 'constrained-baseline'],
  [0x4d, 0x8f, 0x80, 'constrained-baseline'],
  [0x58, 0xcf, 0xc0, 'constrained-baseline'],
  [0x42, 0x4f, 0x00, 'baseline'],
  [0x58, 0xcf, 0x80, 'baseline'],
  [0x4d, 0xaf, 0x00, 'main'],
  [0x64, 0xff, 0x00, 'high'],
  [0x64, 0xff, 0x0c, 'constrained-high'],
  [0xf4, 0xff, 0x00, 'predictive-high-444'],
];
/** How each profile is written: the first two bytes. */
const WRITTEN: Readonly<Record<H264Profile, string>> = {
  'constrained-baseline': '42e0',
  baseline: '4200',
  main: '4d00',
  'constrained-high': '640c',
  high: '6400',
  'predictive-high-444': 'f400',
};

/** @returns undefined for an id that means nothing. */
export function readProfileLevel(id: unknown): H264ProfileLevel | undefined {
  if (id === undefined) return DEFAULT;
  const text = String(id);
  if (!/^[0-9a-f]{6}$/i.test(text)) return undefined;
  const idc = parseInt(text.slice(0, 2), 16);
  const iop = parseInt(text.slice(2, 4), 16);
  const levelIdc = parseInt(text.slice(4), 16);
  const found = PROFILES.find(([wanted, mask, bits]) => idc === wanted && (iop & mask) === bits);
  if (!found || levelIdc === 0) return undefined;
  const is1b = levelIdc === 9 || (levelIdc === 11 && (iop & CONSTRAINT_SET_3) !== 0 && idc !== 0x64);
  return { profile: found[3], level: is1b ? LEVEL_1B : levelIdc };
}

/**
 * @returns undefined when the profiles differ; else what `local` says from now on: its own level where both sides allow
 * levels to differ, the lower one otherwise; without an id when neither side gave one.
 */
export function answerProfileLevel(local: Parameters, remote: Parameters): { id?: string } | undefined {
  const ours = readProfileLevel(local['profile-level-id']);
  const theirs = readProfileLevel(remote['profile-level-id']);
  if (!ours || !theirs || ours.profile !== theirs.profile) return undefined;
  if (local['profile-level-id'] === undefined && remote['profile-level-id'] === undefined) return {};
  const asymmetric = allowsAsymmetry(local) && allowsAsymmetry(remote);
  return {
    id: writeProfileLevel(ours.profile, asymmetric ? ours.level : Math.min(ours.level, theirs.level)),
  };
}

const allowsAsymmetry = (parameters: Parameters): boolean =>
  Number(parameters['level-asymmetry-allowed']) === 1;

function writeProfileLevel(profile: H264Profile, level: number): string {
  if (level !== LEVEL_1B) return WRITTEN[profile] + level.toString(16).padStart(2, '0');
  if (profile === 'constrained-baseline') return '42f00b';
  if (profile === 'baseline') return '42100b';
  if (profile === 'main') return '4d100b';
  return `${WRITTEN[profile]}09`;
}
