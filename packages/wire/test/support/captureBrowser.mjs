/**
 * Where the streams "chromium" of vectors/streams come from: a page sends a picture of little motion through a router to a plain
 * transport; packets, their dependency descriptors, and checksums of the frames as this package assembles them, after FFmpeg has
 * decoded these without a word. By hand, after a build: node packages/wire/test/support/captureBrowser.mjs [name …]
 */
import { createHash } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { FrameAssembler, parseRtp, visitHeaderExtensions } from '@tertulia/wire';
import { createWorker } from '@tertulia/sfu';
import { chromium } from 'playwright-core';
import { build } from 'vite';
import { decodedPictures } from './decode.mjs';

const OUT = new URL('../../../../vectors/streams/', import.meta.url);
const DEPENDENCY_DESCRIPTOR =
  'https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension';
const FRAMES = 16;
/** Name → codec, scalability mode, header extensions that the page does not offer. */
const STREAMS = {
  'vp8-chromium': ['VP8', 'L1T3', [DEPENDENCY_DESCRIPTOR]],
  'vp9-chromium-svc': ['VP9', 'L2T3', [DEPENDENCY_DESCRIPTOR]],
  'vp9-chromium-key': ['VP9', 'L2T2_KEY', [DEPENDENCY_DESCRIPTOR]],
  'h264-chromium': ['H264', 'L1T1', []],
  'av1-chromium': ['AV1', 'L1T2', []],
  'av1-chromium-svc': ['AV1', 'L2T2', []],
  'av1-chromium-plain': ['AV1', 'L1T1', [DEPENDENCY_DESCRIPTOR]],
};
const parametersOf = (codec) =>
  codec === 'H264'
    ? { 'packetization-mode': 1, 'profile-level-id': '42e01f', 'level-asymmetry-allowed': 1 }
    : codec === 'VP9'
      ? { 'profile-id': 0 }
      : {};

const PAGE = `
import { Device } from 'mediasoup-client';
window.send = async (routerRtpCapabilities, transportOptions, codecName, scalabilityMode, without) => {
  const device = await Device.factory();
  await device.load({ routerRtpCapabilities });
  const transport = device.createSendTransport(transportOptions);
  transport.on('connect', ({ dtlsParameters }, done) => window.connectTransport(dtlsParameters).then(done));
  transport.on('produce', ({ kind, rtpParameters }, done) => window.produce(kind, rtpParameters).then((id) => done({ id })));
  const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 360 });
  const context = canvas.getContext('2d');
  let at = 0;
  setInterval(() => {
    context.fillStyle = '#246';
    context.fillRect(0, 0, 640, 360);
    at++;
    for (let i = 0; i < 60; i++) {
      context.fillStyle = 'hsl(' + i * 37 + ' 80% 60%)';
      context.fillRect((i * 97 + at * 5) % 640, (i * 53) % 360, 30, 20);
    }
  }, 40);
  const [track] = canvas.captureStream(25).getVideoTracks();
  const codec = device.rtpCapabilities.codecs.find(({ mimeType }) => mimeType.toLowerCase() === 'video/' + codecName.toLowerCase());
  await transport.produce({ track, codec, encodings: [{ maxBitrate: 300000, scalabilityMode }],
    headerExtensionOptions: undefined });
};`;

