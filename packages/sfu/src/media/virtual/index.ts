/** Virtual audio streams: what the media process uses of them. */
export { VirtualRoom } from './virtualRoom.js';
export type * from './types.js';
export { SourceClock } from './sourceClock.js';
export type { AudioSource } from './audioSource.js';
export type { Receiver } from './receiver.js';
export type { ReceiverSlot, SlotConstants } from './receiverSlot.js';
export { VIRTUAL_DROP, type VirtualDropReason } from './counters.js';
export { LOUDEST_CSRC } from './csrcAllocator.js';
