/** The address leads nowhere: what is wrong with it, and the way to the start. */
import type { WrongLink } from './invitation.js';
import { MessageScreen } from './messageScreen.js';

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
  return (
    <MessageScreen testId="wrong-link" {...SENTENCES[wrong]}>
      <button className="button primary wide" onClick={onHome} data-testid="to-start">
        Go to the start
      </button>
    </MessageScreen>
  );
}
