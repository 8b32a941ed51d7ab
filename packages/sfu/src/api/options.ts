/** Checks that many entities share. Each refuses with a TypeError that names the option. */
import { OptionError } from '../channel/errors.js';

export function checkAppData(appData: unknown): void {
  if (appData !== undefined && (typeof appData !== 'object' || appData === null))
    throw new OptionError('appData: not an object');
}

export function checkId(name: string, id: unknown): asserts id is string {
  if (typeof id !== 'string' || id === '') throw new OptionError(`${name}: not a non-empty string`);
}

export function checkCount(
  name: string,
  value: unknown,
  max = Number.MAX_SAFE_INTEGER,
): asserts value is number {
  if (!Number.isInteger(value) || (value as number) < 0 || (value as number) > max)
    throw new OptionError(`${name}: not an integer of 0…${max}`);
}

/**
 * Trace types as the application gives them; those that the entity does not have are left out.
 * @throws TypeError for anything but an array of strings.
 */
export function knownTraceTypes(types: unknown, known: readonly string[]): string[] {
  if (!Array.isArray(types)) throw new OptionError('types: not an array');
  const given: unknown[] = types;
  if (!given.every((type) => typeof type === 'string'))
    throw new OptionError('types: not all of them strings');
  return given.filter((type) => known.includes(type));
}

/** A Buffer over the same bytes: what mediasoup's users expect of events. */
export const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
