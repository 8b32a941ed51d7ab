/** In the call: another microphone, another name. */
import { useEffect, useRef, useState, type FormEvent } from 'react';
import { CallError } from '@tertulia/client';
import type { CallHandle } from './calls.js';
import { memory } from './memory.js';
import { LevelBar } from './parts.js';
import { problemOf } from './problems.js';

interface Props {
  call: CallHandle;
  muted: boolean;
  onMicrophoneChanged: () => void;
  onClose: () => void;
}

export function SettingsPanel({ call, muted, onMicrophoneChanged, onClose }: Props) {
  const [devices, setDevices] = useState<readonly MediaDeviceInfo[]>([]);
  const [deviceId, setDeviceId] = useState(call.microphoneTrack?.getSettings().deviceId ?? '');
  const [name, setName] = useState(call.displayName);
  const [problem, setProblem] = useState<string>();
  const first = useRef<HTMLSelectElement>(null);
  const panel = useRef<HTMLDivElement>(null);

  useEffect(() => {
    const list = async (): Promise<void> => {
      const all = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
      setDevices(all.filter((device) => device.kind === 'audioinput' && device.deviceId !== ''));
    };
    void list();
    first.current?.focus();
    const changed = (): void => void list();
    const outside = (event: PointerEvent): void => {
      const { target } = event;
      if (
        target instanceof Element &&
        !panel.current?.contains(target) &&
        !target.closest('[aria-controls=settings]')
      )
        onClose();
    };
    navigator.mediaDevices?.addEventListener?.('devicechange', changed);
    document.addEventListener('pointerdown', outside);
    return () => {
      navigator.mediaDevices?.removeEventListener?.('devicechange', changed);
      document.removeEventListener('pointerdown', outside);
    };
  }, [onClose]);

  const select = async (next: string): Promise<void> => {
    try {
      await call.setMicrophone(next);
      onMicrophoneChanged();
      memory.microphoneId = next;
      setDeviceId(next);
      setProblem(undefined);
    } catch (error) {
      setProblem(problemOf(error instanceof CallError ? error.code : 'MICROPHONE_FAILED').title);
    }
  };
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
      aria-label="Settings"
      data-testid="settings"
      onKeyDown={(event) => event.key === 'Escape' && onClose()}
    >
      <label className="field">
        <span>Microphone</span>
        <select ref={first} value={deviceId} onChange={(event) => void select(event.target.value)}>
          {(deviceId === '' || devices.length === 0) && <option value="">None chosen</option>}
          {devices.map((device, index) => (
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
      {problem !== undefined && (
        <p className="popover-problem" role="alert">
          {problem}
        </p>
      )}
    </div>
  );
}
