/** Pictures on the channel of the project's own client: layouts, what canvases show, anchors. Virtual time. */
import { describe, expect, test } from 'vitest';
import type { VideoSlotChange } from '../../src/rooms/news.js';
import { ADA, BEN, codeOf, entryOf, shows, TertuliaRig, textOf } from '../support/tertuliaRig.js';

const [adaCamera, benCamera] = [entryOf(2, ADA), entryOf(4, BEN)];
const benScreen = entryOf(6, BEN, { screenshare: true });
const canvas = (id: number, more: object = { relevant: {} }): object => ({
  id,
  width: 640,
  height: 360,
  ...more,
});
const OK = { code: 0, message: '', details: [] };
const done = (requestId: number): object => ({ response: { requestId, status: OK, setLayout: {} } });
const assignment = (...canvases: object[]): object => ({ resources: [{ videoAssignment: { canvases } }] });
const told = (canvasId: number, entry: typeof benCamera, more: object = {}): object => ({
  canvasId,
  slot: canvasId - 1,
  entryId: entry.id,
  participantId: entry.participantId,
  csrc: entry.videoCsrc,
  active: true,
  ...more,
});

describe('a layout', () => {
  test('is asked of the media side; its answer comes first, then what the canvases show', () => {
    const rig = new TertuliaRig().open();
    expect(rig.layout(5, { canvases: [canvas(1), canvas(2)] })).toEqual([]);
    expect(rig.asked).toEqual([
      {
        t: 'setLayout',
        requestId: 5,
        canvases: [
          { id: 1, width: 640, height: 360, mode: 'relevant' },
          { id: 2, width: 640, height: 360, mode: 'relevant' },
        ],
        maxResolution: undefined,
      },
    ]);
    expect(rig.accept(shows(1, benScreen), shows(2, benCamera, { active: false }))).toEqual([
      done(5),
      assignment(told(1, benScreen), told(2, benCamera, { active: false })),
    ]);
  });

  test.each([
    [{ direct: { participantId: 'p_ben' } }, { participantId: 'p_ben' }],
    [{ direct: { entryId: 6 } }, { csrc: 2_006 }],
  ])('%j names whom to show', (more, mode) => {
    const rig = new TertuliaRig().open();
    rig.layout(1, { canvases: [canvas(7, more)] });
    expect(rig.asked[0]?.canvases).toEqual([{ id: 7, width: 640, height: 360, mode }]);
  });

  test('canvases of entries that are gone are left out, however many: the others are shown', () => {
    const rig = new TertuliaRig().open();
    const gone = { direct: { entryId: 99 } };
    rig.layout(1, { canvases: [canvas(1, gone), canvas(2, gone), canvas(3)] });
    expect(rig.asked[0]?.canvases.map(({ id }) => id)).toEqual([3]);
  });

  test('may be empty: no pictures', () => {
    const rig = new TertuliaRig().open();
    rig.layout(1, { canvases: [] });
    expect(rig.accept()).toEqual([done(1), assignment()]);
  });

  test('limits the size and rate of what is sent', () => {
    const rig = new TertuliaRig().open();
    rig.layout(1, { canvases: [], maxResolution: { width: 640, height: 360, frameRate: 15 } });
    rig.layout(2, { canvases: [], maxResolution: { width: 640, height: 360 } });
    expect(rig.asked.map(({ maxResolution }) => maxResolution)).toEqual([
      { width: 640, height: 360, frameRate: 15 },
      { width: 640, height: 360 },
    ]);
  });

  test.each([
    ['INVALID_CANVAS', 3],
    ['TOO_MANY_CANVASES', 3],
    ['OWN_SOURCE', 3],
    ['UNAVAILABLE', 9],
  ] as const)(
    'refused by the media side as %s is code %i; what is shown stays, and is told again',
    (code, number) => {
      const rig = new TertuliaRig().open();
      rig.layout(1, { canvases: [canvas(1)] });
      rig.accept(shows(1, benCamera));
      rig.layout(2, { canvases: [canvas(1), canvas(1)] });
      const [refusal, after, ...more] = rig.answer({ ok: false, code, message: 'No.' });
      expect(codeOf(refusal)).toBe(number);
      expect(textOf(refusal)).toBe(`${code}: No.`);
      expect(after).toEqual(assignment(told(1, benCamera)));
      expect(more).toEqual([]);
    },
  );
});

