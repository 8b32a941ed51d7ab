/** In the call: who is here, who is seen, who speaks, and the few buttons. */
import { useCallback, useEffect, useRef, useState } from 'react';
import { CallError, type ChatMessage } from '@tertulia/client';
import { LiveRegion, useAnnouncer } from './announcer.js';
import { Banners, type ModeratedSource } from './banners.js';
import { useCallSnapshot, type CallHandle } from './calls.js';
import { ChatPanel } from './chatPanel.js';
import { canShareScreen, Controls, type Panel } from './controls.js';
import { HelpDialog } from './helpDialog.js';
import { FullScreenIcon, GridIcon, PeopleIcon, SpeakerViewIcon } from './icons.js';
import { InviteButton, useInvitation } from './invite.js';
import { memory } from './memory.js';
import { PeoplePanel } from './peoplePanel.js';
import { RecordingMark } from './recordingMark.js';
import { SettingsPanel } from './settingsPanel.js';
import { useFullScreen, useWakeLock } from './screenLock.js';
import { useShortcuts } from './shortcuts.js';
import { Stage } from './stage.js';
import { useStageView } from './useStageView.js';
import { Voices } from './voices.js';

interface Props {
  call: CallHandle;
  canInvite: boolean;
  /** The call uses another microphone than the one it was given. */
  onMicrophoneChanged: () => void;
}

