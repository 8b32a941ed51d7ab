/** Health, metrics, the description of the API, CORS, the page. */
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { API, type ApiRoute } from '../../src/http/api.js';
import { KEYS, TestServer } from '../support/testServer.js';
import { clientOffer } from '../support/offers.js';

let server: TestServer;
beforeEach(async () => {
  server = await TestServer.start();
});
afterEach(() => server.close());

describe('for machines', () => {
  test('alive and ready', async () => {
    expect((await server.request('GET', '/healthz')).body).toEqual({ status: 'ok' });
    expect((await server.request('GET', '/readyz')).body).toEqual({ status: 'ready' });
  });

  test('metrics: rooms, participants, sessions by reason, requests by route, media counters; no names', async () => {
    const ada = await server.enter('tea', 'Ada');
    await server.enter('milk', 'Ben');
    ada.media.channels[0]?.receive('rubbish');
    await server.request('DELETE', ada.path);
    const { text, headers } = await server.request('GET', '/metrics');
    expect(headers['content-type']).toMatch(/^text\/plain; version=0.0.4/);
    for (const line of [
      'tertulia_rooms 1',
      'tertulia_participants 1',
      'tertulia_sessions 1',
      'tertulia_ready 1',
      'tertulia_sessions_started_total{kind="tertulia"} 2',
      'tertulia_sessions_ended_total{kind="tertulia",reason="left"} 1',
      'tertulia_channel_refusals_total{kind="tertulia",reason="not-json"} 1',
      'tertulia_media{counter="drops_unknown_class"} 3',
    ])
      expect(text.split('\n')).toContain(line);
    expect(text).toContain('route="/v1/rooms/:room/sessions",status="201"');
    expect(text).not.toMatch(/tea|milk|Ada/);
  });

  test('openapi.json has every route with its errors, and nothing that points nowhere', async () => {
    const { body } = await server.request('GET', '/openapi.json');
    expect(body['openapi']).toBe('3.1.0');
    const paths = body['paths'] as Record<string, Record<string, { responses: Record<string, unknown> }>>;
    for (const route of Object.values(API) as ApiRoute[])
      expect(
        Object.keys(paths[route.path]?.[route.method.toLowerCase()]?.responses ?? {}),
        route.path,
      ).toContain(String(route.success.status));
    const text = JSON.stringify(body);
    for (const [, name = ''] of text.matchAll(/"#\/components\/schemas\/(\w+)"/g))
      expect(Object.keys((body['components'] as { schemas: object }).schemas)).toContain(name);
    expect(paths['/v1/rooms/{room}/sessions']?.['post']).toMatchObject({ security: [{ token: [] }] });
  });

  test('every response forbids guessing its type', async () => {
    for (const url of ['/healthz', '/nowhere'])
      expect((await server.request('GET', url)).headers['x-content-type-options']).toBe('nosniff');
  });
});

describe('the name in the Host header', () => {
  const status = async (test: TestServer, host: string): Promise<number> =>
    (await test.request('GET', '/v1/rooms', { headers: { host } })).status;

  test('without keys only names of this machine are answered: no page can point its own name here', async () => {
    for (const host of ['localhost', 'localhost:3000', '127.0.0.1:3000', '127.3.2.1', '[::1]:3000'])
      expect(await status(server, host), host).toBe(200);
    for (const host of ['evil.example', 'evil.example:3000', 'localhost.evil.example', '10.0.0.1:3000'])
      expect(await status(server, host), host).toBe(403);
    const refused = await server.request('GET', '/r/tea', { headers: { host: 'evil.example' } });
    expect(refused.body['code']).toBe('HOST_NOT_ALLOWED');
  });

  test('with keys, or when open is meant, every name is', async () => {
    for (const test of [await TestServer.start({}, KEYS), await TestServer.start({ insecure: true })]) {
      expect(await status(test, 'calls.example')).not.toBe(403);
      await test.close();
    }
  });
});

