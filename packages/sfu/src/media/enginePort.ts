/**
 * The forwarding rooms' way into the engine: lists, entries and commands over the arrays that both share. Commands wait
 * in the shared ring until the batch's end; whoever edits a list or an entry in between finds them executed first, so the
 * order is as if each had been executed at once.
 * Knows words and bytes, not why. Elsewhere: the words → engine layout.ts · who decides → virtual/, producer.ts
 */
import {
  COMMAND_CSRC0,
  COMMAND_CSRC1,
  COMMAND_CSRC_COUNT,
  COMMAND_ENTRY,
  COMMAND_EXTENSION_COUNT,
  COMMAND_EXTENSIONS,
  COMMAND_EXTENSIONS_MAX,
  COMMAND_FLAGS,
  COMMAND_INDEX,
  COMMAND_LIST,
  COMMAND_PAYLOAD_LENGTH,
  COMMAND_PAYLOAD_OFFSET,
  COMMAND_TARGET,
  COMMAND_TIMESTAMP,
  COMMAND_TYPE,
  COMMAND_WORDS,
  ENTRY_PACKETS,
  ENTRY_WORDS,
  FLAG_CODEC_SHIFT,
  FLAG_MARKER,
  FLAG_RETRANSMISSION,
  readEntryCounters,
  SCRATCH_BYTES,
  writeEntry,
  writeReportCommand,
  writeRtcpCommand,
} from '@tertulia/engine';
import type { Engine } from '@tertulia/engine';
import { absCaptureTimeAt, writeAbsCaptureTime } from '@tertulia/wire';
import type { TransportFeedback } from './congestion/feedback.js';
import type { DropCounters } from './dropCounters.js';
import { CAPTURE_UNTOLD, CARRIED_KINDS, CarriedKind } from './packet.js';
import type {
  CachedPacket,
  EntryConstants,
  EntryCounters,
  ForwardPort,
  PacketPatches,
  ReceivedPacket,
} from './packet.js';

/** Words of a command: how many patches, then two words each: descriptor and value. */
const COMMAND_PATCH_COUNT = 24;
const COMMAND_PATCHES = 25;
/** The longest compound that fits a path of 1,200 bytes with SRTCP's trailer. */
export const RTCP_BYTES_MAX = 1180;
/** Of abs-capture-time with the offset between the capturer's and the sender's clock. */
const CAPTURE_BYTES = 16;

export interface ProbeRequest {
  readonly clusterId: number;
  readonly bitsPerSecond: number;
  readonly bytes: number;
}

/** What an engine without video does not have. */
interface VideoEngine {
  setPacing?(peer: number, bitsPerSecond: number): void;
  pacerQueue?(peer: number): { readonly oldestMicros: number };
  probe?(peer: number, entry: number, probe: ProbeRequest): boolean;
  readTransportFeedback?(
    peer: number,
    feedback: Uint8Array,
    nowMicros: number,
  ): TransportFeedback | undefined;
}

export class EnginePort implements ForwardPort {
  readonly #engine: Engine;
  readonly #video: VideoEngine;
  readonly #commands: Uint32Array;
  readonly #capacity: number;
  readonly #drops: DropCounters;
  readonly #unixMicrosAtZero: number;
  /** Commands filled in and not executed. */
  #count = 0;
  /** Whether one of them is media: edits have to wait for those only. */
  #media = false;
  #scratchUsed = 0;
  readonly #spare: PooledPacket[] = [];
  #cached = 0;

  /** @param unixMicrosAtZero Unix time of the engine's time 0 */
  constructor(engine: Engine, drops: DropCounters, unixMicrosAtZero: number) {
    this.#engine = engine;
    this.#unixMicrosAtZero = unixMicrosAtZero;
    this.#video = engine as VideoEngine;
    this.#commands = engine.commands;
    this.#capacity = Math.floor(engine.commands.length / COMMAND_WORDS);
    this.#drops = drops;
  }

  // ---- what was filled in ----

  /** For the end of a batch: the engine executes so many right afterwards. */
  takeCommandCount(): number {
    const count = this.#count;
    this.#count = 0;
    this.#media = false;
    this.#scratchUsed = 0;
    return count;
  }

