/** What each request about a transport's bandwidth does. Elsewhere: all of them together → index.ts */
import type { Handlers } from './handler.js';

export const BANDWIDTH_REQUESTS: Handlers<
  | 'transport.setMaxIncomingBitrate'
  | 'transport.setMaxOutgoingBitrate'
  | 'transport.setMinOutgoingBitrate'
  | 'transport.enableTraceEvent'
> = {
  'transport.setMaxIncomingBitrate': ({ directory }, { transportId, bitrate }, now) => {
    directory.transports.get(transportId).rtp.setMaxIncomingBitrate(bitrate, now);
    return undefined;
  },
  'transport.setMaxOutgoingBitrate': ({ directory }, { transportId, bitrate }, now) => {
    directory.transports.get(transportId).rtp.setMaxOutgoingBitrate(bitrate, now);
    return undefined;
  },
  'transport.setMinOutgoingBitrate': ({ directory }, { transportId, bitrate }, now) => {
    directory.transports.get(transportId).rtp.setMinOutgoingBitrate(bitrate, now);
    return undefined;
  },
  'transport.enableTraceEvent': ({ directory }, { transportId, types }) => {
    directory.transports.get(transportId).rtp.setTraceTypes(transportId, types);
    return undefined;
  },
};