describe('CORS', () => {
  const allowed = async (test: TestServer, origin: string): Promise<unknown> =>
    (
      await test.request('OPTIONS', '/v1/rooms/tea/sessions', {
        headers: { origin, 'access-control-request-method': 'POST' },
      })
    ).headers['access-control-allow-origin'];

  test('without keys: pages of this machine', async () => {
    expect(await allowed(server, 'http://localhost:5173')).toBe('http://localhost:5173');
    expect(await allowed(server, 'http://127.0.0.1:8080')).toBe('http://127.0.0.1:8080');
    for (const origin of ['https://example.com', 'http://localhost.example.com', 'null', 'nonsense'])
      expect(await allowed(server, origin)).toBeUndefined();
  });

  test('without keys a page of elsewhere begins nothing, not even by a request that browsers send without asking', async () => {
    await server.enter('tea', 'Ada');
    const post = async (test: TestServer, origin: string): Promise<unknown> =>
      (await test.request('POST', '/v1/rooms/tea/recordings', { headers: { origin } })).body['code'];
    for (const origin of ['https://evil.example', 'null'])
      expect(await post(server, origin)).toBe('ORIGIN_NOT_ALLOWED');
    expect(await post(server, 'http://localhost:3000')).toBe('RECORDING_OFF');
    for (const settings of [{ insecure: true }, { corsOrigin: 'https://a.example' }]) {
      const other = await TestServer.start(settings);
      expect(await post(other, 'https://a.example')).toBe('ROOM_NOT_FOUND');
      await other.close();
    }
  });

  test('with keys: all, since a page can do no more than its token; listed ones when there is a list', async () => {
    const guarded = await TestServer.start({}, KEYS);
    expect(await allowed(guarded, 'https://example.com')).toBe('*');
    await guarded.close();
    const listed = await TestServer.start({ corsOrigin: 'https://a.example, https://b.example/' });
    expect(await allowed(listed, 'https://b.example')).toBe('https://b.example');
    expect(await allowed(listed, 'https://c.example')).toBeUndefined();
    await listed.close();
  });

  test('answers and errors have the headers; Location is exposed', async () => {
    const headers = { origin: 'http://localhost:5173' };
    for (const body of [{ offer: clientOffer() }, {}, 'x'.repeat(300_000)]) {
      const answer = await server.request('POST', '/v1/rooms/tea/sessions', { body, headers });
      expect(answer.headers['access-control-allow-origin'], String(answer.status)).toBe(
        'http://localhost:5173',
      );
      expect(answer.headers['access-control-expose-headers']).toBe('Location, ETag, Link');
      expect(answer.headers['vary']).toMatch(/Origin/);
    }
  });
});

