/**
 * Public data types of transports, producers, consumers, data producers, data consumers and observers beyond types.ts:
 * options, statistics, dumps, trace events. Names and shapes are mediasoup v3's. Nothing here runs.
 */
import type { MediaKind, RtpEncodingParameters, RtpParameters } from '@tertulia/wire';
import type {
  AppData,
  DtlsParameters,
  DtlsState,
  IceCandidate,
  IceParameters,
  IceState,
  NumSctpStreams,
  ProducerType,
  SctpParameters,
  SctpState,
  TransportListenInfo,
  TransportTuple,
} from './types.js';

/** Exactly one of the two. */
export type Either<T, U> =
  | (T & { [K in Exclude<keyof U, keyof T>]?: undefined })
  | (U & { [K in Exclude<keyof T, keyof U>]?: undefined });

// ---- transports ----

export type TransportType = 'webrtc' | 'plain' | 'pipe' | 'direct';

/** Old form of `TransportListenInfo`, UDP. */
export interface TransportListenIp {
  ip: string;
  announcedIp?: string;
}

/** What every transport with a socket can have. */
export interface SctpOptions {
  /** Default false. */
  enableSctp?: boolean | undefined;
  /** Default 1024 each. */
  numSctpStreams?: NumSctpStreams | undefined;
  /** Bytes of a message that the peer may send. Default 262144, of a PipeTransport 268435456. */
  maxSctpMessageSize?: number | undefined;
  /** Bytes that wait for the peer at most. Default 262144, of a PipeTransport 268435456. */
  sctpSendBufferSize?: number | undefined;
}

export type SrtpCryptoSuite =
  'AEAD_AES_256_GCM' | 'AEAD_AES_128_GCM' | 'AES_CM_128_HMAC_SHA1_80' | 'AES_CM_128_HMAC_SHA1_32';
export interface SrtpParameters {
  cryptoSuite: SrtpCryptoSuite;
  /** Master key and master salt, one after the other. */
  keyBase64: string;
}

type PlainTransportListen = Either<
  { listenInfo: TransportListenInfo; rtcpListenInfo?: TransportListenInfo | undefined },
  { listenIp: TransportListenIp | string; port?: number | undefined }
>;
export type PlainTransportOptions<PlainTransportAppData extends AppData = AppData> = SctpOptions & {
  /** RTP and RTCP on one port. Default true. */
  rtcpMux?: boolean | undefined;
  /** The peer's address is where its first packet comes from. Default false. */
  comedia?: boolean | undefined;
  /** Default false. */
  enableSrtp?: boolean | undefined;
  /** Default 'AES_CM_128_HMAC_SHA1_80'. */
  srtpCryptoSuite?: SrtpCryptoSuite | undefined;
  appData?: PlainTransportAppData | undefined;
} & PlainTransportListen;
export interface PlainTransportConnectOptions {
  ip?: string | undefined;
  port?: number | undefined;
  rtcpPort?: number | undefined;
  srtpParameters?: SrtpParameters | undefined;
}

type PipeTransportListen = Either<
  { listenInfo: TransportListenInfo },
  { listenIp: TransportListenIp | string; port?: number | undefined }
>;
export type PipeTransportOptions<PipeTransportAppData extends AppData = AppData> = SctpOptions & {
  /** NACK and RTX between the two routers; both ends must have it. Default false. */
  enableRtx?: boolean | undefined;
  /** AEAD_AES_256_GCM. Default false. */
  enableSrtp?: boolean | undefined;
  appData?: PipeTransportAppData | undefined;
} & PipeTransportListen;
export interface PipeTransportConnectOptions {
  ip: string;
  port: number;
  srtpParameters?: SrtpParameters | undefined;
}
export interface PipeConsumerOptions<ConsumerAppData extends AppData = AppData> {
  producerId: string;
  appData?: ConsumerAppData | undefined;
}

export interface DirectTransportOptions<DirectTransportAppData extends AppData = AppData> {
  /** Bytes of a message from the application. Default 262144. */
  maxMessageSize?: number | undefined;
  appData?: DirectTransportAppData | undefined;
}

export type TransportTraceEventType = 'probation' | 'bwe';
export interface TransportTraceEventData {
  type: TransportTraceEventType;
  /** Unix time in ms. */
  timestamp: number;
  direction: 'in' | 'out';
  info: unknown;
}

