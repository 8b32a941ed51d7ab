/** Which screen is shown: a room is chosen, joined, left. The call itself lives in the SDK. */
import { useCallback, useEffect, useRef, useState } from 'react';
import { CallError, type EndReason } from '@tertulia/client';
import { CallScreen } from './callScreen.js';
import type { CallHandle, JoinFunction } from './calls.js';
import { EndedScreen } from './endedScreen.js';
import { HomeScreen } from './homeScreen.js';
import { isRoomName, readPlace } from './invitation.js';
import { JoinScreen, type JoinChoice } from './joinScreen.js';

type Screen =
  | { t: 'home' }
  | { t: 'join'; problem: string | undefined }
  | { t: 'call'; call: CallHandle }
  | { t: 'ended'; reason: EndReason };

declare global {
  interface Window {
    /** Only with `?debug` in the address. */
    __tertulia?: { call: CallHandle };
  }
}

export function App({ join }: { join: JoinFunction }) {
  const [place, setPlace] = useState(() => readPlace(location));
  const [screen, setScreen] = useState<Screen>(() => startOf(place.room));
  /** Opened on the join screen and lent to the call, which does not stop what it did not open. */
  const lent = useRef<{ audio?: MediaStreamTrack | undefined; video?: MediaStreamTrack | undefined }>({});
  const takeBack = useCallback((kind: 'audio' | 'video') => {
    lent.current[kind]?.stop();
    lent.current[kind] = undefined;
  }, []);

  useEffect(() => {
    const moved = (): void => {
      const next = readPlace(location);
      setPlace(next);
      // In a call the address is not the way out.
      setScreen((now) => (now.t === 'call' ? now : startOf(next.room)));
    };
    window.addEventListener('popstate', moved);
    return () => window.removeEventListener('popstate', moved);
  }, []);

  useEffect(() => {
    document.title = place.room === undefined ? 'Tertulia' : `${place.room} · Tertulia`;
  }, [place.room]);

  const go = (room: string | undefined): void => {
    history.pushState(
      null,
      '',
      (room === undefined ? '/' : `/r/${encodeURIComponent(room)}`) + location.search,
    );
    setPlace(readPlace(location));
    setScreen(startOf(room));
  };

  const enter = async (room: string, choice: JoinChoice): Promise<string | undefined> => {
    const { displayName, audio, video, muted } = choice;
    try {
      const call = await join({ room, token: place.token, displayName, audio, video, muted });
      lent.current = { audio: trackOf(audio), video: trackOf(video) };
      call.on('camera', () => {
        // Turned off, or another one is used: then the light of the first must go out.
        if (call.cameraTrack !== lent.current.video) takeBack('video');
      });
      call.on('ended', (reason) => {
        takeBack('audio');
        takeBack('video');
        setScreen({ t: 'ended', reason });
      });
      if (place.debug) window.__tertulia = { call };
      setScreen({ t: 'call', call });
      return undefined;
    } catch (error) {
      return error instanceof CallError ? error.code : 'UNKNOWN';
    }
  };

  const { room } = place;
  if (screen.t === 'home' || room === undefined) return <HomeScreen onRoom={go} />;
  switch (screen.t) {
    case 'join':
      return <JoinScreen room={room} problem={screen.problem} onJoin={(choice) => enter(room, choice)} />;
    case 'call':
      return (
        <CallScreen
          call={screen.call}
          canInvite={place.token === undefined}
          onMicrophoneChanged={() => takeBack('audio')}
        />
      );
    case 'ended':
      return (
        <EndedScreen
          room={room}
          reason={screen.reason}
          onRejoin={() => setScreen({ t: 'join', problem: undefined })}
          onHome={() => go(undefined)}
        />
      );
  }
}

const trackOf = (option: unknown): MediaStreamTrack | undefined =>
  option instanceof MediaStreamTrack ? option : undefined;

function startOf(room: string | undefined): Screen {
  if (room === undefined) return { t: 'home' };
  return { t: 'join', problem: isRoomName(room) ? undefined : 'ROOM_NAME_INVALID' };
}
