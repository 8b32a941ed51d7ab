/** Which screen is shown: a room is chosen, joined, left. The call itself lives in the SDK. */
import { useCallback, useEffect, useRef, useState } from 'react';
import { CallError, type EndReason } from '@tertulia/client';
import { CallScreen } from './callScreen.js';
import type { CallHandle, JoinFunction } from './calls.js';
import { EndedScreen } from './endedScreen.js';
import { HomeScreen } from './homeScreen.js';
import { readPlace, type Place, type WrongLink } from './invitation.js';
import { JoinScreen, type JoinChoice } from './joinScreen.js';
import { WrongLinkScreen } from './wrongLinkScreen.js';

type Screen =
  | { t: 'home' }
  | { t: 'wrong'; wrong: WrongLink }
  | { t: 'join' }
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
  const [screen, setScreen] = useState<Screen>(() => startOf(place));
  /** Opened on the join screen and lent to the call, which does not stop what it did not open. */
  const lent = useRef<{ audio?: MediaStreamTrack | undefined; video?: MediaStreamTrack | undefined }>({});
  const takeBack = useCallback((kind: 'audio' | 'video') => {
    lent.current[kind]?.stop();
    lent.current[kind] = undefined;
  }, []);

  const inCall = screen.t === 'call';
  useEffect(() => {
    // In a call the address is not the way out: people would be heard and see nothing of it.
    if (inCall) return;
    const moved = (): void => {
      const next = readPlace(location);
      setPlace(next);
      setScreen(startOf(next));
    };
    window.addEventListener('popstate', moved);
    return () => window.removeEventListener('popstate', moved);
  }, [inCall]);

  useEffect(() => {
    const title = place.wrong === undefined ? place.room : 'Wrong link';
    document.title = title === undefined ? 'Tertulia' : `${title} · Tertulia`;
  }, [place]);

  const go = (room: string | undefined): void => {
    history.pushState(
      null,
      '',
      (room === undefined ? '/' : `/r/${encodeURIComponent(room)}`) + location.search,
    );
    const next = readPlace(location);
    setPlace(next);
    setScreen(startOf(next));
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

  if (screen.t === 'wrong') return <WrongLinkScreen wrong={screen.wrong} onHome={() => go(undefined)} />;
  const { room } = place;
  if (screen.t === 'home' || room === undefined) return <HomeScreen onRoom={go} />;
  switch (screen.t) {
    case 'join':
      return <JoinScreen room={room} onJoin={(choice) => enter(room, choice)} />;
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
          onRejoin={() => setScreen({ t: 'join' })}
          onHome={() => go(undefined)}
        />
      );
  }
}

const trackOf = (option: unknown): MediaStreamTrack | undefined =>
  option instanceof MediaStreamTrack ? option : undefined;

function startOf({ room, wrong }: Place): Screen {
  if (wrong !== undefined) return { t: 'wrong', wrong };
  return room === undefined ? { t: 'home' } : { t: 'join' };
}
