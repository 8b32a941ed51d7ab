/** Virtual time: things to do, in order of their instant; equal instants in order of asking. A binary heap. */
interface Entry {
  atMicros: number;
  order: number;
  run: (nowMicros: number) => void;
}

export class Timeline {
  readonly #heap: Entry[] = [];
  #order = 0;

  at(atMicros: number, run: (nowMicros: number) => void): void {
    const heap = this.#heap;
    const entry = { atMicros, order: this.#order++, run };
    let i = heap.length;
    heap.push(entry);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!before(entry, heap[parent]!)) break;
      heap[i] = heap[parent]!;
      i = parent;
    }
    heap[i] = entry;
  }

  /** Runs all that is due until and including `nowMicros`, also what is added meanwhile. */
  runUntil(nowMicros: number): void {
    while (this.#heap.length > 0 && this.#heap[0]!.atMicros <= nowMicros) {
      const { atMicros, run } = this.#pop();
      run(atMicros);
    }
  }

  #pop(): Entry {
    const heap = this.#heap;
    const first = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return first;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
      if (!before(heap[child]!, last)) break;
      heap[i] = heap[child]!;
      i = child;
    }
    heap[i] = last;
    return first;
  }
}

const before = (a: Entry, b: Entry): boolean =>
  a.atMicros < b.atMicros || (a.atMicros === b.atMicros && a.order < b.order);
