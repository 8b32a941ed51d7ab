/**
 * Frames out of RTP payloads: where one begins and ends, which are complete, and which need one that is not. Packets come in
 * order; a sequence number that is left out is a packet that is lost. Packets of one timestamp are one frame, the marker ends it
 * (RFC 3550 §5.1 and all payload formats for video); a new timestamp ends a frame without marker only when nothing is missing.
 * Pure: no clock, nothing is waited for. Whatever the bytes, nothing is thrown; what is refused has a reason.
 * Elsewhere: order and retransmission → the caller · codecs → *Frames.ts · which frames need which → references.ts
 */
import { Av1Frames } from './av1Frames.js';
import { Dependencies } from './dependencies.js';
import type { FrameFormat } from './format.js';
import {
  clearFrameFacts,
  emptyFrameFacts,
  FRAME_LIMITS,
  type AssembledFrame,
  type EncodedFrame,
  type FrameCodec,
  type FrameRefusal,
  type FrameStart,
  type RtpPayload,
} from './frame.js';
import { FrameBuffer } from './frameBuffer.js';
import { H264Frames } from './h264Frames.js';
import { OpusFrames } from './opusFrames.js';
import { ReferenceTracker } from './references.js';
import { Vp8Frames } from './vp8Frames.js';
import { Vp9Frames } from './vp9Frames.js';

/** Most key frames fit; larger frames get a buffer of their own. It is used for one frame after the other, so it stays in a cache. */
const BUFFER_BYTES = 64 * 1024;
const NOTHING: readonly AssembledFrame[] = Object.freeze([]);

const formatOf = (codec: 'vp8' | 'vp9' | 'h264' | 'av1'): FrameFormat => {
  switch (codec) {
    case 'vp8':
      return new Vp8Frames();
    case 'vp9':
      return new Vp9Frames();
    case 'h264':
      return new H264Frames();
    case 'av1':
      return new Av1Frames();
  }
};

/** For one stream: one source of packets with one codec. */
export class FrameAssembler {
  readonly #assembly: OpusFrames | VideoFrames;

  constructor(codec: FrameCodec) {
    this.#assembly =
      codec === 'opus' || codec === 'red' ? new OpusFrames(codec) : new VideoFrames(formatOf(codec));
  }

  /** @returns what this packet completes or proves incomplete; mostly nothing. Not to be changed, data good until the next one. */
  push(packet: RtpPayload): readonly AssembledFrame[] {
    return this.#assembly.push(packet);
  }

  /** The stream has ended: what has begun is refused. */
  flush(): readonly AssembledFrame[] {
    return this.#assembly instanceof VideoFrames ? this.#assembly.flush() : NOTHING;
  }
}

class VideoFrames {
  readonly #buffer = new FrameBuffer(BUFFER_BYTES);
  readonly #references = new ReferenceTracker();
  readonly #dependencies = new Dependencies();
  readonly #facts = emptyFrameFacts();
  #last: number | undefined;
  /** Something is missing before the next packet. At first: who knows. */
  #loss = true;
  // The frame that has begun.
  #open = false;
  #timestamp = 0;
  #firstNumber = 0;
  #lastNumber = 0;
  #packets = 0;
  #lossBefore = false;
  #refusal: FrameRefusal | undefined;

  constructor(private readonly format: FrameFormat) {}

