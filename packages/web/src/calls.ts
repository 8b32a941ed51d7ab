/** The call as the page uses it: the public face of the SDK's class, so that the visual tests can put in a made-up one. */
import { useMemo, useSyncExternalStore } from 'react';
import type { AudioSlot, Call, CallState, JoinOptions, Participant } from '@tertulia/client';

export type CallHandle = Pick<Call, keyof Call>;
export type JoinFunction = (options: JoinOptions) => Promise<CallHandle>;

export interface CallSnapshot {
  state: CallState;
  participants: readonly Participant[];
  audioSlots: readonly AudioSlot[];
  muted: boolean;
}

const read = ({ state, participants, audioSlots, muted }: CallHandle): CallSnapshot => ({
  state,
  participants,
  audioSlots,
  muted,
});

const same = (a: CallSnapshot, b: CallSnapshot): boolean =>
  a.state === b.state &&
  a.participants === b.participants &&
  a.audioSlots === b.audioSlots &&
  a.muted === b.muted;

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
        call.on('muted', changed),
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
