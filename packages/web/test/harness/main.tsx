/**
 * The page with a made-up call. Query: `room` (absent: the start screen), `people` (already there), `refuse` (a code
 * that joining fails with).
 */
import { createRoot } from 'react-dom/client';
import { CallError } from '@tertulia/client';
import { App } from '../../src/app.js';
import '../../src/styles/index.css';
import { createFakeCall, NAMES, type FakeCall } from './fakeCall.js';

declare global {
  interface Window {
    fake?: FakeCall;
    joins?: { displayName: string; audio: unknown; muted?: boolean }[];
  }
}

const query = new URLSearchParams(location.search);
const room = query.get('room');
const people = Number(query.get('people') ?? 1);
history.replaceState(null, '', (room === null ? '/' : `/r/${encodeURIComponent(room)}`) + location.hash);

createRoot(document.getElementById('root')!).render(
  <App
    join={async (options) => {
      (window.joins ??= []).push({
        ...options,
        audio: options.audio === false ? false : typeof options.audio,
      });
      const refused = query.get('refuse');
      query.delete('refuse');
      if (refused !== null) throw new CallError(refused);
      const call = createFakeCall(
        options.room,
        options.displayName,
        (options.muted ?? false) || options.audio === false,
      );
      for (let index = 1; index < people; index++)
        call.add(
          NAMES[index % NAMES.length]! +
            (index >= NAMES.length ? ` ${Math.floor(index / NAMES.length) + 1}` : ''),
          {
            muted: index % 4 === 2,
          },
        );
      if (typeof options.audio === 'object' && 'stop' in options.audio) call.microphoneTrack = options.audio;
      window.fake = call;
      return call;
    }}
  />,
);
