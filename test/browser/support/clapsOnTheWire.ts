/**
 * Claps in the packets of a capture of the server, each way: the RTP timestamp of the picture that flashes and of the beep's first
 * sample, both translated by the sender reports of their streams and by nothing else. Exact, whatever the load of the machine.
 */
import { FrameAssembler, fromNtp, parseRtcp, parseRtp } from '@tertulia/wire';
import {
  interfacesOf,
  packetsOf,
  readBlocks,
  type Block,
} from '../../../packages/server/test/support/pcapng.js';
import {
  clapOfTone,
  middleOf,
  pictureNumber,
  senderOf,
  type Anchor,
  type Clap,
  type Clapperboard,
} from './clapperboard.js';
import { FRAME_MS, pictureOf } from './page/claps.js';

const RATE = { audio: 48, video: 90 } as const;
type Kind = keyof typeof RATE;
type Codec = 'opus' | 'red' | 'vp8';
const CODECS: Record<string, Codec | undefined> = { opus: 'opus', red: 'red', vp8: 'vp8' };

interface Packet {
  unixMs: number;
  codec: Codec;
  sequenceNumber: number;
  timestamp: number;
  marker: boolean;
  payload: Uint8Array;
}
interface Report {
  ntpMs: number;
  rtpTimestamp: number;
}
interface Stream {
  ssrc: number;
  kind: Kind;
  /** The newest sequence number, unwrapped. */
  last: number;
  packets: Map<number, Packet>;
}
interface Frame {
  unixMs: number;
  ticks: number;
  key: boolean;
  data: Uint8Array;
}

/** From one 32-bit timestamp to another, the nearest way round. */
const ticksBetween = (to: number, from: number): number => (to - from) | 0;

/** What went one way between the server and one session: "from near", "to alone". */
export class WireSide {
  readonly #streams = new Map<number, Stream>();
  readonly #reports = new Map<number, Report[]>();

  constructor(
    readonly board: Clapperboard,
    readonly begin: number,
  ) {}

  take(unixMs: number, bytes: Uint8Array, codecs: ReadonlyMap<number, string>): void {
    if (bytes[1]! >= 192 && bytes[1]! <= 223) {
      for (const packet of parseRtcp(bytes).packets) {
        if (packet.type !== 'sr') continue;
        const { ssrc, ntpSeconds, ntpFraction, rtpTimestamp } = packet;
        const report = { ntpMs: fromNtp(ntpSeconds, ntpFraction), rtpTimestamp };
        this.#reports.set(ssrc, [...(this.#reports.get(ssrc) ?? []), report]);
      }
      return;
    }
    const read = parseRtp(bytes);
    if (!read.ok) return;
    const { ssrc, payloadType, payloadOffset, payloadLength, sequenceNumber: number } = read.value;
    const codec = CODECS[codecs.get(payloadType) ?? ''];
    if (codec === undefined) return;
    const kind = codec === 'vp8' ? 'video' : 'audio';
    const stream = this.#streams.get(ssrc) ?? { ssrc, kind, last: number, packets: new Map() };
    this.#streams.set(ssrc, stream);
    const sequenceNumber = stream.last + (((number - stream.last) << 16) >> 16);
    stream.last = Math.max(stream.last, sequenceNumber);
    if (stream.packets.has(sequenceNumber)) return;
    const payload = bytes.slice(payloadOffset, payloadOffset + payloadLength);
    const { timestamp, marker } = read.value;
    stream.packets.set(sequenceNumber, { unixMs, codec, sequenceNumber, timestamp, marker, payload });
  }

  /** Of the kind with most packets: what was offered and not used has none. */
  #stream(kind: Kind): Stream | undefined {
    return [...this.#streams.values()]
      .filter((stream) => stream.kind === kind)
      .sort((left, right) => right.packets.size - left.packets.size)[0];
  }

  /** ms by which single reports lie beside the middle of all of their stream. */
  reportErrors(kind: Kind): number[] {
    const { line, reports } = this.#line(kind);
    return reports.map(({ ntpMs, rtpTimestamp }) => ntpMs - line(rtpTimestamp));
  }

