/** The link to this room, and copying it. */
import { useRef, useState } from 'react';
import { CheckIcon, LinkIcon } from './icons.js';
import { invitationLink } from './invitation.js';

const SHOWN_MS = 2_500;

/** `copied` stays true for a moment after each copy. */
export function useInvitation(room: string, say: (text: string) => void) {
  const [copied, setCopied] = useState(false);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const link = invitationLink(location.origin, room);
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(link);
    } catch {
      // No clipboard over plain http: the browser's own dialog at least lets one copy by hand.
      window.prompt('The link to this room', link);
      return;
    }
    say('Link copied.');
    setCopied(true);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setCopied(false), SHOWN_MS);
  };
  return { link, copied, copy };
}

export type Invitation = ReturnType<typeof useInvitation>;

export function InviteButton({ invitation, primary = false }: { invitation: Invitation; primary?: boolean }) {
  const { copied, copy } = invitation;
  return (
    <button
      className={`button ${primary ? 'primary' : 'quiet invite-button'}`}
      aria-label={copied ? 'Copied' : 'Copy link'}
      onClick={() => void copy()}
      data-testid={primary ? 'invite-card' : 'invite'}
    >
      {copied ? <CheckIcon /> : <LinkIcon />}
      <span>{copied ? 'Copied' : 'Copy link'}</span>
    </button>
  );
}
