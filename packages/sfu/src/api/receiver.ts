/**
 * Who receives virtual streams: a fixed set of slots, and the layout that says which pictures there is room for. Ours.
 * Rules: docs/virtual-streams.md. Elsewhere: who is chosen → media/virtual/ · who makes receivers → virtualStreams.ts
 */
import { readLayout, readMaxResolution } from '../media/virtual/video/layout.js';
import { OptionError } from '../channel/errors.js';
import type {
  AppData,
  Assignment,
  Canvas,
  MaxResolution,
  SlotChange,
  SlotStat,
  VideoSlotChange,
} from '../types.js';
import { Entity, type CloseCause } from './entity.js';
import type { AudioSlot, VideoSlot } from './slots.js';

export interface LayoutOptions {
  /** No layer above it is sent where a smaller one exists. */
  maxResolution?: MaxResolution | undefined;
}

/** What goes to the media process. */
export interface LayoutRequest {
  readonly canvases: readonly Canvas[];
  readonly maxResolution?: MaxResolution;
}

export type ReceiverEvents = {
  /** All changes of one instant; each slot's own `sourcechange` comes before. */
  slotschange: [changes: SlotChange[]];
  /** The same for video. */
  videoslotschange: [changes: VideoSlotChange[]];
  /** Some canvas shows something else, or its picture went dark or came back. The whole list. */
  assignmentschange: [assignments: readonly Assignment[]];
  transportclose: [];
};

/** How a receiver reaches its media process. */
export interface ReceiverPort {
  setLayout(layout: LayoutRequest): Promise<readonly Assignment[]>;
  getStats(): Promise<readonly SlotStat[]>;
  requestKeyFrames(): Promise<void>;
  closed(receiver: Receiver, cause: CloseCause): void;
}

interface WaitingLayout {
  layout: LayoutRequest;
  readonly done: Promise<readonly Assignment[]>;
  readonly settle: (result: Promise<readonly Assignment[]>) => void;
}

export class Receiver extends Entity<ReceiverEvents, AppData> {
  readonly #port: ReceiverPort;
  #assignments: readonly Assignment[] = [];
  /** At most one is on the way, and the newest of the others waits: a window that is being resized asks a hundred times. */
  #asking = false;
  #waiting: WaitingLayout | undefined;

  /** Not for applications: use `virtual.createReceiver`. */
  constructor(
    id: string,
    readonly audio: readonly AudioSlot[],
    readonly video: readonly VideoSlot[],
    readonly participantId: string | undefined,
    port: ReceiverPort,
  ) {
    super(id, undefined);
    this.#port = port;
  }

  /** What the canvases of the layout show; those that nobody is for are left out. */
  get assignments(): readonly Assignment[] {
    return this.#assignments;
  }

  /**
   * Says what there is room for. Replaces the layout before; an empty one ends all video. No video comes before the first.
   * Of layouts that are given while one is on its way only the last is carried out; all of them resolve with its result.
   * @throws OptionError with the code INVALID_CANVAS, TOO_MANY_CANVASES or OWN_SOURCE; the layout before stays.
   */
  async setLayout(canvases: readonly Canvas[], options: LayoutOptions = {}): Promise<readonly Assignment[]> {
    this.assertOpen();
    const read = readLayout(canvases, { slots: this.video.length, ownParticipantId: this.participantId });
    if (!read.ok) throw new OptionError(read.message, read.code);
    const limit = readMaxResolution(options.maxResolution);
    if (!limit.ok) throw new OptionError(limit.message, limit.code);
    const { maxResolution } = limit;
    const layout: LayoutRequest = {
      canvases: read.canvases.map((canvas) => ({ ...canvas })),
      ...(maxResolution ? { maxResolution } : {}),
    };
    if (!this.#asking) return this.#ask(layout);
    if (this.#waiting) this.#waiting.layout = layout;
    else {
      let settle!: WaitingLayout['settle'];
      const done = new Promise<readonly Assignment[]>((resolve) => (settle = resolve));
      this.#waiting = { layout, done, settle };
    }
    return this.#waiting.done;
  }

  /** What went out on each slot, and what the receiver reported of it. Voices first, by number. */
  async getStats(): Promise<readonly SlotStat[]> {
    this.assertOpen();
    return this.#port.getStats();
  }

  /** Of all pictures that it is shown. For programs that cannot ask by RTCP themselves; others do it on their own. */
  async requestKeyFrames(): Promise<void> {
    this.assertOpen();
    await this.#port.requestKeyFrames();
  }

  /** Not for applications. */
  handleChanges(changes: SlotChange[]): void {
    for (const change of changes) this.audio[change.slot]?.handleChange(change);
    this.safeEmit('slotschange', changes);
  }

  /** Not for applications. */
  handleVideoChanges(changes: VideoSlotChange[]): void {
    for (const change of changes) this.video[change.slot]?.handleChange(change);
    this.safeEmit('videoslotschange', changes);
  }

  /** Not for applications. */
  handleAssignments(assignments: readonly Assignment[]): void {
    this.#assignments = assignments;
    this.safeEmit('assignmentschange', assignments);
  }

  protected release(cause: CloseCause): void {
    this.#port.closed(this, cause);
  }

  async #ask(layout: LayoutRequest): Promise<readonly Assignment[]> {
    this.#asking = true;
    try {
      const before = this.#assignments;
      const answer = await this.#port.setLayout(layout);
      // The process tells a change before it answers. What was told meanwhile is that, or newer than the answer.
      if (this.#assignments === before) this.#assignments = answer;
      return this.#assignments;
    } finally {
      this.#asking = false;
      const next = this.#waiting;
      this.#waiting = undefined;
      next?.settle(this.#ask(next.layout));
    }
  }
}
