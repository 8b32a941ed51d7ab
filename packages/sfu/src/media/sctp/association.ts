/**
 * An SCTP association over DTLS: werift's, with a stricter entrance and our own receiving half. The only file that
 * knows werift, whose association is not a documented interface: its version is pinned, and what is used of it is
 * looked for when an association is made. Its timers and its clock are its own; none of them keeps the process alive.
 * Spec: RFC 9260 (SCTP), RFC 8261 (over DTLS), RFC 6525 (stream reset), RFC 3758 (partial reliability).
 * Ours instead of werift's: the check of packets, reassembly, acknowledgements, the answers to stream resets and the choice of
 * what is given up, because its own throw on rubbish, sort numbers as text, know no limit to what they keep, and give up the
 * oldest message instead of the one whose time is over.
 * Elsewhere: what messages mean → dcep.ts, dataChannels.ts · encryption → ../dtls
 */
import { randomInt } from 'node:crypto';
import { RTCSctpTransport } from 'werift';
import { InboundStreams } from './inboundStreams.js';
import type { InboundLimits } from './inboundStreams.js';
import { CHUNK, inspectSctpPacket } from './packetGuard.js';
import { tsnAdd, tsnDelta } from './tsn.js';
import { SCTP_LIMITS } from './types.js';
import type {
  Association,
  AssociationEnd,
  AssociationEvents,
  AssociationState,
  AssociationStats,
  SctpDropReason,
  SendOptions,
} from './types.js';

export interface AssociationOptions extends InboundLimits {
  /** 'server' waits for the peer's INIT, which browsers send in either case. */
  role: 'server' | 'client';
  localPort?: number;
  remotePort?: number;
  /** The peer may begin to listen at any time from now on: it is asked until it answers. */
  isPatient?: boolean;
  /** Into DTLS; `packet` is not used afterwards. */
  sendPacket: (packet: Uint8Array) => void;
}

/** draft-ietf-mmusic-sctp-sdp's usual port, which all browsers use. */
const WEBRTC_PORT = 5000;
const ESTABLISHED = 4;
const RESET = { outgoing: 13, response: 16 } as const;
const RESULT = { performed: 1, denied: 2, badSequence: 5, inProgress: 6 } as const;
/**
 * Until something is sent again. RFC 9260 §16 has 1, 1 and 60. What is sent here is a call's control messages: a lost last
 * one must not take a second. 400 ms are twice what a peer may wait with its SACK, and what Chromium takes.
 */
const TIMEOUT_SECONDS = { first: 1, least: 0.4, most: 10, unanswered: 0.25 } as const;
/** Types of chunks that a connection must be there for. */
const NEEDS_CONNECTION: ReadonlySet<number> = new Set([
  CHUNK.data,
  CHUNK.sack,
  CHUNK.forwardTsn,
  CHUNK.reconfig,
  CHUNK.heartbeat,
  CHUNK.heartbeatAck,
  CHUNK.shutdown,
]);

