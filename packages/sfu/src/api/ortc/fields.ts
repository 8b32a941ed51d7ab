/** Checks of single fields of what an application hands in. Each refuses with a TypeError that names the field. */
import { OptionError } from '../../channel/errors.js';

type Fields = Record<string, unknown>;

export function checkObject(value: unknown, where: string): asserts value is Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new OptionError(`${where}: not an object`);
}

export function checkArray(value: unknown, where: string): asserts value is unknown[] {
  if (!Array.isArray(value)) throw new OptionError(`${where}: not an array`);
}

export function checkText(value: unknown, where: string): asserts value is string {
  if (typeof value !== 'string' || value === '') throw new OptionError(`${where}: not a non-empty string`);
}

export function checkInteger(
  value: unknown,
  where: string,
  min: number,
  max: number,
): asserts value is number {
  if (!Number.isInteger(value) || (value as number) < min || (value as number) > max)
    throw new OptionError(`${where}: not an integer of ${min}…${max}`);
}

/** Runs over an optional array; an absent one becomes empty. */
export function eachOf(
  fields: Fields,
  key: string,
  where: string,
  check: (item: unknown, at: string) => void,
): void {
  const list = fields[key] ?? [];
  checkArray(list, `${where}.${key}`);
  list.forEach((item, i) => check(item, `${where}.${key}[${i}]`));
  fields[key] = list;
}

/** Strings and numbers by name, as in a `fmtp` line; an absent set becomes empty. */
export function checkParameters(fields: Fields, where: string): void {
  const { parameters } = fields;
  if (typeof parameters !== 'object' || parameters === null) {
    fields['parameters'] = {};
    return;
  }
  const byName = parameters as Fields;
  for (const [name, value] of Object.entries(byName)) {
    if (value === undefined) byName[name] = '';
    else if (typeof value !== 'string' && typeof value !== 'number')
      throw new OptionError(`${where}.parameters.${name}: neither a string nor a number`);
    if (name === 'apt' && typeof value !== 'number')
      throw new OptionError(`${where}.parameters.apt: not a number`);
  }
}
