/**
 * Which layers of a source a canvas needs: sizes in, the preferred layers out. Pure. What the bandwidth then leaves of it
 * is decided elsewhere.
 * Spec: virtual streams V5. Sizes are those of key frames (RFC 6386 §9.1, VP9 bitstream §6.2, AV1 §5.5, H264 §7.3.2.1) and
 * the sender's own claim: they need not grow with the layer's index.
 * Elsewhere: layouts → layout.ts · bandwidth → ../../congestion/
 */
import type { Layers } from '../../forward/layerSelection.js';
import type { MaxResolution } from './layout.js';

export interface PixelSize {
  readonly width: number;
  readonly height: number;
}

export const CANVAS_LAYERS = {
  /** Of a source's top layer while no key frame has told: what cameras usually give. A canvas that it covers by one layer
   *  too few is corrected with the first key frame. */
  guessedTop: { width: 1280, height: 720 },
  /** Each layer is half of the next one, each way, unless the encodings say otherwise: what W3C names as default
   *  (webrtc-pc §5.1, scaleResolutionDownBy) and all L… modes of scalability without "h" have. */
  step: 2,
  /** Frames per second while none was measured. */
  guessedFrameRate: 30,
  /** A layer of 30.3 frames per second is one of 30: clocks of cameras and counting over a second are that good. */
  frameRateTolerance: 1.1,
} as const;

export interface SourceLayers {
  /** By spatial layer, lowest first; undefined: no key frame of it seen yet. Its length is the number of layers, at least 1. */
  readonly sizes: readonly (PixelSize | undefined)[];
  /** By spatial layer: `scaleResolutionDownBy` of the encodings, where they have one. */
  readonly scales?: readonly (number | undefined)[];
  /** 1…4 */
  readonly temporalLayers: number;
  /** Frames per second of all temporal layers together, if measured. */
  readonly frameRate?: number | undefined;
  /** By a quarter, either way: what is wide in the stream is high on the canvas (3GPP TS 26.114 §7.4.5). */
  readonly rotated?: boolean;
}

/** @returns as shown, rotation included; guessed from the nearest layer above, else below, where none was seen */
export function layerSizes({ sizes, scales, rotated = false }: SourceLayers): PixelSize[] {
  const count = Math.max(1, sizes.length);
  const top = count - 1;
  const scale = (spatial: number): number => {
    const said = scales?.[spatial];
    return said !== undefined && said >= 1 && Number.isFinite(said)
      ? said
      : CANVAS_LAYERS.step ** (top - spatial);
  };
  const known = (spatial: number): PixelSize | undefined => {
    const size = sizes[spatial];
    return size !== undefined && size.width > 0 && size.height > 0 ? size : undefined;
  };
  const guess = (spatial: number): PixelSize => {
    for (let from = spatial + 1; from <= top; from++) {
      const size = known(from);
      if (size) return scaled(size, scale(from) / scale(spatial));
    }
    for (let from = spatial - 1; from >= 0; from--) {
      const size = known(from);
      if (size) return scaled(size, scale(from) / scale(spatial));
    }
    return scaled(CANVAS_LAYERS.guessedTop, 1 / scale(spatial));
  };
  return Array.from({ length: count }, (_, spatial) => {
    const { width, height } = known(spatial) ?? guess(spatial);
    return rotated ? { width: height, height: width } : { width, height };
  });
}

const scaled = ({ width, height }: PixelSize, by: number): PixelSize => ({
  width: Math.max(1, Math.round(width * by)),
  height: Math.max(1, Math.round(height * by)),
});

/**
 * The smallest layer that covers the canvas; the largest if none does. Never one above the receiver's limit, unless all
 * are: then the smallest.
 */
export function layersForCanvas(
  source: SourceLayers,
  canvas: PixelSize,
  maxResolution: MaxResolution | undefined,
): Layers {
  const sizes = layerSizes(source);
  // Of equally large ones the upper: those differ by quality or frame rate, and the bandwidth still may take the lower.
  const bySize = sizes
    .map((size, spatial) => ({ size, spatial }))
    .sort((a, b) => area(a.size) - area(b.size) || b.spatial - a.spatial);
  const within = bySize.filter(({ size }) => maxResolution === undefined || isWithin(size, maxResolution));
  const smallest = bySize[0]!;
  const spatial = (within.find(({ size }) => covers(size, canvas)) ?? largest(within) ?? smallest).spatial;
  return { spatial, temporal: temporalLayer(source, maxResolution?.frameRate) };
}

const area = ({ width, height }: PixelSize): number => width * height;

function largest<T extends { readonly size: PixelSize }>(ascending: readonly T[]): T | undefined {
  const last = ascending.at(-1);
  return last && ascending.find(({ size }) => area(size) === area(last.size));
}

/** The picture is shown whole (object-fit: contain): it fills the canvas one way, and needs no more pixels than that way has. */
const covers = (picture: PixelSize, canvas: PixelSize): boolean =>
  // Parts of a pixel come from the device's scale; a layer of 640 covers 640.4.
  picture.width >= Math.floor(canvas.width) || picture.height >= Math.floor(canvas.height);

/** A limit is about what somebody can decode: a telephone held upright has the same number of pixels. */
function isWithin(picture: PixelSize, most: PixelSize): boolean {
  const [long, short] = [Math.max(picture.width, picture.height), Math.min(picture.width, picture.height)];
  return long <= Math.max(most.width, most.height) && short <= Math.min(most.width, most.height);
}

/** Each temporal layer doubles the frames of those below it. */
function temporalLayer({ temporalLayers, frameRate }: SourceLayers, most: number | undefined): number {
  const top = Math.max(1, temporalLayers) - 1;
  if (most === undefined) return top;
  const all = frameRate !== undefined && frameRate > 0 ? frameRate : CANVAS_LAYERS.guessedFrameRate;
  for (let temporal = top; temporal > 0; temporal--) {
    if (all / 2 ** (top - temporal) <= most * CANVAS_LAYERS.frameRateTolerance) return temporal;
  }
  return 0;
}
