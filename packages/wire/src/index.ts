/** Bytes in, values or a reason out: everything that other packages use of the wire formats. */
export * from './classify.js';
export * from './headerExtensions.js';
export * from './opus.js';
export * from './result.js';
export * from './rtcp/ntp.js';
export * from './rtcp/packets.js';
export { parseRtcp } from './rtcp/read.js';
export { writeRtcp } from './rtcp/write.js';
export * from './rtp.js';
export * from './rtpParameters.js';
export * from './stun.js';
export * from './units.js';