interface WeriftEvent<Args extends unknown[]> {
  subscribe(listener: (...args: Args) => void): unknown;
}
interface WeriftData {
  tsn: number;
  streamId: number;
  streamSeqNum: number;
  protocol: number;
  flags: number;
  userData: Buffer;
}
interface WeriftSent {
  streamId: number;
  flags: number;
  sentCount: number;
  abandoned: boolean;
  acked: boolean;
  retransmit: boolean;
  maxRetransmits: number | undefined;
  /** Seconds of Unix time. */
  expiry: number | undefined;
}
interface WeriftForwardTsn {
  streams: [number, number][];
}
interface WeriftSack {
  cumulativeTsn: number;
  gaps: [number, number][];
}
interface WeriftReset {
  type: number;
  requestSequence: number;
  lastTsn: number;
  streams: number[];
  result: number;
}
/** What is used of werift's association, by the names of version 0.25.2. */
interface WeriftAssociation {
  associationState: number;
  localTsn: number;
  lastSackedTsn: number;
  advancedPeerAckTsn: number;
  reconfigRequestSeq: number;
  reconfigResponseSeq: number;
  reconfigQueue: number[];
  lastReceivedTsn: number | undefined;
  sackNeeded: boolean;
  sackImmediate: boolean;
  sackPacketCount: number;
  _inboundStreamsMax: number;
  outboundQueue: { streamId: number; userData: Buffer }[];
  sentQueue: WeriftSent[];
  forwardTsnChunk: WeriftForwardTsn | undefined;
  /** Seconds, as the next three. */
  rto: number;
  srtt: number | undefined;
  rttvar: number | undefined;
  updateRto(roundTrip: number): void;
  flush: WeriftEvent<[]>;
  onReconfigStreams: WeriftEvent<[number[]]>;
  stateChanged: { connected: WeriftEvent<[]>; closed: WeriftEvent<[]> };
  handleData(packet: Buffer): Promise<void>;
  send(
    streamId: number,
    protocol: number,
    data: Buffer,
    options: { ordered: boolean; maxRetransmits: number | undefined; expiry: number | undefined },
  ): Promise<void>;
  maybeAbandon(chunk: WeriftSent): boolean;
  updateAdvancedPeerAckPoint(): void;
  stop(): Promise<void>;
  receiveDataChunk(chunk: WeriftData): void;
  receiveForwardTsnChunk(chunk: { cumulativeTsn: number; streams: [number, number][] }): void;
  receiveSackChunk(chunk: WeriftSack): Promise<void>;
  receiveReconfigParam(parameter: WeriftReset): Promise<void>;
  sendSack(): Promise<void>;
  sendChunk(chunk: { bytes: Buffer }): Promise<void>;
  sendReconfigParam(parameter: { type: number; bytes: Buffer }): Promise<void>;
  transmitReconfigRequest(): Promise<void>;
}
const TIMERS = [
  'timer1Handle',
  'timer2Handle',
  'timer3Handle',
  'timerReconfigHandle',
  'timerHeartbeatHandle',
  'sackTimeout',
] as const;
const METHODS = [
  'handleData',
  'send',
  'maybeAbandon',
  'updateAdvancedPeerAckPoint',
  'stop',
  'receiveDataChunk',
  'receiveForwardTsnChunk',
  'receiveSackChunk',
  'receiveReconfigParam',
  'updateRto',
  'sendSack',
  'sendChunk',
  'sendReconfigParam',
  'transmitReconfigRequest',
] as const satisfies (keyof WeriftAssociation)[];

export class SctpAssociation implements Association {
  on: AssociationEvents | undefined;
  readonly #sctp: WeriftAssociation;
  readonly #inbound: InboundStreams;
  readonly #drops = new Map<SctpDropReason, number>();
  #state: AssociationState = 'connecting';
  #queue: { packet: Buffer; types: readonly number[] }[] = [];
  #working = false;
  /** Why it is about to end, known before werift says that it did. */
  #ending: AssociationEnd | undefined;
  #lastResetResult: number = RESULT.performed;
  #packetsReceived = 0;
  #packetsSent = 0;

