/** The grid of people, sized so that everybody fits where that is possible. */
import { useLayoutEffect, useRef, useState } from 'react';
import type { AudioSlot, Participant } from '@tertulia/client';
import type { CallHandle } from './calls.js';
import { customProperties } from './customProperties.js';
import { chooseGrid, TILE } from './grid.js';
import { useSpeaking } from './levels.js';
import { Tile } from './tile.js';

interface Props {
  call: CallHandle;
  participants: readonly Participant[];
  slots: readonly AudioSlot[];
  muted: boolean;
}

export function Stage({ call, participants, slots, muted }: Props) {
  const list = useRef<HTMLUListElement>(null);
  const [size, setSize] = useState({ widthPx: 0, heightPx: 0 });
  useLayoutEffect(() => {
    const node = list.current;
    if (!node) return;
    const measure = (): void => setSize({ widthPx: node.clientWidth, heightPx: node.clientHeight });
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(node);
    return () => observer.disconnect();
  }, []);

  const selfSpeaking = useSpeaking(() => call.microphoneLevel) && !muted;
  // Oneself first, then by time of joining: nobody moves while somebody speaks.
  const ordered = [...participants].sort((a, b) => Number(b.self) - Number(a.self));
  const grid = chooseGrid(ordered.length, size.widthPx, size.heightPx);
  return (
    <ul
      ref={list}
      className="tiles"
      aria-label="People in the call"
      data-testid="tiles"
      data-scrolls={grid.scrolls}
      tabIndex={grid.scrolls ? 0 : undefined}
      style={customProperties({
        '--columns': grid.columns,
        '--tile-width': `${grid.tileWidthPx}px`,
        '--tile-height': `${grid.tileHeightPx}px`,
        '--tile-gap': `${TILE.gapPx}px`,
        '--avatar': `${Math.round(Math.min(grid.tileWidthPx, grid.tileHeightPx) * 0.42)}px`,
      })}
    >
      {ordered.map((participant) => {
        const { participantId, self } = participant;
        const slot = slots.find((one) => one.participant?.participantId === participantId);
        return (
          <Tile
            key={participantId}
            participant={participant}
            muted={self ? muted : participant.muted}
            speaking={self ? selfSpeaking : (slot?.speaking ?? false)}
            loudest={slot?.loudest ?? false}
            amplitude={() => (self ? call.microphoneLevel : (call.audioSlots[slot?.index ?? -1]?.level ?? 0))}
          />
        );
      })}
    </ul>
  );
}
