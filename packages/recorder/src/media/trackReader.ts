/**
 * From the packets of one track, in order, to frames that a decoder can take: assembles them, leaves out pictures of which
 * something is missing and those that need them, asks for a key frame then. Says which packets a frame lacks before it, and
 * whom a virtual stream shows.
 * Pure. Elsewhere: payload formats → @tertulia/wire · order and loss → receiveLine.ts · when and where it lies → fileParts.ts
 */
import { FrameAssembler, type AssembledFrame, type RtpPayload } from '@tertulia/wire';
import type { LinePacket, LineSink, LostReason } from './receiveLine.js';

/** As FrameAssembler names what it reads. */
export type PayloadFormat = 'opus' | 'red' | 'vp8' | 'vp9' | 'h264' | 'av1';
/** As the file has it. */
export type FrameCodec = Exclude<PayloadFormat, 'red'>;

export interface PayloadCodec {
  readonly format: PayloadFormat;
  readonly clockRate: number;
  readonly channels: number;
}

/** What is missing before a frame. */
export interface MissingBefore {
  /** Packets given up, and those of pictures that were left out. */
  lostPackets: number;
  /** Whole pictures that could not be decoded. */
  leftOutFrames: number;
}

export interface TrackFrame {
  readonly codec: FrameCodec;
  readonly channels: number;
  /** Borrowed for the call: whoever keeps the frame copies it. */
  readonly data: Uint8Array;
  readonly timestamp: number;
  /** Of its first packet. */
  readonly arrivalMicros: number;
  readonly keyFrame: boolean;
  readonly width: number | undefined;
  readonly height: number | undefined;
  readonly codecPrivate: Uint8Array | undefined;
  readonly missing: MissingBefore | undefined;
  /** 0: nobody's. */
  readonly csrc: number;
  /** Timestamps do not continue those before. */
  readonly anew: boolean;
}

export interface TrackReaderSink {
  handleFrame(frame: TrackFrame): void;
  /** What came cannot be decoded. */
  wantKeyFrame(): void;
}

export interface ReaderCounters {
  frames: number;
  keyFrames: number;
  /** Frames and packets that were not written, by reason. */
  leftOut: Record<string, number>;
}

