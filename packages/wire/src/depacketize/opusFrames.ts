/**
 * Opus: each packet is a frame. RFC 7587 §4.2. RED: the primary block is, and older blocks only where packets are missing that
 * they repeat. RFC 2198 §3, §4.
 */
import { parseOpus } from '../opus.js';
import { emptyRedPayload, readRed } from '../payload/red.js';
import type { AssembledFrame, FrameCodec, FrameRefusal, RtpPayload } from './frame.js';
import { timestampDelta } from '../units.js';

const NOTHING: readonly AssembledFrame[] = Object.freeze([]);

export class OpusFrames {
  readonly #red = emptyRedPayload();
  /** Of the last frame that was given out; undefined: none. */
  #lastTimestamp: number | undefined;
  #lastSequenceNumber: number | undefined;

  constructor(private readonly codec: FrameCodec) {}

  push(packet: RtpPayload): readonly AssembledFrame[] {
    const { payload, sequenceNumber } = packet;
    const from = packet.from ?? 0;
    const to = packet.to ?? payload.length;
    const last = this.#lastSequenceNumber;
    if (last !== undefined && sequenceNumber <= last) return [refusal(packet, 'frame-packet-order')];
    this.#lastSequenceNumber = sequenceNumber;
    if (from >= to) return NOTHING;
    if ((packet.codec ?? this.codec) === 'opus') return [this.#frame(packet, from, to)];
    const why = readRed(payload, from, to, this.#red);
    if (why !== undefined) return [refusal(packet, why)];
    const primaryAt = from + this.#red.primary.offset;
    if (last === undefined || sequenceNumber === last + 1) return [this.#frame(packet, primaryAt, to)];
    const frames = this.#recovered(packet, from, last);
    frames.push(this.#frame(packet, primaryAt, to));
    return frames;
  }

  /** The blocks that repeat packets between `last` and this one: the newest of them was in the packet just before. */
  #recovered(packet: RtpPayload, from: number, last: number): AssembledFrame[] {
    const frames: AssembledFrame[] = [];
    const { redundant, redundantCount, primary } = this.#red;
    for (let i = 0; i < redundantCount; i++) {
      const block = redundant[i]!;
      const sequenceNumber = packet.sequenceNumber - (redundantCount - i);
      if (sequenceNumber <= last || block.length === 0 || block.payloadType !== primary.payloadType) continue;
      const timestamp = (packet.timestamp - block.timestampOffset) >>> 0;
      // Each must lie between what was given out before and what comes behind it.
      if (this.#lastTimestamp !== undefined && timestampDelta(this.#lastTimestamp, timestamp) <= 0) continue;
      if (block.timestampOffset === 0) continue;
      const frame = this.#frame(
        { sequenceNumber, timestamp, marker: false, payload: packet.payload },
        from + block.offset,
        from + block.offset + block.length,
      );
      if (frame.ok) frames.push(frame);
    }
    return frames;
  }

  #frame(packet: RtpPayload, from: number, to: number): AssembledFrame {
    const opus = parseOpus(packet.payload, from, to - from);
    if (!opus.ok) return refusal(packet, opus.why);
    this.#lastTimestamp = packet.timestamp;
    return {
      ok: true,
      // A decoder conceals what is missing: no packet of Opus needs another one.
      intact: true,
      frame: {
        data: new Uint8Array(packet.payload.buffer, packet.payload.byteOffset + from, to - from),
        timestamp: packet.timestamp,
        keyFrame: true,
        firstSequenceNumber: packet.sequenceNumber,
        lastSequenceNumber: packet.sequenceNumber,
        packets: 1,
        discardable: true,
      },
    };
  }
}

const refusal = (packet: RtpPayload, why: FrameRefusal): AssembledFrame => ({
  ok: false,
  why,
  timestamp: packet.timestamp,
  firstSequenceNumber: packet.sequenceNumber,
  lastSequenceNumber: packet.sequenceNumber,
  packets: 1,
});
