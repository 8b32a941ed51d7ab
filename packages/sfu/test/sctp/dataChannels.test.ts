import { afterEach, describe, expect, test } from 'vitest';
import { channel, closeAll, connectedPair, makePair } from './support.js';

afterEach(closeAll);

describe('two associations back to back', () => {
  test('a channel opened in-band is known at the other end by label and protocol, and is acknowledged', async () => {
    const { client, server } = await connectedPair();
    client.channels.open({ ...channel(2, 'tertulia'), protocol: 'json', priority: 256 }, true);
    await client.until(() => client.opened.length === 1, 'ACK');
    const known = { id: 2, label: 'tertulia', protocol: 'json', ordered: true, priority: 256 };
    expect(server.opened).toEqual([known]);
    expect(server.channels.channels()).toEqual([known]);
  });
  test('text, bytes and both kinds of nothing arrive as they were sent, both ways', async () => {
    const { client, server } = await connectedPair();
    client.channels.open(channel(0), true);
    const sent = ['grüß dich 👋', Uint8Array.of(0, 1, 255), '', new Uint8Array(), 'x'.repeat(5000)];
    for (const data of sent) expect(client.channels.send(0, data)).toBe('ok');
    await server.until(() => server.messages.length === sent.length, 'messages');
    expect(server.messages.map(({ data }) => data)).toEqual(sent);
    expect(server.messages.map(({ isBinary }) => isBinary)).toEqual([false, true, false, true, false]);
    for (const data of sent) server.channels.send(0, data);
    await client.until(() => client.messages.length === sent.length, 'answers');
    expect(client.messages.map(({ data }) => data)).toEqual(sent);
  });
  test('what is given before the association is there is sent when it is', async () => {
    const { client, server } = makePair();
    client.channels.open(channel(0), true);
    client.channels.send(0, 'early');
    await server.until(() => server.messages.length === 1, 'message');
    expect(server.messages[0]!.data).toBe('early');
  });
  test('channels agreed on elsewhere are open at both ends without a word', async () => {
    const { client, server } = await connectedPair();
    client.channels.open(channel(7), false);
    server.channels.open(channel(7), false);
    expect(server.opened).toHaveLength(1);
    server.channels.send(7, 'hello');
    await client.until(() => client.messages.length === 1, 'message');
  });
  test('a message of 256 KiB passes whole', async () => {
    const { client, server } = await connectedPair();
    client.channels.open(channel(0), true);
    const large = new Uint8Array(262_144).map((_, i) => i % 251);
    client.channels.send(0, large);
    await server.until(() => server.messages.length === 1, 'message');
    expect(Buffer.compare(server.messages[0]!.data as Uint8Array, large)).toBe(0);
  });
  test('64 channels at once, one more is refused', async () => {
    const { client, server } = await connectedPair({ client: { maxChannels: 100 } });
    for (let i = 0; i < 65; i++) client.channels.open(channel(2 * i), true);
    await client.until(() => client.closed.length === 1, 'refusal');
    expect(client.closed).toEqual([{ id: 128, why: 'remote' }]);
    expect(server.opened).toHaveLength(64);
    expect(server.channels.stats().drops).toEqual({ 'dcep-too-many-channels': 1 });
  });
});

