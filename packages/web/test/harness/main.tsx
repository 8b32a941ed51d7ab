/**
 * The page with a made-up call. Query: `room` (absent: the start screen), `people` (already there), `cameras` (how
 * many of the others have theirs on), `portrait` (the own camera shows a made-up
 * person, too), `refuse` (a code that joining fails with).
 */
import { createRoot } from 'react-dom/client';
import { CallError } from '@tertulia/client';
import { App } from '../../src/app.js';
import '../../src/styles/index.css';
import { createFakeCall, NAMES, type FakeCall } from './fakeCall.js';
import { portrait } from './portraits.js';

declare global {
  interface Window {
    fake?: FakeCall;
    joins?: { displayName: string; audio: unknown; video: unknown; muted?: boolean }[];
  }
}

const query = new URLSearchParams(location.search);
const room = query.get('room');
const people = Number(query.get('people') ?? 1);
history.replaceState(null, '', (room === null ? '/' : `/r/${encodeURIComponent(room)}`) + location.hash);

if (query.has('portrait')) {
  const { mediaDevices } = navigator;
  const original = mediaDevices.getUserMedia.bind(mediaDevices);
  mediaDevices.getUserMedia = (constraints) =>
    constraints?.video ? Promise.resolve(portrait(0)) : original(constraints);
}

createRoot(document.getElementById('root')!).render(
  <App
    join={async (options) => {
      (window.joins ??= []).push({
        ...options,
        audio: options.audio === false ? false : typeof options.audio,
        video: options.video === false ? false : typeof options.video,
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
      for (let index = 1; index <= Number(query.get('cameras') ?? 0); index++)
        call.setCameraOf(`p_${index}`, true);
      if (typeof options.video === 'object' && 'stop' in options.video) call.cameraTrack = options.video;
      if (typeof options.audio === 'object' && 'stop' in options.audio) call.microphoneTrack = options.audio;
      window.fake = call;
      return call;
    }}
  />,
);
