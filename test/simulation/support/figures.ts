/** Figures for people: printed at the end of a simulation, and nothing that a test decides by. */

/** Nearest rank, one digit. */
export function quantile(values: readonly number[], share: number): string {
  if (values.length === 0) return 'none';
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))]!.toFixed(1);
}

export function say(title: string, lines: readonly string[]): void {
  process.stdout.write(`${title}\n${lines.map((line) => `  ${line}\n`).join('')}`);
}
