/** Figures are for people with the role admin: where their token goes. */
import { useState, type FormEvent } from 'react';

export function TokenForm({
  room,
  wrong,
  onToken,
}: {
  room: string;
  wrong: boolean;
  onToken: (token: string) => void;
}) {
  const [text, setText] = useState('');
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (text.trim() !== '') onToken(text.trim());
  };
  return (
    <main className="card" data-testid="token-form">
      <p className="eyebrow">{room}</p>
      <h1>{wrong ? 'This token does not open it' : 'A token is needed'}</h1>
      <p className="lead">
        {wrong
          ? 'It is for another room, has expired, or lacks the role admin.'
          : 'What a call does is shown to people with the role admin only.'}
      </p>
      <form onSubmit={submit}>
        <label className="field">
          <span>Token</span>
          <input
            type="password"
            value={text}
            onChange={(event) => setText(event.target.value)}
            autoComplete="off"
            spellCheck={false}
            data-testid="token"
            aria-describedby="token-hint"
          />
          <small id="token-hint" className="hint">
            <code>tertulia token --room {room} --name me --role admin</code> prints one.
          </small>
        </label>
        <button className="button primary wide" disabled={text.trim() === ''} data-testid="use-token">
          Show the figures
        </button>
      </form>
    </main>
  );
}
