/**
 * A peer over real sockets on loopback: ICE checks written by @tertulia/wire, DTLS client and SRTP by an engine of its own.
 * Stands for a browser where a browser is not the point.
 */
import { createHmac, randomBytes } from 'node:crypto';
import {
  DtlsContext,
  Engine,
  KIND_DTLS,
  KIND_RTCP,
  KIND_RTP,
  KIND_STUN,
  ROW_KIND,
  ROW_LENGTH,
  ROW_OFFSET,
  ROW_WORDS,
  toAddress,
  writeCommand,
  writeEntry,
} from '@tertulia/engine';
import type { Dtls } from '@tertulia/engine';
import { parseRtcp, parseRtp, parseStun, writeBindingRequest, writeRtcp } from '@tertulia/wire';
import type { RtcpPacket, RtpPacket } from '@tertulia/wire';
import { SctpAssociation, DataChannels } from '../../../src/media/sctp/index.js';
import type { DtlsParameters, IceCandidate, IceParameters } from '../../../src/types.js';
import { IDS, OPUS_PAYLOAD_TYPE } from './memoryCall.js';

const TICK_MS = 20;
const FRAME_TICKS = 960;
/** 90 kHz, 30 pictures a second. */
const PICTURE_TICKS = 3_000;

export interface HeardPacket extends RtpPacket {
  payload: string;
}

export class LoopbackPeer {
  readonly rtp: HeardPacket[] = [];
  readonly rtcp: RtcpPacket[] = [];
  readonly messages: { label: string; data: string | Uint8Array }[] = [];
  stunSuccesses = 0;
  readonly #engine = new Engine();
  readonly #context = new DtlsContext();
  readonly #peer: number;
  readonly #socket: number;
  readonly #timer: NodeJS.Timeout;
  #server: Uint8Array = new Uint8Array();
  #ice: IceParameters | undefined;
  #dtls: Dtls | undefined;
  #keyed = false;
  #ticks = 0;
  #entry: number | undefined;
  #sent = 0;
  /** By SSRC. */
  readonly #films = new Map<number, { number: number; index: number }>();
  #sctp: DataChannels | undefined;
  #labels = new Map<number, string>();

