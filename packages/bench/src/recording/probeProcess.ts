/**
 * Child of delay.ts: a stream of sound through the router and back, in a process that does nothing else, so that what is
 * measured is the way through the media process. Told where to send to; prints each second's delays when asked.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeRtp } from '@tertulia/wire';
import type { FromProbe, ToProbe } from './delay.js';

const INTERVAL_MS = 5;
const PAYLOAD = new Uint8Array(100).fill(0xf8);

const outgoing = createSocket('udp4');
const incoming = createSocket('udp4');
incoming.bind(0, '127.0.0.1');
await once(incoming, 'listening');

const sentAt = new Float64Array(65_536);
let sequenceNumber = 0;
let firstBack: number | undefined;
let delays: number[] = [];

// Consumers number from wherever they begin: the first one back is the first one sent, as nothing is lost on loopback.
incoming.on('message', (bytes) => {
  if (bytes[1]! >= 192) return;
  const number = bytes.readUInt16BE(2);
  const shift = (firstBack ??= (number - bytes.readUInt16BE(bytes.length - 2)) & 0xffff);
  delays.push((performance.now() - sentAt[(number - shift) & 0xffff]!) * 1_000);
});

process.on('message', (message: ToProbe) => {
  if (message.t === 'take') {
    process.send!({ t: 'delays', micros: delays } satisfies FromProbe);
    delays = [];
    return;
  }
  outgoing.connect(message.port, message.ip, () => {
    setInterval(() => {
      sequenceNumber = (sequenceNumber + 1) & 0xffff;
      const payload = Buffer.from(PAYLOAD);
      payload.writeUInt16BE(sequenceNumber, payload.length - 2);
      const { ssrc, payloadType } = message;
      const bytes = writeRtp({ payloadType, ssrc, sequenceNumber, timestamp: sequenceNumber * 240, payload });
      sentAt[sequenceNumber] = performance.now();
      outgoing.send(bytes);
    }, INTERVAL_MS);
  });
});
process.once('disconnect', () => process.exit(0));
process.send!({ t: 'ready', port: incoming.address().port } satisfies FromProbe);