describe('the call page', () => {
  let folder: string;
  let withPage: TestServer;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tertulia-page-'));
    writeFileSync(join(folder, 'index.html'), '<!doctype html><title>call</title>');
    writeFileSync(join(folder, 'favicon.svg'), '<svg/>');
    mkdirSync(join(folder, 'assets'));
    writeFileSync(join(folder, 'assets', 'main-abc123.js'), 'export {};');
    withPage = await TestServer.start({ webRoot: folder });
  });
  afterEach(async () => {
    await withPage.close();
    rmSync(folder, { recursive: true });
  });

  test('/ and /r/{room} are the page, never kept, with a strict policy', async () => {
    for (const url of ['/', '/r/tea', '/r/tea/stats', '/r/abc-mnop-xyz?debug']) {
      const { status, text, headers } = await withPage.request('GET', url);
      expect([status, text]).toEqual([200, '<!doctype html><title>call</title>']);
      expect(headers['cache-control']).toBe('no-cache');
      expect(headers['content-security-policy']).toContain("default-src 'none'");
      expect(headers['content-security-policy']).not.toContain('unsafe');
      expect(headers['referrer-policy']).toBe('no-referrer');
    }
  });

  test('assets are kept for a year, other files for an hour', async () => {
    expect((await withPage.request('GET', '/assets/main-abc123.js')).headers['cache-control']).toBe(
      'public, max-age=31536000, immutable',
    );
    expect((await withPage.request('GET', '/favicon.svg')).headers['cache-control']).toBe(
      'public, max-age=3600',
    );
  });

  test.each([
    '/assets/none.js',
    '/none.txt',
    '/assets/../../etc/passwd',
    '/assets/%2e%2e/%2e%2e/etc/passwd',
    '/..%2fpackage.json',
    '/r/a%2fb',
  ])('H12.5 %s is a refusal in JSON', async (url) => {
    const { status, body } = await withPage.request('GET', url);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(500);
    expect(body['code']).toMatch(/./);
  });

  describe('a wrong link', () => {
    const BROWSER = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' };
    const script = '%3Cscript%3Ealert(1)%3C%2Fscript%3E';

    test.each<[string, string, number, string]>([
      ['spaces', '/r/not%20a%20room', 400, 'ROOM_NAME_INVALID'],
      ['dots and slashes', '/r/..%2fetc', 400, 'ROOM_NAME_INVALID'],
      ['markup', `/r/${script}`, 400, 'ROOM_NAME_INVALID'],
      ['500 characters', `/r/${'x'.repeat(500)}`, 400, 'ROOM_NAME_INVALID'],
      ['5,000 characters', `/r/${'x'.repeat(5_000)}`, 404, 'NOT_FOUND'],
      ['half an escape', '/r/%E0%A4%A', 400, 'REQUEST_MALFORMED'],
      ['its figures', '/r/not%20a%20room/stats', 400, 'ROOM_NAME_INVALID'],
      ['no room', '/r/', 400, 'ROOM_NAME_INVALID'],
      ['too deep', '/r/tea/biscuits', 404, 'NOT_FOUND'],
      ['somewhere else', '/tea', 404, 'NOT_FOUND'],
    ])('%s: the page for people, a problem for programs', async (_name, url, status, code) => {
      const shown = await withPage.request('GET', url, { headers: BROWSER });
      expect([shown.status, shown.text]).toEqual([status, '<!doctype html><title>call</title>']);
      expect(shown.headers).toMatchObject({
        'content-type': 'text/html; charset=utf-8',
        'cache-control': 'no-cache',
        vary: 'Accept',
        'x-content-type-options': 'nosniff',
      });
      expect(shown.headers['content-security-policy']).toContain("script-src 'self'");
      for (const accept of ['*/*', 'application/json', 'text/html;q=0, */*', '']) {
        const told = await withPage.request('GET', url, { headers: { accept } });
        expect([told.status, told.body['code']], accept).toEqual([status, code]);
        expect(told.headers['content-type']).toMatch(/^application\/problem\+json/);
      }
    });

    test('HEAD has the status and the type, no body', async () => {
      const { status, headers, text } = await withPage.request('HEAD', '/r/not%20a%20room', {
        headers: BROWSER,
      });
      expect([status, headers['content-type'], text]).toEqual([400, 'text/html; charset=utf-8', '']);
    });

    test('who has seen the page is not told that nothing has changed', async () => {
      const { headers } = await withPage.request('GET', '/r/tea', { headers: BROWSER });
      const again = await withPage.request('GET', '/r/a%20b', {
        headers: { ...BROWSER, 'if-none-match': String(headers['etag']) },
      });
      expect(again.status).toBe(400);
    });

    test.each([
      ['GET', '/v1/rooms/a%20b'],
      ['GET', '/whep/a%20b'],
      ['GET', '/v2beta/nothing'],
      ['POST', '/r/a%20b'],
    ])('%s %s stays a problem in JSON, also in a browser', async (method, url) => {
      const { status, headers } = await withPage.request(method, url, { headers: BROWSER });
      expect(status).toBeGreaterThanOrEqual(400);
      expect(headers['content-type']).toMatch(/json/);
    });

    test('another name of the host is refused as before', async () => {
      const { body } = await withPage.request('GET', '/r/a%20b', {
        headers: { ...BROWSER, host: 'evil.example' },
      });
      expect(body['code']).toBe('HOST_NOT_ALLOWED');
    });

    test('without a page: a problem', async () => {
      const { status, body } = await server.request('GET', '/r/a%20b', { headers: BROWSER });
      expect([status, body['code']]).toEqual([400, 'ROOM_NAME_INVALID']);
    });
  });
});
