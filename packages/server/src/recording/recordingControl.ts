/**
 * What rooms tell the recordings and ask of them. The border between the two: rooms know nothing of files and processes.
 * Elsewhere: behind it → recordings.ts
 */
import type { CommandResult } from '../protocols/machine.js';
import type { Room } from '../rooms/room.js';
import type { RecordingMode } from './modes.js';

export interface RecordingControl {
  /** There is a directory to record to. */
  readonly enabled: boolean;
  /** Somebody came or went, turned something on or off, or has another session. */
  roomChanged(room: Room): void;
  /** Nobody is there any more. */
  roomEmptied(room: Room): void;
  /** A participant who may asks for a recording, or for the end of all. Never rejects. */
  change(room: Room, on: boolean, mode: RecordingMode | undefined): Promise<CommandResult>;
}
