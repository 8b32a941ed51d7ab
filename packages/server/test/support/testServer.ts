/** The whole server but for media and real time: requests by injection, media by the fake. */
import type { FastifyInstance, InjectOptions } from 'fastify';
import { makeToken, type TokenKeys, type TokenRequest } from '../../src/auth/tokens.js';
import { ConfigSchema } from '../../src/config.js';
import { createLogger } from '../../src/logger.js';
import type { Conference } from '../../src/rooms/conference.js';
import { TertuliaServer } from '../../src/server.js';
import { FakeMedia, type FakeSession } from './fakeMedia.js';
import { FakeRecorders } from './fakeRecorder.js';
import { ManualScheduler } from './manualScheduler.js';
import { clientOffer, meetOffer } from './offers.js';

export const KEYS: TokenKeys = { apiKey: 'key', secret: 'the secret of the tests', publicKey: undefined };

export interface Answer {
  status: number;
  headers: Record<string, unknown>;
  body: Record<string, unknown>;
  text: string;
}

export interface Joined {
  sessionId: string;
  participantId: string;
  answer: string;
  path: string;
  media: FakeSession;
}

export class TestServer {
  readonly media = new FakeMedia();
  readonly scheduler = new ManualScheduler();
  readonly recorders = new FakeRecorders();
  #server: TertuliaServer | undefined;

  static async start(config: object = {}, keys?: TokenKeys): Promise<TestServer> {
    const test = new TestServer();
    let number = 7;
    test.#server = await TertuliaServer.create({
      config: ConfigSchema.parse({
        logLevel: 'silent',
        webRoot: '/nowhere',
        port: 0,
        ...(keys ? { apiKey: keys.apiKey, apiSecret: keys.secret } : {}),
        ...config,
      }),
      media: test.media,
      log: createLogger('silent'),
      keys,
      scheduler: test.scheduler,
      launchRecorder: test.recorders.launch,
      repairRecording: test.recorders.repair,
      random32: () => (number = (number * 1_103_515_245 + 12_345) % 2 ** 31),
    });
    return test;
  }

  get server(): TertuliaServer {
    if (!this.#server) throw new Error('not started');
    return this.#server;
  }
  get app(): FastifyInstance {
    return this.server.app;
  }
  get conference(): Conference {
    return this.server.conference;
  }
  /** Listens for real, for what injection cannot show. */
  listen(): Promise<string> {
    return this.server.listen();
  }
  async close(): Promise<void> {
    await this.app.close();
  }

  async request(
    method: string,
    url: string,
    options: { body?: unknown; token?: string; headers?: Record<string, string> } = {},
  ): Promise<Answer> {
    const { body, token, headers = {} } = options;
    const response = await this.app.inject({
      method: method as NonNullable<InjectOptions['method']>,
      url,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...headers,
      },
      ...(body === undefined
        ? {}
        : { payload: typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body) }),
    });
    const text = response.body;
    let parsed: unknown = {};
    if (text !== '' && /json/.test(String(response.headers['content-type']))) parsed = JSON.parse(text);
    return {
      status: response.statusCode,
      headers: response.headers,
      body: parsed as Record<string, unknown>,
      text,
    };
  }

  token(more: Partial<TokenRequest> = {}): Promise<string> {
    return makeToken(
      {
        apiKey: KEYS.apiKey,
        secret: KEYS.secret,
        room: 'tea',
        identity: 'ada',
        roles: ['join', 'publish', 'subscribe'],
        lifetimeSeconds: 60,
        ...more,
      },
      this.scheduler.nowMs(),
    );
  }

  /** Joins by the project's own offer. */
  async join(
    room: string,
    displayName: string,
    more: { token?: string; replaces?: string; offer?: string } = {},
  ): Promise<Joined> {
    const { token, replaces, offer = clientOffer() } = more;
    const answer = await this.request('POST', `/v1/rooms/${room}/sessions`, {
      body: { offer, displayName, ...(replaces === undefined ? {} : { replaces }) },
      ...(token === undefined ? {} : { token }),
    });
    if (answer.status !== 201) throw new Error(`join: ${answer.status} ${answer.text}`);
    return {
      sessionId: String(answer.body['sessionId']),
      participantId: String(answer.body['participantId']),
      answer: String(answer.body['answer']),
      path: String(answer.headers['location']),
      media: this.media.last,
    };
  }

  /** Joins, connects and opens the channel. */
  async enter(room: string, displayName: string, more: { token?: string } = {}): Promise<Joined> {
    const joined = await this.join(room, displayName, more);
    joined.media.connect().open('tertulia');
    return joined;
  }

  postMeet(
    room: string,
    more: { offer?: string; token?: string; headers?: Record<string, string> } = {},
  ): Promise<Answer> {
    const { offer = meetOffer(), ...rest } = more;
    return this.request('POST', `/v2beta/spaces/${room}:connectActiveConference`, {
      body: { offer },
      ...rest,
    });
  }
}
