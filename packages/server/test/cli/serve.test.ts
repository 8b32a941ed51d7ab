/** The command as a process: what it prints, how it ends, how it fails. Needs the built packages. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, get } from 'node:https';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { realOffer } from '../support/offers.js';
import { freeMediaPort } from '../support/ports.js';

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

class Command {
  stdout = '';
  stderr = '';
  readonly process: ChildProcess;
  readonly #exit: Promise<unknown[]>;

  constructor(args: string[], env: Record<string, string> = {}) {
    const clean = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !name.startsWith('TERTULIA_')),
    );
    this.process = spawn(process.execPath, [CLI, ...args], { env: { ...clean, ...env } });
    this.process.stdout?.on('data', (chunk: Buffer) => (this.stdout += chunk.toString()));
    this.process.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    this.#exit = once(this.process, 'close');
  }

  /** The URL of the line that says that it is ready. */
  async ready(): Promise<string> {
    await expect
      .poll(() => this.stdout + (this.process.exitCode === null ? '' : `exit: ${this.stderr}`), {
        timeout: 20_000,
      })
      .toMatch(/\n$/);
    const url = /^tertulia listening on (\S+)\n$/.exec(this.stdout)?.[1];
    if (url === undefined) throw new Error(`printed: ${this.stdout}${this.stderr}`);
    return url;
  }
  async exitCode(): Promise<unknown> {
    return (await this.#exit)[0];
  }
}

const running: Command[] = [];
const command = (args: string[], env?: Record<string, string>): Command => {
  const made = new Command(args, env);
  running.push(made);
  return made;
};
afterEach(async () => {
  for (const one of running.splice(0)) {
    if (one.process.exitCode === null && one.process.signalCode === null) one.process.kill('SIGKILL');
    await one.exitCode();
  }
});

const serve = async (args: string[] = [], env?: Record<string, string>): Promise<Command> =>
  command(
    [
      'serve',
      '--port',
      '0',
      '--media-ip',
      '127.0.0.1',
      '--media-port',
      String(await freeMediaPort()),
      ...args,
    ],
    env,
  );

const join1 = (url: string): Promise<Response> =>
  fetch(`${url}/v1/rooms/tea/sessions`, {
    method: 'POST',
    body: JSON.stringify({ offer: realOffer('meet-3a0v') }),
  });

