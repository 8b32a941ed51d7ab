/**
 * Node's EventEmitter with typed events. `safeEmit` catches what a listener throws and reports it as `listenererror`,
 * so that one bad listener never stops a close path half way. Names as in mediasoup v3.
 */
import { EventEmitter, once } from 'node:events';

/** Event name → arguments of its listeners. */
export type EventMap = Record<string, unknown[]>;
/** What every emitter has beside its own events. */
export type ListenerErrorEvent<Events> = { listenererror: [eventName: keyof Events, error: Error] };

type Listener = (...args: unknown[]) => void;

export class EnhancedEventEmitter<
  Declared extends EventMap = EventMap,
  Events extends EventMap = Declared & ListenerErrorEvent<Declared>,
> extends EventEmitter {
  constructor() {
    super();
    this.setMaxListeners(Infinity);
  }

  override emit<K extends keyof Events & string>(eventName: K, ...args: Events[K]): boolean {
    return super.emit(eventName, ...(args as unknown[]));
  }

  /** Like `emit`, but a listener that throws becomes a `listenererror` event. @returns whether anybody listened. */
  safeEmit<K extends keyof Events & string>(eventName: K, ...args: Events[K]): boolean {
    try {
      return super.emit(eventName, ...(args as unknown[]));
    } catch (error) {
      const reason = error instanceof Error ? error : new Error(String(error));
      try {
        super.emit('listenererror', eventName, reason);
      } catch {
        // A listener of `listenererror` that throws has nobody left to tell.
      }
      return true;
    }
  }

  override on<K extends keyof Events & string>(eventName: K, listener: (...args: Events[K]) => void): this {
    return super.on(eventName, listener as Listener);
  }

  override addListener<K extends keyof Events & string>(
    eventName: K,
    listener: (...args: Events[K]) => void,
  ): this {
    return super.on(eventName, listener as Listener);
  }

  override prependListener<K extends keyof Events & string>(
    eventName: K,
    listener: (...args: Events[K]) => void,
  ): this {
    return super.prependListener(eventName, listener as Listener);
  }

  override once<K extends keyof Events & string>(eventName: K, listener: (...args: Events[K]) => void): this {
    return super.once(eventName, listener as Listener);
  }

  override prependOnceListener<K extends keyof Events & string>(
    eventName: K,
    listener: (...args: Events[K]) => void,
  ): this {
    return super.prependOnceListener(eventName, listener as Listener);
  }

  override off<K extends keyof Events & string>(eventName: K, listener: (...args: Events[K]) => void): this {
    return super.off(eventName, listener as Listener);
  }

  override removeListener<K extends keyof Events & string>(
    eventName: K,
    listener: (...args: Events[K]) => void,
  ): this {
    return super.off(eventName, listener as Listener);
  }

  override removeAllListeners<K extends keyof Events & string>(eventName?: K): this {
    // Node tells "no argument" from "undefined".
    return eventName === undefined ? super.removeAllListeners() : super.removeAllListeners(eventName);
  }

  override listenerCount<K extends keyof Events & string>(eventName: K): number {
    return super.listenerCount(eventName);
  }
}

/**
 * Waits for one event. Node's `once` with the emitter's own event names.
 * @returns the event's arguments
 * @throws what an `error` event carries; AbortError when `options.signal` is aborted.
 */
export function enhancedOnce<
  Events extends EventMap,
  K extends keyof Events & string = keyof Events & string,
>(
  emitter: { on(eventName: K, listener: (...args: Events[K]) => void): unknown },
  eventName: K,
  options?: { signal?: AbortSignal },
): Promise<Events[K]> {
  return once(emitter as unknown as EventEmitter, eventName, options) as Promise<Events[K]>;
}
