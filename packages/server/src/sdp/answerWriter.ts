/**
 * A plan and what the media side gave → text of the answer. One answer for the whole session: everything in it is
 * final. Sections are those of the offer, in their order.
 */
import { writeAnswer, type RtpParameters, type SdpAnswerSection, type SdpCodec } from '@tertulia/wire';
import { write } from 'sdp-transform';
import type { IceSide, Fingerprint } from '../media/mediaPort.js';
import { sourceParameters } from './mediaRequest.js';
import { isOpus, type MediaSection, type PlannedSource, type SessionPlan } from './sessionPlan.js';

export interface AnswerMaterial {
  /** Digits only; the session id of the o= line (RFC 8866 §5.2). No secret. */
  readonly originId: string;
  readonly ice: IceSide;
  readonly fingerprints: readonly Fingerprint[];
  readonly audioSlots: readonly AnsweredSlot[];
  readonly videoSlots: readonly AnsweredSlot[];
  /** Name of the one stream that the first section of sound and the first of pictures are in. Default: a stream for each. */
  readonly stream?: string | undefined;
}

/** What goes out in a section. */
interface AnsweredSlot {
  readonly mid: string;
  readonly rtpParameters: RtpParameters;
}

const SCTP_PORT = 5_000;
const MAX_MESSAGE_SIZE = 262_144;

export function answerText(plan: SessionPlan, material: AnswerMaterial): string {
  const sections = plan.sections.map((planned): SdpAnswerSection => {
    switch (planned.t) {
      case 'reject':
        return { accept: false };
      case 'channel':
        return { accept: true, kind: 'application', sctpPort: SCTP_PORT, maxMessageSize: MAX_MESSAGE_SIZE };
      case 'inactive':
        return inactive(planned.section);
      case 'source':
        return source(planned);
      case 'slot':
        return slot(planned.section, material.audioSlots, material.stream);
      case 'video':
        return slot(planned.section, material.videoSlots, material.stream);
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

function source(planned: PlannedSource): SdpAnswerSection {
  const { section } = planned;
  const { codecs, headerExtensions = [], encodings = [] } = sourceParameters(planned);
  const rids = encodings.flatMap(({ rid }) => rid ?? []);
  return {
    accept: true,
    kind: section.kind,
    direction: 'recvonly',
    codecs: pick(section, codecs),
    headerExtensions: headerExtensions.map(({ id, uri }) => ({ id, uri })),
    ...(rids.length > 0 ? { rids } : {}),
  };
}

function slot(section: MediaSection, slots: readonly AnsweredSlot[], stream?: string): SdpAnswerSection {
  const made = slots.find(({ mid }) => mid === section.mid);
  const encoding = made?.rtpParameters.encodings?.[0];
  if (!made || encoding?.ssrc === undefined) throw new Error(`no slot for section ${section.mid}`);
  const { codecs, headerExtensions = [], rtcp } = made.rtpParameters;
  // A stream of its own for each: browsers would put two tracks of one stream in step, whoever they are of.
  const name = section.kind === 'audio' ? `virtual-${section.mid}` : `virtual-video-${section.mid}`;
  return {
    accept: true,
    kind: section.kind,
    direction: 'sendonly',
    codecs: pick(section, codecs),
    headerExtensions: headerExtensions.map(({ id, uri }) => ({ id, uri })),
    ssrc: encoding.ssrc,
    ...(encoding.rtx ? { rtxSsrc: encoding.rtx.ssrc } : {}),
    cname: rtcp?.cname ?? 'tertulia',
    msid: { stream: slots[0] === made ? (stream ?? name) : name, track: name },
  };
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
              (match.rtcpFeedback ?? []).some(
                ({ type, parameter = '' }) => type === one.type && parameter === (one.parameter ?? ''),
              ),
            ),
          },
        ]
      : [];
  });
}
