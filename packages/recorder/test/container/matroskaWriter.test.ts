import { MatroskaWriter, containerFor, type TrackHeader } from '../../src/container/index.js';
import { children, readHeader, readUnsigned } from '../../src/container/ebml.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

const STARTED_AT = Date.UTC(2026, 10, 21, 15, 0, 0);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const AUDIO: TrackHeader = { number: 1, codec: 'opus' };
const VIDEO: TrackHeader = { number: 2, codec: 'vp8', width: 1280, height: 720 };
const writerOf = (...tracks: TrackHeader[]): MatroskaWriter =>
  new MatroskaWriter({ tracks, startedAt: STARTED_AT });
const frame = (track: number, timeMs: number, size = 3, keyFrame = false) => ({
  track,
  timeMs,
  keyFrame,
  data: new Uint8Array(size).fill(track),
});

interface ReadBlock {
  track: number;
  timeMs: number;
  keyFrame: boolean;
  size: number;
}

/** An element by itself, whole. */
function contentOf(bytes: Uint8Array, id: number): Uint8Array {
  const header = readHeader(bytes, 0);
  if (!header.ok) throw new Error(header.why);
  expect(header.value.id).toBe(id);
  expect(header.value.headerLength + header.value.size).toBe(bytes.length);
  return bytes.subarray(header.value.headerLength);
}

/** A cluster as RFC 9559 §5.1.3 and §10.2 have it: Timestamp first, then simple blocks. */
function readCluster(bytes: Uint8Array): { timeMs: number; blocks: ReadBlock[] } {
  const { elements, whole } = children(contentOf(bytes, 0x1f43b675));
  expect(whole).toBe(true);
  const [timestamp, ...rest] = elements;
  expect(timestamp!.id).toBe(0xe7);
  const timeMs = readUnsigned(timestamp!.content);
  const blocks = rest.map(({ id, content }) => {
    expect(id).toBe(0xa3);
    expect(content[0]! & 0x80).toBe(0x80);
    expect(content[3]! & 0x7f).toBe(0);
    return {
      track: content[0]! & 0x7f,
      timeMs: timeMs + ((((content[1]! << 8) | content[2]!) << 16) >> 16),
      keyFrame: (content[3]! & 0x80) !== 0,
      size: content.length - 4,
    };
  });
  return { timeMs, blocks };
}

describe('header', () => {
  test('EBML header of WebM, and a segment whose size is unknown (RFC 8794 §11.2, §6.2)', () => {
    expect(hex(writerOf(AUDIO).header().subarray(0, 48))).toBe(
      '1a45dfa3' + // EBML
        '9f' + // 31 bytes
        '42868101' + // EBMLVersion 1
        '42f78101' + // EBMLReadVersion 1
        '42f28104' + // EBMLMaxIDLength 4
        '42f38108' + // EBMLMaxSizeLength 8
        '4282847765626d' + // DocType "webm"
        '42878104' + // DocTypeVersion 4
        '42858102' + // DocTypeReadVersion 2
        '18538067' + // Segment
        '01ffffffffffffff', // unknown size, eight bytes
    );
  });

  test('Info: ticks of 1 ms, date in ns since 2001, title (RFC 9559 §5.1.2, RFC 8794 §7.6)', () => {
    const header = hex(new MatroskaWriter({ tracks: [AUDIO], startedAt: STARTED_AT, title: 'Ñ' }).header());
    expect(header).toContain('2ad7b1830f4240');
    // 2026-11-21T15:00:00Z is 816 966 000 s after 2001-01-01T00:00:00Z
    expect(header).toContain(`446188${(816_966_000n * 1_000_000_000n).toString(16).padStart(16, '0')}`);
    expect(header).toContain('7ba982c391');
    expect(header).not.toContain('4489'); // no Duration: nobody knows it yet
  });

  test('Opus: OpusHead with pre-skip 312, CodecDelay 6.5 ms, SeekPreRoll 80 ms (RFC 7845 §5.1)', () => {
    const header = hex(writerOf({ ...AUDIO, channels: 1, name: 'voice' }).header());
    expect(header).toContain(
      '63a293' + '4f70757348656164' + '01' + '01' + '3801' + '80bb0000' + '0000' + '00',
    );
    expect(header).toContain('56aa83632ea0'); // 6 500 000 ns
    expect(header).toContain('56bb8404c4b400'); // 80 000 000 ns
    expect(header).toContain('8686415f4f505553'); // A_OPUS
    expect(header).toContain('536e85766f696365');
    expect(header).toContain('b58840e7700000000000' + '9f8101'); // 48 kHz, one channel
  });

  test('video: size and codec private data', () => {
    const header = hex(writerOf({ ...VIDEO, codec: 'h264', codecPrivate: Uint8Array.of(1, 2, 3) }).header());
    expect(header).toContain('b0820500' + 'ba8202d0');
    expect(header).toContain('63a283010203');
    expect(header).toContain(`868f${hex(new TextEncoder().encode('V_MPEG4/ISO/AVC'))}`);
    expect(header).toContain('4282886d6174726f736b61'); // DocType "matroska"
  });

  test('H.264 needs Matroska, everything else is WebM', () => {
    expect(containerFor(['opus', 'vp8', 'vp9', 'av1'])).toBe('webm');
    expect(containerFor(['opus', 'h264'])).toBe('mkv');
  });

  test.each<[string, TrackHeader[]]>([
    ['no track', []],
    ['H.264 without avcC', [{ number: 1, codec: 'h264' }]],
    ['AV1 without av1C', [{ number: 1, codec: 'av1' }]],
    ['the same number twice', [AUDIO, { ...VIDEO, number: 1 }]],
    ['number 0', [{ ...AUDIO, number: 0 }]],
    ['number 127', [{ ...AUDIO, number: 127 }]],
  ])('%s is refused', (_name, tracks) => {
    expect(() => writerOf(...tracks)).toThrow(RangeError);
  });
});

