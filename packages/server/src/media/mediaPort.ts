/**
 * What the conference needs of media, and nothing more. The one border between rooms and @tertulia/sfu: sfuMedia.ts
 * stands behind it in production, a fake in tests. SDP does not cross it, only RTP parameters do.
 */
import type { MediaKind, RtpCapabilities, RtpParameters } from '@tertulia/wire';
import type { SessionFigures } from './figures.js';
import type {
  Canvas,
  LayoutResult,
  MaxResolution,
  SlotChange,
  SourceName,
  VideoAssignment,
  VideoSlotChange,
} from '../rooms/news.js';

export interface MediaPort {
  createRoom(name: string): Promise<MediaRoom>;
  /** False while no media process runs; sessions are refused then. */
  readonly available: boolean;
  /** Counters for the metrics page: name → value. Names are fixed by the implementation. */
  counters(): Promise<ReadonlyMap<string, number>>;
  close(): Promise<void>;
}

export interface MediaRoom {
  /** Which media process it is in; recorders belong to one each. */
  readonly worker: number;
  createSession(request: MediaSessionRequest, events: MediaSessionEvents): Promise<MediaSession>;
  createStage(): Promise<MediaStage>;
  /** Packets of this room's sessions without SRTP, once they are added. */
  createCapture(): Promise<MediaCapture>;
  /** A way for sources and slots, unencrypted, to a recorder on this machine. */
  createRecordingTap(request: RecordingTapRequest): Promise<RecordingTap>;
  /** Plain RTP to a program elsewhere: a voice and a picture. */
  createRtpOutput(request: RtpOutputRequest): Promise<RtpOutput>;
  /** Sources of one participant that come as plain RTP from a program. */
  createRtpInput(request: RtpInputRequest, events: MediaSessionEvents): Promise<RtpInput>;
  /** Of a picture in this room, by its CSRC; undefined: there is none, or its codec goes nowhere else. */
  videoCodecOf(csrc: number): RtpVideoCodec | undefined;
  /** True once its media process is gone. */
  readonly lost: boolean;
  close(): void;
}

/** One participant's microphone and camera for receivers that want nothing else. Who it is may change, receivers stay. */
export interface MediaStage {
  /** A session of the same room. undefined: nobody, receivers get nothing. */
  show(session: MediaSession | undefined): void;
  close(): void;
}

/** Gathers packets until it is read; too slow a reader is told what is missing. */
export interface MediaCapture {
  add(session: MediaSession): Promise<void>;
  /** Rejects once the room or its media process is gone. */
  read(): Promise<CaptureBatch>;
  close(): void;
}

export interface CapturedPacket {
  /** `MediaSession.id`. */
  readonly sessionId: string;
  /** As seen from the server. */
  readonly direction: 'incoming' | 'outgoing';
  readonly unixMicros: number;
  readonly local: CaptureEnd | undefined;
  readonly remote: CaptureEnd | undefined;
  /** RTP, or a compound of RTCP. */
  readonly bytes: Uint8Array;
}

export interface CaptureEnd {
  readonly ip: string;
  readonly port: number;
}

export interface CaptureBatch {
  readonly packets: readonly CapturedPacket[];
  /** By session: packets that are missing, since it was added. */
  readonly losses: ReadonlyMap<string, { readonly incoming: number; readonly outgoing: number }>;
  /** Packets that are missing besides, nobody knows of whom. */
  readonly lost: number;
}

export interface RecordingTapRequest {
  readonly recorder: { readonly ip: string; readonly port: number };
  /** The room's media are gone, and the tap with them. Not after `close`. */
  lost(): void;
}

export interface RecordingTap {
  readonly id: string;
  /** Where its packets come from and where RTCP goes. */
  readonly address: { readonly ip: string; readonly port: number };
  /** One source of the room, in its highest layers. Rejects when it is gone. */
  addSource(csrc: number): Promise<TapTrack>;
  /** Slots as a receiver has them who is nobody in the room: what is loudest, what is most relevant. */
  addReceiver(slots: { readonly audio: number; readonly video: number }): Promise<TapReceiver>;
  close(): void;
}

export interface TapTrack {
  readonly kind: MediaKind;
  readonly rtpParameters: RtpParameters;
  /** Nothing is sent before, so that the recorder knows the track by its first packet. Pictures begin with a key frame. */
  start(): Promise<void>;
  close(): void;
}

/** They end together, with the tap. */
export interface TapReceiver {
  readonly audio: readonly RtpParameters[];
  readonly video: readonly RtpParameters[];
  /** Pictures are sent from now on; voices from the beginning. */
  start(): Promise<void>;
}

export const RTP_VIDEO_CODECS = ['vp8', 'vp9', 'h264', 'av1'] as const;
export type RtpVideoCodec = (typeof RTP_VIDEO_CODECS)[number];

export interface RtpOutputRequest {
  /** Whose voice and picture. Absent: the loudest, and who matters most, of the room. */
  readonly stage?: MediaStage;
  readonly ip: string;
  /** RTCP goes to the port above each, since most programs know nothing else. Absent: no such stream. */
  readonly audioPort: number | undefined;
  readonly videoPort: number | undefined;
  /** The only one: such programs take one codec per stream. Pictures of another are not sent. */
  readonly videoCodec: RtpVideoCodec;
  /** The room's media are gone, and the output with them. Not after `close`. */
  lost(): void;
}

