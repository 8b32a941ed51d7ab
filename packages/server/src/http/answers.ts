/** The SDP answer of a session, at its start and at each restart. */
import type { IceSide } from '../media/mediaPort.js';
import type { SessionRecord } from '../rooms/conference.js';
import { answerText } from '../sdp/answerWriter.js';
import type { SessionPlan } from '../sdp/sessionPlan.js';

/** @param stream name of the one stream that the answer has; default: one for each section */
export function answerFor(record: SessionRecord, plan: SessionPlan, ice: IceSide, stream?: string): string {
  return answerText(plan, {
    originId: record.originId,
    ice,
    fingerprints: record.media.fingerprints,
    audioSlots: record.media.audioSlots,
    videoSlots: record.media.videoSlots,
    stream,
  });
}
