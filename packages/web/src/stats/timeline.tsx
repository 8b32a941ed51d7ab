/** Time from left to right: who was in a slot, and rates as lines. SVG in per cent, so that it fits any width. */
import { customProperties } from '../customProperties.js';
import { initials } from '../person.js';
import { niceCeiling } from './format.js';
import { useWidth } from './useWidth.js';
import { WINDOW_MS, type History, type Lane, type Owner, type Point, type Span } from './history.js';

/** A name is written where it fits, else its initials; where those do not fit either it is said when pointed at. */
const CHARACTER_PIXELS = 7;
const TEXT_MARGIN_PIXELS = 10;
const MINUTE_MS = 60_000;

const position = (atMs: number, nowMs: number): number =>
  Math.min(100, Math.max(0, 100 - (100 * (nowMs - atMs)) / WINDOW_MS));

const minuteAt = (minutesAgo: number): number => 100 - (100 * minutesAgo * MINUTE_MS) / WINDOW_MS;

/** Spans of one person that follow each other: one name, and inside it what differs. */
interface Run {
  readonly csrc: number;
  readonly spans: readonly Span[];
}

function runsOf(lane: Lane): Run[] {
  const runs: { csrc: number; spans: Span[] }[] = [];
  for (const span of lane.spans) {
    if (span.csrc === undefined) continue;
    const last = runs.at(-1);
    if (last?.csrc === span.csrc && last.spans.at(-1)!.toMs === span.fromMs) last.spans.push(span);
    else runs.push({ csrc: span.csrc, spans: [span] });
  }
  return runs;
}

export function describe(owner: Owner | undefined): string {
  const name = owner?.name ?? 'somebody';
  return owner?.source === 'screen' || owner?.source === 'screenSound' ? `${name} (screen)` : name;
}

function fitting(name: string, pixels: number): string {
  const fits = (text: string): boolean => text.length * CHARACTER_PIXELS + TEXT_MARGIN_PIXELS <= pixels;
  return [name, initials(name)].find(fits) ?? '';
}

export function LaneTimeline({ lane, history, label }: { lane: Lane; history: History; label: string }) {
  const [ground, pixels] = useWidth<SVGSVGElement>();
  const ownerOf = (csrc: number): Owner | undefined => history.owners.get(csrc);
  const last = lane.spans.at(-1);
  const present = last?.csrc === undefined ? 'nobody' : describe(ownerOf(last.csrc));
  return (
    <svg
      ref={ground}
      className="lane"
      role="img"
      aria-label={`${label}: now ${present}${last?.dark ? ', held back' : ''}`}
      data-testid="lane"
    >
      <rect className="lane-ground" width="100%" height="100%" rx="4" />
      <MinuteMarks />
      {runsOf(lane).map((run) => (
        <RunShape
          key={run.spans[0]!.fromMs}
          run={run}
          owner={ownerOf(run.csrc)}
          history={history}
          pixelsPerPercent={pixels / 100}
        />
      ))}
    </svg>
  );
}

function RunShape({
  run: { spans },
  owner,
  history,
  pixelsPerPercent,
}: {
  run: Run;
  owner: Owner | undefined;
  history: History;
  pixelsPerPercent: number;
}) {
  const [fromMs, toMs] = [spans[0]!.fromMs, spans.at(-1)!.toMs];
  const from = position(fromMs, history.atMs);
  const width = Math.max(0.3, position(toMs, history.atMs) - from);
  const text = describe(owner);
  const seconds = Math.max(1, Math.round((toMs - fromMs) / 1000));
  const held = spans.some(({ dark }) => dark) ? ', held back' : '';
  /** Of a part, within the run. */
  const part = (span: Span): { x: string; width: string } => {
    const start = position(span.fromMs, history.atMs);
    const length = Math.max(0.3, position(span.toMs, history.atMs) - start);
    return { x: `${(100 * (start - from)) / width}%`, width: `${(100 * length) / width}%` };
  };
  return (
    <svg x={`${from}%`} width={`${width}%`} height="100%">
      <g className="span" style={customProperties({ '--hue': history.hues.get(owner?.key ?? '') ?? 0 })}>
        <title>{`${text}${held}, ${seconds} s`}</title>
        {spans.map((span) => (
          <g key={span.fromMs}>
            <rect {...part(span)} height="100%" className={span.dark ? 'span-dark' : ''} />
            {span.loudest && <rect {...part(span)} height="3" className="span-mark" />}
          </g>
        ))}
        <text x="6" y="50%" dominantBaseline="central" aria-hidden="true">
          {fitting(text, width * pixelsPerPercent)}
        </text>
      </g>
    </svg>
  );
}

function MinuteMarks() {
  return [1, 2].map((minutes) => {
    const x = `${minuteAt(minutes)}%`;
    return <line key={minutes} className="minute" x1={x} x2={x} y1="0" y2="100%" />;
  });
}

export function TimeAxis() {
  return (
    <svg className="axis" aria-hidden="true">
      <text x="0" y="11">
        3 min ago
      </text>
      {[2, 1].map((minutes) => (
        <text key={minutes} x={`${minuteAt(minutes)}%`} y="11" textAnchor="middle">
          {minutes} min
        </text>
      ))}
      <text x="100%" y="11" textAnchor="end">
        now
      </text>
    </svg>
  );
}

export interface Line {
  name: string;
  points: readonly Point[];
  /** Filled down to the ground. */
  area?: boolean;
}

/** Lines on one scale. @param format what the scale's end is called */
export function Chart({
  lines,
  nowMs,
  label,
  format,
  least,
}: {
  lines: readonly Line[];
  nowMs: number;
  label: string;
  format: (value: number) => string;
  /** The scale's end is at least this, so that noise does not look like much. */
  least: number;
}) {
  const top = niceCeiling(
    Math.max(least, ...lines.flatMap(({ points }) => points.map(({ value }) => value))),
  );
  return (
    <div className="chart">
      <svg viewBox="0 0 100 100" preserveAspectRatio="none" role="img" aria-label={label}>
        <rect className="lane-ground" width="100" height="100" />
        {[1, 2].map((minutes) => {
          const x = minuteAt(minutes);
          return <line key={minutes} className="minute" x1={x} x2={x} y1="0" y2="100" />;
        })}
        {lines.map(({ name, points, area }) => {
          const at = points.map(
            ({ atMs, value }) =>
              `${position(atMs, nowMs).toFixed(2)},${(100 - (100 * value) / top).toFixed(2)}`,
          );
          if (at.length === 0) return null;
          const [first, last] = [at[0]!.split(',')[0], at.at(-1)!.split(',')[0]];
          return (
            <g key={name} className={`line line-${name}`}>
              {area && <path className="line-area" d={`M${first},100 L${at.join(' L')} L${last},100 Z`} />}
              <path className="line-stroke" d={`M${at.join(' L')}`} />
            </g>
          );
        })}
      </svg>
      <span className="chart-top">{format(top)}</span>
    </div>
  );
}
