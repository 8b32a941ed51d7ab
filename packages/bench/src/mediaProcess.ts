/**
 * Child process: the media core of @tertulia/sfu on the real engine and real sockets, driven as in a media process of the
 * server, but for two things: SRTP keys are injected instead of agreed by DTLS, and requests come from the bench. News of
 * slots and speakers goes over the pipe to the parent, as it does there.
 */
import { randomUUID } from 'node:crypto';
import { Engine, ENTRY_PACKETS, ENTRY_WORDS, toAddress, type OnBatch } from '@tertulia/engine';
import { Loop, MediaCore, type ChannelEvent } from '@tertulia/sfu/media';
import { HEADER_EXTENSION_URIS, type RtpHeaderExtensionUri, type RtpParameters } from '@tertulia/wire';
import { median } from './statistics.js';
import type { EndpointSetUp, FromMediaProcess, MediaUsage, RoomSetUp, ToMediaProcess } from './mediaRoom.js';

const PAYLOAD_TYPE = 111;
const IDS = { audioLevel: 1, absSendTime: 2, mid: 4 };
const SERVER_IP = '127.0.0.1';

/** The engine with a stop watch around the batch callback, which is all TypeScript that runs per incoming packet. */
class TimedEngine extends Engine {
  timing = false;
  micros = 0;
  rowCount = 0;
  /** µs per row of each batch. */
  readonly samples: number[] = [];

  override start(onBatch: OnBatch): void {
    super.start((rows, nowMicros) => {
      if (!this.timing) return onBatch(rows, nowMicros);
      const started = performance.now();
      const commands = onBatch(rows, nowMicros);
      const micros = (performance.now() - started) * 1000;
      this.micros += micros;
      this.rowCount += rows;
      this.samples.push(micros / rows);
      return commands;
    });
  }
}

function opus(mid: string, ssrc: number, cname: string): RtpParameters {
  const extension = (uri: RtpHeaderExtensionUri, id: number) => ({ uri, id, encrypt: false, parameters: {} });
  return {
    mid,
    codecs: [
      {
        mimeType: 'audio/opus',
        payloadType: PAYLOAD_TYPE,
        clockRate: 48_000,
        channels: 2,
        parameters: { useinbandfec: 1, minptime: 10 },
        rtcpFeedback: [{ type: 'nack', parameter: '' }],
      },
    ],
    headerExtensions: [
      extension(HEADER_EXTENSION_URIS.audioLevel, IDS.audioLevel),
      extension(HEADER_EXTENSION_URIS.absSendTime, IDS.absSendTime),
      extension(HEADER_EXTENSION_URIS.mid, IDS.mid),
    ],
    encodings: [{ ssrc }],
    rtcp: { cname, reducedSize: true },
  };
}

const engine = new TimedEngine();
/** News for the API process: all of one turn of the event loop in one message, as in the server's media process. */
let events: ChannelEvent[] = [];
function collect(event: ChannelEvent): void {
  events.push(event);
  if (events.length > 1) return;
  setImmediate(() => {
    const batch = events;
    events = [];
    process.send!({ events: batch } satisfies FromMediaProcess);
  });
}

const core = new MediaCore({ engine, allowKeyInjection: true, emit: collect });
new Loop(core).start();

function setUp(slots: number, talkerCount: number, endpoints: readonly EndpointSetUp[]): RoomSetUp {
  const [routerId, webRtcServerId, virtualStreamsId] = [randomUUID(), randomUUID(), randomUUID()];
  const listenInfos = [{ protocol: 'udp' as const, ip: SERVER_IP }];
  const [listen] = core.handleRequest('worker.createWebRtcServer', { webRtcServerId, listenInfos });
  core.handleRequest('worker.createRouter', { routerId });
  core.handleRequest('router.createVirtualStreams', { routerId, virtualStreamsId, audioSlots: slots });
  const made: RoomSetUp = { server: { ip: SERVER_IP, port: listen!.port }, endpoints: [], talkers: [] };
  for (const [i, endpoint] of endpoints.entries()) {
    const transportId = randomUUID();
    const participantId = `participant ${i}`;
    const { iceParameters } = core.handleRequest('router.createWebRtcTransport', {
      routerId,
      transportId,
      webRtcServerId,
      iceConsentTimeout: 30,
      enableSctp: false,
      enableDcep: false,
      maxSctpMessageSize: 262_144,
    });
    const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'));
    core.handleRequest('transport.injectKeys', {
      transportId,
      profile: 'AEAD_AES_128_GCM',
      receiveKey: bytes(endpoint.receiveKey),
      receiveSalt: bytes(endpoint.receiveSalt),
      sendKey: bytes(endpoint.sendKey),
      sendSalt: bytes(endpoint.sendSalt),
      address: toAddress(endpoint.ip, endpoint.port),
    });
    if (i < talkerCount) {
      const producerId = randomUUID();
      const ssrc = 0x1000 + i;
      core.handleRequest('transport.produce', {
        transportId,
        producerId,
        kind: 'audio',
        rtpParameters: opus('0', ssrc, participantId),
        paused: false,
      });
      core.handleRequest('virtual.addSource', {
        virtualStreamsId,
        producerId,
        participantId,
        content: 'speech',
      });
      made.talkers.push({
        endpoint: i,
        ssrc,
        payloadType: PAYLOAD_TYPE,
        levelExtensionId: IDS.audioLevel,
        absSendTimeExtensionId: IDS.absSendTime,
        midExtensionId: IDS.mid,
        mid: '0',
      });
    }
    const slotSsrcs = Array.from({ length: slots }, (_, slot) => 0x1_0000 + i * slots + slot);
    core.handleRequest('virtual.createReceiver', {
      virtualStreamsId,
      receiverId: randomUUID(),
      transportId,
      participantId,
      audio: slotSsrcs.map((ssrc, slot) => ({ rtpParameters: opus(String(slot + 1), ssrc, 'tertulia') })),
    });
    const { usernameFragment, password } = iceParameters;
    made.endpoints.push({ iceUsernameFragment: usernameFragment, icePassword: password, slotSsrcs });
  }
  return made;
}

/** Every outgoing stream counts its packets in shared memory, resent ones included. Entries are numbered from 0 without holes here. */
function packetsOfEntries(count: number): number {
  let packets = 0;
  for (let entry = 0; entry < count; entry++) packets += engine.entries[entry * ENTRY_WORDS + ENTRY_PACKETS]!;
  return packets;
}

function usage(): MediaUsage {
  const { user, system } = process.cpuUsage();
  const stats = engine.stats();
  return {
    cpuMicros: user + system,
    rtpSent: packetsOfEntries(stats.entries),
    typeScriptMicros: engine.micros,
    timedRows: engine.rowCount,
    residentBytes: process.memoryUsage.rss(),
    cipher: stats.cipher,
    drops: stats.drops,
  };
}

function answer(message: ToMediaProcess): unknown {
  switch (message.ask) {
    case 'setUp':
      return setUp(message.slots, message.talkers, message.endpoints);
    case 'usage':
      return usage();
    case 'timing':
      engine.timing = message.on;
      return median(engine.samples.splice(0));
    case 'end':
      process.exit(0);
  }
}

process.on('message', (message: ToMediaProcess) => {
  const { id } = message;
  let reply: FromMediaProcess;
  try {
    reply = { id, answer: answer(message) };
  } catch (error) {
    reply = { id, failure: error instanceof Error ? error.message : String(error) };
  }
  process.send!(reply);
});
