/**
 * Public data types of @tertulia/sfu: what applications hand in and get back. Names and shapes are mediasoup v3's where
 * mediasoup has the thing; virtual streams and data channels are ours. RTP parameters and capabilities → @tertulia/wire.
 * Nothing here runs. Elsewhere: classes → api/ · what crosses to the media process → channel/messages.ts
 */
import type { MediaKind, RouterRtpCodecCapability, RtpCapabilities, RtpParameters } from '@tertulia/wire';
import type { BaseTransportStats, ConsumerLayers, TransportListenIp } from './entityTypes.js';

export type {
  MediaKind,
  RtcpFeedback,
  RtcpParameters,
  RtpCapabilities,
  RouterRtpCapabilities,
  RouterRtpCodecCapability,
  RtpCodecCapability,
  RtpCodecParameters,
  RtpEncodingParameters,
  RtpHeaderExtension,
  RtpHeaderExtensionDirection,
  RtpHeaderExtensionParameters,
  RtpHeaderExtensionUri,
  RtpParameters,
} from '@tertulia/wire';
export type * from './entityTypes.js';
export type * from './typeNames.js';

// ---- the classes and what they tell, as types ----

export type { LogEventListeners } from './api/logger.js';
export type { ScalabilityMode } from './api/scalabilityModes.js';
export type { InvalidStateError, OptionError, SfuError, UnsupportedError } from './channel/errors.js';
export type { EnhancedEventEmitter } from './api/enhancedEventEmitter.js';
export type { CloseCause } from './api/entity.js';
export type * from './api/worker.js';
export type * from './api/webRtcServer.js';
export type * from './api/router.js';
export type * from './api/transport.js';
export type * from './api/webRtcTransport.js';
export type * from './api/plainTransport.js';
export type * from './api/pipeTransport.js';
export type * from './api/directTransport.js';
export type * from './api/producer.js';
export type * from './api/consumer.js';
export type * from './api/dataProducer.js';
export type * from './api/dataConsumer.js';
export type * from './api/rtpObserver.js';
export type * from './api/audioLevelObserver.js';
export type * from './api/activeSpeakerObserver.js';
export type * from './api/dataChannel.js';
export type * from './api/receiver.js';
export type * from './api/slots.js';
export type * from './api/virtualStreams.js';

/** Whatever the application wants to keep beside an entity. */
export type AppData = Record<string, unknown>;

// ---- worker ----

export type WorkerLogLevel = 'debug' | 'warn' | 'error' | 'none';
export type WorkerLogTag =
  | 'info'
  | 'ice'
  | 'dtls'
  | 'rtp'
  | 'srtp'
  | 'rtcp'
  | 'rtx'
  | 'bwe'
  | 'score'
  | 'simulcast'
  | 'svc'
  | 'sctp'
  | 'message';

export interface WorkerSettings<WorkerAppData extends AppData = AppData> {
  /** What the media process says at least. Default 'error'. */
  logLevel?: WorkerLogLevel | undefined;
  /** Which of its subjects are spoken of; lines that belong to none come always. Default: none. */
  logTags?: WorkerLogTag[] | undefined;
  /**
   * First port for transports without a WebRtcServer and without `portRange`, 0…65535; 0 counts as 1. Default 10000.
   * @deprecated `portRange` of a listen info says it where it belongs.
   */
  rtcMinPort?: number | undefined;
  /**
   * Last port. Default 59999.
   * @deprecated as `rtcMinPort`.
   */
  rtcMaxPort?: number | undefined;
  /** PEM file; must come with `dtlsPrivateKeyFile`. Without both a self-signed certificate is made. */
  dtlsCertificateFile?: string | undefined;
  /** PEM file, not encrypted. */
  dtlsPrivateKeyFile?: string | undefined;
  /** Accepted and without effect: there is no libwebrtc here. */
  libwebrtcFieldTrials?: string | undefined;
  /** Accepted and without effect: io_uring is not used. */
  disableLiburing?: boolean | undefined;
  /** Ours: SIGINT and SIGTERM end the application, which ends this; not this by itself. Default false: as in mediasoup v3. */
  ignoreSignals?: boolean | undefined;
  appData?: WorkerAppData | undefined;
}
export type WorkerUpdateableSettings<WorkerAppData extends AppData = AppData> = Pick<
  WorkerSettings<WorkerAppData>,
  'logLevel' | 'logTags'
>;

