import { afterEach, describe, expect, test } from 'vitest';
import type { DataChannelInfo } from '../../src/media/sctp/index.js';
import { channel, closeAll, connectedPair, seeded } from './support.js';

afterEach(closeAll);

const DATA = 0;
const FORWARD_TSN = 192;
/** Types of the chunks of a packet. RFC 9260 §3.2. */
function chunkTypes(packet: Uint8Array): number[] {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
  const types: number[] = [];
  for (let at = 12; at + 4 <= packet.length; at += Math.max(4, (view.getUint16(at + 2) + 3) & ~3))
    types.push(view.getUint8(at));
  return types;
}

/** Both ends agree on two streams: the one under test, and a reliable one behind it. */
async function agreed(reliability: Partial<DataChannelInfo>) {
  const pair = await connectedPair();
  for (const end of [pair.client, pair.server]) {
    end.channels.open({ ...channel(1), ...reliability }, false);
    end.channels.open(channel(2), false);
  }
  const numbers = (): number[] =>
    pair.server.messages.filter(({ id }) => id === 1).map(({ data }) => Number(data));
  return { ...pair, numbers };
}

describe('messages that may be lost', () => {
  test('maxRetransmits 0: what is lost is gone, the rest arrives, and nothing hangs', async () => {
    const { client, server, wire, numbers } = await agreed({ ordered: false, maxRetransmits: 0 });
    const chance = seeded(3);
    let lost = 0;
    wire.fate = (packet) => {
      if (!chunkTypes(packet).includes(DATA) || chance() >= 0.3) return true;
      lost++;
      return false;
    };
    for (let i = 0; i < 60; i++) client.channels.send(1, String(i));
    await client.until(() => client.channels.bufferedAmount(1) === 0, 'sent');
    wire.fate = () => true;
    client.channels.send(2, 'behind');
    await server.until(() => server.messages.some(({ data }) => data === 'behind'), 'the reliable one');
    expect(lost).toBeGreaterThan(5);
    expect(numbers().length).toBeGreaterThan(10);
    expect(numbers().length).toBeLessThan(60);
    expect(new Set(numbers()).size).toBe(numbers().length);
  });

  test('ordered with a life time: later messages are not held back by one that is given up', async () => {
    const { client, server, wire, numbers } = await agreed({ ordered: true, maxPacketLifeTimeMs: 50 });
    const marked = (packet: Uint8Array): boolean => Buffer.from(packet).includes('7777777');
    wire.fate = (packet) => !marked(packet);
    for (let i = 0; i < 10; i++) client.channels.send(1, i === 7 ? '7777777' : String(i));
    await server.until(() => numbers().includes(9), 'the last one');
    expect(numbers()).not.toContain(7_777_777);
    expect(numbers()).toEqual([...numbers()].sort((a, b) => a - b));
  });

  test('a lost FORWARD TSN is said again', async () => {
    const { client, server, wire } = await agreed({ ordered: false, maxRetransmits: 0 });
    let forwards = 0;
    wire.fate = (packet, toServer) => {
      const types = chunkTypes(packet);
      if (toServer && types.includes(FORWARD_TSN)) return ++forwards > 3;
      return !(toServer && types.includes(DATA) && forwards === 0);
    };
    client.channels.send(1, 'lost');
    client.channels.send(2, 'kept');
    await server.until(() => server.messages.some(({ data }) => data === 'kept'), 'what is behind');
    await client.until(() => forwards > 3, 'the fourth FORWARD TSN');
    expect(server.messages.map(({ data }) => data)).toEqual(['kept']);
  });

  test('without limits the same channel is reliable', async () => {
    const { client, server, wire, numbers } = await agreed({ ordered: false });
    const chance = seeded(5);
    wire.fate = () => chance() >= 0.2;
    for (let i = 0; i < 40; i++) client.channels.send(1, String(i));
    await server.until(() => numbers().length === 40, 'all of them');
  });
});
