export const FRAME_MS: number;
export const TONES: number;
export function clapOf(picture: number): number | undefined;
export function pictureOf(clap: number): number;