/** What the media process keeps. Counts and drops are ours. */
export interface WorkerDump {
  pid: number;
  webRtcServerIds: string[];
  routerIds: string[];
  /** Ids that requests and notifications can name. */
  channelMessageHandlers: {
    channelRequestHandlers: string[];
    channelNotificationHandlers: string[];
  };
  /** Never there: io_uring is not used. */
  liburing?: { sqeProcessCount: number; sqeMissCount: number; userDataMissCount: number };
  resourceUsage: WorkerResourceUsage;
  transports: number;
  producers: number;
  consumers: number;
  /** Of all virtual streams together; names as in their getStats(). */
  virtualStreams: Record<string, number>;
  /** Packets that wait for a NACK. */
  cachedPackets: number;
  timers: number;
  /** What went no further in the whole process, by reason. */
  drops: Record<string, number>;
  /** The native engine's counters. */
  engine: unknown;
}

export interface WebRtcServerDump {
  id: string;
  udpSockets: IpPort[];
  tcpServers: IpPort[];
  webRtcTransportIds: string[];
  localIceUsernameFragments: { localIceUsernameFragment: string; webRtcTransportId: string }[];
  tupleHashes: { tupleHash: number; webRtcTransportId: string }[];
}
export interface IpPort {
  ip: string;
  port: number;
}

export interface RouterDump {
  id: string;
  transportIds: string[];
  rtpObserverIds: string[];
  mapProducerIdConsumerIds: { key: string; values: string[] }[];
  mapConsumerIdProducerId: { key: string; value: string }[];
  mapProducerIdObserverIds: { key: string; values: string[] }[];
  mapDataProducerIdDataConsumerIds: { key: string; values: string[] }[];
  mapDataConsumerIdDataProducerId: { key: string; value: string }[];
  /** Ours. */
  virtualStreamsIds: string[];
}

/** `process.resourceUsage()` of the media process in mediasoup's (libuv's) names. Times in ms. */
export interface WorkerResourceUsage {
  ru_utime: number;
  ru_stime: number;
  ru_maxrss: number;
  ru_ixrss: number;
  ru_idrss: number;
  ru_isrss: number;
  ru_minflt: number;
  ru_majflt: number;
  ru_nswap: number;
  ru_inblock: number;
  ru_oublock: number;
  ru_msgsnd: number;
  ru_msgrcv: number;
  ru_nsignals: number;
  ru_nvcsw: number;
  ru_nivcsw: number;
}

// ---- transports ----

export type TransportProtocol = 'udp' | 'tcp';

export interface TransportPortRange {
  min: number;
  max: number;
}

export interface TransportSocketFlags {
  /** `::` takes no IPv4. Default false. */
  ipv6Only?: boolean;
  /** Several sockets, of several processes, may share the port; the kernel chooses among them. Default false. */
  udpReusePort?: boolean;
}

export interface TransportListenInfo {
  protocol: TransportProtocol;
  ip: string;
  /** In the candidates instead of `ip`: an address or a host name. */
  announcedAddress?: string;
  /** Old name of `announcedAddress`. */
  announcedIp?: string;
  /** Beside the announced address, `ip` is a candidate too. Default false. */
  exposeInternalIp?: boolean;
  /** 0 or absent: any free one of the range. */
  port?: number;
  /** `port` counts for nothing beside it. Default: the worker's. */
  portRange?: TransportPortRange;
  flags?: TransportSocketFlags;
  /** Bytes asked of the kernel. Default 4 MiB. */
  sendBufferSize?: number;
  recvBufferSize?: number;
}

export interface TransportTuple {
  localAddress: string;
  /** Old name of `localAddress`. */
  localIp: string;
  localPort: number;
  remoteIp?: string;
  remotePort?: number;
  protocol: TransportProtocol;
}

export interface IceParameters {
  usernameFragment: string;
  password: string;
  iceLite?: boolean;
}
export type IceCandidateType = 'host';
export type IceCandidateTcpType = 'passive';
export interface IceCandidate {
  foundation: string;
  priority: number;
  address: string;
  /** Old name of `address`. */
  ip: string;
  protocol: TransportProtocol;
  port: number;
  type: IceCandidateType;
  tcpType?: IceCandidateTcpType;
}
export type IceRole = 'controlled' | 'controlling';
export type IceState = 'new' | 'connected' | 'completed' | 'disconnected' | 'closed';

export type FingerprintAlgorithm = 'sha-1' | 'sha-224' | 'sha-256' | 'sha-384' | 'sha-512';
export interface DtlsFingerprint {
  algorithm: FingerprintAlgorithm;
  value: string;
}
export type DtlsRole = 'auto' | 'client' | 'server';
export interface DtlsParameters {
  role?: DtlsRole;
  fingerprints: DtlsFingerprint[];
}
export type DtlsState = 'new' | 'connecting' | 'connected' | 'failed' | 'closed';

export interface NumSctpStreams {
  OS: number;
  MIS: number;
}
export interface SctpParameters {
  port: number;
  OS: number;
  MIS: number;
  /** Bytes of a message that the peer may send. */
  maxMessageSize: number;
  /** The same by the names that newer clients read, in both directions. */
  maxSendMessageSize?: number;
  maxReceiveMessageSize?: number;
}
export type SctpState = 'new' | 'connecting' | 'connected' | 'failed' | 'closed';

