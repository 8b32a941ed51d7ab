/** One virtual stream of one receiver, as applications see it: a fixed SSRC, and whose media it carries now. */
import type { RtpParameters, SlotChange, VideoSlotChange } from '../types.js';
import { EnhancedEventEmitter } from './enhancedEventEmitter.js';

export type AudioSlotEvents = { sourcechange: [change: SlotChange] };
export type VideoSlotEvents = { sourcechange: [change: VideoSlotChange] };

abstract class Slot<
  Change extends { csrc: number; producerId: string | undefined },
> extends EnhancedEventEmitter<{
  sourcechange: [change: Change];
}> {
  #change: Change | undefined;

  constructor(
    /** Index in `Receiver.audio` or `Receiver.video`. */
    readonly index: number,
    /** MID of its section. */
    readonly mid: string,
    readonly rtpParameters: RtpParameters,
  ) {
    super();
  }

  /** For life. */
  get ssrc(): number {
    return this.rtpParameters.encodings?.[0]?.ssrc ?? 0;
  }

  /** Whose media it carries now; 0 = nobody's. The CSRC in the packets says the same, exactly in time. */
  get csrc(): number {
    return this.#change?.csrc ?? 0;
  }

  get producerId(): string | undefined {
    return this.#change?.producerId;
  }

  /** The latest point of the slot's line: RTP timestamp and server time that belong together. */
  get lastChange(): Change | undefined {
    return this.#change;
  }

  /** Not for applications. */
  handleChange(change: Change): void {
    this.#change = change;
    this.safeEmit('sourcechange', change);
  }
}

export class AudioSlot extends Slot<SlotChange> {
  /** The room's loudest is heard here. */
  get loudest(): boolean {
    return this.lastChange?.loudest ?? false;
  }
}

export class VideoSlot extends Slot<VideoSlotChange> {
  /** Of repetitions; undefined when RTX was not negotiated. */
  get rtxSsrc(): number | undefined {
    return this.rtpParameters.encodings?.[0]?.rtx?.ssrc;
  }

  /** Where it is shown now. */
  get canvasId(): number | undefined {
    return this.lastChange?.canvasId;
  }
}
