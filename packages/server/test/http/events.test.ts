/** Server-sent events over real connections. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/limits.js';
import { EventStreams, type EventSink } from '../../src/rooms/eventStreams.js';
import { TestServer, type Joined } from '../support/testServer.js';
import { clientOffer } from '../support/offers.js';

let server: TestServer;
let url: string;
let ada: Joined;
beforeEach(async () => {
  server = await TestServer.start();
  url = await server.listen();
  ada = await server.enter('tea', 'Ada');
});
afterEach(() => server.close());

const open = (path = ada.path): Promise<Response> =>
  fetch(`${url}${path}/events`, { headers: { origin: 'http://localhost:5173' } });

/** Reads until the text matches; the stream's end also ends it. */
async function readUntil(reader: ReadableStreamDefaultReader<Uint8Array>, pattern: RegExp): Promise<string> {
  let text = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (value) text += new TextDecoder().decode(value);
    if (done || pattern.test(text)) return text;
  }
}
const readerOf = (response: Response): ReadableStreamDefaultReader<Uint8Array> => {
  if (!response.body) throw new Error('no body');
  return response.body.getReader();
};

test('rejoin when the media process dies, then the end, then the stream closes', async () => {
  const response = await open();
  expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
  expect(response.headers.get('access-control-allow-origin')).toBe('http://localhost:5173');
  const reader = readerOf(response);
  await readUntil(reader, /tertulia/);
  server.media.die();
  expect(await readUntil(reader, /rejoin[^]*\n\n/)).toContain(
    'event: rejoin\ndata: {"reason":"media-lost"}\n\n',
  );
  await server.join('tea', 'Ada', { replaces: ada.sessionId });
  expect(await readUntil(reader, /never/)).toContain('event: ended\ndata: {"reason":"replaced"}\n\n');
});

test('a stream that is opened after the event still gets it', async () => {
  server.media.die();
  const reader = readerOf(await open());
  expect(await readUntil(reader, /rejoin/)).toContain('event: rejoin');
  await reader.cancel();
});

test('keep-alive comments; a reader that went away is forgotten', async () => {
  const reader = readerOf(await open());
  await readUntil(reader, /tertulia/);
  server.conference.keepEventStreamsAlive();
  expect(await readUntil(reader, /keep-alive/)).toContain(': keep-alive\n\n');
  const { session } = server.conference.session('tea', ada.sessionId);
  expect(session.events.size).toBe(1);
  await reader.cancel();
  await expect.poll(() => session.events.size).toBe(0);
});

test('a fifth stream of one session is refused in JSON', async () => {
  const readers = await Promise.all(
    Array.from({ length: LIMITS.eventStreamsPerSession }, async () => readerOf(await open())),
  );
  const response = await open();
  expect(response.status).toBe(409);
  expect(await response.json()).toMatchObject({ code: 'TOO_MANY_STREAMS' });
  for (const reader of readers) await reader.cancel();
});

test('the session id is the authority: another room, or no such session, is 404', async () => {
  for (const path of [ada.path.replace('tea', 'milk'), '/v1/rooms/tea/sessions/x']) {
    const response = await open(path);
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([
      404,
      'SESSION_NOT_FOUND',
    ]);
  }
});

describe('the set of streams', () => {
  const sink = (waiting: number): EventSink & { closed: number; text: string } => ({
    closed: 0,
    text: '',
    write(text) {
      this.text += text;
      return waiting;
    },
    close() {
      this.closed++;
    },
  });

  test('H8.14 a slow reader is cut off, the others are not', () => {
    const streams = new EventStreams();
    const [slow, quick] = [sink(LIMITS.eventBacklogBytes + 1), sink(0)];
    streams.add(quick);
    streams.add(slow);
    streams.send('ended', { reason: 'removed' });
    expect([slow.closed, quick.closed, streams.size]).toEqual([1, 0, 1]);
  });
});

test('H8.15 a storm of 200 reconnects at once: one participant, no session left over', async () => {
  let last = ada;
  for (let count = 0; count < 200; count++)
    last = await server.join('tea', 'Ada', { replaces: last.sessionId, offer: clientOffer() });
  expect(server.conference.rooms.find('tea')?.participants.size).toBe(1);
  expect(server.conference.sessionCount).toBe(1);
  server.scheduler.advance(2_000);
  expect(server.media.sessions.filter(({ closed }) => !closed)).toHaveLength(1);
});
