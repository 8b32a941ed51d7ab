/** What a person gets: who was in which of their slots, at what rate, and what was lost on the way. */
import type { ReactNode } from 'react';
import { bitRate, percent } from './format.js';
import type { History, Lane } from './history.js';
import type { RoomStats, SessionFigures, SlotFigures } from './roomStats.js';
import { Chart, LaneTimeline, TimeAxis } from './timeline.js';

interface Props {
  sessionKey: string;
  session: SessionFigures;
  name: string;
  stats: RoomStats;
  history: History;
}

export function Receives({ sessionKey, session, name, stats, history }: Props) {
  const remembered = history.sessions.get(sessionKey);
  if (!remembered || session.slots.length === 0) return <p className="hint">Receives nothing.</p>;
  const { transport } = session;
  const { lines, lanes } = remembered;
  // Nine empty pictures say nothing nine times.
  const isUsed = ({ spans }: Lane): boolean => spans.some(({ csrc }) => csrc !== undefined);
  const used = [...lanes].filter(([, lane]) => isUsed(lane));
  const free = [...lanes.values()].filter((lane) => !isUsed(lane));
  const sent = bitRate(transport?.sentBitsPerSecond ?? 0);
  const possible = transport?.availableOutgoingBitsPerSecond;
  const lost = percent(lines.lost.at(-1)?.value ?? 0);
  return (
    <>
      {used.map(([key, lane]) => (
        <Row
          key={key}
          label={laneName(lane)}
          now={<Now lane={lane} slots={session.slots} stats={stats} history={history} />}
        >
          <LaneTimeline lane={lane} history={history} label={laneName(lane)} />
        </Row>
      ))}
      {free.length > 0 && <p className="free">{freeSlots(free)}</p>}
      <Row
        label="Rate"
        now={
          <>
            <Key line="sent">{sent} sent</Key>
            {possible !== undefined && <Key line="available">{bitRate(possible)} possible</Key>}
          </>
        }
      >
        <Chart
          label={`Rate to ${name}: now ${sent}${possible === undefined ? '' : ` of ${bitRate(possible)}`}`}
          lines={[
            { name: 'sent', points: lines.sent, area: true },
            { name: 'available', points: lines.available },
          ]}
          nowMs={history.atMs}
          format={bitRate}
          least={100_000}
        />
      </Row>
      <Row label="Loss" now={<Key line="lost">{lost} lost</Key>}>
        <Chart
          label={`Loss on the way to ${name}: now ${lost}`}
          lines={[{ name: 'lost', points: lines.lost, area: true }]}
          nowMs={history.atMs}
          format={percent}
          least={0.05}
        />
      </Row>
      <Row label="" now="">
        <TimeAxis />
      </Row>
    </>
  );
}

function Row({ label, now, children }: { label: string; now: ReactNode; children: ReactNode }) {
  return (
    <div className="lane-row">
      <span className="lane-label">{label}</span>
      {children}
      <span className="lane-now">{now}</span>
    </div>
  );
}

function Key({ line, children }: { line: string; children: ReactNode }) {
  return (
    <span className="key">
      <i className={`key-${line}`} aria-hidden="true" />
      <span>{children}</span>
    </span>
  );
}

const laneName = ({ kind, slot }: Lane): string => `${kind === 'audio' ? 'Voice' : 'Picture'} ${slot + 1}`;

function freeSlots(free: readonly Lane[]): string {
  const named = (kind: 'audio' | 'video', one: string, many: string): string[] => {
    const number = free.filter((lane) => lane.kind === kind).length;
    return number === 0 ? [] : [`${number} ${number === 1 ? one : many}`];
  };
  return `Free: ${[...named('audio', 'voice', 'voices'), ...named('video', 'picture', 'pictures')].join(', ')}`;
}

/** What goes out on a slot at present. */
function Now({
  lane: { kind, slot: number },
  slots,
  stats,
  history,
}: {
  lane: Lane;
  slots: readonly SlotFigures[];
  stats: RoomStats;
  history: History;
}) {
  const slot = slots.find((one) => one.kind === kind && one.slot === number);
  const owner = slot?.csrc === undefined ? undefined : history.owners.get(slot.csrc);
  if (!slot || !owner) return '–';
  const size = sizeOf(slot, stats);
  return (
    <>
      <strong>{owner.name}</strong>
      {slot.dark ? (
        <span className="tone-poor">held back</span>
      ) : (
        <>
          {size !== undefined && <span>{size}</span>}
          <span>{bitRate(slot.bitsPerSecond)}</span>
        </>
      )}
    </>
  );
}

/** Of the layer that goes out; with layers in one stream only their numbers are known. */
function sizeOf(
  { csrc, kind, spatialLayer, temporalLayer }: SlotFigures,
  stats: RoomStats,
): string | undefined {
  if (kind === 'audio') return undefined;
  const source = stats.sessions.flatMap(({ sources }) => sources).find((one) => one.csrc === csrc);
  const { width, height } =
    (source?.layers.length === 1 && spatialLayer === undefined ? source.layers[0] : undefined) ??
    (source && source.layers.length > 1 ? source.layers[spatialLayer ?? 0] : undefined) ??
    {};
  if (width !== undefined && height !== undefined) return `${width} × ${height}`;
  return spatialLayer === undefined ? undefined : `layer ${spatialLayer}.${temporalLayer ?? 0}`;
}
