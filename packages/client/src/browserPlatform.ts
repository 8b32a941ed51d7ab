/** The real platform: a browser's clock, timers, network, microphone and sound. */
import { createAudioSink } from './audioSink.js';
import { createBrowserPeer } from './browserPeer.js';
import { CallError, microphoneError } from './errors.js';
import { createLevelMeter } from './levelMeter.js';
import type { Platform, ServerEventHandlers } from './platform.js';

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
