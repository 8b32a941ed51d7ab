import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseServerMessage, requestText } from '../src/messages.js';

const VECTORS = [
  {
    name: 'session, first message',
    json: '{"resources":[{"session":{"participantId":"p_1","room":"tea","audioSlots":3,"videoSlots":9,"serverTimeMs":5.5,"canPublish":true,"canRecord":true,"roles":["join","publish"]}}]}',
    want: [
      {
        t: 'session',
        participantId: 'p_1',
        room: 'tea',
        audioSlots: 3,
        videoSlots: 9,
        serverTimeMs: 5.5,
        canPublish: true,
        canRecord: true,
        roles: ['join', 'publish'],
      },
    ],
  },
  {
    name: 'participant and media entry in one message',
    json: '{"resources":[{"id":7,"participant":{"participantId":"p_2","displayName":"Ada","joinedAtMs":3,"self":true}},{"id":12,"mediaEntry":{"participantId":"p_2","screenshare":false,"audioCsrc":1001,"videoCsrc":1002,"audioMuted":true,"videoMuted":false}}]}',
    want: [
      { t: 'participant', id: 7, participantId: 'p_2', displayName: 'Ada', joinedAtMs: 3, self: true },
      {
        t: 'mediaEntry',
        id: 12,
        participantId: 'p_2',
        screenshare: false,
        audioCsrc: 1001,
        videoCsrc: 1002,
        audioMuted: true,
        videoMuted: false,
      },
    ],
  },
  {
    name: 'a recording, its end, and one of a server that says less',
    json: '{"resources":[{"recording":{"on":true,"sinceMs":7.5,"mode":"room"}},{"recording":{"on":false}},{"recording":{}}]}',
    want: [
      { t: 'recording', on: true, sinceMs: 7.5, mode: 'room' },
      { t: 'recording', on: false, sinceMs: 0, mode: '' },
      { t: 'recording', on: true, sinceMs: 0, mode: '' },
    ],
  },
  {
    name: 'speakers',
    json: '{"resources":[{"speakers":{"slots":[{"slot":0,"csrc":1001,"loudest":true,"epoch":4,"rtpTimestamp":123,"captureTimeMs":1.5},{"slot":1,"csrc":0,"loudest":false,"epoch":2}]}}]}',
    want: [
      {
        t: 'speakers',
        slots: [
          { slot: 0, csrc: 1001, loudest: true, epoch: 4, rtpTimestamp: 123, captureTimeMs: 1.5 },
          { slot: 1, csrc: 0, loudest: false, epoch: 2, rtpTimestamp: undefined, captureTimeMs: undefined },
        ],
      },
    ],
  },
  {
    name: 'video slots: the anchors of each switch, an empty slot without',
    json: '{"resources":[{"videoSlots":{"slots":[{"slot":2,"csrc":1002,"epoch":1,"rtpTimestamp":4294967295,"captureTimeMs":7.25},{"slot":0,"csrc":0,"epoch":3}]}}]}',
    want: [
      {
        t: 'videoSlots',
        slots: [
          { slot: 2, csrc: 1002, epoch: 1, rtpTimestamp: 4294967295, captureTimeMs: 7.25 },
          { slot: 0, csrc: 0, epoch: 3, rtpTimestamp: undefined, captureTimeMs: undefined },
        ],
      },
    ],
  },
  {
    name: 'assignment: a picture, and a canvas whose person sends none',
    json: '{"resources":[{"videoAssignment":{"canvases":[{"canvasId":1,"slot":2,"entryId":12,"participantId":"p_2","csrc":1002,"active":true},{"canvasId":3,"entryId":14,"participantId":"p_3","csrc":1006,"active":false}]}}]}',
    want: [
      {
        t: 'videoAssignment',
        canvases: [
          { canvasId: 1, slot: 2, entryId: 12, participantId: 'p_2', csrc: 1002, active: true },
          { canvasId: 3, slot: undefined, entryId: 14, participantId: 'p_3', csrc: 1006, active: false },
        ],
      },
    ],
  },
  {
    name: 'chat',
    json: '{"resources":[{"message":{"from":"p_2","displayName":"Ada","text":"hello","sentAtMs":9}}]}',
    want: [{ t: 'message', from: 'p_2', displayName: 'Ada', text: 'hello', sentAtMs: 9 }],
  },
  {
    name: 'end of the session',
    json: '{"resources":[{"sessionStatus":{"state":"ended","reason":"removed"}}]}',
    want: [{ t: 'sessionStatus', state: 'ended', reason: 'removed' }],
  },
  {
    name: 'a kind from the future is skipped, its neighbour is kept',
    json: '{"resources":[{"hologram":{}},{"sessionStatus":{"state":"ended"}}]}',
    want: [{ t: 'sessionStatus', state: 'ended', reason: '' }],
  },
];

