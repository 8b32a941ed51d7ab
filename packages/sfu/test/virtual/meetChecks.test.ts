/** Checks of the Meet sheet that take longer than a scenario, in virtual time. Everything sent is judged as well. */
import { expect, test } from 'vitest';
import { SILENT_LEVEL, TestRoom } from './support/room.js';

const SECOND = 1_000_000;
const CHANGES = 50;
const TURN = (10 * 60 * SECOND) / CHANGES;

test('M07 M12 ten minutes with fifty changes of speaker: the same SSRCs and CSRCs, and numbers that continue', () => {
  const room = new TestRoom({ seed: 12 });
  const people = Array.from({ length: 5 }, (_, i) => room.addTalker({ id: `t${i}`, participantId: `p${i}` }));
  const owners = new Map(people.map(({ truth }) => [truth.csrc, truth.participantId]));
  room.addReceiver('listener');
  const fixed = [...(room.receivers.get('listener')?.ssrcs ?? [])].sort();
  const turns: { ssrcs: Set<number>; csrcs: Set<number> }[] = [];
  room.onSent = ({ ssrc, csrcs: [csrc = 0] }, { source }) => {
    // Whose packet it truly was, and under which number it went out.
    if (owners.get(csrc) !== source.participantId) throw new Error(`${csrc} is not ${source.participantId}`);
    const turn = turns.at(-1);
    turn?.ssrcs.add(ssrc);
    turn?.csrcs.add(csrc);
  };
  for (let change = 0; change < CHANGES; change++) {
    turns.push({ ssrcs: new Set(), csrcs: new Set() });
    const speaker = people[change % people.length];
    for (const person of people) person.level = person === speaker ? 20 : SILENT_LEVEL;
    room.run(TURN);
    expect(turns.at(-1)?.csrcs, `turn ${change}`).toContain(speaker?.truth.csrc);
    for (const ssrc of turns.at(-1)?.ssrcs ?? []) expect(fixed).toContain(ssrc);
  }
  expect(new Set(turns.flatMap(({ csrcs }) => [...csrcs]))).toEqual(new Set(owners.keys()));
  expect([...new Set(turns.flatMap(({ ssrcs }) => [...ssrcs]))].sort()).toEqual(fixed);
  room.judge.finish();
  expect(room.judge.examples).toEqual([]);
});
