/** What the C++ programs are told, and that the floor stays what a reader can check in one sitting. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { floorLines } from '../src/floor.js';
import { loadLines, type LoadEndpoint } from '../src/loadgen.js';
import { packageRoot } from '../src/nativeBuild.js';

const endpoint: LoadEndpoint = {
  ip: '127.0.0.1',
  port: 21_000,
  iceUsername: 'remote:local',
  icePassword: 'secret',
  sendKey: 'aa',
  sendSalt: 'bb',
  receiveKey: 'cc',
  receiveSalt: 'dd',
  rtcpSsrc: 9,
  slotSsrcs: [1, 2, 3],
};

test('the load generator is told keys as the client sees them', () => {
  const talker = {
    endpoint: 0,
    ssrc: 77,
    payloadType: 111,
    levelExtensionId: 1,
    absSendTimeExtensionId: 2,
    midExtensionId: 4,
    mid: '0',
  };
  const server = { ip: '127.0.0.1', port: 40_000 };
  const configuration = {
    server,
    endpoints: [endpoint],
    talkers: [talker],
    payloadBytes: 100,
    nackShare: 0.01,
    seed: 5,
  };
  expect(loadLines(configuration).split('\n')).toEqual([
    'server 127.0.0.1 40000',
    'seed 5',
    'payload 100',
    'loss 0.01',
    'endpoint 127.0.0.1 21000 remote:local secret aa bb cc dd 9',
    'slot 0 1',
    'slot 0 2',
    'slot 0 3',
    'talker 0 77 111 1 2 4 0',
    '',
  ]);
});

test('the floor sends with the keys that the clients receive with, under SSRCs of its own', () => {
  const lines = floorLines({ receivers: [endpoint], slots: 3, payloadBytes: 100, cipher: 'vaes' });
  expect(lines).toBe(
    'payload 100\nslots 3\ncipher vaes\nreceiver 127.0.0.1 21000 cc dd 2147483649 2147483650 2147483651\n',
  );
});

test('a camera and receivers of video', () => {
  const ids = { absSendTimeExtensionId: 2, transportWideExtensionId: 3 };
  const frame = { framePackets: 5, frameMicros: 32_000 };
  const video = { ...endpoint, slotSsrcs: [9], video: { rtxSsrc: 10, ...ids } };
  const camera = { endpoint: 0, ssrc: 77, payloadType: 96, ...ids, midExtensionId: 4, mid: '0', ...frame };
  const server = { ip: '127.0.0.1', port: 40_000 };
  const configuration = {
    server,
    endpoints: [video],
    talkers: [],
    cameras: [camera],
    payloadBytes: 1200,
    nackShare: 0.01,
    seed: 5,
  };
  expect(loadLines(configuration).split('\n').slice(5)).toEqual([
    'slot 0 9 10 3 2',
    'camera 0 77 96 2 3 4 0 5 32000',
    '',
  ]);
  expect(floorLines({ receivers: [video], slots: 1, payloadBytes: 1200, video: frame })).toBe(
    'payload 1200\nslots 1\nvideo 5 32000\nreceiver 127.0.0.1 21000 cc dd 2147483657\n',
  );
});

test('the floor program has at most 300 lines', () => {
  const source = readFileSync(join(packageRoot, 'native', 'floor.cc'), 'utf8');
  expect(source.split('\n').length).toBeLessThanOrEqual(300);
});
