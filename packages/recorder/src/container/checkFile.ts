/**
 * A second opinion on a finished file before the original goes: mediabunny opens it, and must find the tracks, the duration
 * and, by way of the seek head and the last cue, the frame that stands there. Reads little, however large the file is.
 */
import { ContainerError } from './errors.js';
import type { Cue, FileFacts } from './fileFacts.js';

/** Times are whole milliseconds in the file and fractions of a second there. */
const TOLERANCE_MS = 0.6;

/** @throws ContainerError `CONTAINER_CHECK_FAILED`. */
export async function checkFile(path: string, facts: FileFacts, lastCue: Cue | undefined): Promise<void> {
  // Loaded here, so that who only writes needs no library.
  const { EncodedPacketSink, FilePathSource, Input, MATROSKA, WEBM } = await import('mediabunny');
  const input = new Input({ source: new FilePathSource(path), formats: [MATROSKA, WEBM] });
  try {
    const tracks = await input.getTracks();
    const found = tracks.map(({ id }) => id).sort((a, b) => a - b);
    const wanted = [...facts.tracks]
      .filter(([, { frames }]) => frames > 0 || facts.frames === 0)
      .map(([number]) => number)
      .sort((a, b) => a - b);
    if (found.join() !== wanted.join())
      throw wrong(path, `tracks ${found.join()} instead of ${wanted.join()}`);
    const durationMs = ((await input.getDurationFromMetadata()) ?? 0) * 1000;
    if (facts.frames > 0 && Math.abs(durationMs - facts.durationMs) > TOLERANCE_MS)
      throw wrong(path, `a duration of ${durationMs} ms instead of ${facts.durationMs} ms`);
    const track = lastCue && tracks.find(({ id }) => id === lastCue.track);
    if (!track || !lastCue) return;
    const packet = await new EncodedPacketSink(track).getPacket(lastCue.timeMs / 1000, {
      metadataOnly: true,
    });
    if (!packet || Math.abs(packet.timestamp * 1000 - lastCue.timeMs) > TOLERANCE_MS)
      throw wrong(path, `no frame at ${lastCue.timeMs} ms, where a cue points`);
  } finally {
    input.dispose();
  }
}

const wrong = (path: string, what: string): ContainerError =>
  new ContainerError('CONTAINER_CHECK_FAILED', `${path} has ${what}; the original was kept.`);
