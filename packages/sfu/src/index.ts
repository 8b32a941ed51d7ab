/**
 * @tertulia/sfu: a selective forwarding unit with mediasoup's entities, and virtual streams beside them.
 * Start with `createWorker`.
 */
export { createWorker, observer, Worker } from './api/worker.js';
export type { WebRtcServerOptions, WorkerEvents } from './api/worker.js';
export { Router } from './api/router.js';
export type { WebRtcTransportOptions } from './api/router.js';
export { WebRtcServer } from './api/webRtcServer.js';
export { WebRtcTransport } from './api/webRtcTransport.js';
export type { WebRtcTransportEvents } from './api/webRtcTransport.js';
export { Producer } from './api/producer.js';
export type { ProducerEvents } from './api/producer.js';
export { Consumer } from './api/consumer.js';
export type { ConsumerEvents } from './api/consumer.js';
export { DataChannel } from './api/dataChannel.js';
export type { DataChannelEvents } from './api/dataChannel.js';
export { AudioSlot, Receiver, VirtualStreams } from './api/virtualStreams.js';
export type {
  AudioSlotEvents,
  ReceiverEvents,
  ReceiverOptions,
  VirtualSourceOptions,
  VirtualStreamsEvents,
} from './api/virtualStreams.js';
export type { CloseCause } from './api/entity.js';
export { getSupportedRtpCapabilities } from './api/supportedRtpCapabilities.js';
export { setLogEventListeners } from './api/logger.js';
export type { LogEventListeners } from './api/logger.js';
export { InvalidStateError, OptionError, SfuError, UnsupportedError } from './channel/errors.js';
export type * from './types.js';
