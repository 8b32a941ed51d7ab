/** The live region: the call's news for people who do not see the screen. */
import { useCallback, useEffect, useRef, useState } from 'react';
import {
  announceCamera,
  announceChange,
  announceMuted,
  announceRecording,
  announceScreen,
  announceState,
} from './announcements.js';
import type { CallHandle } from './calls.js';

/** A screen reader has taken a sentence over long before; older ones only clutter the page's text. */
const KEPT_MS = 6_000;

export interface Announcer {
  sentences: readonly { id: number; text: string }[];
  say: (text: string) => void;
}

export function useAnnouncer(call: CallHandle, chatOpen: boolean): Announcer {
  const [sentences, setSentences] = useState<Announcer['sentences']>([]);
  const next = useRef(1);
  const open = useRef(chatOpen);
  open.current = chatOpen;

  const say = useCallback((text: string) => {
    const id = next.current++;
    setSentences((all) => [...all, { id, text }]);
    setTimeout(() => setSentences((all) => all.filter((one) => one.id !== id)), KEPT_MS);
  }, []);

  useEffect(() => {
    let people = call.participants;
    let state = call.state;
    let recorded = call.recording !== undefined;
    // It may have begun before one came.
    if (recorded) say(announceRecording(true));
    const undo = [
      call.on('participants', (now, change) => {
        for (const text of announceChange(change, people)) say(text);
        people = now;
      }),
      call.on('state', (now) => {
        const text = announceState(now, state);
        if (text !== undefined) say(text);
        state = now;
      }),
      call.on('muted', (muted, byServer) => say(announceMuted(muted, byServer))),
      call.on('camera', (on, byServer) => say(announceCamera(on, byServer))),
      call.on('screen', (on) => say(announceScreen(on))),
      call.on('recording', (recording) => {
        const on = recording !== undefined;
        if (on !== recorded) say(announceRecording(on));
        recorded = on;
      }),
      call.on('message', ({ displayName, text, self }) => {
        // The open panel is a log of its own.
        if (!self && !open.current) say(`${displayName} writes: ${text}`);
      }),
      call.on('error', ({ code }) => {
        if (code === 'MICROPHONE_MISSING') say('Your microphone is gone. You are muted.');
        if (code === 'CAMERA_MISSING') say('Your camera is gone.');
      }),
    ];
    return () => undo.forEach((stop) => stop());
  }, [call, say]);

  return { sentences, say };
}

export function LiveRegion({ sentences }: Pick<Announcer, 'sentences'>) {
  return (
    <div
      className="visually-hidden"
      role="status"
      aria-live="polite"
      aria-relevant="additions"
      data-testid="live"
    >
      {sentences.map(({ id, text }) => (
        <p key={id}>{text}</p>
      ))}
    </div>
  );
}
