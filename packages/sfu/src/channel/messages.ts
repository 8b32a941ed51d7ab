/**
 * Everything that crosses between the API process and a media process, as types: requests with their answers, notices
 * without one, and events. Plain data only (structured clone): no functions, no class instances.
 * Ids are made by the API process. A method's name is `entity.verb`; the entity's id is in the data.
 * Elsewhere: sending and matching → channel.ts · what a method does → media/requests/
 */
import type { RtpParameters } from '@tertulia/wire';
import type {
  Assignment,
  Canvas,
  ConsumerScore,
  ConsumerStat,
  DirectTransportStat,
  DtlsParameters,
  DtlsRole,
  DtlsState,
  IceCandidate,
  IceParameters,
  IceState,
  MaxResolution,
  NumSctpStreams,
  PipeTransportStat,
  PlainTransportStat,
  ProducerScore,
  ProducerStat,
  SctpParameters,
  SctpState,
  SlotChange,
  SlotStat,
  TransportListenInfo,
  TransportTuple,
  VideoSlotChange,
  WebRtcTransportStat,
  WorkerLogLevel,
  WorkerLogTag,
} from '../types.js';
import type {
  ConsumeRequest,
  ConsumeResponse,
  EntityEvent,
  EntityNotice,
  EntityRequests,
  ProduceRequest,
} from './entityMessages.js';

export type * from './entityMessages.js';

export type TransportStat =
  WebRtcTransportStat | PlainTransportStat | PipeTransportStat | DirectTransportStat;

export interface ListenResult {
  readonly ip: string;
  readonly port: number;
  /** Bytes that the kernel granted. */
  readonly sendBuffer: number;
  readonly receiveBuffer: number;
}

export interface WebRtcTransportCreation {
  readonly routerId: string;
  readonly transportId: string;
  /** Sockets shared with other transports … */
  readonly webRtcServerId?: string;
  /** … or its own. */
  readonly listenInfos?: readonly TransportListenInfo[];
  readonly iceConsentTimeout: number;
  readonly enableSctp: boolean;
  /** Data channels opened in-band (RFC 8832) become `datachannel` events. */
  readonly enableDcep: boolean;
  readonly maxSctpMessageSize: number;
  readonly numSctpStreams?: NumSctpStreams;
  /** Bytes. */
  readonly sctpSendBufferSize?: number;
  /** Default true. */
  readonly enableUdp?: boolean;
  /** Default: as the listen infos say; false takes the TCP ones away. */
  readonly enableTcp?: boolean;
  readonly preferUdp?: boolean;
  readonly preferTcp?: boolean;
  /** bit/s. Default 600000. */
  readonly initialAvailableOutgoingBitrate?: number;
}

export interface WebRtcTransportCreated {
  readonly iceParameters: IceParameters;
  readonly iceCandidates: readonly IceCandidate[];
  readonly dtlsParameters: DtlsParameters;
  readonly sctpParameters?: SctpParameters;
}

/** Of a source of virtual streams: 'speech' and 'camera' unless the application says 'screen'. */
export type SourceContent = 'speech' | 'camera' | 'screen';

/** One virtual stream as the receiver's capabilities and sections want it on the wire. */
export interface SlotRequest {
  readonly rtpParameters: RtpParameters;
}

/** Keys for a transport that does no ICE and no DTLS. Only where the core allows it: benches and simulations. */
export interface InjectedKeys {
  readonly transportId: string;
  readonly profile:
    'AEAD_AES_128_GCM' | 'AEAD_AES_256_GCM' | 'AES_CM_128_HMAC_SHA1_80' | 'AES_CM_128_HMAC_SHA1_32';
  readonly receiveKey: Uint8Array;
  readonly receiveSalt: Uint8Array;
  readonly sendKey: Uint8Array;
  readonly sendSalt: Uint8Array;
  /** Engine form, see `toAddress`. */
  readonly address: Uint8Array;
  /** Of the engine; default the transport's first. */
  readonly socket?: number;
}

/** Whose packets a record of a capture has. */
export interface CaptureSource {
  /** Of the engine. */
  readonly peer: number;
  readonly transportId: string;
  /** undefined: no address yet, or none at all. */
  readonly tuple?: TransportTuple | undefined;
  readonly lost?: { readonly incoming: number; readonly outgoing: number };
}

export interface CaptureRead {
  /** As the engine has them. */
  readonly records: Uint8Array;
  readonly sources: readonly CaptureSource[];
  readonly lost: number;
}

/** Free-form, for people: every entity's dump. */
export type Dump = Record<string, unknown>;

