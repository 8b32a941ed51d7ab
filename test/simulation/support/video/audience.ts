/**
 * People who never leave a layout alone: canvases of any size and mode, pinned and muted cameras, screens that come and go.
 * Faster than any real call, so that a few minutes hold thousands of switches.
 */
import type { Random } from '../random.js';
import { CODECS } from './camera.js';
import type { Participant, SimulatedVideoRoom } from './videoRoom.js';
import type { CanvasWish } from './videoServer.js';

export interface AudienceOptions {
  least: number;
  most: number;
  /** Mean times between two of these in the room, ms; of layouts for one receiver. */
  layoutEveryMs: number;
  pinEveryMs: number;
  muteEveryMs: number;
  comeOrGoEveryMs: number;
}

const SIZES: readonly (readonly [number, number])[] = [
  [160, 90],
  [320, 180],
  [640, 360],
  [1280, 720],
  [360, 640],
];

export class Audience {
  layouts = 0;
  pins = 0;
  mutes = 0;
  joins = 0;
  leaves = 0;
  readonly #nextLayout = new Map<Participant, number>();
  #nextPinMicros = 0;
  #nextMuteMicros = 0;
  #nextMoveMicros = 0;

  constructor(
    private readonly room: SimulatedVideoRoom,
    private readonly options: AudienceOptions,
    private readonly random: Random,
  ) {}

  begin(people: number): void {
    for (let i = 0; i < people; i++) this.#come();
  }

  /** For `SimulatedVideoRoom.step`. */
  readonly act = (): void => {
    const { room, random, options } = this;
    const { nowMicros } = room;
    const next = (meanMs: number): number => nowMicros + random.exponential(meanMs) * 1000;
    for (const participant of room.participants) {
      if (participant.viewer === undefined) continue;
      if (nowMicros < (this.#nextLayout.get(participant) ?? 0)) continue;
      this.#nextLayout.set(participant, next(options.layoutEveryMs));
      this.layouts++;
      room.setLayout(participant, this.#layout(participant));
    }
    if (nowMicros >= this.#nextPinMicros) {
      this.#nextPinMicros = next(options.pinEveryMs);
      const camera = random.pick(room.cameras);
      if (camera) {
        this.pins++;
        room.pin(camera, !camera.pinned);
      }
    }
    if (nowMicros >= this.#nextMuteMicros) {
      this.#nextMuteMicros = next(options.muteEveryMs);
      const camera = random.pick(room.cameras);
      if (camera) {
        this.mutes++;
        room.mute(camera, !camera.muted);
      }
    }
    if (nowMicros >= this.#nextMoveMicros) {
      this.#nextMoveMicros = next(options.comeOrGoEveryMs);
      const count = room.participants.length;
      if (count <= options.least || (count < options.most && random.chance(0.5))) this.#come();
      else this.#go();
    }
  };

  #layout(participant: Participant): CanvasWish[] {
    const { random, room } = this;
    const others = room.cameras.filter(({ participantId }) => participantId !== participant.id);
    // One layout in twenty is empty; ids come again, so that canvases keep what they show.
    const count = random.chance(0.05) ? 0 : 1 + random.below(room.options.slots);
    const targets = new Set<string>();
    return Array.from({ length: count }, (_, at): CanvasWish => {
      const [width, height] = random.pick(SIZES)!;
      const canvas = { id: at + 1, width, height };
      const target = random.chance(0.6) ? random.pick(others) : undefined;
      if (!target) return { ...canvas, mode: 'relevant' };
      const mode = random.chance(0.6)
        ? { participantId: target.participantId }
        : { producerId: target.producerId };
      const key = JSON.stringify(mode);
      if (targets.has(key)) return { ...canvas, mode: 'relevant' };
      targets.add(key);
      return { ...canvas, mode };
    });
  }

  #come(): void {
    const { random } = this;
    this.joins++;
    // One in six only looks, one in five shares a screen as well, one in four has two codecs only.
    const cameras = random.chance(1 / 6)
      ? []
      : random.chance(1 / 5)
        ? (['camera', 'screen'] as const)
        : (['camera'] as const);
    const codecs = random.chance(1 / 4) ? (['VP8', 'H264'] as const) : CODECS;
    this.room.join({ cameras, codecs });
  }

  #go(): void {
    const participant = this.random.pick(this.room.participants);
    if (participant === undefined) return;
    this.leaves++;
    this.#nextLayout.delete(participant);
    this.room.leave(participant);
  }
}
