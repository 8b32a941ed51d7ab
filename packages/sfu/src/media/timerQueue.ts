/**
 * When who wants to be called: one heap for all deadlines of a media process, so that a thousand transports cost no
 * thousand timers. Pure: it never looks at a clock. Equal deadlines come out in no particular order.
 * Elsewhere: the one real timer → loop.ts
 */

export class Timed {
  /** Place in the heap, -1 = not waiting. Only TimerQueue touches it. */
  place = -1;
  deadlineMicros = Infinity;

  constructor(readonly run: (nowMicros: number) => void) {}
}

export class TimerQueue {
  readonly #heap: Timed[] = [];
  /** The next deadline has come nearer: whoever waits for it must wait less. */
  onNearer: () => void = () => {};

  get size(): number {
    return this.#heap.length;
  }

  nextDeadline(): number | undefined {
    return this.#heap[0]?.deadlineMicros;
  }

  /** Sets or moves the deadline. undefined: not waiting any more. */
  set(timed: Timed, deadlineMicros: number | undefined): void {
    if (deadlineMicros === undefined) return this.cancel(timed);
    const before = timed.deadlineMicros;
    const next = this.#heap[0]?.deadlineMicros ?? Infinity;
    timed.deadlineMicros = deadlineMicros;
    if (timed.place < 0) {
      timed.place = this.#heap.length;
      this.#heap.push(timed);
      this.#up(timed.place);
    } else if (deadlineMicros < before) this.#up(timed.place);
    else if (deadlineMicros > before) this.#down(timed.place);
    if (deadlineMicros < next) this.onNearer();
  }

  /**
   * Never moves the deadline later. For owners whose deadline mostly moves away (consent, each time a check comes): they
   * are called early, look, and set the real one; cheaper than moving it each time.
   */
  setNoLaterThan(timed: Timed, deadlineMicros: number | undefined): void {
    if (deadlineMicros === undefined) return;
    if (timed.place < 0 || deadlineMicros < timed.deadlineMicros) this.set(timed, deadlineMicros);
  }

  cancel(timed: Timed): void {
    const place = timed.place;
    if (place < 0) return;
    timed.place = -1;
    timed.deadlineMicros = Infinity;
    const last = this.#heap.pop()!;
    if (last === timed) return;
    this.#heap[place] = last;
    last.place = place;
    this.#up(place);
    this.#down(last.place);
  }

  /** Calls everybody whose time has come, each at most once: who sets a deadline in the past waits for the next call. */
  run(nowMicros: number): void {
    const due: Timed[] = [];
    for (let first = this.#heap[0]; first && first.deadlineMicros <= nowMicros; first = this.#heap[0]) {
      this.cancel(first);
      due.push(first);
    }
    for (const timed of due) timed.run(nowMicros);
  }

  #up(from: number): void {
    const heap = this.#heap;
    const timed = heap[from]!;
    let place = from;
    while (place > 0) {
      const parentPlace = (place - 1) >> 1;
      const parent = heap[parentPlace]!;
      if (parent.deadlineMicros <= timed.deadlineMicros) break;
      heap[place] = parent;
      parent.place = place;
      place = parentPlace;
    }
    heap[place] = timed;
    timed.place = place;
  }

  #down(from: number): void {
    const heap = this.#heap;
    const timed = heap[from]!;
    let place = from;
    for (;;) {
      let childPlace = 2 * place + 1;
      if (childPlace >= heap.length) break;
      const right = heap[childPlace + 1];
      if (right && right.deadlineMicros < heap[childPlace]!.deadlineMicros) childPlace++;
      const child = heap[childPlace]!;
      if (child.deadlineMicros >= timed.deadlineMicros) break;
      heap[place] = child;
      child.place = place;
      place = childPlace;
    }
    heap[place] = timed;
    timed.place = place;
  }
}
