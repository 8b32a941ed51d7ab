/** What a scenario is, and the form of its results (`--json FILE`). */
import type { Machine } from './machine.js';

export interface Row {
  [name: string]: number | string | readonly number[] | undefined;
}
/** Of scenarios that compare the media process with a floor. */
export interface ResultRow extends Row {
  receivers?: number;
  packetsOut: number;
  cpuMicrosPerPacketOut: number;
  floorMicrosPerPacketOut: number;
  floorRatio: number;
}
export interface Results {
  scenario: string;
  commit: string;
  date: string;
  machine: Machine;
  settings: Record<string, number | string>;
  /** The largest load last. */
  rows: Row[];
}
export interface Scenario {
  name: string;
  summary: string;
  /** Flags that it understands besides --json, with their defaults. */
  flags: Readonly<Record<string, string>>;
  run(
    flags: Readonly<Record<string, string>>,
    say: (line: string) => void,
  ): Promise<Omit<Results, 'commit' | 'date' | 'machine'>>;
}
