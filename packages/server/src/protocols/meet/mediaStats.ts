/**
 * The channel `media-stats`: one configuration when it opens, never a second, then an answer to each upload.
 * Pure. What clients upload is not used by this version; it is bounded by size and rate and forgotten.
 */
import { isObject, okStatus, status, type Request, type Status } from '../envelope.js';
import { STATUS } from '../machine.js';

/** Seconds between uploads. The reference clients' tests use ten. */
const UPLOAD_INTERVAL_SECONDS = 10;

/** Types with hyphens, attributes in camelCase; only types that both reference clients know. */
const ALLOWLIST: Readonly<Record<string, readonly string[]>> = {
  'inbound-rtp': [
    'ssrc',
    'kind',
    'codecId',
    'jitter',
    'packetsLost',
    'packetsReceived',
    'bytesReceived',
    'jitterBufferDelay',
    'jitterBufferEmittedCount',
    'concealedSamples',
    'totalSamplesReceived',
    'audioLevel',
  ],
  'candidate-pair': ['currentRoundTripTime', 'bytesReceived', 'bytesSent', 'packetsReceived', 'packetsSent'],
  transport: ['selectedCandidatePairId'],
  codec: ['mimeType', 'payloadType'],
};

export function configurationResource(): object {
  const allowlist = Object.fromEntries(Object.entries(ALLOWLIST).map(([type, keys]) => [type, { keys }]));
  return { configuration: { uploadIntervalSeconds: UPLOAD_INTERVAL_SECONDS, allowlist } };
}

/** One client sends a request without payload when it has nothing to say: that is fine, too. */
export function answerUpload({ name, payload }: Request): Status {
  if (name === undefined) return okStatus;
  if (name !== 'uploadMediaStats')
    return status(STATUS.unimplemented, 'Only uploadMediaStats is known on this channel.');
  if (!isObject(payload)) return status(STATUS.invalidArgument, 'uploadMediaStats must be an object.');
  const sections = payload['sections'];
  if (sections !== undefined && !Array.isArray(sections))
    return status(STATUS.invalidArgument, 'sections must be a list.');
  return okStatus;
}