export class TrackReader implements LineSink {
  readonly counters: ReaderCounters = { frames: 0, keyFrames: 0, leftOut: {} };
  readonly #isVideo: boolean;
  readonly #codecs: ReadonlyMap<number, PayloadCodec>;
  readonly #sink: TrackReaderSink;
  /** Sound with RED: some packets have it, some not, and one assembler takes both. */
  readonly #mixesRed: boolean;
  /** Used again for each packet. */
  readonly #plain: RtpPayload = newPayload();
  readonly #described: RtpPayload & { dependencyDescriptor: Uint8Array } = {
    ...newPayload(),
    dependencyDescriptor: new Uint8Array(0),
  };
  readonly #sound: RtpPayload & { codec: 'opus' | 'red' } = { ...newPayload(), codec: 'opus' };
  #payloadType = -1;
  #codec: PayloadCodec | undefined;
  #assembler: FrameAssembler | undefined;
  /** A decoder that got everything so far can show the next frame. */
  #decodable: boolean;
  #lostPackets = 0;
  #leftOutFrames = 0;
  #anew = false;
  /** Of the timestamp at hand, and the one before: a frame may be known to be whole by the next one's first packet only. */
  #timestamp = -1;
  #arrivalMicros = 0;
  #csrc = 0;
  #before = { timestamp: -1, arrivalMicros: 0, csrc: 0 };

  constructor(kind: 'audio' | 'video', codecs: ReadonlyMap<number, PayloadCodec>, sink: TrackReaderSink) {
    this.#isVideo = kind === 'video';
    this.#codecs = codecs;
    this.#sink = sink;
    this.#decodable = !this.#isVideo;
    this.#mixesRed = [...codecs.values()].some(({ format }) => format === 'red');
  }

  handlePacket(packet: LinePacket): void {
    if (packet.payloadType !== this.#payloadType) this.#changeCodec(packet.payloadType);
    const assembler = this.#assembler;
    if (!assembler) {
      this.#count('payload-type');
      return;
    }
    if (packet.timestamp !== this.#timestamp) {
      const before = this.#before;
      before.timestamp = this.#timestamp;
      before.arrivalMicros = this.#arrivalMicros;
      before.csrc = this.#csrc;
      this.#timestamp = packet.timestamp;
      this.#arrivalMicros = packet.arrivalMicros;
      this.#csrc = packet.csrc;
    }
    this.#take(assembler.push(this.#payloadOf(packet)));
  }

  handleLost(firstSequenceNumber: number, lastSequenceNumber: number, _why: LostReason): void {
    this.#lostPackets += lastSequenceNumber - firstSequenceNumber + 1;
    if (this.#isVideo) this.#sink.wantKeyFrame();
  }

  handleRestart(): void {
    this.#flush();
    this.#assembler = undefined;
    this.#payloadType = -1;
    this.#anew = true;
    if (!this.#isVideo) return;
    this.#decodable = false;
    this.#sink.wantKeyFrame();
  }

  /** A frame was given out and could not be written. */
  leaveOut(why: string): void {
    this.#count(why);
    this.counters.frames--;
    this.#leftOutFrames++;
  }

  /** Nothing more will come. */
  end(): void {
    this.#flush();
  }

  // ---- inside ----

  #flush(): void {
    if (this.#assembler) this.#take(this.#assembler.flush());
  }

  #changeCodec(payloadType: number): void {
    const codec = this.#codecs.get(payloadType);
    const continues = this.#mixesRed && codec !== undefined && this.#codec !== undefined;
    this.#payloadType = payloadType;
    if (continues && this.#assembler) {
      this.#codec = codec;
      return;
    }
    this.#flush();
    this.#assembler = undefined;
    // Comfort noise, tones: they come between packets of the codec.
    if (!codec) return;
    if (codec.format !== this.#codec?.format) this.#decodable = !this.#isVideo;
    this.#codec = codec;
    this.#assembler = new FrameAssembler(this.#mixesRed ? 'red' : codec.format);
  }

  #payloadOf(packet: LinePacket): RtpPayload {
    let payload = this.#plain;
    if (this.#mixesRed) {
      payload = this.#sound;
      this.#sound.codec = this.#codec!.format === 'red' ? 'red' : 'opus';
    } else if (packet.dependencyDescriptor) {
      payload = this.#described;
      this.#described.dependencyDescriptor = packet.dependencyDescriptor;
    }
    payload.sequenceNumber = packet.sequenceNumber;
    payload.timestamp = packet.timestamp;
    payload.marker = packet.marker;
    payload.payload = packet.memory;
    payload.from = packet.from;
    payload.to = packet.to;
    return payload;
  }

  #take(assembled: readonly AssembledFrame[]): void {
    for (const each of assembled) {
      if (!each.ok) {
        this.#count(each.why);
        this.#leftOutFrames++;
        continue;
      }
      const { frame, intact } = each;
      if (this.#isVideo) {
        if (frame.keyFrame && intact) this.#decodable = true;
        else if (!this.#decodable || !intact) {
          this.#count(this.#decodable ? 'frame-not-decodable' : 'frame-awaits-key-frame');
          this.#leftOutFrames++;
          this.#sink.wantKeyFrame();
          continue;
        }
      }
      this.counters.frames++;
      if (frame.keyFrame) this.counters.keyFrames++;
      const { format, channels } = this.#codec!;
      const isCurrent = frame.timestamp === this.#timestamp;
      const missing =
        this.#lostPackets + this.#leftOutFrames === 0
          ? undefined
          : { lostPackets: this.#lostPackets, leftOutFrames: this.#leftOutFrames };
      const anew = this.#anew;
      this.#lostPackets = this.#leftOutFrames = 0;
      this.#anew = false;
      this.#sink.handleFrame({
        codec: format === 'red' ? 'opus' : format,
        channels,
        data: frame.data,
        timestamp: frame.timestamp,
        arrivalMicros: isCurrent ? this.#arrivalMicros : this.#before.arrivalMicros,
        csrc: isCurrent ? this.#csrc : this.#before.csrc,
        keyFrame: frame.keyFrame,
        width: frame.width,
        height: frame.height,
        codecPrivate: frame.codecPrivate,
        missing,
        anew,
      });
    }
  }

  #count(why: string): void {
    const { leftOut } = this.counters;
    leftOut[why] = (leftOut[why] ?? 0) + 1;
  }
}

function newPayload(): RtpPayload {
  return { sequenceNumber: 0, timestamp: 0, marker: false, payload: new Uint8Array(0), from: 0, to: 0 };
}
