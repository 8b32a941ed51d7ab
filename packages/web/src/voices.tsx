/** The audio slots: whose voices come in now. With a hundred people in a room this is where one sees who speaks. */
import { useRef } from 'react';
import type { AudioSlot } from '@tertulia/client';
import { isVoice, type CallHandle } from './calls.js';
import { motion, useLevelStyle } from './levels.js';
import { Avatar } from './parts.js';

export function Voices({ call, slots }: { call: CallHandle; slots: readonly AudioSlot[] }) {
  if (slots.length === 0) return null;
  return (
    <ul className="voices" aria-label="Voices you hear now" data-testid="voices">
      {slots.map((slot) => (
        <Voice key={slot.index} call={call} slot={slot} />
      ))}
    </ul>
  );
}

function Voice({ call, slot }: { call: CallHandle; slot: AudioSlot }) {
  const { index, participant, csrc, speaking, loudest } = slot;
  const node = useRef<HTMLLIElement>(null);
  const amplitude = (): number => call.audioSlots[index]?.level ?? 0;
  useLevelStyle(node, speaking ? motion(amplitude) : undefined);
  const owner = participant?.displayName ?? (csrc === undefined ? undefined : 'Somebody');
  const name = owner !== undefined && participant && !isVoice(slot) ? `${owner}: screen` : owner;
  return (
    <li
      ref={node}
      className="voice"
      data-empty={name === undefined}
      data-speaking={speaking}
      data-loudest={speaking && loudest}
      data-csrc={csrc}
      data-participant={participant?.participantId}
      data-testid={`slot-${index}`}
    >
      {name === undefined ? (
        <span className="visually-hidden">free</span>
      ) : (
        <>
          <Avatar name={owner ?? name} size="s" />
          <span className="voice-name">{name}</span>
          <span className="visually-hidden">{speaking ? ', speaking' : ', silent'}</span>
        </>
      )}
    </li>
  );
}
