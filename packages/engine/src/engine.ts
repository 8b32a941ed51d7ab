/**
 * The typed face of the packet engine: sockets, peers, lists, and the arrays shared with the add-on.
 * Calls here happen when something changes; what happens per packet goes through rows and commands.
 * It knows nothing of rooms, codecs or the meaning of RTCP. One thread owns an Engine; several may live in one process.
 * Elsewhere: words of the arrays → layout.ts · entries → entries.ts · commands → commands.ts · handshakes → dtls.ts
 */
import { markAsUntransferable } from 'node:worker_threads';
import { Dtls, DtlsContext, SRTP_PROFILES } from './dtls.js';
import { asEngineError, EngineError } from './errors.js';
import { FEEDBACK_NUMBERS_MAX, unpackFeedback } from './feedback.js';
import * as layout from './layout.js';
import { packDatagrams, unpackDatagrams } from './memory.js';
import { loadNative } from './native.js';
import type { NativeEngine, NativeModule } from './native.js';
import type {
  BindOptions,
  BindTcpOptions,
  Bound,
  DtlsContextOptions,
  DtlsOptions,
  EngineOptions,
  EngineStats,
  Feedback,
  InjectedDatagram,
  OnBatch,
  PacerQueue,
  Probe,
  SentDatagram,
  SrtpKeys,
  SrtpProfile,
  StartOptions,
} from './types.js';

const DEFAULTS = {
  slots: 16_384, // 32 MiB of address space; touched only when used
  entries: 65_536, // 1,000 receivers with 64 streams each
  commands: 8_192, // 256 rows of a batch in 30 views each
  maxPeers: 16_384,
  /** Holds a fan-out of several thousand small packets; the kernel's default holds 282. */
  bufferBytes: 4 * 1024 * 1024,
  /** A client's first check follows its connection at once; behind a bad path TCP repeats it after 1, 3 and 7 s. */
  unverifiedMs: 10_000,
};
const LIMITS = {
  slots: 262_144,
  entries: 1_048_576,
  commands: 65_536,
  maxPeers: 65_536,
  captureRoom: 256 * 1024 * 1024,
};
/** `retain` refuses below this: two batches, so that receiving goes on when a cache wants everything. */
const RESERVED_SLOTS = 2 * layout.BATCH_ROWS;

export class Engine {
  /** Received datagrams, SLOT_BYTES each. Only the engine writes here. */
  readonly slab: Uint8Array;
  readonly rows: Uint32Array;
  readonly commands: Uint32Array;
  readonly entries: Uint32Array;
  /** Header extension values and RTCP that commands point to; byte 0 is at `scratchOffset`. */
  readonly scratch: Uint8Array;
  readonly scratchOffset: number;
  readonly memory: boolean;
  readonly #native: NativeEngine;
  readonly #module: NativeModule;
  readonly #freeSlots: Uint32Array;
  readonly #slotHolders: Uint32Array;
  readonly #reservedSlots: number;
  readonly #feedback = new Float64Array(FEEDBACK_NUMBERS_MAX);
  #closed = false;

  /** @throws EngineError `NOT_BUILT`, `STALE_BUILD`; RangeError for a size out of range. */
  constructor(options: EngineOptions = {}) {
    const slots = size('slots', options.slots, 256);
    const entries = size('entries', options.entries, 1);
    const commands = size('commands', options.commands, 1);
    const maxPeers = size('maxPeers', options.maxPeers, 1);
    this.memory = options.memory ?? false;
    this.#module = loadNative();
    checkLayout(this.#module);
    this.#native = new this.#module.Engine(this.memory, slots, entries, commands, maxPeers);
    const arrays = this.#native.arrays();
    // The add-on keeps their addresses: no message to a thread may take them away.
    for (const array of Object.values(arrays) as ArrayBuffer[]) markAsUntransferable(array);
    this.scratchOffset = slots * layout.SLOT_BYTES;
    this.slab = new Uint8Array(arrays.slab, 0, this.scratchOffset);
    this.scratch = new Uint8Array(arrays.slab, this.scratchOffset, layout.SCRATCH_BYTES);
    this.rows = new Uint32Array(arrays.rows);
    this.commands = new Uint32Array(arrays.commands);
    this.entries = new Uint32Array(arrays.entries);
    this.#freeSlots = new Uint32Array(arrays.freeSlots);
    this.#slotHolders = new Uint32Array(arrays.slotHolders);
    this.#reservedSlots = Math.min(RESERVED_SLOTS, slots >> 1);
  }

  // ---- sockets ----

  /**
   * UDP on one address. Bound to 0.0.0.0 or :: it answers from the address that it was asked on.
   * @param port 0 = any free one
   * @throws EngineError `ADDRESS_IN_USE`, `ADDRESS_NOT_AVAILABLE`, `PERMISSION`, `BAD_ADDRESS`, `TOO_MANY_OPEN_FILES`, `SOCKET_FAILED`
   */
  bind(ip: string, port: number, options: BindOptions = {}): Bound {
    const { sendBuffer = DEFAULTS.bufferBytes, receiveBuffer = DEFAULTS.bufferBytes } = options;
    checkPort(port);
    const { ipv6Only = true, reusePort = false, coalesce = false } = options;
    return this.#use((native) =>
      native.bind(ip, port, sendBuffer, receiveBuffer, ipv6Only, reusePort, coalesce),
    );
  }