export function CallScreen({ call, canInvite, onMicrophoneChanged }: Props) {
  const snapshot = useCallSnapshot(call);
  const { state, participants, audioSlots, muted, cameraOn, screenOn, recording } = snapshot;
  const view = useStageView(call, snapshot);
  const [panel, setPanel] = useState<Panel>();
  const [help, setHelp] = useState(false);
  const [messages, setMessages] = useState<readonly ChatMessage[]>([]);
  const [unread, setUnread] = useState(0);
  const { sentences, say } = useAnnouncer(call, panel === 'chat');
  const trouble = useTrouble(call);
  const full = useFullScreen();
  useWakeLock();
  const own = useOwnMedia(call, trouble.setProblem, trouble.setModerated);
  const invitation = useInvitation(call.room, say);
  const heading = useRef<HTMLHeadingElement>(null);
  const chatButton = useRef<HTMLButtonElement>(null);
  const settingsButton = useRef<HTMLButtonElement>(null);
  const peopleButton = useRef<HTMLButtonElement>(null);
  const open = useRef(panel);
  open.current = panel;

  // Reading begins with the room; the next stop of the Tab key is the first button.
  useEffect(() => {
    heading.current?.focus();
  }, []);

  useEffect(
    () =>
      call.on('message', (message) => {
        setMessages((all) => [...all, message]);
        if (open.current !== 'chat' && !message.self) setUnread((count) => count + 1);
      }),
    [call],
  );

  const closePanel = useCallback(() => {
    const openers = { chat: chatButton, people: peopleButton, settings: settingsButton };
    if (open.current) openers[open.current].current?.focus();
    setPanel(undefined);
  }, []);
  const toggle = (which: Panel): void => {
    setPanel((now) => (now === which ? undefined : which));
    if (which === 'chat') setUnread(0);
  };

  const canShare = canShareScreen() && call.canPublish;
  const { toggleView } = view;
  useShortcuts({
    mute: () => call.canPublish && void own.toggleMute(),
    camera: () => call.canPublish && void own.toggleCamera(),
    screen: () => canShare && void own.toggleScreen(),
    view: () => {
      if (participants.length > 1) toggleView();
    },
    full: () => full.toggle?.(),
    chat: () => toggle('chat'),
    people: () => participants.length > 1 && toggle('people'),
    help: () => setHelp(true),
  });

  const alone = participants.length <= 1 && state === 'connected';
  return (
    <div className="call" data-state={state} data-panel={panel} data-alone={alone} data-testid="call">
      <header className="call-top">
        <div className="call-title">
          <h1 ref={heading} tabIndex={-1}>
            {call.room}
          </h1>
          <div className="call-facts">
            <p data-testid="count">
              {participants.length === 1 ? '1 person' : `${participants.length} people`}
            </p>
            {recording && <RecordingMark />}
          </div>
        </div>
        <div className="call-top-end">
          {participants.length > 1 && (
            <button
              ref={peopleButton}
              className="button quiet people-button"
              aria-expanded={panel === 'people'}
              aria-controls="people"
              aria-keyshortcuts="P"
              title="Everybody by name (P)"
              onClick={() => toggle('people')}
              data-testid="open-people"
            >
              <PeopleIcon />
              <span>People</span>
            </button>
          )}
          {canInvite && <InviteButton invitation={invitation} />}
          {full.toggle && participants.length > 1 && (
            <button
              className="button quiet icon-only full-button"
              onClick={full.toggle}
              aria-label="Full screen"
              aria-keyshortcuts="F"
              title="Full screen (F)"
              data-testid="full-screen"
            >
              <FullScreenIcon />
            </button>
          )}
          {participants.length > 1 && (
            <button
              className="button quiet view-button"
              onClick={toggleView}
              aria-keyshortcuts="G"
              title={view.stage ? 'Everybody equally large (G)' : 'One person large (G)'}
              data-testid="view"
            >
              {view.stage ? <GridIcon /> : <SpeakerViewIcon />}
              <span>{view.stage ? 'Grid' : 'Speaker'}</span>
              <span className="visually-hidden"> view</span>
            </button>
          )}
        </div>
      </header>

      <Banners
        reconnecting={state === 'reconnecting'}
        blocked={trouble.blocked}
        problem={trouble.problem}
        moderated={trouble.moderated}
        sharing={screenOn}
        onResume={trouble.resume}
        onDismissProblem={() => trouble.setProblem(undefined)}
        onUndoModerated={() => {
          if (trouble.moderated === 'microphone') void own.toggleMute();
          else void own.toggleCamera();
          trouble.setModerated(undefined);
        }}
        onDismissModerated={() => trouble.setModerated(undefined)}
        onStopScreen={() => void own.toggleScreen()}
      />

      <main className="stage" ref={full.element}>
        {recording && <RecordingMark overStage />}
        <Stage call={call} snapshot={snapshot} view={view} />
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
        <Controls
          muted={muted}
          cameraOn={cameraOn}
          cameraBusy={own.cameraBusy}
          screenOn={screenOn}
          canPublish={call.canPublish}
          canShare={canShare}
          panel={panel}
          unread={unread}
          chatButton={chatButton}
          settingsButton={settingsButton}
          onMute={() => void own.toggleMute()}
          onCamera={() => void own.toggleCamera()}
          onScreen={() => void own.toggleScreen()}
          onPanel={toggle}
          onLeave={() => void call.leave()}
        />
        <div className="call-bottom-end" />
        {panel === 'settings' && (
          <SettingsPanel
            call={call}
            snapshot={snapshot}
            onMicrophoneChanged={onMicrophoneChanged}
            onHelp={() => setHelp(true)}
            onClose={closePanel}
          />
        )}
      </footer>

      {panel === 'chat' && (
        <ChatPanel messages={messages} onSend={(text) => call.sendMessage(text)} onClose={closePanel} />
      )}
      {panel === 'people' && (
        <PeoplePanel snapshot={snapshot} pinned={view.pinned} onPin={view.togglePin} onClose={closePanel} />
      )}
      {help && <HelpDialog onClose={() => setHelp(false)} />}
      <LiveRegion sentences={sentences} />
    </div>
  );
}

const LOST: Partial<Record<string, ModeratedSource>> = {
  MICROPHONE_MISSING: 'microphone',
  CAMERA_MISSING: 'camera',
};
/** Both messages of one loss come within this. */
const LOST_MS = 1_000;

