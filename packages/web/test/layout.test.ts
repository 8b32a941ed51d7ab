/** What lies where, who is large, and which pictures are asked for: pure, by tables. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { arrange, tileKey, type ArrangedTile, type Arrangement, type Place } from '../src/arrange.js';
import {
  isVisible,
  planLayout,
  PLAN,
  slotOf,
  stripOrder,
  type Assigned,
  type CarriedSlot,
  type PlanTile,
  type Surroundings,
} from '../src/layoutPlan.js';
import {
  chooseStage,
  DOMINANT,
  followSpeech,
  forget,
  INITIAL_VIEW,
  NOBODY,
  pin,
  toGrid,
  toStage,
  type Dominant,
} from '../src/stageChoice.js';

const person = (number: number, given: Partial<ArrangedTile> = {}): ArrangedTile => ({
  key: `p_${number}`,
  screen: false,
  self: number === 0,
  ...given,
});
const people = (count: number): ArrangedTile[] => Array.from({ length: count }, (_, index) => person(index));
const screenOf = (number: number): ArrangedTile => ({
  key: tileKey(`p_${number}`, true),
  screen: true,
  self: false,
});
const placesOf = ({ places, more }: Arrangement): Place[] => [
  ...places.values(),
  ...(more ? [more.place] : []),
];
const overlaps = (a: Place, b: Place): boolean =>
  a.xPx < b.xPx + b.widthPx &&
  b.xPx < a.xPx + a.widthPx &&
  a.yPx < b.yPx + b.heightPx &&
  b.yPx < a.yPx + a.heightPx;

const AREAS = [
  { name: 'desktop', widthPx: 1_392, heightPx: 726 },
  { name: 'desktop with chat', widthPx: 1_032, heightPx: 726 },
  { name: 'phone', widthPx: 366, heightPx: 704 },
  { name: 'small phone', widthPx: 296, heightPx: 430 },
  { name: 'phone on its side', widthPx: 820, heightPx: 270 },
  { name: 'wall', widthPx: 2_512, heightPx: 1_240 },
];

describe('where tiles lie', () => {
  test.each(AREAS)('$name: nothing overlaps or sticks out, for 1 to 40 people in every view', (area) => {
    for (let count = 1; count <= 40; count++) {
      const tiles = people(count);
      const withScreen = [screenOf(count - 1), ...tiles];
      for (const [list, stage] of [
        [tiles, undefined],
        [tiles, `p_${count - 1}`],
        [withScreen, withScreen[0]!.key],
        [withScreen, undefined],
      ] as const) {
        const found = arrange(list, stage, area, true);
        const shown = placesOf(found);
        for (const place of shown) {
          expect(place.xPx).toBeGreaterThanOrEqual(0);
          expect(place.xPx + place.widthPx).toBeLessThanOrEqual(area.widthPx);
          expect(place.yPx).toBeGreaterThanOrEqual(0);
          expect(place.yPx + place.heightPx).toBeLessThanOrEqual(
            found.scrolls ? found.contentHeightPx : area.heightPx,
          );
        }
        const flat = shown.filter(({ role }) => role !== 'corner');
        flat.forEach((place, index) =>
          flat.slice(index + 1).forEach((other) => expect(overlaps(place, other)).toBe(false)),
        );
        // Everybody is there or counted.
        const counted = found.places.size + (found.more?.count ?? 0);
        expect(counted).toBe(list.length);
      }
    }
  });

  test('the last row of a grid is in the middle', () => {
    const { places } = arrange(people(5), undefined, { widthPx: 1_392, heightPx: 726 }, true);
    const lastRow = [...places.values()].slice(3);
    const left = lastRow[0]!.xPx;
    const right = 1_392 - lastRow[1]!.xPx - lastRow[1]!.widthPx;
    expect(Math.abs(left - right)).toBeLessThanOrEqual(1);
  });

  test('four cameras on a desktop: two rows of two, in the shape of a camera', () => {
    const { places } = arrange(people(4), undefined, { widthPx: 1_392, heightPx: 726 }, true);
    for (const { widthPx, heightPx } of places.values()) {
      expect(widthPx).toBeGreaterThan(600);
      expect(widthPx / heightPx).toBeGreaterThan(1.6);
      expect(widthPx / heightPx).toBeLessThan(1.95);
    }
  });

  test('of two people the other one is large and oneself in its corner', () => {
    const { places } = arrange(people(2), 'p_1', { widthPx: 1_392, heightPx: 726 }, true);
    const [stage, corner] = [places.get('p_1')!, places.get('p_0')!];
    expect(stage).toMatchObject({ role: 'stage' });
    expect(corner.role).toBe('corner');
    expect(corner.xPx + corner.widthPx).toBeLessThan(stage.xPx + stage.widthPx);
    expect(corner.widthPx * corner.heightPx).toBeLessThan(stage.widthPx * stage.heightPx * 0.1);
  });

  test('a screen has its own shape: nothing of it is cut, no bars inside its tile', () => {
    for (const aspect of [16 / 9, 16 / 10, 4 / 3, 9 / 16]) {
      const wide = arrange(
        [{ ...screenOf(1), aspect }, ...people(5)],
        'p_1/screen',
        { widthPx: 1_392, heightPx: 726 },
        true,
      );
      const { widthPx, heightPx } = wide.places.get('p_1/screen')!;
      expect(widthPx / heightPx).toBeCloseTo(aspect, 1);
    }
  });

  test('what a narrow screen leaves free goes to the people', () => {
    const area = { widthPx: 1_392, heightPx: 726 };
    const strip = (aspect: number): number =>
      arrange([{ ...screenOf(1), aspect }, ...people(3)], 'p_1/screen', area, true).places.get('p_0')!
        .widthPx;
    expect(strip(4 / 3)).toBeGreaterThan(strip(16 / 9));
  });

  test('on a phone a camera held upright may be higher than a lying one', () => {
    const area = { widthPx: 366, heightPx: 704 };
    const high = (aspect: number): number =>
      arrange([person(0), person(1, { aspect })], 'p_1', area, true).places.get('p_1')!.heightPx;
    expect(high(9 / 16)).toBeGreaterThan(high(16 / 9));
  });

  test('an unknown stage is no stage', () => {
    const { places } = arrange(people(3), 'gone', { widthPx: 800, heightPx: 500 }, true);
    expect([...places.values()].every(({ role }) => role === 'grid')).toBe(true);
  });
});

describe('who is large', () => {
  const here =
    (...keys: string[]): ((key: string) => boolean) =>
    (key) =>
      keys.includes(key);
  const all = here('a', 'b', 'b/screen', 'c/screen');

  test.each([
    ['nothing chosen', INITIAL_VIEW, [], undefined],
    ['a screen comes', INITIAL_VIEW, ['b/screen'], 'b/screen'],
    ['a second screen: the newer one', INITIAL_VIEW, ['b/screen', 'c/screen'], 'c/screen'],
    ['put back', toGrid(INITIAL_VIEW, ['b/screen']), ['b/screen'], undefined],
    ['put back, then another one', toGrid(INITIAL_VIEW, ['b/screen']), ['b/screen', 'c/screen'], 'c/screen'],
    ['put back and wanted again', toStage(toGrid(INITIAL_VIEW, ['b/screen'])), ['b/screen'], 'b/screen'],
    ['a pin is above a screen', pin(INITIAL_VIEW, 'a'), ['b/screen'], 'a'],
    ['a pin of somebody who left counts for nothing', pin(INITIAL_VIEW, 'z'), ['b/screen'], 'b/screen'],
    ['the speaker', toStage(INITIAL_VIEW), [], 'a'],
    [
      'a pinned screen that was put back',
      pin(toGrid(INITIAL_VIEW, ['b/screen']), 'b/screen'),
      ['b/screen'],
      'b/screen',
    ],
  ])('%s', (_, state, screens, want) =>
    expect(chooseStage(state, all, screens, 'a', undefined)?.key).toBe(want),
  );

  test('the only other person is large until equal tiles are wanted', () => {
    expect(chooseStage(INITIAL_VIEW, all, [], 'a', 'a')).toEqual({ key: 'a', why: 'pair' });
    expect(chooseStage(toGrid(INITIAL_VIEW, []), all, [], 'a', 'a')).toBeUndefined();
  });

  test('what has left is forgotten; otherwise the state stays the same object', () => {
    const state = { ...pin(toGrid(INITIAL_VIEW, ['b/screen']), 'a') };
    expect(forget(state, all)).toBe(state);
    expect(forget(state, here('a'))).toMatchObject({ pinned: 'a', dismissed: [] });
    expect(forget(state, here('b/screen'))).toMatchObject({ pinned: undefined, dismissed: ['b/screen'] });
  });
});

describe('who leads the conversation', () => {
  /** Steps of 100 ms; a letter leads, '.' nobody; capital: the one on the stage goes on speaking meanwhile. */
  function play(score: string, from: Dominant = NOBODY): (string | undefined)[] {
    let now = from;
    return [...score].map((letter, step) => {
      const leading = letter === '.' ? undefined : letter.toLowerCase();
      const speaking = [leading, letter !== letter.toLowerCase() ? now.participantId : undefined];
      now = followSpeech(now, { leading, speaking: speaking.filter((one) => one !== undefined) }, step * 100);
      return now.participantId;
    });
  }

  test('the first who speaks is shown at once and stays in silence', () => {
    expect(play('..a.......')).toEqual([undefined, undefined, ...Array<string>(8).fill('a')]);
  });

  test('a short word from elsewhere changes nothing', () => {
    expect(new Set(play('a'.repeat(30) + 'bbb' + 'a'.repeat(20)))).toEqual(new Set(['a']));
  });

  test('after the first has stopped, another one is shown in less than a second', () => {
    const shown = play('a'.repeat(30) + 'b'.repeat(20));
    expect(shown.indexOf('b') - 30).toBe(DOMINANT.silentMs / 100);
  });

  test('who talks over somebody is shown after two seconds', () => {
    const shown = play('a'.repeat(30) + 'B'.repeat(40));
    expect(shown.indexOf('b') - 30).toBe(DOMINANT.overMs / 100);
  });

  test('two who take turns every second do not make the stage jump more than every two seconds', () => {
    const shown = play('aaaaaaaaaabbbbbbbbbb'.repeat(10));
    let changedAt = 0;
    for (let step = 1; step < shown.length; step++) {
      if (shown[step] === shown[step - 1]) continue;
      if (changedAt > 0) expect(step - changedAt).toBeGreaterThanOrEqual(DOMINANT.stayMs / 100);
      changedAt = step;
    }
    expect(changedAt).toBeGreaterThan(0);
  });
});

