/** The page's pure parts: names, colours, the grid, sentences, texts of problems. */
import { describe, expect, test } from 'vitest';
import type { Participant } from '@tertulia/client';
import { CLIENT_ERRORS } from '@tertulia/client';
import {
  announceCamera,
  announceChange,
  announceMuted,
  announceScreen,
  announceState,
  farewell,
} from '../src/announcements.js';
import { chooseGrid, TILE } from '../src/grid.js';
import {
  invitationLink,
  isRoomName,
  newRoomName,
  readPlace,
  readStatsPlace,
  roomNameFrom,
} from '../src/invitation.js';
import { loudness } from '../src/levels.js';
import { hue, initials } from '../src/person.js';
import { problemOf } from '../src/problems.js';

test.each([
  ['Ada Lovelace', 'AL'],
  ['  João   Guimarães Rosa ', 'JR'],
  ['édith', 'É'],
  ['👩‍👩‍👧 Family', '👩‍👩‍👧F'],
  ['', '?'],
  ['   ', '?'],
])('initials of "%s" are %s', (name, want) => expect(initials(name)).toBe(want));

test('a colour is stable, and twelve people do not share one', () => {
  expect(hue('Ada')).toBe(hue('Ada'));
  const hues = new Set(Array.from({ length: 40 }, (_, index) => hue(`person ${index}`)));
  expect(hues.size).toBeGreaterThan(8);
});

describe('the place', () => {
  test.each([
    ['/r/tea/stats', '#token=a.b', { room: 'tea', token: 'a.b' }],
    ['/r/te%61/stats/', '', { room: 'tea', token: undefined }],
    ['/r/caf%C3%A9/stats/', '', undefined],
    ['/r/stats', '', undefined],
    ['/r/tea', '#token=a', undefined],
    ['/r/tea/stats/x', '', undefined],
  ])('of figures: %s%s', (pathname, hash, want) => expect(readStatsPlace({ pathname, hash })).toEqual(want));

  test.each([
    ['/', '', '', {}],
    ['/index.html', '', '', {}],
    ['/r/tea', '', '', { room: 'tea' }],
    ['/r/te%61', '', '', { room: 'tea' }],
    ['/r/tea/', '?debug', '#token=a.b-c_d', { room: 'tea', token: 'a.b-c_d', debug: true }],
    ['/r/caf%C3%A9', '', '', { wrong: 'room-name' }],
    ['/r/%E0%A4%A', '', '#token=', { wrong: 'room-name' }],
    [`/r/${'x'.repeat(65)}`, '', '', { wrong: 'room-name' }],
    ['/r/not%20a%20room/stats', '', '', { wrong: 'room-name' }],
    ['/r/', '', '', { wrong: 'address' }],
    ['/r/tea/biscuits', '', '', { wrong: 'address' }],
    ['/tea', '', '', { wrong: 'address' }],
  ])('%s %s %s', (pathname, search, hash, want) =>
    expect(readPlace({ pathname, search, hash })).toEqual({
      room: undefined,
      wrong: undefined,
      token: undefined,
      debug: false,
      ...want,
    }),
  );

  test('the invitation carries no token', () =>
    expect(invitationLink('https://x.test', 'tea~room')).toBe('https://x.test/r/tea~room'));

  test.each([
    ['Tuesday Tea!', 'tuesday-tea'],
    ['Café número 5', 'cafe-numero-5'],
    ['..', ''],
    ['日本', ''],
    ['x'.repeat(80), 'x'.repeat(64)],
  ])('typed "%s" becomes %s', (text, want) => expect(roomNameFrom(text)).toBe(want));

  test('new names are valid and differ', () => {
    let chance = 0;
    const next = (): number => (chance = (chance + 0.377) % 1);
    const names = new Set(Array.from({ length: 50 }, () => newRoomName(next)));
    expect(names.size).toBeGreaterThan(40);
    for (const name of names) expect(isRoomName(name)).toBe(true);
  });
});

describe('the grid', () => {
  const STAGES = [
    [366, 590],
    [343, 480],
    [740, 300],
    [1_392, 700],
    [1_040, 700],
    [2_512, 1_200],
  ] as const;

  test.each(STAGES)(
    'on %i × %i nothing is cut off sideways, and nothing below unless it scrolls',
    (width, height) => {
      for (let count = 1; count <= 60; count++) {
        const { columns, rows, tileWidthPx, tileHeightPx, scrolls } = chooseGrid(count, width, height);
        expect(columns * rows).toBeGreaterThanOrEqual(count);
        expect(columns * tileWidthPx + (columns - 1) * TILE.gapPx).toBeLessThanOrEqual(width);
        if (!scrolls) expect(rows * tileHeightPx + (rows - 1) * TILE.gapPx).toBeLessThanOrEqual(height);
        expect(tileHeightPx).toBeGreaterThanOrEqual(TILE.minHeightPx);
      }
    },
  );

  test.each([
    ['phone', 366, 590, 1, 1],
    ['phone', 366, 590, 2, 1],
    ['phone', 366, 590, 4, 2],
    ['phone', 366, 590, 12, 3],
    ['desktop', 1_392, 700, 2, 2],
    ['desktop', 1_392, 700, 4, 2],
    ['desktop', 1_392, 700, 12, 4],
  ])('%s %i × %i, %i people: %i in a row', (_, width, height, count, columns) =>
    expect(chooseGrid(count, width, height).columns).toBe(columns),
  );

  test('forty people on a phone scroll, three in a row', () =>
    expect(chooseGrid(40, 366, 590)).toMatchObject({ columns: 3, scrolls: true }));

  test('a stage without a size yet gives a grid all the same', () =>
    expect(chooseGrid(4, 0, 0)).toMatchObject({ columns: 1 }));
});

