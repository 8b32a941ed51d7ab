/**
 * What `intact` promises: of a stream with losses, the frames that are said to be whole and to need nothing that is missing are
 * decoded by FFmpeg without a word, to the same pictures as without losses.
 */
import { FrameAssembler, type EncodedFrame } from '@tertulia/wire';
import { describe, expect, test } from 'vitest';
import { decodedPictures } from '../../packages/wire/test/support/decode.mjs';
import { kept, packetsOf, readStreams } from '../../packages/wire/test/support/streams.js';

/** Of a hundred packets; as many again as the loss that retransmission leaves in a bad network. */
const LOST_PERCENT = 10;
const SEEDS = [1, 2, 3];

/** Numbers that look random, the same each time: a linear congruential generator. */
function* percents(seed: number): Generator<number, never> {
  for (let state = seed; ;) {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    yield (state / 2 ** 32) * 100;
  }
}

const videos = readStreams().flatMap((stream) =>
  stream.codec === 'opus' || stream.codec === 'red' ? [] : [{ ...stream, codec: stream.codec }],
);

describe.each(videos)('$name', (stream) => {
  const packets = packetsOf(stream);
  const [width, height] = stream.size!;
  const intactOf = (lost: (at: number) => boolean): EncodedFrame[] => {
    const assembler = new FrameAssembler(stream.codec);
    return packets
      .filter((_, at) => !lost(at))
      .flatMap((packet) => assembler.push(packet).map(kept))
      .flatMap((each) => (each.ok && each.intact ? [each.frame] : []));
  };
  const all = intactOf(() => false);
  const pictures = decodedPictures(stream.codec, all, width, height);

  test('every frame is a picture', () => expect(pictures).toHaveLength(all.length));

  test.each(SEEDS)('with losses, of seed %i', (seed) => {
    const random = percents(seed);
    const lost = packets.map(() => random.next().value < LOST_PERCENT);
    const left = intactOf((at) => lost[at]!);
    if (left.length === 0) return;
    const pictureOf = new Map(all.map(({ firstSequenceNumber }, at) => [firstSequenceNumber, pictures[at]]));
    expect(decodedPictures(stream.codec, left, width, height)).toEqual(
      left.map(({ firstSequenceNumber }) => pictureOf.get(firstSequenceNumber)),
    );
  });
});
