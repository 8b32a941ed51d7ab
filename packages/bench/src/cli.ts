/** `npm run bench`: lists the scenarios. `npm run bench -- SCENARIO [--json FILE] [--flag value…]`: runs one. */
import { writeFileSync } from 'node:fs';
import { parseArguments } from './arguments.js';
import { describeCommit, describeMachine } from './machine.js';
import { packageRoot } from './nativeBuild.js';
import type { Results, Scenario } from './scenario.js';
import { audioFanout } from './scenarios/audioFanout.js';
import { recording } from './scenarios/recording.js';
import { videoFanout } from './scenarios/videoFanout.js';

const SCENARIOS: readonly Scenario[] = [audioFanout, videoFanout, recording];

function usage(): string {
  const lines = ['npm run bench -- SCENARIO [--json FILE] [--FLAG VALUE …]', ''];
  for (const { name, summary, flags } of SCENARIOS) {
    lines.push(`  ${name}`, `      ${summary}`);
    const shown = Object.entries(flags).map(([flag, value]) => `--${flag} ${value}`);
    lines.push(`      flags and their defaults: ${shown.join(' ')}`);
  }
  return lines.join('\n');
}

async function main(): Promise<number> {
  const [name, ...rest] = process.argv.slice(2);
  if (name === undefined || name === 'list' || name === '--help') {
    console.log(usage());
    return 0;
  }
  const scenario = SCENARIOS.find((candidate) => candidate.name === name);
  if (scenario === undefined) {
    console.error(`There is no scenario '${name}'.\n\n${usage()}`);
    return 1;
  }
  const parsed = parseArguments(rest, { json: '', ...scenario.flags });
  if (!parsed.ok) {
    console.error(`${parsed.why}\n\n${usage()}`);
    return 1;
  }
  const { json, ...flags } = parsed.value;
  const started = new Date();
  const outcome = await scenario.run(flags, (line) => console.log(line));
  if (json !== undefined && json !== '') {
    const results: Results = {
      scenario: outcome.scenario,
      commit: describeCommit(packageRoot),
      date: started.toISOString(),
      machine: describeMachine(),
      settings: outcome.settings,
      rows: outcome.rows,
    };
    writeFileSync(json, `${JSON.stringify(results, null, 2)}\n`);
    console.log(`\nwritten to ${json}`);
  }
  return 0;
}

process.exit(
  await main().catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    return 1;
  }),
);
