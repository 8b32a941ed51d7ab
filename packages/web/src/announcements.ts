/** What a screen reader is told, in short sentences. Who speaks is not among them: that would talk over the call. Pure. */
import type { CallState, EndReason, Participant, ParticipantsChange } from '@tertulia/client';

/** More names than this become a number. */
const NAMED = 3;

function names(people: readonly Participant[]): string {
  if (people.length > NAMED) return `${people.length} people`;
  const all = people.map((one) => one.displayName);
  const last = all.pop() ?? '';
  return all.length === 0 ? last : `${all.join(', ')} and ${last}`;
}

/** @param before the people before the change, for who muted */
export function announceChange(change: ParticipantsChange, before: readonly Participant[]): string[] {
  const others = (people: readonly Participant[]): Participant[] => people.filter((one) => !one.self);
  const joined = others(change.joined);
  const left = others(change.left);
  const told: string[] = [];
  if (joined.length > 0) told.push(`${names(joined)} joined.`);
  if (left.length > 0) told.push(`${names(left)} left.`);
  for (const muted of [true, false]) {
    const changed = others(change.changed).filter((one) => {
      const old = before.find(({ participantId }) => participantId === one.participantId);
      return old !== undefined && old.muted !== one.muted && one.muted === muted;
    });
    if (changed.length > 0) told.push(`${names(changed)} ${muted ? 'muted' : 'unmuted'}.`);
  }
  for (const sharing of [true, false]) {
    const changed = others(change.changed).filter((one) => {
      const old = before.find(({ participantId }) => participantId === one.participantId);
      return old !== undefined && old.screenOn !== one.screenOn && one.screenOn === sharing;
    });
    if (changed.length > 0)
      told.push(
        sharing
          ? `${names(changed)} ${changed.length > 1 ? 'share their screens' : 'shares a screen'}.`
          : `${names(changed)} stopped sharing.`,
      );
  }
  return told;
}

export const announceMuted = (muted: boolean, byServer: boolean): string =>
  byServer && muted ? 'You were muted.' : muted ? 'You are muted.' : 'You are unmuted.';

export const announceCamera = (on: boolean, byServer: boolean): string =>
  on ? 'Your camera is on.' : byServer ? 'Your camera was turned off.' : 'Your camera is off.';

export const announceScreen = (on: boolean): string =>
  on ? 'You share your screen.' : 'Your screen is no longer shared.';

export const announceRecording = (on: boolean): string =>
  on ? 'This call is recorded.' : 'The recording has ended.';

export function announceState(state: CallState, before: CallState): string | undefined {
  if (state === 'reconnecting') return 'Connection lost. Reconnecting.';
  if (state === 'connected' && before === 'reconnecting') return 'Connected again.';
  return undefined;
}

export interface Farewell {
  title: string;
  text: string;
}

const FAREWELLS: Record<string, Farewell> = {
  left: { title: 'You left the call', text: 'The others can go on without you.' },
  removed: {
    title: 'You were removed',
    text: 'Somebody who moderates this room ended your part in the call.',
  },
  replaced: {
    title: 'You joined from another place',
    text: 'The call goes on there. This window is no longer in it.',
  },
  'room-closed': { title: 'The call is over', text: 'The room was closed for everybody.' },
  'connection-lost': {
    title: 'The connection was lost',
    text: 'It could not be restored within a minute. Check your network, then join again.',
  },
};

export const farewell = (reason: EndReason): Farewell =>
  FAREWELLS[reason] ?? { title: 'The call has ended', text: 'You can join again.' };
