/** The five channels of the Media API in virtual time, without media. Names bear the ids of docs/meet.md. */
import { describe, expect, test } from 'vitest';
import { ALL, entry, MeetRig, permutations, person, statusOf } from '../support/meetRig.js';

describe('opening', () => {
  test('D01 D06 in every one of the 120 orders all five channels are served, participants before media entries', () => {
    for (const order of permutations(ALL)) {
      const rig = new MeetRig();
      for (const label of order) rig.open(label).advance(50);
      rig.advance(2_000);
      expect(rig.closed).toEqual([]);
      const first = (label: string): number => rig.sent.findIndex((one) => one.label === label);
      expect(first('participants'), order.join()).toBeGreaterThanOrEqual(0);
      expect(first('media-entries'), order.join()).toBeGreaterThan(first('participants'));
      expect(rig.states()).toEqual(['STATE_WAITING', 'STATE_JOINED']);
      expect(rig.on('media-stats')).toHaveLength(1);
    }
  });

  test('D06 media entries wait for a participants channel that opens late', () => {
    const rig = new MeetRig().open('session-control', 'media-entries').advance(5_000);
    expect(rig.on('media-entries')).toEqual([]);
    rig.open('participants');
    expect(rig.sent.slice(-2).map(({ label }) => label)).toEqual(['participants', 'media-entries']);
  });

  test('D03 D04 WAITING first, JOINED once, 200 ms after opening and not before, one resource a message', () => {
    const rig = new MeetRig().open(...ALL).advance(199);
    expect(rig.states()).toEqual(['STATE_WAITING']);
    rig.advance(1);
    expect(rig.states()).toEqual(['STATE_WAITING', 'STATE_JOINED']);
    rig.advance(60_000);
    expect(rig.states()).toHaveLength(2);
    for (const message of rig.on('session-control')) expect(message['resources']).toHaveLength(1);
  });

  test('D04 a client that opens session-control alone is joined, too, after the wait for the others', () => {
    const rig = new MeetRig().open('session-control').advance(999);
    expect(rig.states()).toEqual(['STATE_WAITING']);
    rig.advance(1);
    expect(rig.states()).toEqual(['STATE_WAITING', 'STATE_JOINED']);
  });

  test('D05 one configuration, integer interval, keys are lists, only types that both clients know', () => {
    const rig = new MeetRig().open('media-stats').advance(60_000);
    const [message, ...more] = rig.on('media-stats');
    expect(more).toEqual([]);
    const resources = message?.['resources'] as {
      configuration: { uploadIntervalSeconds: number; allowlist: Record<string, { keys: unknown[] }> };
    }[];
    expect(resources).toHaveLength(1);
    const configuration = resources[0]?.configuration;
    expect(Number.isInteger(configuration?.uploadIntervalSeconds)).toBe(true);
    const known = [
      'codec',
      'candidate-pair',
      'media-playout',
      'transport',
      'local-candidate',
      'remote-candidate',
      'inbound-rtp',
    ];
    for (const [type, { keys }] of Object.entries(configuration?.allowlist ?? {})) {
      expect(known).toContain(type);
      expect(keys.every((key) => typeof key === 'string')).toBe(true);
    }
  });

  test('an unknown label and a label for the second time are closed', () => {
    const rig = new MeetRig().open('chat', 'media-stats');
    rig.feed({ t: 'closed', label: 'media-stats' });
    rig.open('media-stats');
    expect(rig.closed).toEqual(['chat', 'media-stats']);
    expect(rig.on('media-stats')).toHaveLength(1);
  });
});