// ── pixels ────────────────────────────────────────────────────────────────────────────────────────────────────────

const live = (number: number, given: Partial<PlanTile> = {}): PlanTile => ({
  key: `p_${number}`,
  participantId: `p_${number}`,
  screen: false,
  self: number === 0,
  live: true,
  spokeAtMs: -Infinity,
  ...given,
});
const screen = (number: number): PlanTile =>
  live(number, { key: `p_${number}/screen`, screen: true, self: false });

function around(
  tiles: readonly PlanTile[],
  given: Partial<Surroundings> & { stage?: string; area?: { widthPx: number; heightPx: number } } = {},
): Surroundings {
  const { stage, area = { widthPx: 1_392, heightPx: 726 }, ...rest } = given;
  return {
    arrangement: arrange(tiles, stage, area, true),
    scrollTopPx: 0,
    heightPx: area.heightPx,
    pixelRatio: 1,
    slots: 9,
    hidden: false,
    ...rest,
  };
}
const lives = (count: number): PlanTile[] => Array.from({ length: count }, (_, index) => live(index));

describe('what is asked for', () => {
  test('one canvas for each other camera on the screen, of its size on this device', () => {
    const tiles = lives(4);
    const surroundings = around(tiles, { pixelRatio: 2 });
    const { canvases } = planLayout(tiles, surroundings);
    expect(canvases.map(({ mode }) => mode)).toEqual(
      [1, 2, 3].map((number) => ({ participantId: `p_${number}`, screenshare: false })),
    );
    const { widthPx, heightPx } = surroundings.arrangement.places.get('p_1')!;
    for (const { width, height } of canvases) {
      expect(width - widthPx * 2).toBeGreaterThanOrEqual(0);
      expect(width - widthPx * 2).toBeLessThan(PLAN.stepPx);
      expect(height - heightPx * 2).toBeGreaterThanOrEqual(0);
      expect(height - heightPx * 2).toBeLessThan(PLAN.stepPx);
    }
  });

  test('never oneself, never a camera that is off', () => {
    const tiles = [live(0), live(1, { live: false }), live(2)];
    expect(planLayout(tiles, around(tiles)).canvases).toMatchObject([{ mode: { participantId: 'p_2' } }]);
  });

  test('a person and their screen are two canvases', () => {
    const tiles = [screen(1), live(0), live(1)];
    const { canvases } = planLayout(tiles, around(tiles, { stage: 'p_1/screen' }));
    expect(canvases).toMatchObject([
      { id: 1, mode: { participantId: 'p_1', screenshare: true } },
      { id: 2, mode: { participantId: 'p_1', screenshare: false } },
    ]);
    expect(canvases[0]!.width).toBeGreaterThan(canvases[1]!.width * 3);
  });

  test('more cameras than slots, all of them on the screen: the server chooses', () => {
    const tiles = lives(13);
    const { canvases } = planLayout(tiles, around(tiles));
    expect(canvases).toHaveLength(9);
    expect(canvases.every(({ mode }) => mode === 'relevant')).toBe(true);
  });

  test('the large one is named even then', () => {
    const tiles = lives(8);
    const { canvases } = planLayout(tiles, around(tiles, { slots: 3, stage: 'p_5' }));
    expect(canvases.filter(({ mode }) => mode !== 'relevant')).toMatchObject([
      { mode: { participantId: 'p_5' } },
    ]);
    expect(canvases).toHaveLength(3);
  });

  test('a phone with forty people: those who are seen, and others when it is scrolled', () => {
    const tiles = lives(40);
    const area = { widthPx: 366, heightPx: 704 };
    const whom = (scrollTopPx: number): string[] =>
      planLayout(tiles, around(tiles, { area, slots: 16, scrollTopPx })).canvases.map(({ mode }) =>
        mode === 'relevant' ? 'relevant' : mode.participantId,
      );
    expect(whom(0)).toContain('p_1');
    expect(whom(0)).not.toContain('p_39');
    expect(whom(900)).not.toContain('p_1');
    expect(whom(900)).toContain('p_24');
  });

  test('too few canvases for what is seen: who spoke last gets one', () => {
    const tiles = lives(40);
    tiles[11] = live(11, { spokeAtMs: 5_000 });
    tiles[7] = live(7, { spokeAtMs: 9_000 });
    const { canvases } = planLayout(
      tiles,
      around(tiles, { area: { widthPx: 366, heightPx: 704 }, slots: 2 }),
    );
    expect(canvases.map(({ mode }) => mode !== 'relevant' && mode.participantId).sort()).toEqual([
      'p_11',
      'p_7',
    ]);
  });

  test('nobody looks, or nothing can be received: nothing is asked for', () => {
    const tiles = lives(4);
    const before = planLayout(tiles, around(tiles));
    expect(planLayout(tiles, around(tiles, { hidden: true }), before).canvases).toEqual([]);
    expect(planLayout(tiles, around(tiles, { slots: 0 })).canvases).toEqual([]);
  });

  test('a tile keeps its canvas while others come and go', () => {
    const tiles = lives(5);
    const before = planLayout(tiles, around(tiles));
    const fewer = tiles.filter(({ key }) => key !== 'p_2');
    const after = planLayout(fewer, around(fewer), before);
    for (const key of ['p_1', 'p_3', 'p_4']) expect(after.ids.get(key)).toBe(before.ids.get(key));
    const again = planLayout(tiles, around(tiles), after);
    expect(again.ids.get('p_2')).toBe(before.ids.get('p_2'));
  });

  test('a few pixels more or less ask for nothing new', () => {
    const tiles = lives(4);
    const before = planLayout(tiles, around(tiles, { area: { widthPx: 1_390, heightPx: 720 } }));
    const after = planLayout(tiles, around(tiles, { area: { widthPx: 1_388, heightPx: 719 } }), before);
    expect(after).toBe(before);
  });

  test('whatever the room and the window: a layout that the server takes', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ live: fc.boolean(), screen: fc.boolean(), spoke: fc.nat(9) }), {
          maxLength: 60,
        }),
        fc.integer({ min: 1, max: 4_000 }),
        fc.integer({ min: 1, max: 3_000 }),
        fc.integer({ min: 0, max: 16 }),
        fc.nat(70),
        fc.double({ min: 0.5, max: 4, noNaN: true }),
        (room, widthPx, heightPx, slots, staged, pixelRatio) => {
          const tiles = room.flatMap((one, index) => [
            ...(one.screen && index > 0 ? [screen(index)] : []),
            live(index, { live: one.live, spokeAtMs: one.spoke === 0 ? -Infinity : one.spoke }),
          ]);
          const stage = tiles[staged]?.key ?? 'none';
          const { canvases } = planLayout(
            tiles,
            around(tiles, { area: { widthPx, heightPx }, slots, stage, pixelRatio }),
          );
          expect(canvases.length).toBeLessThanOrEqual(slots);
          expect(new Set(canvases.map(({ id }) => id)).size).toBe(canvases.length);
          const direct = canvases.flatMap(({ mode }) => (mode === 'relevant' ? [] : [JSON.stringify(mode)]));
          expect(new Set(direct).size).toBe(direct.length);
          for (const { id, width, height, mode } of canvases) {
            expect(id).toBeGreaterThanOrEqual(1);
            for (const size of [width, height]) {
              expect(size).toBeGreaterThanOrEqual(1);
              expect(size).toBeLessThanOrEqual(PLAN.mostPixels);
            }
            if (mode !== 'relevant') expect(mode.participantId).not.toBe('p_0');
          }
        },
      ),
      { seed: 7, numRuns: 300 },
    );
  });

  test('nothing is visible before it has a place', () =>
    expect(isVisible(undefined, { scrollTopPx: 0, heightPx: 500 })).toBe(false));
});

