/** Asks the server for a room's figures once a second while the page is looked at. Elsewhere: what becomes of them → history.ts */
import { useEffect, useState } from 'react';
import { readRoomStats, type RoomStats } from './roomStats.js';

/** Switches of voices are seen to the second; a room of a hundred costs the server some milliseconds a time. */
const EVERY_MS = 1_000;
const RETRY_MS = 2_000;
/** An answer that takes longer is not waited for. */
const PATIENCE_MS = 8_000;

export type Polled =
  | { t: 'loading' }
  | { t: 'live'; stats: RoomStats }
  | { t: 'token'; wrong: boolean }
  | { t: 'empty' }
  /** `stats` are the last ones. */
  | { t: 'silent'; stats: RoomStats | undefined };

export function usePolledStats(room: string, token: string | undefined, paused: boolean): Polled {
  const [polled, setPolled] = useState<Polled>({ t: 'loading' });

  useEffect(() => {
    if (paused) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let over = false;
    const later = (ms: number): void => {
      if (!over) timer = setTimeout(() => void ask(), ms);
    };
    const ask = async (): Promise<void> => {
      if (document.hidden) return later(EVERY_MS);
      const answer = await request(room, token);
      if (over) return;
      setPolled((before) =>
        answer.t === 'silent' && 'stats' in before ? { t: 'silent', stats: before.stats } : answer,
      );
      // Without the right to look another try changes nothing.
      if (answer.t !== 'token') later(answer.t === 'live' ? EVERY_MS : RETRY_MS);
    };
    void ask();
    return () => {
      over = true;
      clearTimeout(timer);
    };
  }, [room, token, paused]);

  return polled;
}

async function request(room: string, token: string | undefined): Promise<Polled> {
  try {
    const response = await fetch(`/v1/rooms/${encodeURIComponent(room)}/stats`, {
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(PATIENCE_MS),
      cache: 'no-store',
    });
    if (response.status === 401 || response.status === 403) return { t: 'token', wrong: token !== undefined };
    if (response.status === 404) return { t: 'empty' };
    const stats = response.ok ? readRoomStats(await response.json()) : undefined;
    return stats ? { t: 'live', stats } : { t: 'silent', stats: undefined };
  } catch {
    return { t: 'silent', stats: undefined };
  }
}
