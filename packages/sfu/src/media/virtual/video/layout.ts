/**
 * A receiver's layout: what came from outside is read or refused, and each canvas gets its source. Pure.
 * Input is whatever a receiver sends; it is read by own properties, never trusted and never thrown at.
 * Spec: virtual streams V1 to V3; hostile inputs: selection.
 * Elsewhere: the order → relevance.ts · slots → slots.ts · how many pixels → canvasLayers.ts
 */
import type { VideoSource } from './relevance.js';

export const LAYOUT = {
  /** Pixels, each way: as far as VP8 and H264 level 6.2 go; no screen is larger. */
  mostPixels: 16_384,
  /** Frames per second: no camera or screen gives more. */
  mostFrameRate: 1_000,
} as const;

export type CanvasMode = 'relevant' | { readonly participantId: string } | { readonly producerId: string };

export interface Canvas {
  /** From 1, unique in the layout. A canvas that is in two layouts one after the other keeps its source. */
  readonly id: number;
  /** Pixels of the device, 1…16384. */
  readonly width: number;
  readonly height: number;
  readonly mode: CanvasMode;
}

export interface MaxResolution {
  readonly width: number;
  readonly height: number;
  readonly frameRate?: number;
}

export type LayoutError = 'INVALID_CANVAS' | 'TOO_MANY_CANVASES' | 'OWN_SOURCE';
export type ReadLayout =
  | { readonly ok: true; readonly canvases: readonly Canvas[] }
  | { readonly ok: false; readonly code: LayoutError; readonly message: string };
export type ReadMaxResolution =
  | { readonly ok: true; readonly maxResolution: MaxResolution | undefined }
  | { readonly ok: false; readonly code: 'INVALID_CANVAS'; readonly message: string };

export interface LayoutLimits {
  /** Video slots of the receiver. */
  readonly slots: number;
  readonly ownParticipantId?: string | undefined;
  /** Whether a producer is the receiver's own. */
  readonly isOwnProducer?: ((producerId: string) => boolean) | undefined;
}

const refuse = (code: LayoutError, message: string) => ({ ok: false, code, message }) as const;
const invalid = (message: string) => ({ ok: false, code: 'INVALID_CANVAS', message }) as const;

export function readLayout(input: unknown, limits: LayoutLimits): ReadLayout {
  if (!Array.isArray(input)) return invalid('canvases: not a list');
  if (input.length > limits.slots) {
    return refuse('TOO_MANY_CANVASES', `canvases: ${input.length}, but ${limits.slots} video slots`);
  }
  const canvases: Canvas[] = [];
  const ids = new Set<number>();
  const targets = new Set<string>();
  for (let at = 0; at < input.length; at++) {
    const element: unknown = input[at];
    const where = `canvases[${at}]`;
    const id = own(element, 'id');
    if (typeof id !== 'number' || !Number.isSafeInteger(id) || id < 1)
      return invalid(`${where}.id: not a whole number from 1`);
    if (ids.has(id)) return invalid(`${where}.id: ${id} is there twice`);
    ids.add(id);
    const [width, height] = [own(element, 'width'), own(element, 'height')];
    if (!isPixels(width)) return invalid(`${where}.width: not a number of 1…${LAYOUT.mostPixels}`);
    if (!isPixels(height)) return invalid(`${where}.height: not a number of 1…${LAYOUT.mostPixels}`);
    const mode = readMode(own(element, 'mode'));
    if (mode === undefined)
      return invalid(`${where}.mode: neither 'relevant' nor one participantId nor one producerId`);
    if (mode !== 'relevant') {
      const target =
        'participantId' in mode ? `participant ${mode.participantId}` : `producer ${mode.producerId}`;
      if (targets.has(target)) return invalid(`${where}.mode: ${target} is on two canvases`);
      targets.add(target);
      const isOwn =
        'participantId' in mode
          ? mode.participantId === limits.ownParticipantId
          : limits.isOwnProducer?.(mode.producerId) === true;
      if (isOwn) return refuse('OWN_SOURCE', `${where}.mode: the receiver's own source`);
    }
    canvases.push({ id, width, height, mode });
  }
  return { ok: true, canvases };
}

/** Absent is fine: no limit. */
export function readMaxResolution(input: unknown): ReadMaxResolution {
  if (input === undefined || input === null) return { ok: true, maxResolution: undefined };
  const [width, height] = [own(input, 'width'), own(input, 'height')];
  const frameRate = own(input, 'frameRate');
  if (!isPixels(width)) return invalid(`maxResolution.width: not a number of 1…${LAYOUT.mostPixels}`);
  if (!isPixels(height)) return invalid(`maxResolution.height: not a number of 1…${LAYOUT.mostPixels}`);
  if (frameRate === undefined || frameRate === null) return { ok: true, maxResolution: { width, height } };
  if (typeof frameRate !== 'number' || !(frameRate > 0 && frameRate <= LAYOUT.mostFrameRate))
    return invalid(`maxResolution.frameRate: not a number up to ${LAYOUT.mostFrameRate}`);
  return { ok: true, maxResolution: { width, height, frameRate } };
}

