/** Microphone and camera on the join screen: permission, the choice of devices. The track goes into the call as it is. */
import { useCallback, useEffect, useRef, useState } from 'react';
import {
  CallError,
  CAMERA_CONSTRAINTS,
  openCamera,
  openMicrophone,
  SPEECH_CONSTRAINTS,
} from '@tertulia/client';
import { listDevices } from './devices.js';
import { memory } from './memory.js';

export interface DevicePreview {
  track: MediaStreamTrack | undefined;
  devices: readonly MediaDeviceInfo[];
  /** A code of CallError. */
  problem: string | undefined;
  /** Whether the browser is being asked now. */
  opening: boolean;
  /** @returns the track, or undefined when it did not work and `problem` says why */
  open: (deviceId?: string) => Promise<MediaStreamTrack | undefined>;
  /** The device is let go. */
  close: () => void;
  /** The call uses the track from now on; leaving this screen does not stop it. */
  lend: () => void;
  /** The call did not come about. */
  takeBack: () => void;
}

interface Source {
  deviceKind: MediaDeviceKind;
  permission: string;
  constraints: MediaTrackConstraints;
  open: (constraints: MediaTrackConstraints) => Promise<MediaStreamTrack>;
  rememberedId: () => string;
  /** Whether to open it unasked, where the browser allows it. */
  wanted: () => boolean;
  denied: string;
  failed: string;
}

const MICROPHONE: Source = {
  deviceKind: 'audioinput',
  permission: 'microphone',
  constraints: SPEECH_CONSTRAINTS,
  open: openMicrophone,
  rememberedId: () => memory.microphoneId,
  wanted: () => true,
  denied: 'MICROPHONE_DENIED',
  failed: 'MICROPHONE_FAILED',
};
const CAMERA: Source = {
  deviceKind: 'videoinput',
  permission: 'camera',
  constraints: CAMERA_CONSTRAINTS,
  open: openCamera,
  rememberedId: () => memory.cameraId,
  wanted: () => memory.cameraOn,
  denied: 'CAMERA_DENIED',
  failed: 'CAMERA_FAILED',
};

export const useMicrophonePreview = (): DevicePreview => usePreview(MICROPHONE);
export const useCameraPreview = (): DevicePreview => usePreview(CAMERA);

async function permission(name: string): Promise<PermissionState> {
  try {
    return (await navigator.permissions.query({ name: name as PermissionName })).state;
  } catch {
    return 'prompt'; // a browser that does not tell
  }
}

function usePreview(source: Source): DevicePreview {
  const [track, setTrack] = useState<MediaStreamTrack>();
  const [devices, setDevices] = useState<readonly MediaDeviceInfo[]>([]);
  const [problem, setProblem] = useState<string>();
  const [opening, setOpening] = useState(false);
  const held = useRef<MediaStreamTrack>(undefined);
  const live = useRef(true);

  const list = useCallback(async () => {
    const all = await listDevices(source.deviceKind);
    if (live.current) setDevices(all);
  }, [source]);

  const open = useCallback(
    async (deviceId = source.rememberedId()) => {
      setOpening(true);
      try {
        const { constraints } = source;
        const next = await source.open(
          deviceId === '' ? constraints : { ...constraints, deviceId: { ideal: deviceId } },
        );
        held.current?.stop();
        if (!live.current) {
          next.stop(); // the screen is gone
          return undefined;
        }
        held.current = next;
        next.addEventListener('ended', () => {
          // Its plug was pulled.
          if (held.current === next) {
            held.current = undefined;
            setTrack(undefined);
          }
        });
        setTrack(next);
        setProblem(undefined);
        void list();
        return next;
      } catch (error) {
        setProblem(error instanceof CallError ? error.code : source.failed);
        return undefined;
      } finally {
        setOpening(false);
      }
    },
    [list, source],
  );

  const close = useCallback(() => {
    held.current?.stop();
    held.current = undefined;
    setTrack(undefined);
    setProblem(undefined);
  }, []);

  useEffect(() => {
    live.current = true;
    if (!window.isSecureContext) setProblem('INSECURE_ORIGIN');
    else if (source.wanted())
      void permission(source.permission).then((state) => {
        if (!live.current) return;
        if (state === 'granted') void open();
        else if (state === 'denied') setProblem(source.denied);
      });
    const changed = (): void => void list();
    navigator.mediaDevices?.addEventListener?.('devicechange', changed);
    return () => {
      live.current = false;
      navigator.mediaDevices?.removeEventListener?.('devicechange', changed);
      held.current?.stop();
    };
  }, [open, list, source]);

  const current = useRef(track);
  current.current = track;
  const lend = useCallback(() => {
    held.current = undefined;
  }, []);
  const takeBack = useCallback(() => {
    held.current = current.current;
  }, []);

  return { track, devices, problem, opening, open, close, lend, takeBack };
}
