/** Several packets to one receiver in one flush: on the wire they are datagrams of their own, whatever the kernel is given. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { describe, expect, test, vi } from 'vitest';
import * as L from '../src/index.js';
import { Chance, bindingRequest } from './support/packets.js';
import { SrtpReference } from './support/srtp.js';

const key = Buffer.alloc(16, 1);
const salt = Buffer.alloc(12, 2);
const RECEIVERS = 5;

describe.each([
  { name: 'one IPv4 address', ip: '127.0.0.1', to: '127.0.0.1' },
  { name: 'one IPv6 address', ip: '::1', to: '::1' },
  { name: 'all IPv4 addresses, answering from another one', ip: '0.0.0.0', to: '127.3.2.1' },
  { name: 'all IPv6 addresses', ip: '::', to: '::1' },
])('from $name', ({ ip, to }) => {
  test.each([
    { name: 'equal lengths', lengths: Array.from({ length: 8 }, () => 1000) },
    { name: 'the last one shorter', lengths: [900, 900, 900, 20] },
    { name: 'shorter, then longer', lengths: [900, 20, 20, 900, 900, 901, 0] },
    { name: 'more than one message takes', lengths: Array.from({ length: 60 }, () => 1400) },
    { name: 'by chance', lengths: Array.from({ length: 40 }, (_, i) => 1 + (new Chance(i).below(3) >> 1)) },
  ])('$name', async ({ lengths }) => {
    const engine = new L.Engine({ slots: 256, entries: 16, commands: 64 });
    const { socket, port } = engine.bind(ip, 0);
    const peers: number[] = [];
    const list = engine.createList();
    engine.start((count) => {
      for (let at = 0; at < count * L.ROW_WORDS; at += L.ROW_WORDS) {
        // The row's address says from which local one to answer.
        const address = new Uint8Array(engine.rows.slice(at + L.ROW_ADDRESS, at + L.ROW_ADDRESS + 5).buffer);
        const peer = engine.createPeer();
        peers.push(peer);
        engine.selectAddress(peer, socket, address);
        engine.setKeys(peer, 'AEAD_AES_128_GCM', {
          receiveKey: key,
          receiveSalt: salt,
          sendKey: key,
          sendSalt: salt,
        });
        const entry = engine.createEntry();
        L.writeEntry(engine.entries, entry, { peer, ssrc: 7, payloadTypes: [96], enabled: true });
        engine.listAdd(list, entry);
      }
      return 0;
    });
    const family = ip.includes(':') ? 'udp6' : 'udp4';
    const receivers = Array.from({ length: RECEIVERS }, () => {
      const receiver = createSocket({ type: family, recvBufferSize: 1 << 20 });
      const got: { bytes: Buffer; from: string }[] = [];
      receiver.on('message', (bytes, from) => got.push({ bytes, from: `${from.address} ${from.port}` }));
      return { receiver, got };
    });
    try {
      for (const { receiver } of receivers) {
        receiver.bind(0, family === 'udp6' ? '::1' : '127.0.0.1');
        await once(receiver, 'listening');
        receiver.send(bindingRequest(), port, to);
      }
      await vi.waitFor(() => expect(peers.length).toBe(RECEIVERS), { timeout: 5000, interval: 5 });
      lengths.forEach((length, i) => {
        engine.scratch.fill(i, i * 1000, i * 1000 + length);
        L.writeCommand(engine.commands, i, {
          list,
          payloadOffset: engine.scratchOffset + i * 1000,
          payloadLength: length,
          index: i,
          timestamp: 0,
        });
      });
      const wanted = lengths.map((length, i) =>
        Buffer.from(engine.scratch.subarray(i * 1000, i * 1000 + length)).toString('hex'),
      );
      expect(engine.flush(lengths.length)).toBe(0);
      const reference = new SrtpReference('AEAD_AES_128_GCM', key, salt);
      for (const { got } of receivers) {
        await vi.waitFor(() => expect(got.length).toBe(lengths.length), { timeout: 5000, interval: 5 });
        const plain = got.map(({ bytes }) => Buffer.from(reference.unprotectRtp(bytes, 0)!));
        expect(plain.map((packet) => packet.readUInt16BE(2))).toEqual(lengths.map((_, i) => i));
        expect(plain.map((packet) => packet.subarray(12).toString('hex'))).toEqual(wanted);
        expect(new Set(got.map(({ from }) => from))).toEqual(new Set([`${to} ${port}`]));
      }
      expect(engine.stats()).toMatchObject({ sendErrors: 0, sent: RECEIVERS * lengths.length });
    } finally {
      engine.close();
      for (const { receiver } of receivers) receiver.close();
    }
  });
});
