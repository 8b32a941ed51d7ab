/** Before the call: name, camera, microphone, and what is in the way. */
import { useEffect, useMemo, useRef, useState, type FormEvent, type ReactNode } from 'react';
import { createLevelMeter, type AudioOption, type LevelMeter, type VideoOption } from '@tertulia/client';
import { useCameraPreview, useMicrophonePreview, type DevicePreview } from './devicePreview.js';
import { CameraIcon, CameraOffIcon, MicrophoneIcon, MutedIcon } from './icons.js';
import { memory } from './memory.js';
import { Avatar, LevelBar, Notice, Front } from './parts.js';
import { Picture } from './picture.js';
import { problemOf } from './problems.js';

const NAME_LENGTH = 64; // the server takes 128 code points; names longer than this are cut on a tile anyway

export interface JoinChoice {
  displayName: string;
  audio: AudioOption;
  video: VideoOption;
  muted: boolean;
}

interface Props {
  room: string;
  /** @returns the code of what went wrong; undefined when the call is there and this screen goes away */
  onJoin: (choice: JoinChoice) => Promise<string | undefined>;
}

export function JoinScreen({ room, onJoin }: Props) {
  const [name, setName] = useState(memory.name);
  const [muted, setMuted] = useState(false);
  const [joining, setJoining] = useState(false);
  const [refusal, setRefusal] = useState<string>();
  const microphone = useMicrophonePreview();
  const camera = useCameraPreview();
  const amplitude = useMeter(microphone.track);
  const nameField = useRef<HTMLInputElement>(null);
  const displayName = name.trim();

  // Whoever has a name already wants the button, everybody else the field.
  useEffect(() => {
    if (memory.name === '') nameField.current?.focus();
  }, []);

  // One sentence where one button of the browser blocks both.
  const bothDenied = microphone.problem === 'MICROPHONE_DENIED' && camera.problem === 'CAMERA_DENIED';
  const trouble =
    microphone.problem === undefined ? undefined : problemOf(bothDenied ? 'BOTH_DENIED' : microphone.problem);
  const cameraTrouble =
    camera.problem === undefined || camera.problem === microphone.problem || bothDenied
      ? undefined
      : problemOf(camera.problem);
  const refused = refusal === undefined ? undefined : problemOf(refusal);
  const withoutMicrophone = trouble !== undefined && microphone.track === undefined;

  const join = async (listenOnly: boolean): Promise<void> => {
    if (displayName === '') {
      nameField.current?.focus();
      return;
    }
    setJoining(true);
    setRefusal(undefined);
    try {
      const track = listenOnly ? undefined : (microphone.track ?? (await microphone.open()));
      if (!listenOnly && !track) return;
      memory.name = displayName;
      microphone.lend();
      camera.lend();
      const code = await onJoin({ displayName, audio: track ?? false, video: camera.track ?? false, muted });
      if (code === undefined) return;
      microphone.takeBack();
      camera.takeBack();
      setRefusal(code);
    } finally {
      setJoining(false);
    }
  };
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    void join(false);
  };
  const toggleCamera = async (): Promise<void> => {
    if (camera.track) {
      camera.close();
      memory.cameraOn = false;
    } else if (await camera.open()) memory.cameraOn = true;
  };

  return (
    <Front>
      <main className="card card-join">
        <div className="join-title">
          <p className="eyebrow">You are about to join</p>
          <h1 className="room-name" data-testid="room-name">
            {room}
          </h1>
        </div>

        <Preview name={displayName} track={camera.track}>
          <button
            type="button"
            className="round"
            data-on={!muted && !withoutMicrophone}
            onClick={() => setMuted(!muted)}
            disabled={withoutMicrophone}
            aria-label={muted ? 'Unmute' : 'Mute'}
            title={muted ? 'Join with the microphone on' : 'Join muted'}
            data-testid="join-mute"
          >
            {muted || withoutMicrophone ? <MutedIcon /> : <MicrophoneIcon />}
          </button>
          <button
            type="button"
            className="round"
            data-on={camera.track !== undefined}
            onClick={() => void toggleCamera()}
            disabled={camera.opening || camera.problem === 'INSECURE_ORIGIN'}
            aria-label={camera.track ? 'Turn off camera' : 'Turn on camera'}
            title={camera.track ? 'Turn off camera' : 'Turn on camera'}
            data-testid="join-camera"
          >
            {camera.track ? <CameraIcon /> : <CameraOffIcon />}
          </button>
        </Preview>

        <form onSubmit={submit}>
          {refused && (
            <Notice title={refused.title} tone="danger">
              {refused.text}
            </Notice>
          )}
          {trouble && <Notice title={trouble.title}>{trouble.text}</Notice>}
          {cameraTrouble && !camera.track && (
            <Notice title={cameraTrouble.title}>{cameraTrouble.text}</Notice>
          )}

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

          {microphone.track ? (
            <div className="field">
              <DeviceChoice
                id="microphone"
                label="Microphone"
                preview={microphone}
                onSelect={(deviceId) => (memory.microphoneId = deviceId)}
              />
              <div className="level-row">
                <LevelBar amplitude={amplitude} />
                <small className="hint">
                  {muted ? 'You join muted.' : 'Say something: the bar should move.'}
                </small>
              </div>
            </div>
          ) : (
            !withoutMicrophone && (
              <div className="field">
                <span id="microphone-label">Microphone</span>
                <button
                  type="button"
                  className="button quiet wide"
                  onClick={() => void microphone.open()}
                  disabled={microphone.opening}
                  aria-describedby="microphone-hint"
                  data-testid="open-microphone"
                >
                  <MicrophoneIcon />
                  {microphone.opening ? 'Waiting for the browser' : 'Test the microphone'}
                </button>
                <small id="microphone-hint" className="hint">
                  Your browser will ask whether this page may use it.
                </small>
              </div>
            )
          )}
          {camera.track && camera.devices.length > 1 && (
            <div className="field">
              <DeviceChoice
                id="camera"
                label="Camera"
                preview={camera}
                onSelect={(deviceId) => (memory.cameraId = deviceId)}
              />
            </div>
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
                  {joining ? 'Joining' : camera.track ? 'Join without a microphone' : 'Join and only listen'}
                </button>
                {trouble.retry && (
                  <button
                    type="button"
                    className="button quiet wide"
                    onClick={() => void microphone.open()}
                    disabled={microphone.opening}
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
    </Front>
  );
}

/** What the others will see: the own picture as in a mirror, or the circle with the initials. */
function Preview({
  name,
  track,
  children,
}: {
  name: string;
  track: MediaStreamTrack | undefined;
  children: ReactNode;
}) {
  const stream = useMemo(() => (track ? new MediaStream([track]) : undefined), [track]);
  const [pictured, setPictured] = useState(false);
  const waiting = track !== undefined && !pictured;
  return (
    <div className="preview" data-pictured={pictured} data-testid="preview">
      <Avatar name={name} size="l" />
      <Picture
        stream={stream}
        kind="camera"
        mirrored={track?.getSettings().facingMode !== 'environment'}
        widthPx={16}
        heightPx={9}
        onShown={setPictured}
      />
      <p className="preview-state" data-testid="preview-state">
        {waiting ? 'Camera is starting' : pictured ? '' : 'Camera is off'}
      </p>
      <div className="preview-buttons" role="group" aria-label="Microphone and camera">
        {children}
      </div>
    </div>
  );
}

function DeviceChoice({
  id,
  label,
  preview: { track, devices, open },
  onSelect,
}: {
  id: string;
  label: string;
  preview: DevicePreview;
  onSelect: (deviceId: string) => void;
}) {
  const select = (deviceId: string): void => {
    onSelect(deviceId);
    void open(deviceId);
  };
  return (
    <>
      <label htmlFor={id}>{label}</label>
      <select
        id={id}
        value={track?.getSettings().deviceId ?? ''}
        onChange={(event) => select(event.target.value)}
        data-testid={id}
      >
        {devices.length === 0 && <option value="">{track?.label || label}</option>}
        {devices.map((device, index) => (
          <option key={device.deviceId} value={device.deviceId}>
            {device.label || `${label} ${index + 1}`}
          </option>
        ))}
      </select>
    </>
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
