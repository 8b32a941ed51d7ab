/** One person or one shared screen. A click makes it large, and equal again. */
import { useRef, useState, type KeyboardEvent } from 'react';
import type { Participant } from '@tertulia/client';
import type { Place, TileKey } from './arrange.js';
import { customProperties } from './customProperties.js';
import { MutedIcon, PinIcon, ScreenIcon, SlowIcon } from './icons.js';
import { motion, useLevelStyle } from './levels.js';
import { Avatar } from './parts.js';
import { hue } from './person.js';
import { Picture } from './picture.js';

interface Props {
  tileKey: TileKey;
  participant: Participant;
  screen: boolean;
  /** Absent: there is no room for it now; screen readers still have it in the list. */
  place: Place | undefined;
  stream: MediaStream | undefined;
  /** Their camera is on and its picture does not get through. */
  dark: boolean;
  mirrored: boolean;
  muted: boolean;
  speaking: boolean;
  /** Of everybody who speaks, the loudest of the room. */
  loudest: boolean;
  pinned: boolean;
  canPin: boolean;
  /** The one tile that the Tab key stops at; the arrow keys go on from there. */
  tabStop: boolean;
  amplitude: () => number;
  onPin: (key: TileKey) => void;
  onFocus: (key: TileKey) => void;
  onMove: (key: TileKey, event: KeyboardEvent) => void;
  onAspect: (key: TileKey, aspect: number) => void;
}

export function Tile(props: Props) {
  const { tileKey, participant, screen, place, stream, mirrored, muted, speaking, loudest, pinned } = props;
  const node = useRef<HTMLLIElement>(null);
  const [pictured, setPictured] = useState(false);
  useLevelStyle(node, speaking ? motion(props.amplitude) : undefined);
  const { displayName, participantId, self } = participant;
  const name = screen ? (self ? 'Your screen' : `${displayName}: screen`) : displayName;
  const states = screen
    ? ''
    : [self && 'you', muted && 'muted', speaking && 'speaking'].filter(Boolean).join(', ');
  return (
    <li
      ref={node}
      className="tile"
      style={customProperties({
        '--hue': hue(displayName),
        ...(place && {
          '--x': `${place.xPx}px`,
          '--y': `${place.yPx}px`,
          '--w': `${place.widthPx}px`,
          '--h': `${place.heightPx}px`,
          '--avatar': `${avatarPx(place)}px`,
        }),
      })}
      data-role={place?.role ?? 'none'}
      data-kind={screen ? 'screen' : 'person'}
      data-self={self && !screen}
      data-pictured={pictured}
      data-pinned={pinned}
      data-speaking={speaking && !screen}
      data-loudest={speaking && loudest && !screen}
      data-testid={screen ? 'screen-tile' : 'tile'}
      data-participant={participantId}
    >
      {screen ? (
        <span className="screen-waiting" aria-hidden="true">
          <ScreenIcon />
        </span>
      ) : (
        <Avatar name={displayName} size="l" />
      )}
      {place && (
        <Picture
          stream={stream}
          kind={screen ? 'screen' : 'camera'}
          mirrored={mirrored}
          widthPx={place.widthPx}
          heightPx={place.heightPx}
          onShown={setPictured}
          onAspect={(aspect) => props.onAspect(tileKey, aspect)}
        />
      )}
      {place && props.canPin && (
        <button
          type="button"
          className="tile-pin"
          aria-label={`${pinned ? 'Unpin' : 'Pin'} ${name}`}
          aria-pressed={pinned}
          tabIndex={props.tabStop ? 0 : -1}
          onClick={() => props.onPin(tileKey)}
          onFocus={() => props.onFocus(tileKey)}
          onKeyDown={(event) => props.onMove(tileKey, event)}
          data-tile={tileKey}
          data-testid="pin"
        >
          <span className="pin-mark" aria-hidden="true">
            <PinIcon />
          </span>
        </button>
      )}
      <span className="plate">
        <span className="plate-name" title={name}>
          {name}
        </span>
        {self && !screen && (
          <span className="plate-self" aria-hidden="true">
            you
          </span>
        )}
        {muted && !screen && <MutedIcon />}
        {props.dark && !pictured && (
          <span className="plate-dark" title="Your connection is too slow for this picture now">
            <SlowIcon />
          </span>
        )}
        {states && <span className="visually-hidden">, {states}</span>}
      </span>
    </li>
  );
}

/** The circle grows with the tile, and not beyond what a circle with two letters can bear. */
const avatarPx = ({ widthPx, heightPx, role }: Place): number =>
  Math.round(Math.min(Math.min(widthPx, heightPx) * (role === 'corner' ? 0.36 : 0.42), 168));
