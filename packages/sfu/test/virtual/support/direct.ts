/** A virtual room fed packet by packet: every number, timestamp and arrival is the test's own. */
import type { ReceivedPacket } from '../../../src/media/packet.js';
import { SourceClock, VirtualRoom, type AudioSource } from '../../../src/media/virtual/index.js';
import { FakeEngine, type Sent } from './fakeEngine.js';
import { Random } from './random.js';

export const FRAME_MICROS = 20_000;
export const TICKS = 960;
export const SPEECH = 20;
export const SILENCE = 90;

export interface Options {
  sequence?: number;
  timestamp?: number;
  level?: number;
  ssrc?: number;
  atMicros?: number;
  bytes?: number;
  marker?: boolean;
}

export class Direct {
  readonly engine = new FakeEngine();
  readonly random = new Random(11);
  readonly room: VirtualRoom;
  readonly sent: Sent[] = [];
  nowMicros = 1_000_000;
  readonly #state = new Map<AudioSource, { sequence: number; timestamp: number; ssrc: number }>();
  #payload = 0;

  constructor(audioSlots = 3) {
    this.room = new VirtualRoom({ audioSlots, rng: this.random.next }, this.engine);
    this.engine.onSent = (sent) => this.sent.push(sent);
  }

  source(
    id: string,
    first: { sequence?: number; timestamp?: number; clock?: SourceClock } = {},
    participantId = id,
  ): AudioSource {
    const { clock = new SourceClock() } = first;
    const source = this.room.addSource(
      { id, participantId, content: 'speech', hasLevel: true, clock },
      this.nowMicros,
    );
    this.#state.set(source, {
      sequence: first.sequence ?? 100,
      timestamp: first.timestamp ?? 5000,
      ssrc: this.#state.size + 1000,
    });
    return source;
  }

  receiver(
    id: string,
    slots = 3,
    participantId?: string,
    enabled = true,
  ): { id: string; ssrcs: number[]; entries: number[] } {
    const ssrcs = Array.from({ length: slots }, () => this.room.drawSsrc(this.nowMicros));
    const { slots: added } = this.room.addReceiver(
      {
        id,
        ...(participantId === undefined ? {} : { participantId }),
        enabled,
        slots: ssrcs.map((ssrc) => ({
          peer: 1,
          ssrc,
          payloadTypes: [111],
          extensionIds: {},
          midId: 1,
          mid: 'a',
          sendMid: true,
          absSendTimeId: 0,
          transportWideCcId: 0,
          enabled: true,
        })),
      },
      this.nowMicros,
    );
    return { id, ssrcs, entries: added.map(({ entry }) => entry) };
  }

  /** The source's next packet, or one with other numbers; absolute ones do not move its own on. @returns what was sent */
  packet(source: AudioSource, options: Options = {}): Sent[] {
    const state = this.#state.get(source)!;
    if (options.ssrc !== undefined) state.ssrc = options.ssrc;
    const packet: ReceivedPacket = {
      slot: 0,
      payloadOffset: this.#payload++,
      payloadLength: options.bytes ?? 60,
      extendedSequence: options.sequence ?? state.sequence++,
      timestamp: (options.timestamp ?? state.timestamp) >>> 0,
      marker: options.marker ?? false,
      payloadType: 111,
      codec: 0,
      ssrc: state.ssrc,
      arrivalMicros: options.atMicros ?? this.nowMicros,
      audioLevel: options.level ?? SILENCE,
      voice: false,
      extensions: { offsets: new Uint32Array(7), lengths: new Uint8Array(7) },
    };
    if (options.timestamp === undefined) state.timestamp += TICKS;
    const from = this.sent.length;
    this.engine.nowMicros = packet.arrivalMicros;
    this.room.handlePacket(source, packet);
    return this.sent.slice(from);
  }

  /** Of every source one packet each 20 ms. */
  play(
    sources: readonly AudioSource[],
    frames: number,
    level: number | ((source: AudioSource) => number) = SILENCE,
  ): Sent[] {
    const from = this.sent.length;
    for (let i = 0; i < frames; i++) {
      for (const source of sources)
        this.packet(source, { level: typeof level === 'number' ? level : level(source) });
      this.wait(FRAME_MICROS);
    }
    return this.sent.slice(from);
  }

  /** Skips numbers that never come. */
  lose(source: AudioSource, count = 1): void {
    const state = this.#state.get(source)!;
    state.sequence += count;
    state.timestamp += count * TICKS;
  }
  /** DTX: time without numbers. */
  pause(source: AudioSource, frames: number): void {
    this.#state.get(source)!.timestamp += frames * TICKS;
  }
  /** The number and timestamp that the next packet will have. */
  next(source: AudioSource): { sequence: number; timestamp: number } {
    const { sequence, timestamp } = this.#state.get(source)!;
    return { sequence, timestamp };
  }

  wait(micros: number): void {
    const end = this.nowMicros + micros;
    for (;;) {
      const deadline = this.room.nextDeadline();
      if (deadline === undefined || deadline > end) break;
      this.engine.nowMicros = deadline;
      this.room.tick(deadline);
    }
    this.nowMicros = end;
  }
}