interface WebRtcTransportOptionsBase<WebRtcTransportAppData extends AppData> {
  enableUdp?: boolean | undefined;
  enableTcp?: boolean | undefined;
  preferUdp?: boolean | undefined;
  preferTcp?: boolean | undefined;
  /** Seconds without an authenticated check or packet before the peer counts as gone; 0 = never. Default 30 (RFC 7675 §5.1). */
  iceConsentTimeout?: number | undefined;
  initialAvailableOutgoingBitrate?: number | undefined;
  enableSctp?: boolean | undefined;
  numSctpStreams?: NumSctpStreams | undefined;
  /** Bytes. Default 262144. */
  maxSctpMessageSize?: number | undefined;
  sctpSendBufferSize?: number | undefined;
  /** Ours: data channels that the peer opens in-band (RFC 8832) become `datachannel` events. Implies `enableSctp`. */
  enableDcep?: boolean | undefined;
  appData?: WebRtcTransportAppData | undefined;
}
export type WebRtcTransportListen<Server> =
  | { webRtcServer: Server; listenInfos?: undefined; listenIps?: undefined; port?: undefined }
  | {
      webRtcServer?: undefined;
      listenInfos: TransportListenInfo[];
      listenIps?: undefined;
      port?: undefined;
    }
  /** The old way; one port for all. */
  | {
      webRtcServer?: undefined;
      listenInfos?: undefined;
      listenIps: (TransportListenIp | string)[];
      port?: number | undefined;
    };
export type WebRtcTransportOptionsOf<
  Server,
  WebRtcTransportAppData extends AppData,
> = WebRtcTransportOptionsBase<WebRtcTransportAppData> & WebRtcTransportListen<Server>;

export interface WebRtcTransportStat extends BaseTransportStats {
  type: 'webrtc-transport';
  iceRole: IceRole;
  iceState: IceState;
  iceSelectedTuple?: TransportTuple;
  dtlsState: DtlsState;
}

// ---- producers and consumers ----

export interface RouterOptions<RouterAppData extends AppData = AppData> {
  /** Default: none. */
  mediaCodecs?: RouterRtpCodecCapability[] | undefined;
  appData?: RouterAppData | undefined;
}

export interface ProducerOptions<ProducerAppData extends AppData = AppData> {
  id?: string | undefined;
  kind: MediaKind;
  rtpParameters: RtpParameters;
  paused?: boolean | undefined;
  /** ms between key frame requests to the sender, video only. */
  keyFrameRequestDelay?: number | undefined;
  appData?: ProducerAppData | undefined;
}
export type ProducerType = 'simple' | 'simulcast' | 'svc';
export interface ProducerScore {
  encodingIdx: number;
  ssrc: number;
  rid?: string;
  /** 0…10. */
  score: number;
}
export interface RtpStreamStat {
  /** Unix time in ms. */
  timestamp: number;
  ssrc: number;
  rtxSsrc?: number;
  rid?: string;
  kind: MediaKind;
  mimeType: string;
  packetsLost: number;
  /** 0…255. */
  fractionLost: number;
  packetsDiscarded: number;
  packetsRetransmitted: number;
  packetsRepaired: number;
  nackCount: number;
  nackPacketCount: number;
  pliCount: number;
  firCount: number;
  score: number;
  packetCount: number;
  byteCount: number;
  /** Bits per second over the time since the last call. */
  bitrate: number;
  /** ms. */
  roundTripTime?: number;
  rtxPacketsDiscarded?: number;
}
export interface ProducerStat extends RtpStreamStat {
  type: 'inbound-rtp';
  /** RTP timestamp units. */
  jitter: number;
  /** bit/s by `spatial.temporal`; empty for a stream without layers. */
  bitrateByLayer: Record<string, number>;
  /** Ours, of video; pictures over the time since the last call. */
  framesPerSecond?: number;
  /** Ours: of the last key frame, where the codec's header says it. */
  frameWidth?: number;
  frameHeight?: number;
  /** Ours. */
  keyFrameCount?: number;
}

export interface ConsumerOptions<ConsumerAppData extends AppData = AppData> {
  producerId: string;
  rtpCapabilities: RtpCapabilities;
  paused?: boolean | undefined;
  mid?: string | undefined;
  /** Default: the highest ones. */
  preferredLayers?: ConsumerLayers | undefined;
  /** NACK (and RTX, where negotiated). Default: for video. */
  enableRtx?: boolean | undefined;
  /** Opus only: packets of silence are not sent on. Default false. */
  ignoreDtx?: boolean | undefined;
  /** All streams of the producer, as they come. Default false. */
  pipe?: boolean | undefined;
  appData?: ConsumerAppData | undefined;
}
export type ConsumerType = 'simple' | 'simulcast' | 'svc' | 'pipe';
export interface ConsumerScore {
  score: number;
  producerScore: number;
  producerScores: number[];
}
export interface ConsumerStat extends RtpStreamStat {
  type: 'outbound-rtp';
}

