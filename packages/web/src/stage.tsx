/** The tiles of the call on the room that there is, and the pictures that are asked for and shown on them. */
import {
  useCallback,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
  type KeyboardEvent,
} from 'react';
import { arrange, type Place, type TileKey } from './arrange.js';
import { isVoice, type CallHandle, type CallSnapshot } from './calls.js';
import { customProperties } from './customProperties.js';
import { isDark, NO_PLAN, planLayout, slotOf, stripOrder } from './layoutPlan.js';
import { useSpeaking } from './levels.js';
import { Tile } from './tile.js';
import { useHidden, useLayout } from './useLayout.js';
import type { StageView } from './useStageView.js';

interface Props {
  call: CallHandle;
  snapshot: CallSnapshot;
  view: StageView;
}

export function Stage({ call, snapshot, view }: Props) {
  const { audioSlots, videoSlots, assignments, muted, cameraTrack, screenTrack } = snapshot;
  const { tiles, stage, pinned, pictures, togglePin, toggleView } = view;
  const list = useRef<HTMLUListElement>(null);
  const { area, scrollTopPx } = useArea(list);
  const [aspects, setAspects] = useState<ReadonlyMap<TileKey, number>>(new Map());
  const selfSpeaking = useSpeaking(() => call.microphoneLevel) && !muted;

  const onAspect = useCallback((key: TileKey, aspect: number) => {
    setAspects((all) => (all.get(key) === aspect ? all : new Map(all).set(key, aspect)));
  }, []);

  // Who is in the strip stays there while there is no reason to change it.
  const strip = useRef<readonly TileKey[]>([]);
  const withAspect = tiles.map((tile) => ({
    ...tile,
    aspect: aspects.get(tile.key),
  }));
  let arrangement = arrange(withAspect, stage?.key, area, pictures);
  if (arrangement.more) {
    const staged = withAspect.filter(({ key }) => key === stage?.key);
    const others = withAspect.filter(({ key }) => key !== stage?.key);
    const capacity = arrangement.places.size - staged.length;
    arrangement = arrange(
      [...staged, ...stripOrder(others, strip.current, capacity)],
      stage?.key,
      area,
      pictures,
    );
  }
  strip.current = [...arrangement.places].filter(([, { role }]) => role === 'strip').map(([key]) => key);

  const plan = useRef(NO_PLAN);
  plan.current = planLayout(
    tiles,
    {
      arrangement,
      scrollTopPx,
      heightPx: area.heightPx,
      pixelRatio: window.devicePixelRatio || 1,
      slots: videoSlots.length,
      hidden: useHidden() || area.widthPx === 0,
    },
    plan.current,
  );
  useLayout(call, plan.current);

  const ownCamera = useStream(cameraTrack);
  const ownScreen = useStream(screenTrack);
  const carried = videoSlots.map(({ index, participant, screenshare }) => ({
    index,
    participantId: participant?.participantId,
    screen: screenshare,
  }));
  const assigned = assignments.map(({ participant, screenshare, slot, active }) => ({
    participantId: participant?.participantId ?? '',
    screen: screenshare,
    slot,
    active,
  }));

  const { tabStop, onFocus, onMove } = useRoving(
    tiles.filter(({ key }) => arrangement.places.has(key)).map(({ key }) => key),
    arrangement.places,
    list,
  );
  const { more } = arrangement;
  return (
    <ul
      ref={list}
      className="tiles"
      aria-label="People in the call"
      data-testid="tiles"
      data-view={stage ? 'stage' : 'grid'}
      data-pictures={pictures}
      data-scrolls={arrangement.scrolls}
      style={customProperties({ '--content-height': `${arrangement.contentHeightPx}px` })}
    >
      {tiles.map(({ key, participant, screen, self, live }) => {
        const { participantId } = participant;
        const voice = audioSlots.find(
          (one) => one.participant?.participantId === participantId && isVoice(one),
        );
        const slot = live && !self ? slotOf({ participantId, screen }, carried, assigned) : undefined;
        const own = screen ? ownScreen : ownCamera;
        return (
          <Tile
            key={key}
            tileKey={key}
            participant={participant}
            screen={screen}
            place={arrangement.places.get(key)}
            stream={
              self ? (live ? own : undefined) : slot === undefined ? undefined : videoSlots[slot]?.stream
            }
            dark={live && !self && isDark({ participantId, screen }, assigned)}
            mirrored={self && !screen && cameraTrack?.getSettings().facingMode !== 'environment'}
            muted={self ? muted : participant.muted}
            speaking={self ? selfSpeaking : (voice?.speaking ?? false)}
            loudest={voice?.loudest ?? false}
            pinned={pinned === key}
            canPin={tiles.length > 1}
            tabStop={tabStop === key}
            amplitude={() =>
              self ? call.microphoneLevel : (call.audioSlots[voice?.index ?? -1]?.level ?? 0)
            }
            onPin={togglePin}
            onFocus={onFocus}
            onMove={onMove}
            onAspect={onAspect}
          />
        );
      })}
      {more && (
        <li className="tile-more" style={placeStyle(more.place)} data-testid="more">
          <button type="button" onClick={toggleView}>
            <strong>+{more.count}</strong>
            <span>Show all</span>
          </button>
        </li>
      )}
    </ul>
  );
}

