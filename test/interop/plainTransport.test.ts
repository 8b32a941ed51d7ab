/**
 * FFmpeg and GStreamer send to and receive from PlainTransports: RTP and SRTP, Opus, VP8, VP9, H.264. What comes out of the
 * receiving program is decoded by it.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createWorker } from '@tertulia/sfu';
import type { Router, RtpCodecParameters, Worker } from '@tertulia/sfu';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TestContext } from 'vitest';
import {
  CLOCK_RATES,
  ffmpegReceiver,
  ffmpegSender,
  gstreamerReceiver,
  gstreamerSender,
  removeFolder,
  type CodecName,
  type Program,
  type Srtp,
  type Stream,
} from './support/programs.js';

const CODECS: readonly CodecName[] = ['opus', 'VP8', 'VP9', 'H264'];
const LISTEN = { protocol: 'udp', ip: '127.0.0.1' } as const;
const SENDER_SSRC = 0x1234_5678;
const PAYLOAD_TYPES: Record<CodecName, number> = { opus: 100, VP8: 101, VP9: 103, H264: 105 };
const PARAMETERS: Partial<Record<CodecName, Record<string, string | number>>> = {
  VP9: { 'profile-id': 0 },
  H264: { 'packetization-mode': 1, 'profile-level-id': '42e01f', 'level-asymmetry-allowed': 1 },
};
/** Time for the slowest: an encoder's start and a key frame. */
const LIMIT_MS = 25_000;

let worker: Worker;
let router: Router;

const codecOf = (codec: CodecName): RtpCodecParameters => ({
  mimeType: `${codec === 'opus' ? 'audio' : 'video'}/${codec}`,
  payloadType: PAYLOAD_TYPES[codec],
  clockRate: CLOCK_RATES[codec],
  ...(codec === 'opus' ? { channels: 2 } : {}),
  parameters: PARAMETERS[codec] ?? {},
  rtcpFeedback: [],
});

beforeAll(async () => {
  worker = await createWorker();
  const codecs = CODECS.map((codec) => {
    const { mimeType, clockRate, channels, parameters } = codecOf(codec);
    const kind = codec === 'opus' ? ('audio' as const) : ('video' as const);
    return {
      kind,
      mimeType,
      clockRate,
      ...(channels === undefined ? {} : { channels }),
      ...(parameters ? { parameters } : {}),
    };
  });
  router = await worker.createRouter({ mediaCodecs: codecs });
});
afterAll(() => worker?.close());

async function freePort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}

interface Way {
  codec: CodecName;
  sender: typeof ffmpegSender;
  receiver: (stream: Stream) => Program & { folder?: string };
  cryptoSuite?: Srtp['cryptoSuite'];
  /** RTCP to the receiver's port as well. */
  rtcpMux?: boolean;
}

/** From one program through the server to another; over when that one has decoded enough. */
async function through(way: Way, onTestFinished: TestContext['onTestFinished']): Promise<void> {
  const { codec, sender, receiver, cryptoSuite, rtcpMux = true } = way;
  const secured = cryptoSuite === undefined ? {} : { enableSrtp: true, srtpCryptoSuite: cryptoSuite };
  // FFmpeg sends RTCP from a port of its own, so it needs another one here, too.
  const incoming = await router.createPlainTransport({
    listenInfo: LISTEN,
    comedia: true,
    rtcpMux: false,
    ...secured,
  });
  const outgoing = await router.createPlainTransport({ listenInfo: LISTEN, rtcpMux, ...secured });
  const keyLength = cryptoSuite === 'AEAD_AES_256_GCM' ? 44 : cryptoSuite === 'AEAD_AES_128_GCM' ? 28 : 30;
  const key = (fill: number): Srtp | undefined =>
    cryptoSuite && { cryptoSuite, keyBase64: Buffer.alloc(keyLength, fill).toString('base64') };
  const senderKey = key(0x11);
  if (senderKey) await incoming.connect({ srtpParameters: senderKey });
  const kind = codec === 'opus' ? 'audio' : 'video';
  const producer = await incoming.produce({
    kind,
    rtpParameters: { codecs: [codecOf(codec)], encodings: [{ ssrc: SENDER_SSRC }] },
  });
  const port = await freePort();
  const receiverKey = key(0x22);
  await outgoing.connect({
    ip: '127.0.0.1',
    port,
    ...(rtcpMux ? {} : { rtcpPort: await freePort() }),
    ...(receiverKey ? { srtpParameters: receiverKey } : {}),
  });
  const consumer = await outgoing.consume({
    producerId: producer.id,
    rtpCapabilities: router.rtpCapabilities,
  });
  const receiving = receiver({
    codec,
    payloadType: consumer.rtpParameters.codecs[0]!.payloadType,
    ssrc: consumer.rtpParameters.encodings![0]!.ssrc!,
    port,
    srtp: outgoing.srtpParameters,
  });
  const sending = sender({
    codec,
    payloadType: PAYLOAD_TYPES[codec],
    ssrc: SENDER_SSRC,
    port: incoming.tuple.localPort,
    rtcpPort: incoming.rtcpTuple!.localPort,
    srtp: senderKey,
  });
  onTestFinished(async () => {
    incoming.close();
    outgoing.close();
    await Promise.all([sending.stop(), receiving.stop()]);
    if (receiving.folder !== undefined) removeFolder(receiving.folder);
  });
  try {
    await receiving.finish(LIMIT_MS);
  } catch (error) {
    const [stat] = await producer.getStats();
    throw new Error(`sender: ${sending.output.slice(-1000)}\nreceived: ${JSON.stringify(stat)}`, {
      cause: error,
    });
  }
  const [stat] = await producer.getStats();
  expect(stat).toMatchObject({ ssrc: SENDER_SSRC, kind, packetsLost: 0 });
  expect(incoming.tuple.remotePort).toBeGreaterThan(0);
}

describe.concurrent.each([
  ['FFmpeg', ffmpegSender, 'FFmpeg', ffmpegReceiver],
  ['GStreamer', gstreamerSender, 'GStreamer', gstreamerReceiver],
  ['FFmpeg', ffmpegSender, 'GStreamer', gstreamerReceiver],
  ['GStreamer', gstreamerSender, 'FFmpeg', ffmpegReceiver],
] as const)('%s → server → ', (_from, sender, to, receiver) => {
  test.for(CODECS)(`${to}: %s over RTP`, (codec, { onTestFinished }) =>
    through({ codec, sender, receiver }, onTestFinished),
  );
});

// FFmpeg has the two suites of RFC 4568, GStreamer those and the two of RFC 7714.
const SUITES = ['AES_CM_128_HMAC_SHA1_80', 'AES_CM_128_HMAC_SHA1_32'] as const;
describe.concurrent.each(SUITES)('SRTP with %s', (suite) => {
  test.for(CODECS)('FFmpeg → server → FFmpeg: %s', (codec, { onTestFinished }) =>
    through({ codec, sender: ffmpegSender, receiver: ffmpegReceiver, cryptoSuite: suite }, onTestFinished),
  );
});
// Its srtpdec ends when reports come to a pipeline that has nobody for them.
describe.concurrent.each([...SUITES, 'AEAD_AES_128_GCM', 'AEAD_AES_256_GCM'] as const)(
  'SRTP with %s',
  (suite) => {
    test.for(CODECS)('GStreamer → server → GStreamer: %s', (codec, { onTestFinished }) =>
      through(
        {
          codec,
          sender: gstreamerSender,
          receiver: gstreamerReceiver,
          cryptoSuite: suite,
          rtcpMux: false,
        },
        onTestFinished,
      ),
    );
  },
);
