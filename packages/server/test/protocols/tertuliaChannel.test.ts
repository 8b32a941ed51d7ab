/** The channel of the project's own client in virtual time. */
import { describe, expect, test } from 'vitest';
import { TertuliaChannel } from '../../src/protocols/tertulia/channel.js';
import {
  STATUS,
  type CommandResult,
  type ProtocolInput,
  type SessionPort,
} from '../../src/protocols/machine.js';
import type { MediaEntryView, ParticipantView, SlotChange } from '../../src/rooms/news.js';

const ada: ParticipantView = {
  id: 1,
  participantId: 'p_ada',
  displayName: 'Ada',
  joinedAtMs: 5,
  identity: 'ada@example.org',
};
const ben: ParticipantView = {
  id: 3,
  participantId: 'p_ben',
  displayName: 'Ben',
  joinedAtMs: 6,
  identity: undefined,
};
const entryOf = (id: number, { id: owner, participantId }: ParticipantView): MediaEntryView => ({
  id,
  owner,
  participantId,
  audioCsrc: 1_000 + id,
  videoCsrc: 2_000 + id,
  audioMuted: false,
  videoMuted: true,
  screenshare: false,
});
const slot = (number: number, csrc: number, more: Partial<SlotChange> = {}): SlotChange => ({
  slot: number,
  csrc,
  loudest: false,
  epoch: 1,
  rtpTimestamp: 0,
  captureTimeMs: 0,
  ...more,
});

class Rig {
  nowMs = 1_000;
  readonly sent: Record<string, unknown>[] = [];
  readonly commands: unknown[][] = [];
  readonly closed: string[] = [];
  left = 0;
  result: CommandResult = { ok: true };
  readonly port: SessionPort = {
    snapshot: () => ({ participants: [ada, ben], entries: [entryOf(2, ada), entryOf(4, ben)] }),
    setMuted: (source, muted) => this.#note('setMuted', source, muted),
    rename: (displayName) => this.#note('rename', displayName),
    sendMessage: (text) => this.#note('sendMessage', text),
  };
  readonly machine = new TertuliaChannel(this.port, () => ({
    participantId: 'p_ada',
    room: 'tea',
    audioSlots: 3,
    videoSlots: 0,
    canPublish: true,
    canRecord: false,
    roles: ['join', 'publish'],
  }));

  #note(...command: unknown[]): CommandResult {
    this.commands.push(command);
    return this.result;
  }
  feed(input: ProtocolInput): void {
    this.machine.handle(input, this.nowMs);
    for (const output of this.machine.poll()) {
      if (output.t === 'send') this.sent.push(JSON.parse(output.text) as Record<string, unknown>);
      else if (output.t === 'close') this.closed.push(output.label);
      else this.left++;
    }
  }
  open(): this {
    this.feed({ t: 'opened', label: 'tertulia' });
    return this;
  }
  say(data: unknown): Record<string, unknown> | undefined {
    const before = this.sent.length;
    const text = typeof data === 'string' || data instanceof Uint8Array ? data : JSON.stringify(data);
    this.feed({ t: 'message', label: 'tertulia', data: text });
    return this.sent[before];
  }
}

const codeOf = (message: Record<string, unknown> | undefined): unknown =>
  (message?.['response'] as { status: { code: number } } | undefined)?.status.code;

test('after opening: the session, participants, media entries, the whole table of slots, in this order', () => {
  const rig = new Rig();
  rig.feed({ t: 'slots', changes: [slot(1, 1_004, { loudest: true, epoch: 2 })] });
  expect(rig.sent).toEqual([]);
  rig.open();
  expect(rig.sent).toEqual([
    {
      resources: [
        {
          session: {
            participantId: 'p_ada',
            room: 'tea',
            audioSlots: 3,
            videoSlots: 0,
            canPublish: true,
            canRecord: false,
            roles: ['join', 'publish'],
            serverTimeMs: 1_000,
          },
        },
      ],
    },
    {
      resources: [
        { id: 1, participant: { participantId: 'p_ada', displayName: 'Ada', joinedAtMs: 5, self: true } },
        { id: 3, participant: { participantId: 'p_ben', displayName: 'Ben', joinedAtMs: 6 } },
      ],
    },
    {
      resources: [
        {
          id: 2,
          mediaEntry: {
            participantId: 'p_ada',
            screenshare: false,
            audioCsrc: 1_002,
            videoCsrc: 2_002,
            audioMuted: false,
            videoMuted: true,
          },
        },
        {
          id: 4,
          mediaEntry: {
            participantId: 'p_ben',
            screenshare: false,
            audioCsrc: 1_004,
            videoCsrc: 2_004,
            audioMuted: false,
            videoMuted: true,
          },
        },
      ],
    },
    {
      resources: [
        {
          speakers: {
            slots: [
              slot(0, 0, { epoch: 0 }),
              slot(1, 1_004, { loudest: true, epoch: 2 }),
              slot(2, 0, { epoch: 0 }),
            ],
          },
        },
      ],
    },
  ]);
});

