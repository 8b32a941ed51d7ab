/** In the call: another microphone, another camera, another name. */
import { useEffect, useRef, useState, type FormEvent } from 'react';
import { CallError } from '@tertulia/client';
import type { CallHandle, CallSnapshot } from './calls.js';
import { useDevices } from './devices.js';
import { CloseIcon, KeyboardIcon, RecordIcon, StopRecordIcon } from './icons.js';
import { memory } from './memory.js';
import { LevelBar } from './parts.js';
import { problemOf } from './problems.js';

interface Props {
  call: CallHandle;
  snapshot: CallSnapshot;
  onMicrophoneChanged: () => void;
  onHelp: () => void;
  onClose: () => void;
}

const deviceOf = (track: MediaStreamTrack | undefined): string => track?.getSettings().deviceId ?? '';

export function SettingsPanel({ call, snapshot, onMicrophoneChanged, onHelp, onClose }: Props) {
  const { muted, cameraOn, cameraTrack, recording } = snapshot;
  const microphones = useDevices('audioinput');
  const cameras = useDevices('videoinput', cameraTrack);
  const [microphoneId, setMicrophoneId] = useState(deviceOf(call.microphoneTrack));
  const [name, setName] = useState(call.displayName);
  const [problem, setProblem] = useState<string>();
  const first = useRef<HTMLSelectElement>(null);
  const panel = useRef<HTMLDivElement>(null);

  useEffect(() => {
    first.current?.focus();
    const outside = (event: PointerEvent): void => {
      const { target } = event;
      if (
        target instanceof Element &&
        !panel.current?.contains(target) &&
        !target.closest('[aria-controls=settings], dialog')
      )
        onClose();
    };
    document.addEventListener('pointerdown', outside);
    return () => document.removeEventListener('pointerdown', outside);
  }, [onClose]);

  const attempt = async (change: () => Promise<void>, otherwise: string): Promise<void> => {
    try {
      await change();
      setProblem(undefined);
    } catch (error) {
      setProblem(problemOf(error instanceof CallError ? error.code : otherwise).title);
    }
  };
  const selectMicrophone = (deviceId: string): Promise<void> =>
    attempt(async () => {
      await call.setMicrophone(deviceId);
      onMicrophoneChanged();
      memory.microphoneId = deviceId;
      setMicrophoneId(deviceId);
    }, 'MICROPHONE_FAILED');
  const selectCamera = (deviceId: string): Promise<void> =>
    attempt(async () => {
      memory.cameraId = deviceId;
      // Choosing one does not turn it on: nobody is seen by surprise.
      if (cameraOn) await call.setCamera(deviceId);
    }, 'CAMERA_FAILED');
  const rename = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    const next = name.trim();
    if (next === '' || next === call.displayName) return;
    try {
      await call.rename(next);
      memory.name = next;
      setProblem(undefined);
    } catch {
      setProblem('The name was not changed. Try again.');
    }
  };

  return (
    <div
      ref={panel}
      className="popover"
      id="settings"
      role="dialog"
      aria-labelledby="settings-title"
      data-testid="settings"
      onKeyDown={(event) => event.key === 'Escape' && onClose()}
    >
      <header className="popover-head">
        <h2 id="settings-title">Settings</h2>
        <button
          type="button"
          className="button icon-only quiet"
          onClick={onClose}
          aria-label="Close the settings"
        >
          <CloseIcon />
        </button>
      </header>
      <label className="field">
        <span>Microphone</span>
        <select
          ref={first}
          value={microphoneId}
          onChange={(event) => void selectMicrophone(event.target.value)}
        >
          {(microphoneId === '' || microphones.length === 0) && <option value="">None chosen</option>}
          {microphones.map((device, index) => (
            <option key={device.deviceId} value={device.deviceId}>
              {device.label || `Microphone ${index + 1}`}
            </option>
          ))}
        </select>
      </label>
      <div className="level-row">
        <LevelBar amplitude={() => call.microphoneLevel} />
        <small className="hint">{muted ? 'Muted: nothing is heard.' : 'What the others hear.'}</small>
      </div>
      <CameraField cameras={cameras} track={cameraTrack} onSelect={(id) => void selectCamera(id)} />
      <form onSubmit={(event) => void rename(event)}>
        <label className="field">
          <span>Your name</span>
          <span className="joined-field">
            <input value={name} onChange={(event) => setName(event.target.value)} maxLength={64} required />
            <button
              className="button quiet"
              disabled={name.trim() === '' || name.trim() === call.displayName}
            >
              Save
            </button>
          </span>
        </label>
      </form>
      {call.canRecord && (
        <RecordButton call={call} isRecording={recording !== undefined} onProblem={setProblem} />
      )}
      <button type="button" className="button quiet wide open-help" onClick={onHelp} data-testid="open-help">
        <KeyboardIcon />
        Keyboard shortcuts
      </button>
      {problem !== undefined && (
        <p className="popover-problem" role="alert">
          {problem}
        </p>
      )}
    </div>
  );
}

/** Everybody in the call sees what it did. */
function RecordButton({
  call,
  isRecording,
  onProblem,
}: {
  call: CallHandle;
  isRecording: boolean;
  onProblem: (problem: string | undefined) => void;
}) {
  const [busy, setBusy] = useState(false);
  const toggle = async (): Promise<void> => {
    setBusy(true);
    onProblem(undefined);
    try {
      await (isRecording ? call.stopRecording() : call.startRecording());
    } catch {
      onProblem(isRecording ? 'The recording was not stopped. Try again.' : 'The recording did not start.');
    } finally {
      setBusy(false);
    }
  };
  return (
    <button
      type="button"
      className="button quiet wide"
      // Not `disabled`: that would take the focus away, and with it the Escape key.
      aria-disabled={busy}
      onClick={() => !busy && void toggle()}
      data-testid="record"
    >
      {isRecording ? <StopRecordIcon /> : <RecordIcon />}
      {isRecording ? 'Stop recording' : 'Record this call'}
    </button>
  );
}

function CameraField({
  cameras,
  track,
  onSelect,
}: {
  cameras: readonly MediaDeviceInfo[];
  track: MediaStreamTrack | undefined;
  onSelect: (deviceId: string) => void;
}) {
  const [chosen, setChosen] = useState(memory.cameraId);
  const current = track ? deviceOf(track) : chosen;
  const known = cameras.some(({ deviceId }) => deviceId === current);
  return (
    <label className="field">
      <span>Camera</span>
      <select
        value={known ? current : ''}
        disabled={cameras.length === 0}
        onChange={(event) => {
          setChosen(event.target.value);
          onSelect(event.target.value);
        }}
        data-testid="settings-camera"
      >
        {!known && (
          <option value="">
            {cameras.length === 0 ? 'Turn the camera on to choose one' : 'None chosen'}
          </option>
        )}
        {cameras.map((device, index) => (
          <option key={device.deviceId} value={device.deviceId}>
            {device.label || `Camera ${index + 1}`}
          </option>
        ))}
      </select>
    </label>
  );
}
