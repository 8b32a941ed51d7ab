/** Small readers that the other files of this folder share: text that may be a number, lists, `fmtp` parameters. */
import type { SdpDirection } from './offer.js';

export const text = (value: unknown): string =>
  typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';

export const list = <T>(value: readonly T[] | undefined): readonly T[] => (Array.isArray(value) ? value : []);

export const words = (value: unknown): string[] =>
  text(value)
    .split(' ')
    .filter((word) => word !== '');

/** @returns undefined unless a whole number from `least` to `most`, written in plain digits */
export function wholeNumber(value: unknown, least: number, most: number): number | undefined {
  const written = text(value);
  if (!/^\d{1,10}$/.test(written)) return undefined;
  const number = Number(written);
  return number >= least && number <= most ? number : undefined;
}

const DIRECTIONS: readonly SdpDirection[] = ['sendrecv', 'sendonly', 'recvonly', 'inactive'];

export const direction = (value: unknown): SdpDirection | undefined =>
  DIRECTIONS.find((each) => each === value);

/** `a=1;b=x;c` → {a: 1, b: 'x', c: ''}. Digits become numbers when they come back the same. */
export function readParameters(config: unknown): Record<string, string | number> {
  const parameters: Record<string, string | number> = {};
  for (const part of text(config).split(';')) {
    const equals = part.indexOf('=');
    const name = (equals < 0 ? part : part.slice(0, equals)).trim();
    if (name === '' || name === '__proto__') continue;
    const value = equals < 0 ? '' : part.slice(equals + 1).trim();
    parameters[name] = value !== '' && String(Number(value)) === value ? Number(value) : value;
  }
  return parameters;
}

/** The way back of `readParameters`. */
export const writeParameters = (parameters: Readonly<Record<string, string | number>>): string =>
  Object.entries(parameters)
    .map(([name, value]) => (value === '' ? name : `${name}=${value}`))
    .join(';');
