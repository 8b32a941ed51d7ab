/** The view that a person sees: which tiles there are, which one is large and why, and the few ways to change it. */
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import type { AudioSlot, Participant } from '@tertulia/client';
import { tileKey, type TileKey } from './arrange.js';
import { isVoice, type CallHandle, type CallSnapshot } from './calls.js';
import type { PlanTile } from './layoutPlan.js';
import {
  chooseStage,
  followSpeech,
  forget,
  INITIAL_VIEW,
  NOBODY,
  pin,
  toGrid,
  toStage,
  type OnStage,
} from './stageChoice.js';

export interface StageTile extends PlanTile {
  participant: Participant;
}

export interface StageView {
  tiles: readonly StageTile[];
  stage: OnStage | undefined;
  pinned: TileKey | undefined;
  /** Anybody has a camera or a screen on. */
  pictures: boolean;
  togglePin: (key: TileKey) => void;
  toggleView: () => void;
}

const FOLLOW_MS = 200;

export function useStageView(call: CallHandle, snapshot: CallSnapshot): StageView {
  const { participants, audioSlots, cameraOn, screenOn } = snapshot;
  const [state, setState] = useState(INITIAL_VIEW);
  const speech = useSpeech(call, audioSlots);

  const tiles = useMemo(() => {
    // Screens first, then oneself, then by time of joining: nobody moves while somebody speaks.
    const people = [...participants].sort((a, b) => Number(b.self) - Number(a.self));
    const all = [...people.map((one) => [one, true] as const), ...people.map((one) => [one, false] as const)];
    return all.flatMap(([participant, screen]): Omit<StageTile, 'spokeAtMs'>[] => {
      const { participantId, self } = participant;
      const live = screen ? (self ? screenOn : participant.screenOn) : self ? cameraOn : participant.cameraOn;
      if (screen && !live) return [];
      return [{ key: tileKey(participantId, screen), participantId, participant, screen, self, live }];
    });
  }, [participants, cameraOn, screenOn]);

  const keys = useMemo(() => new Set(tiles.map(({ key }) => key)), [tiles]);
  const present = useCallback((key: TileKey) => keys.has(key), [keys]);
  const screens = useMemo(
    () => tiles.filter(({ screen, self }) => screen && !self).map(({ key }) => key),
    [tiles],
  );
  useEffect(() => setState((now) => forget(now, present)), [present]);

  const others = participants.filter(({ self }) => !self);
  const dominant = others.some((one) => one.participantId === speech.dominant)
    ? speech.dominant
    : others[0]?.participantId;
  const [partner] = others;
  const stage = chooseStage(
    state,
    present,
    screens,
    dominant,
    others.length === 1 && partner?.cameraOn ? partner.participantId : undefined,
  );

  const staged = useRef(stage);
  staged.current = stage;
  const togglePin = useCallback((key: TileKey) => {
    setState((now) => {
      if (now.pinned === key) return { ...now, pinned: undefined };
      return pin(now, key);
    });
  }, []);
  const toggleView = useCallback(() => {
    setState((now) => (staged.current ? toGrid(now, screens) : toStage(now)));
  }, [screens]);

  return {
    tiles: tiles.map((tile) => ({
      ...tile,
      spokeAtMs: speech.spokeAtMs.get(tile.participantId) ?? -Infinity,
    })),
    stage,
    pinned: state.pinned,
    pictures: tiles.some(({ live }) => live),
    togglePin,
    toggleView,
  };
}

/** Who leads the conversation, and when each one last spoke. */
function useSpeech(
  call: CallHandle,
  slots: readonly AudioSlot[],
): { dominant: string | undefined; spokeAtMs: ReadonlyMap<string, number> } {
  const [lead, setLead] = useState(NOBODY);
  const spoke = useRef(new Map<string, number>());
  for (const slot of slots) {
    const { speaking, participant } = slot;
    if (speaking && participant && isVoice(slot))
      spoke.current.set(participant.participantId, performance.now());
  }

  useEffect(() => {
    const follow = (): void => {
      const nowMs = performance.now();
      const talking = call.audioSlots.filter((slot) => slot.speaking && slot.participant && isVoice(slot));
      for (const { participant } of talking) spoke.current.set(participant!.participantId, nowMs);
      const leading = talking.find(({ loudest }) => loudest) ?? talking[0];
      setLead((now) =>
        followSpeech(
          now,
          {
            leading: leading?.participant?.participantId,
            speaking: talking.map(({ participant }) => participant!.participantId),
          },
          nowMs,
        ),
      );
    };
    const timer = setInterval(follow, FOLLOW_MS);
    return () => clearInterval(timer);
  }, [call]);
  return { dominant: lead.participantId, spokeAtMs: spoke.current };
}
