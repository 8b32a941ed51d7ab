/**
 * A plan and what the media side gave → text of the answer. One answer for the whole session: everything in it is
 * final. Sections are those of the offer, in their order.
 */
import {
  HEADER_EXTENSION_URIS,
  writeAnswer,
  type RtpParameters,
  type SdpAnswerSection,
  type SdpCodec,
} from '@tertulia/wire';
import { write } from 'sdp-transform';
import type { IceSide, Fingerprint } from '../media/mediaPort.js';
import { sourceParameters } from './mediaRequest.js';
import { isOpus, type MediaSection, type SessionPlan } from './sessionPlan.js';

export interface AnswerMaterial {
  /** Digits only; the session id of the o= line (RFC 8866 §5.2). No secret. */
  readonly originId: string;
  readonly ice: IceSide;
  readonly fingerprints: readonly Fingerprint[];
  /** By MID. */
  readonly audioSlots: readonly { readonly mid: string; readonly rtpParameters: RtpParameters }[];
  /** SSRCs for video slots: media, retransmission; one pair per slot. */
  readonly videoSsrcs: readonly (readonly [number, number])[];
}

const SCTP_PORT = 5_000;
const MAX_MESSAGE_SIZE = 262_144;

const VIDEO_EXTENSIONS: readonly string[] = [
  HEADER_EXTENSION_URIS.mid,
  HEADER_EXTENSION_URIS.absSendTime,
  HEADER_EXTENSION_URIS.transportWideCc,
  HEADER_EXTENSION_URIS.videoOrientation,
  HEADER_EXTENSION_URIS.playoutDelay,
  HEADER_EXTENSION_URIS.dependencyDescriptor,
  HEADER_EXTENSION_URIS.absCaptureTime,
];

export function answerText(plan: SessionPlan, material: AnswerMaterial): string {
  const videoSsrcs = [...material.videoSsrcs];
  const sections = plan.sections.map((planned): SdpAnswerSection => {
    switch (planned.t) {
      case 'reject':
        return { accept: false };
      case 'channel':
        return { accept: true, kind: 'application', sctpPort: SCTP_PORT, maxMessageSize: MAX_MESSAGE_SIZE };
      case 'inactive':
        return inactive(planned.section);
      case 'source':
        return source(planned.section);
      case 'slot':
        return slot(planned.section, material);
      case 'video':
        return video(planned.section, videoSsrcs.shift());
    }
  });
  return write(
    writeAnswer(plan.offer, {
      sessionId: material.originId,
      ice: {
        usernameFragment: material.ice.usernameFragment,
        password: material.ice.password,
        lite: true,
        candidates: material.ice.candidates.map((candidate) => ({ ...candidate })),
      },
      dtls: { setup: 'passive', fingerprints: material.fingerprints.map((one) => ({ ...one })) },
      sections,
      endOfCandidates: true,
    }),
  );
}

function inactive(section: MediaSection): SdpAnswerSection {
  const codecs =
    section.kind === 'audio' ? section.codecs.filter(isOpus).slice(0, 1) : section.codecs.slice(0, 1);
  return { accept: true, kind: section.kind, direction: 'inactive', codecs, headerExtensions: [] };
}

function source(section: MediaSection): SdpAnswerSection {
  const { codecs, headerExtensions = [] } = sourceParameters(section);
  return {
    accept: true,
    kind: 'audio',
    direction: 'recvonly',
    codecs: pick(section, codecs),
    headerExtensions: headerExtensions.map(({ id, uri }) => ({ id, uri })),
  };
}

function slot(section: MediaSection, material: AnswerMaterial): SdpAnswerSection {
  const made = material.audioSlots.find(({ mid }) => mid === section.mid);
  const ssrc = made?.rtpParameters.encodings?.[0]?.ssrc;
  if (!made || ssrc === undefined) throw new Error(`no slot for section ${section.mid}`);
  const { codecs, headerExtensions = [], rtcp } = made.rtpParameters;
  return {
    accept: true,
    kind: 'audio',
    direction: 'sendonly',
    codecs: pick(section, codecs),
    headerExtensions: headerExtensions.map(({ id, uri }) => ({ id, uri })),
    ssrc,
    cname: rtcp?.cname ?? 'tertulia',
    msid: { stream: `virtual-${section.mid}`, track: `virtual-${section.mid}` },
  };
}

/** VP8, VP9 profile 0 and AV1 profile 0 with their retransmission, as the client numbered them; never what it did not offer. */
function video(section: MediaSection, ssrcs: readonly [number, number] | undefined): SdpAnswerSection {
  const media = section.codecs.filter(isAnsweredVideo);
  const repairs = new Set(media.map(({ rtxPayloadType }) => rtxPayloadType));
  const codecs = section.codecs.filter((codec) => media.includes(codec) || repairs.has(codec.payloadType));
  return {
    accept: true,
    kind: 'video',
    direction: ssrcs ? 'sendonly' : 'inactive',
    codecs: codecs.length > 0 ? codecs : section.codecs.slice(0, 1),
    headerExtensions: section.headerExtensions
      .filter(({ uri }) => VIDEO_EXTENSIONS.includes(uri))
      .map(({ id, uri }) => ({ id, uri })),
    ...(ssrcs ? { ssrc: ssrcs[0], rtxSsrc: ssrcs[1], cname: 'tertulia' } : {}),
    ...(ssrcs
      ? { msid: { stream: `virtual-video-${section.mid}`, track: `virtual-video-${section.mid}` } }
      : {}),
  };
}

function isAnsweredVideo({ mimeType, parameters }: SdpCodec): boolean {
  switch (mimeType.toLowerCase()) {
    case 'video/vp8':
      return true;
    case 'video/vp9':
      return Number(parameters['profile-id'] ?? 0) === 0;
    case 'video/av1':
      return Number(parameters['profile'] ?? 0) === 0;
    default:
      return false;
  }
}

/** The offer's codecs that the media side uses, with the feedback that it keeps. */
function pick(section: MediaSection, used: RtpParameters['codecs']): SdpCodec[] {
  return section.codecs.flatMap((codec) => {
    const match = used.find(({ payloadType }) => payloadType === codec.payloadType);
    return match
      ? [
          {
            ...codec,
            rtcpFeedback: codec.rtcpFeedback.filter((one) =>
              (match.rtcpFeedback ?? []).some(({ type }) => type === one.type),
            ),
          },
        ]
      : [];
  });
}