// ---- captures (ours) ----

export interface CaptureEnd {
  /** An address, or a name where one is announced. */
  ip: string;
  port: number;
}

/** One packet without SRTP. */
export interface CapturedPacket {
  transportId: string;
  /** As seen from the server. */
  direction: 'incoming' | 'outgoing';
  kind: 'rtp' | 'rtcp';
  /** Unix time, when it was read from the socket or encrypted for it. */
  unixMicros: number;
  protocol: 'udp' | 'tcp';
  /** undefined: not known, or there is none. */
  local: CaptureEnd | undefined;
  remote: CaptureEnd | undefined;
  /** RTP with header, extensions and padding, or a compound of RTCP. */
  bytes: Uint8Array;
}

export interface CaptureBatch {
  packets: CapturedPacket[];
  /** By transport: packets since it was added that found no room, because nobody read for too long. */
  losses: ReadonlyMap<string, { incoming: number; outgoing: number }>;
  /** Packets that were lost later, all transports together. */
  lost: number;
}

// ---- virtual streams (ours) ----

export interface VirtualStreamsOptions {
  /** Slots that a receiver may have at most, 0…16. Default 3. */
  audioSlots?: number | undefined;
  /** The same for pictures. Default 3. */
  videoSlots?: number | undefined;
}

/** One virtual stream of a receiver. */
export interface SlotStat {
  kind: MediaKind;
  slot: number;
  ssrc: number;
  packetCount: number;
  byteCount: number;
  /** Bits per second over the time since the last call. */
  bitrate: number;
  /** As the receiver reports it. */
  packetsLost: number;
  /** 0…255, of the last report. */
  fractionLost: number;
  /** ms. */
  jitter: number;
  /** Packets that it asked for again. */
  nackPacketCount: number;
  /** Key frames that it asked for. */
  pliCount: number;
  /** ms; absent until a report has told. */
  roundTripTime?: number;
  /** Of video: which layers go out; absent while none does, and for a source that has no layers. */
  layers?: { spatialLayer: number; temporalLayer: number };
  /** Of video: the bandwidth holds not even the smallest layer. */
  dark?: boolean;
  /** Of video: whose it is to be, also while nothing of it goes out; absent: nobody's. */
  assignedCsrc?: number;
  /** Of video: sources that followed another. */
  switches?: number;
  /** Of video: packets sent again. */
  packetsRetransmitted?: number;
}

/** What a receiver has room for: one picture on its screen, and whose. Virtual streams V1, V2. */
export interface Canvas {
  /** From 1, unique in the layout. The same id in the next layout keeps its source where that is possible. */
  id: number;
  /** Pixels of the screen, 1…16384. */
  width: number;
  height: number;
  /**
   * 'relevant': the server chooses (shared screens, pinned, dominant speaker, recent speakers, the others). Otherwise that
   * participant (their camera, or their screen when they have no camera) or that producer.
   */
  mode: 'relevant' | { participantId: string } | { producerId: string };
}

/** No layer above it is sent where a smaller one exists. */
export interface MaxResolution {
  width: number;
  height: number;
  /** Per second. */
  frameRate?: number;
}

/** What a canvas shows. */
export interface Assignment {
  canvasId: number;
  /** Index in `Receiver.video`; undefined: they send no picture now. */
  slot: number | undefined;
  csrc: number;
  producerId: string;
  participantId: string;
  content: 'camera' | 'screen';
  /** False: nothing goes out. The bandwidth holds not even the smallest layer, or no key frame has come. */
  active: boolean;
}

/** A video slot of one receiver carries something else, or nothing. */
export interface VideoSlotChange {
  /** Index in `Receiver.video`. */
  slot: number;
  /** 0 = nothing. */
  csrc: number;
  producerId: string | undefined;
  /** Where it is shown. */
  canvasId: number | undefined;
  /** Counts the slot's sources. */
  epoch: number;
  /** A point on the slot's line … */
  rtpTimestamp: number;
  /** … and the server's time (Unix, ms) that belongs to it. */
  captureTimeMs: number;
}

/** A slot of one receiver carries something else, or nothing, or became or ceased to be the loudest. */
export interface SlotChange {
  /** Index in `Receiver.audio`. */
  slot: number;
  /** 0 = nothing. */
  csrc: number;
  producerId: string | undefined;
  loudest: boolean;
  /** Counts the slot's assignments. */
  epoch: number;
  /** A point on the slot's line … */
  rtpTimestamp: number;
  /** … and the server's time (Unix, ms) that belongs to it. */
  captureTimeMs: number;
}
