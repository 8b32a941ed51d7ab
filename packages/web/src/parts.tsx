/** Small parts that several screens use. */
import { useRef, type ReactNode, type Ref } from 'react';
import { customProperties } from './customProperties.js';
import { AlertIcon, CloseIcon, PersonIcon } from './icons.js';
import { useLevelStyle } from './levels.js';
import { hue, initials } from './person.js';

export function Avatar({ name, size }: { name: string; size: 's' | 'l' }) {
  // On the join screen, before a name is typed: nobody is a question mark.
  if (name === '')
    return (
      <span className={`avatar avatar-${size} avatar-nameless`} aria-hidden="true">
        <PersonIcon />
      </span>
    );
  return (
    <span
      className={`avatar avatar-${size}`}
      style={customProperties({ '--hue': hue(name) })}
      aria-hidden="true"
    >
      {initials(name)}
    </span>
  );
}

export function Wordmark() {
  return (
    <span className="wordmark">
      <svg viewBox="0 0 32 32" aria-hidden="true" focusable="false">
        <circle cx="8" cy="16" r="4" />
        <circle cx="16" cy="16" r="6" />
        <circle cx="24" cy="16" r="4" />
      </svg>
      Tertulia
    </span>
  );
}

/** What stands around every screen that is not the call. */
export function Front({ children }: { children: ReactNode }) {
  return (
    <div className="front">
      <header className="front-top">
        <Wordmark />
      </header>
      {children}
    </div>
  );
}

/** Of what opens at the side. @param heading where the focus goes when it opens; absent: somewhere else */
export function PanelHead({
  title,
  closeLabel,
  onClose,
  heading,
}: {
  title: string;
  closeLabel: string;
  onClose: () => void;
  heading?: Ref<HTMLHeadingElement>;
}) {
  return (
    <header className="side-head">
      <h2 ref={heading} tabIndex={heading === undefined ? undefined : -1}>
        {title}
      </h2>
      <button className="button icon-only quiet" onClick={onClose} aria-label={closeLabel}>
        <CloseIcon />
      </button>
    </header>
  );
}

export function Notice({
  title,
  children,
  tone = 'warning',
}: {
  title: string;
  children: ReactNode;
  tone?: 'warning' | 'danger';
}) {
  return (
    <div className={`notice notice-${tone}`} role="alert" data-testid="notice">
      <AlertIcon />
      <div>
        <strong>{title}</strong>
        <p>{children}</p>
      </div>
    </div>
  );
}

/** Moves with the voice. For the eyes only: the words beside it say what it is. */
export function LevelBar({ amplitude }: { amplitude: () => number }) {
  const bar = useRef<HTMLSpanElement>(null);
  useLevelStyle(bar, amplitude);
  return (
    <span className="level-bar" ref={bar} aria-hidden="true" data-testid="level">
      <span />
    </span>
  );
}
