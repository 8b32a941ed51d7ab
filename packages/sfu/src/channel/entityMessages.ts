/**
 * What crosses the channel for transports without ICE, data producers and consumers, observers, and the finer controls of
 * producers and consumers. Part of messages.ts; the same rules hold.
 */
import type { MediaKind, RtpEncodingParameters, RtpParameters } from '@tertulia/wire';
import type {
  ConsumerLayers,
  ConsumerScore,
  ConsumerTraceEventData,
  ConsumerType,
  DataConsumerStat,
  DataConsumerType,
  DataProducerStat,
  DataProducerType,
  NumSctpStreams,
  ProducerTraceEventData,
  ProducerType,
  ProducerVideoOrientation,
  RtpMapping,
  SctpParameters,
  SctpStreamParameters,
  SrtpCryptoSuite,
  SrtpParameters,
  TransportListenInfo,
  TransportTraceEventData,
  TransportTuple,
} from '../types.js';

type Dump = Record<string, unknown>;

/** The application's SCTP options, with defaults filled in. */
export interface SctpCreation {
  readonly enableSctp: boolean;
  readonly numSctpStreams: NumSctpStreams;
  readonly maxSctpMessageSize: number;
  readonly sctpSendBufferSize: number;
}

export interface PlainTransportCreation extends SctpCreation {
  readonly routerId: string;
  readonly transportId: string;
  readonly listenInfo: TransportListenInfo;
  /** Without `rtcpMux`. Default: like `listenInfo`, on another port. */
  readonly rtcpListenInfo?: TransportListenInfo;
  readonly rtcpMux: boolean;
  readonly comedia: boolean;
  /** Present: SRTP. */
  readonly srtpCryptoSuite?: SrtpCryptoSuite;
}
export interface PlainTransportCreated {
  readonly tuple: TransportTuple;
  readonly rtcpTuple?: TransportTuple;
  readonly sctpParameters?: SctpParameters;
  /** With the server's own key. */
  readonly srtpParameters?: SrtpParameters;
}

export interface PipeTransportCreation extends SctpCreation {
  readonly routerId: string;
  readonly transportId: string;
  readonly listenInfo: TransportListenInfo;
  readonly enableRtx: boolean;
  readonly enableSrtp: boolean;
}
export interface PipeTransportCreated {
  readonly tuple: TransportTuple;
  readonly sctpParameters?: SctpParameters;
  readonly srtpParameters?: SrtpParameters;
}

export interface DirectTransportCreation {
  readonly routerId: string;
  readonly transportId: string;
  readonly maxMessageSize: number;
}

export interface ProduceRequest {
  readonly transportId: string;
  readonly producerId: string;
  readonly kind: MediaKind;
  readonly rtpParameters: RtpParameters;
  readonly paused: boolean;
  /** Default: by the number of encodings and their scalability modes. */
  readonly type?: ProducerType;
  /** How consumers will name its payload types and encodings; for `dump`. */
  readonly rtpMapping?: RtpMapping;
  /** ms. */
  readonly keyFrameRequestDelay?: number;
}

export interface ConsumeRequest {
  readonly transportId: string;
  readonly consumerId: string;
  readonly producerId: string;
  readonly rtpParameters: RtpParameters;
  readonly paused: boolean;
  /** Default 'simple'. */
  readonly type?: ConsumerType;
  /** The producer's encodings as consumers see them, for `dump`. */
  readonly consumableRtpEncodings?: readonly RtpEncodingParameters[];
  readonly preferredLayers?: ConsumerLayers;
  readonly ignoreDtx?: boolean;
}

export interface ConsumeResponse {
  readonly paused: boolean;
  readonly producerPaused: boolean;
  readonly score: ConsumerScore;
  /** As far as the producer has them; absent for consumers without layers. */
  readonly preferredLayers?: ConsumerLayers;
}

export interface ProduceDataRequest {
  readonly transportId: string;
  readonly dataProducerId: string;
  readonly type: DataProducerType;
  readonly sctpStreamParameters?: SctpStreamParameters;
  readonly label: string;
  readonly protocol: string;
  readonly paused: boolean;
}

