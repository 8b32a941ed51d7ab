/** The floor program as the bench sees it. What it does is in native/floor.cc. */
import { LineProgram } from './childProcess.js';
import { withPrivateFile, type LoadEndpoint } from './loadgen.js';
import { buildNative } from './nativeBuild.js';

export interface FloorConfiguration {
  receivers: readonly LoadEndpoint[];
  slots: number;
  payloadBytes: number;
  /** Frames instead of audio packets: how many packets each, how often. */
  video?: { framePackets: number; frameMicros: number };
  /** Name of the engine's cipher code, from its statistics; the quickest of this machine when absent. */
  cipher?: string;
}
export interface FloorRun {
  packets: number;
  cpuMicros: number;
  wallMicros: number;
  /** sendmmsg calls. */
  calls: number;
  /** Times that the send buffer was full. */
  full: number;
  errors: number;
}

/** Floor and media process send to the same sockets: with its own SSRCs, one does not disturb the other's numbering there. */
const OTHER_SSRC = 0x8000_0000;

/** The lines that native/floor.cc reads. The client's receiving key is the floor's sending key. */
export function floorLines({ receivers, slots, payloadBytes, video, cipher }: FloorConfiguration): string {
  const lines = [`payload ${payloadBytes}`, `slots ${slots}`];
  if (video) lines.push(`video ${video.framePackets} ${video.frameMicros}`);
  if (cipher !== undefined) lines.push(`cipher ${cipher}`);
  for (const r of receivers) {
    const ssrcs = r.slotSsrcs.map((ssrc) => (ssrc ^ OTHER_SSRC) >>> 0);
    lines.push(`receiver ${r.ip} ${r.port} ${r.receiveKey} ${r.receiveSalt} ${ssrcs.join(' ')}`);
  }
  return lines.join('\n') + '\n';
}

export class Floor {
  private constructor(private readonly program: LineProgram) {}

  static async start(configuration: FloorConfiguration, core: number | undefined): Promise<Floor> {
    const module = buildNative({ name: 'floor', engineSources: ['arena.cc', 'srtp.cc', 'gcm.cc'] });
    return withPrivateFile(floorLines(configuration), async (path) => {
      const program = new LineProgram(core, module, path);
      const line = await program.nextLine();
      if (line !== 'ready') throw new Error(`the floor program said '${line}'`);
      return new Floor(program);
    });
  }
  run(seconds: number): Promise<FloorRun> {
    return this.program.ask(`run ${seconds}`);
  }
  end(): Promise<void> {
    return this.program.end();
  }
}
