/** The port to the engine keeps the order of calls, though commands wait for the end of the batch. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Engine, toAddress } from '@tertulia/engine';
import { parseRtp } from '@tertulia/wire';
import { SrtpReference } from '../../../engine/test/support/srtp.js';
import { DropCounters } from '../../src/media/dropCounters.js';
import { EnginePort, RTCP_BYTES_MAX } from '../../src/media/enginePort.js';
import type { EntryConstants, ReceivedPacket } from '../../src/media/packet.js';

const KEY = new Uint8Array(16).fill(3);
const SALT = new Uint8Array(12).fill(4);
const COMMANDS = 8;

let engine: Engine;
let port: EnginePort;
let peer: number;

beforeEach(() => {
  engine = new Engine({ memory: true, slots: 1024, entries: 16, commands: COMMANDS });
  engine.setNow(1_000_000);
  engine.start(() => 0);
  port = new EnginePort(engine, new DropCounters(), 0);
  peer = engine.createPeer();
  engine.bindAddress(peer, 0, toAddress('10.0.0.1', 5000));
  engine.selectAddress(peer, 0, toAddress('10.0.0.1', 5000));
  engine.setKeys(peer, 'AEAD_AES_128_GCM', {
    receiveKey: KEY,
    receiveSalt: SALT,
    sendKey: KEY,
    sendSalt: SALT,
  });
});
afterEach(() => engine.close());

const constants = (ssrc: number): EntryConstants => ({
  peer,
  ssrc,
  payloadTypes: [111],
  deltaIndex: 0,
  deltaTimestamp: 0,
  firstIndex: 0,
  extensionIds: {},
  midId: 0,
  mid: '',
  sendMid: false,
  absSendTimeId: 0,
  transportWideCcId: 0,
  enabled: true,
});

/** Its payload lies in the scratch. */
function packet(): ReceivedPacket {
  engine.scratch.set([1, 2, 3, 4], 60_000);
  return {
    slot: 0,
    payloadOffset: engine.scratchOffset + 60_000,
    payloadLength: 4,
    extendedSequence: 1,
    timestamp: 1,
    marker: false,
    payloadType: 111,
    codec: 0,
    ssrc: 1,
    arrivalMicros: 0,
    audioLevel: -1,
    voice: false,
    extensions: { offsets: new Uint32Array(7), lengths: new Uint8Array(7) },
  };
}

function sent(): { ssrc: number; sequence: number; timestamp: number }[] {
  const srtp = new SrtpReference('AEAD_AES_128_GCM', KEY, SALT);
  return engine.takeSent().map(({ bytes }) => {
    const plain = srtp.unprotectRtp(bytes, 0);
    const parsed = plain && parseRtp(plain);
    if (!parsed?.ok) throw new Error('not a packet');
    return {
      ssrc: parsed.value.ssrc,
      sequence: parsed.value.sequenceNumber,
      timestamp: parsed.value.timestamp,
    };
  });
}

test('what was forwarded before an edit goes out as before it', () => {
  const [first, second] = [port.createList(), port.createList()];
  const entry = port.createEntry(constants(10));
  port.listAdd(first, entry);
  port.forward(first, packet(), 1, 100, false, []);
  port.updateEntry(entry, { deltaIndex: -50 >>> 0, deltaTimestamp: 7 });
  port.forward(first, packet(), 2, 200, false, []);
  port.listRemove(entry);
  port.forward(first, packet(), 3, 300, false, []);
  port.listAdd(second, entry);
  port.forward(second, packet(), 4, 400, false, []);
  port.freeEntry(entry);
  port.forward(second, packet(), 5, 500, false, []);
  port.flush();
  expect(sent()).toEqual([
    { ssrc: 10, sequence: 1, timestamp: 100 },
    { ssrc: 10, sequence: 52, timestamp: 207 },
    { ssrc: 10, sequence: 54, timestamp: 407 },
  ]);
});

test('counters tell of what was forwarded a moment ago', () => {
  const list = port.createList();
  const entry = port.createEntry(constants(10));
  port.listAdd(list, entry);
  port.forward(list, packet(), 9, 100, false, []);
  expect(port.entryCounters(entry)).toMatchObject({
    packets: 1,
    octets: 4,
    lastIndex: 9,
    lastTimestamp: 100,
  });
});

test('more commands than the ring holds are executed in pieces, none is lost', () => {
  const list = port.createList();
  port.listAdd(list, port.createEntry(constants(10)));
  for (let index = 0; index < 3 * COMMANDS + 1; index++)
    port.forward(list, packet(), index, index * 960, false, []);
  port.flush();
  expect(sent().map(({ sequence }) => sequence)).toEqual(
    Array.from({ length: 3 * COMMANDS + 1 }, (_, i) => i),
  );
});

test('more RTCP than the scratch holds leaves in pieces, each compound whole', () => {
  const report = Buffer.from('80c9000100000009', 'hex');
  const count = 200;
  for (let i = 0; i < count; i++) {
    const compound = Buffer.alloc(RTCP_BYTES_MAX);
    report.copy(compound);
    compound.writeUInt16BE(RTCP_BYTES_MAX / 4 - 1, 2);
    compound.writeUInt32BE(i, RTCP_BYTES_MAX - 4);
    engine.scratch.set(compound, port.rtcpOffset());
    port.sendRtcp(peer, compound.length);
  }
  port.flush();
  const srtp = new SrtpReference('AEAD_AES_128_GCM', KEY, SALT);
  const marks = engine
    .takeSent()
    .map(({ bytes }) => Buffer.from(srtp.unprotectRtcp(bytes)!.plain).readUInt32BE(RTCP_BYTES_MAX - 4));
  expect(marks).toEqual(Array.from({ length: count }, (_, i) => i));
});

test('kept packets are copies of what the batch said, and are given back', () => {
  let kept: ReturnType<EnginePort['retain']>;
  const own = new Engine({ memory: true, slots: 1024, entries: 1, commands: 8 });
  const drops = new DropCounters();
  const ownPort = new EnginePort(own, drops, 0);
  own.start((rowCount) => {
    expect(rowCount).toBe(1);
    kept = ownPort.retain({ ...packet(), slot: own.rows[1]! });
    return 0;
  });
  const check = Buffer.concat([Buffer.from('000100002112a442', 'hex'), Buffer.alloc(12)]);
  const before = own.freeSlots;
  own.inject([{ from: toAddress('10.0.0.9', 9), bytes: check }], 1);
  expect(kept).toMatchObject({ cached: true, payloadLength: 4, ssrc: 1 });
  expect(ownPort.cachedPackets).toBe(1);
  ownPort.release(kept!);
  expect(ownPort.cachedPackets).toBe(0);
  expect(own.freeSlots).toBeGreaterThanOrEqual(before - 64);
  own.close();
});
