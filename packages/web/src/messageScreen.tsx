/** One thing to say, and what can be done next. Who hears the page is told: the focus goes to the heading. */
import { useEffect, useRef, type ReactNode } from 'react';
import { Front } from './parts.js';

interface Props {
  testId: string;
  /** A line above the title. */
  eyebrow?: string;
  title: string;
  text: string;
  /** Buttons, the likely one first. */
  children: ReactNode;
}

export function MessageScreen({ testId, eyebrow, title, text, children }: Props) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    heading.current?.focus();
  }, []);
  return (
    <Front>
      <main className="card" data-testid={testId}>
        {eyebrow !== undefined && <p className="eyebrow">{eyebrow}</p>}
        <h1 ref={heading} tabIndex={-1}>
          {title}
        </h1>
        <p className="lead">{text}</p>
        <div className="actions">{children}</div>
      </main>
    </Front>
  );
}