describe('state', () => {
  const joined = (): MeetRig => new MeetRig().open(...ALL).advance(500);

  test('D02 every message is an object with a response, resources or deletedResources, without null or numbers as text', () => {
    const rig = joined();
    rig.say('session-control', { request: { requestId: 1, nonsense: {} } });
    rig.feed({ t: 'news', news: { t: 'entryGone', id: 11 } });
    const walk = (value: unknown): void => {
      expect(value).not.toBeNull();
      if (typeof value === 'string') expect(value).not.toMatch(/^\d+$/);
      if (typeof value === 'object') for (const child of Object.values(value as object)) walk(child);
    };
    expect(rig.sent.length).toBeGreaterThan(5);
    for (const { message } of rig.sent) {
      expect(
        Object.keys(message).some((key) => ['response', 'resources', 'deletedResources'].includes(key)),
      ).toBe(true);
      walk(message);
    }
  });

  test('D07 participants have one user kind and a key of two segments; entries have unique names and CSRCs', () => {
    const rig = new MeetRig();
    rig.snapshot = {
      participants: [person(1), { ...person(2), identity: 'ada@example.org' }],
      entries: [entry(11, 1), entry(12, 2), entry(13, 2, { screenshare: true })],
    };
    rig.open(...ALL);
    const participants = rig
      .on('participants')
      .flatMap(({ resources }) => resources as Record<string, Record<string, unknown>>[]);
    const entries = rig
      .on('media-entries')
      .flatMap(({ resources }) => resources as Record<string, Record<string, unknown>>[]);
    const keys = new Set(participants.map(({ participant }) => participant?.['participantKey']));
    for (const { id, participant = {} } of participants) {
      expect(participant['participantId']).toBe(id);
      expect(participant['participantKey']).toMatch(/^participants\/[^/]+$/);
      const kinds = ['signedInUser', 'anonymousUser', 'phoneUser'].filter((kind) => kind in participant);
      expect(kinds).toHaveLength(1);
      expect((participant[kinds[0] ?? ''] as { displayName: string }).displayName).not.toBe('');
    }
    expect(JSON.stringify(participants)).not.toContain('ada@example.org');
    const csrcs: unknown[] = [];
    const names: unknown[] = [];
    for (const { mediaEntry = {} } of entries) {
      expect(keys).toContain(mediaEntry['participantKey']);
      expect(mediaEntry['sessionName']).toMatch(/^participants\/[^/]+\/participantSessions\/[^/]+$/);
      expect(mediaEntry['videoCsrcs']).toHaveLength(1);
      names.push(mediaEntry['sessionName']);
      csrcs.push(mediaEntry['audioCsrc'], ...(mediaEntry['videoCsrcs'] as number[]));
    }
    expect(new Set(names).size).toBe(3);
    expect(new Set(csrcs).size).toBe(6);
    for (const csrc of csrcs) expect([0, 42]).not.toContain(csrc);
  });

  test('D08 D09 the order of news is kept: participant before entry, entry gone before participant gone', () => {
    const rig = joined();
    const before = rig.sent.length;
    rig.feed({ t: 'news', news: { t: 'participant', participant: person(3) } });
    rig.feed({ t: 'news', news: { t: 'entry', entry: entry(13, 3) } });
    rig.feed({ t: 'news', news: { t: 'entryGone', id: 13 } });
    rig.feed({ t: 'news', news: { t: 'participantGone', id: 3 } });
    expect(rig.sent.slice(before).map(({ label, message }) => [label, Object.keys(message)])).toEqual([
      ['participants', ['resources']],
      ['media-entries', ['resources']],
      ['media-entries', ['deletedResources']],
      ['participants', ['deletedResources']],
    ]);
    expect(rig.sent.at(-2)?.message).toEqual({ deletedResources: [{ id: 13, mediaEntry: true }] });
    expect(rig.sent.at(-1)?.message).toEqual({ deletedResources: [{ id: 3, participant: true }] });
  });

  test('D10 a mute is the entry again with the same id and CSRC', () => {
    const rig = joined();
    rig.feed({ t: 'news', news: { t: 'entry', entry: entry(11, 1, { audioMuted: true }) } });
    expect(rig.sent.at(-1)?.message).toMatchObject({
      resources: [{ id: 11, mediaEntry: { audioCsrc: 1_011, audioMuted: true } }],
    });
  });

  test('M14 an entry is sent again when its source enters a slot, and only then', () => {
    const rig = joined();
    const change = { slot: 0, csrc: 1_012, loudest: false, epoch: 1, rtpTimestamp: 0, captureTimeMs: 0 };
    const before = rig.sent.length;
    rig.feed({ t: 'slots', changes: [change] });
    expect(rig.sent.slice(before).map(({ message }) => message)).toMatchObject([{ resources: [{ id: 12 }] }]);
    rig.feed({ t: 'slots', changes: [{ ...change, loudest: true }] });
    rig.feed({ t: 'slots', changes: [{ ...change, csrc: 0 }] });
    expect(rig.sent).toHaveLength(before + 1);
    rig.feed({ t: 'slots', changes: [{ ...change, epoch: 3 }] });
    expect(rig.sent).toHaveLength(before + 2);
  });

  test('a room of 1,000 is told in messages far below 256 KiB', () => {
    const rig = new MeetRig();
    const ids = Array.from({ length: 1_000 }, (_, at) => at + 1);
    rig.snapshot = {
      participants: ids.map((id) => person(id)),
      entries: ids.map((id) => entry(id + 1_000, id)),
    };
    rig.open(...ALL);
    const lengths = rig.sent.map(({ message }) => JSON.stringify(message).length);
    expect(Math.max(...lengths)).toBeLessThan(64 * 1024);
    expect(rig.on('participants').flatMap(({ resources }) => resources as object[])).toHaveLength(1_000);
    expect(rig.on('media-entries').flatMap(({ resources }) => resources as object[])).toHaveLength(1_000);
  });
});

