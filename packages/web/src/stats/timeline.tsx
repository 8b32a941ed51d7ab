/** Time from left to right: who was in a slot, and rates as lines. SVG in per cent, so that it fits any width. */
import { customProperties } from '../customProperties.js';
import { niceCeiling } from './format.js';
import { WINDOW_MS, type History, type Lane, type Owner, type Point, type Span } from './history.js';

/** A name is written where a span is at least so long; shorter ones say it when pointed at. */
const NAMED_MS = 9_000;
const MINUTE_MS = 60_000;

const position = (atMs: number, nowMs: number): number =>
  Math.min(100, Math.max(0, 100 - (100 * (nowMs - atMs)) / WINDOW_MS));

const minuteAt = (minutesAgo: number): number => 100 - (100 * minutesAgo * MINUTE_MS) / WINDOW_MS;

export function describe(span: Span, owner: Owner | undefined): string {
  if (span.csrc === undefined) return 'nobody';
  const name = owner?.name ?? 'somebody';
  const screen = owner?.source === 'screen' || owner?.source === 'screenSound' ? ' (screen)' : '';
  return `${name}${screen}${span.dark ? ', held back' : ''}`;
}

export function LaneTimeline({ lane, history, label }: { lane: Lane; history: History; label: string }) {
  const nowMs = history.atMs;
  const spans = lane.spans.filter(({ csrc }) => csrc !== undefined);
  const last = lane.spans.at(-1);
  const present = last
    ? describe(last, last.csrc === undefined ? undefined : history.owners.get(last.csrc))
    : 'nobody';
  return (
    <svg className="lane" role="img" aria-label={`${label}: now ${present}`} data-testid="lane">
      <rect className="lane-ground" width="100%" height="100%" rx="4" />
      <MinuteMarks />
      {spans.map((span) => {
        const from = position(span.fromMs, nowMs);
        const width = Math.max(0.3, position(span.toMs, nowMs) - from);
        const owner = span.csrc === undefined ? undefined : history.owners.get(span.csrc);
        const text = describe(span, owner);
        const seconds = Math.max(1, Math.round((span.toMs - span.fromMs) / 1000));
        return (
          <svg key={span.fromMs} x={`${from}%`} width={`${width}%`} height="100%">
            <g
              className={`span${span.loudest ? ' span-loudest' : ''}${span.dark ? ' span-dark' : ''}`}
              style={customProperties({ '--hue': history.hues.get(owner?.key ?? '') ?? 0 })}
            >
              <title>{`${text}, ${seconds} s`}</title>
              <rect width="100%" height="100%" />
              {span.loudest && <rect className="span-mark" width="100%" height="3" />}
              {span.toMs - span.fromMs >= NAMED_MS && (
                <text x="6" y="50%" dominantBaseline="central" aria-hidden="true">
                  {text}
                </text>
              )}
            </g>
          </svg>
        );
      })}
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
