/** The channel `video-assignment` in virtual time, without media. Names bear the ids of docs/meet.md. */
import { describe, expect, test } from 'vitest';
import type { LayoutResult, VideoAssignment } from '../../src/rooms/news.js';
import { ALL, entry, MeetRig, person, statusOf } from '../support/meetRig.js';

const SSRCS = [7_001, 7_003, 7_005];
const OK = { code: 0, message: '', details: [] };

const joined = (videoSlots = 3, extensions = false): MeetRig =>
  new MeetRig(videoSlots, extensions).open(...ALL).advance(500);
const canvas = (id: unknown, more: object = {}): object => ({
  id,
  dimensions: { height: 180, width: 320 },
  relevant: {},
  ...more,
});
const layout = (canvases: unknown, label: unknown = '1', more: object = {}): object => ({
  setAssignment: {
    layoutModel: { label, ...(canvases === undefined ? {} : { canvases }) },
    maxVideoResolution: { height: 1080, width: 1920, frameRate: 30 },
    ...more,
  },
});
const shown = (canvasId: number, entryId: number, more: Partial<VideoAssignment> = {}): VideoAssignment => ({
  canvasId,
  slot: canvasId - 1,
  ssrc: SSRCS[canvasId - 1],
  csrc: 2_000 + entryId,
  participantId: `p_${entryId - 10}`,
  active: true,
  ...more,
});

const ask = (rig: MeetRig, requestId: number, payload: object): Record<string, unknown> | undefined =>
  rig.say('video-assignment', { request: { requestId, ...payload } });
/** The media side answers the oldest layout that waits for it. */
const settle = (rig: MeetRig, ...assignments: VideoAssignment[]): void =>
  refuseOrAccept(rig, { ok: true, assignments });
const refuseOrAccept = (rig: MeetRig, result: LayoutResult): void => {
  const asked = rig.asked.shift();
  if (asked) rig.feed({ t: 'layoutAnswer', requestId: asked.requestId, result });
};
const video = (rig: MeetRig): unknown[] => rig.on('video-assignment');

