/**
 * The table and the picture of docs/congestion.md. Written by
 *   CONGESTION_REPORT=1 npx vitest run packages/sfu/test/congestion/report.test.ts
 * and else compared with what the simulation gives now.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { chartOf } from './support/chart.js';
import { between, SECOND } from './support/call.js';
import { EngineSender } from './support/engineSender.js';
import { judge, SCENARIOS, type Scenario } from './support/scenarios.js';

const DOCUMENT = new URL('../../../../docs/congestion.md', import.meta.url);
const CHART = new URL('../../../../docs/congestion.svg', import.meta.url);
const MARKS = ['<!-- table -->', '<!-- end of table -->'] as const;
const HEAD = [
  '| link | reached after | then used | queue, p95 | packets lost |',
  '| --- | --- | --- | --- | --- |',
];

function row(scenario: Scenario): string {
  const { reachedSeconds, share, queueMs, lostPackets } = judge(scenario, 1, new EngineSender());
  const cells = [
    scenario.name,
    reachedSeconds === undefined ? 'never' : `${reachedSeconds.toFixed(1)} s`,
    `${Math.round(share * 100)} %`,
    `${Math.round(queueMs)} ms`,
    `${lostPackets}`,
  ];
  return `| ${cells.join(' | ')} |`;
}

const tableIn = (text: string): string[] =>
  text
    .slice(text.indexOf(MARKS[0]) + MARKS[0].length, text.indexOf(MARKS[1]))
    .split('\n')
    .filter((line) => line.startsWith('|'));

/** Names, and numbers without their unit. */
const cellsOf = (line: string): string[] =>
  line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());

test('docs/congestion.md says what the simulation gives', () => {
  const rows = Object.values(SCENARIOS).map(row);
  const text = readFileSync(DOCUMENT, 'utf8');
  if (process.env['CONGESTION_REPORT'] !== undefined) {
    const table = [MARKS[0], '', ...HEAD, ...rows, '', MARKS[1]].join('\n');
    const [before = '', rest = ''] = text.split(MARKS[0]);
    writeFileSync(DOCUMENT, before + table + (rest.split(MARKS[1])[1] ?? ''));
    writeFileSync(CHART, chart());
    return;
  }
  const written = tableIn(text).slice(HEAD.length).map(cellsOf);
  expect(written.map(([name]) => name)).toEqual(rows.map((each) => cellsOf(each)[0]));
  // Powers and roots may differ in the last digit between machines, and a control loop makes more of it.
  written.forEach(([name, , share], at) => {
    const now = Number.parseInt(cellsOf(rows[at]!)[2]!);
    expect(Math.abs(Number.parseInt(share!) - now), name).toBeLessThanOrEqual(10);
  });
});

function chart(): string {
  const { samples } = judge(SCENARIOS.drop, 1, new EngineSender());
  const lifted = judge(SCENARIOS.lift, 1, new EngineSender());
  const panels = [
    { scenario: SCENARIOS.drop, samples },
    { scenario: SCENARIOS.lift, samples: lifted.samples },
  ].map(({ scenario, samples: all }) => ({
    title: scenario.name,
    seconds: scenario.seconds,
    mostMegabits: 4,
    limit: all.map(({ seconds }) => scenario.rate((seconds - 0.001) * SECOND) / 1_000_000),
    target: between(all, 0, scenario.seconds).map(({ target }) => target / 1_000_000),
    queueMs: all.map(({ queueMs }) => queueMs),
  }));
  return chartOf(panels);
}
