/**
 * What callers of the recorder hold in their hands: what is recorded, whose it is, what came of it. Types only; plain data,
 * since all of it crosses to the recorder's process and into JSON files.
 */
import type { MediaKind, RtpParameters } from '@tertulia/wire';

/** One file per source, one per participant, or one of what a virtual receiver sees and hears. */
export type RecordingMode = 'sources' | 'participants' | 'room';

/** 'recorder-died': the process is gone; what it had written up to then is there. */
export type EndCause = 'stopped' | 'disk-full' | 'write-failed' | 'recorder-died';

export interface RecordingStart {
  /** Part of a folder's name: 1…64 letters, digits, '-' and '_'. */
  recordingId: string;
  /** As people call it; stands in the JSON only. */
  room: string;
  mode: RecordingMode;
  startedAtMs: number;
}

/** Whose file it is. */
export interface FileAbout {
  participantId?: string;
  displayName?: string;
  /** 'microphone', 'camera', …, or 'room'. */
  source?: string;
}

/** Whose track it is; of a virtual receiver, which slot. */
export interface TrackAbout {
  participantId?: string;
  displayName?: string;
  source?: string;
  slot?: number;
}

export interface TrackStart {
  trackId: string;
  fileId: string;
  transportId: string;
  kind: MediaKind;
  about: TrackAbout;
  /** The consumer's or the slot's: SSRC, codecs by payload type, RTX, ids of extensions. */
  rtpParameters: RtpParameters;
}

/** Who a CSRC of a virtual stream stands for. */
export interface CsrcName {
  csrc: number;
  participantId: string;
  displayName: string;
  source: string;
}

/** People who come, go, mute: into recording.json. */
export interface Mark {
  atMs: number;
  what: string;
  data?: unknown;
}

export interface PartResult {
  /** File name inside the recording's folder. */
  name: string;
  bytes: number;
  durationMs: number;
  /** With duration and cues; false: it plays, but seeking is slow. */
  finished: boolean;
}

export interface FileResult {
  fileId: string;
  about: FileAbout;
  parts: PartResult[];
}

export interface RecordingResult {
  recordingId: string;
  /** Absolute. */
  folder: string;
  cause: EndCause;
  /** For people; empty after a stop that was asked for. */
  message: string;
  startedAtMs: number;
  endedAtMs: number;
  files: FileResult[];
}

export interface FileProgress {
  fileId: string;
  /** Of the newest part; empty while nothing has come. */
  name: string;
  bytes: number;
  durationMs: number;
  parts: number;
}

export interface RecordingProgress {
  recordingId: string;
  bytes: number;
  durationMs: number;
  packets: number;
  lost: number;
  files: FileProgress[];
}

/** A line for a log: constant text, figures beside it. */
export interface RecorderLogger {
  info(fields: Record<string, unknown>, text: string): void;
  warn(fields: Record<string, unknown>, text: string): void;
  error(fields: Record<string, unknown>, text: string): void;
}