describe('announcements', () => {
  const person = (displayName: string, given: Partial<Participant> = {}): Participant => ({
    participantId: displayName,
    displayName,
    self: false,
    muted: false,
    csrc: 1,
    cameraOn: false,
    screenOn: false,
    videoCsrc: undefined,
    screenCsrc: undefined,
    joinedAtMs: 1,
    ...given,
  });
  const [ada, bo, cy, di] = ['Ada', 'Bo', 'Cy', 'Di'].map((name) => person(name));
  const nothing = { joined: [], left: [], changed: [] };

  test('one, two, many', () => {
    expect(announceChange({ ...nothing, joined: [ada!] }, [])).toEqual(['Ada joined.']);
    expect(announceChange({ ...nothing, joined: [ada!, bo!] }, [])).toEqual(['Ada and Bo joined.']);
    expect(announceChange({ ...nothing, left: [ada!, bo!, cy!] }, [])).toEqual(['Ada, Bo and Cy left.']);
    expect(announceChange({ ...nothing, joined: [ada!, bo!, cy!, di!] }, [])).toEqual(['4 people joined.']);
  });

  test('mute and unmute of others, but no other change and nothing about oneself', () => {
    const me = person('Me', { self: true });
    expect(announceChange({ ...nothing, joined: [me], changed: [{ ...me, muted: true }] }, [me])).toEqual([]);
    expect(announceChange({ ...nothing, changed: [{ ...ada!, muted: true }] }, [ada!])).toEqual([
      'Ada muted.',
    ]);
    expect(announceChange({ ...nothing, changed: [{ ...ada!, csrc: 9 }] }, [ada!])).toEqual([]);
  });

  test('screens of others, cameras not: faces come and go all the time', () => {
    const sharing = { ...ada!, screenOn: true };
    expect(announceChange({ ...nothing, changed: [sharing] }, [ada!])).toEqual(['Ada shares a screen.']);
    expect(announceChange({ ...nothing, changed: [ada!] }, [sharing])).toEqual(['Ada stopped sharing.']);
    expect(announceChange({ ...nothing, changed: [{ ...ada!, cameraOn: true }] }, [ada!])).toEqual([]);
  });

  test('own camera and screen', () => {
    expect(announceCamera(true, false)).toBe('Your camera is on.');
    expect(announceCamera(false, true)).toBe('Your camera was turned off.');
    expect(announceScreen(false)).toBe('Your screen is no longer shared.');
  });

  test('own state', () => {
    expect(announceMuted(true, true)).toBe('You were muted.');
    expect(announceMuted(false, false)).toBe('You are unmuted.');
    expect(announceState('reconnecting', 'connected')).toBe('Connection lost. Reconnecting.');
    expect(announceState('connected', 'reconnecting')).toBe('Connected again.');
    expect(announceState('connected', 'connecting')).toBeUndefined();
  });
});

test('every error of the SDK that joining can end with has its own text', () => {
  const later = [
    'CONNECTION_LOST',
    'NOT_CONNECTED',
    'CALL_ENDED',
    'REQUEST_REFUSED',
    'REQUEST_TIMED_OUT',
    'NOT_SUPPORTED',
  ];
  for (const code of Object.keys(CLIENT_ERRORS))
    if (!later.includes(code)) expect(problemOf(code).text).not.toContain(code);
  expect(problemOf('SOMETHING_NEW').text).toContain('SOMETHING_NEW');
});

test('every end has a title, also one that this page does not know', () => {
  expect(farewell('removed').title).toBe('You were removed');
  expect(farewell('no idea').title).toBe('The call has ended');
});

test('loudness: silence is empty, shouting is full, speech is between', () => {
  expect(loudness(0)).toBe(0);
  expect(loudness(NaN)).toBe(0);
  expect(loudness(0.0001)).toBe(0);
  expect(loudness(1)).toBe(1);
  expect(loudness(0.05)).toBeGreaterThan(0.4);
  expect(loudness(0.05)).toBeLessThan(0.8);
});
