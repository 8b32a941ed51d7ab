/** What a transport needs of its router, with lists that a test can look into. */
import type { DataProducer } from '../../../src/api/dataProducer.js';
import type { Producer } from '../../../src/api/producer.js';
import { generateRouterRtpCapabilities } from '../../../src/api/ortc/index.js';
import type { TransportRouter } from '../../../src/api/transport.js';
import type { FakeChannel } from './fakeChannel.js';

export class FakeRouter implements TransportRouter {
  readonly rtpCapabilities = generateRouterRtpCapabilities([
    { kind: 'audio', mimeType: 'audio/opus', clockRate: 48_000, channels: 2 },
  ]);
  readonly producers = new Map<string, Producer>();
  readonly dataProducers = new Map<string, DataProducer>();

  findProducer(id: string): Producer | undefined {
    return this.producers.get(id);
  }
  findDataProducer(id: string): DataProducer | undefined {
    return this.dataProducers.get(id);
  }
  onNewProducer(producer: Producer): void {
    this.producers.set(producer.id, producer);
  }
  onNewDataProducer(dataProducer: DataProducer): void {
    this.dataProducers.set(dataProducer.id, dataProducer);
  }
}

export const SCTP_PARAMETERS = { port: 5000, OS: 1024, MIS: 3, maxMessageSize: 262_144 };
export const TUPLE = {
  localIp: '127.0.0.1',
  localAddress: '127.0.0.1',
  localPort: 40_000,
  protocol: 'udp' as const,
};

/** Answers as a media process gives them when all is well. */
export function answerAsUsual(channel: FakeChannel): FakeChannel {
  return channel
    .answer('transport.consume', ({ paused }) => ({
      paused,
      producerPaused: false,
      score: { score: 10, producerScore: 10, producerScores: [10] },
    }))
    .answer('transport.consumeData', ({ paused }) => ({ paused, dataProducerPaused: false }));
}
