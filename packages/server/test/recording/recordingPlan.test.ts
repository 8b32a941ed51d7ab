/** Which files and tracks a recording has while people come, go, switch things on and off, and lose their sessions. */
import { describe, expect, test } from 'vitest';
import {
  RecordingPlan,
  type PersonView,
  type PlanOptions,
  type SourceView,
  type Step,
} from '../../src/recording/recordingPlan.js';
import type { SourceName } from '../../src/rooms/news.js';

const CSRCS: Record<SourceName, number> = { microphone: 1, screenSound: 2, camera: 3, screen: 4 };
const NAMES = Object.keys(CSRCS) as SourceName[];
/** Person n has the CSRCs n1 to n4. @param on what is switched on; everybody has all four sources */
const person = (number: number, on: string, more: Partial<PersonView> = {}): PersonView => ({
  participantId: `p_${number}`,
  displayName: `Person ${number}`,
  sessionId: `s${number}`,
  sources: NAMES.map((name): SourceView => ({
    name,
    csrc: 10 * number + CSRCS[name],
    muted: !on.split(' ').includes(name),
  })),
  ...more,
});

/** Short forms, without marks. */
const shown = (steps: readonly Step[]): string[] =>
  steps.flatMap((step) => {
    switch (step.t) {
      case 'addFile':
        return [`+${step.fileId} ${step.about.participantId} ${step.about.source ?? 'both'}`];
      case 'addTrack':
        return [`+${step.trackId}=${step.csrc} ${step.fileId}`];
      case 'removeTrack':
        return [`-${step.trackId}`];
      case 'endFile':
        return [`-${step.fileId}`];
      case 'nameCsrc':
        return [`${step.csrc}: ${step.displayName} ${step.source}`];
      case 'mark':
        return [];
    }
  });

interface Case {
  name: string;
  options: PlanOptions;
  /** The room, again and again, and what is to be done each time. */
  story: [room: PersonView[], steps: string[]][];
}
const participants: PlanOptions = { mode: 'participants' };
const sources: PlanOptions = { mode: 'sources' };