  /** NTP time of a timestamp, by the middle of all reports. */
  #line(kind: Kind): { line: (timestamp: number) => number; reports: Report[] } {
    const reports = this.#reports.get(this.#stream(kind)?.ssrc ?? -1) ?? [];
    const [first] = reports;
    if (!first) return { line: () => Number.NaN, reports };
    const { ntpMs, rtpTimestamp } = first;
    const of = (timestamp: number): number => ntpMs + ticksBetween(timestamp, rtpTimestamp) / RATE[kind];
    const beside = middleOf(reports.map((one) => one.ntpMs - of(one.rtpTimestamp)));
    return { line: (timestamp) => of(timestamp) + beside, reports };
  }

  #frames(kind: Kind): Frame[] {
    const stream = this.#stream(kind);
    if (!stream) return [];
    const packets = [...stream.packets.values()].sort((a, b) => a.sequenceNumber - b.sequenceNumber);
    const frames: Frame[] = [];
    const isRed = packets.some(({ codec }) => codec === 'red');
    const assembler = new FrameAssembler(kind === 'video' ? 'vp8' : isRed ? 'red' : 'opus');
    for (const { unixMs, codec, ...packet } of packets) {
      const done = assembler.push({ ...packet, ...(codec !== 'vp8' && { codec }) });
      for (const one of done) {
        if (!one.ok || !one.intact) continue;
        const { timestamp: ticks, keyFrame: key, data } = one.frame;
        frames.push({ unixMs, ticks, key, data: data.slice() });
      }
    }
    return frames;
  }

  /**
   * Each beep, and how much later than it its own picture lies.
   * @param anchors by which timestamps are translated, instead of the sender reports
   */
  async claps(anchors?: readonly Anchor[]): Promise<Clap[]> {
    const time = (kind: Kind): Translation => (anchors ? byAnchors(kind, anchors) : this.#line(kind).line);
    const [audioTime, videoTime] = [time('audio'), time('video')];
    const shown = await this.#pictures(videoTime);
    const sounds = this.#frames('audio');
    const beeps = await this.board.call('beepsIn', sounds.map(textOf));
    return beeps.flatMap(({ tone, packet, ms }): Clap[] => {
      const { unixMs: at, ticks } = sounds[packet]!;
      const clap = clapOfTone(tone, at, this.begin);
      if (clap === undefined) return [];
      const whose = senderOf(tone);
      const first = pictureOf(clap);
      // A picture that the encoder left out is told by its neighbours.
      for (const beside of [0, 1, -1, 2, -2]) {
        const pictureMs = shown.get(`${whose}:${first + beside}`);
        if (pictureMs === undefined) continue;
        const skewMs = pictureMs - beside * FRAME_MS - (audioTime(ticks, at) + ms);
        return [{ at, madeAt: this.begin + first * FRAME_MS, clap, whose, skewMs }];
      }
      return [];
    });
  }

  /** When each picture is, by "sender:number". */
  async #pictures(time: Translation): Promise<Map<string, number>> {
    const frames = this.#frames('video');
    const firstKey = frames.findIndex(({ key }) => key);
    if (firstKey < 0) return new Map();
    frames.splice(0, firstKey);
    const encoded = frames.map((frame) => ({ key: frame.key, text: textOf(frame) }));
    const numbers = await this.board.call('numbersIn', encoded);
    const shown = new Map<string, number>();
    numbers.forEach((read, index) => {
      const { unixMs, ticks } = frames[index]!;
      if (read)
        shown.set(`${read.whose}:${pictureNumber(read.number, unixMs, this.begin)}`, time(ticks, unixMs));
    });
    return shown;
  }
}

/** ms on one clock that a timestamp means which was sent at that time. */
type Translation = (timestamp: number, unixMs: number) => number;

const textOf = ({ data }: Frame): string => Buffer.from(data).toString('base64');

/** By the newest that was told before the packet; of the first packets after a switch, by the first after them. */
function byAnchors(kind: Kind, anchors: readonly Anchor[]): Translation {
  const own = anchors.filter((one) => one.kind === kind && one.csrc !== 0);
  return (timestamp, unixMs) => {
    const anchor = own.findLast((one) => one.at < unixMs) ?? own[0];
    if (anchor?.rtpTimestamp === undefined || anchor.captureTimeMs === undefined) return Number.NaN;
    return anchor.captureTimeMs + ticksBetween(timestamp, anchor.rtpTimestamp) / RATE[kind];
  };
}

/** @returns by the name of the interface: "from near", "to alone" */
export function wireSides(
  files: readonly Buffer[],
  board: Clapperboard,
  begin: number,
): Map<string, WireSide> {
  const sides = new Map<string, WireSide>();
  for (const file of files) {
    const blocks = readBlocks(file);
    const names = interfacesOf(blocks).map((name) => name.replace(/ \(.*/, ''));
    const codecs = blocks.filter(({ type }) => type === 1).map(payloadTypesOf);
    for (const { interface: index, unixMicros, payload } of packetsOf(blocks)) {
      const name = names[index]!;
      const side = sides.get(name) ?? new WireSide(board, begin);
      sides.set(name, side);
      side.take(unixMicros / 1_000, payload, codecs[index]!);
    }
  }
  return sides;
}

const payloadTypesOf = ({ options }: Block): Map<number, string> =>
  new Map(
    [...String(options.get(1)).matchAll(/(\d+) (?:audio|video)?\/?(\w+)/g)].map(([, number, codec]) => [
      Number(number),
      codec!.toLowerCase(),
    ]),
  );
