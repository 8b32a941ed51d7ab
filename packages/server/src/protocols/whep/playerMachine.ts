/**
 * The protocol of those who have no data channel: publishers by WHIP say nothing, players by WHEP have their layout made
 * here. Every video section is one canvas, all of one size: which section carries which canvas could not be told, so none
 * may be better than another. What each gets is the server's choice (virtual streams V2), within the bandwidth (V5).
 * Pure, like every protocol machine.
 */
import type { Canvas } from '../../rooms/news.js';
import type { ProtocolInput, ProtocolMachine, ProtocolOutput } from '../machine.js';

/** Pixels; every camera's largest layer fits, so the bandwidth alone decides. */
const CANVAS = { width: 1_920, height: 1_080 } as const;

export class PlayerMachine implements ProtocolMachine {
  readonly refusals: ReadonlyMap<string, number> = new Map();
  #outputs: ProtocolOutput[] = [];
  #ended = false;

  /** @param pictures video slots of the session; none for a publisher */
  constructor(private readonly pictures: number) {}

  get ended(): boolean {
    return this.#ended;
  }

  handle(input: ProtocolInput): void {
    if (this.#ended) return;
    if (input.t === 'opened') this.#outputs.push({ t: 'close', label: input.label });
    else if (input.t === 'end') this.#ended = true;
    else if (input.t === 'connected' && this.pictures > 0) {
      const canvases = Array.from({ length: this.pictures }, (_, at): Canvas => ({
        id: at + 1,
        ...CANVAS,
        mode: 'relevant',
      }));
      this.#outputs.push({ t: 'setLayout', requestId: 1, canvases, maxResolution: undefined });
    }
  }

  poll(): ProtocolOutput[] {
    return this.#outputs.splice(0);
  }

  nextDeadline(): undefined {
    return undefined;
  }
}
