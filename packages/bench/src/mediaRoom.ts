/**
 * The media process under test, as the bench sees it: starts it on its core, has it make a room, asks what it used.
 * What runs there: mediaProcess.ts.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { endWithUs, hasTaskset } from './childProcess.js';
import type { LoadCamera, LoadEndpoint, LoadTalker, VideoSlot } from './loadgen.js';
import { packageRoot } from './nativeBuild.js';

/** What is in the room: talkers and slots of virtual streams, or one camera and a consumer for everybody else. */
export type RoomKind = { kind: 'audio'; talkers: number; slots: number } | { kind: 'video' };

export interface RoomSettings {
  room: RoomKind;
  /** Everybody; with video, the one with the camera too. */
  endpoints: number;
  /** Rooms that exist at the same time need ports of their own. */
  firstPort?: number;
  core: number | undefined;
  /** Folder for a CPU profile of the media process; empty for none. */
  profile: string;
}

/** Where the load generator's endpoints live. Below the ports that Linux gives out by itself (32768…60999). */
export const FIRST_CLIENT_PORT = 20_000;
const CLIENT_IP = '127.0.0.1';

/** Keys and address of one client, as the media process is told. */
export interface EndpointSetUp {
  ip: string;
  port: number;
  /** Hex, as the server sees them. */
  sendKey: string;
  sendSalt: string;
  receiveKey: string;
  receiveSalt: string;
}
export type ToMediaProcess =
  | { id: number; ask: 'setUp'; room: RoomKind; endpoints: EndpointSetUp[] }
  | { id: number; ask: 'usage' }
  | { id: number; ask: 'timing'; on: boolean }
  | { id: number; ask: 'end' };

export interface RoomSetUp {
  server: { ip: string; port: number };
  endpoints: {
    iceUsernameFragment: string;
    icePassword: string;
    slotSsrcs: number[];
    video?: VideoSlot;
  }[];
  talkers: LoadTalker[];
  camera?: Omit<LoadCamera, 'framePackets' | 'frameMicros'>;
}
export interface MediaUsage {
  /** User and system time of the whole process. */
  cpuMicros: number;
  /** RTP packets that the kernel took, resent ones and padding included. */
  rtpSent: number;
  /** Time inside the batch callback, and rows handled there, while timing is on. */
  typeScriptMicros: number;
  timedRows: number;
  residentBytes: number;
  cipher: string;
  sendCalls: number;
  /** By reason: the engine's and the media core's. */
  drops: Record<string, number>;
}
export type FromMediaProcess =
  { id: number; answer: unknown } | { id: number; failure: string } | { events: readonly unknown[] };

export class MediaRoom {
  readonly endpoints: LoadEndpoint[] = [];
  server = { ip: '', port: 0 };
  talkers: LoadTalker[] = [];
  camera: RoomSetUp['camera'];
  /** Messages with news of slots and speakers. */
  eventMessages = 0;
  #nextId = 1;
  readonly #waiting = new Map<
    number,
    { resolve: (answer: unknown) => void; reject: (error: Error) => void }
  >();

  private constructor(private readonly child: ChildProcess) {
    child.on('message', (message: FromMediaProcess) => {
      if ('events' in message) {
        this.eventMessages++;
        return;
      }
      const waiting = this.#waiting.get(message.id);
      this.#waiting.delete(message.id);
      if ('failure' in message) waiting?.reject(new Error(`media process: ${message.failure}`));
      else waiting?.resolve(message.answer);
    });
    child.on('exit', (code, signal) => {
      for (const { reject } of this.#waiting.values())
        reject(new Error(`the media process ended (${code ?? signal})`));
    });
  }

  static async start({
    room: kind,
    endpoints,
    core,
    profile,
    firstPort = FIRST_CLIENT_PORT,
  }: RoomSettings): Promise<MediaRoom> {
    const script = join(packageRoot, 'dist', 'mediaProcess.js');
    const profiling = profile === '' ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
    const isPinned = core !== undefined && hasTaskset;
    const child = fork(script, [], {
      serialization: 'advanced',
      ...(isPinned
        ? { execPath: 'taskset', execArgv: ['-c', String(core), process.execPath, ...profiling] }
        : { execArgv: profiling }),
    });
    endWithUs(child);
    const room = new MediaRoom(child);
    const hex = (bytes: number): string => randomBytes(bytes).toString('hex');
    const setUps: EndpointSetUp[] = Array.from({ length: endpoints }, (_, i) => ({
      ip: CLIENT_IP,
      port: firstPort + i,
      sendKey: hex(16),
      sendSalt: hex(12),
      receiveKey: hex(16),
      receiveSalt: hex(12),
    }));
    const made = await room.#ask<RoomSetUp>({ ask: 'setUp', room: kind, endpoints: setUps });
    room.server = made.server;
    room.talkers = made.talkers;
    room.camera = made.camera;
    setUps.forEach((setUp, i) => {
      const { iceUsernameFragment, icePassword, slotSsrcs, video } = made.endpoints[i]!;
      room.endpoints.push({
        ip: setUp.ip,
        port: setUp.port,
        iceUsername: `${iceUsernameFragment}:client${i}`,
        icePassword,
        sendKey: setUp.receiveKey,
        sendSalt: setUp.receiveSalt,
        receiveKey: setUp.sendKey,
        receiveSalt: setUp.sendSalt,
        rtcpSsrc: i + 1,
        slotSsrcs,
        ...(video ? { video } : {}),
      });
    });
    return room;
  }

  usage(): Promise<MediaUsage> {
    return this.#ask({ ask: 'usage' });
  }
  /** @returns when switched off: the middle batch's time in TypeScript, µs per row */
  timing(on: boolean): Promise<number> {
    return this.#ask({ ask: 'timing', on });
  }
  async end(): Promise<void> {
    const ended = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.send({ id: 0, ask: 'end' } satisfies ToMediaProcess);
    await ended;
  }

  #ask<T>(question: DistributiveOmit<ToMediaProcess, 'id'>): Promise<T> {
    const id = this.#nextId++;
    return new Promise<unknown>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.child.send({ id, ...question });
    }) as Promise<T>;
  }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
