/**
 * What recordings need of a recorder process. @tertulia/recorder stands behind it in production, a fake in tests. Types only.
 * Elsewhere: when one is started, and what after its death → recorderPool.ts · who is recorded → recordings.ts
 */
import type { RtpParameters } from '@tertulia/wire';
import type { RecordingMode } from './modes.js';

/** Goes into the JSON beside the file. */
export interface FileAbout {
  readonly participantId?: string;
  readonly displayName?: string;
  /** A source's name; 'room' in that mode. */
  readonly source?: string;
}

export interface TrackAbout {
  readonly participantId?: string;
  readonly displayName?: string;
  readonly source?: string;
  readonly slot?: number;
}

export interface RecordedFile {
  readonly fileId: string;
  /** Within the recording's folder. */
  readonly name: string;
  readonly bytes: number;
  readonly durationMs: number;
  readonly parts: number;
}

export interface RecordingProgress {
  readonly recordingId: string;
  readonly bytes: number;
  readonly durationMs: number;
  readonly packets: number;
  readonly lost: number;
  readonly files: readonly RecordedFile[];
}

export type RecorderCause = 'stopped' | 'disk-full' | 'write-failed' | 'recorder-died';

export interface RecordingEnded {
  readonly recordingId: string;
  readonly cause: RecorderCause;
  readonly message: string;
  readonly files: readonly RecordedFile[];
}

export interface Recorder {
  /** Where the media process sends to. */
  readonly address: { readonly ip: string; readonly port: number };
  readonly pid: number;
  start(recording: {
    recordingId: string;
    room: string;
    mode: RecordingMode;
    startedAtMs: number;
  }): Promise<{ folder: string }>;
  addTransport(
    recordingId: string,
    transport: { transportId: string; ip: string; port: number },
  ): Promise<void>;
  addFile(recordingId: string, file: { fileId: string; about: FileAbout }): Promise<void>;
  addTrack(
    recordingId: string,
    track: {
      trackId: string;
      fileId: string;
      transportId: string;
      kind: 'audio' | 'video';
      about: TrackAbout;
      rtpParameters: RtpParameters;
    },
  ): Promise<void>;
  removeTrack(recordingId: string, trackId: string): Promise<void>;
  endFile(recordingId: string, fileId: string): Promise<void>;
  nameCsrc(
    recordingId: string,
    name: { csrc: number; participantId: string; displayName: string; source: string },
  ): void;
  mark(recordingId: string, mark: { atMs: number; what: string; data?: unknown }): void;
  stop(recordingId: string): Promise<RecordingEnded>;
  close(): Promise<void>;
  on(event: 'progress', listener: (progress: RecordingProgress) => void): unknown;
  on(event: 'ended', listener: (ended: RecordingEnded) => void): unknown;
  on(event: 'died', listener: () => void): unknown;
}

export type LaunchRecorder = (options: { directory: string }) => Promise<Recorder>;
