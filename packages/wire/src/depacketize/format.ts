/** What a video codec adds to the assembly of frames: its payloads' headers, and what stands in a frame that has ended. */
import type { FrameBuffer } from './frameBuffer.js';
import type { FrameFacts, FrameRefusal, FrameStart } from './frame.js';

export interface FrameFormat {
  /** A new frame: nothing of the one before holds, whether it ended well or not. */
  begin(): void;
  /**
   * Takes one payload, which is not empty, into the frame: `payload` from `from` to before `to`.
   * @returns why the frame cannot be whole; after that no more is added to it
   */
  add(payload: Uint8Array, from: number, to: number, into: FrameBuffer): FrameRefusal | undefined;
  /** Of the frame's first packet, after `add`: whether the frame can begin with it. */
  start(): FrameStart;
  /**
   * The last packet was added: completes the data.
   * @param out cleared before
   */
  end(into: FrameBuffer, out: FrameFacts, lossBefore: boolean): FrameRefusal | undefined;
}