test('news are told in the order of the room', () => {
  const rig = new Rig().open();
  const before = rig.sent.length;
  rig.feed({ t: 'news', news: { t: 'participant', participant: { ...ben, displayName: 'Benno' } } });
  rig.feed({ t: 'news', news: { t: 'entryGone', id: 4 } });
  rig.feed({ t: 'news', news: { t: 'participantGone', id: 3 } });
  rig.feed({
    t: 'news',
    news: { t: 'chat', message: { from: 'p_ben', displayName: 'Ben', text: 'hi', sentAtMs: 9 } },
  });
  expect(rig.sent.slice(before)).toEqual([
    { resources: [{ id: 3, participant: { participantId: 'p_ben', displayName: 'Benno', joinedAtMs: 6 } }] },
    { deletedResources: [{ id: 4, mediaEntry: true }] },
    { deletedResources: [{ id: 3, participant: true }] },
    { resources: [{ message: { from: 'p_ben', displayName: 'Ben', text: 'hi', sentAtMs: 9 } }] },
  ]);
});

describe('slots', () => {
  test('only changed slots are listed; a slot that the session does not have is ignored', () => {
    const rig = new Rig().open();
    const before = rig.sent.length;
    rig.feed({ t: 'slots', changes: [slot(2, 1_004), slot(7, 1_002)] });
    expect(rig.sent.slice(before)).toEqual([{ resources: [{ speakers: { slots: [slot(2, 1_004)] } }] }]);
  });

  test('R5 anchors of slots in use come again every 5 s, carried forward on the slot’s line, over the wrap', () => {
    const rig = new Rig().open();
    rig.feed({
      t: 'slots',
      changes: [slot(0, 1_004, { rtpTimestamp: 2 ** 32 - 48_000, captureTimeMs: 70_000 })],
    });
    const before = rig.sent.length;
    expect(rig.machine.nextDeadline()).toBe(6_000);
    rig.nowMs = 6_000;
    rig.feed({ t: 'timeout' });
    expect(rig.sent.slice(before)).toEqual([
      {
        resources: [
          { speakers: { slots: [slot(0, 1_004, { rtpTimestamp: 4 * 48_000, captureTimeMs: 75_000 })] } },
        ],
      },
    ]);
    rig.nowMs = 11_000;
    rig.feed({ t: 'timeout' });
    expect(rig.sent.at(-1)).toEqual({
      resources: [
        { speakers: { slots: [slot(0, 1_004, { rtpTimestamp: 9 * 48_000, captureTimeMs: 80_000 })] } },
      ],
    });
  });

  test('while nobody speaks, nothing is sent', () => {
    const rig = new Rig().open();
    const before = rig.sent.length;
    for (let step = 0; step < 10; step++) {
      rig.nowMs = rig.machine.nextDeadline() ?? Infinity;
      rig.feed({ t: 'timeout' });
    }
    expect(rig.nowMs).toBe(51_000);
    expect(rig.sent).toHaveLength(before);
  });
});