  /**
   * ICE-TCP: connections to this address, frames by RFC 4571. A frame is a row like a datagram; the row's address names its
   * connection, and `bindAddress`, `selectAddress` and `sendTo` take it. A connection whose address no peer has may send STUN
   * only, and not for long. When one that belonged to a peer ends, its address is unbound and a KIND_CLOSED row tells.
   * @param options without sizes, buffers are as the kernel likes
   * @throws EngineError as `bind`; `NOT_SUPPORTED` where it is not Linux
   */
  bindTcp(ip: string, port: number, options: BindTcpOptions = {}): Bound {
    const { sendBuffer = 0, receiveBuffer = 0, ipv6Only = true } = options;
    const { unverifiedMs = DEFAULTS.unverifiedMs } = options;
    checkPort(port);
    return this.#use((native) =>
      native.bindTcp(ip, port, sendBuffer, receiveBuffer, ipv6Only, false, unverifiedMs),
    );
  }

  /** Connections end with it. */
  unbind(socket: number): void {
    this.#native.unbind(socket);
  }

  /** Reading begins. Sockets bound later join in. @throws EngineError `ALREADY_STARTED`. */
  start(onBatch: OnBatch, { readEveryMs = 0 }: StartOptions = {}): void {
    this.#use((native) => native.start(onBatch, readEveryMs));
  }

  /**
   * Reads what the sockets hold, now: for who reads seldom and ends something. `onBatch` is called before it returns, and
   * an exception of it comes out here.
   * @returns datagrams, those without a row as well
   * @throws EngineError `IN_BATCH`
   */
  read(): number {
    return this.#use((native) => native.read()) ?? 0;
  }

  /**
   * Executes commands that were filled in outside a batch (timers).
   * @returns packets that were not sent; the reasons are in `stats().drops`
   */
  flush(commandCount: number): number {
    return this.#native.flush(commandCount) ?? commandCount;
  }

  /** Monotonic microseconds; in memory mode the last time given. */
  now(): number {
    return this.#native.now() ?? 0;
  }

  /** STUN and DTLS. `address` as in a row: the answer leaves from the local address that was asked. */
  sendTo(socket: number, address: Uint8Array, bytes: Uint8Array): boolean {
    return this.#native.sendTo(socket, address, bytes) ?? false;
  }

  // ---- slots ----

  /**
   * Keeps a slot's bytes beyond its batch, until as many `release` calls.
   * @returns false when so few slots are free that receiving would suffer; the slot is not kept then
   */
  retain(slot: number): boolean {
    const holders = this.#slotHolders[slot];
    if (!holders) throw new EngineError('SLOT_NOT_RETAINED', `slot ${slot} holds nothing`);
    if (holders === 1 && this.freeSlots < this.#reservedSlots) return false;
    this.#slotHolders[slot] = holders + 1;
    return true;
  }

  release(slot: number): void {
    const holders = this.#slotHolders[slot];
    if (!holders) throw new EngineError('SLOT_NOT_RETAINED', `slot ${slot} is not retained`);
    this.#slotHolders[slot] = holders - 1;
    if (holders === 1) {
      const free = (this.#freeSlots[0] ?? 0) + 1;
      this.#freeSlots[free] = slot;
      this.#freeSlots[0] = free;
    }
  }

  get freeSlots(): number {
    return this.#freeSlots[0] ?? 0;
  }

  // ---- peers ----

  /** @throws EngineError `PEERS_EXHAUSTED`. */
  createPeer(): number {
    return this.#use((native) => native.createPeer());
  }

  /** Its addresses and keys are gone; entries that still name it are dropped as 'entry-invalid'. */
  closePeer(peer: number): void {
    this.#native.closePeer(peer);
  }

  /**
   * Receive from this address.
   * @returns false beyond 8 per peer, when the address belongs to another peer, and for a connection that has ended
   */
  bindAddress(peer: number, socket: number, address: Uint8Array): boolean {
    return this.#use((native) => native.bindAddress(peer, socket, address));
  }

  unbindAddress(peer: number, socket: number, address: Uint8Array): void {
    this.#native.unbindAddress(peer, socket, address);
  }

  /** Where the peer's packets go from now on. */
  selectAddress(peer: number, socket: number, address: Uint8Array): void {
    this.#use((native) => native.selectAddress(peer, socket, address));
  }

  /** Given keys: tests, simulations, plain transports. Replay state starts anew. @throws EngineError `BAD_KEYS`. */
  setKeys(peer: number, profile: SrtpProfile, keys: SrtpKeys): void {
    const number = SRTP_PROFILES.indexOf(profile) + 1;
    this.#use((native) =>
      native.setKeys(peer, number, keys.receiveKey, keys.receiveSalt, keys.sendKey, keys.sendSalt),
    );
  }

  /** @throws EngineError `NO_SRTP_PROFILE` when the handshake is not done or negotiated none. */
  setKeysFromDtls(peer: number, dtls: Dtls): void {
    this.#use((native) => native.setKeysFromDtls(peer, dtls.native));
  }

  // ---- peers without ICE ----

  /** In place of keys: RTP and RTCP of this peer are neither encrypted nor authenticated, and no repetition is refused. */
  setPlain(peer: number): void {
    this.#use((native) => native.setPlain(peer));
  }

  /** SCTP of this peer comes without DTLS around it (KIND_SCTP). */
  acceptSctp(peer: number): void {
    this.#use((native) => native.acceptSctp(peer));
  }

  /**
   * The socket is this peer's alone: what comes from its selected remote address is accepted, whatever local address it came
   * to. Others are dropped as 'no-peer'.
   * @param latch once, the first packet that the peer's keys open binds and selects the address that it came from
   */
  ownSocket(peer: number, socket: number, latch: boolean): void {
    this.#use((native) => native.ownSocket(peer, socket, latch));
  }

  /**
   * An RTP packet of a peer that has no address: a batch of its own, before this returns. Not inside `onBatch`.
   * @returns false when it went no further (counted)
   */
  deliver(peer: number, bytes: Uint8Array): boolean {
    return this.#use((native) => native.deliver(peer, bytes)) ?? false;
  }

  /**
   * From now on the engine repeats answers to STUN checks by itself: when `sendTo` has answered one from the selected address
   * with a success, the next from there that differs in transaction id and integrity only never reaches `onBatch`. One in
   * `refreshMicros` does, and so does every other check. Again after a restart: other credentials, the same memory.
   * @param refreshMicros 0 = as before
   * @returns false when fragment or password are empty or too long; everything goes to `onBatch` then
   */
  answerChecks(peer: number, fragment: string, password: Uint8Array, refreshMicros: number): boolean {
    return this.#use((native) => native.answerChecks(peer, fragment, password, refreshMicros));
  }

  /**
   * A compound of sender reports that COMMAND_REPORT sends with the time and counters of then.
   * @param places triples: offset of a sender report in `bytes`, entry whose counters it has, what is added to the timestamp
   * @returns false when a report does not lie inside `bytes`, or for too many; the peer has no template then
   */
  setReport(peer: number, bytes: Uint8Array, places: Uint32Array): boolean {
    return this.#use((native) => native.setReport(peer, bytes, places));
  }

  /**
   * Packets beyond it are dropped before decryption. Default 5,000/s, burst 1,000.
   * @param sources how many SSRCs it may send
   */
  setRateLimit(peer: number, packetsPerSecond: number, burst: number, sources = 64): void {
    this.#use((native) => native.setRateLimit(peer, packetsPerSecond, burst, sources));
  }

  /** A plain compound; protected and sent, inside a batch together with the batch's packets. */
  sendRtcp(peer: number, bytes: Uint8Array): boolean {
    return this.#native.sendRtcp(peer, bytes) ?? false;
  }

  // ---- video ----

  /**
   * Packets of entries that are `paced` leave at this rate, in bursts of at most `burstMicros`; others pass by. What waits is
   * bounded by 1 MiB and 2 s: the oldest goes ('pacer-full'). Number and time of sending are those of leaving.
   * @param bitsPerSecond 0 = off
   */
  setPacing(peer: number, bitsPerSecond: number, burstMicros = 5_000): void {
    this.#use((native) => native.setPacing(peer, bitsPerSecond, burstMicros));
  }

  pacerQueue(peer: number): PacerQueue {
    const numbers = new Float64Array(3);
    this.#native.pacerQueue(peer, numbers);
    const [packets = 0, bytes = 0, oldestMicros = 0] = numbers;
    return { packets, bytes, oldestMicros };
  }

  /**
   * Padding in the entry's RTX stream, at a rate of its own beside the media. Probes of a peer follow each other.
   * @returns false when the entry has no RTX stream or no transport-wide numbers, or eight probes wait
   */
  probe(peer: number, entry: number, probe: Probe): boolean {
    const { clusterId, bitsPerSecond, bytes } = probe;
    if (!Number.isInteger(clusterId) || clusterId < 1 || clusterId > 65_535)
      throw new RangeError(`clusterId ${clusterId} is not 1…65535`);
    return this.#use((native) => native.probe(peer, entry, clusterId, bitsPerSecond, bytes));
  }

  /**
   * @param bytes the FCI of one transport-wide feedback packet: base number to last delta
   * @returns undefined when it is malformed (counted as 'feedback-malformed')
   */
  readTransportFeedback(peer: number, bytes: Uint8Array, nowMicros: number): Feedback | undefined {
    const count = this.#use((native) => native.readTransportFeedback(peer, bytes, nowMicros, this.#feedback));
    return count < 0 ? undefined : unpackFeedback(this.#feedback);
  }

  /**
   * Sends what pacers and probes hold back and is due. With sockets the engine does it by itself.
   * @returns microseconds until something is due, undefined when nothing waits
   */
  poll(): number | undefined {
    const wait = this.#native.poll() ?? -1;
    return wait < 0 ? undefined : wait;
  }

  // ---- capture ----

  /**
   * Bytes for copies of packets of the peers that `setCapture` marks. What does not fit until the next `takeCapture` is
   * counted per peer. Changing it empties it. @param bytes 0 = none are held
   */
  setCaptureRoom(bytes: number): void {
    if (!Number.isInteger(bytes) || bytes < 0 || bytes > LIMITS.captureRoom)
      throw new RangeError(`capture room ${bytes} is not 0…${LIMITS.captureRoom}`);
    this.#use((native) => native.setCaptureRoom(bytes));
  }

  /**
   * From now on the peer's RTP and RTCP is copied as it is without SRTP: what came in and was authentic, what goes out.
   * @param capture 1…255, stands in its records; 0 = no longer
   */
  setCapture(peer: number, capture: number): void {
    if (!Number.isInteger(capture) || capture < 0 || capture > 255)
      throw new RangeError(`capture ${capture} is not 0…255`);
    this.#use((native) => native.setCapture(peer, capture));
  }

  /** Records since the last call, for `readCapture`. */
  takeCapture(): Uint8Array {
    return this.#native.takeCapture() ?? new Uint8Array(0);
  }

  /** Packets of the peer, since it was marked, that found no room. */
  captureLost(peer: number): { incoming: number; outgoing: number } {
    const numbers = new Float64Array(2);
    this.#native.captureLost(peer, numbers);
    return { incoming: numbers[0] ?? 0, outgoing: numbers[1] ?? 0 };
  }

  // ---- entries and lists ----

  /** All words zero: not enabled, nothing negotiated. @throws EngineError `ENTRIES_EXHAUSTED`. */
  createEntry(): number {
    return this.#use((native) => native.createEntry());
  }

  /** Also removes it from its list. */
  freeEntry(entry: number): void {
    this.#native.freeEntry(entry);
  }

  createList(): number {
    return this.#use((native) => native.createList());
  }

  /** Its entries stay, in no list. */
  freeList(list: number): void {
    this.#native.freeList(list);
  }

  /** Takes it out of the list it was in. @throws EngineError `BAD_HANDLE`. */
  listAdd(list: number, entry: number): void {
    this.#use((native) => native.listAdd(list, entry));
  }

  listRemove(entry: number): void {
    this.#native.listRemove(entry);
  }

  listSize(list: number): number {
    return this.#native.listSize(list) ?? 0;
  }

  // ---- DTLS ----

  createDtlsContext(options: DtlsContextOptions = {}): DtlsContext {
    return new DtlsContext(options);
  }

  createDtls(context: DtlsContext, options: DtlsOptions): Dtls {
    return new Dtls(context, options);
  }

  // ---- memory mode ----

  /**
   * Datagrams through the same path as from a socket, in batches of at most BATCH_ROWS rows. An exception of
   * `onBatch` comes out here. @throws EngineError `NOT_MEMORY_MODE`.
   */
  inject(datagrams: readonly InjectedDatagram[], nowMicros: number): void {
    this.#use((native) => native.inject(packDatagrams(datagrams), datagrams.length, nowMicros));
  }

  /** What waits for a pacer and is due by then is sent. */
  setNow(nowMicros: number): void {
    this.#use((native) => native.setNow(nowMicros));
  }

  /** What would have gone to sockets since the last call, in order. */
  takeSent(): SentDatagram[] {
    return unpackDatagrams(this.#use((native) => native.takeSent()));
  }

  // ---- state ----

  stats(): EngineStats {
    const { counters, drops } = this.#module;
    const values = new Float64Array(counters.length + drops.length);
    this.#native.stats(values);
    const value = (name: string): number => values[counters.indexOf(name)] ?? 0;
    return {
      received: value('received'),
      receivedBytes: value('receivedBytes'),
      sent: value('sent'),
      sentBytes: value('sentBytes'),
      batches: value('batches'),
      receiveCalls: value('receiveCalls'),
      sendCalls: value('sendCalls'),
      sendErrors: value('sendErrors'),
      sendFull: value('sendFull'),
      queuedBytes: value('queuedBytes'),
      wakeups: value('wakeups'),
      checksAnswered: value('checksAnswered'),
      tcpAccepted: value('tcpAccepted'),
      tcpConnections: value('tcpConnections'),
      tcpQueuedBytes: value('tcpQueuedBytes'),
      peers: value('peers'),
      entries: value('entries'),
      lists: value('lists'),
      freeSlots: this.freeSlots,
      cipher: (this.#native.cipher() ?? 'evp') as EngineStats['cipher'],
      drops: Object.fromEntries(
        layout.DROP.map((reason, i) => [reason, values[counters.length + i] ?? 0]),
      ) as EngineStats['drops'],
    };
  }

  /** For benches and tests: which AES-GCM code encrypts what is sent by keys set from now on. @returns false when this machine cannot. */
  setCipher(cipher: EngineStats['cipher']): boolean {
    return this.#native.setCipher(cipher) ?? false;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Sockets, keys and peers are gone; the arrays stay readable. Inside `onBatch` it takes effect when that returns. Twice is once. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#native.close();
  }

  /** For what makes no sense on a closed engine. The others do nothing then, so that tearing down needs no order. */
  #use<T>(call: (native: NativeEngine) => T): T {
    if (this.#closed) throw new EngineError('CLOSED', 'the engine is closed');
    try {
      return call(this.#native);
    } catch (error) {
      throw asEngineError(error);
    }
  }
}

function checkPort(port: number): void {
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new RangeError(`port ${port} is not 0…65535`);
}

function size(
  name: keyof typeof DEFAULTS & keyof typeof LIMITS,
  wanted: number | undefined,
  least: number,
): number {
  const value = wanted ?? DEFAULTS[name];
  if (!Number.isInteger(value) || value < least || value > LIMITS[name]) {
    throw new RangeError(`${name} ${value} is not ${least}…${LIMITS[name]}`);
  }
  return value;
}

/** A binary built from other sources than these would be misread silently. */
function checkLayout(native: NativeModule): void {
  const differing = layoutDifferences(native.layout, native.drops);
  if (differing.length > 0) {
    throw new EngineError(
      'STALE_BUILD',
      `rebuild the add-on ("npm run build"); differs in ${differing.join(', ')}`,
    );
  }
}

export function layoutDifferences(
  native: Readonly<Record<string, number>>,
  drops: readonly string[],
): string[] {
  const own: Record<string, number> = {};
  for (const [name, value] of Object.entries(layout)) if (typeof value === 'number') own[name] = value;
  const differing = [...new Set([...Object.keys(own), ...Object.keys(native)])].filter(
    (name) => own[name] !== native[name],
  );
  if (layout.DROP.join() !== drops.join()) differing.push('DROP');
  return differing;
}
