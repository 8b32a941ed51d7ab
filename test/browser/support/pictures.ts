/** The typed side of `page/pictures.js`: senders whose pictures bear a number, receivers that note what they painted. */
import type { TabPage } from './people.js';

export interface SenderOptions {
  width: number;
  height: number;
  framesPerSecond: number;
  /** Of simulcast, each half as wide as the next; 1 is none. Default 2. */
  layers?: number;
  /** The only one that is offered; default what the server prefers. */
  codec?: 'VP8' | 'VP9' | 'H264';
  /** File in test/voices. */
  voice?: string;
  /** Pictures that cost bits. */
  detail?: boolean;
  /** All media goes through the link with this port. */
  linkPort?: number;
  /** false: muted at first. */
  camera?: boolean;
}
export interface ReceiverOptions {
  videoSlots: number;
  audioSlots?: number;
  /** Sound is played, or its statistics say nothing. */
  play?: boolean;
  /** All media goes through the link with this port. */
  linkPort?: number;
}
export interface CanvasWish {
  id: number;
  width: number;
  height: number;
  /** The name of a sender in the same page. */
  whom?: string;
  /** Neither this nor `whom`: the server chooses. */
  participantId?: string;
}
/** A frame that was painted. */
export interface Frame {
  at: number;
  /** Read from the pixels; -1: unreadable. */
  number: number;
  /** Of the packets of this very frame; absent where the browser had forgotten it. */
  csrc?: number;
  width: number;
  rtpTimestamp?: number;
}
export interface StreamStatistics {
  kind: 'audio' | 'video';
  ssrc: number;
  packetsLost: number;
  packetsReceived: number;
  bytesReceived: number;
  nackCount: number;
  codec?: string;
  framesDecoded?: number;
  keyFramesDecoded?: number;
  freezeCount?: number;
  totalFreezesDuration?: number;
  pliCount?: number;
  frameWidth?: number;
  framesPerSecond?: number;
  framesDropped?: number;
  decoderImplementation?: string;
  samples?: number;
  /** Samples made up while there was sound. */
  concealed?: number;
}
export interface StatisticsAt {
  at: number;
  streams: Record<string, StreamStatistics>;
}
export interface Answer {
  sentAt: number;
  answeredAt: number;
  code: number;
  message?: string;
}
export interface AssignedCanvas {
  canvasId: number;
  slot?: number;
  csrc: number;
  active: boolean;
}
export interface Showing {
  painted?: { number: number; ageMs: number; width: number };
  assigned?: { number: number; active: boolean; canvasId: number };
}
export interface SentLayer {
  rid?: string;
  width: number;
  framesPerSecond?: number;
  targetBitrate?: number;
  keyFramesEncoded: number;
  pliCount: number;
  codec?: string;
}

interface PageModule {
  now(): number;
  addSender(name: string, room: string, number: number, options: SenderOptions): Promise<string>;
  removeSender(name: string): void;
  addReceiver(name: string, room: string, options: ReceiverOptions): Promise<string>;
  removeReceiver(name: string): void;
  setLayout(name: string, canvases: CanvasWish[]): Promise<Answer>;
  setMuted(name: string, source: 'microphone' | 'camera', muted: boolean): Promise<Answer>;
  speak(name: string, speaking: boolean): number;
  sent(name: string): Promise<SentLayer[]>;
  frames(name: string, from?: number): Frame[][];
  statistics(name: string, from?: number): StatisticsAt[];
  slotMids(name: string): string[];
  assignments(name: string, from?: number): { at: number; assignment: AssignedCanvas[] }[];
  showing(name: string): Showing[];
  participantIds(): Record<string, string>;
  pictureCsrcs(): Record<string, number>;
  pageStalls(): { at: number; late: number }[];
}

export class Pictures {
  constructor(readonly page: TabPage) {}

  /** Calls a function of the page's module. */
  async call<Name extends keyof PageModule>(
    name: Name,
    ...args: Parameters<PageModule[Name]>
  ): Promise<Awaited<ReturnType<PageModule[Name]>>> {
    const result = await this.page.evaluate(
      async ([method, values]) => {
        type Module = Record<string, (...args: unknown[]) => unknown>;
        const pictures = await (window as unknown as { testModules: Record<string, Promise<Module>> })
          .testModules['pictures'];
        return pictures?.[method as string]?.(...(values as unknown[]));
      },
      [name, args] as const,
    );
    return result as Awaited<ReturnType<PageModule[Name]>>;
  }
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}
