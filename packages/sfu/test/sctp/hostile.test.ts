import fc from 'fast-check';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { inspectSctpPacket } from '../../src/media/sctp/packetGuard.js';
import { SCTP_LIMITS } from '../../src/media/sctp/index.js';
import {
  chunk,
  DATA_FLAGS,
  dataChunk,
  INITIAL_TSN,
  initChunk,
  openChunk,
  packet,
  PEER_TAG,
  RawPeer,
  u16,
  u32,
} from './rawPeer.js';

const escaped: unknown[] = [];
const note = (error: unknown): void => void escaped.push(error);
process.on('unhandledRejection', note);
process.on('uncaughtException', note);
const peers: RawPeer[] = [];
afterEach(() => {
  for (const peer of peers.splice(0)) peer.server.association.close();
});
afterAll(() => {
  process.off('unhandledRejection', note);
  process.off('uncaughtException', note);
  expect(escaped).toEqual([]);
});

function newPeer(...options: ConstructorParameters<typeof RawPeer>): RawPeer {
  const peer = new RawPeer(...options);
  peers.push(peer);
  return peer;
}
async function connected(...options: ConstructorParameters<typeof RawPeer>): Promise<RawPeer> {
  const peer = newPeer(...options);
  await peer.connect();
  return peer;
}
const drops = (peer: RawPeer) => peer.server.association.stats().drops;
/** The association is in use as before: a new channel can be opened. */
async function stillWorks(peer: RawPeer, tsn: number, streamId = 100): Promise<void> {
  const before = peer.server.opened.length;
  peer.send(openChunk(tsn, streamId));
  await peer.settled();
  expect(peer.server.opened.length).toBe(before + 1);
}

