/** After the call: why it ended, and the way back. */
import { useEffect, useRef } from 'react';
import type { EndReason } from '@tertulia/client';
import { farewell } from './announcements.js';
import { Wordmark } from './parts.js';

interface Props {
  room: string;
  reason: EndReason;
  onRejoin: () => void;
  onHome: () => void;
}

export function EndedScreen({ room, reason, onRejoin, onHome }: Props) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    heading.current?.focus();
  }, []);
  const { title, text } = farewell(reason);
  return (
    <div className="front">
      <header className="front-top">
        <Wordmark />
      </header>
      <main className="card" data-testid="ended">
        <p className="eyebrow">{room}</p>
        <h1 ref={heading} tabIndex={-1}>
          {title}
        </h1>
        <p className="lead">{text}</p>
        <div className="actions">
          <button className="button primary wide" onClick={onRejoin} data-testid="rejoin">
            Join again
          </button>
          <button className="button quiet wide" onClick={onHome}>
            Another room
          </button>
        </div>
      </main>
    </div>
  );
}
