/** A memory-mode engine with remote parties that speak SRTP by the independent implementation. */
import { Engine, ROW_WORDS, SRTP_KEY_LENGTHS, toAddress } from '../../src/index.js';
import type { EngineOptions, SrtpProfile } from '../../src/index.js';
import { Chance } from './packets.js';
import { SrtpReference } from './srtp.js';

export const PROFILES: readonly SrtpProfile[] = [
  'AEAD_AES_128_GCM',
  'AEAD_AES_256_GCM',
  'AES_CM_128_HMAC_SHA1_80',
  'AES_CM_128_HMAC_SHA1_32',
];

/** One remote party: what it sends is opened by the engine, what the engine sends to it is opened here. */
export class Remote {
  readonly peer: number;
  readonly address: Uint8Array;
  readonly sender: SrtpReference;
  readonly receiver: SrtpReference;

  constructor(engine: Engine, number: number, profile: SrtpProfile = 'AEAD_AES_128_GCM') {
    const { key, salt } = SRTP_KEY_LENGTHS[profile];
    const chance = new Chance(number + 1);
    const keys = {
      receiveKey: chance.bytes(key),
      receiveSalt: chance.bytes(salt),
      sendKey: chance.bytes(key),
      sendSalt: chance.bytes(salt),
    };
    this.peer = engine.createPeer();
    this.address = toAddress(`10.0.${number >> 8}.${number & 255}`, 5000);
    engine.bindAddress(this.peer, 0, this.address);
    engine.selectAddress(this.peer, 0, this.address);
    engine.setKeys(this.peer, profile, keys);
    this.sender = new SrtpReference(profile, keys.receiveKey, keys.receiveSalt);
    this.receiver = new SrtpReference(profile, keys.sendKey, keys.sendSalt);
  }
}

/** An engine whose rows of the last injection are kept as plain arrays. */
export class Bench {
  readonly engine: Engine;
  rows: number[][] = [];
  /** Called inside the batch; its result is the number of commands. */
  onBatch: (rowCount: number, nowMicros: number) => number = () => 0;
  nowMicros = 1_000_000;

  constructor(options: EngineOptions = {}) {
    this.engine = new Engine({ slots: 1024, entries: 4096, commands: 1024, ...options, memory: true });
    this.engine.start((rowCount, nowMicros) => {
      for (let i = 0; i < rowCount; i++) {
        this.rows.push([...this.engine.rows.subarray(i * ROW_WORDS, (i + 1) * ROW_WORDS)]);
      }
      return this.onBatch(rowCount, nowMicros);
    });
  }

  /** @returns the rows that it gave */
  inject(from: Uint8Array, ...datagrams: Uint8Array[]): number[][] {
    this.rows = [];
    this.nowMicros += 1000;
    this.engine.inject(
      datagrams.map((bytes) => ({ from, bytes })),
      this.nowMicros,
    );
    return this.rows;
  }

  /** Drop counters that are not 0. */
  get drops(): Record<string, number> {
    return Object.fromEntries(Object.entries(this.engine.stats().drops).filter(([, count]) => count > 0));
  }
}
