/**
 * Which rooms there are. A room begins with its first session and ends after its last participant; rooms of the
 * configuration have two names that mean one conference, and are known to the Meet endpoint while nobody is there.
 */
import type { Config } from '../config.js';
import { ServerError } from '../errors.js';
import type { Room } from './room.js';

interface Slots {
  readonly audioSlots: number | undefined;
  readonly videoSlots: number | undefined;
}
const NO_SLOTS: Slots = { audioSlots: undefined, videoSlots: undefined };

export class RoomRegistry {
  readonly #rooms = new Map<string, Room>();
  /** Either name of a configured room → its code. */
  readonly #codes = new Map<string, string>();
  readonly #slots = new Map<string, Slots>();

  constructor(
    configured: Config['rooms'],
    private readonly maxRooms: number,
    private readonly create: (name: string) => Room,
  ) {
    for (const { code, id, audioSlots, videoSlots } of configured) {
      this.#codes.set(code, code).set(id, code);
      this.#slots.set(code, { audioSlots, videoSlots });
    }
  }

  /** Of its own; undefined: as in other rooms. */
  slots(name: string): Slots {
    return this.#slots.get(this.canonical(name)) ?? NO_SLOTS;
  }

  /** The one name of a room. */
  canonical(name: string): string {
    return this.#codes.get(name) ?? name;
  }

  isConfigured(name: string): boolean {
    return this.#codes.has(name);
  }

  /** A room that somebody is in. */
  find(name: string): Room | undefined {
    const room = this.#rooms.get(this.canonical(name));
    return room?.isEmpty ? undefined : room;
  }

  /** The room of that name, made if need be. The caller counts itself as pending until it is in or has given up. */
  open(name: string): Room {
    const canonical = this.canonical(name);
    let room = this.#rooms.get(canonical);
    if (!room) {
      if (this.#rooms.size >= this.maxRooms)
        throw new ServerError('TOO_MANY_ROOMS', `The server holds ${this.maxRooms} rooms at most.`);
      room = this.create(canonical);
      this.#rooms.set(canonical, room);
    }
    return room;
  }

  remove(room: Room): void {
    if (this.#rooms.get(room.name) === room) this.#rooms.delete(room.name);
  }

  /** Those that somebody is in, or that are played. */
  *live(): Generator<Room> {
    for (const room of this.#rooms.values()) if (room.isUsed) yield room;
  }

  /** One of those. */
  findLive(name: string): Room | undefined {
    const room = this.#rooms.get(this.canonical(name));
    return room?.isUsed ? room : undefined;
  }

  get all(): Iterable<Room> {
    return this.#rooms.values();
  }
}
