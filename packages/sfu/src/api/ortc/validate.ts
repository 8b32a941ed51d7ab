/**
 * Whether capabilities and parameters of an application can be used, with what may be left out filled in, in place.
 * Which codecs and extensions fit each other is not said here → codecs.ts. Spec of the shapes: mediasoup v3.
 */
import { OptionError } from '../../channel/errors.js';
import type { RtpCapabilities, RtpParameters, SctpStreamParameters } from '../../types.js';
import { checkInteger, checkObject, checkParameters, checkText, eachOf } from './fields.js';

const MIME_TYPE = /^(audio|video)\/[^/\s]+$/i;
const PAYLOAD_TYPE_MAX = 127; // RFC 3550 §5.1: seven bits
const SSRC_MAX = 0xffff_ffff;
/** One-byte header extensions have ids 1…14; two-byte ones up to 255 (RFC 8285 §4). */
const EXTENSION_ID_MAX = 255;
const SCTP_STREAM_ID_MAX = 65_534; // RFC 8832 §6: 65535 is no stream
const SCTP_LIMIT_MAX = 65_535; // W3C WebRTC §6.2: unsigned short
const CLOCK_RATE_MAX = 0xffff_ffff;

/** @throws TypeError naming the field. */
export function validateRtpCapabilities(capabilities: RtpCapabilities): void {
  const where = 'rtpCapabilities';
  const fields: unknown = capabilities;
  checkObject(fields, where);
  eachOf(fields, 'codecs', where, validateCodecCapability);
  eachOf(fields, 'headerExtensions', where, (extension, at) => {
    checkObject(extension, at);
    if (extension['kind'] !== 'audio' && extension['kind'] !== 'video')
      throw new OptionError(`${at}.kind: neither 'audio' nor 'video'`);
    checkText(extension['uri'], `${at}.uri`);
    checkInteger(extension['preferredId'], `${at}.preferredId`, 1, EXTENSION_ID_MAX);
    extension['preferredEncrypt'] = flag(extension['preferredEncrypt'], `${at}.preferredEncrypt`);
    extension['direction'] ??= 'sendrecv';
    checkText(extension['direction'], `${at}.direction`);
  });
}

/** @throws TypeError naming the field. */
export function validateCodecCapability(codec: unknown, at: string): void {
  validateCodec(codec, at);
  if (codec['preferredPayloadType'] !== undefined)
    checkInteger(codec['preferredPayloadType'], `${at}.preferredPayloadType`, 0, PAYLOAD_TYPE_MAX);
  codec['kind'] = String(codec['mimeType']).toLowerCase().startsWith('audio/') ? 'audio' : 'video';
}

/** @throws TypeError naming the field. */
export function validateRtpParameters(parameters: RtpParameters): void {
  const where = 'rtpParameters';
  const fields: unknown = parameters;
  checkObject(fields, where);
  if (fields['mid'] !== undefined) checkText(fields['mid'], `${where}.mid`);
  if (!Array.isArray(fields['codecs']) || fields['codecs'].length === 0)
    throw new OptionError(`${where}.codecs: not an array of codecs`);
  eachOf(fields, 'codecs', where, (codec, at) => {
    validateCodec(codec, at);
    checkInteger(codec['payloadType'], `${at}.payloadType`, 0, PAYLOAD_TYPE_MAX);
  });
  eachOf(fields, 'headerExtensions', where, (extension, at) => {
    checkObject(extension, at);
    checkText(extension['uri'], `${at}.uri`);
    checkInteger(extension['id'], `${at}.id`, 1, EXTENSION_ID_MAX);
    extension['encrypt'] = flag(extension['encrypt'], `${at}.encrypt`);
    checkParameters(extension, at);
  });
  eachOf(fields, 'encodings', where, validateEncoding);
  const rtcp = (fields['rtcp'] ??= {});
  checkObject(rtcp, `${where}.rtcp`);
  if (rtcp['cname'] !== undefined && typeof rtcp['cname'] !== 'string')
    throw new OptionError(`${where}.rtcp.cname: not a string`);
  rtcp['reducedSize'] ??= true;
  flag(rtcp['reducedSize'], `${where}.rtcp.reducedSize`);
}

/** @throws TypeError naming the field. `ordered` is filled in: true, unless a limit is given. */
export function validateSctpStreamParameters(stream: SctpStreamParameters): void {
  const where = 'sctpStreamParameters';
  const fields: unknown = stream;
  checkObject(fields, where);
  checkInteger(fields['streamId'], `${where}.streamId`, 0, SCTP_STREAM_ID_MAX);
  const { ordered, maxPacketLifeTime, maxRetransmits } = fields;
  if (ordered !== undefined) flag(ordered, `${where}.ordered`);
  if (maxPacketLifeTime !== undefined)
    checkInteger(maxPacketLifeTime, `${where}.maxPacketLifeTime`, 0, SCTP_LIMIT_MAX);
  if (maxRetransmits !== undefined)
    checkInteger(maxRetransmits, `${where}.maxRetransmits`, 0, SCTP_LIMIT_MAX);
  // 0 is no limit, as in mediasoup.
  if (maxPacketLifeTime && maxRetransmits)
    throw new OptionError(`${where}.maxRetransmits: not together with maxPacketLifeTime`);
  const limited = Boolean(maxPacketLifeTime) || Boolean(maxRetransmits);
  if (ordered === true && limited)
    throw new OptionError(`${where}.ordered: not with maxPacketLifeTime or maxRetransmits`);
  fields['ordered'] = ordered ?? !limited;
}

function validateCodec(codec: unknown, at: string): asserts codec is Record<string, unknown> {
  checkObject(codec, at);
  const { mimeType } = codec;
  if (typeof mimeType !== 'string' || !MIME_TYPE.test(mimeType))
    throw new OptionError(`${at}.mimeType: not of the form audio/… or video/…`);
  checkInteger(codec['clockRate'], `${at}.clockRate`, 1, CLOCK_RATE_MAX);
  if (mimeType.toLowerCase().startsWith('audio/')) {
    if (typeof codec['channels'] !== 'number') codec['channels'] = 1;
  } else delete codec['channels'];
  checkParameters(codec, at);
  if (!Array.isArray(codec['rtcpFeedback'])) codec['rtcpFeedback'] = [];
  eachOf(codec, 'rtcpFeedback', at, (feedback, where) => {
    checkObject(feedback, where);
    checkText(feedback['type'], `${where}.type`);
    if (typeof feedback['parameter'] !== 'string') feedback['parameter'] = '';
  });
}

function validateEncoding(encoding: unknown, at: string): void {
  checkObject(encoding, at);
  const { ssrc, rid, rtx, scalabilityMode } = encoding;
  if (ssrc !== undefined) checkInteger(ssrc, `${at}.ssrc`, 0, SSRC_MAX);
  if (rid !== undefined) checkText(rid, `${at}.rid`);
  if (rtx !== undefined) {
    checkObject(rtx, `${at}.rtx`);
    checkInteger(rtx['ssrc'], `${at}.rtx.ssrc`, 0, SSRC_MAX);
  }
  if (typeof encoding['dtx'] !== 'boolean') encoding['dtx'] = false;
  if (scalabilityMode !== undefined && typeof scalabilityMode !== 'string')
    throw new OptionError(`${at}.scalabilityMode: not a string`);
}

function flag(value: unknown, where: string): boolean {
  if (value !== undefined && typeof value !== 'boolean') throw new OptionError(`${where}: not a boolean`);
  return value ?? false;
}