describe('what canvases show', () => {
  test('is told whole at each change; a source that sends nothing has no slot', () => {
    const rig = new TertuliaRig().open();
    rig.layout(1, { canvases: [canvas(1), canvas(2)] });
    rig.accept(shows(1, benCamera));
    expect(rig.assign(shows(1, benCamera), shows(2, benScreen, { slot: undefined, active: false }))).toEqual([
      assignment(told(1, benCamera), {
        canvasId: 2,
        entryId: 6,
        participantId: 'p_ben',
        csrc: 2_006,
        active: false,
      }),
    ]);
  });

  test('while a layout is on its way nothing of the one before is told', () => {
    const rig = new TertuliaRig().open();
    rig.layout(1, { canvases: [canvas(1)] });
    rig.layout(2, { canvases: [canvas(2)] });
    expect(rig.assign(shows(1, benCamera))).toEqual([]);
    expect(rig.accept(shows(1, benCamera))).toEqual([done(1)]);
    expect(rig.accept(shows(2, benScreen))).toEqual([done(2), assignment(told(2, benScreen))]);
  });

  test('a screen that is shared anew is another entry: the canvas gets its new name after the entry is told', () => {
    const rig = new TertuliaRig().open();
    rig.layout(1, { canvases: [canvas(1)] });
    rig.accept(shows(1, benScreen));
    rig.sent.length = 0;
    rig.snapshot = { ...rig.snapshot, entries: [adaCamera, benCamera] };
    rig.feed({ t: 'news', news: { t: 'entryGone', id: 6 } });
    const anew = { ...benScreen, id: 8 };
    rig.snapshot = { ...rig.snapshot, entries: [adaCamera, benCamera, anew] };
    rig.feed({ t: 'news', news: { t: 'entry', entry: anew } });
    expect(rig.sent).toMatchObject([
      { deletedResources: [{ id: 6 }] },
      assignment(),
      { resources: [{ id: 8, mediaEntry: { screenshare: true } }] },
      assignment(told(1, anew)),
    ]);
  });

  test('is not told again for entries that are on no canvas', () => {
    const rig = new TertuliaRig().open();
    rig.layout(1, { canvases: [canvas(1)] });
    rig.accept(shows(1, benScreen));
    rig.sent.length = 0;
    rig.feed({ t: 'news', news: { t: 'entry', entry: { ...benCamera, audioMuted: true } } });
    expect(rig.sent).toHaveLength(1);
  });

  test('is told to a channel that is opened again, after people and entries', () => {
    const rig = new TertuliaRig().open();
    rig.layout(1, { canvases: [canvas(1)] });
    rig.accept(shows(1, benCamera));
    rig.feed({ t: 'videoSlots', changes: [change(0, 2_004)] });
    rig.feed({ t: 'closed', label: 'tertulia' });
    rig.sent.length = 0;
    rig.feed({ t: 'opened', label: 'tertulia' });
    expect(rig.sent.at(-1)).toEqual(assignment(told(1, benCamera)));
    expect(rig.sent.at(-2)).toEqual(slots(change(0, 2_004)));
    expect(rig.sent[0]).toMatchObject({ resources: [{ session: { videoSlots: 4 } }] });
  });
});

const change = (slot: number, csrc: number, more: Partial<VideoSlotChange> = {}): VideoSlotChange => ({
  slot,
  csrc,
  epoch: 1,
  rtpTimestamp: 0,
  captureTimeMs: 0,
  ...more,
});
const slots = (...changes: VideoSlotChange[]): object => ({
  resources: [{ videoSlots: { slots: changes } }],
});

describe('anchors of video slots', () => {
  test('R5 are told at each switch, and every 5 s for those that carry something, at 90 kHz, over the wrap', () => {
    const rig = new TertuliaRig().open();
    const first = change(1, 2_004, { rtpTimestamp: 2 ** 32 - 90_000, captureTimeMs: 70_000 });
    rig.feed({ t: 'videoSlots', changes: [first, change(3, 0, { epoch: 2 })] });
    expect(rig.sent).toEqual([slots(first, change(3, 0, { epoch: 2 }))]);
    expect(rig.machine.nextDeadline()).toBe(6_000);
    rig.nowMs = 6_000;
    rig.feed({ t: 'timeout' });
    expect(rig.sent.at(-1)).toEqual(
      slots(change(1, 2_004, { rtpTimestamp: 4 * 90_000, captureTimeMs: 75_000 })),
    );
  });

  test('of slots that the session does not have are nobody’s', () => {
    const rig = new TertuliaRig(2).open();
    rig.feed({ t: 'videoSlots', changes: [change(2, 2_004), change(-1, 2_004)] });
    expect(rig.sent).toEqual([]);
  });
});