describe('H7 hostile SCTP', () => {
  test('H7.1 a flood of INITs is answered with cookies and leaves nothing behind', async () => {
    const peer = newPeer();
    for (let i = 1; i <= 500; i++) peer.server.channels.handlePacket(packet(0, [initChunk(i, i)]));
    await peer.settled();
    expect(peer.server.state).toBe('connecting');
    expect(peer.chunks(2).length).toBeLessThanOrEqual(500);
    await peer.connect();
    await stillWorks(peer, INITIAL_TSN);
  });
  test('H7.1 more packets at once than can wait are counted', async () => {
    const peer = newPeer();
    for (let i = 1; i <= 2000; i++) peer.server.channels.handlePacket(packet(0, [initChunk(i, i)]));
    await peer.settled();
    expect(drops(peer)['sctp-queue-full']).toBeGreaterThan(900);
  });
  test('H7.1 an INIT to an association in use does not begin it anew', async () => {
    const peer = await connected();
    peer.send(openChunk(INITIAL_TSN, 0));
    peer.server.channels.handlePacket(packet(0, [initChunk(99, 5)]));
    await peer.settled();
    expect(drops(peer)['sctp-already-connected']).toBe(1);
    await stillWorks(peer, INITIAL_TSN + 1);
  });
  test.each([
    ['zero chunk length', [[0, 3, 0, 0]]],
    ['chunk length 3', [[0, 3, 0, 3]]],
    ['chunk length past the end', [[0, 3, 0xff, 0xff, 1, 2, 3, 4]]],
    ['half a chunk header', [chunk(4, 0, []), [4, 0]]],
    ['DATA without data', [chunk(0, 3, new Array(12).fill(0))]],
    ['DATA with half a header', [chunk(0, 3, [1, 2, 3])]],
    ['HEARTBEAT with a parameter of length 0', [chunk(4, 0, [0, 1, 0, 0])]],
    ['ABORT with a cause of length 3', [chunk(6, 0, [0, 1, 0, 3])]],
    ['ERROR with a cause past its end', [chunk(9, 0, [0, 1, 0, 200])]],
    ['SACK that counts more gaps than it has', [chunk(3, 0, [...u32(1), ...u32(1), ...u16(9), ...u16(0)])]],
    [
      'SACK with a gap that ends before it starts',
      [chunk(3, 0, [...u32(1), ...u32(1), 0, 1, 0, 0, 0, 9, 0, 2])],
    ],
    ['FORWARD-TSN with half a stream', [chunk(192, 0, [...u32(1), 0, 1])]],
    ['RE-CONFIG with half a request', [chunk(130, 0, [0, 13, 0, 8, 0, 0, 0, 1])]],
    ['RE-CONFIG with an odd list', [chunk(130, 0, [0, 13, 0, 17, ...new Array(13).fill(0)])]],
    ['RE-CONFIG of an unknown kind', [chunk(130, 0, [0, 99, 0, 4])]],
    ['COOKIE ECHO without a cookie', [chunk(10, 0, [])]],
    ['COOKIE ECHO of 1000 bytes', [chunk(10, 0, new Array(1000).fill(1))]],
    ['INIT with tag 0', [initChunk(0)]],
    ['INIT beside others', [initChunk(), chunk(4, 0, [])]],
    ['INIT with a parameter of length 0', [chunk(1, 0, [...initChunk().slice(4), 0x80, 8, 0, 0])]],
  ])('H7.2 %s is refused and counted', async (_name, chunks) => {
    const peer = await connected();
    peer.send(...chunks);
    await peer.settled();
    expect(Object.values(drops(peer)).reduce((sum, count) => sum + count, 0)).toBe(1);
    await stillWorks(peer, INITIAL_TSN);
  });
  test('H7.2 a wrong checksum is refused, also when the packet has chunks to be skipped', async () => {
    const peer = await connected();
    const unknown = chunk(0xc1, 0, [1, 2, 3, 4]);
    peer.server.channels.handlePacket(packet(peer.tag, [openChunk(INITIAL_TSN, 0)], true));
    peer.server.channels.handlePacket(packet(peer.tag, [openChunk(INITIAL_TSN, 0), unknown], true));
    await peer.settled();
    expect(drops(peer)['sctp-checksum']).toBe(2);
    expect(peer.server.opened).toEqual([]);
  });
  test('H7.3 a cookie that comes again is acknowledged again and changes nothing', async () => {
    const peer = await connected();
    peer.send(openChunk(INITIAL_TSN, 0));
    for (let i = 0; i < 50; i++) peer.send(chunk(10, 0, peer.cookie));
    await peer.settled();
    expect(peer.chunks(11)).toHaveLength(51);
    expect(peer.server.opened).toHaveLength(1);
    await stillWorks(peer, INITIAL_TSN + 1);
  });
  test('H7.3 a cookie that was not made here connects nobody', async () => {
    const peer = newPeer();
    await peer.greet();
    peer.send(
      chunk(
        10,
        0,
        peer.cookie.map((byte, i) => (i === 10 ? byte ^ 1 : byte)),
      ),
    );
    await peer.settled();
    expect(peer.server.state).toBe('connecting');
    expect(peer.chunks(11)).toEqual([]);
  });
  test('data with the cookie is taken, data before it is not', async () => {
    const peer = newPeer();
    await peer.greet();
    peer.send(openChunk(INITIAL_TSN, 0));
    await peer.settled();
    expect(drops(peer)['sctp-not-connected']).toBe(1);
    peer.send(chunk(10, 0, peer.cookie), openChunk(INITIAL_TSN, 0));
    await peer.settled();
    expect(peer.server.opened).toHaveLength(1);
  });
  test('data right behind the cookie, in the next packet of the same batch, is taken', async () => {
    const peer = newPeer();
    await peer.greet();
    peer.send(chunk(10, 0, peer.cookie));
    peer.send(openChunk(INITIAL_TSN, 0));
    await peer.settled();
    expect(peer.server.opened).toHaveLength(1);
  });
  test('H7.4 stream 65,535 ends this association with a reason', async () => {
    const peer = await connected();
    peer.send(openChunk(INITIAL_TSN, 0));
    peer.send(openChunk(INITIAL_TSN + 1, 65_535));
    await peer.settled();
    expect(peer.server.why).toBe('stream-out-of-range');
    expect(peer.server.closed).toEqual([{ id: 0, why: 'association-closed' }]);
    expect(peer.chunks(6)).toHaveLength(1);
  });
  test('H7.5 I-DATA and other unknown chunks are skipped or end the packet, as their type says', async () => {
    const peer = await connected();
    peer.send(chunk(0xc1, 0, [1, 2, 3, 4, 5]), openChunk(INITIAL_TSN, 0)); // skip, go on
    peer.send(
      openChunk(INITIAL_TSN + 1, 2),
      chunk(64, 3, new Array(20).fill(1)),
      openChunk(INITIAL_TSN + 2, 4),
    ); // stop
    await peer.settled();
    expect(peer.server.opened.map(({ id }) => id)).toEqual([0, 2]);
    expect(drops(peer)['sctp-unknown-chunk']).toBe(2);
  });
  test('H7.5 a FORWARD-TSN that lies about everything hurts this association only', async () => {
    const peer = await connected();
    peer.send(openChunk(INITIAL_TSN, 0));
    const streams = Array.from({ length: 200 }, (_, i) => [...u16(i), ...u16(65_535)]).flat();
    peer.send(chunk(192, 0, [...u32(INITIAL_TSN + 0x7fff_0000), ...streams]));
    await peer.settled();
    expect(peer.cumulativeTsn).toBe(INITIAL_TSN + 0x7fff_0000);
    peer.send(chunk(192, 0, u32(INITIAL_TSN))); // backwards: nothing
    await peer.settled();
    expect(peer.cumulativeTsn).toBe(INITIAL_TSN + 0x7fff_0000);
    expect(peer.server.state).toBe('connected');
    peer.send(chunk(192, 0, [...u32(INITIAL_TSN + 0x7fff_0001), ...u16(65_535), ...u16(0)]));
    await peer.settled();
    expect(peer.server.why).toBe('stream-out-of-range');
  });
  test('H7.5 a SACK for what was never sent is refused', async () => {
    const peer = await connected();
    peer.send(openChunk(INITIAL_TSN, 0));
    await peer.settled();
    const ours = peer.last(0).getUint32(4); // the DCEP ACK
    const sack = (tsn: number, gaps: number[][] = []): number[] =>
      chunk(3, 0, [
        ...u32(tsn),
        ...u32(100_000),
        ...u16(gaps.length),
        ...u16(0),
        ...gaps.flatMap((gap) => gap.flatMap(u16)),
      ]);
    peer.send(sack(ours + 1000));
    peer.send(sack(ours - 1, [[1, 65_535]]));
    await peer.settled();
    expect(drops(peer)['sctp-acknowledges-unsent']).toBe(2);
    expect(peer.server.association.hasOutstanding(0)).toBe(true);
    peer.send(sack(ours));
    await peer.settled();
    expect(peer.server.association.hasOutstanding(0)).toBe(false);
  });
  test('H7.5 data far ahead is dropped until what is missing comes', async () => {
    const peer = await connected();
    peer.send(openChunk(INITIAL_TSN + SCTP_LIMITS.tsnAhead, 0));
    await peer.settled();
    expect(drops(peer)['sctp-tsn-window']).toBe(1);
    await stillWorks(peer, INITIAL_TSN);
  });
  test('H7.6 an ABORT or a SHUTDOWN with another tag is nothing', async () => {
    const peer = await connected();
    for (const tag of [0, 1, PEER_TAG, (peer.tag ^ 1) >>> 0])
      for (const bytes of [chunk(6, 0, []), chunk(6, 1, []), chunk(7, 0, u32(0)), chunk(14, 0, [])])
        peer.server.channels.handlePacket(packet(tag, [bytes]));
    await peer.settled();
    expect(peer.server.state).toBe('connected');
    await stillWorks(peer, INITIAL_TSN);
  });
  test('the peer may end the association by ABORT or SHUTDOWN', async () => {
    const aborted = await connected();
    aborted.send(chunk(6, 0, []));
    await aborted.settled();
    expect(aborted.server.why).toBe('peer-aborted');
    const shut = await connected();
    shut.send(chunk(7, 0, u32(0)));
    await shut.settled();
    expect(shut.server.why).toBe('peer-shutdown');
    expect(shut.chunks(8)).toHaveLength(1);
  });
  test('H7.7 a message of a gigabyte closes its channel at 256 KiB; the rest is acknowledged and thrown away', async () => {
    const peer = await connected();
    peer.send(openChunk(INITIAL_TSN, 0));
    peer.send(openChunk(INITIAL_TSN + 1, 2));
    const body = new Uint8Array(1100);
    let tsn = INITIAL_TSN + 2;
    for (let i = 0; i < 2000; i++, tsn++) {
      peer.send(dataChunk({ tsn, sequence: 1, protocol: 53, flags: i === 0 ? DATA_FLAGS.first : 0, body }));
      if (i % 100 === 0) await peer.settled();
    }
    await peer.settled();
    expect(peer.server.closed).toEqual([{ id: 0, why: 'message-too-large' }]);
    expect(peer.cumulativeTsn).toBe(tsn - 1);
    expect(peer.last(3).getUint32(8)).toBe(SCTP_LIMITS.windowBytes);
    peer.send(dataChunk({ tsn: tsn++, streamId: 2, sequence: 1 }));
    await peer.settled();
    expect(peer.server.messages).toEqual([{ id: 2, data: 'A', isBinary: false }]);
  });
  test('H7.7 a message in a million crumbs closes its channel as well', async () => {
    const peer = await connected();
    peer.send(openChunk(INITIAL_TSN, 0));
    let tsn = INITIAL_TSN + 1;
    for (let i = 0; i < 4200; i += 60) {
      const crumbs = Array.from({ length: 60 }, (_, k) =>
        dataChunk({ tsn: tsn++, sequence: 1, flags: i + k === 0 ? DATA_FLAGS.first : 0 }),
      );
      peer.send(...crumbs);
      await peer.settled();
    }
    expect(peer.server.closed).toEqual([{ id: 0, why: 'message-too-large' }]);
  });
  test('H7.7 a peer that fills the window with what can never be delivered loses the association', async () => {
    const peer = await connected();
    for (let i = 0; i < 1200 && peer.server.state === 'connected'; i++) {
      // Messages whose predecessor never comes, on many streams, each whole.
      peer.send(
        dataChunk({ tsn: INITIAL_TSN + i, streamId: i % 900, sequence: 1, body: new Uint8Array(1100) }),
      );
      if (i % 100 === 0) await peer.settled();
    }
    await peer.settled();
    expect(peer.server.why).toBe('receive-window-exceeded');
  });
  test.each([
    ['repeated', openChunk(INITIAL_TSN + 1, 0, 'x', 1), 'dcep-open-repeated'],
    ['repeated under another name', openChunk(INITIAL_TSN + 1, 0, 'y', 1), 'dcep-open-repeated'],
    [
      'malformed, on a used stream',
      dataChunk({ tsn: INITIAL_TSN + 1, sequence: 1, protocol: 50, body: [3, 0] }),
      'dcep-malformed',
    ],
  ])('H7.8 an OPEN %s closes the channel', async (_name, second, why) => {
    const peer = await connected();
    peer.send(openChunk(INITIAL_TSN, 0));
    peer.send(second);
    await peer.settled();
    expect(peer.server.opened).toHaveLength(1);
    expect(peer.server.closed).toEqual([{ id: 0, why }]);
    await stillWorks(peer, INITIAL_TSN + 2);
  });
  test('H7.8 a label of 65,535 bytes is refused, and the stream is reset', async () => {
    const peer = await connected();
    const label = 'x'.repeat(65_535);
    const message = openChunk(0, 0, label).slice(16, 16 + 12 + 65_535);
    let tsn = INITIAL_TSN;
    for (let at = 0; at < message.length; at += 1100) {
      const flags = (at === 0 ? DATA_FLAGS.first : 0) | (at + 1100 >= message.length ? DATA_FLAGS.last : 0);
      peer.send(dataChunk({ tsn: tsn++, protocol: 50, flags, body: message.slice(at, at + 1100) }));
    }
    await peer.settled();
    expect(peer.server.opened).toEqual([]);
    expect(peer.server.channels.stats().drops).toEqual({ 'dcep-refused': 1 });
    expect(peer.chunks(130)).toHaveLength(1);
    await stillWorks(peer, tsn);
  });
  test.each([
    ['one byte', [3]],
    ['a label longer than the message', [3, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 65]],
    ['bytes after the label', [3, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 65, 66]],
    ['an unknown channel type', [3, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]],
    ['a label that is not UTF-8', [3, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0xff]],
    ['an unknown message', [77, 1, 2, 3]],
  ])('H7.8 DCEP with %s is refused', async (_name, body) => {
    const peer = await connected();
    peer.send(dataChunk({ tsn: INITIAL_TSN, protocol: 50, body }));
    await peer.settled();
    expect(peer.server.opened).toEqual([]);
    expect(peer.server.channels.stats().drops).toEqual({ 'dcep-refused': 1 });
  });
  test('H7.8 in-band opening can be switched off', async () => {
    const peer = await connected({ dcep: false });
    peer.send(openChunk(INITIAL_TSN, 0));
    await peer.settled();
    expect(peer.server.opened).toEqual([]);
    expect(peer.server.channels.stats().drops).toEqual({ 'dcep-disabled': 1 });
  });
  test('H7.9 a peer that never acknowledges our OPEN: messages count as the acknowledgement', async () => {
    const peer = await connected();
    peer.server.channels.open({ id: 1, label: 'ours', protocol: '', ordered: false, priority: 0 }, true);
    expect(peer.server.channels.send(1, 'early')).toBe('ok');
    await peer.settled();
    expect(peer.server.opened).toEqual([]);
    // Ordered, although the channel is not: it must not overtake the OPEN.
    expect(peer.chunks(0).map((view) => view.getUint8(1) & DATA_FLAGS.unordered)).toEqual([0, 0]);
    peer.send(dataChunk({ tsn: INITIAL_TSN, streamId: 1 }));
    await peer.settled();
    expect(peer.server.opened).toHaveLength(1);
    expect(peer.server.messages).toHaveLength(1);
  });
  test('H7.9 an ACK that nobody waits for is counted', async () => {
    const peer = await connected();
    peer.send(dataChunk({ tsn: INITIAL_TSN, protocol: 50, body: [2] }));
    await peer.settled();
    expect(peer.server.channels.stats().drops).toEqual({ 'dcep-unexpected-ack': 1 });
  });
  test('messages on no channel, of unknown kind, or in parts', async () => {
    const peer = await connected();
    peer.send(dataChunk({ tsn: INITIAL_TSN, streamId: 8 }));
    peer.send(openChunk(INITIAL_TSN + 1, 0));
    peer.send(dataChunk({ tsn: INITIAL_TSN + 2, sequence: 1, protocol: 4711 }));
    await peer.settled();
    expect(peer.server.channels.stats().drops).toEqual({
      'channel-unknown': 1,
      'channel-payload-protocol': 1,
    });
    peer.send(dataChunk({ tsn: INITIAL_TSN + 3, sequence: 2, protocol: 54 }));
    await peer.settled();
    expect(peer.server.closed).toEqual([{ id: 0, why: 'partial-message' }]);
  });
  test('text that is not UTF-8 arrives with replacement characters', async () => {
    const peer = await connected();
    peer.send(
      openChunk(INITIAL_TSN, 0),
      dataChunk({ tsn: INITIAL_TSN + 1, sequence: 1, body: [65, 0xff, 66] }),
    );
    await peer.settled();
    expect(peer.server.messages[0]!.data).toBe('A�B');
  });
});

