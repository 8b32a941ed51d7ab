/**
 * Reads the payload of `setAssignment`: label, canvases, the largest picture wanted. Pure; says which part is wrong.
 * Google knows only `relevant`. `direct` with a target, by the ids of the resources, is ours and needs the extensions.
 * Spec: Media API data channels, video-assignment. Elsewhere: who is shown where → the media side
 */
import type { Canvas, MaxResolution, RoomSnapshot } from '../../rooms/news.js';
import { isObject, member, status, type Status } from '../envelope.js';
import { STATUS } from '../machine.js';

const LIMITS = {
  /** It comes back in every assignment. One client sends its clock in 13 digits, the other a name of its own. */
  labelCharacters: 256,
  /** Ids are read as int32 by the C++ client. */
  largestCanvasId: 2 ** 31 - 1,
  /** Pixels, each way: no codec of ours goes further. */
  largestSide: 16_384,
  /** Frames per second: no camera or screen gives more. */
  largestFrameRate: 1_000,
} as const;

export interface LayoutRequest {
  readonly label: string;
  readonly canvases: readonly Canvas[];
  readonly maxResolution: MaxResolution | undefined;
}

export interface LayoutRules {
  readonly videoSlots: number;
  /** Whether `direct` may have a target. */
  readonly extensions: boolean;
  readonly snapshot: () => RoomSnapshot;
}

type Read<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly status: Status };

const done = <T>(value: T): Read<T> => ({ ok: true, value });
const invalid = (message: string): { readonly ok: false; readonly status: Status } => ({
  ok: false,
  status: status(STATUS.invalidArgument, message),
});

export function readLayoutRequest(payload: unknown, rules: LayoutRules): Read<LayoutRequest> {
  const model = member(payload, 'layoutModel');
  if (!isObject(model)) return invalid('setAssignment needs layoutModel.');
  const label = member(model, 'label');
  if (typeof label !== 'string' || label.length > LIMITS.labelCharacters)
    return invalid(`label must be a text of at most ${LIMITS.labelCharacters} characters.`);
  const canvases = readCanvases(member(model, 'canvases'), rules);
  if (!canvases.ok) return canvases;
  const maxResolution = readMaxResolution(member(payload, 'maxVideoResolution'));
  if (!maxResolution.ok) return maxResolution;
  return done({ label, canvases: canvases.value, maxResolution: maxResolution.value });
}

/** None is a layout, too: no video. */
function readCanvases(list: unknown, rules: LayoutRules): Read<readonly Canvas[]> {
  if (list === undefined) return done([]);
  if (!Array.isArray(list)) return invalid('canvases must be a list.');
  if (list.length > rules.videoSlots)
    return invalid(`The layout has ${list.length} canvases, the session ${rules.videoSlots} video sections.`);
  const canvases: Canvas[] = [];
  for (const item of list as readonly unknown[]) {
    const canvas = readCanvas(item, rules);
    if (!canvas.ok) return canvas;
    if (canvases.some(({ id }) => id === canvas.value.id))
      return invalid(`The canvas id ${canvas.value.id} is used twice.`);
    canvases.push(canvas.value);
  }
  return done(canvases);
}

function readCanvas(item: unknown, rules: LayoutRules): Read<Canvas> {
  const id = member(item, 'id');
  if (typeof id !== 'number' || !Number.isInteger(id) || id < 1 || id > LIMITS.largestCanvasId)
    return invalid('The id of a canvas must be a whole number from 1.');
  const dimensions = member(item, 'dimensions');
  const [width, height] = [member(dimensions, 'width'), member(dimensions, 'height')];
  if (!isSide(width) || !isSide(height))
    return invalid(`Canvas ${id} needs dimensions of 1 to ${LIMITS.largestSide} pixels.`);
  const [relevant, direct] = [member(item, 'relevant'), member(item, 'direct')];
  if ((relevant === undefined) === (direct === undefined))
    return invalid(`Canvas ${id} must be one of relevant and direct.`);
  if (direct === undefined) return done({ id, width, height, mode: 'relevant' });
  if (!rules.extensions)
    return {
      ok: false,
      status: status(STATUS.unimplemented, `Canvas ${id}: relevant is the only supported protocol.`),
    };
  const mode = readTarget(id, direct, rules.snapshot());
  return mode.ok ? done({ id, width, height, mode: mode.value }) : mode;
}

function readTarget(canvasId: number, direct: unknown, room: RoomSnapshot): Read<Canvas['mode']> {
  const [mediaEntryId, participantId] = [member(direct, 'mediaEntryId'), member(direct, 'participantId')];
  if ((mediaEntryId === undefined) === (participantId === undefined))
    return invalid(`Canvas ${canvasId}: direct needs one of mediaEntryId and participantId.`);
  const entry = room.entries.find(({ id }) => id === mediaEntryId);
  if (entry) return done({ csrc: entry.videoCsrc });
  const person = room.participants.find(({ id }) => id === participantId);
  if (person) return done({ participantId: person.participantId });
  return {
    ok: false,
    status: status(STATUS.notFound, `Canvas ${canvasId}: whom direct names is not here.`),
  };
}

/** Absent: the server's own limits hold. */
function readMaxResolution(value: unknown): Read<MaxResolution | undefined> {
  if (value === undefined) return done(undefined);
  const [width, height, frameRate] = ['width', 'height', 'frameRate'].map((key) => member(value, key));
  if (!isSide(width) || !isSide(height))
    return invalid(`maxVideoResolution needs width and height of 1 to ${LIMITS.largestSide} pixels.`);
  if (frameRate === undefined) return done({ width, height });
  if (typeof frameRate !== 'number' || !(frameRate > 0 && frameRate <= LIMITS.largestFrameRate))
    return invalid(`frameRate must be above 0 and at most ${LIMITS.largestFrameRate}.`);
  return done({ width, height, frameRate });
}

const isSide = (value: unknown): value is number =>
  typeof value === 'number' && value >= 1 && value <= LIMITS.largestSide;
