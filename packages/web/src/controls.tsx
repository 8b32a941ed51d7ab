/** The row of buttons at the bottom of a call. */
import type { ReactNode, Ref } from 'react';
import {
  CameraIcon,
  CameraOffIcon,
  ChatIcon,
  LeaveIcon,
  MicrophoneIcon,
  MutedIcon,
  ScreenIcon,
  SettingsIcon,
  StopScreenIcon,
} from './icons.js';

/** What opens beside or over the call; one at a time. */
export type Panel = 'chat' | 'people' | 'settings';

interface Props {
  muted: boolean;
  cameraOn: boolean;
  cameraBusy: boolean;
  screenOn: boolean;
  canPublish: boolean;
  canShare: boolean;
  panel: Panel | undefined;
  unread: number;
  chatButton: Ref<HTMLButtonElement>;
  settingsButton: Ref<HTMLButtonElement>;
  onMute: () => void;
  onCamera: () => void;
  onScreen: () => void;
  onPanel: (which: Panel) => void;
  onLeave: () => void;
}

/** Telephones have no `getDisplayMedia`: there the button would only disappoint. */
export const canShareScreen = (): boolean =>
  typeof navigator.mediaDevices?.getDisplayMedia === 'function' && window.isSecureContext;

export function Controls(props: Props) {
  const { muted, cameraOn, screenOn, canPublish, panel, unread } = props;
  const listenOnly = canPublish ? undefined : 'You may only listen';
  return (
    <div className="controls" role="group" aria-label="Call">
      <Control
        testId="mute"
        on={!muted}
        name={muted ? 'Unmute' : 'Mute'}
        shortcut="M"
        title={listenOnly}
        disabled={!canPublish}
        onClick={props.onMute}
        icon={muted ? <MutedIcon /> : <MicrophoneIcon />}
      />
      <Control
        testId="camera"
        on={cameraOn}
        name={cameraOn ? 'Turn off camera' : 'Turn on camera'}
        label="Camera"
        shortcut="V"
        title={listenOnly}
        disabled={!canPublish}
        busy={props.cameraBusy}
        onClick={props.onCamera}
        icon={cameraOn ? <CameraIcon /> : <CameraOffIcon />}
      />
      {props.canShare && (
        <Control
          testId="share"
          active={screenOn}
          name={screenOn ? 'Stop sharing' : 'Share screen'}
          label={screenOn ? 'Stop' : 'Share'}
          shortcut="S"
          title={listenOnly}
          disabled={!canPublish}
          onClick={props.onScreen}
          icon={screenOn ? <StopScreenIcon /> : <ScreenIcon />}
        />
      )}
      <button
        ref={props.settingsButton}
        className="control"
        aria-expanded={panel === 'settings'}
        aria-controls="settings"
        onClick={() => props.onPanel('settings')}
        data-testid="open-settings"
      >
        <SettingsIcon />
        <span>Settings</span>
      </button>
      <button
        ref={props.chatButton}
        className="control"
        aria-expanded={panel === 'chat'}
        aria-controls="chat"
        aria-keyshortcuts="C"
        title="Chat (C)"
        onClick={() => props.onPanel('chat')}
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
      <button className="control leave" onClick={props.onLeave} data-testid="leave">
        <LeaveIcon />
        <span>Leave</span>
      </button>
    </div>
  );
}

function Control({
  testId,
  on,
  active = false,
  name,
  label = name,
  shortcut,
  title,
  disabled,
  busy = false,
  onClick,
  icon,
}: {
  testId: string;
  /** Green when something of oneself goes out, red when not; absent: neither. */
  on?: boolean;
  active?: boolean;
  name: string;
  label?: string;
  shortcut: string;
  title: string | undefined;
  disabled: boolean;
  busy?: boolean;
  onClick: () => void;
  icon: ReactNode;
}) {
  return (
    <button
      className="control"
      data-on={on}
      data-active={active}
      onClick={onClick}
      disabled={disabled}
      aria-label={name}
      aria-busy={busy}
      aria-keyshortcuts={shortcut}
      title={title ?? `${name} (${shortcut})`}
      data-testid={testId}
    >
      {icon}
      <span aria-hidden="true">{label}</span>
    </button>
  );
}
