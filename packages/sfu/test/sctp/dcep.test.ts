import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { crc32c } from '../../src/media/sctp/crc32c.js';
import { parseDcep, writeDcepAck, writeDcepOpen } from '../../src/media/sctp/dcep.js';

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replace(/ /g, ''), 'hex'));

describe('DCEP, RFC 8832 §5', () => {
  test.each([
    [
      'reliable',
      '03 00 0100 00000000 0004 0000 63686174',
      { label: 'chat', protocol: '', ordered: true, priority: 256 },
    ],
    [
      'unordered',
      '03 80 0000 00000000 0000 0002 6a73',
      { label: '', protocol: 'js', ordered: false, priority: 0 },
    ],
    [
      '3 retransmissions',
      '03 01 0000 00000003 0001 0001 61 62',
      { label: 'a', protocol: 'b', ordered: true, priority: 0, maxRetransmits: 3 },
    ],
    [
      'unordered, 500 ms',
      '03 82 0000 000001f4 0002 0000 c3bc',
      { label: 'ü', protocol: '', ordered: false, priority: 0, maxPacketLifeTimeMs: 500 },
    ],
  ])('OPEN, %s', (_name, text, parameters) => {
    expect(parseDcep(hex(text))).toEqual({ ok: true, value: { type: 'open', parameters } });
    expect(Buffer.from(writeDcepOpen(parameters)).toString('hex')).toBe(text.replace(/ /g, ''));
  });
  test('ACK', () => {
    expect(writeDcepAck()).toEqual(hex('02'));
    expect(parseDcep(hex('02'))).toEqual({ ok: true, value: { type: 'ack' } });
    expect(parseDcep(hex('0200'))).toEqual({ ok: false, why: 'dcep-length' });
  });
  test('every cut is refused', () => {
    const whole = hex('03 01 0000 00000003 0001 0001 61 62');
    for (let length = 0; length < whole.length; length++)
      expect(parseDcep(whole.subarray(0, length)).ok).toBe(false);
  });
  test('every flipped byte is refused or read', () => {
    const whole = hex('03 01 0000 00000003 0001 0001 61 62');
    for (let at = 0; at < whole.length; at++)
      for (let bit = 0; bit < 8; bit++) {
        const bent = whole.slice();
        bent[at]! ^= 1 << bit;
        parseDcep(bent);
      }
  });
  test('whatever is written is read', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 40 });
    fc.assert(
      fc.property(
        text,
        text,
        fc.boolean(),
        fc.nat(65_535),
        fc.nat(1000),
        (label, protocol, ordered, priority, value) => {
          const parameters = { label, protocol, ordered, priority, maxRetransmits: value };
          expect(parseDcep(writeDcepOpen(parameters))).toEqual({
            ok: true,
            value: { type: 'open', parameters },
          });
        },
      ),
    );
  });
});

test('CRC-32C of the usual check string, and of 32 zero bytes (RFC 3720 B.4)', () => {
  expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe306_9283);
  expect(crc32c(new Uint8Array(32))).toBe(0x8a91_36aa);
});
