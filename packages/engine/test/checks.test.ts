/**
 * Answers to STUN checks that the engine repeats by itself: RFC 8489 §14.2, §14.5, §14.7. The owner answers as the media
 * process does; an independent writer in this test makes the checks and judges the answers.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { Engine, KIND_STUN, ROW_ADDRESS, ROW_KIND, ROW_LENGTH, ROW_OFFSET, toAddress } from '../src/index.js';

const PASSWORD = 'a-password-of-thirty-two-chars-xx';
const REFRESH_MICROS = 7_500_000;
const home = toAddress('192.0.2.7', 40_000);
const elsewhere = toAddress('198.51.100.9', 40_001);

function crc32(bytes: Uint8Array): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return ~crc >>> 0;
}

/** Header, attributes, MESSAGE-INTEGRITY, FINGERPRINT. */
function stun(type: number, id: Uint8Array, attributes: Buffer[], password: string): Buffer {
  const head = Buffer.alloc(20);
  head.writeUInt16BE(type, 0);
  head.writeUInt32BE(0x2112a442, 4);
  head.set(id, 8);
  const body = Buffer.concat([head, ...attributes]);
  body.writeUInt16BE(body.length - 20 + 24, 2);
  const mac = createHmac('sha1', password).update(body).digest();
  const signed = Buffer.concat([body, Buffer.from([0, 8, 0, 20]), mac]);
  signed.writeUInt16BE(signed.length - 20 + 8, 2);
  const crc = Buffer.alloc(8);
  crc.writeUInt32BE(0x80280004, 0);
  crc.writeUInt32BE((crc32(signed) ^ 0x5354554e) >>> 0, 4);
  return Buffer.concat([signed, crc]);
}

function attribute(type: number, value: Uint8Array): Buffer {
  const bytes = Buffer.alloc(4 + ((value.length + 3) & ~3));
  bytes.writeUInt16BE(type, 0);
  bytes.writeUInt16BE(value.length, 2);
  bytes.set(value, 4);
  return bytes;
}

interface CheckOptions {
  id?: Uint8Array;
  nominates?: boolean;
  password?: string;
  fragment?: string;
}
function check({
  id = randomBytes(12),
  nominates = true,
  password = PASSWORD,
  fragment = 'ours',
}: CheckOptions = {}): Buffer {
  const attributes = [
    attribute(0x0006, Buffer.from(`${fragment}:theirs`)),
    attribute(0x802a, Buffer.from('12345678')),
    ...(nominates ? [attribute(0x0025, Buffer.alloc(0))] : []),
    attribute(0x0024, Buffer.from([1, 2, 3, 4])),
  ];
  return stun(1, id, attributes, password);
}

function success(request: Uint8Array, address: Uint8Array, password = PASSWORD): Buffer {
  const id = request.slice(8, 20);
  const mask = Buffer.concat([Buffer.from([0x21, 0x12, 0xa4, 0x42]), id]);
  const ip = address.slice(4, address[0] === 6 ? 20 : 8).map((byte, i) => byte ^ mask[i]!);
  const value = Buffer.concat([
    Buffer.from([0, address[0] === 6 ? 2 : 1, address[2]! ^ 0x21, address[3]! ^ 0x12]),
    ip,
  ]);
  return stun(0x0101, id, [attribute(0x0020, value)], password);
}

function setUp(address = home) {
  const engine = new Engine({ memory: true, slots: 256 });
  /** Checks that came up, and whether they are answered. */
  const up: Buffer[] = [];
  const owner = {
    answers: true,
    password: PASSWORD,
    reply: (request: Uint8Array, from: Uint8Array): Buffer => success(request, from, owner.password),
  };
  engine.start((rows) => {
    for (let row = 0; row < rows; row++) {
      const at = row * 32;
      if (engine.rows[at + ROW_KIND] !== KIND_STUN) continue;
      const offset = engine.rows[at + ROW_OFFSET]!;
      const bytes = Buffer.from(engine.slab.slice(offset, offset + engine.rows[at + ROW_LENGTH]!));
      up.push(bytes);
      const from = new Uint8Array(engine.rows.buffer, (at + ROW_ADDRESS) * 4, 20).slice();
      if (owner.answers) engine.sendTo(0, from, owner.reply(bytes, from));
    }
    return 0;
  });
  const peer = engine.createPeer();
  engine.bindAddress(peer, 0, address);
  engine.selectAddress(peer, 0, address);
  expect(engine.answerChecks(peer, 'ours', Buffer.from(PASSWORD), REFRESH_MICROS)).toBe(true);
  let now = 1_000_000;
  return {
    engine,
    peer,
    up,
    owner,
    /** @returns what was sent in answer */
    ask(bytes: Uint8Array, from = address, afterMicros = 2_500_000): Buffer[] {
      now += afterMicros;
      engine.inject([{ from, bytes }], now);
      return engine.takeSent().map((sent) => Buffer.from(sent.bytes));
    },
  };
}

test.each([
  ['IPv4', home],
  ['IPv6', toAddress('2001:db8::77', 50_000)],
])('the second check is answered here, byte for byte as the owner would: %s', (_name, address) => {
  const { engine, up, ask } = setUp(address);
  const first = check();
  expect(ask(first)).toEqual([success(first, address)]);
  for (let i = 0; i < 2; i++) {
    const next = check();
    expect(ask(next)).toEqual([success(next, address)]);
  }
  expect(up).toEqual([first]);
  expect(engine.stats().checksAnswered).toBe(2);
  engine.close();
});