async function servePage() {
  const { output } = await build({
    configFile: false,
    logLevel: 'error',
    plugins: [
      {
        name: 'page',
        resolveId: (id) => (id === 'virtual:page' ? '\0page' : undefined),
        load: (id) => (id === '\0page' ? PAGE : undefined),
      },
    ],
    build: { write: false, rollupOptions: { input: 'virtual:page' }, modulePreload: false },
  });
  const script = output.find((each) => each.type === 'chunk').code;
  const http = createServer((request, response) => {
    const js = request.url === '/page.js';
    response.setHeader('content-type', js ? 'text/javascript' : 'text/html');
    response.end(js ? script : '<!doctype html><script type="module" src="/page.js"></script>');
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  return http;
}

async function capture(name, browser, http) {
  const [codec, scalabilityMode, without] = STREAMS[name];
  const worker = await createWorker();
  const router = await worker.createRouter({
    mediaCodecs: [
      { kind: 'video', mimeType: `video/${codec}`, clockRate: 90_000, parameters: parametersOf(codec) },
    ],
  });
  const listenInfos = [{ protocol: 'udp', ip: '127.0.0.1' }];
  const incoming = await router.createWebRtcTransport({ listenInfos });
  const outgoing = await router.createPlainTransport({ listenInfo: listenInfos[0] });
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  await outgoing.connect({ ip: '127.0.0.1', port: socket.address().port });

  const capabilities = {
    ...router.rtpCapabilities,
    headerExtensions: router.rtpCapabilities.headerExtensions.filter(({ uri }) => !without.includes(uri)),
  };
  const packets = [];
  let descriptorId;
  let first;
  const enough = new Promise((resolve) => {
    const markers = new Set();
    socket.on('message', (bytes) => {
      if (bytes[1] >= 192 && bytes[1] <= 223) return;
      const packet = parseRtp(bytes);
      if (!packet.ok || packet.value.payloadType !== first?.payloadType || packet.value.payloadLength === 0)
        return;
      const { payloadOffset, payloadLength, extension, timestamp, sequenceNumber, marker } = packet.value;
      let descriptor;
      if (extension !== undefined)
        visitHeaderExtensions(
          bytes,
          extension.profile,
          extension.offset,
          extension.length,
          (id, at, length) => {
            if (id === descriptorId) descriptor = bytes.subarray(at, at + length).toString('hex');
          },
        );
      packets.push({
        sequenceNumber,
        timestamp,
        marker,
        payload: bytes.subarray(payloadOffset, payloadOffset + payloadLength).toString('hex'),
        descriptor,
      });
      if (marker) markers.add(timestamp);
      if (markers.size >= FRAMES) resolve();
    });
  });

  const page = await browser.newPage();
  page.on('pageerror', (error) => console.error(error));
  await page.exposeFunction('connectTransport', (dtlsParameters) => incoming.connect({ dtlsParameters }));
  await page.exposeFunction('produce', async (kind, rtpParameters) => {
    const producer = await incoming.produce({ kind, rtpParameters });
    const consumer = await outgoing.consume({
      producerId: producer.id,
      rtpCapabilities: { ...router.rtpCapabilities, headerExtensions: capabilities.headerExtensions },
    });
    first = consumer.rtpParameters.codecs[0];
    descriptorId = consumer.rtpParameters.headerExtensions?.find(
      ({ uri }) => uri === DEPENDENCY_DESCRIPTOR,
    )?.id;
    setTimeout(() => void consumer.requestKeyFrame(), 400);
    return producer.id;
  });
  await page.goto(`http://127.0.0.1:${http.address().port}/`);
  await page.waitForFunction('window.send !== undefined');
  const { id, iceParameters, iceCandidates, dtlsParameters } = incoming;
  await page.evaluate(
    (args) => window.send(...args),
    [capabilities, { id, iceParameters, iceCandidates, dtlsParameters }, codec, scalabilityMode, without],
  );
  const limit = setTimeout(() => {
    throw new Error(`${name}: ${packets.length} packets after 15 s`);
  }, 15_000);
  await enough;
  clearTimeout(limit);
  await page.close();
  socket.close();
  worker.close();
  write(name, codec.toLowerCase(), scalabilityMode, packets);
}

function write(name, codec, scalabilityMode, packets) {
  packets.sort((a, b) => ((a.sequenceNumber - b.sequenceNumber) << 16) >> 16);
  const [{ sequenceNumber: start, timestamp: zero }] = packets;
  const assembler = new FrameAssembler(codec);
  const frames = [];
  for (const { sequenceNumber, timestamp, marker, payload, descriptor } of packets) {
    const assembled = assembler.push({
      sequenceNumber: (sequenceNumber - start) & 0xffff,
      timestamp,
      marker,
      payload: Buffer.from(payload, 'hex'),
      ...(descriptor === undefined ? {} : { dependencyDescriptor: Buffer.from(descriptor, 'hex') }),
    });
    // Data is good until the next packet only.
    for (const each of assembled)
      frames.push(each.ok ? { ...each, frame: { ...each.frame, data: each.frame.data.slice() } } : each);
  }
  const whole = frames.filter((each) => each.ok).map((each) => each.frame);
  for (const each of frames) if (!each.ok || !each.intact) console.error(name, each.why ?? 'not intact');
  const { width, height } = whole[0];
  const decoded = decodedPictures(codec, whole, width, height).length;
  const lines = packets.map(({ timestamp, marker, payload, descriptor }) =>
    JSON.stringify([
      (timestamp - zero) >>> 0,
      marker ? 1 : 0,
      payload,
      ...(descriptor ? [null, descriptor] : []),
    ]),
  );
  const digests = whole.map(({ data }) =>
    JSON.stringify({ bytes: data.length, md5: createHash('md5').update(data).digest('hex') }),
  );
  writeFileSync(
    new URL(`${name}.json`, OUT),
    `{\n"codec": "${codec}",\n"from": "Chromium, ${scalabilityMode}; FFmpeg decoded ${decoded} pictures",\n"size": [${width},${height}],\n${
      whole[0].codecPrivate
        ? `"codecPrivate": "${Buffer.from(whole[0].codecPrivate).toString('hex')}",\n`
        : ''
    }"frames": [\n${digests.join(',\n')}\n],\n"packets": [\n${lines.join(',\n')}\n]\n}\n`,
  );
  console.log(`${name}: ${packets.length} packets, ${whole.length} frames, ${decoded} decoded`);
}

const http = await servePage();
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-features=WebRtcHideLocalIpsWithMdns'],
});
for (const name of process.argv.length > 2 ? process.argv.slice(2) : Object.keys(STREAMS))
  await capture(name, browser, http).catch((error) => console.error(name, error));
await browser.close();
http.close();
