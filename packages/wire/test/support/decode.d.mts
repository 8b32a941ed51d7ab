/** Of decode.mjs, which scripts use as well. */
export function decodedPictures(
  codec: 'vp8' | 'vp9' | 'av1' | 'h264',
  frames: readonly { data: Uint8Array; timestamp: number }[],
  width: number,
  height: number,
): string[];
