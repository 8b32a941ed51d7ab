import { expect, test } from 'vitest';
import { mediaAddresses, type InterfaceAddress } from '../../src/addresses.js';
import { ConfigSchema } from '../../src/config.js';

const INTERFACES: InterfaceAddress[] = [
  { address: '127.0.0.1', family: 'IPv4', internal: true },
  { address: '::1', family: 'IPv6', internal: true },
  { address: 'fe80::1', family: 'IPv6', internal: false },
  { address: 'fd00::5', family: 'IPv6', internal: false },
  { address: '192.168.1.5', family: 'IPv4', internal: false },
  { address: '169.254.3.4', family: 'IPv4', internal: false },
];
const addresses = (config: object, interfaces = INTERFACES) =>
  mediaAddresses(ConfigSchema.parse(config), interfaces);

test.each<[string, object, object[]]>([
  [
    'a loopback host: all, loopback among them',
    {},
    [{ ip: '192.168.1.5' }, { ip: '127.0.0.1' }, { ip: 'fd00::5' }],
  ],
  ['another host: without loopback', { host: '0.0.0.0' }, [{ ip: '192.168.1.5' }, { ip: 'fd00::5' }]],
  ['one address', { mediaIp: '10.0.0.1' }, [{ ip: '10.0.0.1' }]],
  [
    'behind NAT',
    { host: '0.0.0.0', announcedAddress: '203.0.113.7' },
    [{ ip: '0.0.0.0', announcedAddress: '203.0.113.7' }],
  ],
])('%s', (_name, config, expected) => {
  expect(addresses(config)).toEqual(expected);
});

test('a machine without network still has loopback', () => {
  expect(addresses({ host: '0.0.0.0' }, INTERFACES.slice(0, 3))).toEqual([{ ip: '127.0.0.1' }]);
});
