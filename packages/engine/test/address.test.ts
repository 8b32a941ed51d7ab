import { describe, expect, test } from 'vitest';
import { addressIp, addressPort, addressText, toAddress } from '../src/index.js';

describe('text and bytes', () => {
  test.each([
    { ip: '192.0.2.7', port: 5004, hex: '0400138cc0000207', text: '192.0.2.7:5004' },
    { ip: '::', port: 1, hex: '06000001', text: '[::]:1' },
    { ip: '::1', port: 65_535, hex: '0600ffff' + '00'.repeat(15) + '01', text: '[::1]:65535' },
    {
      ip: '2001:db8::5:0:0:1',
      port: 9,
      hex: '0600000920010db80000000000050000' + '00000001',
      text: '[2001:db8::5:0:0:1]:9',
    },
    { ip: 'fe80::1', port: 2, hex: '06000002fe80' + '00'.repeat(13) + '01', text: '[fe80::1]:2' },
    {
      ip: '1:2:3:4:5:6:7:8',
      port: 3,
      hex: '0600000300010002000300040005000600070008',
      text: '[1:2:3:4:5:6:7:8]:3',
    },
    {
      ip: '::ffff:192.0.2.1',
      port: 4,
      hex: '06000004' + '00'.repeat(10) + 'ffffc0000201',
      text: '[::ffff:c000:201]:4',
    },
  ])('$text', ({ ip, port, hex, text }) => {
    const address = toAddress(ip, port);
    expect(Buffer.from(address).toString('hex')).toBe(hex.padEnd(40, '0'));
    expect(addressText(address)).toBe(text);
    expect(toAddress(addressIp(address), addressPort(address))).toEqual(address);
  });
});

test('what is no address is a TypeError that says so', () => {
  expect(() => toAddress('localhost', 1)).toThrow(/'localhost' is not an IP address/);
  expect(() => toAddress('1.2.3.4', 65_536)).toThrow(/port 65536/);
  expect(() => toAddress('1.2.3.4', 1.5)).toThrow(TypeError);
});