describe('which picture belongs on a tile', () => {
  const slots: CarriedSlot[] = [
    { index: 0, participantId: 'a', screen: false },
    { index: 1, participantId: 'b', screen: true },
    { index: 2, participantId: undefined, screen: false },
  ];
  const said = (given: Partial<Assigned>): Assigned => ({
    participantId: 'a',
    screen: false,
    slot: 0,
    active: true,
    ...given,
  });
  const a = { participantId: 'a', screen: false };

  test.each([
    ['packets and server agree', [said({})], 0],
    ['the server has said nothing yet', [], 0],
    ['dark', [said({ active: false })], undefined],
    ['waiting for another slot', [said({ slot: 1, active: false })], undefined],
    ['the slot is for somebody else now', [said({ participantId: 'c' })], undefined],
    ['the slot is for the screen of the same person', [said({ screen: true })], undefined],
    ['muted', [said({ slot: undefined, active: false })], undefined],
  ])('%s', (_, assignments, want) => expect(slotOf(a, slots, assignments)).toBe(want));

  test('a camera is not its owner’s screen', () => {
    expect(slotOf({ participantId: 'b', screen: false }, slots, [])).toBeUndefined();
    expect(slotOf({ participantId: 'b', screen: true }, slots, [])).toBe(1);
  });
});

describe('the strip', () => {
  const keys = (tiles: readonly PlanTile[], count: number): string[] =>
    tiles.slice(0, count).map(({ key }) => key);

  test('all fit: the order of the tiles', () => {
    const tiles = lives(4);
    expect(stripOrder(tiles, [], 4)).toEqual(tiles);
  });

  test('nobody moves while those who are there speak', () => {
    const tiles = lives(8).map((tile) => ({ ...tile, spokeAtMs: tile.key === 'p_2' ? 50 : -Infinity }));
    expect(keys(stripOrder(tiles, ['p_0', 'p_1', 'p_2'], 3), 3)).toEqual(['p_0', 'p_1', 'p_2']);
  });

  test('somebody who is not there speaks: in, and whoever has been silent for longest out', () => {
    const spoke: Record<string, number> = { p_1: 10, p_2: 30, p_6: 40 };
    const tiles = lives(8).map((tile) => ({ ...tile, spokeAtMs: spoke[tile.key] ?? -Infinity }));
    expect(keys(stripOrder(tiles, ['p_0', 'p_1', 'p_2'], 3), 3)).toEqual(['p_0', 'p_2', 'p_6']);
  });
});
