/** Bytes in, values or a reason out: everything that other packages use of the wire formats. */
export * from './classify.js';
export {
  FRAME_LIMITS,
  type AssembledFrame,
  type EncodedFrame,
  type FrameCodec,
  type FrameRefusal,
  type RefusedFrame,
  type RtpPayload,
} from './depacketize/frame.js';
export { FrameAssembler } from './depacketize/frameAssembler.js';
export * from './headerExtensions.js';
export * from './opus.js';
export * from './payload/av1.js';
export * from './payload/dependencyDescriptor.js';
export {
  DECODE_TARGET_INDICATION,
  type DependencyDecodeTarget,
  type DependencyStructure,
  type DependencyTemplate,
} from './payload/dependencyStructure.js';
export * from './payload/h264.js';
export * from './payload/h265.js';
export * from './payload/red.js';
export * from './payload/vp8.js';
export * from './payload/vp9.js';
export * from './pcapng/blocks.js';
export * from './pcapng/datagram.js';
export * from './result.js';
export * from './rtcp/ntp.js';
export * from './rtcp/packets.js';
export { parseRtcp } from './rtcp/read.js';
export { writeRtcp } from './rtcp/write.js';
export * from './rtp.js';
export * from './rtpParameters.js';
export * from './stun.js';
export * from './units.js';
export type * from './sdp/answer.js';
export type * from './sdp/description.js';
export {
  SDP_LIMITS,
  type OfferRefusal,
  type SdpApplicationSection,
  type SdpCodec,
  type SdpDirection,
  type SdpFingerprint,
  type SdpHeaderExtension,
  type SdpMediaSection,
  type SdpOffer,
  type SdpOfferSection,
  type SdpRid,
  type SdpSetup,
  type SdpSimulcastStream,
  type SdpUnknownSection,
} from './sdp/offer.js';
export { sectionToRtpCapabilities, sectionToRtpParameters } from './sdp/parameters.js';
export { readOffer } from './sdp/readOffer.js';
export { writeAnswer } from './sdp/writeAnswer.js';