describe('requests', () => {
  test.each([
    ['setMuted', { source: 'microphone', muted: true }, ['setMuted', 'microphone', true]],
    ['setMuted', { source: 'screenSound', muted: false }, ['setMuted', 'screenSound', false]],
    ['rename', { displayName: '  Ada\u0000  L. ' }, ['rename', 'Ada L.']],
    ['sendMessage', { text: 'hello' }, ['sendMessage', 'hello']],
  ])('%s is carried out and answered', (name, payload, command) => {
    const rig = new Rig().open();
    expect(rig.say({ request: { requestId: 3, [name]: payload } })).toEqual({
      response: { requestId: 3, status: { code: 0, message: '', details: [] }, [name]: {} },
    });
    expect(rig.commands).toEqual([command]);
  });

  test.each([
    [3, { setMuted: { source: 'lamp', muted: true } }],
    [3, { setMuted: { source: 'microphone' } }],
    [3, { setMuted: null }],
    [3, { rename: { displayName: '\u0000\u202e ' } }],
    [3, { rename: {} }],
    [3, { sendMessage: { text: '' } }],
    [3, { sendMessage: { text: 'é'.repeat(2_049) } }],
    [3, {}],
    [3, { leave: {}, rename: { displayName: 'x' } }],
    [9, { setLayout: { canvases: [] } }],
    [12, { setVolume: {} }],
    [12, { constructor: {} }],
  ])('code %i for %j, and nothing is carried out', (code, payload) => {
    const rig = new Rig().open();
    expect(codeOf(rig.say({ request: { requestId: 1, ...payload } }))).toBe(code);
    expect(rig.commands).toEqual([]);
    expect(rig.left).toBe(0);
  });

  test('what the room refuses is passed on', () => {
    const rig = new Rig().open();
    rig.result = { ok: false, code: STATUS.failedPrecondition, message: 'The session has no microphone.' };
    expect(
      rig.say({ request: { requestId: 1, setMuted: { source: 'microphone', muted: true } } }),
    ).toMatchObject({
      response: { requestId: 1, status: { code: 9, message: 'The session has no microphone.' } },
    });
  });

  test('H8.1 H8.2 H8.3 H8.11 rubbish is answered with code 3 and counted by reason', () => {
    const rig = new Rig().open();
    const rubbish: [unknown, string][] = [
      ['x'.repeat(300_000), 'too-large'],
      ['['.repeat(200) + ']'.repeat(200), 'too-deep'],
      ['{"request":{"requestId":1,"rename":{"__proto__":{"a":1}}}}', 'forbidden-key'],
      [new Uint8Array([0xff, 0xfe]), 'binary'],
      ['{"request":', 'not-json'],
    ];
    for (const [data, why] of rubbish) {
      expect(codeOf(rig.say(data)), why).toBe(3);
      expect(rig.machine.refusals.get(why), why).toBe(1);
    }
    expect(codeOf(rig.say({ request: { requestId: 1, rename: { displayName: 'still here' } } }))).toBe(0);
  });

  test('H8.4 H8.16 a repeated id is refused, so a replayed message does nothing twice', () => {
    const rig = new Rig().open();
    const message = { request: { requestId: 1, sendMessage: { text: 'once' } } };
    rig.say(message);
    expect(codeOf(rig.say(message))).toBe(3);
    expect(rig.commands).toHaveLength(1);
  });

  test('a flood is answered with code 8 until it ebbs', () => {
    const rig = new Rig().open();
    for (let id = 1; id <= 300; id++) rig.say({ request: { requestId: id, sendMessage: { text: 'spam' } } });
    expect(rig.commands.length).toBe(60);
    rig.nowMs += 1_000;
    expect(codeOf(rig.say({ request: { requestId: 1_000, sendMessage: { text: 'ham' } } }))).toBe(0);
  });
});

describe('the end', () => {
  test('leave is answered, then the state is told, then nothing more', () => {
    const rig = new Rig().open();
    const before = rig.sent.length;
    rig.say({ request: { requestId: 9, leave: {} } });
    expect(rig.sent.slice(before)).toEqual([
      { response: { requestId: 9, status: { code: 0, message: '', details: [] }, leave: {} } },
      { resources: [{ sessionStatus: { state: 'ended', reason: 'left' } }] },
    ]);
    expect(rig.left).toBe(1);
    rig.feed({ t: 'news', news: { t: 'entryGone', id: 4 } });
    rig.say({ request: { requestId: 10, leave: {} } });
    expect(rig.sent).toHaveLength(before + 2);
    expect(rig.machine.nextDeadline()).toBeUndefined();
  });

  test.each(['removed', 'replaced', 'draining', 'media-lost', 'room-closed'] as const)(
    '%s is told once',
    (reason) => {
      const rig = new Rig().open();
      rig.feed({ t: 'end', reason });
      rig.feed({ t: 'end', reason: 'left' });
      expect(rig.sent.at(-1)).toEqual({ resources: [{ sessionStatus: { state: 'ended', reason } }] });
    },
  );

  test('a channel of another name is closed and served nothing', () => {
    const rig = new Rig();
    rig.feed({ t: 'opened', label: 'session-control' });
    expect(rig.closed).toEqual(['session-control']);
    expect(rig.sent).toEqual([]);
  });
});
