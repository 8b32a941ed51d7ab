/**
 * What recordings need of a recorder process: @tertulia/recorder in production, a fake in tests. Types only.
 * Elsewhere: when one is started, and what after its death → recorderPool.ts · who is recorded → recordings.ts
 */
import type { Recorder as RecorderProcess, RecorderEvents } from '@tertulia/recorder';

export type {
  EndCause as RecorderCause,
  FileAbout,
  FileResult,
  RecordingProgress,
  TrackAbout,
} from '@tertulia/recorder';
export type RecorderEnded = RecorderEvents['ended'][0];

export type Recorder = Pick<
  RecorderProcess,
  | 'address'
  | 'pid'
  | 'start'
  | 'addTransport'
  | 'addFile'
  | 'addTrack'
  | 'removeTrack'
  | 'endFile'
  | 'nameCsrc'
  | 'mark'
  | 'stop'
  | 'close'
> & {
  on<Name extends keyof RecorderEvents>(
    name: Name,
    listener: (...news: RecorderEvents[Name]) => void,
  ): unknown;
};

export type LaunchRecorder = (options: { readonly directory: string }) => Promise<Recorder>;
