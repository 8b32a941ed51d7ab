/**
 * @tertulia/sfu: a selective forwarding unit with mediasoup's entities, and virtual streams beside them.
 * Start with `createWorker`. Everything can be imported by name, as a namespace, as the default, or required.
 */
import * as extras from './extras.js';
import { setLogEventListeners } from './api/logger.js';
import { parseScalabilityMode } from './api/scalabilityModes.js';
import { getSupportedRtpCapabilities } from './api/supportedRtpCapabilities.js';
import { createWorker, observer, workerBin } from './api/worker.js';
import { version } from './version.js';

// ---- as mediasoup v3 has it ----
export { extras, getSupportedRtpCapabilities, parseScalabilityMode, setLogEventListeners };
export { createWorker, observer, version, workerBin };
export type * as types from './types.js';
export default {
  createWorker,
  extras,
  getSupportedRtpCapabilities,
  observer,
  parseScalabilityMode,
  setLogEventListeners,
  version,
  workerBin,
};

// ---- beyond it: the classes, the errors, and the types by name ----
export { Worker } from './api/worker.js';
export { Router } from './api/router.js';
export { WebRtcServer } from './api/webRtcServer.js';
export { WebRtcTransport } from './api/webRtcTransport.js';
export { Transport } from './api/transport.js';
export { PlainTransport } from './api/plainTransport.js';
export { PipeTransport } from './api/pipeTransport.js';
export { DirectTransport } from './api/directTransport.js';
export { Producer } from './api/producer.js';
export { Consumer } from './api/consumer.js';
export { DataProducer } from './api/dataProducer.js';
export { DataConsumer } from './api/dataConsumer.js';
export { RtpObserver } from './api/rtpObserver.js';
export { AudioLevelObserver } from './api/audioLevelObserver.js';
export { ActiveSpeakerObserver } from './api/activeSpeakerObserver.js';
export { DataChannel } from './api/dataChannel.js';
export { Receiver } from './api/receiver.js';
export { AudioSlot, VideoSlot } from './api/slots.js';
export { Capture } from './api/capture.js';
export { VirtualStreams } from './api/virtualStreams.js';
export { InvalidStateError, OptionError, SfuError, UnsupportedError } from './channel/errors.js';
export type * from './types.js';