describe('leaving', () => {
  test.each([
    ['D14 joined', 500],
    ['D16 waiting', 100],
  ])('%s: one message with the response and DISCONNECTED, then nothing', (_name, waitMs) => {
    const rig = new MeetRig().open(...ALL).advance(waitMs);
    const before = rig.sent.length;
    rig.say('session-control', { request: { requestId: 7, leave: {} } });
    expect(rig.sent.slice(before).map(({ message }) => message)).toEqual([
      {
        response: { requestId: 7, status: { code: 0, message: '', details: [] }, leave: {} },
        resources: [
          {
            sessionStatus: { connectionState: 'STATE_DISCONNECTED', disconnectReason: 'REASON_CLIENT_LEFT' },
          },
        ],
      },
    ]);
    expect(rig.left).toBe(1);
    rig.feed({ t: 'news', news: { t: 'participantGone', id: 1 } });
    rig.say('session-control', { request: { requestId: 8, leave: {} } });
    rig.advance(10_000);
    expect(rig.sent).toHaveLength(before + 1);
  });

  test.each([
    ['id 0', { request: { requestId: 0, leave: {} } }],
    ['no id', { request: { leave: {} } }],
    ['id as text', { request: { requestId: '5', leave: {} } }],
    ['fraction', { request: { requestId: 1.5, leave: {} } }],
  ])('D15 leave with %s is refused with code 3 and the session goes on', (_name, message) => {
    const rig = new MeetRig().open(...ALL).advance(500);
    expect(statusOf(rig.say('session-control', message))).toBe(3);
    expect(rig.left).toBe(0);
    expect(rig.machine.ended).toBe(false);
  });

  test('D15 an id for the second time is refused with code 3; ids of other channels do not count', () => {
    const rig = new MeetRig().open(...ALL).advance(500);
    rig.say('media-stats', { request: { requestId: 1, uploadMediaStats: { sections: [] } } });
    expect(statusOf(rig.say('session-control', { request: { requestId: 1, other: {} } }))).toBe(12);
    expect(statusOf(rig.say('session-control', { request: { requestId: 1, leave: {} } }))).toBe(3);
    expect(rig.left).toBe(0);
  });

  test.each([
    ['room-closed', 'REASON_CONFERENCE_ENDED'],
    ['removed', 'REASON_USER_STOPPED'],
    ['media-lost', 'REASON_SESSION_UNHEALTHY'],
    ['draining', 'REASON_SESSION_UNHEALTHY'],
  ] as const)('D17 %s is told as %s in a message with one resource', (reason, told) => {
    const rig = new MeetRig().open(...ALL).advance(500);
    rig.feed({ t: 'end', reason });
    expect(rig.sent.at(-1)).toMatchObject({
      label: 'session-control',
      message: {
        resources: [{ sessionStatus: { connectionState: 'STATE_DISCONNECTED', disconnectReason: told } }],
      },
    });
    const count = rig.sent.length;
    rig.feed({ t: 'end', reason });
    expect(rig.sent).toHaveLength(count);
  });
});

