/** One person in the grid. */
import { useRef } from 'react';
import type { Participant } from '@tertulia/client';
import { customProperties } from './customProperties.js';
import { MutedIcon } from './icons.js';
import { motion, useLevelStyle } from './levels.js';
import { Avatar } from './parts.js';
import { hue } from './person.js';

interface Props {
  participant: Participant;
  muted: boolean;
  speaking: boolean;
  /** Of everybody who speaks, the loudest of the room. */
  loudest: boolean;
  amplitude: () => number;
}

export function Tile({ participant, muted, speaking, loudest, amplitude }: Props) {
  const node = useRef<HTMLLIElement>(null);
  useLevelStyle(node, speaking ? motion(amplitude) : undefined);
  const { displayName, participantId, self } = participant;
  const states = [self && 'you', muted && 'muted', speaking && 'speaking'].filter(Boolean).join(', ');
  return (
    <li
      ref={node}
      className="tile"
      style={customProperties({ '--hue': hue(displayName) })}
      data-speaking={speaking}
      data-loudest={speaking && loudest}
      data-testid="tile"
      data-participant={participantId}
    >
      <Avatar name={displayName} size="l" />
      <span className="plate">
        <span className="plate-name" title={displayName}>
          {displayName}
        </span>
        {self && (
          <span className="plate-self" aria-hidden="true">
            you
          </span>
        )}
        {muted && <MutedIcon />}
        {states && <span className="visually-hidden">, {states}</span>}
      </span>
    </li>
  );
}
