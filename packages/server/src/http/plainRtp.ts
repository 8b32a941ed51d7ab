/** Plain RTP to and from programs: start, look, end. They make the server send to addresses, so all of it is for admins. */
import type { RtpParameters } from '@tertulia/wire';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { ServerError } from '../errors.js';
import type { RtpInputPort } from '../media/mediaPort.js';
import { PlainRtp, type Input, type Output } from '../plainRtp/plainRtp.js';
import { readDisplayName } from '../rooms/conference.js';
import { API } from './api.js';
import { authorize, checkedBody, pathParameter, roomName, type AppContext } from './context.js';
import { JSON_TYPE, requireType } from './mediaTypes.js';
import { define } from './routes.js';
import { CreateRtpInputBody, CreateRtpOutputBody, type RtpInputBody, type RtpOutputBody } from './rtpApi.js';

export function plainRtpRoutes(app: FastifyInstance, context: AppContext): void {
  const { conference, scheduler, log } = context;
  const rtp = new PlainRtp(conference, scheduler, log.child({ mod: 'rtp' }));

  const authorized = async (request: FastifyRequest): Promise<string> => {
    const name = roomName(request);
    await authorize(context, request, name, ['admin']);
    return name;
  };
  const output = async (request: FastifyRequest): Promise<Output> =>
    rtp.output(await authorized(request), pathParameter(request, 'outputId'));
  const input = async (request: FastifyRequest): Promise<Input> =>
    rtp.input(await authorized(request), pathParameter(request, 'inputId'));

  define(app, API.createRtpOutput, async (request, reply) => {
    const name = await authorized(request);
    requireType(request, JSON_TYPE);
    const { participantId: participant, ip, ...rest } = checkedBody(request, CreateRtpOutputBody);
    const { audioPort, videoPort, videoCodec, keyFrameSeconds } = rest;
    const made = await rtp.startOutput(name, {
      participant,
      ip,
      audioPort,
      videoPort,
      videoCodec,
      keyFrameSeconds,
    });
    reply.header('location', `/v1/rooms/${encodeURIComponent(made.room.name)}/rtp-outputs/${made.id}`);
    return outputBody(made);
  });

  define(app, API.listRtpOutputs, async (request) => {
    const bodies = await Promise.allSettled(rtp.outputs(await authorized(request)).map(outputBody));
    return { outputs: bodies.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : [])) };
  });
  define(app, API.getRtpOutput, async (request) => outputBody(await output(request)));
  define(app, API.deleteRtpOutput, async (request) => rtp.stopOutput(await output(request)));

  define(app, API.createRtpInput, async (request, reply) => {
    const name = await authorized(request);
    requireType(request, JSON_TYPE);
    const { displayName, audio, video, videoCodec, remote, port } = checkedBody(request, CreateRtpInputBody);
    const made = await rtp.startInput(name, {
      displayName: readDisplayName(displayName),
      audio,
      videoCodec: video ? videoCodec : undefined,
      remote,
      port,
    });
    reply.headers({
      location: `/v1/rooms/${encodeURIComponent(made.room.name)}/rtp-inputs/${made.id}`,
      // Keys are in it.
      'cache-control': 'no-store',
    });
    return inputBody(made, true);
  });

  define(app, API.listRtpInputs, async (request) => ({
    inputs: rtp.inputs(await authorized(request)).map((each) => inputBody(each, false)),
  }));
  define(app, API.getRtpInput, async (request) => inputBody(await input(request), false));
  define(app, API.deleteRtpInput, async (request) => rtp.stopInput(await input(request)));
}

async function outputBody(output: Output): Promise<z.infer<typeof RtpOutputBody>> {
  const { id, room, request, startedAtMs, sdp, media, streams } = output;
  const bytes = await media.bytes().catch(() => undefined);
  if (bytes === undefined) throw new ServerError('RTP_NOT_FOUND', 'It has ended with the media process.');
  return {
    outputId: id,
    room: room.name,
    ...(request.participant === undefined ? {} : { participantId: request.participant }),
    ip: request.ip,
    ...Object.fromEntries(
      streams.map(({ kind, port, rtpParameters }) => [
        kind,
        { port, rtcpPort: port + 1, ...numbersOf(rtpParameters) },
      ]),
    ),
    startedAtMs,
    bytes,
    sdp,
  };
}

function inputBody(input: Input, withKeys: boolean): z.infer<typeof RtpInputBody> {
  const { id, room, participant, session, media, streams } = input;
  const ports: Readonly<Record<'audio' | 'video', RtpInputPort | undefined>> = {
    audio: media.audioPort,
    video: media.videoPort,
  };
  return {
    inputId: id,
    room: room.name,
    participantId: participant.participantId,
    displayName: participant.displayName,
    connected: session.isConnected,
    ip: (media.audioPort ?? media.videoPort)?.ip ?? '',
    ...Object.fromEntries(
      streams.flatMap(({ kind, rtpParameters }) => {
        const at = ports[kind];
        if (!at) return [];
        const { port, rtcpPort, srtp } = at;
        const keys = withKeys && srtp ? { srtp } : {};
        return [[kind, { port, rtcpPort, ...numbersOf(rtpParameters), ...keys }]];
      }),
    ),
  };
}

function numbersOf({ codecs, encodings }: RtpParameters): {
  payloadType: number;
  ssrc: number;
  codec: string;
} {
  const [codec] = codecs;
  return {
    payloadType: codec?.payloadType ?? 0,
    ssrc: encodings?.[0]?.ssrc ?? 0,
    codec: codec ? `${codec.mimeType.slice(codec.mimeType.indexOf('/') + 1)}/${codec.clockRate}` : '',
  };
}
