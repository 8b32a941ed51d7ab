/** Everybody who is here, by name: who is muted, who is seen, who shares. In a large room this is where one finds somebody. */
import { useEffect, useMemo, useRef, useState } from 'react';
import type { Participant } from '@tertulia/client';
import { tileKey, type TileKey } from './arrange.js';
import { isVoice, type CallSnapshot } from './calls.js';
import { CameraIcon, MicrophoneIcon, MutedIcon, PinIcon, ScreenIcon } from './icons.js';
import { Avatar, PanelHead } from './parts.js';

interface Props {
  snapshot: CallSnapshot;
  pinned: TileKey | undefined;
  onPin: (key: TileKey) => void;
  onClose: () => void;
}

/** From so many on a name is faster found by typing than by looking. */
const SEARCH_FROM = 12;
/** As in the styles: there the list covers the tiles, and what was pinned could not be seen. */
const COVERS_STAGE = '(max-width: 820px)';

const byName = new Intl.Collator(undefined, { numeric: true }).compare;

export function PeoplePanel({ snapshot, pinned, onPin, onClose }: Props) {
  const { participants, audioSlots } = snapshot;
  const [wanted, setWanted] = useState('');
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    heading.current?.focus();
  }, []);

  const sorted = useMemo(
    () =>
      [...participants].sort(
        (a, b) => Number(b.self) - Number(a.self) || byName(a.displayName, b.displayName),
      ),
    [participants],
  );
  const searches = participants.length >= SEARCH_FROM;
  const shown = searches ? sorted.filter(({ displayName }) => contains(displayName, wanted)) : sorted;
  const pinPerson = (key: TileKey): void => {
    onPin(key);
    if (pinned !== key && window.matchMedia(COVERS_STAGE).matches) onClose();
  };

  return (
    <aside
      className="side-panel people"
      id="people"
      aria-label="People"
      data-testid="people"
      onKeyDown={(event) => event.key === 'Escape' && onClose()}
    >
      <PanelHead title="People" closeLabel="Close the list" onClose={onClose} heading={heading} />
      {searches && (
        <div className="people-search">
          <input
            type="search"
            value={wanted}
            onChange={(event) => setWanted(event.target.value)}
            placeholder="Find a name"
            aria-label="Find a name"
            autoComplete="off"
            data-testid="people-search"
          />
        </div>
      )}
      <ul className="people-list" aria-label="Names">
        {shown.map((participant) => {
          const key = tileKey(participant.participantId, false);
          return (
            <Row
              key={key}
              participant={ownNow(participant, snapshot)}
              speaking={audioSlots.some(
                (slot) =>
                  slot.speaking &&
                  slot.participant?.participantId === participant.participantId &&
                  isVoice(slot),
              )}
              pinned={pinned === key}
              canPin={participants.length > 1}
              onPin={() => pinPerson(key)}
            />
          );
        })}
        {shown.length === 0 && <li className="people-none">Nobody here has that name.</li>}
      </ul>
    </aside>
  );
}

interface RowProps {
  participant: Participant;
  speaking: boolean;
  pinned: boolean;
  canPin: boolean;
  onPin: () => void;
}

function Row({ participant, speaking, pinned, canPin, onPin }: RowProps) {
  const { displayName, self, muted, cameraOn, screenOn } = participant;
  const states = [self && 'you', muted && 'muted', cameraOn && 'camera on', screenOn && 'shares a screen'];
  return (
    <li className="one-person" data-speaking={speaking} data-testid="one-person">
      <Avatar name={displayName} size="s" />
      <span className="one-name" title={displayName}>
        {displayName}
      </span>
      {self && (
        <span className="one-self" aria-hidden="true">
          you
        </span>
      )}
      <span className="visually-hidden">
        {states
          .filter(Boolean)
          .map((state) => `, ${state}`)
          .join('')}
      </span>
      <span className="one-states" aria-hidden="true">
        {screenOn && <ScreenIcon />}
        {cameraOn && <CameraIcon />}
        {muted ? <MutedIcon /> : <MicrophoneIcon />}
      </span>
      {canPin && (
        <button
          type="button"
          className="button icon-only quiet"
          aria-label={`${pinned ? 'Unpin' : 'Pin'} ${displayName}`}
          aria-pressed={pinned}
          title={pinned ? 'Unpin' : 'Pin: this person stays large'}
          onClick={onPin}
        >
          <PinIcon />
        </button>
      )}
    </li>
  );
}

/** What the own buttons show counts at once; the server says it a moment later. */
const ownNow = (participant: Participant, { muted, cameraOn, screenOn }: CallSnapshot): Participant =>
  participant.self ? { ...participant, muted, cameraOn, screenOn } : participant;

/** Accents and capitals do not matter to who types in a hurry. */
const plain = (text: string): string =>
  text.normalize('NFKD').replace(/\p{M}/gu, '').toLocaleLowerCase().trim();
const contains = (name: string, wanted: string): boolean => plain(name).includes(plain(wanted));
