/**
 * A full kernel buffer, made by a slow loopback in a network namespace of its own. Skipped where the system does not
 * allow that (no unshare, no tc, no rights).
 */
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const SLOW_LOOPBACK = 'ip link set lo up && tc qdisc add dev lo root tbf rate 40mbit burst 4k limit 10m';
const inNamespace = (command: string, args: string[] = []): ReturnType<typeof spawnSync> =>
  spawnSync('unshare', ['-rn', 'sh', '-c', `${SLOW_LOOPBACK} && ${command}`, 'sh', ...args], {
    encoding: 'utf8',
  });
const possible = inNamespace('true').status === 0;

const SCRIPT = `
const native = require('node-gyp-build')(${JSON.stringify(root)});
const engine = new native.Engine(false, 256, 1, 1, 1);
const { socket } = engine.bind('127.0.0.1', 0, 8192, 65536);
engine.start(() => 0);
const sink = require('node:dgram').createSocket('udp4').bind(0, '127.0.0.1', () => {
  const total = Number(process.argv[1]);
  const order = [];
  sink.setRecvBufferSize(8 << 20);
  sink.on('message', (bytes) => order.push(bytes.readUInt32BE()));
  const to = Buffer.alloc(20);
  to[0] = 4; to.writeUInt16BE(sink.address().port, 2); to.set([127, 0, 0, 1], 4);
  for (let i = 0; i < total; i++) {
    const bytes = Buffer.alloc(1000);
    bytes.writeUInt32BE(i);
    engine.sendTo(socket, to, bytes);
  }
  const numbers = new Float64Array(native.counters.length + native.drops.length);
  const report = () => {
    engine.stats(numbers);
    return {
      sent: numbers[native.counters.indexOf('sent')],
      queuedBytes: numbers[native.counters.indexOf('queuedBytes')],
      dropped: numbers[native.counters.length + native.drops.indexOf('send-full')],
    };
  };
  const atOnce = report();
  const wait = setInterval(() => {
    const later = report();
    if (later.queuedBytes > 0 || order.length < later.sent) return;
    clearInterval(wait);
    const inOrder = order.every((number, i) => i === 0 || number > order[i - 1]);
    console.log(JSON.stringify({ atOnce, later, received: order.length, inOrder }));
    engine.close();
    sink.close();
  }, 10);
});`;

function sendAll(total: number): {
  atOnce: { queuedBytes: number };
  later: { sent: number; queuedBytes: number; dropped: number };
  received: number;
  inOrder: boolean;
} {
  const { stdout, stderr } = inNamespace('exec "$1" -e "$2" "$3"', [process.execPath, SCRIPT, String(total)]);
  if (!stdout) throw new Error(String(stderr));
  return JSON.parse(String(stdout));
}

test.skipIf(!possible)('what does not fit the kernel’s buffer waits and goes out in order', () => {
  const result = sendAll(1000);
  expect(result.atOnce.queuedBytes).toBeGreaterThan(500_000);
  expect(result).toMatchObject({
    later: { sent: 1000, queuedBytes: 0, dropped: 0 },
    received: 1000,
    inOrder: true,
  });
});

test.skipIf(!possible)('the queue is bounded: beyond 2 MiB packets are counted as send-full', () => {
  const result = sendAll(4000);
  expect(result.atOnce.queuedBytes).toBeLessThanOrEqual(2 * 1024 * 1024);
  expect(result.later.dropped).toBeGreaterThan(1000);
  expect(result.later.sent + result.later.dropped).toBe(4000);
  expect(result).toMatchObject({ received: result.later.sent, inOrder: true });
});