export interface ChannelRequests extends EntityRequests {
  'worker.dump': { request: undefined; response: Dump };
  'worker.updateSettings': {
    request: { logLevel?: WorkerLogLevel; logTags?: readonly WorkerLogTag[] };
    response: undefined;
  };
  'worker.createWebRtcServer': {
    request: { webRtcServerId: string; listenInfos: readonly TransportListenInfo[] };
    response: readonly ListenResult[];
  };
  'worker.createRouter': { request: { routerId: string }; response: undefined };
  'webRtcServer.close': { request: { webRtcServerId: string }; response: undefined };
  'webRtcServer.dump': { request: { webRtcServerId: string }; response: Dump };
  'router.close': { request: { routerId: string }; response: undefined };
  'router.dump': { request: { routerId: string }; response: Dump };
  'router.createWebRtcTransport': { request: WebRtcTransportCreation; response: WebRtcTransportCreated };
  'transport.close': { request: { transportId: string }; response: undefined };
  'transport.dump': { request: { transportId: string }; response: Dump };
  'transport.getStats': { request: { transportId: string }; response: readonly TransportStat[] };
  'transport.connect': {
    request: { transportId: string; dtlsParameters: DtlsParameters };
    response: { dtlsLocalRole: DtlsRole };
  };
  'transport.restartIce': { request: { transportId: string }; response: IceParameters };
  'transport.produce': { request: ProduceRequest; response: undefined };
  'transport.consume': { request: ConsumeRequest; response: ConsumeResponse };
  'transport.injectKeys': { request: InjectedKeys; response: undefined };
  'producer.close': { request: { producerId: string }; response: undefined };
  'producer.pause': { request: { producerId: string }; response: undefined };
  'producer.resume': { request: { producerId: string }; response: undefined };
  'producer.dump': { request: { producerId: string }; response: Dump };
  'producer.getStats': { request: { producerId: string }; response: readonly ProducerStat[] };
  'consumer.close': { request: { consumerId: string }; response: undefined };
  'consumer.pause': { request: { consumerId: string }; response: undefined };
  'consumer.resume': { request: { consumerId: string }; response: undefined };
  'consumer.dump': { request: { consumerId: string }; response: Dump };
  'consumer.getStats': {
    request: { consumerId: string };
    response: readonly (ConsumerStat | ProducerStat)[];
  };
  'router.createVirtualStreams': {
    request: { routerId: string; virtualStreamsId: string; audioSlots: number; videoSlots: number };
    response: undefined;
  };
  'virtual.close': { request: { virtualStreamsId: string }; response: undefined };
  'virtual.dump': { request: { virtualStreamsId: string }; response: Dump };
  'virtual.getStats': { request: { virtualStreamsId: string }; response: Dump };
  'virtual.addSource': {
    request: {
      virtualStreamsId: string;
      producerId: string;
      participantId: string;
      content: SourceContent;
      csrc?: number;
    };
    response: { csrc: number };
  };
  'virtual.removeSource': { request: { virtualStreamsId: string; producerId: string }; response: undefined };
  'virtual.setPinned': {
    request: { virtualStreamsId: string; producerId: string; pinned: boolean };
    response: undefined;
  };
  'virtual.createReceiver': {
    request: {
      virtualStreamsId: string;
      receiverId: string;
      transportId: string;
      participantId?: string;
      audio: readonly SlotRequest[];
      video: readonly SlotRequest[];
    };
    response: { changes: readonly SlotChange[] };
  };
  'virtual.setLayout': {
    request: {
      virtualStreamsId: string;
      receiverId: string;
      canvases: readonly Canvas[];
      maxResolution?: MaxResolution;
    };
    response: { assignments: readonly Assignment[] };
  };
  'virtual.getReceiverStats': {
    request: { virtualStreamsId: string; receiverId: string };
    response: readonly SlotStat[];
  };
  'virtual.requestKeyFrames': {
    request: { virtualStreamsId: string; receiverId: string };
    response: undefined;
  };
  'virtual.closeReceiver': { request: { virtualStreamsId: string; receiverId: string }; response: undefined };
  'capture.create': {
    request: { captureId: string; routerId: string };
    /** Unix time, in µs, of the records' time 0. */
    response: { unixMicrosAtZero: number };
  };
  'capture.add': { request: { captureId: string; transportId: string }; response: undefined };
  'capture.read': { request: { captureId: string }; response: CaptureRead };
  'capture.close': { request: { captureId: string }; response: undefined };
  'dataChannel.close': { request: { transportId: string; channelId: number }; response: undefined };
  'dataChannel.getBufferedAmount': {
    request: { transportId: string; channelId: number };
    response: { bufferedAmount: number };
  };
}
export type Method = keyof ChannelRequests;
export type RequestOf<M extends Method> = ChannelRequests[M]['request'];
export type ResponseOf<M extends Method> = ChannelRequests[M]['response'];