export interface ConsumeDataRequest {
  readonly transportId: string;
  readonly dataConsumerId: string;
  readonly dataProducerId: string;
  readonly type: DataConsumerType;
  readonly sctpStreamParameters?: SctpStreamParameters;
  readonly label: string;
  readonly protocol: string;
  readonly paused: boolean;
  readonly subchannels: readonly number[];
}

interface ById<Key extends string, Response> {
  request: Readonly<Record<Key, string>>;
  response: Response;
}

export interface EntityRequests {
  // ---- transports ----
  'router.createPlainTransport': { request: PlainTransportCreation; response: PlainTransportCreated };
  'router.createPipeTransport': { request: PipeTransportCreation; response: PipeTransportCreated };
  'router.createDirectTransport': { request: DirectTransportCreation; response: undefined };
  'transport.connectPlain': {
    request: {
      transportId: string;
      ip?: string;
      port?: number;
      rtcpPort?: number;
      srtpParameters?: SrtpParameters;
    };
    response: PlainTransportCreated;
  };
  'transport.connectPipe': {
    request: { transportId: string; ip: string; port: number; srtpParameters?: SrtpParameters };
    response: { tuple: TransportTuple };
  };
  /** bit/s; 0 = no limit. */
  'transport.setMaxIncomingBitrate': {
    request: { transportId: string; bitrate: number };
    response: undefined;
  };
  'transport.setMaxOutgoingBitrate': {
    request: { transportId: string; bitrate: number };
    response: undefined;
  };
  'transport.setMinOutgoingBitrate': {
    request: { transportId: string; bitrate: number };
    response: undefined;
  };
  'transport.enableTraceEvent': {
    request: { transportId: string; types: readonly string[] };
    response: undefined;
  };
  'transport.produceData': { request: ProduceDataRequest; response: undefined };
  'transport.consumeData': {
    request: ConsumeDataRequest;
    response: { paused: boolean; dataProducerPaused: boolean };
  };

  // ---- producers and consumers ----
  'producer.enableTraceEvent': {
    request: { producerId: string; types: readonly string[] };
    response: undefined;
  };
  'consumer.enableTraceEvent': {
    request: { consumerId: string; types: readonly string[] };
    response: undefined;
  };
  'consumer.setPreferredLayers': {
    request: { consumerId: string; preferredLayers: ConsumerLayers };
    /** Absent for consumers without layers. */
    response: { preferredLayers?: ConsumerLayers };
  };
  'consumer.setPriority': {
    request: { consumerId: string; priority: number };
    response: { priority: number };
  };
  'consumer.requestKeyFrame': ById<'consumerId', undefined>;

  // ---- data ----
  'dataProducer.close': ById<'dataProducerId', undefined>;
  'dataProducer.dump': ById<'dataProducerId', Dump>;
  'dataProducer.getStats': ById<'dataProducerId', readonly DataProducerStat[]>;
  'dataProducer.pause': ById<'dataProducerId', undefined>;
  'dataProducer.resume': ById<'dataProducerId', undefined>;
  'dataConsumer.close': ById<'dataConsumerId', undefined>;
  'dataConsumer.dump': ById<'dataConsumerId', Dump>;
  'dataConsumer.getStats': ById<'dataConsumerId', readonly DataConsumerStat[]>;
  'dataConsumer.pause': ById<'dataConsumerId', undefined>;
  'dataConsumer.resume': ById<'dataConsumerId', undefined>;
  /** Answered when the message is in the association's buffer; refused when that is full or the message too large. */
  'dataConsumer.send': {
    request: { dataConsumerId: string; ppid: number; data: Uint8Array };
    response: undefined;
  };
  'dataConsumer.getBufferedAmount': ById<'dataConsumerId', { bufferedAmount: number }>;
  'dataConsumer.setBufferedAmountLowThreshold': {
    request: { dataConsumerId: string; threshold: number };
    response: undefined;
  };
  'dataConsumer.setSubchannels': {
    request: { dataConsumerId: string; subchannels: readonly number[] };
    response: { subchannels: number[] };
  };
  'dataConsumer.addSubchannel': {
    request: { dataConsumerId: string; subchannel: number };
    response: { subchannels: number[] };
  };
  'dataConsumer.removeSubchannel': {
    request: { dataConsumerId: string; subchannel: number };
    response: { subchannels: number[] };
  };

