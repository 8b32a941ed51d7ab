/**
 * People who do not wait for each other: everybody speaks and pauses at random, is muted, comes, goes and comes back with
 * another producer. Twenty switches a second: a call of months in a minute.
 */
import { TestRoom, type PathOptions, type Talker } from './room.js';

export interface Scenario {
  seed: number;
  paths: readonly PathOptions[];
  /** Slots of receivers, drawn from these. */
  slots: readonly number[];
  seconds: number;
  audioSlots?: number;
}

export function converse(scenario: Scenario, watch: (room: TestRoom) => void = () => {}): TestRoom {
  const room = new TestRoom({ seed: scenario.seed, audioSlots: scenario.audioSlots ?? 3 });
  room.nackShare = 0.01;
  watch(room);
  const { random } = room;
  let next = 0;
  let nextMute = 0;
  let nextMove = 0;

  const speak = (talker: Talker): void => {
    if (talker.gone) return;
    talker.level = 12 + random.below(38);
    room.at(room.nowMicros + random.between(80_000, 700_000), () => hush(talker));
  };
  const hush = (talker: Talker): void => {
    if (talker.gone) return;
    talker.level = 92;
    room.at(room.nowMicros + random.between(60_000, 900_000), () => speak(talker));
  };
  const come = (): void => {
    const participantId = `p${next++}`;
    const kinds = random.chance(1 / 6)
      ? []
      : random.chance(1 / 6)
        ? (['speech', 'screen'] as const)
        : (['speech'] as const);
    const dtx = random.chance(1 / 3);
    const path = random.pick(scenario.paths)!;
    for (const content of kinds) {
      hush(room.addTalker({ id: `${participantId}-${content}`, participantId, content, dtx, path }));
    }
    if (!random.chance(0.1))
      room.addReceiver(`r-${participantId}`, participantId, random.pick(scenario.slots)!);
  };
  const go = (): void => {
    const receiver = random.pick([...room.receivers.values()]);
    if (receiver === undefined) return;
    room.removeReceiver(receiver.id);
    for (const talker of room.talkers.filter(({ truth }) => truth.participantId === receiver.participantId))
      room.removeTalker(talker);
  };
  const rested = new Map<Talker, number>();

  for (let i = 0; i < 7; i++) come();
  room.run(scenario.seconds * 1_000_000, () => {
    if (room.nowMicros >= nextMute) {
      nextMute = room.nowMicros + random.exponential(30_000);
      const talker = random.pick(room.talkers);
      if (talker !== undefined && room.nowMicros - (rested.get(talker) ?? 0) > 100_000) {
        rested.set(talker, room.nowMicros);
        if (random.chance(0.05)) hush(room.replaceTalker(talker, `again${next++}`));
        else room.mute(talker, !talker.muted);
      }
    }
    if (room.nowMicros >= nextMove) {
      nextMove = room.nowMicros + random.exponential(600_000);
      if (room.receivers.size < 5 || (room.receivers.size < 12 && random.chance(0.5))) come();
      else go();
    }
  });
  room.judge.finish();
  return room;
}
