/** The device's own screen: nothing but the stage on it, and it stays lit while somebody is in a call. */
import { useCallback, useEffect, useRef, type RefObject } from 'react';

export interface FullScreen {
  element: RefObject<HTMLElement | null>;
  /** Absent where the browser has none, as on iPhones. */
  toggle: (() => void) | undefined;
}

export function useFullScreen(): FullScreen {
  const element = useRef<HTMLElement>(null);
  const toggle = useCallback(() => {
    // Refused without a click or a key: nothing to tell.
    if (document.fullscreenElement) void document.exitFullscreen().catch(() => {});
    else void element.current?.requestFullscreen().catch(() => {});
  }, []);
  return { element, toggle: document.fullscreenEnabled ? toggle : undefined };
}

/** Telephones darken after half a minute without a touch, and a call has few touches. */
export function useWakeLock(): void {
  useEffect(() => {
    let live = true;
    let lock: WakeLockSentinel | undefined;
    const hold = async (): Promise<void> => {
      if (document.hidden || !('wakeLock' in navigator)) return;
      try {
        // The browser takes it back whenever the page is hidden.
        lock = await navigator.wakeLock.request('screen');
        if (!live) void lock.release();
      } catch {
        // An empty battery, or a policy: the call goes on in the dark.
      }
    };
    const changed = (): void => void hold();
    changed();
    document.addEventListener('visibilitychange', changed);
    return () => {
      live = false;
      document.removeEventListener('visibilitychange', changed);
      void lock?.release().catch(() => {});
    };
  }, []);
}