  /** @param role of DTLS */
  constructor(
    ip = '127.0.0.1',
    readonly role: 'client' | 'server' = 'client',
  ) {
    this.#socket = this.#engine.bind(ip, 0, { sendBuffer: 65_536, receiveBuffer: 262_144 }).socket;
    this.#peer = this.#engine.createPeer();
    this.#engine.start((rowCount) => this.#onBatch(rowCount));
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  get dtlsParameters(): DtlsParameters {
    return { role: this.role, fingerprints: [...this.#context.fingerprints] };
  }
  get connected(): boolean {
    return this.#keyed;
  }

  /** Checks begin, then the handshake. */
  connect(ice: IceParameters, candidate: IceCandidate): void {
    this.#ice = ice;
    this.move(candidate);
  }

  /** The same session on another way. */
  move({ address, port }: { address: string; port: number }): void {
    this.#server = toAddress(address, port);
    this.#engine.bindAddress(this.#peer, this.#socket, this.#server);
    this.#engine.selectAddress(this.#peer, this.#socket, this.#server);
    this.#check();
  }

  /** New credentials, the same handshake. */
  restart(ice: IceParameters): void {
    this.#ice = ice;
    this.#check();
  }

  /** One voice packet of 20 ms; its number is in the payload. */
  speak(ssrc: number, name: string, options: { mid?: string; level?: number } = {}): void {
    const engine = this.#engine;
    const { mid = '', level = 30 } = options;
    if (this.#entry === undefined) {
      this.#entry = engine.createEntry();
      writeEntry(engine.entries, this.#entry, {
        peer: this.#peer,
        ssrc,
        payloadTypes: [OPUS_PAYLOAD_TYPE],
        extensionIds: { 0: IDS.audioLevel },
        midId: IDS.mid,
        mid,
        sendMid: mid !== '',
        enabled: true,
      });
    }
    const payload = Buffer.from(`${name} ${this.#sent}`.padEnd(80));
    engine.scratch[0] = 0x80 | level;
    engine.scratch.set(payload, 4);
    writeCommand(engine.commands, 0, {
      entry: this.#entry,
      payloadOffset: engine.scratchOffset + 4,
      payloadLength: payload.length,
      index: 100 + this.#sent,
      timestamp: 7000 + this.#sent * FRAME_TICKS,
      extensions: [{ kind: 0, offset: engine.scratchOffset, length: 1 }],
    });
    engine.flush(1);
    this.#sent++;
  }

  /** One picture in one packet, of VP8: the payload is its descriptor and what follows. 30 a second. */
  film(ssrc: number, payloadType: number, payload: Uint8Array): void {
    const engine = this.#engine;
    let entry = this.#films.get(ssrc);
    if (!entry) {
      entry = { index: 500, number: engine.createEntry() };
      this.#films.set(ssrc, entry);
      const constants = { peer: this.#peer, ssrc, payloadTypes: [payloadType], enabled: true };
      writeEntry(engine.entries, entry.number, constants);
    }
    engine.scratch.set(payload);
    writeCommand(engine.commands, 0, {
      entry: entry.number,
      payloadOffset: engine.scratchOffset,
      payloadLength: payload.length,
      index: entry.index,
      timestamp: entry.index * PICTURE_TICKS,
      marker: true,
    });
    engine.flush(1);
    entry.index++;
  }

  sendRtcp(packets: RtcpPacket[]): void {
    this.#engine.sendRtcp(this.#peer, writeRtcp(packets));
  }

  /** Opened in-band, on stream 0 and on even ones after it: the DTLS client's, RFC 8832 §6. */
  openChannel(id: number, label: string): void {
    this.#labels.set(id, label);
    this.#channels().open({ id, label, protocol: '', ordered: true, priority: 256 }, true);
  }
  send(id: number, data: string | Uint8Array): void {
    this.#channels().send(id, data);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#sctp?.closeAll();
    if (this.#dtls && this.#dtls.state !== 'closed') {
      this.#dtls.close();
      this.#flushDtls();
    }
    this.#engine.close();
  }

  /** Nothing more goes out: a cable was pulled. */
  vanish(): void {
    clearInterval(this.#timer);
    this.#engine.close();
  }

  #channels(): DataChannels {
    if (this.#sctp) return this.#sctp;
    const association = new SctpAssociation({
      role: 'client',
      sendPacket: (packet) => {
        this.#dtls?.send(packet);
        this.#flushDtls();
      },
    });
    this.#sctp = new DataChannels({
      association,
      on: {
        open: () => {},
        message: (id, data) => this.messages.push({ label: this.#labels.get(id) ?? '', data }),
        close: () => {},
        bufferedAmountLow: () => {},
        state: () => {},
      },
    });
    return this.#sctp;
  }

  #onBatch(rowCount: number): number {
    const { rows, slab } = this.#engine;
    for (let row = 0; row < rowCount; row++) {
      const at = row * ROW_WORDS;
      const offset = rows[at + ROW_OFFSET]!;
      const bytes = slab.slice(offset, offset + rows[at + ROW_LENGTH]!);
      switch (rows[at + ROW_KIND]) {
        case KIND_STUN:
          this.#handleStun(bytes);
          break;
        case KIND_DTLS:
          this.#dtls?.input(bytes);
          this.#look();
          break;
        case KIND_RTP: {
          const parsed = parseRtp(bytes);
          if (!parsed.ok) throw new Error(parsed.why);
          const { payloadOffset, payloadLength } = parsed.value;
          const payload = Buffer.from(
            bytes.subarray(payloadOffset, payloadOffset + payloadLength),
          ).toString();
          this.rtp.push({ ...parsed.value, payload });
          break;
        }
        case KIND_RTCP:
          this.rtcp.push(...parseRtcp(bytes).packets);
          break;
      }
    }
    return 0;
  }

  #handleStun(bytes: Uint8Array): void {
    const stun = parseStun(bytes);
    if (!stun.ok || stun.value.class !== 'success') return;
    this.stunSuccesses++;
    if (this.#dtls) return;
    this.#dtls = this.#engine.createDtls(this.#context, { role: this.role });
    this.#flushDtls();
  }

  #look(): void {
    this.#flushDtls();
    if (!this.#dtls) return;
    if (!this.#keyed && this.#dtls.state === 'connected') {
      this.#engine.setKeysFromDtls(this.#peer, this.#dtls);
      this.#keyed = true;
    }
    for (const data of this.#dtls.takeApplicationData()) this.#sctp?.handlePacket(data);
  }

  #flushDtls(): void {
    for (const datagram of this.#dtls?.takeOutput() ?? [])
      this.#engine.sendTo(this.#socket, this.#server, datagram);
  }

  #tick(): void {
    this.#ticks++;
    if (this.#ticks % 5 === 0) this.#check();
    if (this.#dtls?.timeoutMs() === 0) {
      this.#dtls.handleTimeout();
      this.#look();
    }
  }

  #check(): void {
    if (!this.#ice) return;
    const request = writeBindingRequest({
      transactionId: randomBytes(12),
      username: `${this.#ice.usernameFragment}:peer`,
      priority: 1_845_501_695,
      useCandidate: true,
      iceControlling: 1n,
      key: new TextEncoder().encode(this.#ice.password),
      hmac: (key, bytes) => createHmac('sha1', key).update(bytes).digest(),
    });
    this.#engine.sendTo(this.#socket, this.#server, request);
  }
}