  /** For everything outside a batch, and before edits inside one. */
  flush(): void {
    if (this.#count > 0) this.#engine.flush(this.takeCommandCount());
  }

  /** Packets kept at present. */
  get cachedPackets(): number {
    return this.#cached;
  }

  // ---- lists and entries ----

  createList(): number {
    return this.#engine.createList();
  }

  freeList(list: number): void {
    this.#settle();
    this.#engine.freeList(list);
  }

  listAdd(list: number, entry: number): void {
    this.#settle();
    this.#engine.listAdd(list, entry);
  }

  listRemove(entry: number): void {
    this.#settle();
    this.#engine.listRemove(entry);
  }

  createEntry(constants: EntryConstants): number {
    const entry = this.#engine.createEntry();
    writeEntry(this.#engine.entries, entry, constants);
    return entry;
  }

  updateEntry(entry: number, change: Partial<EntryConstants>): void {
    this.#settle();
    writeEntry(this.#engine.entries, entry, change);
  }

  freeEntry(entry: number): void {
    this.#settle();
    this.#engine.freeEntry(entry);
  }

  entryCounters(entry: number): EntryCounters {
    this.#settle();
    return readEntryCounters(this.#engine.entries, entry);
  }

  /** Packets sent so far, without those of commands that wait: for figures that need not be exact to the packet. */
  packetsSent(entry: number): number {
    return this.#engine.entries[entry * ENTRY_WORDS + ENTRY_PACKETS]!;
  }

  // ---- packets ----

  forward(
    list: number,
    packet: ReceivedPacket,
    index: number,
    timestamp: number,
    marker: boolean,
    csrcs: readonly number[],
    patches?: PacketPatches,
    captureMicros?: number,
  ): void {
    const flags = marker ? FLAG_MARKER : 0;
    this.#write(COMMAND_LIST, list, packet, index, timestamp, flags, csrcs, patches, captureMicros);
  }

  forwardTo(
    entry: number,
    packet: ReceivedPacket,
    index: number,
    timestamp: number,
    marker: boolean,
    csrcs: readonly number[],
    patches?: PacketPatches,
    captureMicros?: number,
  ): void {
    const flags = marker ? FLAG_MARKER : 0;
    this.#write(COMMAND_ENTRY, entry, packet, index, timestamp, flags, csrcs, patches, captureMicros);
  }

  resend(
    entry: number,
    packet: CachedPacket,
    index: number,
    timestamp: number,
    marker: boolean,
    csrcs: readonly number[],
    patches?: PacketPatches,
    captureMicros?: number,
  ): void {
    const flags = FLAG_RETRANSMISSION | (marker ? FLAG_MARKER : 0);
    this.#write(COMMAND_ENTRY, entry, packet, index, timestamp, flags, csrcs, patches, captureMicros);
  }

  retain(packet: ReceivedPacket): CachedPacket | undefined {
    if (!this.#engine.retain(packet.slot)) {
      this.#drops.count('cache-full');
      return undefined;
    }
    this.#cached++;
    const cached = this.#spare.pop() ?? new PooledPacket();
    cached.copy(packet);
    return cached;
  }

  release(packet: CachedPacket): void {
    this.#cached--;
    this.#engine.release(packet.slot);
    if (packet instanceof PooledPacket) this.#spare.push(packet);
  }

  // ---- bandwidth ----

  /** Packets of paced entries leave at this rate at most. */
  setPacing(peer: number, bitsPerSecond: number): void {
    this.#video.setPacing?.(peer, bitsPerSecond);
  }

  /** How long the oldest packet has waited for its turn. */
  pacerWaitMicros(peer: number): number {
    return this.#video.pacerQueue?.(peer).oldestMicros ?? 0;
  }

  /** Padding of this entry's RTX stream, beside the media. @returns false when there is nothing to pad with */
  probe(peer: number, entry: number, probe: ProbeRequest): boolean {
    this.#settle();
    return this.#video.probe?.(peer, entry, probe) ?? false;
  }

  /** @param feedback what follows the two SSRCs of one transport-wide feedback packet. undefined: malformed */
  readTransportFeedback(
    peer: number,
    feedback: Uint8Array,
    nowMicros: number,
  ): TransportFeedback | undefined {
    return this.#video.readTransportFeedback?.(peer, feedback, nowMicros);
  }

  // ---- RTCP ----

  /**
   * Where in the engine's scratch a compound of at most RTCP_BYTES_MAX bytes may be written; `sendRtcp` must follow before
   * anything else is asked of the port.
   */
  rtcpOffset(): number {
    if (this.#scratchUsed + RTCP_BYTES_MAX > SCRATCH_BYTES) this.flush();
    return this.#scratchUsed;
  }

  /** Sends what was written at `rtcpOffset()`; it leaves with the batch or the next flush. */
  sendRtcp(peer: number, length: number): void {
    const at = this.#nextCommand();
    writeRtcpCommand(this.#commands, at, peer, this.#engine.scratchOffset + this.#scratchUsed, length);
    this.#scratchUsed += (length + 3) & ~3;
  }

  /** Sends the peer's template of reports, with the counters of when the commands are executed. */
  sendReport(peer: number, ntpSeconds: number, ntpFraction: number, timestamp: number): void {
    const at = this.#nextCommand();
    writeReportCommand(this.#commands, at, peer, ntpSeconds, ntpFraction, timestamp);
  }

  #nextCommand(): number {
    if (this.#count === this.#capacity) {
      const scratchUsed = this.#scratchUsed; // what was just written there is still to be named by the next command
      this.flush();
      this.#scratchUsed = scratchUsed;
    }
    return this.#count++;
  }

  /** @returns where abs-capture-time lies until the commands are executed, absolute */
  #noteCapture(captureMicros: number): number {
    if (this.#scratchUsed + CAPTURE_BYTES > SCRATCH_BYTES) this.flush();
    const { scratch, scratchOffset } = this.#engine;
    const at = this.#scratchUsed;
    scratch.set(writeAbsCaptureTime(absCaptureTimeAt(this.#unixMicrosAtZero + captureMicros)), at);
    this.#scratchUsed += CAPTURE_BYTES;
    return scratchOffset + at;
  }

  #settle(): void {
    if (this.#media) this.flush();
  }

  #write(
    type: number,
    target: number,
    packet: ReceivedPacket,
    index: number,
    timestamp: number,
    flags: number,
    csrcs: readonly number[],
    patches: PacketPatches | undefined,
    captureMicros: number | undefined,
  ): void {
    const commands = this.#commands;
    const captureOffset =
      captureMicros === undefined || captureMicros === CAPTURE_UNTOLD ? 0 : this.#noteCapture(captureMicros);
    const word = this.#nextCommand() * COMMAND_WORDS;
    this.#media = true;
    commands[word + COMMAND_TYPE] = type;
    commands[word + COMMAND_TARGET] = target;
    commands[word + COMMAND_PAYLOAD_OFFSET] = packet.payloadOffset;
    commands[word + COMMAND_PAYLOAD_LENGTH] = packet.payloadLength;
    commands[word + COMMAND_INDEX] = index;
    commands[word + COMMAND_TIMESTAMP] = timestamp;
    commands[word + COMMAND_FLAGS] = flags | (packet.codec << FLAG_CODEC_SHIFT);
    commands[word + COMMAND_CSRC_COUNT] = csrcs.length;
    commands[word + COMMAND_CSRC0] = csrcs[0] ?? 0;
    commands[word + COMMAND_CSRC1] = csrcs[1] ?? 0;
    const { offsets, lengths } = packet.extensions;
    let count = 0;
    // Of virtual streams the source's own time of capture stays here; it is the last kind.
    const carried = captureMicros === undefined ? CARRIED_KINDS : CarriedKind.absCaptureTime;
    const most = captureOffset === 0 ? COMMAND_EXTENSIONS_MAX : COMMAND_EXTENSIONS_MAX - 1;
    for (let kind = 0; kind < carried; kind++) {
      const length = lengths[kind]!;
      if (length === 0 || count === most) continue;
      const at = word + COMMAND_EXTENSIONS + 2 * count++;
      commands[at] = kind | (length << 8);
      commands[at + 1] = offsets[kind]!;
    }
    if (captureOffset !== 0) {
      const at = word + COMMAND_EXTENSIONS + 2 * count++;
      commands[at] = CarriedKind.absCaptureTime | (CAPTURE_BYTES << 8);
      commands[at + 1] = captureOffset;
    }
    commands[word + COMMAND_EXTENSION_COUNT] = count;
    const patchCount = patches ? patches.count : 0;
    commands[word + COMMAND_PATCH_COUNT] = patchCount;
    for (let i = 0; i < patchCount; i++) {
      commands[word + COMMAND_PATCHES + 2 * i] = patches!.descriptors[i]!;
      commands[word + COMMAND_PATCHES + 2 * i + 1] = patches!.values[i]!;
    }
  }
}

/** Reused: a talker's packets come and go 50 times a second. */
class PooledPacket implements CachedPacket {
  readonly cached = true;
  slot = 0;
  payloadOffset = 0;
  payloadLength = 0;
  extendedSequence = 0;
  timestamp = 0;
  marker = false;
  payloadType = 0;
  codec = 0;
  ssrc = 0;
  arrivalMicros = 0;
  audioLevel = -1;
  voice = false;
  readonly extensions = { offsets: new Uint32Array(CARRIED_KINDS), lengths: new Uint8Array(CARRIED_KINDS) };

  copy(packet: ReceivedPacket): void {
    this.slot = packet.slot;
    this.payloadOffset = packet.payloadOffset;
    this.payloadLength = packet.payloadLength;
    this.extendedSequence = packet.extendedSequence;
    this.timestamp = packet.timestamp;
    this.marker = packet.marker;
    this.payloadType = packet.payloadType;
    this.codec = packet.codec;
    this.ssrc = packet.ssrc;
    this.arrivalMicros = packet.arrivalMicros;
    this.audioLevel = packet.audioLevel;
    this.voice = packet.voice;
    this.extensions.offsets.set(packet.extensions.offsets);
    this.extensions.lengths.set(packet.extensions.lengths);
  }
}