describe('clusters', () => {
  test('the bytes of one (RFC 9559 §5.1.3, §10.2)', () => {
    const writer = writerOf(AUDIO, VIDEO);
    writer.write({ track: 2, timeMs: 1010.4, keyFrame: true, data: Uint8Array.of(0xaa, 0xbb) });
    writer.write({ track: 1, timeMs: 1000, keyFrame: false, data: Uint8Array.of(0xcc) });
    expect(writer.end().map(hex)).toEqual([
      '1f43b675' + // Cluster
        '93' + // 19 bytes
        'e78203e8' + // Timestamp 1000
        'a385' +
        '81' +
        '0000' +
        '80' +
        'cc' + // track 1, +0 ms; sound is always a key frame
        'a386' +
        '82' +
        '000a' +
        '80' +
        'aabb', // track 2, +10 ms, key frame
    ]);
  });

  test('at most 500 ms each, as soon as they are 500 ms old, whatever the other track does', () => {
    const writer = writerOf(AUDIO, VIDEO);
    const cut: { atMs: number; timeMs: number; lastMs: number }[] = [];
    for (let now = 0; now <= 2000; now += 20) {
      writer.write(frame(1, now));
      for (const cluster of writer.cut(now)) {
        const { timeMs, blocks } = readCluster(cluster);
        cut.push({ atMs: now, timeMs, lastMs: blocks.at(-1)!.timeMs });
      }
    }
    expect(cut).toEqual([
      { atMs: 500, timeMs: 0, lastMs: 480 },
      { atMs: 1000, timeMs: 500, lastMs: 980 },
      { atMs: 1500, timeMs: 1000, lastMs: 1480 },
      { atMs: 2000, timeMs: 1500, lastMs: 1980 },
    ]);
  });

  test('an hour of silence costs nothing and keeps its time', () => {
    const writer = writerOf(AUDIO);
    writer.write(frame(1, 0));
    expect(writer.cut(600)).toHaveLength(1);
    expect(writer.cut(3_600_000)).toEqual([]);
    writer.write(frame(1, 3_600_000));
    expect(readCluster(writer.end()[0]!)).toMatchObject({ timeMs: 3_600_000 });
  });

  test('frames of several tracks are in order of time', () => {
    const writer = writerOf(AUDIO, VIDEO);
    for (const timeMs of [0, 33, 66, 100]) writer.write(frame(2, timeMs));
    for (const timeMs of [0, 20, 40, 60, 80]) writer.write(frame(1, timeMs));
    const times = readCluster(writer.end()[0]!).blocks.map(({ timeMs }) => timeMs);
    expect(times).toEqual([0, 0, 20, 33, 40, 60, 66, 80, 100]);
  });

  test('video keeps the order in which it came, since that is the order of decoding', () => {
    const writer = writerOf(VIDEO);
    writer.write(frame(2, 100, 1));
    writer.write(frame(2, 90, 2)); // the clock of the sender was set back
    writer.write(frame(2, 130, 3));
    expect(readCluster(writer.end()[0]!).blocks).toMatchObject([
      { timeMs: 100, size: 1 },
      { timeMs: 101, size: 2 },
      { timeMs: 130, size: 3 },
    ]);
    expect(writer.moved).toBe(1);
  });

  test('a frame for a closed cluster is in the next, at its own time when its track is not further', () => {
    const writer = writerOf(AUDIO, VIDEO);
    for (let timeMs = 0; timeMs < 500; timeMs += 20) writer.write(frame(1, timeMs));
    writer.write(frame(2, 400));
    expect(writer.cut(500)).toHaveLength(1);
    writer.write(frame(2, 433)); // its time is free on its track
    writer.write(frame(1, 470)); // track 1 is at 480 already
    writer.write(frame(1, 500));
    const { timeMs, blocks } = readCluster(writer.end()[0]!);
    expect(timeMs).toBe(433);
    expect(blocks.map((block) => [block.track, block.timeMs])).toEqual([
      [2, 433],
      [1, 481],
      [1, 500],
    ]);
    expect(writer).toMatchObject({ late: 2, moved: 1 });
  });

  test('times that are none count as the start', () => {
    const writer = writerOf(AUDIO);
    writer.write(frame(1, -5));
    writer.write(frame(1, NaN));
    expect(readCluster(writer.end()[0]!).blocks.map(({ timeMs }) => timeMs)).toEqual([0, 0]);
  });

  test('a cluster is closed early when it is large', () => {
    const writer = writerOf(VIDEO);
    for (let i = 0; i < 9; i++) writer.write(frame(2, i * 10, 1_000_000));
    const clusters = writer.cut(90);
    expect(clusters).toHaveLength(1);
    expect(readCluster(clusters[0]!).blocks).toHaveLength(9);
  });

  test('a track that is not in the file is refused', () => {
    expect(() => writerOf(AUDIO).write(frame(2, 0))).toThrow(RangeError);
  });

  test('whatever comes when: every frame once, no cluster longer than 500 ms or before the one ahead of it', () => {
    const arbitraryFrame = fc.record({
      track: fc.integer({ min: 1, max: 3 }),
      timeMs: fc.double({ min: 0, max: 5000, noNaN: true }),
      size: fc.integer({ min: 0, max: 40_000 }),
      cutAtMs: fc.integer({ min: 0, max: 6000 }),
    });
    fc.assert(
      fc.property(fc.array(arbitraryFrame, { maxLength: 60 }), (frames) => {
        const writer = writerOf(AUDIO, VIDEO, { number: 3, codec: 'opus' });
        const clusters: Uint8Array[] = [];
        for (const { track, timeMs, size, cutAtMs } of frames) {
          writer.write(frame(track, timeMs, size));
          clusters.push(...writer.cut(cutAtMs));
        }
        clusters.push(...writer.end());
        const read = clusters.map(readCluster);
        const blocks = read.flatMap((cluster) => cluster.blocks);
        for (const track of [1, 2, 3]) {
          const of = blocks.filter((block) => block.track === track);
          expect(of.map(({ size }) => size).sort()).toEqual(
            frames
              .filter((given) => given.track === track)
              .map(({ size }) => size)
              .sort(),
          );
          expect(of.map(({ timeMs }) => timeMs)).toEqual(
            of.map(({ timeMs }) => timeMs).sort((a, b) => a - b),
          );
        }
        read.forEach(({ timeMs, blocks }, i) => {
          expect(blocks.every((block) => block.timeMs >= timeMs && block.timeMs < timeMs + 500)).toBe(true);
          if (i > 0) expect(timeMs).toBeGreaterThanOrEqual(read[i - 1]!.timeMs);
        });
      }),
      { numRuns: 200 },
    );
  });
});
