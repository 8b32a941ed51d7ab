import { expect, test } from 'vitest';
import type { MediaEntryResource, ParticipantResource } from '../src/messages.js';
import { ParticipantsStore } from '../src/participants.js';

const person = (id: number, participantId: string, joinedAtMs = id): ParticipantResource => ({
  t: 'participant',
  id,
  participantId,
  displayName: participantId.toUpperCase(),
  joinedAtMs,
  self: false,
});
const entry = (
  id: number,
  participantId: string,
  audioCsrc: number,
  given: Partial<MediaEntryResource> = {},
): MediaEntryResource => ({
  t: 'mediaEntry',
  id,
  participantId,
  screenshare: false,
  audioCsrc,
  videoCsrc: audioCsrc + 500,
  audioMuted: false,
  videoMuted: true,
  ...given,
});
const names = (people: readonly { participantId: string }[]): string[] =>
  people.map((one) => one.participantId);

test('a person without a microphone counts as muted; the entry adds CSRC and mute', () => {
  const store = new ParticipantsStore();
  expect(names(store.apply([person(1, 'ada')], [])!.joined)).toEqual(['ada']);
  expect(store.get('ada')).toMatchObject({ muted: true, csrc: undefined });
  const change = store.apply([entry(9, 'ada', 1001)], []);
  expect(change).toMatchObject({ joined: [], left: [], changed: [{ muted: false, csrc: 1001 }] });
});

test('the order is that of joining, whatever the order of the messages', () => {
  const store = new ParticipantsStore();
  store.apply([person(1, 'late', 30), person(2, 'early', 10), person(3, 'middle', 20)], []);
  expect(names(store.participants)).toEqual(['early', 'middle', 'late']);
});

test('leaving removes entry and person; a second deletion changes nothing', () => {
  const store = new ParticipantsStore();
  store.apply([person(1, 'ada'), entry(2, 'ada', 1001)], []);
  const change = store.apply(
    [],
    [
      { id: 2, kind: 'mediaEntry' },
      { id: 1, kind: 'participant' },
    ],
  );
  expect(names(change!.left)).toEqual(['ada']);
  expect(store.participants).toEqual([]);
  expect(store.apply([], [{ id: 1, kind: 'participant' }])).toBeUndefined();
});

test('the same news twice is no change, and unchanged people stay the same objects', () => {
  const store = new ParticipantsStore();
  store.apply([person(1, 'ada'), person(2, 'bo')], []);
  const [ada] = store.participants;
  expect(store.apply([person(1, 'ada')], [])).toBeUndefined();
  store.apply([{ ...person(2, 'bo'), displayName: 'Boris' }], []);
  expect(store.participants[0]).toBe(ada);
});

test('a CSRC leads to its person, sound or picture, screen or not', () => {
  const store = new ParticipantsStore();
  const screen = entry(3, 'ada', 1002, { screenshare: true, videoMuted: false });
  store.apply([person(1, 'ada'), entry(2, 'ada', 1001), screen], []);
  for (const csrc of [1001, 1501, 1002, 1502]) expect(store.byCsrc(csrc)?.participantId).toBe('ada');
  expect(store.get('ada')).toMatchObject({ csrc: 1001, videoCsrc: 1501, screenCsrc: 1502 });
  expect(store.byCsrc(7)).toBeUndefined();
  expect([store.entryId('ada', false), store.entryId('ada', true)]).toEqual([2, 3]);
});

test('camera and screen come and go, each seen as a change of the person', () => {
  const store = new ParticipantsStore();
  store.apply([person(1, 'ada'), entry(2, 'ada', 1001)], []);
  expect(store.get('ada')).toMatchObject({ cameraOn: false, screenOn: false, screenCsrc: undefined });
  expect(store.apply([entry(2, 'ada', 1001, { videoMuted: false })], [])!.changed).toMatchObject([
    { cameraOn: true, screenOn: false, muted: false },
  ]);
  const screen = entry(9, 'ada', 1002, { screenshare: true, videoMuted: false });
  expect(store.apply([screen], [])!.changed).toMatchObject([{ cameraOn: true, screenOn: true }]);
  // Only the sound of the screen is left: nothing to see.
  expect(store.apply([{ ...screen, videoMuted: true }], [])!.changed).toMatchObject([{ screenOn: false }]);
  expect(store.apply([], [{ id: 9, kind: 'mediaEntry' }])!.changed).toMatchObject([
    { screenCsrc: undefined },
  ]);
  expect(store.entryId('ada', true)).toBeUndefined();
  // Its last pictures are still in buffers: whose they were is known.
  expect(store.pictureOf(1502)).toMatchObject({ participant: { participantId: 'ada' }, screenshare: true });
  expect(store.pictureOf(1501)?.screenshare).toBe(false);
});

test('an entry before its person waits for it', () => {
  const store = new ParticipantsStore();
  expect(store.apply([entry(2, 'ada', 1001)], [])).toBeUndefined();
  expect(store.apply([person(1, 'ada')], [])!.joined).toMatchObject([{ csrc: 1001, muted: false }]);
});

test('after a new session nobody flickers: only who is really gone leaves', () => {
  const store = new ParticipantsStore();
  store.apply([person(1, 'ada'), entry(2, 'ada', 1001), person(3, 'bo'), entry(4, 'bo', 1002)], []);
  store.beginSnapshot();
  expect(names(store.participants)).toEqual(['ada', 'bo']);
  // New ids, the person first: no mute flash in between.
  expect(store.apply([person(11, 'ada', 1)], [])).toBeUndefined();
  expect(store.apply([entry(12, 'ada', 1001)], [])).toBeUndefined();
  expect(names(store.apply([person(13, 'cy', 9)], [])!.joined)).toEqual(['cy']);
  const change = store.endSnapshot()!;
  expect(names(change.left)).toEqual(['bo']);
  expect(names(store.participants)).toEqual(['ada', 'cy']);
  // The old ids mean nothing any more.
  expect(store.apply([], [{ id: 1, kind: 'participant' }])).toBeUndefined();
});

test('a server that has forgotten us gives us a new id, and we are never listed twice', () => {
  const store = new ParticipantsStore();
  store.apply([{ ...person(1, 'old-me'), self: true }, person(2, 'ada')], []);
  store.beginSnapshot();
  const change = store.apply([{ ...person(11, 'new-me'), self: true }], [])!;
  expect(names(change.joined)).toEqual(['new-me']);
  expect(names(change.left)).toEqual(['old-me']);
  expect(names(store.participants)).toEqual(['ada', 'new-me']);
});
