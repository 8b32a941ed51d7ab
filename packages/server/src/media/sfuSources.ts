/**
 * What one participant sends, over @tertulia/sfu: a producer for each source, known to the room by its CSRC. However its packets come,
 * they are paused, pinned, counted and ended in one way.
 * Elsewhere: transports with ICE and DTLS → sfuSession.ts · plain RTP → sfuRtpInput.ts · who is shown → sfuStage.ts
 */
import type { Producer, VirtualStreams, WebRtcTransport } from '@tertulia/sfu';
import type { MediaKind, RtpParameters } from '@tertulia/wire';
import type { Logger } from '../logger.js';
import type { SourceName } from '../rooms/news.js';
import { sourceFigures, type SourceFigures } from './figures.js';
import type { PayloadType } from './mediaPort.js';

export interface SfuSource {
  readonly name: SourceName;
  readonly producer: Producer;
  readonly csrc: number;
}

export interface SourcesParts {
  /** Where they go. */
  readonly virtual: VirtualStreams;
  /** A source came; that it goes is noticed by whoever is told. */
  readonly addProducer: (csrc: number, producer: Producer) => void;
  readonly log: Logger;
}

export interface SourceRequest {
  readonly name: SourceName;
  readonly rtpParameters: RtpParameters;
  readonly paused: boolean;
  /** Kept from the session before; undefined: a new one. */
  readonly csrc?: number | undefined;
}

const SOURCE_KINDS = {
  microphone: { kind: 'audio', content: 'speech' },
  screenSound: { kind: 'audio', content: 'screen' },
  camera: { kind: 'video', content: 'camera' },
  screen: { kind: 'video', content: 'screen' },
} as const satisfies Record<SourceName, { kind: MediaKind; content: string }>;

export class SfuSources {
  readonly #all: SfuSource[] = [];

  constructor(
    private readonly parts: SourcesParts,
    /** Empty: nobody's, of a session that only receives. */
    readonly participantId: string,
  ) {}

  get all(): readonly SfuSource[] {
    return this.#all;
  }
  get named(): readonly { name: SourceName; csrc: number }[] {
    return this.#all.map(({ name, csrc }) => ({ name, csrc }));
  }
  get payloadTypes(): readonly PayloadType[] {
    return this.#all.flatMap(({ producer }) => payloadTypesOf('incoming', producer.rtpParameters));
  }

  /** Rejects when the media process refuses it; the transport ends what is left of it. */
  async add(
    transport: Pick<WebRtcTransport, 'produce'>,
    { name, rtpParameters, paused, csrc: wanted }: SourceRequest,
  ): Promise<void> {
    const { virtual, addProducer } = this.parts;
    const { kind, content } = SOURCE_KINDS[name];
    const producer = await transport.produce({ kind, rtpParameters, paused });
    const { participantId } = this;
    const { csrc } = await virtual.addSource({ producer, participantId, csrc: wanted, content });
    this.#all.push({ name, producer, csrc });
    addProducer(csrc, producer);
  }

  setPaused(name: SourceName, paused: boolean): void {
    this.#change(name, (producer) => (paused ? producer.pause() : producer.resume()));
  }

  setPinned(name: SourceName, pinned: boolean): void {
    this.#change(name, (producer) => this.parts.virtual.setPinned(producer, pinned));
  }

  #change(name: SourceName, change: (producer: Producer) => Promise<void>): void {
    const producer = this.#all.find((one) => one.name === name)?.producer;
    if (!producer || producer.closed) return;
    change(producer).catch((error: unknown) =>
      this.parts.log.debug({ err: error, source: name }, 'source was gone before it could be changed'),
    );
  }

  /** As the library has it, and in the words of the API. */
  async stats(): Promise<{ media: readonly object[]; figures: SourceFigures[] }> {
    const media = await Promise.all(
      this.#all.map(async ({ name, csrc, producer }) => {
        const streams = await producer.getStats();
        // What was asked for before has been answered by now.
        return { name, csrc, paused: producer.paused, streams };
      }),
    );
    return { media, figures: media.map((source) => sourceFigures(source, source.streams)) };
  }

  close(): void {
    for (const { producer } of this.#all) producer.close();
  }
}

/** How Wireshark is told what the packets of a session are. */
export function payloadTypesOf(
  direction: PayloadType['direction'],
  { codecs }: RtpParameters,
): readonly PayloadType[] {
  return codecs.map(({ payloadType, mimeType, clockRate }) => ({
    direction,
    payloadType,
    codec: `${mimeType.slice(mimeType.indexOf('/') + 1)}/${clockRate}`,
  }));
}
