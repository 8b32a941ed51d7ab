/** Types that mediasoup v3 has a name for and that nothing here needs by that name. Nothing here runs. */
import type {
  ActiveSpeakerObserverObserverEvents,
  AudioLevelObserverObserverEvents,
  ConsumerObserverEvents,
  ConsumerStat,
  DataConsumerObserverEvents,
  DataProducerObserverEvents,
  DirectTransportObserverEvents,
  EnhancedEventEmitter,
  LogEventListeners,
  NumSctpStreams,
  Observer,
  PipeTransportObserverEvents,
  PlainTransportObserverEvents,
  ProducerObserverEvents,
  ProducerStat,
  RouterRtpCapabilities,
  RtpObserverObserverEvents,
  RtpStreamStat,
  ScalabilityMode,
  TransportListenInfo,
  TransportObserverEvents,
  WebRtcServerDump,
  WebRtcTransportObserverEvents,
} from './types.js';
import type { createWorker } from './api/worker.js';

export type ActiveSpeakerObserverObserver = EnhancedEventEmitter<ActiveSpeakerObserverObserverEvents>;
export type AudioLevelObserverObserver = EnhancedEventEmitter<AudioLevelObserverObserverEvents>;
export type ConsumerObserver = EnhancedEventEmitter<ConsumerObserverEvents>;
export type DataConsumerObserver = EnhancedEventEmitter<DataConsumerObserverEvents>;
export type DataProducerObserver = EnhancedEventEmitter<DataProducerObserverEvents>;
export type DirectTransportObserver = EnhancedEventEmitter<DirectTransportObserverEvents>;
export type PipeTransportObserver = EnhancedEventEmitter<PipeTransportObserverEvents>;
export type PlainTransportObserver = EnhancedEventEmitter<PlainTransportObserverEvents>;
export type ProducerObserver = EnhancedEventEmitter<ProducerObserverEvents>;
export type RtpObserverObserver = EnhancedEventEmitter<RtpObserverObserverEvents>;
export type TransportObserver = EnhancedEventEmitter<TransportObserverEvents>;
export type WebRtcTransportObserver = EnhancedEventEmitter<WebRtcTransportObserverEvents>;

export type WebRtcServerListenInfo = TransportListenInfo;
export type IceUserNameFragment = WebRtcServerDump['localIceUsernameFragments'][number];
export type TupleHash = WebRtcServerDump['tupleHashes'][number];

export type BaseRtpStreamStats = RtpStreamStat;
export type RtpStreamRecvStats = ProducerStat;
export type RtpStreamSendStats = ConsumerStat;
export type BitrateByLayer = Record<string, number>;

/** What an endpoint says of its SCTP before a transport is made. */
export interface SctpCapabilities {
  numStreams: NumSctpStreams;
}
export interface SctpParametersDump {
  port: number;
  OS: number;
  MIS: number;
  maxMessageSize: number;
  sendBufferSize: number;
  sctpBufferedAmount: number;
  isDataChannel: boolean;
}

/** The module's own shape. */
export interface Index {
  version: string;
  observer: Observer;
  workerBin: string;
  setLogEventListeners: (listeners?: LogEventListeners) => void;
  createWorker: typeof createWorker;
  getSupportedRtpCapabilities: () => RouterRtpCapabilities;
  parseScalabilityMode: (scalabilityMode?: string) => ScalabilityMode;
}
