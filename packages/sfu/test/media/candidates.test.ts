/** Which candidates listen infos make, and in which order a client prefers them. */
import { describe, expect, test } from 'vitest';
import { candidatesOf } from '../../src/media/listen.js';
import type { ListenSocket } from '../../src/media/listen.js';

const socket = (over: Partial<ListenSocket>): ListenSocket => ({
  socket: 0,
  protocol: 'udp',
  ip: '10.0.0.1',
  announcedAddress: '10.0.0.1',
  port: 40_000,
  sendBuffer: 0,
  receiveBuffer: 0,
  ...over,
});
const udp = socket({});
const tcp = socket({ protocol: 'tcp', port: 40_001 });

describe('candidates', () => {
  test('one UDP socket: a host candidate with the numbers of mediasoup', () => {
    expect(candidatesOf([udp])).toEqual([
      {
        foundation: 'udp0',
        priority: 1_076_302_079,
        address: '10.0.0.1',
        ip: '10.0.0.1',
        protocol: 'udp',
        port: 40_000,
        type: 'host',
      },
    ]);
  });

  test('a TCP socket is passive (RFC 6544 §4.5)', () => {
    expect(candidatesOf([tcp])).toMatchObject([
      { protocol: 'tcp', port: 40_001, type: 'host', tcpType: 'passive' },
    ]);
  });

  test.each([
    { name: 'as listed', choice: {}, want: ['udp', 'tcp'], priorities: [1_076_302_079, 1_076_276_479] },
    {
      name: 'UDP preferred',
      choice: { preferUdp: true },
      want: ['udp', 'tcp'],
      priorities: [1_076_558_079, 1_076_276_479],
    },
    {
      name: 'TCP preferred',
      choice: { preferTcp: true },
      want: ['udp', 'tcp'],
      priorities: [1_076_302_079, 1_076_532_479],
    },
    { name: 'TCP only', choice: { enableUdp: false }, want: ['tcp'], priorities: [1_076_276_479] },
    { name: 'UDP only', choice: { enableTcp: false }, want: ['udp'], priorities: [1_076_302_079] },
  ])('$name', ({ choice, want, priorities }) => {
    const candidates = candidatesOf([udp, tcp], choice);
    expect(candidates.map(({ protocol }) => protocol)).toEqual(want);
    expect(candidates.map(({ priority }) => priority)).toEqual(priorities);
  });

  test('the internal address comes behind the announced one and before the next listen info', () => {
    const announced = socket({ announcedAddress: 'media.example.org', internalAddress: '10.0.0.1' });
    const candidates = candidatesOf([announced, tcp]);
    expect(candidates.map(({ address }) => address)).toEqual(['media.example.org', '10.0.0.1', '10.0.0.1']);
    const priorities = candidates.map(({ priority }) => priority);
    expect(priorities).toEqual([...priorities].sort((a, b) => b - a));
    expect(new Set(priorities).size).toBe(3);
  });
});