  constructor(options: AssociationOptions) {
    this.#inbound = new InboundStreams(
      {
        message: (streamId, payloadProtocol, bytes) => this.on?.message(streamId, payloadProtocol, bytes),
        oversized: (streamId) => this.on?.oversized(streamId),
      },
      options,
    );
    const transport = makeTransport(options, (packet) => {
      if (this.#state === 'closed') return;
      this.#packetsSent++;
      options.sendPacket(packet);
    });
    this.#sctp = transport.sctp as unknown as WeriftAssociation;
    this.#adapt(options.streams ?? SCTP_LIMITS.streams);
    if (options.isPatient) beginPatiently(this.#sctp);
    transport.start(options.remotePort ?? WEBRTC_PORT).catch(() => this.#drop('sctp-refused'));
  }

  get state(): AssociationState {
    return this.#state;
  }
  get unsentBytes(): number {
    let bytes = 0;
    for (const { userData } of this.#sctp.outboundQueue) bytes += userData.length;
    return bytes;
  }

  hasOutstanding(streamId: number): boolean {
    const { outboundQueue, sentQueue } = this.#sctp;
    const belongs = (chunk: { streamId: number }): boolean => chunk.streamId === streamId;
    return outboundQueue.some(belongs) || sentQueue.some(belongs);
  }

  handlePacket(bytes: Uint8Array): void {
    if (this.#state === 'closed') {
      this.#drop('sctp-closed');
      return;
    }
    this.#packetsReceived++;
    const inspected = inspectSctpPacket(bytes);
    if (!inspected.ok) {
      this.#drop(inspected.why);
      return;
    }
    if (inspected.value.skippedUnknown) this.#drop('sctp-unknown-chunk');
    if (this.#queue.length >= SCTP_LIMITS.queuedPackets) {
      this.#drop('sctp-queue-full');
      return;
    }
    this.#queue.push({ packet: Buffer.from(inspected.value.bytes), types: inspected.value.types });
    if (!this.#working) void this.#work();
  }

  send(streamId: number, payloadProtocol: number, bytes: Uint8Array, options: SendOptions): boolean {
    if (this.#state !== 'connected' || bytes.length === 0) return false;
    const { ordered, maxRetransmits, maxPacketLifeTimeMs: lifeTimeMs } = options;
    const expiry = lifeTimeMs === undefined ? undefined : (Date.now() + lifeTimeMs) / 1000;
    this.#sctp
      .send(streamId, payloadProtocol, Buffer.from(bytes), { ordered, maxRetransmits, expiry })
      .catch(() => this.#drop('sctp-refused'));
    return true;
  }

  resetOutgoing(streamId: number): void {
    if (this.#state !== 'connected') return;
    if (!this.#sctp.reconfigQueue.includes(streamId)) this.#sctp.reconfigQueue.push(streamId);
    this.#sctp.transmitReconfigRequest().catch(() => this.#drop('sctp-refused'));
  }

  /** The peer is told by an ABORT. */
  close(): void {
    this.#end('self');
  }

  stats(): AssociationStats {
    return {
      packetsReceived: this.#packetsReceived,
      packetsSent: this.#packetsSent,
      drops: Object.fromEntries(this.#drops),
    };
  }

  /** One packet at a time: werift waits between the chunks of a packet, and a second one must not slip in. */
  async #work(): Promise<void> {
    this.#working = true;
    for (let next = this.#queue.shift(); next; next = this.#queue.shift()) {
      try {
        await this.#handle(next.packet, next.types);
      } catch (error) {
        this.#drop(
          error instanceof Error && error.message.includes('checksum') ? 'sctp-checksum' : 'sctp-refused',
        );
      }
    }
    this.#working = false;
  }

  async #handle(packet: Buffer, types: readonly number[]): Promise<void> {
    if (this.#state === 'closed') return this.#drop('sctp-closed');
    const connects = types.includes(CHUNK.cookieEcho) || types.includes(CHUNK.cookieAck);
    if (this.#state === 'connecting' && !connects && types.some((type) => NEEDS_CONNECTION.has(type)))
      return this.#drop('sctp-not-connected');
    // An INIT that comes late or again would begin the numbers anew under an association that is in use.
    if (this.#state === 'connected' && types.includes(CHUNK.init))
      return this.#drop('sctp-already-connected');
    if (types.includes(CHUNK.abort)) this.#ending = 'peer-aborted';
    await this.#sctp.handleData(packet);
    this.#ending = undefined;
    const greeted = types.includes(CHUNK.init) || types.includes(CHUNK.initAck);
    // Not when it comes again later: what was received since would be forgotten.
    if (greeted && this.#state === 'connecting' && this.#sctp.lastReceivedTsn !== undefined)
      this.#inbound.start(this.#sctp.lastReceivedTsn);
    // werift waits for a SHUTDOWN COMPLETE under a name that it never gets to; the peer has said all it had to say.
    if (types.includes(CHUNK.shutdown) && this.#sctp.associationState !== ESTABLISHED)
      this.#end('peer-shutdown');
  }

  #adapt(streams: number): void {
    const sctp = this.#sctp;
    for (const method of METHODS)
      if (typeof sctp[method] !== 'function')
        throw new Error(`this version of werift has no ${method}; sctp/association.ts is written for 0.25.2`);
    for (const timer of TIMERS) keepNothingAlive(sctp, timer);
    // Half of the circle is left free, and no association sends two thousand million chunks: no wrap on our side.
    sctp.localTsn = randomInt(1, 2 ** 31);
    sctp.lastSackedTsn = sctp.localTsn - 1;
    sctp.advancedPeerAckTsn = sctp.localTsn - 1;
    sctp.reconfigRequestSeq = sctp.localTsn;
    sctp._inboundStreamsMax = streams;
    sctp.receiveDataChunk = (chunk) => this.#handleData(chunk);
    sctp.receiveForwardTsnChunk = (chunk) => {
      sctp.sackNeeded = true;
      sctp.sackImmediate = true;
      if (this.#inbound.handleForwardTsn(chunk.cumulativeTsn, chunk.streams) !== 'taken')
        this.#end('stream-out-of-range');
    };
    const receiveSack = sctp.receiveSackChunk.bind(sctp);
    sctp.receiveSackChunk = async (chunk) => {
      const outstanding = tsnDelta(chunk.cumulativeTsn, tsnAdd(sctp.localTsn, -1));
      const highestGap = chunk.gaps.at(-1)?.[1] ?? 0;
      if (outstanding < highestGap) return this.#drop('sctp-acknowledges-unsent');
      return receiveSack(chunk);
    };
    const receiveReset = sctp.receiveReconfigParam.bind(sctp);
    sctp.receiveReconfigParam = async (parameter) => {
      if (parameter.type === RESET.outgoing) return this.#handleReset(parameter);
      if (parameter.type !== RESET.response)
        return this.#answerReset(parameter.requestSequence, RESULT.denied);
      // Whatever it is but 'not yet', the peer is done with the request, and asking again would change nothing.
      if (parameter.result !== RESULT.inProgress) parameter.result = RESULT.performed;
      await receiveReset(parameter);
      this.#setTimeout(); // werift goes back to its first guess here
    };
    this.#setTimeout();
    const updateTimeout = sctp.updateRto.bind(sctp);
    sctp.updateRto = (roundTrip) => {
      updateTimeout(roundTrip);
      this.#setTimeout();
    };
    sctp.maybeAbandon = (chunk) => abandonMessage(sctp.sentQueue, chunk);
    this.#repeatForwardTsn();
    sctp.sendSack = () => this.#sendSack();
    sctp.flush.subscribe(() => this.on?.drained());
    sctp.onReconfigStreams.subscribe((streamIds) => this.on?.outgoingReset(streamIds));
    sctp.stateChanged.connected.subscribe(() => {
      if (this.#state !== 'connecting') return;
      this.#state = 'connected';
      this.on?.connected();
    });
    sctp.stateChanged.closed.subscribe(() => this.#ended(this.#ending ?? 'timeout'));
  }

  /** RFC 3758 §3.5 A5: what was given up is told until the peer has acknowledged it; werift tells it once. */
  #repeatForwardTsn(): void {
    const sctp = this.#sctp;
    const update = sctp.updateAdvancedPeerAckPoint.bind(sctp);
    let told: WeriftForwardTsn | undefined;
    sctp.updateAdvancedPeerAckPoint = () => {
      update();
      const outstanding = tsnDelta(sctp.lastSackedTsn >>> 0, sctp.advancedPeerAckTsn >>> 0) > 0;
      if (sctp.forwardTsnChunk) {
        const streams = new Map([
          ...(outstanding ? (told?.streams ?? []) : []),
          ...sctp.forwardTsnChunk.streams,
        ]);
        sctp.forwardTsnChunk.streams = [...streams];
        told = sctp.forwardTsnChunk;
      } else if (outstanding) {
        sctp.forwardTsnChunk = told;
      }
    };
  }

  #setTimeout(): void {
    const { srtt, rttvar = 0 } = this.#sctp;
    const wanted = srtt === undefined ? TIMEOUT_SECONDS.first : srtt + 4 * rttvar;
    this.#sctp.rto = Math.max(TIMEOUT_SECONDS.least, Math.min(TIMEOUT_SECONDS.most, wanted));
  }

  #handleData(chunk: WeriftData): void {
    if (this.#state !== 'connected') return this.#drop('sctp-not-connected');
    this.#sctp.sackNeeded = true;
    this.#sctp.sackImmediate = true;
    const outcome = this.#inbound.handleData({
      tsn: chunk.tsn,
      streamId: chunk.streamId,
      streamSequence: chunk.streamSeqNum,
      payloadProtocol: chunk.protocol,
      flags: chunk.flags,
      // A copy: what is kept must not hold the packet's memory, or the pool's that it lies in.
      bytes: new Uint8Array(chunk.userData),
    });
    if (outcome === 'sctp-tsn-window') this.#drop(outcome);
    else if (outcome === 'stream-out-of-range' || outcome === 'receive-window-exceeded') this.#end(outcome);
  }

  /** RFC 6525 §5.2.2: everything up to the last TSN has to be here first; a request that comes again is answered again. */
  async #handleReset(request: WeriftReset): Promise<void> {
    const sctp = this.#sctp;
    const ahead = tsnDelta(sctp.reconfigResponseSeq >>> 0, request.requestSequence);
    if (ahead !== 0 && ahead !== 1) {
      this.#drop('sctp-reset-sequence');
      return this.#answerReset(request.requestSequence, RESULT.badSequence);
    }
    const again = ahead === 0 && this.#lastResetResult === RESULT.performed;
    if (!again) {
      const early = tsnDelta(this.#inbound.cumulativeTsn, request.lastTsn) > 0;
      this.#lastResetResult = early ? RESULT.inProgress : RESULT.performed;
      sctp.reconfigResponseSeq = request.requestSequence;
    }
    await this.#answerReset(request.requestSequence, this.#lastResetResult);
    if (again || this.#lastResetResult !== RESULT.performed || this.#state !== 'connected') return;
    this.#inbound.reset(request.streams);
    this.on?.incomingReset(request.streams);
  }

  async #answerReset(requestSequence: number, result: number): Promise<void> {
    const bytes = Buffer.alloc(8);
    bytes.writeUInt32BE(requestSequence >>> 0, 0);
    bytes.writeUInt32BE(result, 4);
    await this.#sctp.sendReconfigParam({ type: RESET.response, bytes });
  }

  async #sendSack(): Promise<void> {
    const sctp = this.#sctp;
    if (!sctp.sackNeeded || this.#state !== 'connected') return;
    sctp.sackNeeded = false;
    sctp.sackImmediate = false;
    sctp.sackPacketCount = 0;
    const { cumulativeTsn, windowBytes, gaps, duplicates } = this.#inbound.takeSack();
    const bytes = Buffer.alloc(16 + 4 * (gaps.length + duplicates.length));
    bytes.writeUInt8(CHUNK.sack, 0);
    bytes.writeUInt16BE(bytes.length, 2);
    bytes.writeUInt32BE(cumulativeTsn, 4);
    bytes.writeUInt32BE(windowBytes, 8);
    bytes.writeUInt16BE(gaps.length, 12);
    bytes.writeUInt16BE(duplicates.length, 14);
    let at = 16;
    for (const [start, end] of gaps) {
      bytes.writeUInt16BE(start, at);
      bytes.writeUInt16BE(end, at + 2);
      at += 4;
    }
    for (const tsn of duplicates) at = bytes.writeUInt32BE(tsn, at);
    await sctp.sendChunk({ bytes });
  }

  #end(why: AssociationEnd): void {
    if (this.#state === 'closed') return;
    this.#sctp.stop().catch(() => this.#drop('sctp-refused')); // the ABORT is out when this returns
    this.#ended(why);
  }

  #ended(why: AssociationEnd): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#queue = [];
    this.#inbound.reset([]);
    this.on?.closed(why);
  }

  #drop(why: SctpDropReason): void {
    this.#drops.set(why, (this.#drops.get(why) ?? 0) + 1);
  }
}

const FRAGMENT = { first: 2, last: 1 } as const; // RFC 9260 §3.3.1, flags of a DATA chunk

/** Gives up the message that the chunk belongs to, when its time or its number of repetitions is used up. */
function abandonMessage(sent: WeriftSent[], chunk: WeriftSent): boolean {
  // What the peer has, behind a gap, is neither given up nor sent again.
  if (chunk.abandoned || chunk.acked) return true;
  const { maxRetransmits, expiry, sentCount } = chunk;
  const usedUp = maxRetransmits !== undefined && sentCount > maxRetransmits;
  if (!usedUp && !(expiry !== undefined && expiry < Date.now() / 1000)) return false;
  let first = sent.indexOf(chunk);
  let last = first;
  while (first > 0 && !(sent[first]!.flags & FRAGMENT.first)) first--;
  while (last < sent.length && !(sent[last]!.flags & FRAGMENT.last)) last++;
  // Its end was not sent yet: numbers that were never used cannot be skipped.
  if (first < 0 || last === sent.length) return false;
  for (const fragment of sent.slice(first, last + 1)) {
    fragment.abandoned = true;
    fragment.retransmit = false;
  }
  return true;
}

/** werift asks its DTLS transport for these things and no others. */
function makeTransport(options: AssociationOptions, send: (packet: Uint8Array) => void): RTCSctpTransport {
  const transport = new RTCSctpTransport(
    options.localPort ?? WEBRTC_PORT,
    options.messageBytes ?? SCTP_LIMITS.messageBytes,
    {
      mtu: SCTP_LIMITS.packetBytes,
    },
  );
  const dtls = {
    id: 'dtls',
    state: 'connected',
    onStateChange: { subscribe: () => ({ unSubscribe: () => undefined }) },
    iceTransport: { role: options.role === 'client' ? 'controlling' : 'controlled' },
    dataReceiver: () => undefined,
    sendData: (packet: Buffer) => {
      send(packet);
      return Promise.resolve();
    },
  };
  type WeriftDtls = Parameters<RTCSctpTransport['setDtlsTransport']>[0];
  transport.setDtlsTransport(dtls as unknown as WeriftDtls);
  return transport;
}

/** Two servers are told of each other one after the other, and not of how far the other one is. */
function beginPatiently(sctp: WeriftAssociation): void {
  sctp.rto = TIMEOUT_SECONDS.unanswered;
  Object.defineProperty(sctp, 'timer1Failures', { configurable: true, get: () => 0, set: () => undefined });
}

/** Whatever timer is put into this property, the process may end without waiting for it. */
function keepNothingAlive(sctp: WeriftAssociation, property: (typeof TIMERS)[number]): void {
  let timer: NodeJS.Timeout | undefined;
  Object.defineProperty(sctp, property, {
    configurable: true,
    enumerable: true,
    get: () => timer,
    set: (value: NodeJS.Timeout | undefined) => {
      value?.unref();
      timer = value;
    },
  });
}