  // ---- observers ----
  'router.createAudioLevelObserver': {
    request: {
      routerId: string;
      rtpObserverId: string;
      maxEntries: number;
      /** dBov. */
      threshold: number;
      /** ms. */
      interval: number;
    };
    response: undefined;
  };
  'router.createActiveSpeakerObserver': {
    request: { routerId: string; rtpObserverId: string; interval: number };
    response: undefined;
  };
  'rtpObserver.close': ById<'rtpObserverId', undefined>;
  'rtpObserver.pause': ById<'rtpObserverId', undefined>;
  'rtpObserver.resume': ById<'rtpObserverId', undefined>;
  'rtpObserver.dump': ById<'rtpObserverId', Dump>;
  'rtpObserver.addProducer': {
    request: { rtpObserverId: string; producerId: string };
    response: undefined;
  };
  'rtpObserver.removeProducer': {
    request: { rtpObserverId: string; producerId: string };
    response: undefined;
  };
}

export type EntityNotice =
  /** An RTP packet of the application, to a producer of a DirectTransport. */
  | { readonly notice: 'producer.send'; readonly producerId: string; readonly packet: Uint8Array }
  | { readonly notice: 'transport.sendRtcp'; readonly transportId: string; readonly packet: Uint8Array }
  | {
      readonly notice: 'dataProducer.send';
      readonly dataProducerId: string;
      readonly ppid: number;
      readonly data: Uint8Array;
      readonly subchannels: readonly number[];
      readonly requiredSubchannel?: number;
    };

export type EntityEvent =
  | {
      readonly event: 'transport.trace';
      readonly transportId: string;
      readonly trace: TransportTraceEventData;
    }
  /** Of a PlainTransport without `rtcpMux`; `transport.tuple` is the RTP one. */
  | { readonly event: 'transport.rtcpTuple'; readonly transportId: string; readonly tuple: TransportTuple }
  /** RTCP that a DirectTransport sends to the application. */
  | { readonly event: 'transport.rtcp'; readonly transportId: string; readonly packet: Uint8Array }
  | {
      readonly event: 'producer.videoorientationchange';
      readonly producerId: string;
      readonly videoOrientation: ProducerVideoOrientation;
    }
  | { readonly event: 'producer.trace'; readonly producerId: string; readonly trace: ProducerTraceEventData }
  /** Absent: nothing is sent. */
  | { readonly event: 'consumer.layerschange'; readonly consumerId: string; readonly layers?: ConsumerLayers }
  | { readonly event: 'consumer.trace'; readonly consumerId: string; readonly trace: ConsumerTraceEventData }
  /** A packet that a consumer of a DirectTransport sends to the application. */
  | { readonly event: 'consumer.rtp'; readonly consumerId: string; readonly packet: Uint8Array }
  | {
      readonly event: 'dataConsumer.message';
      readonly dataConsumerId: string;
      readonly data: Uint8Array;
      readonly ppid: number;
    }
  | { readonly event: 'dataConsumer.dataProducerClose'; readonly dataConsumerId: string }
  | { readonly event: 'dataConsumer.dataProducerPause'; readonly dataConsumerId: string }
  | { readonly event: 'dataConsumer.dataProducerResume'; readonly dataConsumerId: string }
  | { readonly event: 'dataConsumer.sctpSendBufferFull'; readonly dataConsumerId: string }
  | {
      readonly event: 'dataConsumer.bufferedAmountLow';
      readonly dataConsumerId: string;
      readonly bufferedAmount: number;
    }
  | {
      readonly event: 'rtpObserver.volumes';
      readonly rtpObserverId: string;
      /** dBov, loudest first. */
      readonly volumes: readonly { readonly producerId: string; readonly volume: number }[];
    }
  | { readonly event: 'rtpObserver.silence'; readonly rtpObserverId: string }
  | {
      readonly event: 'rtpObserver.dominantSpeaker';
      readonly rtpObserverId: string;
      readonly producerId: string;
    };
