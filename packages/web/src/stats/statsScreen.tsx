/** A room's figures, drawn: who sends what, what each receiver gets of it, and how the ways between them are. */
import { useEffect, useMemo, useRef, useState, type ReactNode } from 'react';
import { customProperties } from '../customProperties.js';
import { Wordmark } from '../parts.js';
import { bitRate, lossTone, milliseconds, percent } from './format.js';
import { add, EMPTY, type History } from './history.js';
import { PersonCard } from './personCard.js';
import { keyOf, nameOf, worstLoss, type RoomStats } from './roomStats.js';
import { LaneTimeline, TimeAxis } from './timeline.js';
import { TokenForm } from './tokenForm.js';
import { usePolledStats, type Polled } from './usePolledStats.js';

export function StatsScreen({ room, token: given }: { room: string; token: string | undefined }) {
  const [token, setToken] = useState(given);
  const [paused, setPaused] = useState(false);
  const polled = usePolledStats(room, token, paused);
  const stats = 'stats' in polled ? polled.stats : undefined;
  const history = useHistory(stats);

  useEffect(() => {
    document.title = `${room}, figures · Tertulia`;
  }, [room]);

  const useToken = (next: string): void => {
    // As in an invitation: never sent with the address, kept when the page is loaded again.
    window.history.replaceState(null, '', `#token=${encodeURIComponent(next)}`);
    setToken(next);
  };

  if (polled.t === 'token')
    return (
      <div className="front">
        <header className="front-top">
          <Wordmark />
        </header>
        <TokenForm room={room} wrong={polled.wrong} onToken={useToken} />
      </div>
    );
  return (
    <div className="stats" data-testid="stats">
      <header className="stats-top">
        <Wordmark />
        <div className="stats-title">
          <h1>{room}</h1>
          <State polled={polled} paused={paused} />
        </div>
        {stats && (
          <button className="button quiet" onClick={() => setPaused(!paused)} data-testid="pause">
            {paused ? 'Go on' : 'Pause'}
          </button>
        )}
      </header>
      <main className="stats-main">
        {stats && polled.t !== 'empty' ? (
          <>
            <Summary stats={stats} />
            <Loudest stats={stats} history={history} />
            {stats.sessions.map((session, at) => {
              const key = keyOf(session, at);
              return (
                <PersonCard key={key} sessionKey={key} session={session} stats={stats} history={history} />
              );
            })}
          </>
        ) : (
          <p className="stats-nothing">
            {polled.t === 'empty' ? 'Nobody is in this room. The figures appear when somebody comes.' : ''}
          </p>
        )}
      </main>
    </div>
  );
}

/** Each answer is added once, whatever else the page does. */
function useHistory(stats: RoomStats | undefined): History {
  const history = useRef(EMPTY);
  return useMemo(() => {
    if (stats) history.current = add(history.current, stats);
    return history.current;
  }, [stats]);
}

function State({ polled, paused }: { polled: Polled; paused: boolean }) {
  const [tone, text] = paused
    ? ['paused', 'paused']
    : polled.t === 'live'
      ? ['live', 'live']
      : polled.t === 'silent'
        ? ['silent', 'the server does not answer; trying again']
        : polled.t === 'empty'
          ? ['paused', 'nobody is there']
          : ['paused', 'loading'];
  return (
    <p className={`state state-${tone}`} role="status" data-testid="state">
      <i aria-hidden="true" />
      {text}
    </p>
  );
}

function Summary({ stats: { sessions } }: { stats: RoomStats }) {
  const people = sessions.filter(({ participantId }) => participantId !== undefined).length;
  const others = sessions.length - people;
  const sources = sessions.flatMap((session) => session.sources).filter(({ muted }) => !muted).length;
  const sum = (of: (session: RoomStats['sessions'][number]) => number | undefined): number =>
    sessions.reduce((total, session) => total + (of(session) ?? 0), 0);
  const roundTrips = sessions.flatMap(({ transport }) => transport?.roundTripMs ?? []);
  const loss = Math.max(0, ...sessions.map((session) => worstLoss(session) ?? 0));
  return (
    <dl className="summary">
      <Figure name="People">
        {people}
        {others > 0 && <small> + {others} watching</small>}
      </Figure>
      <Figure name="Sources that are on">{sources}</Figure>
      <Figure name="Comes in">{bitRate(sum(({ transport }) => transport?.receivedBitsPerSecond))}</Figure>
      <Figure name="Goes out">{bitRate(sum(({ transport }) => transport?.sentBitsPerSecond))}</Figure>
      <Figure name="Longest round trip">
        {roundTrips.length > 0 ? milliseconds(Math.max(...roundTrips)) : '–'}
      </Figure>
      <Figure name="Worst loss">
        <span className={`tone-${lossTone(loss)}`}>{percent(loss)}</span>
      </Figure>
    </dl>
  );
}

function Figure({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Loudest({ stats, history }: { stats: RoomStats; history: History }) {
  return (
    <section className="loudest" aria-label="Who is the loudest">
      <h2>Who is the loudest</h2>
      <LaneTimeline lane={history.loudest} history={history} label="Loudest" />
      <TimeAxis />
      <ul className="legend">
        {stats.sessions.map((session, at) => {
          const key = keyOf(session, at);
          if (session.sources.length === 0) return null;
          return (
            <li key={key} style={customProperties({ '--hue': history.hues.get(key) ?? 0 })}>
              <i aria-hidden="true" />
              {nameOf(session)}
            </li>
          );
        })}
      </ul>
    </section>
  );
}