describe('requests', () => {
  const joined = (videoSlots = 0): MeetRig => new MeetRig(videoSlots).open(...ALL).advance(500);

  test.each([
    '{',
    '',
    'null',
    '[]',
    '7',
    '"text"',
    '{"request":null}',
    '{"request":[]}',
    '{"__proto__":{"request":{}}}',
  ])('D18 %j is refused with code 3 on its channel only', (text) => {
    for (const label of ALL) {
      const rig = joined();
      expect(statusOf(rig.say(label, text))).toBe(3);
      expect(rig.sent.at(-1)?.label).toBe(label);
      expect(statusOf(rig.say('media-stats', { request: { requestId: 1 } }))).toBe(0);
    }
  });

  test('D18 binary is refused, counted, and nothing else happens', () => {
    const rig = joined();
    rig.feed({ t: 'message', label: 'session-control', data: new Uint8Array([1, 2, 3]) });
    expect(statusOf(rig.sent.at(-1)?.message)).toBe(3);
    expect(rig.machine.refusals.get('binary')).toBe(1);
  });

  test('D19 an upload in the TypeScript dialect', () => {
    const message = {
      request: {
        requestId: 1,
        uploadMediaStats: { sections: [{ id: 'IT01', inbound_rtp: { packets_received: 100 } }] },
      },
    };
    expect(joined().say('media-stats', message)).toEqual({
      response: { requestId: 1, status: { code: 0, message: '', details: [] }, uploadMediaStats: {} },
    });
  });

  test('D20 an upload in the C++ dialect', () => {
    const message = {
      request: {
        requestId: 1,
        uploadMediaStats: { sections: [{ id: 'IT01', 'inbound-rtp': { packetsReceived: '100' } }] },
      },
    };
    expect(statusOf(joined().say('media-stats', message))).toBe(0);
  });

  test('D21 a stats request without payload', () => {
    expect(statusOf(joined().say('media-stats', { request: { requestId: 1 } }))).toBe(0);
  });

  test('D22 200 kB of unknown statistics', () => {
    const sections = Array.from({ length: 2_000 }, (_, id) => ({
      id: `x${id}`,
      'unknown-type': { someField: 'x'.repeat(60) },
    }));
    const message = JSON.stringify({ request: { requestId: 1, uploadMediaStats: { sections } } });
    expect(message.length).toBeGreaterThan(200_000);
    expect(statusOf(joined().say('media-stats', message))).toBe(0);
  });

  test('V13 an assignment in a session without video sections is code 9', () => {
    const message = {
      request: { requestId: 1, setAssignment: { layoutModel: { label: 'a', canvases: [] } } },
    };
    expect(statusOf(joined().say('video-assignment', message))).toBe(9);
  });

  test('a flood of requests is answered with code 8 and costs the session nothing', () => {
    const rig = joined();
    const codes = Array.from({ length: 200 }, (_, at) =>
      statusOf(rig.say('media-stats', { request: { requestId: at + 1 } })),
    );
    expect(codes.filter((code) => code === 0).length).toBeLessThan(100);
    expect(codes.at(-1)).toBe(8);
    rig.advance(10_000);
    expect(statusOf(rig.say('media-stats', { request: { requestId: 999 } }))).toBe(0);
  });
});