describe('layouts', () => {
  test('V01 the response first, then the assignment with label, canvas, SSRC and entry', () => {
    const rig = joined();
    expect(ask(rig, 1, layout([canvas(1)], '1700000000000'))).toBeUndefined();
    expect(rig.asked).toEqual([
      {
        t: 'setLayout',
        requestId: 1,
        canvases: [{ id: 1, width: 320, height: 180, mode: 'relevant' }],
        maxResolution: { width: 1920, height: 1080, frameRate: 30 },
      },
    ]);
    settle(rig, shown(1, 11));
    expect(video(rig)).toEqual([
      { response: { requestId: 1, status: OK, setAssignment: {} } },
      {
        resources: [
          {
            videoAssignment: {
              label: '1700000000000',
              canvases: [{ canvasId: 1, ssrc: 7_001, mediaEntryId: 11 }],
            },
          },
        ],
      },
    ]);
  });

  test('V02 nothing is asked of the media side, and no assignment told, before a request', () => {
    const rig = joined().advance(60_000);
    rig.feed({ t: 'assignments', assignments: [shown(1, 11)] });
    expect([rig.asked, video(rig)]).toEqual([[], []]);
  });

  test('V03 as many canvases as sections: different SSRCs, different entries', () => {
    const rig = joined();
    rig.snapshot = {
      participants: [person(1), person(2), person(3)],
      entries: [entry(11, 1), entry(12, 2), entry(13, 3)],
    };
    ask(rig, 1, layout([canvas(1), canvas(2), canvas(3)]));
    settle(rig, shown(1, 11), shown(2, 12), shown(3, 13));
    expect(video(rig).at(-1)).toMatchObject({
      resources: [
        {
          videoAssignment: {
            canvases: [
              { canvasId: 1, ssrc: 7_001, mediaEntryId: 11 },
              { canvasId: 2, ssrc: 7_003, mediaEntryId: 12 },
              { canvasId: 3, ssrc: 7_005, mediaEntryId: 13 },
            ],
          },
        },
      ],
    });
  });

  test('V04 more canvases than video sections: code 3, the layout before stays', () => {
    const rig = joined(1);
    ask(rig, 1, layout([canvas(1)], 'first'));
    settle(rig, shown(1, 11));
    expect(statusOf(ask(rig, 2, layout([canvas(1), canvas(2)], 'second')))).toBe(3);
    expect(rig.asked).toEqual([]);
    rig.feed({ t: 'assignments', assignments: [shown(1, 12)] });
    expect(video(rig).at(-1)).toMatchObject({
      resources: [{ videoAssignment: { label: 'first', canvases: [{ mediaEntryId: 12 }] } }],
    });
  });

  test.each<[string, unknown]>([
    ['a canvas id twice', [canvas(1), canvas(1)]],
    ['canvas id 0', [canvas(0)]],
    ['a negative id', [canvas(-1)]],
    ['a fraction as id', [canvas(1.5)]],
    ['an id as text', [canvas('1')]],
    ['no id', [canvas(undefined)]],
    ['an id beyond int32', [canvas(2 ** 31)]],
    ['no dimensions', [canvas(1, { dimensions: undefined })]],
    ['a list as dimensions', [canvas(1, { dimensions: [320, 180] })]],
    ['width 0', [canvas(1, { dimensions: { height: 180, width: 0 } })]],
    ['a negative height', [canvas(1, { dimensions: { height: -1, width: 320 } })]],
    ['no height', [canvas(1, { dimensions: { width: 320 } })]],
    ['a width as text', [canvas(1, { dimensions: { height: 180, width: '320' } })]],
    ['a width beyond all screens', [canvas(1, { dimensions: { height: 180, width: 1e9 } })]],
    ['neither relevant nor direct', [canvas(1, { relevant: undefined })]],
    ['both of them', [canvas(1, { direct: {} })]],
    ['an object as canvases', { 0: canvas(1) }],
    ['null as a canvas', [null]],
  ])('V05 %s: code 3, and nothing changes', (_name, canvases) => {
    const rig = joined();
    expect(statusOf(ask(rig, 1, layout(canvases)))).toBe(3);
    expect(video(rig)).toHaveLength(1);
    expect(rig.asked).toEqual([]);
  });

  test.each<[string, object]>([
    ['no layoutModel', { setAssignment: {} }],
    ['no label', { setAssignment: { layoutModel: { canvases: [] } } }],
    ['a label that is a number', layout([canvas(1)], 7)],
    ['an endless label', layout([canvas(1)], 'x'.repeat(300))],
    ['a largest picture of no size', layout([canvas(1)], 'a', { maxVideoResolution: {} })],
    [
      'a frame rate of 0',
      layout([canvas(1)], 'a', { maxVideoResolution: { height: 1, width: 1, frameRate: 0 } }),
    ],
    ['a list as setAssignment', { setAssignment: [] }],
    ['null as setAssignment', { setAssignment: null }],
    ['no setAssignment', {}],
    ['another payload', { leave: {} }],
  ])('V05 a request with %s: code 3', (_name, payload) => {
    const rig = joined();
    expect(statusOf(ask(rig, 1, payload))).toBe(3);
    expect(rig.asked).toEqual([]);
  });

  test('V06 direct is code 12 when strict', () => {
    for (const direct of [{}, { mediaEntryId: 11 }]) {
      const rig = joined();
      expect(statusOf(ask(rig, 1, layout([canvas(1, { relevant: undefined, direct })])))).toBe(12);
      expect(rig.asked).toEqual([]);
    }
  });

  test('V06 with extensions direct shows an entry or a participant by the ids of their resources', () => {
    const rig = joined(3, true);
    const direct = (target: object): object => ({ relevant: undefined, direct: target });
    ask(
      rig,
      1,
      layout([canvas(1, direct({ mediaEntryId: 12 })), canvas(2, direct({ participantId: 1 })), canvas(3)]),
    );
    expect(rig.asked[0]?.canvases.map(({ mode }) => mode)).toEqual([
      { csrc: 2_012 },
      { participantId: 'p_1' },
      'relevant',
    ]);
    settle(rig, shown(1, 12), shown(2, 11));
    const codes = [
      {},
      { mediaEntryId: 12, participantId: 1 },
      { mediaEntryId: 99 },
      { participantId: 'p_1' },
    ].map((target, at) => statusOf(ask(rig, at + 2, layout([canvas(1, direct(target))]))));
    expect(codes).toEqual([3, 3, 5, 5]);
  });

  test.each([
    ['absent', undefined],
    ['empty', []],
  ])('V07 canvases %s: ok, and the video stops', (_name, canvases) => {
    const rig = joined();
    ask(rig, 1, layout([canvas(1)]));
    settle(rig, shown(1, 11));
    ask(rig, 2, layout(canvases, 'none'));
    expect(rig.asked[0]?.canvases).toEqual([]);
    settle(rig);
    expect(video(rig).slice(-2)).toEqual([
      { response: { requestId: 2, status: OK, setAssignment: {} } },
      { resources: [{ videoAssignment: { label: 'none', canvases: [] } }] },
    ]);
  });

  test('V08 later assignments bear the newest accepted label, also when nothing else changed', () => {
    const rig = joined();
    ask(rig, 1, layout([canvas(1)], 'first'));
    settle(rig, shown(1, 11));
    ask(rig, 2, layout([canvas(1)], 'second'));
    // What changes while the new layout is on its way is told with the answer.
    rig.feed({ t: 'assignments', assignments: [shown(1, 12)] });
    expect(video(rig)).toHaveLength(2);
    settle(rig, shown(1, 11));
    expect(video(rig).slice(2)).toMatchObject([
      { response: { requestId: 2 } },
      { resources: [{ videoAssignment: { label: 'second', canvases: [{ mediaEntryId: 11 }] } }] },
    ]);
  });

  test('V08 a layout that the media side refuses: its word for it, the label before, and what changed meanwhile', () => {
    const rig = joined();
    ask(rig, 1, layout([canvas(1)], 'first'));
    settle(rig, shown(1, 11));
    for (const [at, code] of (
      ['INVALID_CANVAS', 'TOO_MANY_CANVASES', 'OWN_SOURCE', 'UNAVAILABLE'] as const
    ).entries()) {
      ask(rig, at + 2, layout([canvas(1)], 'other'));
      rig.feed({ t: 'assignments', assignments: [shown(1, at % 2 === 0 ? 12 : 11)] });
      refuseOrAccept(rig, { ok: false, code, message: 'no' });
      expect(video(rig).slice(-2)).toMatchObject([
        { response: { requestId: at + 2, status: { code: code === 'UNAVAILABLE' ? 13 : 3, message: 'no' } } },
        {
          resources: [
            { videoAssignment: { label: 'first', canvases: [{ mediaEntryId: at % 2 === 0 ? 12 : 11 }] } },
          ],
        },
      ]);
    }
  });

  test('V09 who is on a canvas and sends no picture has no ssrc there', () => {
    const rig = joined();
    ask(rig, 1, layout([canvas(1)]));
    settle(rig, shown(1, 11));
    rig.feed({
      t: 'assignments',
      assignments: [shown(1, 11, { ssrc: undefined, slot: undefined, active: false })],
    });
    expect(video(rig).at(-1)).toEqual({
      resources: [{ videoAssignment: { label: '1', canvases: [{ canvasId: 1, mediaEntryId: 11 }] } }],
    });
  });

  test('V10 canvases without anybody are left out; who comes later is told without another request', () => {
    const rig = joined();
    ask(rig, 1, layout([canvas(1), canvas(2), canvas(3)]));
    settle(rig, shown(1, 11));
    rig.feed({ t: 'assignments', assignments: [shown(1, 11), shown(2, 12)] });
    expect(video(rig).slice(1)).toMatchObject([
      { resources: [{ videoAssignment: { canvases: [{ canvasId: 1 }] } }] },
      { resources: [{ videoAssignment: { canvases: [{ canvasId: 1 }, { canvasId: 2 }] } }] },
    ]);
  });

  test('only what changes for the client is told: no repeats, none for bandwidth', () => {
    const rig = joined();
    ask(rig, 1, layout([canvas(1)]));
    settle(rig, shown(1, 11));
    rig.feed({ t: 'assignments', assignments: [shown(1, 11, { active: false })] });
    rig.feed({ t: 'news', news: { t: 'entry', entry: entry(11, 1, { audioMuted: true }) } });
    expect(video(rig)).toHaveLength(2);
  });

  test('an entry that comes anew under the same CSRC is named anew, after it is told', () => {
    const rig = joined();
    ask(rig, 1, layout([canvas(1)]));
    settle(rig, shown(1, 11));
    rig.snapshot = { ...rig.snapshot, entries: [entry(12, 2)] };
    rig.feed({ t: 'news', news: { t: 'entryGone', id: 11 } });
    expect(video(rig).at(-1)).toMatchObject({ resources: [{ videoAssignment: { canvases: [] } }] });
    const again = entry(20, 1, { videoCsrc: 2_011, screenshare: true });
    rig.snapshot = { ...rig.snapshot, entries: [entry(12, 2), again] };
    rig.feed({ t: 'news', news: { t: 'entry', entry: again } });
    expect(rig.sent.slice(-2).map(({ label }) => label)).toEqual(['media-entries', 'video-assignment']);
    expect(video(rig).at(-1)).toMatchObject({
      resources: [{ videoAssignment: { canvases: [{ canvasId: 1, mediaEntryId: 20, ssrc: 7_001 }] } }],
    });
  });
});