describe('tertulia serve', () => {
  test('prints one line on standard output, answers, and SIGTERM ends it with code 0 within the drain time', async () => {
    const server = await serve(['--drain-timeout', '5']);
    const url = await server.ready();
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    const joined = await join1(url);
    expect(joined.status).toBe(201);
    const events = await fetch(`${url}${joined.headers.get('location')}/events`);
    server.process.kill('SIGTERM');
    expect(await events.text()).toContain('event: ended\ndata: {"reason":"draining"}');
    expect(await server.exitCode()).toBe(0);
    expect(server.stdout.split('\n')).toHaveLength(2);
  });

  test('the answer has the media port and a real session behind it', async () => {
    const server = await serve();
    const url = await server.ready();
    const { answer } = (await (await join1(url)).json()) as { answer: string };
    const port = /--media-port,(\d+)/.exec(server.process.spawnargs.join())?.[1];
    expect(answer).toMatch(new RegExp(`udp \\d+ 127\\.0\\.0\\.1 ${port} typ host`));
    const stats = (await (await fetch(`${url}/v1/rooms/tea/stats`)).json()) as {
      sessions: { media: { slots: unknown[] } }[];
    };
    expect(stats.sessions[0]?.media.slots).toHaveLength(3);
    expect(await (await fetch(`${url}/metrics`)).text()).toMatch(/tertulia_media\{counter="transports"\} 1/);
  });

  test('with two media processes each takes a room, on its own port, over UDP and TCP', async () => {
    const first = await freeMediaPort(2);
    const server = await serve(['--workers', '2', '--media-port', String(first)]);
    const url = await server.ready();
    const ports = async (room: string): Promise<string[]> => {
      const joined = await fetch(`${url}/v1/rooms/${room}/sessions`, {
        method: 'POST',
        body: JSON.stringify({ offer: realOffer('client-chromium') }),
      });
      const { answer } = (await joined.json()) as { answer: string };
      const found = [
        ...answer.matchAll(/a=candidate:\S+ 1 (udp|tcp) (\d+) 127\.0\.0\.1 (\d+) typ host(.*)/g),
      ];
      const best = found.toSorted((a, b) => Number(b[2]) - Number(a[2]));
      return [...new Set(best.map(([, protocol, , port, more]) => `${protocol} ${port}${more?.trimEnd()}`))];
    };
    expect(await ports('tea')).toEqual([`udp ${first}`, `tcp ${first} tcptype passive`]);
    expect(await ports('milk')).toEqual([`udp ${first + 1}`, `tcp ${first + 1} tcptype passive`]);
    // The others of a room come to where the room is.
    expect(await ports('tea')).toEqual([`udp ${first}`, `tcp ${first} tcptype passive`]);
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toMatch(/tertulia_media\{counter="transports"\} 3/);
    expect(metrics).toMatch(/tertulia_media\{counter="virtualStreams_videoSlots"\} 27/);
    expect(metrics).toMatch(/tertulia_media\{counter="virtualStreams_videoSlotsActive"\} 0/);
  });

  test('one of two media processes dies: the rooms of the other go on', async () => {
    const server = await serve(['--workers', '2', '--media-port', String(await freeMediaPort(2))]);
    const url = await server.ready();
    const join = (room: string): Promise<Response> =>
      fetch(`${url}/v1/rooms/${room}/sessions`, {
        method: 'POST',
        body: JSON.stringify({ offer: realOffer('meet-3a0v') }),
      });
    const [tea, milk] = [await join('tea'), await join('milk')];
    const pid = Number(/"worker":0,"pid":(\d+)/.exec(server.stderr)?.[1]);
    const events = await fetch(`${url}${tea.headers.get('location')}/events`);
    process.kill(pid, 'SIGKILL');
    const reader = events.body?.getReader();
    let text = '';
    while (!text.includes('rejoin')) text += new TextDecoder().decode((await reader?.read())?.value);
    await reader?.cancel();
    const restart = await fetch(`${url}${milk.headers.get('location')}/restart`, {
      method: 'POST',
      body: JSON.stringify({ offer: realOffer('meet-3a0v') }),
    });
    expect(restart.status).toBe(200);
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
  });

  test('H12.7 a media process that is killed is replaced; the session is told to come back', async () => {
    const server = await serve();
    const url = await server.ready();
    const joined = await join1(url);
    const { sessionId, participantId } = (await joined.json()) as {
      sessionId: string;
      participantId: string;
    };
    const events = await fetch(`${url}${joined.headers.get('location')}/events`);
    const reader = events.body?.getReader();
    const pid = Number(/"pid":(\d+),"port"/.exec(server.stderr)?.[1]);
    process.kill(pid, 'SIGKILL');
    let text = '';
    while (!text.includes('rejoin')) text += new TextDecoder().decode((await reader?.read())?.value);
    await expect.poll(async () => (await fetch(`${url}/readyz`)).status, { timeout: 10_000 }).toBe(200);
    const again = await fetch(`${url}/v1/rooms/tea/sessions`, {
      method: 'POST',
      body: JSON.stringify({ offer: realOffer('meet-3a0v'), replaces: sessionId }),
    });
    expect(again.status).toBe(201);
    expect(await again.json()).toMatchObject({ participantId });
    await reader?.cancel();
  });

  test('with a directory for recordings has its recorder from the start, and takes it along at the end', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tertulia-recordings-'));
    try {
      const server = await serve(['--recordings', join(folder, 'made', 'here')]);
      await server.ready();
      const pid = Number(/"pid":(\d+),"port":\d+,"msg":"recorder process started"/.exec(server.stderr)?.[1]);
      expect(pid).toBeGreaterThan(0);
      process.kill(pid, 0);
      server.process.kill('SIGTERM');
      expect(await server.exitCode()).toBe(0);
      expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('TLS with a certificate of its own making', async () => {
    const server = await serve(['--tls-self-signed']);
    const url = await server.ready();
    expect(url).toMatch(/^https:/);
    const agent = new Agent({ rejectUnauthorized: false });
    const status = await new Promise((resolve, reject) => {
      get(`${url}/healthz`, { agent }, (response) => resolve(response.statusCode)).on('error', reject);
    });
    expect(status).toBe(200);
    agent.destroy();
  });

  test('keys from the environment close it to strangers; tertulia token opens it', async () => {
    const env = { TERTULIA_API_KEY: 'key', TERTULIA_API_SECRET: 'a secret of the tests' };
    const server = await serve([], env);
    const url = await server.ready();
    expect((await join1(url)).status).toBe(401);
    const maker = command(['token', '--room', 'tea', '--name', 'Ada', '--url', url], env);
    expect(await maker.exitCode()).toBe(0);
    const [token = '', invitation = ''] = maker.stdout.split('\n');
    expect(invitation).toBe(`${url}/r/tea#token=${token}`);
    const joined = await fetch(`${url}/v1/rooms/tea/sessions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify({ offer: realOffer('meet-3a0v') }),
    });
    expect(joined.status).toBe(201);
    expect(server.stderr).not.toContain(token);
  });
});

describe('what goes wrong at start is one sentence and code 1', () => {
  const fails = async (started: Command, sentence: RegExp): Promise<void> => {
    expect(await started.exitCode()).toBe(1);
    expect(started.stdout).toBe('');
    const said = started.stderr.split('\n').filter((line) => line.startsWith('tertulia: '));
    expect(said).toHaveLength(1);
    expect(said[0]).toMatch(sentence);
    expect(started.stderr).not.toMatch(/\n {4}at /);
  };

  test.each([
    ['a file', (folder: string) => join(folder, 'file'), /it is a file/],
    ['within a file', (folder: string) => join(folder, 'file', 'calls'), /it is a file/],
    ['where nobody may write', () => '/proc/calls', /Recordings cannot be written to \/proc\/calls: /],
  ])('recordings are to go to %s', async (_name, path, sentence) => {
    const folder = mkdtempSync(join(tmpdir(), 'tertulia-recordings-'));
    try {
      writeFileSync(join(folder, 'file'), '');
      await fails(await serve(['--recordings', path(folder)]), sentence);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('the web port is in use', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    await fails(
      await serve(['--port', String(port)]),
      /Port \d+ on 127\.0\.0\.1 is in use by another program; choose another with --port\./,
    );
    other.close();
  });

  test('the media port is in use', async () => {
    const other = createSocket('udp4').bind(0, '127.0.0.1');
    await once(other, 'listening');
    await fails(
      await serve(['--media-port', String(other.address().port)]),
      /UDP or TCP port \d+ is in use by another program; choose another with --media-port\./,
    );
    other.close();
  });

  test('an address that the machine does not have', async () => {
    await fails(await serve(['--media-ip', '192.0.2.123']), /--media-ip/);
    await fails(await serve(['--host', '192.0.2.123', '--insecure']), /no address 192\.0\.2\.123/);
  });

  test('a missing certificate, one that is none', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tertulia-tls-'));
    const rubbish = join(folder, 'rubbish.pem');
    writeFileSync(rubbish, 'rubbish');
    await fails(
      await serve(['--tls-cert', '/nowhere/cert.pem', '--tls-key', rubbish]),
      /--tls-cert \/nowhere\/cert\.pem cannot be read/,
    );
    await fails(await serve(['--tls-cert', rubbish, '--tls-key', rubbish]), /--tls-cert.*PEM/);
    rmSync(folder, { recursive: true });
  });

  test('a folder without a call page', async () => {
    await fails(await serve(['--web-root', '/nowhere']), /no index\.html in \/nowhere; .*--web-root/);
  });

  test('wrong flags and commands', async () => {
    await fails(command(['serve', '--prot', '1']), /--prot/);
    await fails(command(['sevre']), /no command "sevre"/);
    await fails(command(['serve', '--host', '0.0.0.0']), /--insecure/);
    await fails(command(['token']), /--room/);
  });
});

test('help and version', async () => {
  for (const [args, pattern] of [
    [['serve', '--help'], /--media-port N +UDP and TCP port.*\[40000\] \(TERTULIA_MEDIA_PORT\)/],
    [['token', '--help'], /--room R/],
    [[], /tertulia serve/],
    [['--version'], /^\d+\.\d+\.\d+\n$/],
  ] as const) {
    const made = command([...args]);
    expect(await made.exitCode()).toBe(0);
    expect(made.stdout).toMatch(pattern);
  }
});
