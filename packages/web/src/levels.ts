/** Loudness on the screen: from amplitude to a share of a bar, and from a reading to a style, once per frame. */
import { useEffect, useRef, useState, type RefObject } from 'react';

/** Below −55 dB a bar is empty, from −8 dB on it is full: a voice at arm's length moves in the middle. */
const QUIET_DB = -55;
const LOUD_DB = -8;
/** As the SDK's threshold for others, on the unprocessed own track. */
const SPEAKING_AMPLITUDE = 0.012;
const HOLD_MS = 400;

export function loudness(amplitude: number): number {
  if (!(amplitude > 0)) return 0;
  const share = (20 * Math.log10(amplitude) - QUIET_DB) / (LOUD_DB - QUIET_DB);
  return Math.min(1, Math.max(0, share));
}

const calm = (): boolean => window.matchMedia('(prefers-reduced-motion: reduce)').matches;

/** Sets `--level` (0…1) on the element while it is shown; rises at once, falls softly. */
export function useLevelStyle(
  element: RefObject<HTMLElement | null>,
  amplitude: (() => number) | undefined,
): void {
  const source = useRef(amplitude);
  source.current = amplitude;
  const active = amplitude !== undefined;
  useEffect(() => {
    if (!active) return;
    const node = element.current;
    let frame = 0;
    let shown = 0;
    const step = (): void => {
      const level = loudness(source.current?.() ?? 0);
      shown = Math.max(level, shown * 0.88);
      node?.style.setProperty('--level', shown.toFixed(3));
      frame = requestAnimationFrame(step);
    };
    step();
    return () => {
      cancelAnimationFrame(frame);
      node?.style.setProperty('--level', '0');
    };
  }, [element, active]);
}

/** Whether the own voice is heard; asked ten times a second. */
export function useSpeaking(amplitude: () => number): boolean {
  const [speaking, setSpeaking] = useState(false);
  const source = useRef(amplitude);
  source.current = amplitude;
  useEffect(() => {
    let loudAtMs = -Infinity;
    const timer = setInterval(() => {
      const nowMs = performance.now();
      if (source.current() >= SPEAKING_AMPLITUDE) loudAtMs = nowMs;
      setSpeaking(nowMs - loudAtMs < HOLD_MS);
    }, 100);
    return () => clearInterval(timer);
  }, []);
  return speaking;
}

/** The same motion, or none for those who asked for less. */
export const motion = (amplitude: () => number): (() => number) | undefined =>
  calm() ? undefined : amplitude;