describe('numbers at the end of their circle', () => {
  test('reordered data over the wrap of the TSN is acknowledged and delivered in order', async () => {
    const peer = newPeer();
    await peer.connect(0xffff_fffe);
    peer.send(openChunk(0xffff_fffe, 0));
    for (const [tsn, sequence] of [
      [1, 3],
      [0, 2],
      [0xffff_ffff, 1],
    ] as const)
      peer.send(dataChunk({ tsn, sequence, body: [65 + sequence] }));
    await peer.settled();
    expect(peer.cumulativeTsn).toBe(1);
    expect(peer.server.messages.map(({ data }) => data)).toEqual(['B', 'C', 'D']);
  });
  test('and over a power of ten, and from an initial TSN of 0', async () => {
    for (const initial of [999_999_998, 0]) {
      const peer = newPeer();
      await peer.connect(initial);
      peer.send(openChunk(initial, 0));
      for (const step of [3, 2, 1]) peer.send(dataChunk({ tsn: initial + step, sequence: step }));
      await peer.settled();
      expect(peer.cumulativeTsn).toBe(initial + 3);
      expect(peer.server.messages).toHaveLength(3);
    }
  });
});

describe('stream resets from the peer', () => {
  const reset = (sequence: number, lastTsn: number, streams: number[]): number[] =>
    chunk(130, 0, [
      0,
      13,
      ...u16(16 + 2 * streams.length),
      ...u32(sequence),
      ...u32(0),
      ...u32(lastTsn),
      ...streams.flatMap(u16),
    ]);
  const results = (peer: RawPeer): number[] =>
    peer
      .chunks(130)
      .filter((view) => view.getUint16(4) === 16)
      .map((view) => view.getUint32(12));

  test('one that overtakes data waits for it', async () => {
    const peer = await connected();
    peer.send(openChunk(INITIAL_TSN, 0));
    peer.send(reset(INITIAL_TSN, INITIAL_TSN + 1, [0]));
    await peer.settled();
    expect(results(peer)).toEqual([6]); // in progress
    expect(peer.server.closed).toEqual([]);
    peer.send(dataChunk({ tsn: INITIAL_TSN + 1, sequence: 1 }));
    peer.send(reset(INITIAL_TSN + 1, INITIAL_TSN + 1, [0]));
    await peer.settled();
    expect(results(peer)).toEqual([6, 1]);
    expect(peer.server.messages).toHaveLength(1);
    expect(peer.server.closed).toEqual([{ id: 0, why: 'remote' }]);
  });
  test('one that comes again is answered again and not carried out again', async () => {
    const peer = await connected();
    peer.send(openChunk(INITIAL_TSN, 0));
    const request = reset(INITIAL_TSN, INITIAL_TSN, [0]);
    peer.send(request);
    peer.send(request);
    await peer.settled();
    expect(results(peer)).toEqual([1, 1]);
    expect(peer.server.closed).toHaveLength(1);
  });
  test('one out of sequence is refused', async () => {
    const peer = await connected();
    peer.send(openChunk(INITIAL_TSN, 0));
    peer.send(reset(INITIAL_TSN + 7, INITIAL_TSN, [0]));
    await peer.settled();
    expect(results(peer)).toEqual([5]);
    expect(peer.server.closed).toEqual([]);
  });
  test('an empty list means all channels', async () => {
    const peer = await connected();
    peer.send(openChunk(INITIAL_TSN, 0), openChunk(INITIAL_TSN + 1, 2));
    peer.send(reset(INITIAL_TSN, INITIAL_TSN + 1, []));
    await peer.settled();
    expect(peer.server.closed.map(({ id }) => id)).toEqual([0, 2]);
  });
});

