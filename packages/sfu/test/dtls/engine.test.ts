/** Sessions with the engine's real DTLS, back to back in memory, with data channels on top. */
import { Dtls, DtlsContext } from '@tertulia/engine';
import { afterEach, describe, expect, test } from 'vitest';
import { DtlsSession } from '../../src/media/dtls/index.js';
import type { DtlsFingerprint } from '../../src/media/dtls/index.js';
import { DataChannels, SctpAssociation } from '../../src/media/sctp/index.js';

const contexts = { server: new DtlsContext(), client: new DtlsContext() };
const WRONG: DtlsFingerprint[] = [{ algorithm: 'sha-256', value: Array(32).fill('00').join(':') }];
type Side = 'server' | 'client';
const other = (side: Side): Side => (side === 'server' ? 'client' : 'server');

interface Pair {
  sessions: Record<Side, DtlsSession>;
  /** Carries datagrams until nobody has anything to say; returns what was said in data. */
  run(): Record<Side, Uint8Array[]>;
  change: (datagram: Uint8Array, from: Side) => Uint8Array[];
}
function makePair(expected: Partial<Record<Side, readonly DtlsFingerprint[]>> = {}): Pair {
  const make = (side: Side): DtlsSession => {
    const dtls = new Dtls(contexts[side], { role: side });
    const session = new DtlsSession({ dtls, role: side, nowMicros: 0 });
    session.setRemoteFingerprints(expected[side] ?? contexts[other(side)].fingerprints, 0);
    return session;
  };
  const sessions = { server: make('server'), client: make('client') };
  const pair: Pair = {
    sessions,
    change: (datagram) => [datagram],
    run() {
      const data: Record<Side, Uint8Array[]> = { server: [], client: [] };
      for (let quiet = false; !quiet;) {
        quiet = true;
        for (const side of ['client', 'server'] as const)
          for (const datagram of sessions[side].takeOutput()) {
            quiet = false;
            for (const bytes of pair.change(datagram, side)) sessions[other(side)].handleDatagram(bytes, 0);
            data[other(side)].push(...sessions[other(side)].takeData());
          }
      }
      return data;
    },
  };
  return pair;
}

test('two sessions agree on keys and carry data', () => {
  const { sessions, run } = makePair();
  run();
  for (const side of ['server', 'client'] as const)
    expect(sessions[side]).toMatchObject({ state: 'connected', srtpReady: true });
  sessions.client.send(Uint8Array.of(1, 2, 3), 0);
  sessions.server.send(Uint8Array.of(4), 0);
  const data = run();
  expect(data.server).toEqual([Uint8Array.of(1, 2, 3)]);
  expect(data.client).toEqual([Uint8Array.of(4)]);
  sessions.server.close(0);
  run();
  expect(sessions.client).toMatchObject({ state: 'closed', end: 'peer-closed', srtpReady: false });
});

describe('H2 hostile DTLS, with the engine', () => {
  test.each(['server', 'client'] as const)(
    'H2.3 a %s that meets another certificate fails and says so',
    (side) => {
      const { sessions, run } = makePair({ [side]: WRONG });
      run();
      expect(sessions[side]).toMatchObject({
        state: 'failed',
        end: 'fingerprint-mismatch',
        srtpReady: false,
      });
      expect(sessions[side].send(Uint8Array.of(1), 0)).toBe(false);
      sessions[other(side)].send(Uint8Array.of(1), 0);
      expect(run()[side]).toEqual([]);
    },
  );
  test('H2.6 H2.7 plaintext alerts, old hellos and a repeated handshake do not disturb a live session', () => {
    const pair = makePair();
    const seen: { datagram: Uint8Array; from: Side }[] = [];
    pair.change = (datagram, from) => {
      seen.push({ datagram: datagram.slice(), from });
      return [datagram];
    };
    pair.run();
    pair.change = (datagram) => [datagram];
    const alert = (level: number, description: number): Uint8Array =>
      Uint8Array.of(21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, level, description);
    for (const side of ['server', 'client'] as const) {
      for (const bytes of [
        alert(2, 40),
        alert(1, 0),
        Uint8Array.of(20, 254, 253, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 1),
      ])
        pair.sessions[side].handleDatagram(bytes, 0);
      for (const { datagram, from } of seen)
        if (from !== side) pair.sessions[side].handleDatagram(datagram, 0);
    }
    pair.run();
    pair.sessions.client.send(Uint8Array.of(9), 0);
    expect(pair.run().server).toEqual([Uint8Array.of(9)]);
    expect(pair.sessions.server.state).toBe('connected');
  });
  test('datagrams twice and in the other order still connect', () => {
    const pair = makePair();
    let held: Uint8Array | undefined;
    pair.change = (datagram) => {
      const before = held;
      held = datagram.slice();
      return before ? [datagram, before, datagram] : [datagram];
    };
    pair.run();
    expect(pair.sessions.server.state).toBe('connected');
    expect(pair.sessions.client.state).toBe('connected');
  });
});

describe('data channels over DTLS', () => {
  const ends: SctpAssociation[] = [];
  afterEach(() => {
    for (const end of ends.splice(0)) end.close();
  });
  test('a channel opens, carries a message of 256 KiB each way, and closes', async () => {
    const pair = makePair();
    pair.run();
    const got: Record<Side, number[]> = { server: [], client: [] };
    const events: string[] = [];
    const channels = {} as Record<Side, DataChannels>;
    for (const side of ['server', 'client'] as const) {
      const association = new SctpAssociation({
        role: side,
        sendPacket: (packet) => {
          if (!pair.sessions[side].send(packet, 0)) throw new Error('DTLS refused a packet');
          setImmediate(flush);
        },
      });
      ends.push(association);
      channels[side] = new DataChannels({
        association,
        on: {
          open: ({ label }) => events.push(`${side} open ${label}`),
          message: (_id, data) => got[side].push(data.length),
          close: (id, why) => events.push(`${side} close ${id} ${why}`),
          bufferedAmountLow: () => undefined,
          state: () => undefined,
        },
      });
    }
    function flush(): void {
      const data = pair.run();
      for (const side of ['server', 'client'] as const)
        for (const packet of data[side]) channels[side].handlePacket(packet);
    }
    const until = async (condition: () => boolean): Promise<void> => {
      for (const end = Date.now() + 20_000; !condition() && Date.now() < end;)
        await new Promise((resolve) => setTimeout(resolve, 2));
      expect(condition()).toBe(true);
    };
    channels.client.open({ id: 0, label: 'tertulia', protocol: '', ordered: true, priority: 0 }, true);
    channels.client.send(0, new Uint8Array(262_144));
    await until(() => got.server.length === 1);
    channels.server.send(0, new Uint8Array(262_144));
    await until(() => got.client.length === 1);
    channels.client.close(0);
    await until(() => channels.client.stats().channels + channels.server.stats().channels === 0);
    expect(got).toEqual({ server: [262_144], client: [262_144] });
    expect(events).toEqual([
      'server open tertulia',
      'client open tertulia',
      'client close 0 local',
      'server close 0 remote',
    ]);
  });
});
