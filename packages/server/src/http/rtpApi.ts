/** The paths of plain RTP to and from programs. Elsewhere: all other paths → api.ts · what is done → plainRtp.ts */
import { BlockList } from 'node:net';
import { z } from 'zod';
import { RTP_VIDEO_CODECS } from '../media/mediaPort.js';
import { KEY_FRAMES } from '../plainRtp/plainRtp.js';
import { done, TOKEN_ERRORS, type ApiRoute } from './apiRoute.js';

/** One machine: no group and no "any". A packet every 20 ms to all of a network is nobody's wish. */
const NO_MACHINE = { ipv4: new BlockList(), ipv6: new BlockList() };
NO_MACHINE.ipv4.addSubnet('0.0.0.0', 8, 'ipv4'); // "this network", RFC 1122 §3.2.1.3
NO_MACHINE.ipv4.addSubnet('224.0.0.0', 3, 'ipv4'); // groups, reserved ones, everybody
NO_MACHINE.ipv6.addAddress('::', 'ipv6');
NO_MACHINE.ipv6.addSubnet('ff00::', 8, 'ipv6');
// IPv4 in IPv6 (RFC 4291 §2.5.5.2): a machine has a plain spelling. In a list of its own, since it would match all IPv4.
NO_MACHINE.ipv6.addSubnet('::ffff:0:0', 96, 'ipv6');
function isUnicast(ip: string): boolean {
  const family = ip.includes(':') ? 'ipv6' : 'ipv4';
  return !NO_MACHINE[family].check(ip, family);
}
const UdpPort = z.int().min(1_024).max(65_534);
const VideoCodec = z.enum(RTP_VIDEO_CODECS);

export const CreateRtpOutputBody = z
  .strictObject({
    participantId: z
      .string()
      .min(1)
      .max(256)
      .optional()
      .describe(
        "Only this one's microphone and camera: an id, or the identity of a token. Absent: the room.",
      ),
    ip: z
      .union([z.ipv4(), z.ipv6()])
      .refine(isUnicast, 'not the address of a machine')
      .default('127.0.0.1')
      .describe('Where the program listens.'),
    audioPort: UdpPort.optional().describe('RTCP goes to the port above. Absent: no sound.'),
    videoPort: UdpPort.optional().describe('The same for pictures.'),
    videoCodec: VideoCodec.optional().describe(
      'Pictures of another are not sent. Default: what most cameras there have now.',
    ),
    keyFrameSeconds: z
      .int()
      .min(0)
      .max(3_600)
      .default(KEY_FRAMES.laterSeconds)
      .describe('Between key frames, after the first 20 s with one every 2 s. 0: none.'),
  })
  .refine(
    ({ audioPort, videoPort }) => audioPort !== undefined || videoPort !== undefined,
    'audioPort or videoPort is needed',
  )
  .refine(
    ({ audioPort = 0, videoPort = 65_535 }) => Math.abs(audioPort - videoPort) > 1,
    'audioPort and videoPort: RTCP has the port above each',
  );

export const CreateRtpInputBody = z
  .strictObject({
    displayName: z.string().max(4_096).optional().describe('Shown to the others; cut to 128 characters.'),
    audio: z.boolean().default(true).describe('Opus.'),
    video: z.boolean().default(true),
    videoCodec: VideoCodec.default('vp8'),
    remote: z
      .boolean()
      .default(false)
      .describe(
        'The program is on another machine; it has to protect its packets with the keys of the answer.',
      ),
    port: UdpPort.max(65_532)
      .optional()
      .describe('The first of the ports: sound, its RTCP, pictures, their RTCP. Default: any that are free.'),
  })
  .refine(({ audio, video }) => audio || video, 'audio or video is needed');

const RtpStream = z.object({
  port: z.int(),
  rtcpPort: z.int(),
  payloadType: z.int(),
  ssrc: z.int(),
  codec: z.string().describe('As in a=rtpmap.'),
});

export const RtpOutputBody = z.object({
  outputId: z.string(),
  room: z.string(),
  participantId: z.string().optional(),
  ip: z.string(),
  audio: RtpStream.optional(),
  video: RtpStream.optional(),
  startedAtMs: z.number(),
  bytes: z.int().describe('Of RTP that were sent.'),
  sdp: z.string().describe('What the program reads.'),
});

const RtpInputStream = RtpStream.extend({
  srtp: z
    .object({ cryptoSuite: z.string(), keyBase64: z.string().describe('Key and salt.') })
    .optional()
    .describe('With "remote".'),
});

