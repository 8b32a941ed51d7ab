export { SctpAssociation } from './association.js';
export type { AssociationOptions } from './association.js';
export { CHANNEL_DROP, CHANNEL_LIMITS, DataChannels } from './dataChannels.js';
export type {
  ChannelDropReason,
  ChannelEnd,
  DataChannelEvents,
  DataChannelInfo,
  DataChannelsOptions,
  SendResult,
} from './dataChannels.js';
export { DCEP_LIMITS } from './dcep.js';
export type { ChannelParameters } from './dcep.js';
export { SCTP_DROP, SCTP_LIMITS } from './types.js';
export type {
  Association,
  AssociationEnd,
  AssociationEvents,
  AssociationState,
  AssociationStats,
  SctpDropReason,
  SendOptions,
} from './types.js';