export interface BaseTransportStats {
  transportId: string;
  /** Unix time in ms. */
  timestamp: number;
  sctpState?: SctpState;
  bytesReceived: number;
  recvBitrate: number;
  bytesSent: number;
  sendBitrate: number;
  rtpBytesReceived: number;
  rtpRecvBitrate: number;
  rtpBytesSent: number;
  rtpSendBitrate: number;
  rtxBytesReceived: number;
  rtxRecvBitrate: number;
  rtxBytesSent: number;
  rtxSendBitrate: number;
  probationBytesSent: number;
  probationSendBitrate: number;
  availableOutgoingBitrate?: number;
  availableIncomingBitrate?: number;
  maxIncomingBitrate?: number;
  maxOutgoingBitrate?: number;
  minOutgoingBitrate?: number;
  rtpPacketLossReceived?: number;
  rtpPacketLossSent?: number;
  /** Ours: datagrams and packets of this transport that went no further, by reason. */
  drops: Record<string, number>;
}
export interface PlainTransportStat extends BaseTransportStats {
  type: string;
  rtcpMux: boolean;
  comedia: boolean;
  tuple: TransportTuple;
  rtcpTuple?: TransportTuple;
}
export interface PipeTransportStat extends BaseTransportStats {
  type: string;
  tuple: TransportTuple;
}
export interface DirectTransportStat extends BaseTransportStats {
  type: string;
}

export interface RtpListenerDump {
  ssrcTable: { key: number; value: string }[];
  /** Keys are texts, the MIDs and RIDs themselves; the types are mediasoup's. */
  midTable: { key: number; value: string }[];
  ridTable: { key: number; value: string }[];
}
export interface SctpListenerDump {
  streamIdTable: { key: number; value: string }[];
}
export interface RecvRtpHeaderExtensions {
  mid?: number;
  rid?: number;
  rrid?: number;
  absSendTime?: number;
  transportWideCc01?: number;
}
export interface BaseTransportDump {
  id: string;
  producerIds: string[];
  consumerIds: string[];
  mapSsrcConsumerId: { key: number; value: string }[];
  mapRtxSsrcConsumerId: { key: number; value: string }[];
  recvRtpHeaderExtensions: RecvRtpHeaderExtensions;
  rtpListener: RtpListenerDump;
  maxMessageSize: number;
  dataProducerIds: string[];
  dataConsumerIds: string[];
  sctpParameters?: SctpParameters;
  sctpState?: SctpState;
  sctpListener?: SctpListenerDump;
  traceEventTypes?: string[];
}
export interface WebRtcTransportDump extends BaseTransportDump {
  iceRole: 'controlled';
  iceParameters: IceParameters;
  iceCandidates: IceCandidate[];
  iceState: IceState;
  iceSelectedTuple?: TransportTuple;
  dtlsParameters: DtlsParameters;
  dtlsState: DtlsState;
  dtlsRemoteCert?: string;
}
export interface PlainTransportDump extends BaseTransportDump {
  rtcpMux: boolean;
  comedia: boolean;
  tuple: TransportTuple;
  rtcpTuple?: TransportTuple;
  srtpParameters?: SrtpParameters;
}
export interface PipeTransportDump extends BaseTransportDump {
  tuple: TransportTuple;
  rtx: boolean;
  srtpParameters?: SrtpParameters;
}
export type DirectTransportDump = BaseTransportDump;

// ---- producers and consumers ----

export interface ProducerVideoOrientation {
  camera: boolean;
  flip: boolean;
  /** Degrees: 0, 90, 180 or 270. */
  rotation: number;
}
export type ProducerTraceEventType = 'rtp' | 'keyframe' | 'nack' | 'pli' | 'fir' | 'sr';
export interface ProducerTraceEventData {
  type: ProducerTraceEventType;
  timestamp: number;
  direction: 'in' | 'out';
  info: Record<string, unknown>;
}
export interface ProducerDump {
  id: string;
  kind: string;
  type: ProducerType;
  rtpParameters: RtpParameters;
  rtpMapping: unknown;
  rtpStreams: unknown;
  traceEventTypes: string[];
  paused: boolean;
}

/** How a producer's payload types and encodings are named on the consumers' side. */
export interface RtpMapping {
  codecs: { payloadType: number; mappedPayloadType: number }[];
  encodings: { ssrc?: number; rid?: string; scalabilityMode?: string; mappedSsrc: number }[];
}