test('at least one check in the refresh time is handed up', () => {
  const { up, ask, engine } = setUp();
  for (let i = 0; i < 13; i++) expect(ask(check())).toHaveLength(1);
  expect(up).toHaveLength(5); // 2.5 s apart: the first and every third after it
  engine.close();
});

test('after a pause each check is handed up', () => {
  const { up, ask, engine } = setUp();
  ask(check());
  ask(check(), home, 4_100_000);
  ask(check(), home, 4_100_000);
  expect(up).toHaveLength(3);
  engine.close();
});

test('what differs, is not genuine or comes from elsewhere goes up, and so does the next one', () => {
  const wrong = check();
  wrong[wrong.length - 12]! ^= 1;
  const wrongPrint = check();
  wrongPrint[wrongPrint.length - 1]! ^= 1;
  const other: [Uint8Array, Uint8Array][] = [
    [check({ nominates: false }), home],
    [check({ password: 'another-password' }), home],
    [wrong, home],
    [wrongPrint, home],
    [check(), elsewhere],
  ];
  for (const [bytes, from] of other) {
    const { up, ask, owner, engine } = setUp();
    ask(check());
    owner.answers = false;
    expect(ask(bytes, from)).toEqual([]);
    owner.answers = true;
    ask(check());
    expect(up).toHaveLength(3);
    engine.close();
  }
});

test('a recorded check from another address is dropped and counted', () => {
  const { up, ask, engine } = setUp();
  const handedUp = check();
  const answeredHere = check();
  ask(handedUp);
  ask(answeredHere);
  expect(ask(answeredHere, elsewhere)).toEqual([]);
  expect(ask(handedUp, elsewhere)).toEqual([]);
  expect(up).toHaveLength(1);
  expect(engine.stats().drops['stun-replayed']).toBe(2);
  engine.close();
});

test('the same check again is answered and is no sign of life', () => {
  const { up, ask, engine } = setUp();
  const first = check();
  ask(first);
  const recorded = check();
  ask(recorded);
  for (let i = 0; i < 5; i++) expect(ask(recorded)).toEqual([success(recorded, home)]);
  expect(up).toHaveLength(1);
  ask(check());
  expect(up).toHaveLength(2);
  engine.close();
});

test('another selected address, an unbound one, a closed peer: nothing is answered here', () => {
  for (const change of [
    ({ engine, peer }: ReturnType<typeof setUp>) => engine.selectAddress(peer, 0, elsewhere),
    ({ engine, peer }: ReturnType<typeof setUp>) => engine.unbindAddress(peer, 0, home),
    ({ engine, peer }: ReturnType<typeof setUp>) => engine.closePeer(peer),
  ]) {
    const world = setUp();
    world.ask(check());
    change(world);
    world.ask(check());
    expect(world.up).toHaveLength(2);
    world.engine.close();
  }
});

test('other credentials: the old ones go up, the new ones are learnt, the old ids stay known', () => {
  const { engine, peer, up, ask, owner } = setUp();
  ask(check());
  const recorded = check();
  ask(recorded);
  engine.answerChecks(peer, 'fresh', Buffer.from('another-password'), 0);
  ask(check());
  expect(up).toHaveLength(2);
  expect(ask(recorded, elsewhere)).toEqual([]);
  owner.password = 'another-password';
  const fresh = { fragment: 'fresh', password: 'another-password' };
  ask(check(fresh));
  const next = check(fresh);
  expect(ask(next)).toEqual([success(next, home, 'another-password')]);
  expect(up).toHaveLength(3);
  engine.close();
});

test.each([
  ['longer than its question', [attribute(0x0020, Buffer.alloc(8)), attribute(0x8022, Buffer.alloc(120))]],
  [
    'with more in it than the address',
    [attribute(0x0020, Buffer.alloc(8)), attribute(0x8022, Buffer.alloc(4))],
  ],
  ['without the address', [attribute(0x8022, Buffer.alloc(8))]],
])('an answer %s is not repeated', (_name, attributes) => {
  const { engine, up, ask, owner } = setUp();
  owner.reply = (request) => stun(0x0101, request.slice(8, 20), attributes, PASSWORD);
  for (let i = 0; i < 3; i++) expect(ask(check())).toHaveLength(1);
  expect(up).toHaveLength(3);
  engine.close();
});

test('an error answer is not repeated', () => {
  const { engine, up, ask, owner } = setUp();
  owner.reply = (request) => stun(0x0111, request.slice(8, 20), [], PASSWORD);
  for (let i = 0; i < 3; i++) ask(check());
  expect(up).toHaveLength(3);
  engine.close();
});

test('credentials that cannot be a peer’s are refused', () => {
  const { engine, peer } = setUp();
  const password = Buffer.from(PASSWORD);
  expect(engine.answerChecks(peer, '', password, 0)).toBe(false);
  expect(engine.answerChecks(peer, 'x'.repeat(257), password, 0)).toBe(false);
  expect(engine.answerChecks(peer, 'ours', new Uint8Array(0), 0)).toBe(false);
  expect(engine.answerChecks(peer, 'ours', new Uint8Array(65), 0)).toBe(false);
  engine.close();
});
