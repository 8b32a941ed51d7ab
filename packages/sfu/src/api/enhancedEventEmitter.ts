/**
 * Node's EventEmitter with typed events. `safeEmit` catches what a listener throws and reports it as `listenererror`,
 * so that one bad listener never stops a close path half way. Names as in mediasoup v3.
 */
import { EventEmitter } from 'node:events';

/** Event name → arguments of its listeners. */
export type EventMap = Record<string, unknown[]>;
/** What every emitter has beside its own events. */
export type ListenerErrorEvent<Events> = { listenererror: [eventName: keyof Events, error: Error] };

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
    return super.on(eventName, listener as (...args: unknown[]) => void);
  }

  override once<K extends keyof Events & string>(eventName: K, listener: (...args: Events[K]) => void): this {
    return super.once(eventName, listener as (...args: unknown[]) => void);
  }

  override off<K extends keyof Events & string>(eventName: K, listener: (...args: Events[K]) => void): this {
    return super.off(eventName, listener as (...args: unknown[]) => void);
  }
}
