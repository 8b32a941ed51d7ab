/** Streams for a load: voices and cameras two by two, each at another place of the same samples. */
import { PAYLOAD_TYPES } from './call.js';
import type { Sample } from './samples.js';
import type { StreamSettings } from './senders.js';

export function people(count: number, sound: Sample, picture: Sample): StreamSettings[] {
  const streams: StreamSettings[] = [];
  for (let i = 0; i < count; i++) {
    // Spread over 20 ms and over two seconds: nobody's frames come together.
    streams.push({
      sample: sound,
      ssrc: 1_000 + 2 * i,
      payloadType: PAYLOAD_TYPES.audio,
      shiftMs: (i * 7) % 20,
    });
    streams.push({
      sample: picture,
      ssrc: 1_001 + 2 * i,
      payloadType: PAYLOAD_TYPES.video,
      shiftMs: (i * 173) % 2_000,
    });
  }
  return streams;
}
