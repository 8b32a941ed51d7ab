/**
 * Takes producers and data producers of one router to another, of the same worker, another worker or another host's.
 * One pair of PipeTransports for each two routers, made at the first use and shared. Contract: mediasoup v3 pipeToRouter.
 */
import { InvalidStateError, OptionError } from '../channel/errors.js';
import type {
  NumSctpStreams,
  PipeTransportOptions,
  TransportListenInfo,
  TransportListenIp,
} from '../types.js';
import type { Consumer } from './consumer.js';
import type { DataConsumer } from './dataConsumer.js';
import type { DataProducer } from './dataProducer.js';
import type { PipeTransport } from './pipeTransport.js';
import type { Producer } from './producer.js';
import { singleListenInfo } from './transportOptions.js';

interface PipeEnd {
  readonly id: string;
  readonly pipes: Pipes;
  createPipeTransport(options: PipeTransportOptions): Promise<PipeTransport>;
}

export interface PipeOptions {
  listenInfo?: TransportListenInfo | undefined;
  listenIp?: TransportListenIp | string | undefined;
  enableSctp?: boolean | undefined;
  numSctpStreams?: NumSctpStreams | undefined;
  enableRtx?: boolean | undefined;
  enableSrtp?: boolean | undefined;
}

const DEFAULT_LISTEN_INFO: TransportListenInfo = { protocol: 'udp', ip: '127.0.0.1' };

interface Pair {
  readonly local: PipeTransport;
  readonly remote: PipeTransport;
}

export class Pipes {
  /** By the other router's id, as seen from here. */
  readonly #pairs = new Map<string, Promise<Pair>>();

  constructor(private readonly router: Pick<PipeEnd, 'id' | 'createPipeTransport'>) {}

  pairWith(other: PipeEnd, options: PipeOptions): Promise<Pair> {
    const existing = this.#pairs.get(other.id);
    if (existing) return existing;
    const pair = this.#connect(other, options);
    this.#keep(other.id, pair);
    other.pipes.#keep(
      this.router.id,
      pair.then(({ local, remote }) => ({ local: remote, remote: local })),
    );
    return pair;
  }

  /** A pair that the application made; `byRouter` has both ends. */
  add(otherId: string, byRouter: Promise<Record<string, PipeTransport>>): void {
    if (this.#pairs.has(otherId))
      throw new InvalidStateError('there is a pair of PipeTransports to this Router already', 'DUPLICATE_ID');
    this.#keep(
      otherId,
      byRouter.then((ends) => {
        const [local, remote] = [ends[this.router.id], ends[otherId]];
        if (!local || !remote) throw new OptionError('pipeTransportPair: an end is missing');
        return { local, remote };
      }),
    );
  }

  #keep(otherId: string, pair: Promise<Pair>): void {
    this.#pairs.set(otherId, pair);
    const forget = (): void => {
      if (this.#pairs.get(otherId) === pair) this.#pairs.delete(otherId);
    };
    pair.then(({ local }) => local.observer.once('close', forget), forget);
  }

  async #connect(other: PipeEnd, options: PipeOptions): Promise<Pair> {
    const { listenIp, enableSctp = true, numSctpStreams, enableRtx = false, enableSrtp = false } = options;
    const listenInfo = listenIp
      ? singleListenInfo({ listenIp })
      : singleListenInfo({ listenInfo: options.listenInfo ?? DEFAULT_LISTEN_INFO });
    const wanted = { listenInfo, enableSctp, numSctpStreams, enableRtx, enableSrtp };
    const made = await Promise.allSettled([
      this.router.createPipeTransport(wanted),
      other.createPipeTransport(wanted),
    ]);
    const closeAll = (): void => {
      for (const each of made) if (each.status === 'fulfilled') each.value.close();
    };
    const [local, remote] = made.map((each) => (each.status === 'fulfilled' ? each.value : undefined));
    if (!local || !remote) {
      closeAll();
      throw made.find((each) => each.status === 'rejected')?.reason;
    }
    try {
      await Promise.all([local.connect(endOf(remote)), remote.connect(endOf(local))]);
    } catch (error) {
      closeAll();
      throw error;
    }
    local.observer.once('close', () => remote.close());
    remote.observer.once('close', () => local.close());
    return { local, remote };
  }
}

const endOf = ({ tuple, srtpParameters }: PipeTransport) => ({
  ip: tuple.localIp,
  port: tuple.localPort,
  srtpParameters,
});

/** The two ends live and die together, and pause together. */
export async function pipeProducer(
  { local, remote }: Pair,
  producer: Producer,
  id: string,
): Promise<{ pipeConsumer: Consumer; pipeProducer: Producer }> {
  const consumer = await local.consume({ producerId: producer.id });
  let piped: Producer | undefined;
  try {
    piped = await remote.produce({
      id,
      kind: consumer.kind,
      rtpParameters: consumer.rtpParameters,
      paused: consumer.producerPaused,
      appData: producer.appData,
    });
    if (producer.closed) throw new InvalidStateError('the original Producer is closed', 'PRODUCER_CLOSED');
    if (piped.paused !== producer.paused) await (producer.paused ? piped.pause() : piped.resume());
  } catch (error) {
    consumer.close();
    piped?.close();
    throw error;
  }
  const target = piped;
  consumer.observer.once('close', () => target.close());
  // One that is closed meanwhile cannot be paused any more, and need not.
  consumer.observer.on('pause', () => void target.pause().catch(() => {}));
  consumer.observer.on('resume', () => void target.resume().catch(() => {}));
  target.observer.once('close', () => consumer.close());
  return { pipeConsumer: consumer, pipeProducer: target };
}

export async function pipeDataProducer(
  { local, remote }: Pair,
  dataProducer: DataProducer,
  id: string,
): Promise<{ pipeDataConsumer: DataConsumer; pipeDataProducer: DataProducer }> {
  const consumer = await local.consumeData({ dataProducerId: dataProducer.id });
  let piped: DataProducer | undefined;
  try {
    piped = await remote.produceData({
      id,
      sctpStreamParameters: consumer.sctpStreamParameters,
      label: consumer.label,
      protocol: consumer.protocol,
      appData: dataProducer.appData,
    });
    if (dataProducer.closed)
      throw new InvalidStateError('the original DataProducer is closed', 'DATA_PRODUCER_CLOSED');
  } catch (error) {
    consumer.close();
    piped?.close();
    throw error;
  }
  const target = piped;
  consumer.observer.once('close', () => target.close());
  target.observer.once('close', () => consumer.close());
  return { pipeDataConsumer: consumer, pipeDataProducer: target };
}