/** What is inherited is not said: `{}` has no `constructor` here. */
function own(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Readonly<Record<string, unknown>>)[name];
}

const isPixels = (value: unknown): value is number =>
  typeof value === 'number' && value >= 1 && value <= LAYOUT.mostPixels;

function readMode(value: unknown): CanvasMode | undefined {
  if (value === 'relevant') return value;
  const [participantId, producerId] = [own(value, 'participantId'), own(value, 'producerId')];
  if (typeof participantId === 'string' && participantId !== '' && producerId === undefined)
    return { participantId };
  if (typeof producerId === 'string' && producerId !== '' && participantId === undefined)
    return { producerId };
  return undefined;
}

export interface CanvasInput<S> {
  readonly canvases: readonly Canvas[];
  /** Those that can be shown now, most relevant first. */
  readonly order: readonly S[];
  /** All of the room, paused ones as well: a direct canvas waits for its target. */
  readonly sources: Iterable<S>;
  /** Never shown to itself. */
  readonly ownParticipantId?: string | undefined;
  /** By canvas id, of the time before. */
  readonly previous: ReadonlyMap<number, S>;
  /** The receiver has a codec for it. */
  readonly eligible: (source: S) => boolean;
}

export interface CanvasSource<S> {
  readonly canvas: Canvas;
  readonly source: S;
  /** False: a direct canvas whose target sends nothing now; it needs no slot. */
  readonly shown: boolean;
  /** Who was on this canvas before, if that was another one. */
  readonly insteadOf: S | undefined;
}

/**
 * Direct canvases first; the others show the beginning of the order, without what a direct one shows. Who is on a canvas
 * and among the chosen stays there (V3); the freed canvases are filled in order of relevance, the larger ones first.
 * @returns in the order of the layout; canvases that nobody is for are left out
 */
export function assignCanvases<S extends VideoSource>(input: CanvasInput<S>): CanvasSource<S>[] {
  const { canvases, previous, ownParticipantId, eligible } = input;
  const admitted = (source: S): boolean =>
    (ownParticipantId === undefined || source.participantId !== ownParticipantId) && eligible(source);
  const choice = input.order.filter(admitted);
  const showable = new Set(choice);
  const chosen = new Map<Canvas, S>();
  const taken = new Set<S>();
  const take = (canvas: Canvas, source: S): void => {
    chosen.set(canvas, source);
    taken.add(source);
  };

  placeDirect(input, showable, taken, take);

  const open = canvases.filter(({ mode }) => mode === 'relevant');
  const best = choice.filter((source) => !taken.has(source)).slice(0, open.length);
  const toPlace = new Set(best);
  for (const canvas of open) {
    const source = previous.get(canvas.id);
    if (source !== undefined && toPlace.delete(source)) take(canvas, source);
  }
  // Array.prototype.sort is stable: of equal ones the first in the layout.
  const free = open.filter((canvas) => !chosen.has(canvas)).sort((a, b) => area(b) - area(a));
  for (const source of best) {
    if (!toPlace.has(source)) continue;
    const canvas = free.shift();
    if (canvas) take(canvas, source);
  }

  return canvases.flatMap((canvas) => {
    const source = chosen.get(canvas);
    if (source === undefined) return [];
    const before = previous.get(canvas.id);
    return [
      { canvas, source, shown: showable.has(source), insteadOf: before === source ? undefined : before },
    ];
  });
}

const area = ({ width, height }: Canvas): number => width * height;

/** Producers exactly as named; a participant by its camera, else by its screen, else by what may send later. */
function placeDirect<S extends VideoSource>(
  { canvases, sources, ownParticipantId }: CanvasInput<S>,
  showable: ReadonlySet<S>,
  taken: ReadonlySet<S>,
  take: (canvas: Canvas, source: S) => void,
): void {
  const direct = canvases.filter(({ mode }) => mode !== 'relevant');
  if (direct.length === 0) return;
  const others = [...sources]
    .filter(({ participantId }) => participantId !== ownParticipantId)
    .sort((a, b) => a.joinSerial - b.joinSerial);
  for (const canvas of direct) {
    const { mode } = canvas;
    if (mode === 'relevant' || !('producerId' in mode)) continue;
    const source = others.find(({ id }) => id === mode.producerId);
    if (source !== undefined && !taken.has(source)) take(canvas, source);
  }
  for (const canvas of direct) {
    const { mode } = canvas;
    if (mode === 'relevant' || !('participantId' in mode)) continue;
    const theirs = others.filter(
      (source) => source.participantId === mode.participantId && !taken.has(source),
    );
    const sending = theirs.filter((source) => showable.has(source));
    const source = camera(sending) ?? sending[0] ?? camera(theirs) ?? theirs[0];
    if (source !== undefined) take(canvas, source);
  }
}

const camera = <S extends VideoSource>(sources: readonly S[]): S | undefined =>
  sources.find(({ content }) => content === 'camera');
