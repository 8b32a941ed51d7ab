/**
 * Node's EventEmitter with typed events. `safeEmit` catches what a listener throws and reports it as `listenererror`,
 * so that one bad listener never stops a close path half way. Names as in mediasoup v3.
 */
import { EventEmitter } from 'node:events';

/** Event name → arguments of its listeners. */
export type EventMap = Record<string, unknown[]>;
export type ListenerErrorEvent = { listenererror: [eventName: string, error: Error] };

export class EnhancedEventEmitter<Events extends object = EventMap> extends EventEmitter {
  constructor() {
    super();
    this.setMaxListeners(Infinity);
  }

  override emit<K extends keyof Events & string>(eventName: K, ...args: Events[K] & unknown[]): boolean {
    return super.emit(eventName, ...args);
  }

  /** Like `emit`, but a listener that throws becomes a `listenererror` event. @returns whether anybody listened. */
  safeEmit<K extends keyof Events & string>(eventName: K, ...args: Events[K] & unknown[]): boolean {
    try {
      return super.emit(eventName, ...args);
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

  override on<K extends keyof Events & string>(
    eventName: K,
    listener: (...args: Events[K] & unknown[]) => void,
  ): this {
    return super.on(eventName, listener as (...args: unknown[]) => void);
  }

  override once<K extends keyof Events & string>(
    eventName: K,
    listener: (...args: Events[K] & unknown[]) => void,
  ): this {
    return super.once(eventName, listener as (...args: unknown[]) => void);
  }

  override off<K extends keyof Events & string>(
    eventName: K,
    listener: (...args: Events[K] & unknown[]) => void,
  ): this {
    return super.off(eventName, listener as (...args: unknown[]) => void);
  }
}