export interface ConsumerLayers {
  spatialLayer: number;
  temporalLayer?: number;
}
export type ConsumerTraceEventType = 'rtp' | 'keyframe' | 'nack' | 'pli' | 'fir';
export interface ConsumerTraceEventData {
  type: ConsumerTraceEventType;
  timestamp: number;
  direction: 'in' | 'out';
  info: Record<string, unknown>;
}
export interface RtpStreamParametersDump {
  encodingIdx: number;
  ssrc: number;
  payloadType: number;
  mimeType: string;
  clockRate: number;
  rid?: string;
  cname: string;
  rtxSsrc?: number;
  rtxPayloadType?: number;
  useNack: boolean;
  usePli: boolean;
  useFir: boolean;
  useInBandFec: boolean;
  useDtx: boolean;
  spatialLayers: number;
  temporalLayers: number;
}
export interface RtxStreamParameters {
  ssrc: number;
  payloadType: number;
  mimeType: string;
  clockRate: number;
  rrid?: string;
  cname: string;
}
export interface RtxStreamDump {
  params: RtxStreamParameters;
}
export interface RtpStreamDump {
  params: RtpStreamParametersDump;
  score: number;
  rtxStream?: RtxStreamDump;
}
export interface BaseConsumerDump {
  id: string;
  producerId: string;
  kind: MediaKind;
  rtpParameters: RtpParameters;
  consumableRtpEncodings?: RtpEncodingParameters[];
  supportedCodecPayloadTypes: number[];
  traceEventTypes: string[];
  paused: boolean;
  producerPaused: boolean;
  priority: number;
}
export interface SimpleConsumerDump extends BaseConsumerDump {
  type: string;
  rtpStream: RtpStreamDump;
}
export interface SimulcastConsumerDump extends BaseConsumerDump {
  type: string;
  rtpStream: RtpStreamDump;
  preferredSpatialLayer: number;
  targetSpatialLayer: number;
  currentSpatialLayer: number;
  preferredTemporalLayer: number;
  targetTemporalLayer: number;
  currentTemporalLayer: number;
}
export type SvcConsumerDump = SimulcastConsumerDump;
export interface PipeConsumerDump extends BaseConsumerDump {
  type: string;
  rtpStreams: RtpStreamDump[];
}
export type ConsumerDump = SimpleConsumerDump | SimulcastConsumerDump | SvcConsumerDump | PipeConsumerDump;

// ---- data ----

export interface SctpStreamParameters {
  streamId: number;
  /** Default true, unless one of the limits is given. */
  ordered?: boolean;
  /** ms; only without order. */
  maxPacketLifeTime?: number;
  /** Only without order. */
  maxRetransmits?: number;
}

export interface DataProducerOptions<DataProducerAppData extends AppData = AppData> {
  id?: string | undefined;
  /** Needed on every transport but a DirectTransport. */
  sctpStreamParameters?: SctpStreamParameters | undefined;
  label?: string | undefined;
  protocol?: string | undefined;
  paused?: boolean | undefined;
  appData?: DataProducerAppData | undefined;
}
export type DataProducerType = 'sctp' | 'direct';
export interface DataProducerDump {
  id: string;
  paused: boolean;
  type: DataProducerType;
  sctpStreamParameters?: SctpStreamParameters;
  label: string;
  protocol: string;
}
export interface DataProducerStat {
  type: string;
  timestamp: number;
  label: string;
  protocol: string;
  messagesReceived: number;
  bytesReceived: number;
}

export interface DataConsumerOptions<DataConsumerAppData extends AppData = AppData> {
  dataProducerId: string;
  /** Default: as the data producer's. */
  ordered?: boolean | undefined;
  maxPacketLifeTime?: number | undefined;
  maxRetransmits?: number | undefined;
  paused?: boolean | undefined;
  /** Of a direct data producer's messages. */
  subchannels?: number[] | undefined;
  appData?: DataConsumerAppData | undefined;
}
export type DataConsumerType = 'sctp' | 'direct';
export interface DataConsumerDump {
  id: string;
  paused: boolean;
  dataProducerPaused: boolean;
  subchannels: number[];
  dataProducerId: string;
  type: DataConsumerType;
  sctpStreamParameters?: SctpStreamParameters;
  label: string;
  protocol: string;
  bufferedAmountLowThreshold: number;
}
export interface DataConsumerStat {
  type: string;
  timestamp: number;
  label: string;
  protocol: string;
  messagesSent: number;
  bytesSent: number;
  bufferedAmount: number;
}

// ---- observers ----

export type RtpObserverType = 'audiolevel' | 'activespeaker';
export interface AudioLevelObserverOptions<AudioLevelObserverAppData extends AppData = AppData> {
  /** Entries of a `volumes` event at most. Default 1. */
  maxEntries?: number | undefined;
  /** dBov, −127…0. Default −80. */
  threshold?: number | undefined;
  /** ms. Default 1000. */
  interval?: number | undefined;
  appData?: AudioLevelObserverAppData | undefined;
}
export interface ActiveSpeakerObserverOptions<ActiveSpeakerObserverAppData extends AppData = AppData> {
  /** ms. Default 300. */
  interval?: number | undefined;
  appData?: ActiveSpeakerObserverAppData | undefined;
}
