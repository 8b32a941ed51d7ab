/** What crosses between a server's process and its recorder's: questions with a number, answers with the same, and news. */
import type { RecorderErrorCode } from '../errors.js';
import type {
  CsrcName,
  EndCause,
  FileAbout,
  FileResult,
  Mark,
  RecordingProgress,
  RecordingResult,
  RecordingStart,
  TrackStart,
} from '../types.js';

export interface TransportStart {
  transportId: string;
  ip: string;
  port: number;
}

/** Question → what it carries → what is answered. */
export interface Questions {
  start: { with: { recording: RecordingStart }; answer: { folder: string } };
  addTransport: { with: { recordingId: string; transport: TransportStart }; answer: null };
  addFile: { with: { recordingId: string; fileId: string; about: FileAbout }; answer: null };
  addTrack: { with: { recordingId: string; track: TrackStart }; answer: null };
  removeTrack: { with: { recordingId: string; trackId: string }; answer: null };
  endFile: { with: { recordingId: string; fileId: string }; answer: null };
  nameCsrc: { with: { recordingId: string; name: CsrcName }; answer: null };
  mark: { with: { recordingId: string; mark: Mark }; answer: null };
  stop: { with: { recordingId: string }; answer: RecordingResult };
  usage: { with: object; answer: RecorderUsage };
  close: { with: object; answer: null };
}

export type Ask = keyof Questions;
export type Question = { [A in Ask]: { id: number; ask: A } & Questions[A]['with'] }[Ask];

/** What the process has used, for benchmarks and metrics. */
export interface RecorderUsage {
  /** Of the whole process, threads included. */
  userMicros: number;
  systemMicros: number;
  /** RTP packets that belonged to a track. */
  packets: number;
  residentBytes: number;
  wakeups: number;
  batches: number;
  /** By reason: the engine's and ours. */
  drops: Record<string, number>;
}

export type FromRecorder =
  | { id: number; answer: unknown }
  | { id: number; failure: { code?: RecorderErrorCode; message: string } }
  | { event: 'ready'; ip: '127.0.0.1'; port: number }
  | { event: 'refused'; code: RecorderErrorCode; message: string }
  | { event: 'progress'; progress: RecordingProgress }
  | { event: 'ended'; recordingId: string; cause: EndCause; message: string; files: FileResult[] }
  | {
      event: 'log';
      level: 'info' | 'warn' | 'error';
      fields: Record<string, unknown>;
      text: string;
    };
