/** Who a datagram is from, where a peer is, and that rubbish goes nowhere: the core with checks by @tertulia/wire. */
import { createHmac } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { toAddress } from '@tertulia/engine';
import { parseStun, writeBindingRequest } from '@tertulia/wire';
import type { IceParameters, WebRtcTransportStat } from '../../src/types.js';
import { MemoryCall, seededRandom, Voice } from './support/memoryCall.js';
import type { Peer } from './support/memoryCall.js';

let call: MemoryCall;
beforeEach(() => {
  call = new MemoryCall();
});
afterEach(() => call.close());

let transactions = 0;
function check(ice: IceParameters, options: { password?: string; useCandidate?: boolean } = {}): Uint8Array {
  const transactionId = new Uint8Array(12);
  new DataView(transactionId.buffer).setUint32(8, ++transactions);
  return writeBindingRequest({
    transactionId,
    username: `${ice.usernameFragment}:peer`,
    priority: 1_845_501_695,
    useCandidate: options.useCandidate ?? true,
    iceControlling: 1n,
    key: Buffer.from(options.password ?? ice.password),
    hmac: (key, bytes) => createHmac('sha1', key).update(bytes).digest(),
  });
}

const iceOf = (peer: Peer): IceParameters =>
  call.core.handleRequest('transport.dump', { transportId: peer.id })['iceParameters'] as IceParameters;
const drops = (): Record<string, number> => call.core.drops.toObject();
const statOf = (peer: Peer) =>
  call.core.handleRequest('transport.getStats', { transportId: peer.id })[0] as WebRtcTransportStat;

describe('checks', () => {
  test('a check with the right password is answered where it came from', () => {
    const peer = call.addPeer();
    call.inject({ from: peer.address, bytes: check(iceOf(peer)) });
    const answer = parseStun(peer.other[0]!);
    expect(answer).toMatchObject({
      ok: true,
      value: { class: 'success', xorMappedAddress: { ip: '10.0.0.1', port: 5001 } },
    });
    expect(call.events.filter(({ event }) => event === 'transport.iceState')).toEqual([
      { event: 'transport.iceState', transportId: peer.id, iceState: 'completed' },
    ]);
  });

  test('H1.4 H1.6 H1.10 unknown users, wrong passwords and checks without a name get no answer, and are counted', () => {
    const peer = call.addPeer();
    const ice = iceOf(peer);
    const nameless = Buffer.concat([Buffer.from('000100002112a442', 'hex'), Buffer.alloc(12)]);
    call.inject(
      ...Array.from({ length: 500 }, (_, i) => ({
        from: peer.address,
        bytes: check({ usernameFragment: `nobody${i}`, password: 'x' }),
      })),
      { from: peer.address, bytes: check(ice, { password: 'wrong' }) },
      { from: peer.address, bytes: nameless },
    );
    expect(peer.other).toEqual([]);
    expect(drops()).toMatchObject({ 'stun-unknown-user': 500, 'stun-no-username': 1, 'stun-integrity': 1 });
  });

  test('after a restart the old credentials are good until a check with the new ones comes', () => {
    const peer = call.addPeer();
    const before = iceOf(peer);
    call.inject({ from: peer.address, bytes: check(before) });
    const after = call.core.handleRequest('transport.restartIce', { transportId: peer.id });
    call.inject({ from: peer.address, bytes: check(before) });
    expect(peer.other).toHaveLength(2);
    call.inject({ from: peer.address, bytes: check(after) });
    expect(peer.other).toHaveLength(3);
    call.inject({ from: peer.address, bytes: check(before) });
    expect(peer.other).toHaveLength(3);
    expect(drops()['stun-unknown-user']).toBe(1);
  });

  test('a closed transport answers no more', () => {
    const peer = call.addPeer();
    const ice = iceOf(peer);
    call.core.handleRequest('transport.close', { transportId: peer.id });
    call.inject({ from: peer.address, bytes: check(ice) });
    expect(peer.other).toEqual([]);
  });
});

