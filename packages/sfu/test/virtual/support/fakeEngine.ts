/**
 * Plays the engine for the virtual room, by the engine's own rules: an entry adds its constants, refuses numbers before its
 * first and numbers used before, and counts. What it "sends" is kept as facts for a judge. A packet's payload is the
 * number in `payloadOffset`: which packet of which source it is, independent of all headers.
 */
import type {
  CachedPacket,
  EntryConstants,
  EntryCounters,
  ForwardPort,
  ReceivedPacket,
} from '../../../src/media/packet.js';

export interface Sent {
  entry: number;
  ssrc: number;
  /** Extended outgoing number, u32. */
  out: number;
  timestamp: number;
  marker: boolean;
  csrcs: readonly number[];
  /** `payloadOffset` of the packet. */
  payload: number;
  atMicros: number;
  again: boolean;
}

interface Entry {
  constants: EntryConstants;
  list: number;
  packets: number;
  octets: number;
  highest: number;
  used: Set<number>;
  lastTimestamp: number;
}

export class FakeEngine implements ForwardPort {
  readonly entries = new Map<number, Entry>();
  readonly lists = new Map<number, Set<number>>();
  nowMicros = 0;
  onSent: (sent: Sent) => void = () => {};
  /** forward + resend calls. */
  commands = 0;
  /** listAdd, listRemove, updateEntry. */
  edits = 0;
  beforeFirst = 0;
  retained = new Set<CachedPacket>();
  retainLimit = Infinity;
  #next = 1;

  createList(): number {
    const list = this.#next++;
    this.lists.set(list, new Set());
    return list;
  }
  freeList(list: number): void {
    const members = this.lists.get(list);
    if (members === undefined) throw new Error(`list ${list} freed twice`);
    for (const entry of members) this.entries.get(entry)!.list = 0;
    this.lists.delete(list);
  }
  listAdd(list: number, entry: number): void {
    this.edits++;
    this.listRemove(entry);
    this.lists.get(list)!.add(entry);
    this.entries.get(entry)!.list = list;
  }
  listRemove(entry: number): void {
    this.edits++;
    const held = this.entries.get(entry);
    if (held === undefined) throw new Error(`entry ${entry} is gone`);
    if (held.list !== 0) this.lists.get(held.list)!.delete(entry);
    held.list = 0;
  }
  createEntry(constants: EntryConstants): number {
    const entry = this.#next++;
    this.entries.set(entry, {
      constants: { ...constants },
      list: 0,
      packets: 0,
      octets: 0,
      highest: -1,
      used: new Set(),
      lastTimestamp: 0,
    });
    return entry;
  }
  updateEntry(entry: number, change: Partial<EntryConstants>): void {
    this.edits++;
    const { constants } = this.entries.get(entry)!;
    for (const value of [change.deltaIndex, change.deltaTimestamp, change.firstIndex]) {
      if (value !== undefined && (!Number.isInteger(value) || value < 0 || value > 0xffffffff))
        throw new Error(`${JSON.stringify(change)} is no uint32`);
    }
    Object.assign(constants, change);
  }
  freeEntry(entry: number): void {
    this.listRemove(entry);
    this.entries.delete(entry);
  }
  entryCounters(entry: number): EntryCounters {
    const { packets, octets, lastTimestamp, highest } = this.entries.get(entry)!;
    return {
      packets,
      octets,
      lastTimestamp,
      lastIndex: highest,
      lastSentMicrosLow: 0,
      drops: 0,
      rtxPackets: 0,
      rtxOctets: 0,
      rtxLastIndex: 0,
    };
  }

  forward(
    list: number,
    packet: ReceivedPacket,
    index: number,
    timestamp: number,
    marker: boolean,
    csrcs: readonly number[],
  ): void {
    this.commands++;
    const members = this.lists.get(list);
    if (members === undefined) throw new Error(`list ${list} does not exist`);
    for (const entry of members) this.#send(entry, packet, index, timestamp, marker, csrcs, false);
  }
  forwardTo(
    entry: number,
    packet: ReceivedPacket,
    index: number,
    timestamp: number,
    marker: boolean,
    csrcs: readonly number[],
  ): void {
    this.commands++;
    this.#send(entry, packet, index, timestamp, marker, csrcs, false);
  }
  resend(
    entry: number,
    packet: CachedPacket,
    index: number,
    timestamp: number,
    marker: boolean,
    csrcs: readonly number[],
  ): void {
    this.commands++;
    if (!this.retained.has(packet)) throw new Error('resent packet was released');
    this.#send(entry, packet, index, timestamp, marker, csrcs, true);
  }

  retain(packet: ReceivedPacket): CachedPacket | undefined {
    if (this.retained.size >= this.retainLimit) return undefined;
    const cached: CachedPacket = { ...packet, cached: true };
    this.retained.add(cached);
    return cached;
  }
  release(packet: CachedPacket): void {
    if (!this.retained.delete(packet)) throw new Error('released twice');
  }

  #send(
    number: number,
    packet: ReceivedPacket,
    index: number,
    timestamp: number,
    marker: boolean,
    csrcs: readonly number[],
    again: boolean,
  ): void {
    if (index !== index >>> 0 || timestamp !== timestamp >>> 0)
      throw new Error(`${index}, ${timestamp}: no uint32`);
    const entry = this.entries.get(number)!;
    const { constants } = entry;
    if (!constants.enabled) return;
    if (((index - constants.firstIndex) | 0) < 0) {
      this.beforeFirst++;
      return;
    }
    const out = (index - constants.deltaIndex) >>> 0;
    if (entry.used.has(out) && !again) throw new Error(`number ${out} of entry ${number} is used again`);
    entry.used.add(out);
    const sentTimestamp = (timestamp + constants.deltaTimestamp) >>> 0;
    entry.packets++;
    entry.octets += packet.payloadLength;
    if (out > entry.highest) {
      entry.highest = out;
      entry.lastTimestamp = sentTimestamp;
    }
    this.onSent({
      entry: number,
      ssrc: constants.ssrc,
      out,
      timestamp: sentTimestamp,
      marker,
      csrcs: [...csrcs],
      payload: packet.payloadOffset,
      atMicros: this.nowMicros,
      again,
    });
  }
}
