/** After the call: why it ended, and the way back. */
import type { EndReason } from '@tertulia/client';
import { farewell } from './announcements.js';
import { MessageScreen } from './messageScreen.js';

interface Props {
  room: string;
  reason: EndReason;
  onRejoin: () => void;
  onHome: () => void;
}

export function EndedScreen({ room, reason, onRejoin, onHome }: Props) {
  return (
    <MessageScreen testId="ended" eyebrow={room} {...farewell(reason)}>
      <button className="button primary wide" onClick={onRejoin} data-testid="rejoin">
        Join again
      </button>
      <button className="button quiet wide" onClick={onHome}>
        Another room
      </button>
    </MessageScreen>
  );
}