export const RtpInputBody = z.object({
  inputId: z.string(),
  room: z.string(),
  participantId: z.string(),
  displayName: z.string(),
  connected: z.boolean().describe('Its first packet came.'),
  ip: z.string(),
  audio: RtpInputStream.optional(),
  video: RtpInputStream.optional(),
});

export const RTP_API = {
  createRtpOutput: {
    method: 'POST',
    path: '/v1/rooms/{room}/rtp-outputs',
    summary: 'Send plain RTP of a room or a person to a program',
    needs: 'admin',
    body: CreateRtpOutputBody,
    success: {
      status: 201,
      description: 'It sends until the room ends; Location is the output.',
      schema: RtpOutputBody,
    },
    errors: [
      ...TOKEN_ERRORS,
      'MEDIA_TYPE_UNSUPPORTED',
      'BODY_NOT_JSON',
      'BODY_INVALID',
      'ROOM_NAME_INVALID',
      'ROOM_NOT_FOUND',
      'PARTICIPANT_NOT_FOUND',
      'TOO_MANY_RTP',
      'MEDIA_UNAVAILABLE',
    ],
  },
  listRtpOutputs: {
    method: 'GET',
    path: '/v1/rooms/{room}/rtp-outputs',
    summary: 'Where plain RTP of a room goes',
    needs: 'admin',
    success: {
      status: 200,
      description: 'The oldest first.',
      schema: z.object({ outputs: z.array(RtpOutputBody) }),
    },
    errors: [...TOKEN_ERRORS, 'ROOM_NAME_INVALID'],
  },
  getRtpOutput: {
    method: 'GET',
    path: '/v1/rooms/{room}/rtp-outputs/{outputId}',
    summary: 'One output of plain RTP',
    needs: 'admin',
    success: { status: 200, description: 'It goes on.', schema: RtpOutputBody },
    errors: [...TOKEN_ERRORS, 'ROOM_NAME_INVALID', 'RTP_NOT_FOUND'],
  },
  deleteRtpOutput: {
    method: 'DELETE',
    path: '/v1/rooms/{room}/rtp-outputs/{outputId}',
    summary: 'End an output of plain RTP',
    needs: 'admin',
    success: done('It has ended.'),
    errors: [...TOKEN_ERRORS, 'ROOM_NAME_INVALID', 'RTP_NOT_FOUND'],
  },
  createRtpInput: {
    method: 'POST',
    path: '/v1/rooms/{room}/rtp-inputs',
    summary: 'A participant that a program feeds with plain RTP',
    needs: 'admin',
    body: CreateRtpInputBody,
    success: {
      status: 201,
      description: 'It waits five minutes for the first packet; Location is the input.',
      schema: RtpInputBody,
    },
    errors: [
      ...TOKEN_ERRORS,
      'MEDIA_TYPE_UNSUPPORTED',
      'BODY_NOT_JSON',
      'BODY_INVALID',
      'ROOM_NAME_INVALID',
      'ROOM_FULL',
      'TOO_MANY_ROOMS',
      'TOO_MANY_RTP',
      'RTP_PORT_IN_USE',
      'DRAINING',
      'MEDIA_UNAVAILABLE',
    ],
  },
  listRtpInputs: {
    method: 'GET',
    path: '/v1/rooms/{room}/rtp-inputs',
    summary: 'Participants of a room that come as plain RTP',
    needs: 'admin',
    success: {
      status: 200,
      description: 'The oldest first, without keys.',
      schema: z.object({ inputs: z.array(RtpInputBody) }),
    },
    errors: [...TOKEN_ERRORS, 'ROOM_NAME_INVALID'],
  },
  getRtpInput: {
    method: 'GET',
    path: '/v1/rooms/{room}/rtp-inputs/{inputId}',
    summary: 'One input of plain RTP, without keys',
    needs: 'admin',
    success: { status: 200, description: 'It goes on.', schema: RtpInputBody },
    errors: [...TOKEN_ERRORS, 'ROOM_NAME_INVALID', 'RTP_NOT_FOUND'],
  },
  deleteRtpInput: {
    method: 'DELETE',
    path: '/v1/rooms/{room}/rtp-inputs/{inputId}',
    summary: 'End an input of plain RTP; its participant leaves',
    needs: 'admin',
    success: done('It has ended.'),
    errors: [...TOKEN_ERRORS, 'ROOM_NAME_INVALID', 'RTP_NOT_FOUND'],
  },
} as const satisfies Record<string, ApiRoute>;