describe('hostile layouts', () => {
  const big = Array.from({ length: 5 }, (_, at) => canvas(at + 1));
  test.each<[string, unknown, string]>([
    ['H10.10 more canvases than slots', { canvases: big }, 'TOO_MANY_CANVASES'],
    ['no canvases', {}, 'INVALID_CANVAS'],
    ['null', null, 'INVALID_CANVAS'],
    ['a list', [], 'INVALID_CANVAS'],
    ['a canvas that is none', { canvases: [null] }, 'INVALID_CANVAS'],
    ['an id that is text', { canvases: [{ ...canvas(1), id: '1' }] }, 'INVALID_CANVAS'],
    ['a width of null', { canvases: [{ ...canvas(1), width: null }] }, 'INVALID_CANVAS'],
    ['no mode', { canvases: [canvas(1, {})] }, 'INVALID_CANVAS'],
    ['a mode that is none', { canvases: [canvas(1, { relevant: true })] }, 'INVALID_CANVAS'],
    ['two modes', { canvases: [canvas(1, { relevant: {}, direct: { entryId: 4 } })] }, 'INVALID_CANVAS'],
    ['direct at nobody', { canvases: [canvas(1, { direct: {} })] }, 'INVALID_CANVAS'],
    [
      'direct at two',
      { canvases: [canvas(1, { direct: { entryId: 4, participantId: 'p_ben' } })] },
      'INVALID_CANVAS',
    ],
    [
      'direct at an empty name',
      { canvases: [canvas(1, { direct: { participantId: '' } })] },
      'INVALID_CANVAS',
    ],
    [
      'direct at a text of an entry',
      { canvases: [canvas(1, { direct: { entryId: '4' } })] },
      'INVALID_CANVAS',
    ],
    ['a limit without size', { canvases: [], maxResolution: {} }, 'INVALID_CANVAS'],
    [
      'a rate that is text',
      { canvases: [], maxResolution: { width: 1, height: 1, frameRate: '9' } },
      'INVALID_CANVAS',
    ],
  ])('%s: code 3 with a word for it, and the media side is not bothered', (_name, payload, word) => {
    const rig = new TertuliaRig().open();
    const [answer] = rig.layout(1, payload);
    expect(codeOf(answer)).toBe(3);
    expect(textOf(answer)).toContain(word);
    expect(rig.asked).toEqual([]);
    expect(rig.machine.refusals.get('status-3')).toBe(1);
  });

  test.each([0, -1, 1e9, 0.5, 16_385])(
    'H10.10 sizes are judged by the media side: %d reaches it as it is',
    (size) => {
      const rig = new TertuliaRig().open();
      rig.layout(1, { canvases: [{ ...canvas(1), width: size }] });
      expect(rig.asked[0]?.canvases[0]?.width).toBe(size);
    },
  );

  test('a session without video slots: code 9', () => {
    const rig = new TertuliaRig(0).open();
    expect(codeOf(rig.layout(1, { canvases: [] })[0])).toBe(9);
    expect(rig.assign()).toEqual([]);
  });

  test('H10.12 a thousand in a second: the excess is code 8, each under its id, and the last accepted one holds', () => {
    const rig = new TertuliaRig().open();
    const codes = new Map<unknown, number>();
    for (let requestId = 1; requestId <= 1_000; requestId++) {
      rig.nowMs += 1;
      const said = rig.layout(requestId, { canvases: [canvas(requestId)] });
      if (rig.asked.length > 0) said.push(...rig.accept(shows(requestId, benCamera, { slot: 0 })));
      for (const message of said) {
        const { response } = message as { response?: { requestId: number } };
        if (!response) continue;
        expect(response.requestId).toBe(requestId);
        codes.set(codeOf(message), (codes.get(codeOf(message)) ?? 0) + 1);
      }
    }
    const accepted = codes.get(0) ?? 0;
    expect([...codes.keys()].sort()).toEqual([0, 8]);
    expect(accepted + (codes.get(8) ?? 0)).toBe(1_000);
    expect(accepted).toBeLessThanOrEqual(60 + 20);
    rig.feed({ t: 'closed', label: 'tertulia' }).feed({ t: 'opened', label: 'tertulia' });
    const last = rig.sent.at(-1) as {
      resources: { videoAssignment: { canvases: { canvasId: number }[] } }[];
    };
    expect(last.resources[0]?.videoAssignment.canvases).toHaveLength(1);
    expect(last.resources[0]?.videoAssignment.canvases[0]?.canvasId).toBeGreaterThan(950);
  });
});