describe('closing', () => {
  test('at one end closes the other, after all that was sent before; the stream can be used again', async () => {
    const { client, server } = await connectedPair();
    for (let round = 1; round <= 3; round++) {
      client.channels.open(channel(0), true);
      for (let i = 0; i < 50; i++) client.channels.send(0, `${round}/${i} ${'.'.repeat(2000)}`);
      await client.until(() => client.opened.length === round, 'open');
      client.channels.close(0);
      expect(client.channels.send(0, 'late')).toBe('channel-closing');
      await server.until(() => server.closed.length === round, 'close');
      expect(server.messages).toHaveLength(50 * round);
      await client.until(
        () => client.channels.stats().channels + server.channels.stats().channels === 0,
        'resets',
      );
    }
    expect(client.closed).toEqual(new Array(3).fill({ id: 0, why: 'local' }));
    expect(server.closed).toEqual(new Array(3).fill({ id: 0, why: 'remote' }));
  });
  test('both ends at the same moment', async () => {
    const { client, server } = await connectedPair();
    client.channels.open(channel(0), true);
    await client.until(() => client.opened.length === 1, 'open');
    client.channels.close(0);
    server.channels.close(0);
    await client.until(
      () => client.channels.stats().channels + server.channels.stats().channels === 0,
      'resets',
    );
    expect(client.closed).toEqual([{ id: 0, why: 'local' }]);
    expect(server.closed).toEqual([{ id: 0, why: 'local' }]);
  });
  test('of the association closes all channels, once, at both ends', async () => {
    const { client, server } = await connectedPair();
    for (const id of [0, 2, 4]) client.channels.open(channel(id), true);
    await client.until(() => client.opened.length === 3, 'open');
    server.channels.closeAll();
    server.channels.closeAll();
    await client.until(() => client.state === 'closed', 'ABORT');
    expect(server.why).toBe('self');
    expect(client.why).toBe('peer-aborted');
    const all = [0, 2, 4].map((id) => ({ id, why: 'association-closed' }));
    expect(server.closed).toEqual(all);
    expect(client.closed).toEqual(all);
    expect(client.channels.send(0, 'late')).toBe('channel-unknown');
  });
});

describe('backpressure', () => {
  test('bufferedAmount counts what is not sent yet and falls to 0 with an event', async () => {
    const { client, server, wire } = await connectedPair();
    client.channels.open(channel(0), true);
    await client.until(() => client.opened.length === 1, 'open');
    wire.fate = (_, toServer) => toServer; // no acknowledgements
    for (let i = 0; i < 10; i++) client.channels.send(0, new Uint8Array(50_000));
    const waiting = client.channels.bufferedAmount(0);
    expect(waiting).toBeGreaterThan(400_000);
    expect(waiting).toBeLessThanOrEqual(500_000);
    expect(client.low).toEqual([]);
    wire.fate = () => true;
    await client.until(() => client.channels.bufferedAmount(0) === 0, 'drain');
    expect(client.low.length).toBeGreaterThan(0);
    await server.until(() => server.messages.length === 10, 'messages');
  });
  test('H7.10 a reader that takes nothing loses its channel at 1 MiB, and others go on', async () => {
    const { client, server, wire } = await connectedPair();
    client.channels.open(channel(0), true);
    client.channels.open(channel(2), true);
    await client.until(() => client.opened.length === 2, 'open');
    wire.fate = (_, toServer) => !toServer;
    let accepted = 0;
    while (server.channels.send(0, new Uint8Array(1000)) === 'ok') accepted += 1000;
    expect(accepted).toBeGreaterThan(1_000_000);
    expect(accepted).toBeLessThan(1_200_000);
    expect(server.closed).toEqual([{ id: 0, why: 'backlog' }]);
    expect(server.channels.send(0, 'more')).toBe('channel-closing');
    wire.fate = () => true;
    server.channels.send(2, 'still here');
    await client.until(() => client.messages.some(({ id }) => id === 2), 'message of the other channel');
    await client.until(() => client.closed.length === 1, 'close');
    expect(client.closed).toEqual([{ id: 0, why: 'remote' }]);
  });
  test('a large transfer does not hold up a small message on another channel', async () => {
    const { client, server } = await connectedPair();
    client.channels.open(channel(0), true);
    client.channels.open(channel(2), true);
    for (let i = 0; i < 16; i++) client.channels.send(0, new Uint8Array(60_000));
    client.channels.send(2, 'small');
    await server.until(() => server.messages.some(({ id }) => id === 2), 'small message');
    expect(server.messages.filter(({ id }) => id === 0).length).toBeLessThan(6);
  });
  test('messages larger than the peer accepts are not sent', async () => {
    const { client } = await connectedPair({ client: { remoteMaxMessageSize: 100 } });
    client.channels.open(channel(0), true);
    expect(client.channels.send(0, 'é'.repeat(51))).toBe('message-too-large');
    expect(client.channels.send(0, 'é'.repeat(50))).toBe('ok');
  });
});
