/** Virtual streams: what the media process uses of them. */
export { VirtualRoom } from './virtualRoom.js';
export type * from './types.js';
export { SourceClock } from './sourceClock.js';
export type { AudioSource } from './audioSource.js';
export type { Receiver } from './receiver.js';
export type { ReceiverSlot, SlotConstants } from './receiverSlot.js';
export { VIRTUAL_DROP, type VirtualDropReason } from './counters.js';
export { CsrcAllocator, LOUDEST_CSRC } from './csrcAllocator.js';
export { VideoRoom } from './video/videoRoom.js';
export type { VideoNews } from './video/videoRoom.js';
export type { VideoReceiver } from './video/videoReceiver.js';