test.each<Case>([
  { name: 'nobody', options: participants, story: [[[], []]] },
  {
    name: 'a voice, then a picture, in one file; a pause is a gap in it',
    options: participants,
    story: [
      [[person(1, 'microphone')], ['+f1 p_1 both', '+t1=11 f1']],
      [[person(1, 'microphone camera')], ['+t2=13 f1']],
      [[person(1, '')], []],
      [[person(1, 'microphone camera')], []],
      [[], ['-t1', '-t2', '-f1']],
    ],
  },
  {
    name: 'two people: two files; one goes, the other goes on',
    options: participants,
    story: [
      [
        [person(1, 'microphone'), person(2, 'microphone camera')],
        ['+f1 p_1 both', '+t1=11 f1', '+f2 p_2 both', '+t2=21 f2', '+t3=23 f2'],
      ],
      [[person(2, 'microphone camera')], ['-t1', '-f1']],
    ],
  },
  {
    name: 'each source in a file of its own',
    options: sources,
    story: [
      [[person(1, 'microphone camera')], ['+f1 p_1 microphone', '+t1=11 f1', '+f2 p_1 camera', '+t2=13 f2']],
      [[person(1, 'microphone')], []],
      [[], ['-t1', '-f1', '-t2', '-f2']],
    ],
  },
  {
    name: 'a shared screen ends with the sharing; the next is the next file',
    options: participants,
    story: [
      [[person(1, 'screen screenSound')], ['+f1 p_1 screen', '+t1=12 f1', '+t2=14 f1']],
      [[person(1, 'screen')], []],
      [[person(1, '')], ['-t1', '-t2', '-f1']],
      [[person(1, 'screen')], ['+f2 p_1 screen', '+t3=14 f2']],
    ],
  },
  {
    name: 'the sound of a screen alone, in a file per source',
    options: sources,
    story: [
      [[person(1, 'screenSound')], ['+f1 p_1 screenSound', '+t1=12 f1']],
      [[person(1, '')], ['-t1', '-f1']],
    ],
  },
  {
    name: 'another session of the same person: new tracks in the same file',
    options: participants,
    story: [
      [[person(1, 'microphone camera')], ['+f1 p_1 both', '+t1=11 f1', '+t2=13 f1']],
      [[person(1, 'microphone camera', { sessionId: undefined })], ['-t1', '-t2']],
      [[person(1, 'microphone camera', { sessionId: undefined })], []],
      [[person(1, 'microphone camera', { sessionId: 'new' })], ['+t3=11 f1', '+t4=13 f1']],
    ],
  },
  {
    name: 'a session that replaces another in one step',
    options: participants,
    story: [
      [[person(1, 'microphone')], ['+f1 p_1 both', '+t1=11 f1']],
      [[person(1, 'microphone', { sessionId: 'new' })], ['-t1', '+t2=11 f1']],
    ],
  },
  {
    name: 'only one person',
    options: { mode: 'sources', participantId: 'p_2' },
    story: [
      [
        [person(1, 'microphone'), person(2, 'microphone')],
        ['+f1 p_2 microphone', '+t1=21 f1'],
      ],
      [[person(1, 'microphone')], ['-t1', '-f1']],
    ],
  },
  {
    name: 'the room: names of CSRCs, once and after a renaming; files are not its business',
    options: { mode: 'room' },
    story: [
      [
        [person(1, 'microphone', { sources: [{ name: 'microphone', csrc: 11, muted: false }] })],
        ['11: Person 1 microphone'],
      ],
      [[person(1, 'camera', { sources: [{ name: 'microphone', csrc: 11, muted: true }] })], []],
      [
        [
          person(1, '', {
            displayName: 'Ada',
            sources: [{ name: 'microphone', csrc: 11, muted: true }],
          }),
        ],
        ['11: Ada microphone'],
      ],
    ],
  },
])('$name', ({ options, story }) => {
  const plan = new RecordingPlan(options);
  for (const [room, steps] of story) expect(shown(plan.update(room))).toEqual(steps);
});

describe('when something fails', () => {
  test('the way from the media process is lost: all tracks are added anew, in the same files', () => {
    const plan = new RecordingPlan(participants);
    const room = [person(1, 'microphone camera'), person(2, 'microphone')];
    plan.update(room);
    expect(shown(plan.tracksLost())).toEqual(['-t1', '-t2', '-t3']);
    expect(shown(plan.tracksLost())).toEqual([]);
    expect(shown(plan.update(room))).toEqual(['+t4=11 f1', '+t5=13 f1', '+t6=21 f2']);
  });

  test('a source that was gone by then is tried again when something changes', () => {
    const plan = new RecordingPlan(participants);
    plan.update([person(1, 'microphone')]);
    plan.trackFailed('t1');
    expect(shown(plan.update([person(1, 'microphone')]))).toEqual(['+t2=11 f1']);
  });
});

test('marks say who came, went, was renamed, and what was on or off', () => {
  const plan = new RecordingPlan(participants);
  const marks = (room: PersonView[]): string[] =>
    plan
      .update(room)
      .flatMap((step) => (step.t === 'mark' ? [`${step.what} ${Object.values(step.data)}`] : []));
  expect(marks([person(1, 'microphone')])).toEqual(['joined p_1,Person 1', 'on p_1,microphone']);
  expect(marks([person(1, 'camera', { displayName: 'Ada' })])).toEqual([
    'renamed p_1,Ada',
    'off p_1,microphone',
    'on p_1,camera',
  ]);
  expect(marks([person(1, 'camera', { displayName: 'Ada' })])).toEqual([]);
  expect(marks([])).toEqual(['left p_1']);
});

test('names that would be paths or worse stay what they are: data', () => {
  const plan = new RecordingPlan(participants);
  const evil = person(1, 'microphone', { displayName: '../../etc/passwd\u0000' });
  const [file] = plan.update([evil]).filter(({ t }) => t === 'addFile');
  expect(file).toMatchObject({ fileId: 'f1', about: { displayName: '../../etc/passwd\u0000' } });
});
