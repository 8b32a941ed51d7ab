/**
 * What each slot carries as the client was told last, with an anchor: an RTP timestamp and the server's time that belong
 * together. A slot's line is straight (virtual streams R2), so both may be carried forward by the same span.
 * Pure. Spec: virtual streams R5.
 */
interface Anchored {
  readonly slot: number;
  readonly csrc: number;
  readonly rtpTimestamp: number;
  readonly captureTimeMs: number;
}

export class SlotAnchors<Change extends Anchored> {
  readonly #slots: { change: Change; toldAtMs: number }[];

  constructor(
    count: number,
    private readonly ticksPerMs: number,
    empty: (slot: number) => Change,
  ) {
    this.#slots = Array.from({ length: count }, (_, slot) => ({ change: empty(slot), toldAtMs: 0 }));
  }

  get all(): Change[] {
    return this.#slots.map(({ change }) => change);
  }

  /** Those that carry something. */
  get active(): Change[] {
    return this.all.filter(({ csrc }) => csrc !== 0);
  }

  /** @returns those of slots that there are */
  take(changes: readonly Change[], nowMs: number): Change[] {
    const known = changes.filter(({ slot }) => this.#slots[slot] !== undefined);
    for (const change of known) this.#slots[change.slot] = { change, toldAtMs: nowMs };
    return known;
  }

  /** Those that carry something, with anchors of now. */
  carry(nowMs: number): Change[] {
    const active: Change[] = [];
    this.#slots.forEach(({ change, toldAtMs }, slot) => {
      if (change.csrc === 0) return;
      const spanMs = Math.max(0, Math.round(nowMs - toldAtMs));
      const carried = {
        ...change,
        rtpTimestamp: (change.rtpTimestamp + spanMs * this.ticksPerMs) % 2 ** 32,
        captureTimeMs: change.captureTimeMs + spanMs,
      };
      this.#slots[slot] = { change: carried, toldAtMs: nowMs };
      active.push(carried);
    });
    return active;
  }
}
