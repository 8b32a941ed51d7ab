/** Link, target and queue over time as a small SVG: panels side by side. */
export interface Panel {
  title: string;
  seconds: number;
  mostMegabits: number;
  /** Ten values a second, as the two below. */
  limit: readonly number[];
  target: readonly number[];
  queueMs: readonly number[];
}

const WIDTH = 380;
const HEIGHT = 200;
const LEFT = 40;
const TOP = 30;
const GAP = 60;
const QUEUE_MOST_MS = 400;

export function chartOf(panels: readonly Panel[]): string {
  const width = LEFT + panels.length * (WIDTH + GAP);
  const parts = panels.map((panel, at) => drawPanel(panel, LEFT + at * (WIDTH + GAP)));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${TOP + HEIGHT + 50}" font-family="sans-serif" font-size="11">`,
    `<rect width="100%" height="100%" fill="#fff"/>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}

function drawPanel({ title, seconds, mostMegabits, limit, target, queueMs }: Panel, left: number): string {
  const x = (at: number): number => left + (at / (seconds * 10)) * WIDTH;
  const y = (value: number, most: number): number => TOP + HEIGHT * (1 - Math.min(1, value / most));
  const line = (values: readonly number[], most: number, style: string): string =>
    `<polyline fill="none" ${style} points="${values
      .map((value, at) => `${x(at + 1).toFixed(1)},${y(value, most).toFixed(1)}`)
      .join(' ')}"/>`;
  const grid = Array.from({ length: mostMegabits + 1 }, (_, value) => {
    const at = y(value, mostMegabits);
    const ms = (value / mostMegabits) * QUEUE_MOST_MS;
    return `<path d="M${left} ${at}h${WIDTH}" stroke="#ddd"/><text x="${left - 6}" y="${at + 4}" text-anchor="end">${value}</text><text x="${left + WIDTH + 4}" y="${at + 4}" fill="#b45309">${ms}</text>`;
  });
  const times = [0, seconds / 4, seconds / 2, (3 * seconds) / 4, seconds].map(
    (second) =>
      `<text x="${x(second * 10)}" y="${TOP + HEIGHT + 16}" text-anchor="middle">${second} s</text>`,
  );
  return [
    `<text x="${left}" y="16" font-weight="bold">${title}</text>`,
    ...grid,
    ...times,
    line(queueMs, QUEUE_MOST_MS, 'stroke="#f59e0b" stroke-width="1"'),
    line(limit, mostMegabits, 'stroke="#6b7280" stroke-width="1.5" stroke-dasharray="5 3"'),
    line(target, mostMegabits, 'stroke="#1d4ed8" stroke-width="1.5"'),
    `<text x="${left}" y="${TOP + HEIGHT + 36}"><tspan fill="#1d4ed8">target</tspan> and <tspan fill="#6b7280">link</tspan> in Mbit/s, <tspan fill="#b45309">queue in ms</tspan></text>`,
  ].join('\n');
}
