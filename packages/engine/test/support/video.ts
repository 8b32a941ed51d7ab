/** One receiver of video in memory mode: forwards packets to it and opens what it is sent, told apart by SSRC. */
import * as L from '../../src/index.js';
import type { EntryConstants, ForwardCommand } from '../../src/index.js';
import { Bench, Remote } from './bench.js';
import { rtpHeaderLength } from './srtp.js';

export const SSRC = 0x1000;
export const RTX_SSRC = 0x2000;
const SCRATCH_AT = 1024;

export interface OpenedPacket {
  ssrc: number;
  sequence: number;
  timestamp: number;
  marker: boolean;
  payloadType: number;
  padded: boolean;
  /** Behind the header, padding included. */
  payload: Buffer;
  /** One-byte form, by id. */
  extensions: Map<number, Buffer>;
  csrcs: number[];
  /** The whole SRTP packet. */
  sealed: Uint8Array;
}

export class VideoBench {
  readonly bench: Bench;
  readonly remote: Remote;
  readonly list: number;
  readonly entry: number;
  /** Roll-over counters by SSRC, as a receiver counts them. */
  readonly #highest = new Map<number, number>();

  constructor(constants: Partial<EntryConstants> = {}, remoteNumber = 1, bench = new Bench()) {
    this.bench = bench;
    this.remote = new Remote(bench.engine, remoteNumber);
    this.list = bench.engine.createList();
    this.entry = this.addEntry(constants);
  }

  get engine(): L.Engine {
    return this.bench.engine;
  }

  addEntry(constants: Partial<EntryConstants> = {}): number {
    const entry = this.engine.createEntry();
    L.writeEntry(this.engine.entries, entry, {
      peer: this.remote.peer,
      ssrc: SSRC,
      payloadTypes: [96, 98],
      rtxPayloadTypes: [97, 99],
      deltaIndex: 0,
      deltaTimestamp: 0,
      firstIndex: 0,
      enabled: true,
      ...constants,
    });
    this.engine.listAdd(this.list, entry);
    return entry;
  }

  write(constants: Partial<EntryConstants>, entry = this.entry): void {
    L.writeEntry(this.engine.entries, entry, constants);
  }

  counters(entry = this.entry): L.EntryCounters {
    return L.readEntryCounters(this.engine.entries, entry);
  }

  /** The payload lies in the scratch. @returns packets that were not sent */
  forward(index: number, payload: Uint8Array, more: Partial<ForwardCommand> = {}): number {
    const { engine } = this;
    engine.scratch.set(payload, SCRATCH_AT);
    const target = more.entry === undefined ? { list: more.list ?? this.list } : {};
    L.writeCommand(engine.commands, 0, {
      payloadOffset: engine.scratchOffset + SCRATCH_AT,
      payloadLength: payload.length,
      index,
      timestamp: 90 * index,
      ...target,
      ...more,
    });
    return engine.flush(1);
  }

  /** Asks for a retransmission of what `forward` sent under this index. */
  resend(index: number, payload: Uint8Array, more: Partial<ForwardCommand> = {}): number {
    return this.forward(index, payload, { entry: this.entry, retransmission: true, ...more });
  }

  /** Opens everything sent to this receiver; fails for what a receiver could not open. */
  take(): OpenedPacket[] {
    return this.open(this.engine.takeSent());
  }

  /** Of what was sent, that to this receiver. */
  open(sent: readonly L.SentDatagram[]): OpenedPacket[] {
    return sent
      .filter(({ to }) => L.addressText(to) === L.addressText(this.remote.address))
      .map(({ bytes }) => this.#open(bytes));
  }

  #open(sealed: Uint8Array): OpenedPacket {
    const packet = Buffer.from(sealed);
    const ssrc = packet.readUInt32BE(8);
    const sequence = packet.readUInt16BE(2);
    const highest = this.#highest.get(ssrc) ?? sequence; // a first packet has counter 0 for its receiver
    const distance = ((sequence - (highest & 0xffff)) << 16) >> 16;
    const index = highest + distance;
    const plain = this.remote.receiver.unprotectRtp(packet, Math.floor(index / 65_536));
    if (!plain) throw new Error(`SSRC ${ssrc} number ${sequence} does not open`);
    this.#highest.set(ssrc, Math.max(highest, index));
    const header = rtpHeaderLength(plain);
    const csrcCount = plain[0]! & 15;
    const extensions = new Map<number, Buffer>();
    if (plain[0]! & 0x10) {
      for (let at = 12 + 4 * csrcCount + 4; at < header && plain[at] !== 0;) {
        const length = (plain[at]! & 15) + 1;
        extensions.set(plain[at]! >> 4, Buffer.from(plain.subarray(at + 1, at + 1 + length)));
        at += 1 + length;
      }
    }
    return {
      ssrc,
      sequence,
      timestamp: Buffer.from(plain).readUInt32BE(4),
      marker: (plain[1]! & 0x80) !== 0,
      payloadType: plain[1]! & 0x7f,
      padded: (plain[0]! & 0x20) !== 0,
      payload: Buffer.from(plain.subarray(header)),
      extensions,
      csrcs: Array.from({ length: csrcCount }, (_, i) => Buffer.from(plain).readUInt32BE(12 + 4 * i)),
      sealed,
    };
  }
}
