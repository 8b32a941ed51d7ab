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
export type { WebRtcTransportEvents, WebRtcTransportObserverEvents } from './api/webRtcTransport.js';
export { Transport } from './api/transport.js';
export type { TransportEvents, TransportObserverEvents } from './api/transport.js';
export { PlainTransport } from './api/plainTransport.js';
export type { PlainTransportEvents, PlainTransportObserverEvents } from './api/plainTransport.js';
export { PipeTransport } from './api/pipeTransport.js';
export type { PipeTransportEvents, PipeTransportObserverEvents } from './api/pipeTransport.js';
export { DirectTransport } from './api/directTransport.js';
export type { DirectTransportEvents, DirectTransportObserverEvents } from './api/directTransport.js';
export { Producer } from './api/producer.js';
export type { ProducerEvents, ProducerObserverEvents } from './api/producer.js';
export { Consumer } from './api/consumer.js';
export type { ConsumerEvents, ConsumerObserverEvents } from './api/consumer.js';
export { DataProducer } from './api/dataProducer.js';
export type { DataProducerEvents, DataProducerObserverEvents } from './api/dataProducer.js';
export { DataConsumer } from './api/dataConsumer.js';
export type { DataConsumerEvents, DataConsumerObserverEvents } from './api/dataConsumer.js';
export { RtpObserver } from './api/rtpObserver.js';
export type { RtpObserverEvents, RtpObserverObserverEvents } from './api/rtpObserver.js';
export { AudioLevelObserver } from './api/audioLevelObserver.js';
export type {
  AudioLevelObserverEvents,
  AudioLevelObserverObserverEvents,
  AudioLevelObserverVolume,
} from './api/audioLevelObserver.js';
export { ActiveSpeakerObserver } from './api/activeSpeakerObserver.js';
export type {
  ActiveSpeakerObserverDominantSpeaker,
  ActiveSpeakerObserverEvents,
  ActiveSpeakerObserverObserverEvents,
} from './api/activeSpeakerObserver.js';
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
