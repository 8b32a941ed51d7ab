/** In the call: who is here, who speaks, and the few buttons. */
import { useCallback, useEffect, useRef, useState } from 'react';
import { CallError, type ChatMessage } from '@tertulia/client';
import { LiveRegion, useAnnouncer } from './announcer.js';
import { useCallSnapshot, type CallHandle } from './calls.js';
import { ChatPanel } from './chatPanel.js';
import { ChatIcon, LeaveIcon, MicrophoneIcon, MutedIcon, SettingsIcon, SoundIcon } from './icons.js';
import { InviteButton, useInvitation } from './invite.js';
import { problemOf } from './problems.js';
import { SettingsPanel } from './settingsPanel.js';
import { Stage } from './stage.js';
import { Voices } from './voices.js';

interface Props {
  call: CallHandle;
  canInvite: boolean;
  /** The call uses another microphone than the one it was given. */
  onMicrophoneChanged: () => void;
}

const typing = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && target.closest('input, textarea, select, [contenteditable]') !== null;

export function CallScreen({ call, canInvite, onMicrophoneChanged }: Props) {
  const { state, participants, audioSlots, muted } = useCallSnapshot(call);
  const [panel, setPanel] = useState<'chat' | 'settings'>();
  const [problem, setProblem] = useState<string>();
  const [blocked, setBlocked] = useState(false);
  const [messages, setMessages] = useState<readonly ChatMessage[]>([]);
  const [unread, setUnread] = useState(0);
  const { sentences, say } = useAnnouncer(call, panel === 'chat');
  const invitation = useInvitation(call.room, say);
  const heading = useRef<HTMLHeadingElement>(null);
  const chatButton = useRef<HTMLButtonElement>(null);
  const settingsButton = useRef<HTMLButtonElement>(null);
  const chatOpen = useRef(false);
  chatOpen.current = panel === 'chat';

  // Reading begins with the room; the next stop of the Tab key is the first button.
  useEffect(() => {
    heading.current?.focus();
  }, []);

  const toggleMute = useCallback(async () => {
    setProblem(undefined);
    if (!call.muted) {
      call.mute();
      return;
    }
    try {
      await call.unmute();
    } catch (error) {
      setProblem(error instanceof CallError ? error.code : 'MICROPHONE_FAILED');
    }
  }, [call]);

  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.key.toLowerCase() !== 'm' || event.repeat || typing(event.target)) return;
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      void toggleMute();
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, [toggleMute]);

  useEffect(() => {
    const undo = [
      call.on('message', (message) => {
        setMessages((all) => [...all, message]);
        if (!chatOpen.current && !message.self) setUnread((count) => count + 1);
      }),
      call.on('playbackblocked', () => setBlocked(true)),
      call.on('error', ({ code }) => code === 'MICROPHONE_MISSING' && setProblem(code)),
    ];
    return () => undo.forEach((stop) => stop());
  }, [call]);

  const closePanel = useCallback(() => {
    const opener = chatOpen.current ? chatButton : settingsButton;
    setPanel(undefined);
    opener.current?.focus();
  }, []);
  const toggle = (which: 'chat' | 'settings'): void => {
    setPanel((now) => (now === which ? undefined : which));
    if (which === 'chat') setUnread(0);
  };

  const alone = participants.length <= 1 && state === 'connected';
  const trouble = problem === undefined ? undefined : problemOf(problem);
  return (
    <div className="call" data-state={state} data-panel={panel} data-alone={alone} data-testid="call">
      <header className="call-top">
        <div className="call-title">
          <h1 ref={heading} tabIndex={-1}>
            {call.room}
          </h1>
          <p data-testid="count">
            {participants.length === 1 ? '1 person' : `${participants.length} people`}
          </p>
        </div>
        {canInvite && <InviteButton invitation={invitation} />}
      </header>

      {state === 'reconnecting' && (
        <div className="banner" data-testid="reconnecting">
          <span className="spinner" aria-hidden="true" />
          <p>
            <strong>Connection lost.</strong> Reconnecting. The others cannot hear you now.
          </p>
        </div>
      )}
      {blocked && (
        <div className="banner">
          <SoundIcon />
          <p>Your browser waits for a click before it plays sound.</p>
          <button
            className="button primary"
            onClick={() =>
              void call.resumePlayback().then(
                () => setBlocked(false),
                () => {},
              )
            }
            data-testid="resume"
          >
            Turn on sound
          </button>
        </div>
      )}
      {trouble && (
        <div className="banner" role="alert">
          <MutedIcon />
          <p>
            <strong>{trouble.title}.</strong> {trouble.text}
          </p>
          <button className="button quiet" onClick={() => setProblem(undefined)}>
            Dismiss
          </button>
        </div>
      )}

      <main className="stage">
        <Stage call={call} participants={participants} slots={audioSlots} muted={muted} />
        {alone && (
          <div className="alone" data-testid="alone">
            <h2>You are the first one here</h2>
            {canInvite ? (
              <>
                <p>Send this link to the people you want to talk with.</p>
                <p className="alone-link">{invitation.link}</p>
                <InviteButton invitation={invitation} primary />
              </>
            ) : (
              <p>The others will appear when they join.</p>
            )}
          </div>
        )}
      </main>

      <footer className="call-bottom">
        <Voices call={call} slots={audioSlots} />
        <div className="controls" role="group" aria-label="Call">
          <button
            className="control"
            data-on={!muted}
            onClick={() => void toggleMute()}
            disabled={!call.canPublish}
            aria-label={muted ? 'Unmute' : 'Mute'}
            aria-keyshortcuts="M"
            title={call.canPublish ? `${muted ? 'Unmute' : 'Mute'} (M)` : 'You may only listen'}
            data-testid="mute"
          >
            {muted ? <MutedIcon /> : <MicrophoneIcon />}
            <span aria-hidden="true">{muted ? 'Unmute' : 'Mute'}</span>
          </button>
          <button
            ref={settingsButton}
            className="control"
            aria-expanded={panel === 'settings'}
            aria-controls="settings"
            onClick={() => toggle('settings')}
            data-testid="open-settings"
          >
            <SettingsIcon />
            <span>Settings</span>
          </button>
          <button
            ref={chatButton}
            className="control"
            aria-expanded={panel === 'chat'}
            aria-controls="chat"
            onClick={() => toggle('chat')}
            data-testid="open-chat"
          >
            <ChatIcon />
            <span>Chat</span>
            {unread > 0 && (
              <span className="badge">
                {unread > 9 ? '9+' : unread}
                <span className="visually-hidden"> unread</span>
              </span>
            )}
          </button>
          <button className="control leave" onClick={() => void call.leave()} data-testid="leave">
            <LeaveIcon />
            <span>Leave</span>
          </button>
        </div>
        <div className="call-bottom-end" />
        {panel === 'settings' && (
          <SettingsPanel
            call={call}
            muted={muted}
            onMicrophoneChanged={onMicrophoneChanged}
            onClose={closePanel}
          />
        )}
      </footer>

      {panel === 'chat' && (
        <ChatPanel messages={messages} onSend={(text) => call.sendMessage(text)} onClose={closePanel} />
      )}
      <LiveRegion sentences={sentences} />
    </div>
  );
}
