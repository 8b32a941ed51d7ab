/** Before the call: name, microphone, and what is in the way. */
import { useEffect, useRef, useState, type FormEvent } from 'react';
import { createLevelMeter, type AudioOption, type LevelMeter } from '@tertulia/client';
import { MicrophoneIcon } from './icons.js';
import { memory } from './memory.js';
import { useMicrophonePreview } from './microphonePreview.js';
import { Avatar, LevelBar, Notice, Wordmark } from './parts.js';
import { problemOf } from './problems.js';

const NAME_LENGTH = 64; // the server takes 128 code points; names longer than this are cut on a tile anyway

export interface JoinChoice {
  displayName: string;
  audio: AudioOption;
  muted: boolean;
}

interface Props {
  room: string;
  /** A code of CallError: what is wrong before anything was tried. */
  problem: string | undefined;
  /** @returns the code of what went wrong; undefined when the call is there and this screen goes away */
  onJoin: (choice: JoinChoice) => Promise<string | undefined>;
}

export function JoinScreen({ room, problem, onJoin }: Props) {
  const [name, setName] = useState(memory.name);
  const [muted, setMuted] = useState(false);
  const [joining, setJoining] = useState(false);
  const [refusal, setRefusal] = useState(problem);
  const preview = useMicrophonePreview();
  const amplitude = useMeter(preview.track);
  const nameField = useRef<HTMLInputElement>(null);
  const displayName = name.trim();

  // Whoever has a name already wants the button, everybody else the field.
  useEffect(() => {
    if (memory.name === '') nameField.current?.focus();
  }, []);

  const trouble = preview.problem === undefined ? undefined : problemOf(preview.problem);
  const refused = refusal === undefined ? undefined : problemOf(refusal);
  const withoutMicrophone = trouble !== undefined && preview.track === undefined;

  const join = async (listenOnly: boolean): Promise<void> => {
    if (displayName === '') {
      nameField.current?.focus();
      return;
    }
    setJoining(true);
    setRefusal(undefined);
    try {
      const track = listenOnly ? undefined : (preview.track ?? (await preview.open()));
      if (!listenOnly && !track) return;
      memory.name = displayName;
      preview.lend();
      const code = await onJoin({ displayName, audio: track ?? false, muted });
      if (code === undefined) return;
      preview.takeBack();
      setRefusal(code);
    } finally {
      setJoining(false);
    }
  };
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    void join(false);
  };
  const select = (deviceId: string): void => {
    memory.microphoneId = deviceId;
    void preview.open(deviceId);
  };

  return (
    <div className="front">
      <header className="front-top">
        <Wordmark />
      </header>
      <main className="card">
        <div className="card-head">
          <Avatar name={displayName} size="l" />
          <div>
            <p className="eyebrow">You are about to join</p>
            <h1 className="room-name" data-testid="room-name">
              {room}
            </h1>
          </div>
        </div>

        {refused && (
          <Notice title={refused.title} tone="danger">
            {refused.text}
          </Notice>
        )}
        {trouble && <Notice title={trouble.title}>{trouble.text}</Notice>}

        <form onSubmit={submit}>
          <label className="field">
            <span>Your name</span>
            <input
              ref={nameField}
              value={name}
              onChange={(event) => setName(event.target.value)}
              autoComplete="name"
              maxLength={NAME_LENGTH}
              required
              data-testid="name"
            />
          </label>

          {preview.track ? (
            <div className="field">
              <label htmlFor="microphone">Microphone</label>
              <select
                id="microphone"
                value={preview.track.getSettings().deviceId ?? ''}
                onChange={(event) => select(event.target.value)}
                data-testid="microphone"
              >
                {preview.devices.length === 0 && (
                  <option value="">{preview.track.label || 'Microphone'}</option>
                )}
                {preview.devices.map((device, index) => (
                  <option key={device.deviceId} value={device.deviceId}>
                    {device.label || `Microphone ${index + 1}`}
                  </option>
                ))}
              </select>
              <div className="level-row">
                <LevelBar amplitude={amplitude} />
                <small className="hint">Say something: the bar should move.</small>
              </div>
            </div>
          ) : (
            !withoutMicrophone && (
              <div className="field">
                <span id="microphone-label">Microphone</span>
                <button
                  type="button"
                  className="button quiet wide"
                  onClick={() => void preview.open()}
                  disabled={preview.opening}
                  aria-describedby="microphone-hint"
                  data-testid="open-microphone"
                >
                  <MicrophoneIcon />
                  {preview.opening ? 'Waiting for the browser' : 'Test the microphone'}
                </button>
                <small id="microphone-hint" className="hint">
                  Your browser will ask whether this page may use it.
                </small>
              </div>
            )
          )}

          {!withoutMicrophone && (
            <label className="check">
              <input type="checkbox" checked={muted} onChange={(event) => setMuted(event.target.checked)} />
              <span>Join muted</span>
            </label>
          )}

          <div className="actions">
            {withoutMicrophone ? (
              <>
                <button
                  type="button"
                  className="button primary wide"
                  onClick={() => void join(true)}
                  disabled={joining}
                  data-testid="listen"
                >
                  {joining ? 'Joining' : 'Join and only listen'}
                </button>
                {trouble.retry && (
                  <button
                    type="button"
                    className="button quiet wide"
                    onClick={() => void preview.open()}
                    disabled={preview.opening}
                    data-testid="retry-microphone"
                  >
                    Try the microphone again
                  </button>
                )}
              </>
            ) : (
              <button
                className="button primary wide"
                disabled={joining}
                aria-busy={joining}
                data-testid="join"
              >
                {joining ? 'Joining' : 'Join the call'}
              </button>
            )}
          </div>
        </form>
      </main>
    </div>
  );
}

function useMeter(track: MediaStreamTrack | undefined): () => number {
  const meter = useRef<LevelMeter>(undefined);
  useEffect(() => {
    if (!track) return;
    const made = createLevelMeter(track);
    meter.current = made;
    return () => {
      meter.current = undefined;
      made.close();
    };
  }, [track]);
  return () => meter.current?.level() ?? 0;
}
