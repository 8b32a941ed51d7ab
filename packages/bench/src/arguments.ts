/** `--name value` and `--name=value`, against a table of what is allowed. Pure. */
export type ParsedArguments = { ok: true; value: Record<string, string> } | { ok: false; why: string };

export function parseArguments(
  args: readonly string[],
  defaults: Readonly<Record<string, string>>,
): ParsedArguments {
  const value: Record<string, string> = { ...defaults };
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    const equals = arg.indexOf('=');
    const name = (equals < 0 ? arg : arg.slice(0, equals)).replace(/^--/, '');
    if (!arg.startsWith('--') || !Object.hasOwn(defaults, name))
      return { ok: false, why: `unknown argument '${arg}'` };
    const given = equals < 0 ? args[++i] : arg.slice(equals + 1);
    if (given === undefined) return { ok: false, why: `--${name} needs a value` };
    value[name] = given;
  }
  return { ok: true, value };
}

/** Whole numbers above zero, separated by commas. @throws TypeError that names the flag */
export function numberList(flag: string, text: string): number[] {
  const numbers = text.split(',').map(Number);
  if (numbers.some((n) => !Number.isInteger(n) || n <= 0))
    throw new TypeError(`--${flag} wants whole numbers above zero, not '${text}'`);
  return numbers;
}
