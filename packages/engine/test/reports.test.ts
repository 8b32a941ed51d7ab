/** Sender reports out of a template: RFC 3550 §6.4.1, with the counters that the engine has at that moment. */
import { expect, test } from 'vitest';
import { Engine, toAddress, writeCommand, writeEntry, writeReportCommand } from '../src/index.js';
import { SrtpReference } from './support/srtp.js';

const KEY = new Uint8Array(16).fill(7);
const SALT = new Uint8Array(12).fill(9);
const SENDER_REPORT_BYTES = 28;

function setUp() {
  const engine = new Engine({ memory: true, slots: 256 });
  const peer = engine.createPeer();
  const address = toAddress('192.0.2.1', 4000);
  engine.bindAddress(peer, 0, address);
  engine.selectAddress(peer, 0, address);
  engine.setKeys(peer, 'AEAD_AES_128_GCM', {
    receiveKey: KEY,
    receiveSalt: SALT,
    sendKey: KEY,
    sendSalt: SALT,
  });
  const entries = [0x1111, 0x2222].map((ssrc) => {
    const entry = engine.createEntry();
    writeEntry(engine.entries, entry, { peer, ssrc, payloadTypes: [111], enabled: true });
    return entry;
  });
  // Two reports and a closing packet that nobody fills in.
  const template = new Uint8Array(2 * SENDER_REPORT_BYTES + 8);
  const view = new DataView(template.buffer);
  [0x1111, 0x2222].forEach((ssrc, i) => {
    view.setUint32(i * SENDER_REPORT_BYTES, 0x80c80006);
    view.setUint32(i * SENDER_REPORT_BYTES + 4, ssrc);
  });
  view.setUint32(2 * SENDER_REPORT_BYTES, 0x80ca0001);
  view.setUint32(2 * SENDER_REPORT_BYTES + 4, 0xabcdef01);
  const places = new Uint32Array([0, entries[0]!, 1000, SENDER_REPORT_BYTES, entries[1]!, 0xffff_ffff]);
  const reference = new SrtpReference('AEAD_AES_128_GCM', KEY, SALT);
  return { engine, peer, entries, template, places, reference };
}

/** The five words behind the SSRC of each report. */
function words(plain: Uint8Array): number[][] {
  const view = new DataView(plain.buffer, plain.byteOffset);
  return [0, 1].map((i) => [8, 12, 16, 20, 24].map((at) => view.getUint32(i * SENDER_REPORT_BYTES + at)));
}

test('time and counters are those of the sending', () => {
  const { engine, peer, entries, template, places, reference } = setUp();
  expect(engine.setReport(peer, template, places)).toBe(true);
  for (let index = 1; index <= 3; index++) {
    writeCommand(engine.commands, 0, {
      entry: entries[1]!,
      payloadOffset: engine.scratchOffset,
      payloadLength: 50,
      index,
      timestamp: 0,
    });
    engine.flush(1);
  }
  engine.takeSent();
  writeReportCommand(engine.commands, 0, peer, 0xe000_0000, 0x8000_0000, 48_000);
  expect(engine.flush(1)).toBe(0);
  const [sent] = engine.takeSent();
  const { plain } = reference.unprotectRtcp(sent!.bytes)!;
  expect(words(plain)).toEqual([
    [0xe000_0000, 0x8000_0000, 49_000, 0, 0],
    [0xe000_0000, 0x8000_0000, 47_999, 3, 150],
  ]);
  expect(new DataView(plain.buffer, plain.byteOffset).getUint32(2 * SENDER_REPORT_BYTES + 4)).toBe(
    0xabcdef01,
  );
  engine.close();
});

test('a template that does not fit is refused, and there is none then', () => {
  const { engine, peer, template, places } = setUp();
  expect(engine.setReport(peer, template, places)).toBe(true);
  expect(engine.setReport(peer, template, new Uint32Array([template.length - 27, 0, 0]))).toBe(false);
  expect(engine.setReport(peer, template, new Uint32Array([0xffff_ffff, 0, 0]))).toBe(false);
  expect(engine.setReport(peer, new Uint8Array(1401), places)).toBe(false);
  expect(engine.setReport(peer, template, new Uint32Array(0))).toBe(false);
  writeReportCommand(engine.commands, 0, peer, 1, 2, 3);
  expect(engine.flush(1)).toBe(1);
  expect(engine.stats().drops['entry-invalid']).toBe(1);
  engine.close();
});

test('an entry that is gone, or another peer’s by now, sends nothing', () => {
  const { engine, peer, entries, template, places } = setUp();
  engine.setReport(peer, template, places);
  engine.freeEntry(entries[0]!);
  writeReportCommand(engine.commands, 0, peer, 1, 2, 3);
  expect(engine.flush(1)).toBe(1);
  const again = engine.createEntry();
  expect(again).toBe(entries[0]);
  writeEntry(engine.entries, again, { peer: engine.createPeer(), ssrc: 1, enabled: true });
  expect(engine.flush(1)).toBe(1);
  expect(engine.takeSent()).toEqual([]);
  engine.close();
});
