/**
 * Everything in a media process by its id, and transports also by what a datagram says: the peer that the engine knows,
 * or the user name fragment of a check.
 */
import { InvalidStateError } from '../channel/errors.js';
import type { Consumer } from './consumer.js';
import type { DataConsumer } from './data/dataConsumer.js';
import type { DataProducer } from './data/dataProducer.js';
import type { RtpObserver } from './observers/rtpObserver.js';
import type { Producer } from './producer.js';
import type { Router } from './router.js';
import type { VirtualStreams } from './virtualStreams.js';
import type { WebRtcServer } from './webRtcServer.js';
import type { Transport } from './transport.js';
import type { WebRtcTransport } from './webRtcTransport.js';

/** Ids of one kind. */
export class Registry<T> {
  readonly #byId = new Map<string, T>();

  constructor(readonly kind: string) {}

  get size(): number {
    return this.#byId.size;
  }

  /** @throws InvalidStateError (`DUPLICATE_ID`). */
  add(id: string, entity: T): void {
    if (this.#byId.has(id))
      throw new InvalidStateError(`a ${this.kind} with id "${id}" already exists`, 'DUPLICATE_ID');
    this.#byId.set(id, entity);
  }

  delete(id: string): void {
    this.#byId.delete(id);
  }

  /** @throws InvalidStateError (`NOT_FOUND`): closed meanwhile, or never there. */
  get(id: string): T {
    const entity = this.#byId.get(id);
    if (entity === undefined)
      throw new InvalidStateError(`${this.kind} with id "${id}" not found`, 'NOT_FOUND');
    return entity;
  }

  has(id: string): boolean {
    return this.#byId.has(id);
  }

  find(id: string): T | undefined {
    return this.#byId.get(id);
  }

  values(): T[] {
    return [...this.#byId.values()];
  }

  ids(): string[] {
    return [...this.#byId.keys()];
  }
}

export class Directory {
  readonly webRtcServers = new Registry<WebRtcServer>('WebRtcServer');
  readonly routers = new Registry<Router>('Router');
  readonly transports = new Registry<Transport>('Transport');
  readonly producers = new Registry<Producer>('Producer');
  readonly consumers = new Registry<Consumer>('Consumer');
  readonly dataProducers = new Registry<DataProducer>('DataProducer');
  readonly dataConsumers = new Registry<DataConsumer>('DataConsumer');
  readonly rtpObservers = new Registry<RtpObserver>('RtpObserver');
  readonly virtualStreams = new Registry<VirtualStreams>('VirtualStreams');
  readonly byPeer = new Map<number, Transport>();
  readonly byFragment = new Map<string, WebRtcTransport>();
}
