/**
 * In the media process: a room as the API side would make it, by requests, with injected keys. Audio: talkers, and slots of
 * virtual streams for everybody. Video: one camera, and a consumer on a transport of its own for everybody else.
 */
import { randomUUID } from 'node:crypto';
import { toAddress } from '@tertulia/engine';
import type { MediaCore } from '@tertulia/sfu/media';
import { HEADER_EXTENSION_URIS, type RtpHeaderExtensionUri, type RtpParameters } from '@tertulia/wire';
import type { EndpointSetUp, RoomKind, RoomSetUp } from './mediaRoom.js';

const OPUS = 111;
const VP8 = { media: 96, rtx: 97 };
const IDS = { audioLevel: 1, absSendTime: 2, transportWideCc: 3, mid: 4 };
const SERVER_IP = '127.0.0.1';
/** Of whoever sends; those of receivers are above. */
const SENDER_SSRC = 0x1000;
const RECEIVER_SSRC = 0x1_0000;
const RTX_SSRC = 0x2_0000;

const extension = (uri: RtpHeaderExtensionUri, id: number) => ({ uri, id, encrypt: false, parameters: {} });
const feedback = (type: string, parameter = '') => ({ type, parameter });

function opus(mid: string, ssrc: number, cname: string): RtpParameters {
  return {
    mid,
    codecs: [
      {
        mimeType: 'audio/opus',
        payloadType: OPUS,
        clockRate: 48_000,
        channels: 2,
        parameters: { useinbandfec: 1, minptime: 10 },
        rtcpFeedback: [feedback('nack')],
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

/** What Chromium and the router would agree on. */
function vp8(mid: string, ssrc: number, rtxSsrc: number, cname: string): RtpParameters {
  return {
    mid,
    codecs: [
      {
        mimeType: 'video/VP8',
        payloadType: VP8.media,
        clockRate: 90_000,
        parameters: {},
        rtcpFeedback: [
          feedback('nack'),
          feedback('nack', 'pli'),
          feedback('ccm', 'fir'),
          feedback('transport-cc'),
        ],
      },
      {
        mimeType: 'video/rtx',
        payloadType: VP8.rtx,
        clockRate: 90_000,
        parameters: { apt: VP8.media },
        rtcpFeedback: [],
      },
    ],
    headerExtensions: [
      extension(HEADER_EXTENSION_URIS.absSendTime, IDS.absSendTime),
      extension(HEADER_EXTENSION_URIS.transportWideCc, IDS.transportWideCc),
      extension(HEADER_EXTENSION_URIS.mid, IDS.mid),
    ],
    encodings: [{ ssrc, rtx: { ssrc: rtxSsrc } }],
    rtcp: { cname, reducedSize: true },
  };
}

export function setUpRoom(core: MediaCore, room: RoomKind, endpoints: readonly EndpointSetUp[]): RoomSetUp {
  const [routerId, webRtcServerId] = [randomUUID(), randomUUID()];
  const listenInfos = [{ protocol: 'udp' as const, ip: SERVER_IP }];
  const [listen] = core.handleRequest('worker.createWebRtcServer', { webRtcServerId, listenInfos });
  core.handleRequest('worker.createRouter', { routerId });
  const made: RoomSetUp = { server: { ip: SERVER_IP, port: listen!.port }, endpoints: [], talkers: [] };
  const transportIds: string[] = [];
  for (const endpoint of endpoints) {
    const transportId = randomUUID();
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
    const { usernameFragment, password } = iceParameters;
    made.endpoints.push({ iceUsernameFragment: usernameFragment, icePassword: password, slotSsrcs: [] });
    transportIds.push(transportId);
  }
  if (room.kind === 'audio') addAudio(core, routerId, transportIds, room, made);
  else addVideo(core, transportIds, made);
  return made;
}

function addAudio(
  core: MediaCore,
  routerId: string,
  transportIds: readonly string[],
  { slots, talkers }: { slots: number; talkers: number },
  made: RoomSetUp,
): void {
  const virtualStreamsId = randomUUID();
  core.handleRequest('router.createVirtualStreams', {
    routerId,
    virtualStreamsId,
    audioSlots: slots,
    videoSlots: 0,
  });
  for (const [i, transportId] of transportIds.entries()) {
    const participantId = `participant ${i}`;
    if (i < talkers) {
      const producerId = randomUUID();
      const ssrc = SENDER_SSRC + i;
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
        payloadType: OPUS,
        levelExtensionId: IDS.audioLevel,
        absSendTimeExtensionId: IDS.absSendTime,
        midExtensionId: IDS.mid,
        mid: '0',
      });
    }
    const slotSsrcs = Array.from({ length: slots }, (_, slot) => RECEIVER_SSRC + i * slots + slot);
    core.handleRequest('virtual.createReceiver', {
      virtualStreamsId,
      receiverId: randomUUID(),
      transportId,
      participantId,
      audio: slotSsrcs.map((ssrc, slot) => ({ rtpParameters: opus(String(slot + 1), ssrc, 'tertulia') })),
      video: [],
    });
    made.endpoints[i]!.slotSsrcs = slotSsrcs;
  }
}

function addVideo(core: MediaCore, [senderId, ...receiverIds]: readonly string[], made: RoomSetUp): void {
  const producerId = randomUUID();
  const ids = { absSendTimeExtensionId: IDS.absSendTime, transportWideExtensionId: IDS.transportWideCc };
  core.handleRequest('transport.produce', {
    transportId: senderId!,
    producerId,
    kind: 'video',
    rtpParameters: vp8('0', SENDER_SSRC, SENDER_SSRC + 1, 'camera'),
    paused: false,
  });
  made.camera = {
    endpoint: 0,
    ssrc: SENDER_SSRC,
    payloadType: VP8.media,
    ...ids,
    midExtensionId: IDS.mid,
    mid: '0',
  };
  for (const [i, transportId] of receiverIds.entries()) {
    const [ssrc, rtxSsrc] = [RECEIVER_SSRC + i, RTX_SSRC + i];
    core.handleRequest('transport.consume', {
      transportId,
      consumerId: randomUUID(),
      producerId,
      rtpParameters: vp8('1', ssrc, rtxSsrc, 'camera'),
      paused: false,
    });
    const endpoint = made.endpoints[i + 1]!;
    endpoint.slotSsrcs = [ssrc];
    endpoint.video = { rtxSsrc, ...ids };
  }
}
