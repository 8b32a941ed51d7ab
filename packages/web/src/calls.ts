/** The call as the page uses it: the public face of the SDK's class, so that the visual tests can put in a made-up one. */
import { useMemo, useSyncExternalStore } from 'react';
import type {
  AudioSlot,
  Call,
  CallRecording,
  CallState,
  JoinOptions,
  Participant,
  VideoAssignment,
  VideoSlot,
} from '@tertulia/client';

export type CallHandle = Pick<Call, keyof Call>;
export type JoinFunction = (options: JoinOptions) => Promise<CallHandle>;

/** A person's own words, not the sound of the screen that they share. */
export const isVoice = ({ csrc, participant }: AudioSlot): boolean =>
  participant !== undefined && (participant.csrc === undefined || participant.csrc === csrc);

export interface CallSnapshot {
  state: CallState;
  participants: readonly Participant[];
  audioSlots: readonly AudioSlot[];
  videoSlots: readonly VideoSlot[];
  assignments: readonly VideoAssignment[];
  muted: boolean;
  cameraOn: boolean;
  cameraTrack: MediaStreamTrack | undefined;
  screenOn: boolean;
  screenTrack: MediaStreamTrack | undefined;
  recording: CallRecording | undefined;
}

const read = (call: CallHandle): CallSnapshot => ({
  state: call.state,
  participants: call.participants,
  audioSlots: call.audioSlots,
  videoSlots: call.videoSlots,
  assignments: call.assignments,
  muted: call.muted,
  cameraOn: call.cameraOn,
  cameraTrack: call.cameraTrack,
  screenOn: call.screenOn,
  screenTrack: call.screenTrack,
  recording: call.recording,
});

const same = (a: CallSnapshot, b: CallSnapshot): boolean =>
  (Object.keys(a) as (keyof CallSnapshot)[]).every((key) => a[key] === b[key]);

/** A store as React wants it: the snapshot stays the same object while nothing has changed. */
function storeOf(call: CallHandle) {
  let snapshot = read(call);
  return {
    subscribe(changed: () => void): () => void {
      const undo = [
        call.on('state', changed),
        call.on('participants', changed),
        call.on('speakers', changed),
        call.on('audioslots', changed),
        call.on('videoslots', changed),
        call.on('assignments', changed),
        call.on('muted', changed),
        call.on('camera', changed),
        call.on('screen', changed),
        call.on('recording', changed),
      ];
      return () => undo.forEach((stop) => stop());
    },
    snapshot(): CallSnapshot {
      const next = read(call);
      if (!same(next, snapshot)) snapshot = next;
      return snapshot;
    },
  };
}

export function useCallSnapshot(call: CallHandle): CallSnapshot {
  const store = useMemo(() => storeOf(call), [call]);
  return useSyncExternalStore(store.subscribe, store.snapshot);
}
