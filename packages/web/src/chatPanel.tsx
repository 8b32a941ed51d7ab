/** Short written messages to everybody; kept only while the call lasts. */
import { useEffect, useRef, useState, type FormEvent } from 'react';
import { CallError, type ChatMessage } from '@tertulia/client';
import { SendIcon } from './icons.js';
import { PanelHead } from './parts.js';

interface Props {
  messages: readonly ChatMessage[];
  onSend: (text: string) => Promise<void>;
  onClose: () => void;
}

const time = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });

export function ChatPanel({ messages, onSend, onClose }: Props) {
  const [text, setText] = useState('');
  const [problem, setProblem] = useState<string>();
  const field = useRef<HTMLInputElement>(null);
  const end = useRef<HTMLLIElement>(null);
  useEffect(() => {
    field.current?.focus();
  }, []);
  useEffect(() => {
    // Chromium's newer scrollIntoView() returns a promise, which is no clean-up function.
    end.current?.scrollIntoView({ block: 'nearest' });
  }, [messages.length]);

  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    const message = text.trim();
    if (message === '') return;
    try {
      await onSend(message);
      setText('');
      setProblem(undefined);
    } catch (error) {
      const code = error instanceof CallError ? error.code : '';
      setProblem(
        code === 'NOT_CONNECTED'
          ? 'There is no connection now. Try again soon.'
          : 'The message was not sent.',
      );
    }
  };

  return (
    <aside
      className="side-panel chat"
      id="chat"
      aria-label="Chat"
      data-testid="chat"
      onKeyDown={(event) => event.key === 'Escape' && onClose()}
    >
      <PanelHead title="Chat" closeLabel="Close chat" onClose={onClose} />
      <ol className="chat-log" role="log" aria-label="Messages" tabIndex={0}>
        {messages.length === 0 && <li className="chat-empty">Messages go to everybody who is here now.</li>}
        {messages.map((message, index) => {
          const continued = messages[index - 1]?.from === message.from;
          return (
            <li key={index} className="chat-message" data-self={message.self} data-continued={continued}>
              <p className="chat-from" hidden={continued}>
                {message.self ? 'You' : message.displayName}
                <time>{time.format(message.sentAtMs)}</time>
              </p>
              <p className="chat-text">{message.text}</p>
            </li>
          );
        })}
        <li ref={end} aria-hidden="true" />
      </ol>
      <form className="chat-form" onSubmit={(event) => void submit(event)}>
        {problem !== undefined && (
          <p className="chat-problem" role="alert">
            {problem}
          </p>
        )}
        <input
          ref={field}
          value={text}
          onChange={(event) => setText(event.target.value)}
          placeholder="Message"
          aria-label="Message to everybody"
          autoComplete="off"
          maxLength={1_000}
          data-testid="chat-input"
        />
        <button className="button icon-only primary" aria-label="Send" disabled={text.trim() === ''}>
          <SendIcon />
        </button>
      </form>
    </aside>
  );
}