  push(packet: RtpPayload): readonly AssembledFrame[] {
    const { sequenceNumber, timestamp, payload } = packet;
    const from = packet.from ?? 0;
    const to = packet.to ?? payload.length;
    const last = this.#last;
    this.#buffer.rewind();
    if (last !== undefined && sequenceNumber <= last) return [outOfOrder(packet)];
    this.#last = sequenceNumber;
    if (last !== undefined && sequenceNumber !== last + 1) {
      this.#loss = true;
      this.#references.lost(sequenceNumber - last - 1);
    }
    if (from >= to) return NOTHING;

    let before: AssembledFrame | undefined;
    if (this.#open && timestamp !== this.#timestamp) {
      if (this.#loss) this.#refusal ??= 'frame-end-missing';
      before = this.#finish();
    }
    if (!this.#open) this.#begin(packet);
    else if (this.#loss) this.#refusal ??= 'frame-packet-missing';
    this.#loss = false;
    this.#add(packet, from, to);
    if (!packet.marker) return before === undefined ? NOTHING : [before];
    const finished = this.#finish();
    return before === undefined ? [finished] : [before, finished];
  }

  flush(): readonly AssembledFrame[] {
    if (!this.#open) return NOTHING;
    this.#refusal ??= 'frame-end-missing';
    return [this.#finish()];
  }

  #begin(packet: RtpPayload): void {
    this.#open = true;
    this.#timestamp = packet.timestamp;
    this.#firstNumber = packet.sequenceNumber;
    this.#packets = 0;
    this.#lossBefore = this.#loss;
    this.#refusal = undefined;
    this.format.begin();
    this.#dependencies.begin();
  }

  #add(packet: RtpPayload, from: number, to: number): void {
    this.#lastNumber = packet.sequenceNumber;
    this.#packets++;
    if (this.#packets > FRAME_LIMITS.framePackets) this.#refusal ??= 'frame-too-many-packets';
    if (this.#refusal !== undefined) return;
    this.#refusal = this.format.add(packet.payload, from, to, this.#buffer);
    this.#dependencies.add(packet.dependencyDescriptor);
    if (this.#packets > 1 || this.#refusal !== undefined) return;
    const start = this.#start();
    if (start === 'no') this.#refusal = 'frame-start-missing';
    else if (start === 'maybe' && this.#lossBefore) this.#refusal = 'frame-start-unknown';
  }

  /** Where the payload cannot tell, the dependency descriptor may. */
  #start(): FrameStart {
    const start = this.format.start();
    if (start !== 'maybe' || !this.#dependencies.known) return start;
    return this.#dependencies.starts ? 'yes' : 'no';
  }

  #finish(): AssembledFrame {
    this.#open = false;
    const facts = this.#facts;
    clearFrameFacts(facts);
    this.#refusal ??= this.format.end(this.#buffer, facts, this.#lossBefore);
    if (this.#refusal === undefined && this.#buffer.length === 0) this.#refusal = 'frame-empty';
    if (this.#refusal !== undefined) return this.#refused(this.#refusal);
    const intact = this.#references.given(facts, this.#dependencies);
    const frame: EncodedFrame = {
      data: this.#buffer.finish(),
      timestamp: this.#timestamp,
      keyFrame: facts.keyFrame,
      firstSequenceNumber: this.#firstNumber,
      lastSequenceNumber: this.#lastNumber,
      packets: this.#packets,
      discardable: facts.discardable || (this.#dependencies.known && this.#dependencies.discardable),
    };
    if (facts.keyFrame && facts.width > 0 && facts.height > 0) {
      frame.width = facts.width;
      frame.height = facts.height;
    }
    if (facts.keyFrame && facts.codecPrivate !== undefined) frame.codecPrivate = facts.codecPrivate;
    return { ok: true, frame, intact };
  }

  #refused(why: FrameRefusal): AssembledFrame {
    this.#buffer.abandon();
    this.#references.refused();
    return {
      ok: false,
      why,
      timestamp: this.#timestamp,
      firstSequenceNumber: this.#firstNumber,
      lastSequenceNumber: this.#lastNumber,
      packets: this.#packets,
    };
  }
}

const outOfOrder = (packet: RtpPayload): AssembledFrame => ({
  ok: false,
  why: 'frame-packet-order',
  timestamp: packet.timestamp,
  firstSequenceNumber: packet.sequenceNumber,
  lastSequenceNumber: packet.sequenceNumber,
  packets: 1,
});
