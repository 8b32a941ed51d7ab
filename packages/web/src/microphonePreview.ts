/** The microphone on the join screen: permission, the choice of devices, the level. The track goes into the call as it is. */
import { useCallback, useEffect, useRef, useState } from 'react';
import { CallError, openMicrophone, SPEECH_CONSTRAINTS } from '@tertulia/client';
import { memory } from './memory.js';

export interface MicrophonePreview {
  track: MediaStreamTrack | undefined;
  devices: readonly MediaDeviceInfo[];
  /** A code of CallError. */
  problem: string | undefined;
  /** Whether the browser is being asked now. */
  opening: boolean;
  /** @returns the track, or undefined when it did not work and `problem` says why */
  open: (deviceId?: string) => Promise<MediaStreamTrack | undefined>;
  /** The call uses the track from now on; leaving this screen does not stop it. */
  lend: () => void;
  /** The call did not come about. */
  takeBack: () => void;
}

async function permission(): Promise<PermissionState> {
  try {
    return (await navigator.permissions.query({ name: 'microphone' as PermissionName })).state;
  } catch {
    return 'prompt'; // a browser that does not tell
  }
}

const withDevice = (deviceId: string): MediaTrackConstraints =>
  deviceId === '' ? SPEECH_CONSTRAINTS : { ...SPEECH_CONSTRAINTS, deviceId: { ideal: deviceId } };

export function useMicrophonePreview(): MicrophonePreview {
  const [track, setTrack] = useState<MediaStreamTrack>();
  const [devices, setDevices] = useState<readonly MediaDeviceInfo[]>([]);
  const [problem, setProblem] = useState<string>();
  const [opening, setOpening] = useState(false);
  const held = useRef<MediaStreamTrack>(undefined);

  const listDevices = useCallback(async () => {
    const all = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
    setDevices(all.filter((device) => device.kind === 'audioinput' && device.deviceId !== ''));
  }, []);

  const open = useCallback(
    async (deviceId = memory.microphoneId) => {
      setOpening(true);
      try {
        const next = await openMicrophone(withDevice(deviceId));
        held.current?.stop();
        held.current = next;
        setTrack(next);
        setProblem(undefined);
        void listDevices();
        return next;
      } catch (error) {
        setProblem(error instanceof CallError ? error.code : 'MICROPHONE_FAILED');
        return undefined;
      } finally {
        setOpening(false);
      }
    },
    [listDevices],
  );

  useEffect(() => {
    let live = true;
    if (!window.isSecureContext) setProblem('INSECURE_ORIGIN');
    else
      void permission().then((state) => {
        if (!live) return;
        if (state === 'granted') void open();
        else if (state === 'denied') setProblem('MICROPHONE_DENIED');
      });
    const changed = (): void => void listDevices();
    navigator.mediaDevices?.addEventListener?.('devicechange', changed);
    return () => {
      live = false;
      navigator.mediaDevices?.removeEventListener?.('devicechange', changed);
      held.current?.stop();
    };
  }, [open, listDevices]);

  const current = useRef(track);
  current.current = track;
  const lend = useCallback(() => {
    held.current = undefined;
  }, []);
  const takeBack = useCallback(() => {
    held.current = current.current;
  }, []);

  return { track, devices, problem, opening, open, lend, takeBack };
}
