import { afterEach, describe, expect, test } from 'vitest';
import { channel, closeAll, connectedPair, makePair, seeded } from './support.js';
import type { Pair } from './support.js';

afterEach(closeAll);

const payload = (i: number): string => `${i} ${'.'.repeat((i * 37) % 3000)}`;
async function exchange(pair: Pair, count: number, timeoutMs = 25_000): Promise<void> {
  const { client, server } = pair;
  client.channels.open(channel(0), true);
  for (let i = 0; i < count; i++) client.channels.send(0, payload(i));
  await server.until(() => server.opened.length === 1, 'open', timeoutMs);
  for (let i = 0; i < count; i++) server.channels.send(0, payload(i));
  const done = (): boolean => server.messages.length === count && client.messages.length === count;
  await client.until(done, 'all messages', timeoutMs);
  const expected = Array.from({ length: count }, (_, i) => payload(i));
  expect(server.messages.map(({ data }) => data)).toEqual(expected);
  expect(client.messages.map(({ data }) => data)).toEqual(expected);
}

describe('over a bad wire everything arrives once and in order', () => {
  test.each([1, 2, 3])('a fifth lost both ways, seed %i', async (seed) => {
    const chance = seeded(seed);
    const pair = makePair();
    pair.wire.fate = () => (chance() < 0.2 ? false : 5);
    await exchange(pair, 30);
  });
  test('H13.6 reordering of up to 100 ms', async () => {
    const chance = seeded(4);
    const pair = makePair();
    pair.wire.fate = () => 1 + chance() * 100;
    await exchange(pair, 60);
  });
  test('H13.5 a round trip of 800 ms with 20 % loss', async () => {
    const chance = seeded(5);
    const pair = makePair();
    pair.wire.fate = () => (chance() < 0.2 ? false : 400);
    await exchange(pair, 4, 29_000);
  });
  test('every packet twice', async () => {
    const pair = makePair();
    pair.wire.fate = (packet, toServer) => {
      const end = toServer ? pair.server : pair.client;
      setTimeout(() => end.channels.handlePacket(packet), 3);
      return true;
    };
    await exchange(pair, 40);
  });
  test('closing and opening again under loss leaves nothing of the old channel', async () => {
    const chance = seeded(6);
    const pair = await connectedPair();
    const { client, server, wire } = pair;
    wire.fate = () => (chance() < 0.15 ? false : 2);
    for (let round = 1; round <= 3; round++) {
      client.channels.open(channel(0, `round ${round}`), true);
      for (let i = 0; i < 10; i++) client.channels.send(0, `${round}/${i}`);
      client.channels.close(0);
      await server.until(() => server.closed.length === round, 'close');
      await client.until(
        () => client.channels.stats().channels + server.channels.stats().channels === 0,
        'resets',
      );
    }
    expect(server.opened.map(({ label }) => label)).toEqual(['round 1', 'round 2', 'round 3']);
    expect(server.messages.map(({ data }) => data)).toEqual(
      [1, 2, 3].flatMap((round) => Array.from({ length: 10 }, (_, i) => `${round}/${i}`)),
    );
  });
});

test('a lost last message comes within two seconds', async () => {
  const { client, server, wire } = await connectedPair();
  client.channels.open(channel(0), true);
  for (let i = 0; i < 10; i++) client.channels.send(0, 'before');
  await server.until(() => server.messages.length === 10, 'messages');
  let lost = 0;
  wire.fate = (_, toServer) => !(toServer && lost++ === 0);
  const start = performance.now();
  client.channels.send(0, 'last');
  await server.until(() => server.messages.length === 11, 'last message');
  expect(performance.now() - start).toBeLessThan(2000);
});

test('4 MiB pass, each chunk sent little more than once', async () => {
  const { client, server, wire } = await connectedPair();
  client.channels.open(channel(0), true);
  const piece = new Uint8Array(65_536);
  let given = 0;
  while (given < 64) {
    if (client.channels.bufferedAmount(0) < 500_000) {
      client.channels.send(0, piece);
      given++;
    } else {
      const before = client.channels.bufferedAmount(0);
      await client.until(() => client.channels.bufferedAmount(0) < before, 'progress');
    }
  }
  await server.until(() => server.messages.length === 64, 'all');
  const bytes = wire.sent.reduce((sum, { packet, toServer }) => sum + (toServer ? packet.length : 0), 0);
  expect(bytes).toBeLessThan(64 * 65_536 * 1.1);
});

test('an association keeps no timer that would keep the process alive', async () => {
  const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const { client, wire } = await connectedPair();
  const before = timers();
  wire.fate = () => false;
  client.channels.open(channel(0), true);
  client.channels.send(0, 'never acknowledged');
  await new Promise((resolve) => setImmediate(resolve));
  expect(timers()).toBeLessThanOrEqual(before);
});
