/**
 * Which of a receiver's slots carries which source: the sources that are on canvases in, changes of slots out. Pure.
 * A source stays in its slot, whatever canvas it moves to: its decoder goes on and no key frame is needed. A new one takes
 * the slot of whom it replaces on its canvas, so that the old picture stays there until the new one comes (V4); else the
 * slot that has been empty longest, where no late packet of somebody else can come in between.
 * Spec: virtual streams V3, V4. Elsewhere: who is on a canvas → layout.ts
 */

export interface WantedSource<S> {
  readonly source: S;
  /** Who was on the same canvas before. */
  readonly insteadOf?: S | undefined;
}

export interface SlotAssignment<S> {
  readonly slot: number;
  readonly source: S | undefined;
}

export class SlotTable<S> {
  readonly #slots: (S | undefined)[];
  readonly #emptySinceMicros: number[];

  constructor(readonly count: number) {
    this.#slots = new Array<S | undefined>(count).fill(undefined);
    this.#emptySinceMicros = new Array<number>(count).fill(-Infinity);
  }

  /** By slot; undefined: empty. */
  get sources(): readonly (S | undefined)[] {
    return this.#slots;
  }

  slotOf(source: S): number | undefined {
    const slot = this.#slots.indexOf(source);
    return slot < 0 ? undefined : slot;
  }

  /** The same person with another producer: same slot. */
  replace(before: S, after: S): void {
    const slot = this.#slots.indexOf(before);
    if (slot >= 0) this.#slots[slot] = after;
  }

  /**
   * @param wanted most relevant first; what does not fit is left out
   * @returns what changed, by slot
   */
  assign(wanted: readonly WantedSource<S>[], nowMicros: number): SlotAssignment<S>[] {
    const before = [...this.#slots];
    const staying = new Set<S>();
    const coming: WantedSource<S>[] = [];
    for (const want of wanted.slice(0, this.count)) {
      if (before.includes(want.source)) staying.add(want.source);
      else if (!coming.some(({ source }) => source === want.source)) coming.push(want);
    }
    const free = new Set<number>();
    before.forEach((source, slot) => {
      if (source !== undefined && staying.has(source)) return;
      free.add(slot);
      this.#slots[slot] = undefined;
      if (source !== undefined) this.#emptySinceMicros[slot] = nowMicros;
    });
    const put = (slot: number, source: S): void => {
      this.#slots[slot] = source;
      free.delete(slot);
    };
    const others = coming.filter(({ source, insteadOf }) => {
      const slot = insteadOf === undefined ? -1 : before.indexOf(insteadOf);
      if (!free.has(slot)) return true;
      put(slot, source);
      return false;
    });
    for (const { source } of others) {
      const slot = this.#emptyLongest(free);
      if (slot !== undefined) put(slot, source);
    }
    return this.#slots.flatMap((source, slot) => (source === before[slot] ? [] : [{ slot, source }]));
  }

  #emptyLongest(free: ReadonlySet<number>): number | undefined {
    let longest: number | undefined;
    for (const slot of [...free].sort((a, b) => a - b))
      if (longest === undefined || this.#emptySinceMicros[slot]! < this.#emptySinceMicros[longest]!)
        longest = slot;
    return longest;
  }
}