/** Without an answer: what goes wrong comes back as an event. */
export type ChannelNotice =
  | EntityNotice
  | {
      readonly notice: 'dataChannel.send';
      readonly transportId: string;
      readonly channelId: number;
      readonly data: string | Uint8Array;
    };

export type ChannelEvent =
  | EntityEvent
  | { readonly event: 'transport.iceState'; readonly transportId: string; readonly iceState: IceState }
  | { readonly event: 'transport.tuple'; readonly transportId: string; readonly tuple: TransportTuple }
  | {
      readonly event: 'transport.dtlsState';
      readonly transportId: string;
      readonly dtlsState: DtlsState;
      readonly remoteCertificate?: string;
      /** Why it failed, in words for people. */
      readonly failure?: string;
    }
  | { readonly event: 'transport.sctpState'; readonly transportId: string; readonly sctpState: SctpState }
  | {
      readonly event: 'dataChannel.open';
      readonly transportId: string;
      readonly channelId: number;
      readonly label: string;
      readonly protocol: string;
      readonly ordered: boolean;
    }
  | {
      readonly event: 'dataChannel.message';
      readonly transportId: string;
      readonly channelId: number;
      readonly data: string | Uint8Array;
    }
  | {
      readonly event: 'dataChannel.close';
      readonly transportId: string;
      readonly channelId: number;
      readonly reason: string;
    }
  | {
      readonly event: 'dataChannel.bufferedAmount';
      readonly transportId: string;
      readonly channelId: number;
      readonly bufferedAmount: number;
    }
  | { readonly event: 'producer.score'; readonly producerId: string; readonly score: ProducerScore[] }
  | { readonly event: 'consumer.producerClose'; readonly consumerId: string }
  | { readonly event: 'consumer.producerPause'; readonly consumerId: string }
  | { readonly event: 'consumer.producerResume'; readonly consumerId: string }
  | { readonly event: 'consumer.score'; readonly consumerId: string; readonly score: ConsumerScore }
  | {
      readonly event: 'virtual.slots';
      readonly virtualStreamsId: string;
      /** All changes of one instant, over all receivers. */
      readonly changes: readonly (SlotChange & { readonly receiverId: string })[];
    }
  | {
      readonly event: 'virtual.videoSlots';
      readonly virtualStreamsId: string;
      /** All changes of one instant, over all receivers. */
      readonly changes: readonly (VideoSlotChange & { readonly receiverId: string })[];
    }
  | {
      readonly event: 'virtual.assignments';
      readonly virtualStreamsId: string;
      readonly receiverId: string;
      readonly assignments: readonly Assignment[];
    }
  | {
      readonly event: 'virtual.dominantSpeaker';
      readonly virtualStreamsId: string;
      readonly participantId: string | undefined;
    }
  | {
      readonly event: 'virtual.loudest';
      readonly virtualStreamsId: string;
      readonly producerId: string | undefined;
    }
  | {
      readonly event: 'log';
      readonly level: 'debug' | 'warn' | 'error';
      readonly message: string;
      /** Its subject: told only when the application asked for it. Without one it is always told. */
      readonly tag?: WorkerLogTag;
    };

/** Errors keep their class and their stable code across the channel. */
export interface ChannelError {
  readonly name: 'TypeError' | 'InvalidStateError' | 'UnsupportedError' | 'Error';
  readonly code: string;
  readonly message: string;
}

export type ToMedia =
  | { readonly settings: MediaProcessSettings }
  | { readonly id: number; readonly method: Method; readonly data: RequestOf<Method> }
  | ChannelNotice;

export type FromMedia =
  | { readonly ready: true }
  /** It could not start, and ends. */
  | { readonly ready: false; readonly error: ChannelError }
  | { readonly id: number; readonly ok: true; readonly data: unknown }
  | { readonly id: number; readonly ok: false; readonly error: ChannelError }
  | { readonly events: readonly ChannelEvent[] };

/** The first message: not in the argument list, where every user of the machine could read the key. */
export interface MediaProcessSettings {
  readonly logLevel: WorkerLogLevel;
  readonly logTags: readonly WorkerLogTag[];
  /** SIGINT and SIGTERM are the API process's affair. */
  readonly ignoreSignals: boolean;
  readonly portMin: number;
  readonly portMax: number;
  readonly certificatePem?: string;
  readonly privateKeyPem?: string;
}
