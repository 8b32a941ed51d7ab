/**
 * What a Router can handle. Opus today; other codecs are further rows.
 * Ids and feedback as in mediasoup v3, so that a client made for it finds what it expects.
 */
import { HEADER_EXTENSION_URIS } from '@tertulia/wire';
import type { RtpCapabilities } from '../types.js';

const SUPPORTED: Required<RtpCapabilities> = {
  codecs: [
    {
      kind: 'audio',
      mimeType: 'audio/opus',
      clockRate: 48000,
      channels: 2,
      rtcpFeedback: [{ type: 'nack' }, { type: 'transport-cc' }],
    },
  ],
  headerExtensions: [
    {
      kind: 'audio',
      uri: HEADER_EXTENSION_URIS.mid,
      preferredId: 1,
      preferredEncrypt: false,
      direction: 'sendrecv',
    },
    {
      kind: 'audio',
      uri: HEADER_EXTENSION_URIS.absSendTime,
      preferredId: 4,
      preferredEncrypt: false,
      direction: 'sendrecv',
    },
    {
      kind: 'audio',
      uri: HEADER_EXTENSION_URIS.audioLevel,
      preferredId: 10,
      preferredEncrypt: false,
      direction: 'sendrecv',
    },
  ],
};

/** A copy: change it as you like. */
export const getSupportedRtpCapabilities = (): RtpCapabilities => structuredClone(SUPPORTED);
