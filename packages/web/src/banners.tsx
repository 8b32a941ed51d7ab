/** What the person in the call must know now, above the stage: trouble, a moderator's hand, the own screen. */
import { CameraOffIcon, CloseIcon, MutedIcon, ScreenIcon, SoundIcon } from './icons.js';
import { problemOf } from './problems.js';

export type ModeratedSource = 'microphone' | 'camera';

interface Props {
  reconnecting: boolean;
  blocked: boolean;
  problem: string | undefined;
  moderated: ModeratedSource | undefined;
  sharing: boolean;
  onResume: () => void;
  onDismissProblem: () => void;
  onUndoModerated: () => void;
  onDismissModerated: () => void;
  onStopScreen: () => void;
}

const MODERATED: Record<ModeratedSource, { text: string; undo: string }> = {
  microphone: { text: 'A moderator muted you.', undo: 'Unmute' },
  camera: { text: 'A moderator turned off your camera.', undo: 'Turn on' },
};

export function Banners(props: Props) {
  const { problem, moderated } = props;
  const trouble = problem === undefined ? undefined : problemOf(problem);
  return (
    <div className="banners">
      {props.reconnecting && (
        <div className="banner" data-testid="reconnecting">
          <span className="spinner" aria-hidden="true" />
          <p>
            <strong>Connection lost.</strong> Reconnecting. The others cannot hear you now.
          </p>
        </div>
      )}
      {props.blocked && (
        <div className="banner">
          <SoundIcon />
          <p>Your browser waits for a click before it plays sound.</p>
          <button className="button primary" onClick={props.onResume} data-testid="resume">
            Turn on sound
          </button>
        </div>
      )}
      {trouble && (
        <div className="banner" role="alert">
          {problem?.startsWith('CAMERA') ? (
            <CameraOffIcon />
          ) : problem?.startsWith('SCREEN') ? (
            <ScreenIcon />
          ) : (
            <MutedIcon />
          )}
          <p>
            <strong>{trouble.title}.</strong> {trouble.text}
          </p>
          <Dismiss onClick={props.onDismissProblem} />
        </div>
      )}
      {moderated && (
        <div className="banner" data-testid="moderated">
          {moderated === 'microphone' ? <MutedIcon /> : <CameraOffIcon />}
          <p>{MODERATED[moderated].text}</p>
          <button className="button primary" onClick={props.onUndoModerated}>
            {MODERATED[moderated].undo}
          </button>
          <Dismiss onClick={props.onDismissModerated} />
        </div>
      )}
      {props.sharing && (
        <div className="banner banner-calm" data-testid="sharing">
          <ScreenIcon />
          <p>You share your screen.</p>
          <button className="button quiet" onClick={props.onStopScreen} data-testid="stop-screen">
            Stop
          </button>
        </div>
      )}
    </div>
  );
}

const Dismiss = ({ onClick }: { onClick: () => void }) => (
  <button className="button quiet icon-only" onClick={onClick} aria-label="Dismiss">
    <CloseIcon />
  </button>
);
