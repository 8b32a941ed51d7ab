/** Without a room in the address: a name for one. */
import { useState, type FormEvent } from 'react';
import { newRoomName, roomNameFrom } from './invitation.js';
import { Front } from './parts.js';

export function HomeScreen({ onRoom }: { onRoom: (room: string) => void }) {
  const [text, setText] = useState('');
  const room = roomNameFrom(text);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    onRoom(room || newRoomName(Math.random));
  };
  return (
    <Front>
      <main className="card">
        <h1>Start a call</h1>
        <p className="lead">Everybody who opens the same room hears each other.</p>
        <form onSubmit={submit}>
          <label className="field">
            <span>Room name</span>
            <input
              value={text}
              onChange={(event) => setText(event.target.value)}
              placeholder="Leave empty for a new one"
              autoComplete="off"
              autoCapitalize="none"
              spellCheck={false}
              maxLength={64}
              data-testid="room"
              aria-describedby="room-hint"
            />
            <small id="room-hint" className="hint">
              {text.trim() !== '' && room === ''
                ? 'Use letters and digits.'
                : room !== '' && room !== text
                  ? `It will be called ${room}.`
                  : 'Letters, digits, dots and hyphens.'}
            </small>
          </label>
          <button
            className="button primary wide"
            disabled={text.trim() !== '' && room === ''}
            data-testid="continue"
          >
            {text.trim() === '' ? 'Create a room' : 'Continue'}
          </button>
        </form>
      </main>
    </Front>
  );
}
