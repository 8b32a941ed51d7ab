/** The address leads nowhere: what is wrong with it, and the way to the start. */
import { useEffect, useRef } from 'react';
import type { WrongLink } from './invitation.js';
import { Wordmark } from './parts.js';

const SENTENCES: Record<WrongLink, { title: string; text: string }> = {
  'room-name': {
    title: 'That is not a room name',
    text: 'A name has letters, digits, dots and hyphens, at most 64. If somebody sent you this link, ask for it again.',
  },
  address: {
    title: 'There is nothing at this address',
    text: 'The link may have been cut on its way. If somebody sent it to you, ask for it again.',
  },
};

export function WrongLinkScreen({ wrong, onHome }: { wrong: WrongLink; onHome: () => void }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    heading.current?.focus();
  }, []);
  const { title, text } = SENTENCES[wrong];
  return (
    <div className="front">
      <header className="front-top">
        <Wordmark />
      </header>
      <main className="card" data-testid="wrong-link">
        <h1 ref={heading} tabIndex={-1}>
          {title}
        </h1>
        <p className="lead">{text}</p>
        <div className="actions">
          <button className="button primary wide" onClick={onHome} data-testid="to-start">
            Go to the start
          </button>
        </div>
      </main>
    </div>
  );
}
