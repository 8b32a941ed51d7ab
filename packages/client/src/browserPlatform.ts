/** The real platform: a browser's clock, timers, network, microphone and sound. */
import { createAudioSink } from './audioSink.js';
import { createBrowserPeer } from './browserPeer.js';
import { CallError, cameraError, microphoneError, screenError } from './errors.js';
import { createLevelMeter } from './levelMeter.js';
import type { Platform, ScreenTracks, ServerEventHandlers } from './platform.js';

/** One field of an event's JSON data, or empty: what a server sends here is never worth an exception. */
function field(event: Event, name: string): string {
  try {
    const data: unknown = JSON.parse(String((event as MessageEvent).data));
    const value =
      typeof data === 'object' && data !== null ? (data as Record<string, unknown>)[name] : undefined;
    return typeof value === 'string' ? value : '';
  } catch {
    return '';
  }
}

function openEvents(url: string, handlers: ServerEventHandlers): () => void {
  if (typeof EventSource === 'undefined') return () => {};
  const source = new EventSource(url);
  source.addEventListener('rejoin', (event) => handlers.rejoin(field(event, 'reason')));
  source.addEventListener('moved', (event) => handlers.moved(field(event, 'url')));
  source.addEventListener('ended', (event) => handlers.ended(field(event, 'reason')));
  return () => source.close();
}

/**
 * Opens a microphone.
 * @throws CallError `INSECURE_ORIGIN`, `MICROPHONE_DENIED`, `MICROPHONE_MISSING`, `MICROPHONE_FAILED`
 */
export async function openMicrophone(constraints: MediaTrackConstraints): Promise<MediaStreamTrack> {
  if (!globalThis.isSecureContext || !navigator.mediaDevices?.getUserMedia)
    throw new CallError('INSECURE_ORIGIN');
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: constraints });
    const track = stream.getAudioTracks()[0];
    if (!track) throw new CallError('MICROPHONE_MISSING');
    return track;
  } catch (error) {
    throw microphoneError(error);
  }
}

/**
 * Opens a camera.
 * @throws CallError `INSECURE_ORIGIN`, `CAMERA_DENIED`, `CAMERA_MISSING`, `CAMERA_FAILED`
 */
export async function openCamera(constraints: MediaTrackConstraints): Promise<MediaStreamTrack> {
  if (!globalThis.isSecureContext || !navigator.mediaDevices?.getUserMedia)
    throw new CallError('INSECURE_ORIGIN');
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ video: constraints });
    const track = stream.getVideoTracks()[0];
    if (!track) throw new CallError('CAMERA_MISSING');
    return track;
  } catch (error) {
    throw cameraError(error);
  }
}

/** A screen is for reading: no more than 30 pictures a second, none of them made smaller. */
const SCREEN_CONSTRAINTS: MediaTrackConstraints = { frameRate: { ideal: 30, max: 30 } };
/** What plays on the screen is not speech: nothing in it is echo or noise. */
const SCREEN_SOUND_CONSTRAINTS: MediaTrackConstraints = {
  echoCancellation: false,
  noiseSuppression: false,
  autoGainControl: false,
};

async function openScreen({ sound }: { sound: boolean }): Promise<ScreenTracks> {
  if (!globalThis.isSecureContext) throw new CallError('INSECURE_ORIGIN');
  // Phones have no getDisplayMedia.
  if (!navigator.mediaDevices?.getDisplayMedia) throw new CallError('NOT_SUPPORTED');
  try {
    const audio = sound && SCREEN_SOUND_CONSTRAINTS;
    const stream = await navigator.mediaDevices.getDisplayMedia({ video: SCREEN_CONSTRAINTS, audio });
    const video = stream.getVideoTracks()[0];
    if (!video) throw new CallError('SCREEN_FAILED');
    return { video, sound: stream.getAudioTracks()[0] };
  } catch (error) {
    throw screenError(error);
  }
}

export function browserPlatform(): Platform {
  if (typeof RTCPeerConnection === 'undefined') throw new CallError('WEBRTC_MISSING');
  return {
    nowMs: () => performance.now(),
    after(delayMs, run) {
      const timer = setTimeout(run, delayMs);
      return () => clearTimeout(timer);
    },
    every(periodMs, run) {
      const timer = setInterval(run, periodMs);
      return () => clearInterval(timer);
    },
    chance: () => Math.random(),
    fetch: (url, init) => fetch(url, init),
    createPeer: createBrowserPeer,
    openEvents,
    openMicrophone,
    openCamera,
    openScreen,
    createLevelMeter,
    createAudioSink,
    watch({ online, offline, pageHide }) {
      const on = [
        ['online', online],
        ['offline', offline],
        ['pagehide', pageHide],
      ] as const;
      for (const [name, run] of on) window.addEventListener(name, run);
      return () => {
        for (const [name, run] of on) window.removeEventListener(name, run);
      };
    },
  };
}
