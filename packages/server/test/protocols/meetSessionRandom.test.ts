/** Whatever a Meet client says, in whatever order things happen: what always holds. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { LayoutResult, VideoAssignment } from '../../src/rooms/news.js';
import { ALL, entry, MeetRig, person } from '../support/meetRig.js';

type Message = Record<string, unknown> & {
  response?: { requestId?: number; status: { code: number } };
  resources?: {
    videoAssignment?: { label: string; canvases: { canvasId: number; mediaEntryId: number }[] };
  }[];
};

const anything = fc.jsonValue({ maxDepth: 4 });
const canvas = fc.record(
  {
    id: fc.oneof(fc.integer({ min: -1, max: 4 }), anything),
    dimensions: fc.oneof(
      fc.record({ width: fc.integer({ min: -1, max: 2_000 }), height: fc.constant(180) }),
      anything,
    ),
    relevant: fc.oneof({ weight: 4, arbitrary: fc.constant({}) }, anything),
    direct: fc.oneof(fc.constant({ mediaEntryId: 11 }), fc.constant({ participantId: 2 }), anything),
  },
  { requiredKeys: ['id', 'dimensions'] },
);
const good = fc
  .uniqueArray(fc.integer({ min: 1, max: 9 }), { maxLength: 3 })
  .map((ids) => ids.map((id) => ({ id, dimensions: { width: 320, height: 180 }, relevant: {} })));
const setAssignment = fc.record({
  layoutModel: fc.oneof(
    { weight: 3, arbitrary: fc.record({ label: fc.string({ maxLength: 5 }), canvases: good }) },
    fc.record({
      label: fc.oneof(fc.string(), anything),
      canvases: fc.oneof(fc.array(canvas, { maxLength: 5 }), anything),
    }),
    anything,
  ),
  maxVideoResolution: fc.oneof(fc.constant({ width: 640, height: 360, frameRate: 30 }), anything),
});
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      t: fc.constant('ask' as const),
      payload: fc.oneof(
        { weight: 5, arbitrary: fc.record({ setAssignment }) },
        fc.dictionary(fc.string(), anything),
      ),
    }),
  },
  { weight: 5, arbitrary: fc.record({ t: fc.constant('answer' as const), accept: fc.boolean() }) },
  {
    weight: 3,
    arbitrary: fc.record({ t: fc.constant('change' as const), shows: fc.integer({ min: 0, max: 3 }) }),
  },
  { weight: 1, arbitrary: fc.record({ t: fc.constant('entry' as const), gone: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({
      t: fc.constant('time' as const),
      milliseconds: fc.integer({ min: 0, max: 2_000 }),
    }),
  },
);

const shows = (count: number): VideoAssignment[] =>
  Array.from({ length: count }, (_, at) => ({
    canvasId: at + 1,
    slot: at,
    ssrc: 7_000 + at,
    csrc: 2_011 + at,
    participantId: `p_${at + 1}`,
    active: true,
  }));

test('no input throws; each request is answered once; each assignment has the newest accepted label and known entries', () => {
  fc.assert(
    fc.property(fc.boolean(), fc.array(step, { maxLength: 40 }), (extensions, steps) => {
      const rig = new MeetRig(3, extensions).open(...ALL).advance(500);
      const entries = [entry(11, 1), entry(12, 2)];
      rig.snapshot = { participants: [person(1), person(2)], entries };
      let requestId = 0;
      const labels = new Map<number, string>();
      let accepted: string | undefined;
      for (const one of steps) {
        const before = rig.sent.length;
        if (one.t === 'ask') {
          const { payload } = one;
          const model = (payload as { setAssignment?: { layoutModel?: { label?: unknown } } }).setAssignment
            ?.layoutModel;
          if (typeof model?.label === 'string') labels.set(++requestId, model.label);
          else requestId++;
          rig.say('video-assignment', { request: { ...payload, requestId } });
        } else if (one.t === 'answer') {
          const asked = rig.asked.shift();
          if (!asked) continue;
          const result: LayoutResult = one.accept
            ? { ok: true, assignments: shows(Math.min(2, asked.canvases.length)) }
            : { ok: false, code: 'INVALID_CANVAS', message: 'no' };
          if (one.accept) accepted = labels.get(asked.requestId);
          rig.feed({ t: 'layoutAnswer', requestId: asked.requestId, result });
        } else if (one.t === 'change') rig.feed({ t: 'assignments', assignments: shows(one.shows) });
        else if (one.t === 'entry') {
          rig.snapshot = { ...rig.snapshot, entries: one.gone ? entries.slice(1) : entries };
          rig.feed({
            t: 'news',
            news: one.gone ? { t: 'entryGone', id: 11 } : { t: 'entry', entry: entry(11, 1) },
          });
        } else rig.advance(one.milliseconds);
        expect(rig.asked.length).toBeLessThanOrEqual(1);
        const known = new Set(rig.snapshot.entries.map(({ id }) => id));
        for (const { message } of rig.sent.slice(before) as { message: Message }[])
          for (const { videoAssignment } of message.resources ?? []) {
            if (!videoAssignment) continue;
            expect(videoAssignment.label).toBe(accepted);
            for (const { mediaEntryId } of videoAssignment.canvases) expect(known).toContain(mediaEntryId);
          }
      }
      for (let asked = rig.asked.shift(); asked; asked = rig.asked.shift())
        rig.feed({ t: 'layoutAnswer', requestId: asked.requestId, result: { ok: true, assignments: [] } });
      const answers = (rig.on('video-assignment') as Message[]).flatMap(({ response }) => response ?? []);
      const answered = answers.flatMap(({ requestId: id }) => id ?? []);
      expect(new Set(answered).size).toBe(answered.length);
      expect(answers).toHaveLength(requestId);
    }),
    { numRuns: 300 },
  );
});