describe('when', () => {
  test('V13 no video sections: code 9; before JOINED: code 9', () => {
    expect(statusOf(ask(joined(0), 1, layout([canvas(1)])))).toBe(9);
    const waiting = new MeetRig(3).open(...ALL).advance(199);
    expect(statusOf(ask(waiting, 1, layout([canvas(1)])))).toBe(9);
    waiting.advance(1);
    ask(waiting, 2, layout([canvas(1)]));
    expect(waiting.asked).toHaveLength(1);
  });

  test('V12 a hundred at once: one on its way, the newest waits, the overtaken and the excess are code 8, each id once', () => {
    const rig = joined();
    for (let requestId = 1; requestId <= 100; requestId++)
      ask(rig, requestId, layout([canvas(1)], String(requestId)));
    expect(rig.asked.map(({ requestId }) => requestId)).toEqual([1]);
    settle(rig, shown(1, 11));
    const newest = rig.asked[0]?.requestId ?? 0;
    settle(rig, shown(1, 11));
    const answers = (video(rig) as { response?: { requestId: number; status: { code: number } } }[]).flatMap(
      ({ response }) => response ?? [],
    );
    expect(new Set(answers.map(({ requestId }) => requestId)).size).toBe(100);
    expect(answers).toHaveLength(100);
    const accepted = answers.filter(({ status }) => status.code === 0).map(({ requestId }) => requestId);
    expect(accepted).toEqual([1, newest]);
    expect(new Set(answers.map(({ status }) => status.code))).toEqual(new Set([0, 8]));
    expect(video(rig).at(-1)).toMatchObject({ resources: [{ videoAssignment: { label: String(newest) } }] });
    // What was over the rate did not wear out the session.
    rig.advance(1_000);
    ask(rig, 101, layout([canvas(1)], 'after'));
    settle(rig, shown(1, 11));
    expect(video(rig).at(-1)).toMatchObject({ resources: [{ videoAssignment: { label: 'after' } }] });
  });

  test('D15 a request id for the second time is code 3 here, too', () => {
    const rig = joined();
    ask(rig, 1, layout([canvas(1)]));
    settle(rig, shown(1, 11));
    expect(statusOf(ask(rig, 1, layout([canvas(1)])))).toBe(3);
    expect(rig.asked).toEqual([]);
  });

  test('D14 an answer of the media side after the end says nothing', () => {
    const rig = joined();
    ask(rig, 1, layout([canvas(1)]));
    rig.say('session-control', { request: { requestId: 1, leave: {} } });
    const count = rig.sent.length;
    settle(rig, shown(1, 11));
    expect(rig.sent).toHaveLength(count);
  });
});