/** What went wrong, what a moderator did, whether the browser holds back the sound. */
function useTrouble(call: CallHandle) {
  const [problem, setProblem] = useState<string>();
  const [moderated, setModerated] = useState<ModeratedSource>();
  const [blocked, setBlocked] = useState(false);
  useEffect(() => {
    // A device that is gone is told twice: as an error, and as turned off by other hands. One sentence is enough.
    let lost: ModeratedSource | undefined;
    const turned =
      (source: ModeratedSource) =>
      (on: boolean, byServer: boolean): void => {
        const byHand = !on && byServer && lost !== source && call.canPublish;
        setModerated((now) => (byHand ? source : now === source ? undefined : now));
      };
    const microphone = turned('microphone');
    const undo = [
      call.on('playbackblocked', () => setBlocked(true)),
      call.on('muted', (muted, byServer) => microphone(!muted, byServer)),
      call.on('camera', turned('camera')),
      call.on('error', ({ code }) => {
        const source = LOST[code];
        if (!source) return;
        setProblem(code);
        setModerated((now) => (now === source ? undefined : now));
        lost = source;
        setTimeout(() => (lost = undefined), LOST_MS);
      }),
    ];
    return () => undo.forEach((stop) => stop());
  }, [call]);
  const resume = (): void =>
    void call.resumePlayback().then(
      () => setBlocked(false),
      () => {},
    );
  return { problem, setProblem, moderated, setModerated, blocked, resume };
}

/** The own microphone, camera and screen: one button each. */
function useOwnMedia(
  call: CallHandle,
  setProblem: (code: string | undefined) => void,
  setModerated: (source: ModeratedSource | undefined) => void,
) {
  const [cameraBusy, setCameraBusy] = useState(false);
  /** What the last press asked for; a camera takes its time to start. */
  const wanted = useRef<boolean>(undefined);
  const toggleMute = async (): Promise<void> => {
    setProblem(undefined);
    setModerated(undefined);
    if (!call.muted) {
      call.mute();
      return;
    }
    try {
      await call.unmute();
    } catch (error) {
      setProblem(codeOf(error, 'MICROPHONE_FAILED'));
    }
  };
  const toggleCamera = async (): Promise<void> => {
    setProblem(undefined);
    setModerated(undefined);
    const busy = wanted.current !== undefined;
    wanted.current = !(wanted.current ?? call.cameraOn);
    if (busy) return; // seen below, when the first press is done
    setCameraBusy(true);
    try {
      while (wanted.current !== call.cameraOn) {
        const on = wanted.current;
        await turnCamera(call, on);
        memory.cameraOn = on;
        if (call.cameraOn !== on) break; // turned off by other hands meanwhile
      }
    } catch (error) {
      setProblem(codeOf(error, 'CAMERA_FAILED'));
    } finally {
      wanted.current = undefined;
      setCameraBusy(false);
    }
  };
  const toggleScreen = async (): Promise<void> => {
    setProblem(undefined);
    setModerated(undefined);
    try {
      if (call.screenOn) await call.stopScreen();
      else await call.shareScreen({ sound: true });
    } catch (error) {
      const code = codeOf(error, 'SCREEN_FAILED');
      if (code !== 'SCREEN_DENIED' || refusedBySystem(error)) setProblem(code);
    }
  };
  return { cameraBusy, toggleMute, toggleCamera, toggleScreen };
}

/** The remembered camera if it is still there, otherwise any. */
async function turnCamera(call: CallHandle, on: boolean): Promise<void> {
  if (!on || memory.cameraId === '') return call.setCamera(on);
  try {
    await call.setCamera(memory.cameraId);
  } catch (error) {
    if (codeOf(error, '') !== 'CAMERA_MISSING') throw error;
    await call.setCamera(true);
  }
}

const codeOf = (error: unknown, otherwise: string): string =>
  error instanceof CallError ? error.code : otherwise;

/** Who closes the chooser has refused it and knows; only a system that forbids it needs a word. Both have the same name. */
const refusedBySystem = (error: unknown): boolean =>
  error instanceof Error && error.cause instanceof Error && /system/i.test(error.cause.message);
