/** A call of any size in nine pictures, with the library alone: one offer, one answer, then layouts. See README.md. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { json, text } from 'node:stream/consumers';
import { createWorker } from '@tertulia/sfu';
import { readOffer, sectionToRtpCapabilities, sectionToRtpParameters, writeAnswer } from '@tertulia/wire';
import { parse, write } from 'sdp-transform';

const opus = { kind: 'audio', mimeType: 'audio/opus', clockRate: 48_000, channels: 2 };
const vp8 = { kind: 'video', mimeType: 'video/VP8', clockRate: 90_000 };
const router = await (await createWorker()).createRouter({ mediaCodecs: [opus, vp8] });
const virtual = await router.createVirtualStreams({ audioSlots: 3, videoSlots: 9 });
const listenInfos = [{ protocol: 'udp', ip: '127.0.0.1' }];
const people = new Map();

async function join(participantId, sdp) {
  const offer = readOffer(parse(sdp)).value;
  const { sections } = offer;
  const transport = await router.createWebRtcTransport({ listenInfos });
  await transport.connect({ dtlsParameters: { role: 'client', fingerprints: offer.dtls.fingerprints } });
  const slots = sections.filter(({ direction }) => direction === 'recvonly');
  const [audio, video] = ['audio', 'video'].map((kind) => slots.filter((slot) => slot.kind === kind));
  const [hear, see] = [audio[0], video[0]].map(sectionToRtpCapabilities);
  const headerExtensions = [...hear.headerExtensions, ...see.headerExtensions];
  const rtpCapabilities = { codecs: [...hear.codecs, ...see.codecs], headerExtensions };
  const mids = { audio: audio.map(({ mid }) => mid), video: video.map(({ mid }) => mid) };
  const receiver = await virtual.createReceiver({ transport, participantId, rtpCapabilities, mids });
  people.set(participantId, { receiver, transport });
  const answers = sections.map(async ({ kind, mid, codecs }, at) => {
    const slot = [...receiver.audio, ...receiver.video].find((one) => one.mid === mid);
    const rtpParameters = slot?.rtpParameters ?? sectionToRtpParameters(sections[at]);
    const { encodings, headerExtensions } = rtpParameters;
    const both = { accept: true, kind, codecs, headerExtensions };
    const stream = { ssrc: slot?.ssrc, rtxSsrc: slot?.rtxSsrc, msid: { stream: mid, track: mid } };
    if (slot) return { ...both, direction: 'sendonly', ...stream };
    await virtual.addSource({ producer: await transport.produce({ kind, rtpParameters }), participantId });
    return { ...both, direction: 'recvonly', rids: encodings.flatMap(({ rid }) => rid ?? []) };
  });
  const ice = { ...transport.iceParameters, lite: true, candidates: transport.iceCandidates };
  const dtls = { setup: 'passive', fingerprints: transport.dtlsParameters.fingerprints };
  const made = { sessionId: '1', ice, dtls, sections: await Promise.all(answers), endOfCandidates: true };
  return write(writeAnswer(offer, made));
}

const server = createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://localhost');
  const { receiver, transport } = people.get(searchParams.get('name')) ?? {};
  try {
    if (pathname === '/') response.end(readFileSync(new URL('page.html', import.meta.url)));
    if (pathname === '/join') response.end(await join(searchParams.get('name'), await text(request)));
    if (pathname === '/layout') response.end(JSON.stringify(await receiver.setLayout(await json(request))));
    if (pathname !== '/news') return;
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write('\n');
    response.on('close', () => transport.close());
    receiver.on('assignmentschange', (now) => response.write(`data: ${JSON.stringify(now)}\n\n`));
  } catch (error) {
    response.writeHead(400).end(error.message);
  }
});
server.listen(process.env.PORT ?? 4200, '127.0.0.1', () => console.log(`port ${server.address().port}`));