describe('where a peer is', () => {
  function listening(): { voice: Voice; listener: Peer } {
    const talker = call.addPeer();
    const listener = call.addPeer();
    call.produce(talker, 'microphone', { mid: '0', ssrc: 1111 });
    call.consume(listener, 'consumer', 'microphone', { mid: '0', ssrc: 7, payloadType: 100 });
    call.inject({ from: listener.address, bytes: check(iceOf(listener)) });
    return { voice: new Voice(talker, 1111, 'ada'), listener };
  }

  test('H13.1 media follows a peer whose packets come from another verified address', () => {
    const { voice, listener } = listening();
    call.speak([voice], 3);
    expect(listener.rtp).toHaveLength(3);
    const elsewhere = call.move(listener, toAddress('10.9.9.9', 6000));
    call.inject({ from: elsewhere.address, bytes: check(iceOf(listener), { useCandidate: false }) });
    call.speak([voice], 3);
    expect(listener.rtp).toHaveLength(6);
    const { bytes } = listener.protectRtcp([{ type: 'rr', ssrc: 9, reports: [] }]);
    call.inject({ from: elsewhere.address, bytes });
    call.speak([voice], 3);
    expect(listener.rtp).toHaveLength(6);
    expect(elsewhere.rtp).toHaveLength(3);
    expect(statOf(listener).iceSelectedTuple).toMatchObject({ remoteIp: '10.9.9.9', remotePort: 6000 });
  });

  test('SRTP from an address that was never verified moves nothing', () => {
    const { voice, listener } = listening();
    const { bytes } = listener.protectRtcp([{ type: 'rr', ssrc: 9, reports: [] }]);
    call.inject({ from: toAddress('10.6.6.6', 666), bytes });
    call.speak([voice], 3);
    expect(listener.rtp).toHaveLength(3);
    expect(call.engine.stats().drops['no-peer']).toBe(1);
  });

  test("H1.7 an address that belongs to one peer cannot be taken by another one's check", () => {
    const { voice, listener } = listening();
    const thief = call.addPeer();
    call.inject({ from: listener.address, bytes: check(iceOf(thief)) });
    call.inject(listener.protectRtcp([{ type: 'rr', ssrc: 9, reports: [] }]));
    call.speak([voice], 3);
    expect(listener.rtp).toHaveLength(3);
    expect(drops()['ice-bind-refused']).toBe(1);
  });

  test('a peer that checks no more but sends packets is there: GStreamer, for one, does so', () => {
    const { voice, listener } = listening();
    for (let report = 0; report < 8; report++) {
      call.inject(listener.protectRtcp([{ type: 'rr', ssrc: 9, reports: [] }]));
      call.advance(9_000_000);
    }
    expect(statOf(listener).iceState).toBe('completed');
    call.speak([voice], 3);
    expect(listener.rtp).toHaveLength(3);
    call.advance(20_900_000);
    expect(statOf(listener).iceState).toBe('completed');
    call.advance(100_000);
    expect(statOf(listener).iceState).toBe('disconnected');
  });

  test('H1.9 without checks for 30 s nothing is sent any more, and the API side is told', () => {
    const { voice, listener } = listening();
    call.advance(29_000_000);
    call.speak([voice], 3);
    expect(listener.rtp).toHaveLength(3);
    call.advance(2_000_000);
    expect(statOf(listener).iceState).toBe('disconnected');
    const before = listener.rtcp.length;
    call.speak([voice], 100);
    expect(listener.rtp).toHaveLength(3);
    expect(listener.rtcp).toHaveLength(before);
    call.inject({ from: listener.address, bytes: check(iceOf(listener)) });
    call.speak([voice], 3);
    expect(listener.rtp).toHaveLength(6);
  });
});

test('fifty thousand datagrams of rubbish change nothing and are all counted', () => {
  const talker = call.addPeer();
  const listener = call.addPeer();
  call.produce(talker, 'microphone', { mid: '0', ssrc: 1111 });
  call.consume(listener, 'consumer', 'microphone', { mid: '0', ssrc: 7, payloadType: 100 });
  const voice = new Voice(talker, 1111, 'ada');
  const random = seededRandom(7);
  const firstBytes = [0, 1, 20, 22, 23, 63, 64, 79, 128, 144, 191, 255];
  for (let round = 0; round < 500; round++) {
    const rubbish = Array.from({ length: 100 }, () => {
      const bytes = new Uint8Array(Math.floor(random() * 120)).map(() => random() * 256);
      if (bytes.length > 0) bytes[0] = firstBytes[Math.floor(random() * firstBytes.length)]!;
      return { from: random() < 0.5 ? talker.address : toAddress('10.7.7.7', 7), bytes };
    });
    call.inject(...rubbish);
    call.advance(1_000);
  }
  const { received, drops: engineDrops } = call.engine.stats();
  const counted = Object.values(engineDrops).reduce((sum, count) => sum + count, 0);
  const passedOn = Object.values(drops()).reduce((sum, count) => sum + count, 0);
  expect(received).toBe(50_000);
  expect(counted + passedOn).toBeGreaterThanOrEqual(50_000);
  listener.rtp.length = 0;
  call.advance(1_000_000); // the flood used up its own rate, not anybody else's
  call.speak([voice], 5);
  expect(listener.rtp).toHaveLength(5);
});