test.each(VECTORS)('$name', ({ json, want }) => {
  const parsed = parseServerMessage(json);
  expect(parsed).toEqual({ ok: true, value: { response: undefined, deleted: [], resources: want } });
});

test('deleted resources keep their order, entries before people', () => {
  const parsed = parseServerMessage(
    '{"deletedResources":[{"id":12,"mediaEntry":true},{"id":7,"participant":true},{"id":8,"hologram":true}]}',
  );
  expect(parsed.ok && parsed.value.deleted).toEqual([
    { id: 12, kind: 'mediaEntry' },
    { id: 7, kind: 'participant' },
  ]);
});

test('a response carries its id and the gRPC code', () => {
  const parsed = parseServerMessage(
    '{"response":{"requestId":3,"status":{"code":8,"message":"too fast","details":[]},"setMuted":{}}}',
  );
  expect(parsed.ok && parsed.value.response).toEqual({ requestId: 3, code: 8, message: 'too fast' });
});

test.each([
  ['not json', '{', 'not-json'],
  ['an array', '[]', 'message-not-object'],
  ['null', 'null', 'message-not-object'],
  ['resources as an object', '{"resources":{}}', 'resources-not-array'],
  [
    'a participant without a name',
    '{"resources":[{"id":1,"participant":{"participantId":"p"}}]}',
    'displayName-not-text',
  ],
  [
    'a participant without an id',
    '{"resources":[{"participant":{"participantId":"p","displayName":"A"}}]}',
    'id-not-number',
  ],
  [
    'a CSRC as text',
    '{"resources":[{"id":1,"mediaEntry":{"participantId":"p","audioCsrc":"7"}}]}',
    'audioCsrc-not-number',
  ],
  [
    'a canvas without its entry',
    '{"resources":[{"videoAssignment":{"canvases":[{"canvasId":1,"csrc":5,"participantId":"p"}]}}]}',
    'entryId-not-number',
  ],
  ['a slot of null', '{"resources":[{"speakers":{"slots":[null]}}]}', 'slot-not-object'],
])('%s is refused with a reason', (_, json, why) => {
  expect(parseServerMessage(json)).toEqual({ ok: false, why });
});

test('more than 256 KiB is refused before it is parsed', () => {
  expect(parseServerMessage(' '.repeat(262_145))).toEqual({ ok: false, why: 'message-too-long' });
});

describe('hostile', () => {
  test('every prefix of every vector is refused or parsed', () => {
    for (const { json } of VECTORS)
      for (let length = 0; length < json.length; length++)
        expect(parseServerMessage(json.slice(0, length)).ok).toBe(false);
  });

  test('every changed character is refused or parsed, never thrown', () => {
    for (const { json } of VECTORS)
      for (let at = 0; at < json.length; at++)
        for (const put of ['x', '"', '{', '0', ','])
          expect(typeof parseServerMessage(json.slice(0, at) + put + json.slice(at + 1)).ok).toBe('boolean');
  });

  test('any JSON at all', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), (json) => typeof parseServerMessage(json).ok === 'boolean'),
      { numRuns: 500 },
    );
  });

  test('a prototype is not a resource', () => {
    expect(parseServerMessage('{"resources":[{"__proto__":{"session":{}}}]}')).toEqual({
      ok: true,
      value: { response: undefined, deleted: [], resources: [] },
    });
  });
});

test('a request has its id beside its one payload', () => {
  expect(JSON.parse(requestText(4, { rename: { displayName: 'Bo' } }))).toEqual({
    request: { requestId: 4, rename: { displayName: 'Bo' } },
  });
});