export interface RtpOutput {
  readonly audio: RtpParameters | undefined;
  readonly video: RtpParameters | undefined;
  /** Where the packets come from, for firewalls. */
  readonly ip: string;
  requestKeyFrame(): Promise<void>;
  /** Of RTP that was sent. */
  bytes(): Promise<number>;
  close(): void;
}

export interface RtpInputRequest {
  readonly participantId: string;
  /** From other machines as well. Then SRTP keeps out whoever else reaches the ports. */
  readonly remote: boolean;
  /** Sound, its RTCP, pictures, their RTCP, one after the other. undefined: any that are free. */
  readonly port: number | undefined;
  readonly audio: RtpParameters | undefined;
  readonly video: RtpParameters | undefined;
}

export interface RtpInputPort {
  readonly ip: string;
  readonly port: number;
  readonly rtcpPort: number;
  /** With `remote`: what the program must protect its packets with. */
  readonly srtp: SrtpKey | undefined;
}

export interface SrtpKey {
  readonly cryptoSuite: 'AES_CM_128_HMAC_SHA1_80';
  /** Key and salt. */
  readonly keyBase64: string;
}

/** Of a port that was asked for. */
export class PortInUseError extends Error {
  override readonly name: string = 'PortInUseError';
}

/** Connected with its first packet, lost when no more come. It has no ICE, so nothing can be restarted. */
export interface RtpInput extends MediaSession {
  readonly audioPort: RtpInputPort | undefined;
  readonly videoPort: RtpInputPort | undefined;
}

export interface Fingerprint {
  readonly algorithm: string;
  readonly value: string;
}

export interface MediaSourceRequest {
  readonly name: SourceName;
  readonly rtpParameters: RtpParameters;
  readonly paused: boolean;
  /** A CSRC to keep, when the session replaces one. */
  readonly csrc: number | undefined;
}

export interface MediaReceiverRequest {
  /** Of the receiving sections; one slot for each. */
  readonly mids: { readonly audio: readonly string[]; readonly video: readonly string[] };
  /** What the client takes in every one of them, with its own payload types and extension ids. */
  readonly rtpCapabilities: RtpCapabilities;
  /** Absent: the room. */
  readonly stage?: MediaStage;
}

export interface MediaSessionRequest {
  /** Whose own sources are kept out of the slots; undefined for a receiver that is nobody in the room. */
  readonly participantId: string | undefined;
  readonly fingerprints: readonly Fingerprint[];
  readonly sources: readonly MediaSourceRequest[];
  /** Absent: nothing is received. */
  readonly receiver: MediaReceiverRequest | undefined;
  readonly dataChannels: boolean;
}

/** All of them may be called at any time after `createSession` resolved, never after `close`. */
export interface MediaSessionEvents {
  /** ICE and DTLS are up. Once. */
  connected(): void;
  /** The peer closed, or its consent ended, or the media process died. Once, and the last one. */
  lost(cause: 'peer-closed' | 'consent-lost' | 'process-died'): void;
  channelOpened(channel: MediaChannel): void;
  channelMessage(channel: MediaChannel, data: string | Uint8Array): void;
  channelClosed(channel: MediaChannel): void;
  slotsChanged(changes: readonly SlotChange[]): void;
  videoSlotsChanged(changes: readonly VideoSlotChange[]): void;
  /** What the canvases of the last accepted layout show has changed; the whole list. */
  assignmentsChanged(assignments: readonly VideoAssignment[]): void;
}

export interface MediaChannel {
  readonly id: number;
  readonly label: string;
  /** Text. A channel whose reader is too slow is closed by the media process. */
  send(text: string): void;
  close(): void;
}

export interface MediaCandidate {
  readonly foundation: string;
  readonly priority: number;
  readonly address: string;
  readonly port: number;
  readonly protocol: 'udp' | 'tcp';
}

export interface IceSide {
  readonly usernameFragment: string;
  readonly password: string;
  readonly candidates: readonly MediaCandidate[];
}

export interface SessionStats {
  /** As the library has it. */
  readonly media: unknown;
  readonly figures: SessionFigures;
}

export interface PayloadType {
  readonly direction: 'incoming' | 'outgoing';
  readonly payloadType: number;
  /** As in SDP: opus/48000. */
  readonly codec: string;
}

export interface MediaSession {
  readonly id: string;
  readonly ice: IceSide;
  readonly fingerprints: readonly Fingerprint[];
  /** In the order of the request. */
  readonly sources: readonly { readonly name: SourceName; readonly csrc: number }[];
  /** In the order of the MIDs: what goes out on each slot, SSRC included. */
  readonly audioSlots: readonly { readonly mid: string; readonly rtpParameters: RtpParameters }[];
  readonly videoSlots: readonly { readonly mid: string; readonly rtpParameters: RtpParameters }[];
  /** By which its packets travel; most have one. */
  readonly transportIds: readonly string[];
  /** What the numbers in its packets mean. */
  readonly payloadTypes: readonly PayloadType[];
  setPaused(source: SourceName, paused: boolean): void;
  /** A pinned picture goes before that of who speaks, a pinned voice keeps its slot. */
  setPinned(source: SourceName, pinned: boolean): void;
  /** What the receiver has room for; replaces what was before. Never rejects. */
  setLayout(canvases: readonly Canvas[], maxResolution: MaxResolution | undefined): Promise<LayoutResult>;
  /** New ICE credentials; DTLS and everything above stays. */
  restartIce(): Promise<IceSide>;
  /** RTP ends both ways at once, sources leave their slots, CSRCs are free; channels stay open for last words. */
  stopMedia(): void;
  stats(): Promise<SessionStats>;
  close(): void;
}
