/**
 * One encoding of a producer: the SSRC that carries it now, those before it, and those that repeat its packets. Knows how
 * they arrive; what is made of the packets → ../producer.ts, ../forward/.
 */
import type { SourceStream } from '../forward/sourceStream.js';
import type { Producer } from '../producer.js';
import { KeyFrameRequests } from './keyFrameRequests.js';
import { NackGenerator } from './nackGenerator.js';
import type { NackLimits } from './nackGenerator.js';
import { ReceiveStream } from './receiveStream.js';
import { StreamScore } from './streamScore.js';

export interface EncodingSettings {
  readonly clockRate: number;
  /** undefined: not negotiated. */
  readonly nackLimits: Partial<NackLimits> | undefined;
  readonly keyFrameWindowMicros: number | undefined;
}

/** One SSRC of media. */
export class MediaStream {
  readonly isRetransmission = false;
  readonly receive: ReceiveStream;
  readonly nack: NackGenerator | undefined;
  readonly score = new StreamScore();
  packets = 0;
  octets = 0;
  lastMicros = 0;
  nacks = 0;
  nackPackets = 0;
  plis = 0;
  firs = 0;
  /** Counts full intra requests, as their sequence number. */
  firSequence = 0;
  /** Repetitions that came over the retransmissions' SSRC, and those that were missing. */
  retransmitted = 0;
  repaired = 0;
  discarded = 0;
  /** Of video: last packets of pictures. */
  pictures = 0;

  constructor(
    readonly encoding: Encoding,
    readonly ssrc: number,
    settings: EncodingSettings,
  ) {
    this.receive = new ReceiveStream({ ssrc, clockRate: settings.clockRate });
    this.nack = settings.nackLimits ? new NackGenerator(settings.nackLimits) : undefined;
  }
}

/** One SSRC that repeats packets of the encoding (RFC 4588), and pads. */
export class RetransmissionStream {
  readonly isRetransmission = true;
  readonly receive: ReceiveStream;
  packets = 0;
  octets = 0;
  lastMicros = 0;
  readonly nack = undefined;

  constructor(
    readonly encoding: Encoding,
    readonly ssrc: number,
    clockRate: number,
  ) {
    this.receive = new ReceiveStream({ ssrc, clockRate });
  }
}

export type IncomingStream = MediaStream | RetransmissionStream;

export class Encoding {
  /** Whose packets go on. */
  current: MediaStream | undefined;
  retransmissions: RetransmissionStream | undefined;
  readonly keyFrames: KeyFrameRequests;
  readonly #settings: EncodingSettings;

  constructor(
    readonly producer: Producer,
    readonly index: number,
    readonly rid: string | undefined,
    readonly source: SourceStream,
    settings: EncodingSettings,
  ) {
    this.#settings = settings;
    this.keyFrames = new KeyFrameRequests(settings.keyFrameWindowMicros);
  }

  get score(): number {
    return this.current?.score.value ?? 0;
  }

  addStream(ssrc: number): MediaStream {
    return new MediaStream(this, ssrc, this.#settings);
  }

  addRetransmissions(ssrc: number): RetransmissionStream {
    this.retransmissions = new RetransmissionStream(this, ssrc, this.#settings.clockRate);
    return this.retransmissions;
  }
}