describe('rubbish', () => {
  const whole = packet(7, [
    openChunk(INITIAL_TSN, 0),
    chunk(3, 0, [...u32(1), ...u32(1), 0, 1, 0, 0, 0, 2, 0, 3]),
  ]);
  test('every cut and every flipped byte of a packet is refused or read, never thrown', () => {
    for (let length = 0; length < whole.length; length++) inspectSctpPacket(whole.slice(0, length));
    for (let at = 0; at < whole.length; at++)
      for (const flip of [1, 0x80, 0xff]) {
        const bent = whole.slice();
        bent[at]! ^= flip;
        inspectSctpPacket(bent);
      }
  });
  test('random chunks with right tags and checksums never escape, and the association can still be closed', async () => {
    const anyChunk = fc
      .tuple(
        fc.constantFrom(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 64, 130, 192, 194, 255),
        fc.nat(7),
        fc.uint8Array({ maxLength: 60 }),
      )
      .map(([type, flags, body]) => chunk(type, flags, body));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(anyChunk, { minLength: 1, maxLength: 3 }), { maxLength: 20 }),
        async (packets) => {
          const peer = new RawPeer();
          await peer.connect();
          for (const chunks of packets) peer.send(...chunks);
          await peer.settled();
          peer.server.association.close();
          expect(peer.server.state).toBe('closed');
        },
      ),
      { numRuns: 300 },
    );
  });
});
