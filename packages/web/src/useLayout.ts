/** Sends the layout when it changes: at once when it has been quiet, otherwise when it has settled; nothing on a hidden page. */
import { useEffect, useRef, useState } from 'react';
import type { CallHandle } from './calls.js';
import type { Plan } from './layoutPlan.js';

/** At most one layout in this time: a window whose edge is dragged asks once it rests. */
const SETTLE_MS = 200;
/** After a refusal (too many at once, somebody who has just left) it is said again, some times. */
const RETRY_MS = 1_500;
const RETRIES = 4;
/** A glance at another tab costs no picture. */
const HIDDEN_MS = 5_000;

/** Whether nobody has looked at this page for some seconds. */
export function useHidden(): boolean {
  const [hidden, setHidden] = useState(false);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const changed = (): void => {
      clearTimeout(timer);
      if (document.hidden) timer = setTimeout(() => setHidden(true), HIDDEN_MS);
      else setHidden(false);
    };
    changed();
    document.addEventListener('visibilitychange', changed);
    return () => {
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', changed);
    };
  }, []);
  return hidden;
}

export function useLayout(call: CallHandle, { canvases }: Plan): void {
  const sentAtMs = useRef(-Infinity);
  const first = useRef(true);
  useEffect(() => {
    if (first.current && canvases.length === 0) return; // nothing was asked for yet
    let timer: ReturnType<typeof setTimeout> | undefined;
    let live = true;
    let retries = 0;
    const send = (): void => {
      first.current = false;
      sentAtMs.current = performance.now();
      call.setLayout(canvases).catch(() => {
        if (live && call.state !== 'ended' && retries++ < RETRIES) timer = setTimeout(send, RETRY_MS);
      });
    };
    timer = setTimeout(send, Math.max(0, sentAtMs.current + SETTLE_MS - performance.now()));
    return () => {
      live = false;
      clearTimeout(timer);
    };
  }, [call, canvases]);
}
