/**
 * Reads the payload of `setLayout`: canvases and the largest picture wanted. Pure. Here is the form only; whether sizes,
 * ids and targets make a layout says the media side, in its own words.
 * Spec: virtual streams V1, V2. Elsewhere: who is shown where → the media side · when → channel.ts
 */
import type { Canvas, MaxResolution, MediaEntryView } from '../../rooms/news.js';
import { isObject, member, status, type Status } from '../envelope.js';
import { STATUS } from '../machine.js';

export interface LayoutRules {
  /** Of the session. */
  readonly videoSlots: number;
  /** Those that the client was told of. */
  readonly entries: readonly MediaEntryView[];
}

export type LayoutRead =
  | {
      readonly ok: true;
      readonly canvases: readonly Canvas[];
      readonly maxResolution: MaxResolution | undefined;
    }
  | { readonly ok: false; readonly status: Status };

const refuse = (message: string): LayoutRead => ({
  ok: false,
  status: status(STATUS.invalidArgument, message),
});

export function readLayoutRequest(payload: unknown, { videoSlots, entries }: LayoutRules): LayoutRead {
  if (videoSlots === 0)
    return { ok: false, status: status(STATUS.failedPrecondition, 'The session has no video slots.') };
  const given = member(payload, 'canvases');
  if (!Array.isArray(given)) return refuse('INVALID_CANVAS: setLayout needs a list of canvases.');
  if (given.length > videoSlots)
    return refuse(`TOO_MANY_CANVASES: the session has ${videoSlots} video slots.`);
  const canvases: Canvas[] = [];
  for (const one of given as readonly unknown[]) {
    const [id, width, height] = [member(one, 'id'), member(one, 'width'), member(one, 'height')];
    const mode = readMode(one, entries);
    if (typeof id !== 'number' || typeof width !== 'number' || typeof height !== 'number' || !mode)
      return refuse('INVALID_CANVAS: a canvas needs id, width, height, and one of relevant and direct.');
    // An entry that is gone shows nothing; its canvas would be left out of the assignments anyway.
    if (mode !== 'gone') canvases.push({ id, width, height, mode });
  }
  const limit = member(payload, 'maxResolution');
  if (limit === undefined) return { ok: true, canvases, maxResolution: undefined };
  const maxResolution = readMaxResolution(limit);
  if (!maxResolution)
    return refuse('INVALID_CANVAS: maxResolution needs width and height, and may have frameRate.');
  return { ok: true, canvases, maxResolution };
}

function readMode(canvas: unknown, entries: readonly MediaEntryView[]): Canvas['mode'] | 'gone' | undefined {
  const [relevant, direct] = [member(canvas, 'relevant'), member(canvas, 'direct')];
  if (direct === undefined) return isObject(relevant) ? 'relevant' : undefined;
  if (relevant !== undefined) return undefined;
  const [participantId, entryId] = [member(direct, 'participantId'), member(direct, 'entryId')];
  if (entryId === undefined)
    return typeof participantId === 'string' && participantId !== '' ? { participantId } : undefined;
  if (participantId !== undefined || typeof entryId !== 'number') return undefined;
  const entry = entries.find(({ id }) => id === entryId);
  return entry ? { csrc: entry.videoCsrc } : 'gone';
}

function readMaxResolution(value: unknown): MaxResolution | undefined {
  const [width, height, frameRate] = ['width', 'height', 'frameRate'].map((key) => member(value, key));
  if (typeof width !== 'number' || typeof height !== 'number') return undefined;
  if (frameRate === undefined) return { width, height };
  return typeof frameRate === 'number' ? { width, height, frameRate } : undefined;
}
