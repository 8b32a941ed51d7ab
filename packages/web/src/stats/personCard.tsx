/** One connection: what it is like, what the person sends, what they get. */
import { customProperties } from '../customProperties.js';
import { initials } from '../person.js';
import { bitRate, count, lossTone, milliseconds, percent } from './format.js';
import { readDrops } from './drops.js';
import type { History } from './history.js';
import { Receives } from './receives.js';
import { nameOf, worstLoss, type RoomStats, type SessionFigures } from './roomStats.js';
import { Sources } from './sources.js';

export function PersonCard({
  sessionKey,
  session,
  stats,
  history,
}: {
  sessionKey: string;
  session: SessionFigures;
  stats: RoomStats;
  history: History;
}) {
  const name = nameOf(session);
  return (
    <section
      className="person"
      style={customProperties({ '--hue': history.hues.get(sessionKey) ?? 0 })}
      aria-label={name}
      data-testid="person"
    >
      <header className="person-head">
        <span className="avatar avatar-s" aria-hidden="true">
          {initials(name)}
        </span>
        <h2 title={session.participantId}>{name}</h2>
        {!session.connected && <span className="chip">connecting</span>}
        <Connection session={session} />
      </header>
      <div className="person-columns">
        <div>
          <h3>Sends</h3>
          <Sources sources={session.sources} />
          <Drops drops={session.transport?.drops ?? {}} />
        </div>
        <div>
          <h3>Gets</h3>
          <Receives sessionKey={sessionKey} session={session} name={name} stats={stats} history={history} />
        </div>
      </div>
    </section>
  );
}

function Connection({ session }: { session: SessionFigures }) {
  const { transport } = session;
  if (!transport) return null;
  const worst = worstLoss(session);
  return (
    <p className="connection">
      {transport.protocol !== undefined && <span>{transport.protocol.toUpperCase()}</span>}
      {transport.roundTripMs !== undefined && <span>round trip {milliseconds(transport.roundTripMs)}</span>}
      {worst !== undefined && <span className={`tone-${lossTone(worst)}`}>{percent(worst)} lost</span>}
      <span>sends {bitRate(transport.receivedBitsPerSecond)}</span>
      <span>gets {bitRate(transport.sentBitsPerSecond)}</span>
    </p>
  );
}

function Drops({ drops }: { drops: Readonly<Record<string, number>> }) {
  const { rows, real, reasons } = readDrops(drops);
  if (rows.length === 0) return null;
  return (
    <details className="drops" data-testid="drops">
      <summary>
        Dropped: {count(real)} {reasons.length > 1 ? `for ${reasons.length} reasons` : reasons[0]}
      </summary>
      <dl>
        {rows.map(({ reason, packets, harmless }) => (
          <div key={reason}>
            <dt>
              {reason}
              {harmless && <span className="harmless"> harmless</span>}
            </dt>
            <dd>{count(packets)}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}
