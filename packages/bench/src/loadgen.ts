/**
 * The load generator as the bench sees it: writes its configuration, starts it on its core, speaks to it by lines.
 * What it does is in native/loadgen.cc.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LineProgram } from './childProcess.js';
import { buildNative } from './nativeBuild.js';

/** A client: where it is, how ICE knows it, its keys (hex, seen from the client) and the streams that it receives. */
export interface LoadEndpoint {
  ip: string;
  port: number;
  /** "remote:local", as it stands in its checks. */
  iceUsername: string;
  icePassword: string;
  sendKey: string;
  sendSalt: string;
  receiveKey: string;
  receiveSalt: string;
  rtcpSsrc: number;
  slotSsrcs: readonly number[];
  /** Its one slot is video. */
  video?: VideoSlot;
}
export interface VideoSlot {
  rtxSsrc: number;
  transportWideExtensionId: number;
  absSendTimeExtensionId: number;
}
export interface LoadTalker {
  /** Index of its endpoint. */
  endpoint: number;
  ssrc: number;
  payloadType: number;
  levelExtensionId: number;
  absSendTimeExtensionId: number;
  midExtensionId: number;
  mid: string;
}
/** Sends VP8: one frame of so many packets every so often. */
export interface LoadCamera {
  endpoint: number;
  ssrc: number;
  payloadType: number;
  absSendTimeExtensionId: number;
  transportWideExtensionId: number;
  midExtensionId: number;
  mid: string;
  framePackets: number;
  frameMicros: number;
}
export interface LoadConfiguration {
  server: { ip: string; port: number };
  endpoints: readonly LoadEndpoint[];
  talkers: readonly LoadTalker[];
  cameras?: readonly LoadCamera[];
  payloadBytes: number;
  /** Share of received packets for which a NACK is sent, 0…1. */
  nackShare: number;
  seed: number;
}

/** What receivers send, besides nothing. */
export const BEHAVIOUR = { checks: 1, reports: 2, nacks: 4 } as const;
/** Transport-wide feedback, where there are numbers. */
export const FEEDBACK = 8;
export const LIKE_CHROMIUM = BEHAVIOUR.checks | BEHAVIOUR.reports | BEHAVIOUR.nacks;

/** Counted since the last `reset`. */
export interface LoadCounters {
  rtp: number;
  rtcp: number;
  stun: number;
  other: number;
  bytes: number;
  /** Numbers that were skipped: what loopback dropped because nobody drained it in time. */
  lost: number;
  checks: number;
  reports: number;
  nacks: number;
  talked: number;
  /** Packets that were decrypted, one in 64. */
  proven: number;
  notGenuine: number;
  unknownSsrc: number;
  /** Longest that the generator was behind its own plan. */
  lateMicros: number;
  /** Repetitions and padding on SSRCs of their own. */
  rtx: number;
  feedbacks: number;
  keyFrames: number;
  /** CPU of the generator since its start. */
  cpuMicros: number;
}

/** The lines that native/loadgen.cc reads. */
export function loadLines(configuration: LoadConfiguration): string {
  const { server, endpoints, talkers, cameras = [], payloadBytes, nackShare, seed } = configuration;
  const lines = [
    `server ${server.ip} ${server.port}`,
    `seed ${seed}`,
    `payload ${payloadBytes}`,
    `loss ${nackShare}`,
  ];
  for (const e of endpoints) {
    const keys = `${e.sendKey} ${e.sendSalt} ${e.receiveKey} ${e.receiveSalt}`;
    lines.push(`endpoint ${e.ip} ${e.port} ${e.iceUsername} ${e.icePassword} ${keys} ${e.rtcpSsrc}`);
  }
  endpoints.forEach(({ slotSsrcs, video }, i) => {
    const ids = video && [video.rtxSsrc, video.transportWideExtensionId, video.absSendTimeExtensionId];
    lines.push(...slotSsrcs.map((ssrc) => ['slot', i, ssrc, ...(ids ?? [])].join(' ')));
  });
  for (const t of talkers) {
    const ids = `${t.levelExtensionId} ${t.absSendTimeExtensionId} ${t.midExtensionId}`;
    lines.push(`talker ${t.endpoint} ${t.ssrc} ${t.payloadType} ${ids} ${t.mid}`);
  }
  for (const c of cameras) {
    const ids = `${c.absSendTimeExtensionId} ${c.transportWideExtensionId} ${c.midExtensionId}`;
    const frames = `${c.framePackets} ${c.frameMicros}`;
    lines.push(`camera ${c.endpoint} ${c.ssrc} ${c.payloadType} ${ids} ${c.mid} ${frames}`);
  }
  return lines.join('\n') + '\n';
}

/** Runs `use` with the path of a file that holds `text`, then removes it. The file holds keys: private to this user. */
export async function withPrivateFile<T>(text: string, use: (path: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'tertulia-bench-'));
  try {
    const path = join(folder, 'configuration');
    writeFileSync(path, text, { mode: 0o600 });
    return await use(path);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export class LoadGenerator {
  private constructor(private readonly program: LineProgram) {}

  /** @returns when it has bound its sockets and sent a first check from each. */
  static async start(configuration: LoadConfiguration, core: number | undefined): Promise<LoadGenerator> {
    const module = buildNative({ name: 'loadgen' });
    return withPrivateFile(loadLines(configuration), async (path) => {
      const program = new LineProgram(core, module, path);
      const line = await program.nextLine();
      if (line !== 'ready') throw new Error(`the load generator said '${line}'`);
      return new LoadGenerator(program);
    });
  }
  talk(on: boolean): Promise<LoadCounters> {
    return this.program.ask(on ? 'talk on' : 'talk off');
  }
  /** @param what sum of BEHAVIOUR and FEEDBACK; 0 = receivers that send nothing */
  behave(what: number): Promise<LoadCounters> {
    return this.program.ask(`behave ${what}`);
  }
  reset(): Promise<LoadCounters> {
    return this.program.ask('reset');
  }
  report(): Promise<LoadCounters> {
    return this.program.ask('report');
  }
  end(): Promise<void> {
    return this.program.end();
  }
}
