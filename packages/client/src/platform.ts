/**
 * Everything that a call needs of the world around it, as one interface: clock, timers, chance, HTTP, WebRTC,
 * microphone, sound. `browserPlatform.ts` is the real one; tests have another in which time stands still.
 */
import type { Source } from './messages.js';
import type { SlotReading } from './slotReading.js';

export interface PeerSlot {
  readonly index: number;
  /** Known after the first answer. */
  readonly mid: string | null;
  readonly track: MediaStreamTrack;
  readonly stream: MediaStream;
  read(): SlotReading;
  /** At least so long from arrival to playout; null: as short as the browser can. Does nothing where it is not known. */
  setPlayoutDelay(delayMs: number | null): void;
  /** How long things took since the last call. */
  look(): Promise<SlotLook>;
}

/** Means in ms; undefined when nothing was played, or the browser does not tell. */
export interface SlotLook {
  /** From arrival to where it leaves the jitter buffer. */
  bufferedMs: number | undefined;
  /** From there until the sound device is heard. */
  deviceMs: number | undefined;
}

export interface SlotCounts {
  audio: number;
  video: number;
}

export interface PeerHandlers {
  state(state: RTCPeerConnectionState): void;
  channelOpen(): void;
  channelClosed(): void;
  message(text: string): void;
}

/** One peer connection with its four sources, its slots and its channel. */
export interface MediaPeer {
  readonly audioSlots: readonly PeerSlot[];
  readonly videoSlots: readonly PeerSlot[];
  /** Whether `setPlayoutDelay` does anything here. */
  readonly canDelay: boolean;
  /** The offer is not applied: an attempt that fails on the way leaves the connection as it was. */
  createOffer(iceRestart: boolean): Promise<string>;
  apply(offer: string, answer: string, iceServers: readonly RTCIceServer[]): Promise<void>;
  setTrack(source: Source, track: MediaStreamTrack | null): Promise<void>;
  /** @returns false when the channel is not open */
  send(text: string): boolean;
  getStats(): Promise<RTCStatsReport>;
  close(): void;
}

export interface ServerEventHandlers {
  rejoin(reason: string): void;
  moved(url: string): void;
  ended(reason: string): void;
}

export interface AudioSink {
  /** Puts the audio elements there; without a container they stay where they are. */
  attach(container: HTMLElement | undefined): void;
  play(streams: readonly MediaStream[]): void;
  /** Rejects when the browser still refuses. */
  resume(): Promise<void>;
  close(): void;
}

export interface LevelMeter {
  /** Linear amplitude of the last moment, 0…1. 0 as well when the browser allows no audio context yet. */
  level(): number;
  close(): void;
}

export interface ScreenTracks {
  readonly video: MediaStreamTrack;
  readonly sound: MediaStreamTrack | undefined;
}

export interface Platform {
  nowMs(): number;
  /** @returns cancels it */
  after(delayMs: number, run: () => void): () => void;
  /** @returns stops it */
  every(periodMs: number, run: () => void): () => void;
  chance(): number;
  fetch(url: string, init: RequestInit): Promise<Response>;
  createPeer(counts: SlotCounts, handlers: PeerHandlers): MediaPeer;
  openEvents(url: string, handlers: ServerEventHandlers): () => void;
  /** Rejects with a CallError. */
  openMicrophone(constraints: MediaTrackConstraints): Promise<MediaStreamTrack>;
  /** Rejects with a CallError. */
  openCamera(constraints: MediaTrackConstraints): Promise<MediaStreamTrack>;
  /** Lets the person choose. Rejects with a CallError. No sound where the browser or the person gives none. */
  openScreen(options: { sound: boolean }): Promise<ScreenTracks>;
  createLevelMeter(track: MediaStreamTrack): LevelMeter;
  createAudioSink(onBlocked: () => void): AudioSink;
  /** `pageHide`: the page is being closed. @returns stops watching */
  watch(handlers: { online(): void; offline(): void; pageHide(): void }): () => void;
}
