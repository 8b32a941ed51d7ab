/**
 * People who do not wait for each other: everybody speaks and pauses at random, is muted and unmuted, comes and goes.
 * Faster than any real call, so that a thousand seconds hold ten thousand switches.
 */
import type { Random } from './random.js';
import type { Participant, SimulatedRoom } from './room.js';
import type { Talker } from './talker.js';

export interface ConversationOptions {
  /** People, the room's owner keeps it between these. */
  least: number;
  most: number;
  spurtMs: readonly [number, number];
  pauseMs: readonly [number, number];
  /** Mean time between two mutes or unmutes in the room, ms. */
  muteEveryMs: number;
  /** Mean time between two people who come or go, ms. */
  comeOrGoEveryMs: number;
}

export class Conversation {
  joins = 0;
  leaves = 0;
  mutes = 0;
  #nextMuteMicros = 0;
  #nextMoveMicros = 0;

  constructor(
    private readonly room: SimulatedRoom,
    private readonly options: ConversationOptions,
    private readonly random: Random,
  ) {}

  begin(people: number): void {
    for (let i = 0; i < people; i++) this.#come();
    this.#nextMuteMicros = this.room.nowMicros + this.random.exponential(this.options.muteEveryMs) * 1000;
    this.#nextMoveMicros = this.room.nowMicros + this.random.exponential(this.options.comeOrGoEveryMs) * 1000;
  }

  /** For `SimulatedRoom.step`. */
  readonly act = (): void => {
    const { room, random } = this;
    if (room.nowMicros >= this.#nextMuteMicros) {
      this.#nextMuteMicros = room.nowMicros + random.exponential(this.options.muteEveryMs) * 1000;
      const talker = random.pick(room.participants.flatMap(({ talkers }) => talkers));
      // Not twice within a packet's time: that is nothing that a person does.
      if (talker !== undefined && this.#rested(talker)) {
        this.mutes++;
        room.mute(talker, !talker.muted);
      }
    }
    if (room.nowMicros >= this.#nextMoveMicros) {
      this.#nextMoveMicros = room.nowMicros + random.exponential(this.options.comeOrGoEveryMs) * 1000;
      const count = room.participants.length;
      const comes = count <= this.options.least || (count < this.options.most && random.chance(0.5));
      if (comes) this.#come();
      else this.#go();
    }
  };

  readonly #mutedAt = new Map<Talker, number>();
  #rested(talker: Talker): boolean {
    const last = this.#mutedAt.get(talker) ?? -Infinity;
    if (this.room.nowMicros - last < 100_000) return false;
    this.#mutedAt.set(talker, this.room.nowMicros);
    return true;
  }

  #come(): void {
    const { random } = this;
    this.joins++;
    // One in six only listens, one in eight shares a screen with sound as well, one in three saves with DTX.
    const sources = random.chance(1 / 6)
      ? []
      : random.chance(1 / 8)
        ? (['speech', 'screen'] as const)
        : (['speech'] as const);
    const participant = this.room.join({ sources, dtx: random.chance(1 / 3) });
    for (const talker of participant.talkers) this.#pause(participant, talker);
  }
  #go(): void {
    const participant = this.random.pick(this.room.participants);
    if (participant === undefined) return;
    this.leaves++;
    this.room.leave(participant);
  }

  #speak(participant: Participant, talker: Talker): void {
    if (participant.gone) return;
    talker.speak(12 + this.random.below(38));
    const until = this.room.nowMicros + this.random.between(...this.options.spurtMs) * 1000;
    this.room.timeline.at(until, () => this.#pause(participant, talker));
  }
  #pause(participant: Participant, talker: Talker): void {
    if (participant.gone) return;
    talker.hush();
    const until = this.room.nowMicros + this.random.between(...this.options.pauseMs) * 1000;
    this.room.timeline.at(until, () => this.#speak(participant, talker));
  }
}
