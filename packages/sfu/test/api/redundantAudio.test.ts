/** RED for audio through a real media process: what goes in comes out, block headers and all. RFC 2198 §3. */
import { expect, test } from 'vitest';
import { UnsupportedError } from '@tertulia/sfu';
import type { RtpParameters } from '@tertulia/sfu';
import { OPUS, workersOfTests } from './support/realWorker.js';

const start = workersOfTests();
const MEDIA_CODECS = [
  { ...OPUS, preferredPayloadType: 111 },
  { ...OPUS, mimeType: 'audio/red', preferredPayloadType: 63 },
];
const sent = (opusType: number): RtpParameters => ({
  codecs: [
    { mimeType: 'audio/red', payloadType: 63, clockRate: 48_000, channels: 2 },
    { mimeType: 'audio/opus', payloadType: opusType, clockRate: 48_000, channels: 2 },
  ],
  encodings: [{ ssrc: 1111 }],
});

/** One redundant block of 2 bytes, 960 ticks older, and the primary of 3. */
const PAYLOAD = Buffer.from('ef0f0002' + '6f' + 'aaaa' + 'bbbbbb', 'hex');

function packet(sequenceNumber: number): Buffer {
  const header = Buffer.from('803f0000000000000000' + '0457', 'hex'); // version 2, payload type 63, SSRC 1111
  header.writeUInt16BE(sequenceNumber, 2);
  header.writeUInt32BE(960 * sequenceNumber, 4);
  return Buffer.concat([header, PAYLOAD]);
}

test('it comes out as it went in, under the payload types of the router', async () => {
  const router = await (await start()).createRouter({ mediaCodecs: MEDIA_CODECS });
  const [sending, receiving] = [await router.createDirectTransport(), await router.createDirectTransport()];
  const producer = await sending.produce({ kind: 'audio', rtpParameters: sent(111) });
  const { rtpCapabilities } = router;
  const consumer = await receiving.consume({ producerId: producer.id, rtpCapabilities });
  expect(consumer.rtpParameters.codecs.map(({ payloadType }) => payloadType)).toEqual([63, 111]);
  const got: Buffer[] = [];
  consumer.on('rtp', (rtp) => got.push(rtp));
  for (let i = 1; i <= 5; i++) producer.send(packet(i));
  await expect.poll(() => got.length, { timeout: 5_000 }).toBe(5);
  for (const rtp of got) {
    expect(rtp[1]! & 0x7f).toBe(63);
    expect(rtp.subarray(-PAYLOAD.length)).toEqual(PAYLOAD);
  }
});

test('a sender whose Opus has another payload type is told what to do', async () => {
  const router = await (await start()).createRouter({ mediaCodecs: MEDIA_CODECS });
  const sending = await router.createDirectTransport();
  const produced = sending.produce({ kind: 'audio', rtpParameters: sent(109) });
  await expect(produced).rejects.toThrow(UnsupportedError);
  await expect(produced).rejects.toThrow(/preferredPayloadType/);
});
