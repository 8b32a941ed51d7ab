/** Random names. Session ids are secrets: whoever has one may end or replace the session. */
import { randomBytes } from 'node:crypto';

/** 128 bits; the whole authority over a session, so never logged. */
export const newSessionId = (): string => randomBytes(16).toString('base64url');
/** Public; shown to everybody in the room. 72 bits, so that two never meet. */
export const newParticipantId = (): string => `p_${randomBytes(9).toString('base64url')}`;
export const newTraceId = (): string => randomBytes(16).toString('hex');
/** Public; part of a folder's name, so only letters, digits, - and _. */
export const newRecordingId = (): string => `r_${randomBytes(9).toString('base64url')}`;
/** Public. */
export const newRtpId = (): string => `rtp_${randomBytes(9).toString('base64url')}`;
