/** Copies of packets without SRTP: what comes out of SRTP, what goes into it, and nothing of peers that are not marked. */
import { describe, expect, test } from 'vitest';
import * as L from '../src/index.js';
import type { CaptureRecord } from '../src/index.js';
import { Bench, Remote } from './support/bench.js';
import { receiverReport, rtp } from './support/packets.js';
import { RTX_SSRC, VideoBench } from './support/video.js';

const ROOM = 1 << 20;
const NUMBER = 7;
const payload = Buffer.from('a piece of a picture');
const bufferOf = (bytes: Uint8Array | undefined): Buffer => Buffer.from(bytes ?? []);

function marked(constants: Partial<L.EntryConstants> = {}): VideoBench {
  const video = new VideoBench({ midId: 1, mid: '2', sendMid: true, ...constants });
  video.engine.setCaptureRoom(ROOM);
  video.engine.setCapture(video.remote.peer, NUMBER);
  return video;
}
const taken = (engine: L.Engine): CaptureRecord[] => [...L.readCapture(engine.takeCapture())];

describe('a marked peer', () => {
  test('what came in is there as it was before SRTP, padding included, with its address and time', () => {
    const { bench, remote, engine } = marked();
    const packets = [rtp({ sequence: 1, padding: 5 }), rtp({ sequence: 2, payload: Buffer.alloc(0) })];
    const report = receiverReport(0x11223344);
    bench.inject(
      remote.address,
      ...packets.map((packet) => remote.sender.protectRtp(packet, 0)),
      remote.sender.protectRtcp(report, 1),
    );
    const records = taken(engine);
    expect(records.map(({ bytes }) => bufferOf(bytes))).toEqual([...packets, report]);
    expect(records.map(({ rtcp }) => rtcp)).toEqual([false, false, true]);
    for (const { peer, capture, outgoing, micros, address } of records) {
      expect({ peer, capture, outgoing, micros }).toEqual({
        peer: remote.peer,
        capture: NUMBER,
        outgoing: false,
        micros: bench.nowMicros,
      });
      expect(L.addressText(address)).toBe(L.addressText(remote.address));
    }
    expect(taken(engine)).toEqual([]);
  });

  test('what was not authentic, or came twice, is not there', () => {
    const { bench, remote, engine } = marked();
    const sealed = remote.sender.protectRtp(rtp({ sequence: 1 }), 0);
    const wrong = Uint8Array.from(sealed);
    wrong[wrong.length - 1]! ^= 1;
    bench.inject(remote.address, wrong, sealed, sealed);
    expect(taken(engine)).toHaveLength(1);
  });

  test('what goes out is there as its receiver reads it: media, retransmissions, padding, reports', () => {
    const video = marked({ rtxSsrc: RTX_SSRC, transportWideCcId: 4, absSendTimeId: 3 });
    const { engine, remote } = video;
    engine.setNow(5_000_000);
    video.forward(0, payload, { marker: true, csrcs: [5, 6] });
    video.resend(0, payload);
    engine.setPacing(remote.peer, 100_000);
    video.write({ paced: true });
    for (let index = 1; index < 4; index++) video.forward(index, payload);
    engine.probe(remote.peer, video.entry, { clusterId: 1, bitsPerSecond: 1e6, bytes: 300 });
    for (let ms = 1; ms < 100; ms++) engine.setNow(5_000_000 + ms * 1000);
    engine.sendRtcp(remote.peer, receiverReport(9));

    const sent = engine.takeSent().map(({ bytes }) => Buffer.from(bytes));
    const records = taken(engine);
    expect(records.length).toBeGreaterThan(6);
    expect(records.filter(({ bytes }) => bytes[0]! & 0x20).length).toBeGreaterThan(0);
    expect(records.map(({ outgoing }) => outgoing)).toEqual(records.map(() => true));
    expect(records.map(({ bytes }) => bufferOf(bytes))).toEqual(
      sent.map((sealed) => {
        const isRtcp = sealed[1]! >= 200 && sealed[1]! <= 206;
        return bufferOf(
          isRtcp ? remote.receiver.unprotectRtcp(sealed)?.plain : remote.receiver.unprotectRtp(sealed, 0),
        );
      }),
    );
    expect(records.at(-1)).toMatchObject({ rtcp: true, micros: 5_099_000 });
    expect(records[0]).toMatchObject({ rtcp: false, micros: 5_000_000 });
  });

  test('what finds no room is counted, both ways, and the rest is whole', () => {
    const { bench, remote, engine } = marked();
    const packet = rtp({ payload: Buffer.alloc(1000) });
    engine.setCaptureRoom(2 * (L.CAPTURE_HEAD_BYTES + packet.length) + 10);
    for (let sequence = 0; sequence < 5; sequence++)
      bench.inject(
        remote.address,
        remote.sender.protectRtp(rtp({ sequence, payload: Buffer.alloc(1000) }), 0),
      );
    engine.sendRtcp(remote.peer, receiverReport(9));
    expect(taken(engine)).toHaveLength(2);
    expect(engine.captureLost(remote.peer)).toEqual({ incoming: 3, outgoing: 1 });
    engine.sendRtcp(remote.peer, receiverReport(9));
    expect(taken(engine)).toHaveLength(1);
    engine.setCapture(remote.peer, NUMBER);
    expect(engine.captureLost(remote.peer)).toEqual({ incoming: 0, outgoing: 0 });
  });
});

test('peers without a mark leave nothing, and a mark can be taken away', () => {
  const bench = new Bench();
  const [ada, ben] = [new Remote(bench.engine, 1), new Remote(bench.engine, 2)];
  bench.engine.setCaptureRoom(ROOM);
  bench.engine.setCapture(ada.peer, 1);
  const report = receiverReport(9);
  for (const { peer } of [ada, ben]) bench.engine.sendRtcp(peer, report);
  expect(taken(bench.engine).map(({ peer }) => peer)).toEqual([ada.peer]);
  bench.engine.setCapture(ada.peer, 0);
  bench.engine.sendRtcp(ada.peer, report);
  expect(taken(bench.engine)).toEqual([]);
});

test('records outlive their peer and the engine gives none after its end', () => {
  const video = marked();
  video.forward(0, payload);
  video.engine.closePeer(video.remote.peer);
  expect(taken(video.engine)).toHaveLength(1);
  video.engine.close();
  expect(taken(video.engine)).toEqual([]);
});

test('every cut of the records gives whole packets only', () => {
  const video = marked();
  for (let index = 0; index < 3; index++) video.forward(index, payload);
  const records = video.engine.takeCapture();
  const whole = [...L.readCapture(records)].map(({ bytes }) => bufferOf(bytes).toString('hex'));
  for (let length = 0; length <= records.length; length++) {
    const cut = [...L.readCapture(records.slice(0, length))].map(({ bytes }) =>
      bufferOf(bytes).toString('hex'),
    );
    expect(whole.slice(0, cut.length)).toEqual(cut);
  }
});

test('numbers out of range are refused', () => {
  const { engine } = new Bench();
  const peer = engine.createPeer();
  expect(() => engine.setCapture(peer, 256)).toThrow(RangeError);
  expect(() => engine.setCapture(peer + 1, 1)).toThrow(/peer/);
  expect(() => engine.setCaptureRoom(-1)).toThrow(RangeError);
});