const placeStyle = ({ xPx, yPx, widthPx, heightPx }: Place) =>
  customProperties({ '--x': `${xPx}px`, '--y': `${yPx}px`, '--w': `${widthPx}px`, '--h': `${heightPx}px` });

/** The same stream for as long as the track is the same. */
function useStream(track: MediaStreamTrack | undefined): MediaStream | undefined {
  return useMemo(() => (track ? new MediaStream([track]) : undefined), [track]);
}

function useArea(list: { current: HTMLElement | null }): {
  area: { widthPx: number; heightPx: number };
  scrollTopPx: number;
} {
  const [area, setArea] = useState({ widthPx: 0, heightPx: 0 });
  const [scrollTopPx, setScrollTop] = useState(0);
  useLayoutEffect(() => {
    const node = list.current;
    if (!node) return;
    const measure = (): void => {
      setArea({ widthPx: node.clientWidth, heightPx: node.clientHeight });
      setScrollTop(node.scrollTop);
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(node);
    let frame = 0;
    const scrolled = (): void => {
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        setScrollTop(node.scrollTop);
      });
    };
    node.addEventListener('scroll', scrolled, { passive: true });
    return () => {
      observer.disconnect();
      cancelAnimationFrame(frame);
      node.removeEventListener('scroll', scrolled);
    };
  }, [list]);
  return { area, scrollTopPx };
}

/** One stop of the Tab key for all tiles; the arrow keys go to the nearest one in their direction. */
function useRoving(
  keys: readonly TileKey[],
  places: ReadonlyMap<TileKey, Place>,
  list: { current: HTMLElement | null },
): {
  tabStop: TileKey | undefined;
  onFocus: (key: TileKey) => void;
  onMove: (key: TileKey, event: KeyboardEvent) => void;
} {
  const [last, setLast] = useState<TileKey>();
  const now = useRef({ keys, places });
  useEffect(() => {
    now.current = { keys, places };
  });
  const onMove = useCallback(
    (key: TileKey, event: KeyboardEvent) => {
      const target = neighbour(event.key, key, now.current.keys, now.current.places);
      if (target === undefined) return;
      event.preventDefault();
      const node = [...(list.current?.querySelectorAll<HTMLElement>('[data-tile]') ?? [])].find(
        (one) => one.dataset.tile === target,
      );
      node?.focus();
    },
    [list],
  );
  const tabStop = last !== undefined && keys.includes(last) ? last : keys[0];
  return { tabStop, onFocus: setLast, onMove };
}

function neighbour(
  pressed: string,
  from: TileKey,
  keys: readonly TileKey[],
  places: ReadonlyMap<TileKey, Place>,
): TileKey | undefined {
  if (pressed === 'Home') return keys[0];
  if (pressed === 'End') return keys.at(-1);
  const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[pressed];
  const start = places.get(from);
  if (!way || !start) return undefined;
  const [x = 0, y = 0] = way;
  const middle = (place: Place): [number, number] => [
    place.xPx + place.widthPx / 2,
    place.yPx + place.heightPx / 2,
  ];
  const [startX, startY] = middle(start);
  let best: TileKey | undefined;
  let bestPx = Infinity;
  for (const key of keys) {
    const place = places.get(key);
    if (!place || key === from) continue;
    const [toX, toY] = middle(place);
    const along = (toX - startX) * x + (toY - startY) * y;
    if (along < 2) continue;
    const across = Math.abs((toX - startX) * y) + Math.abs((toY - startY) * x);
    const px = along + across * 2;
    if (px < bestPx) {
      bestPx = px;
      best = key;
    }
  }
  return best;
}
