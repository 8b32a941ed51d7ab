/**
 * Whether two descriptions mean the same codec, so that one side's packets can be decoded by the other.
 * Spec: RFC 6184 §8.2.2 (H.264), RFC 9628 §6 (VP9 profile), RFC 7798 §7 (H.265); multiopus is libwebrtc's.
 */
import { answerProfileLevel } from './h264Profile.js';

export interface CodecDescription {
  mimeType: string;
  clockRate: number;
  channels?: number;
  parameters?: Record<string, unknown>;
}

export const isRtx = ({ mimeType }: { mimeType: string }): boolean => /\/rtx$/i.test(mimeType);

/** Redundant audio, RFC 2198: a packet that carries packets of another codec. */
export const isRed = ({ mimeType }: { mimeType: string }): boolean => /^audio\/red$/i.test(mimeType);

const sameName = (left: CodecDescription, right: CodecDescription): boolean =>
  left.mimeType.toLowerCase() === right.mimeType.toLowerCase() &&
  left.clockRate === right.clockRate &&
  (left.channels ?? 1) === (right.channels ?? 1);

/** Without the parameters of profiles: what the application wants of the router, against what the router can. */
export function matchesCodec(left: CodecDescription, right: CodecDescription): boolean {
  if (!sameName(left, right)) return false;
  if (left.mimeType.toLowerCase() !== 'audio/multiopus') return true;
  return same(left, right, 'num_streams') && same(left, right, 'coupled_streams');
}

/** With them. H.264's level is settled by `settleCodec`. */
export function matchesCodecStrictly(left: CodecDescription, right: CodecDescription): boolean {
  if (!matchesCodec(left, right)) return false;
  switch (left.mimeType.toLowerCase()) {
    case 'video/h264':
      return (
        same(left, right, 'packetization-mode', 0) &&
        answerProfileLevel(left.parameters ?? {}, right.parameters ?? {}) !== undefined
      );
    case 'video/vp9':
      return same(left, right, 'profile-id', 0);
    case 'video/h265':
      return same(left, right, 'profile-id', 1) && same(left, right, 'tier-flag', 0);
    default:
      return true;
  }
}

/** Writes into `codec` what follows from the match: H.264's level. */
export function settleCodec(codec: CodecDescription, match: CodecDescription): void {
  if (codec.mimeType.toLowerCase() !== 'video/h264') return;
  const parameters = (codec.parameters ??= {});
  const answer = answerProfileLevel(parameters, match.parameters ?? {});
  if (answer?.id === undefined) delete parameters['profile-level-id'];
  else parameters['profile-level-id'] = answer.id;
}

/** SDP carries numbers as text; both are the same. */
function same(left: CodecDescription, right: CodecDescription, name: string, fallback?: number): boolean {
  const ours = left.parameters?.[name] ?? fallback;
  const theirs = right.parameters?.[name] ?? fallback;
  return String(ours) === String(theirs);
}
