/**
 * What every entity has: an id, an observer, appData, and one close path. Who closed it is the cause; the events that
 * mediasoup's users know (`transportclose`, `routerclose`, …) are derived from it, in mediasoup's order: what is below
 * closes first, then the entity's own event, then the observer's `close`.
 */
import { InvalidStateError } from '../channel/errors.js';
import type { AppData } from '../types.js';
import { EnhancedEventEmitter, type EventMap } from './enhancedEventEmitter.js';
import { Logger } from './logger.js';

const logger = new Logger('Entity');

/** 'self' is the application; the others name the entity above (or beside) whose end took this one along. */
export type CloseCause =
  | 'self'
  | 'producer'
  | 'dataproducer'
  | 'transport'
  | 'virtualstreams'
  | 'listenserver'
  | 'router'
  | 'worker';
export type CloseEvent =
  | 'producerclose'
  | 'dataproducerclose'
  | 'transportclose'
  | 'listenserverclose'
  | 'routerclose'
  | 'workerclose';

const EVENT_OF_CAUSE: Partial<Record<CloseCause, CloseEvent>> = {
  producer: 'producerclose',
  dataproducer: 'dataproducerclose',
  transport: 'transportclose',
  listenserver: 'listenserverclose',
  router: 'routerclose',
  worker: 'workerclose',
};

/** Events for whoever keeps a list of entities. mediasoup has them, and programs have come to use them. */
type OwnerEvents = { '@close': []; '@producerclose': []; '@dataproducerclose': []; '@listenserverclose': [] };
const OWNER_EVENT_OF_CAUSE: Partial<Record<CloseCause, keyof OwnerEvents>> = {
  self: '@close',
  producer: '@producerclose',
  dataproducer: '@dataproducerclose',
  listenserver: '@listenserverclose',
};

export type ObserverEvents = { close: [] } & Record<string, unknown[]>;
type CloseEvents = OwnerEvents & { [event in CloseEvent]: [] };

export abstract class Entity<
  Events extends EventMap,
  EntityAppData extends AppData,
  Observed extends EventMap = ObserverEvents,
> extends EnhancedEventEmitter<Events> {
  /** For tools beside the application: `close`, and `new…` events where something is made. */
  readonly observer = new EnhancedEventEmitter<Observed>();
  appData: EntityAppData;
  #closedBy: CloseCause | undefined;

  constructor(
    readonly id: string,
    appData: EntityAppData | undefined,
  ) {
    super();
    this.appData = appData ?? ({} as EntityAppData);
    (this as unknown as EnhancedEventEmitter<EventMap>).on('listenererror', (eventName, error) =>
      logger.error(
        `a listener of '${String(eventName)}' threw [${this.constructor.name}:${id}]`,
        error as Error,
      ),
    );
  }

  get closed(): boolean {
    return this.#closedBy !== undefined;
  }

  /** Ends it and everything below. Closing twice does nothing. */
  close(): void {
    this.closeBy('self');
  }

  /** The one close path. Not for applications. */
  closeBy(cause: CloseCause): void {
    if (this.#closedBy) return;
    this.#closedBy = cause;
    this.release(cause);
    this.announceClose(cause);
    (this.observer as unknown as EnhancedEventEmitter<ObserverEvents>).safeEmit('close');
  }

  /** The entity's own events of closing. What is below has closed, the observer does not know yet. */
  protected announceClose(cause: CloseCause): void {
    const event = EVENT_OF_CAUSE[cause];
    const emitter = this as unknown as EnhancedEventEmitter<CloseEvents>;
    const ownerEvent = OWNER_EVENT_OF_CAUSE[cause];
    if (ownerEvent) emitter.safeEmit(ownerEvent);
    if (event) emitter.safeEmit(event);
  }

  /** Closes what is below, leaves the owner, and tells the media process when the cause is not one that it knows already. */
  protected abstract release(cause: CloseCause): void;

  /** @throws InvalidStateError (`CLOSED`). */
  protected assertOpen(): void {
    if (this.closed)
      throw new InvalidStateError(`${this.constructor.name.replace('Impl', '')} is closed`, 'CLOSED');
  }
}
