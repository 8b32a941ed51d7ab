/** /v1 sessions: join, leave, restart, events. */
import type { OutgoingHttpHeaders } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ServerError } from '../errors.js';
import { readDisplayName } from '../rooms/conference.js';
import type { EventSink } from '../rooms/eventStreams.js';
import { readOfferText } from '../sdp/offerReader.js';
import { planRestart } from '../sdp/restartOffer.js';
import { planSession } from '../sdp/sessionPlan.js';
import { answerFor } from './answers.js';
import { API, CreateSessionBody, RestartBody } from './api.js';
import { authorize, checkedBody, limitJoins, pathParameter, roomName, type AppContext } from './context.js';
import { iceServers } from './iceServers.js';
import { define } from './routes.js';

export function sessionRoutes(app: FastifyInstance, context: AppContext): void {
  const { conference, config, scheduler } = context;

  define(app, API.createSession, async (request, reply) => {
    const room = roomName(request);
    limitJoins(context, request);
    const grants = await authorize(context, request, room, ['join']);
    const body = checkedBody(request, CreateSessionBody);
    const { audioSlots = config.audioSlots, videoSlots = config.videoSlots } = conference.rooms.slots(room);
    const plan = planSession(readOfferText(body.offer), {
      publish: grants.roles.has('publish'),
      subscribe: grants.roles.has('subscribe'),
      audioSlots: Math.min(audioSlots, grants.audioSlots ?? audioSlots),
      videoSlots: Math.min(videoSlots, grants.videoSlots ?? videoSlots),
      videoCodec: config.videoCodec,
    });
    const record = await conference.join({
      roomName: room,
      grants,
      plan,
      displayName: readDisplayName(body.displayName),
      replaces: body.replaces,
    });
    const participantId = record.session.participant?.participantId ?? '';
    reply.header('location', `/v1/rooms/${encodeURIComponent(room)}/sessions/${record.session.id}`);
    return {
      answer: answerFor(record, plan, record.media.ice),
      sessionId: record.session.id,
      participantId,
      iceServers: iceServers(config, participantId, scheduler.nowMs()),
    };
  });

  define(app, API.deleteSession, (request) => {
    conference.session(roomName(request), pathParameter(request, 'sessionId')).session.end('left');
  });

  define(app, API.restartSession, async (request) => {
    const record = conference.session(roomName(request), pathParameter(request, 'sessionId'));
    const offer = readOfferText(checkedBody(request, RestartBody).offer);
    const plan = planRestart(record.plan, offer, record.media);
    if (!plan)
      throw new ServerError(
        'OFFER_REFUSED',
        'A restart keeps the certificate, the sections and their numbers of the first offer.',
      );
    const ice = await conference.restart(record);
    return { answer: answerFor(record, plan, ice) };
  });

  define(app, API.sessionEvents, (request, reply) => {
    const { session } = conference.session(roomName(request), pathParameter(request, 'sessionId'));
    const sink = openStream(request, reply);
    if (!session.events.add(sink))
      throw new ServerError('TOO_MANY_STREAMS', 'Close an event stream of this session first.');
    request.raw.on('close', () => session.events.remove(sink));
    sink.begin();
    return reply;
  });
}

/** Nothing is written until `begin`, so that a refusal can still be an ordinary response. */
function openStream(request: FastifyRequest, reply: FastifyReply): EventSink & { begin(): void } {
  let waiting: string | undefined = '';
  return {
    begin() {
      const text = waiting ?? '';
      waiting = undefined;
      reply.hijack();
      reply.raw.writeHead(200, {
        ...(reply.getHeaders() as OutgoingHttpHeaders),
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
      });
      reply.raw.write(text);
      request.raw.socket.setTimeout(0);
    },
    write(text) {
      if (waiting !== undefined) waiting += text;
      else if (!reply.raw.writableEnded) reply.raw.write(text);
      return reply.raw.writableLength;
    },
    close() {
      // Politely when the reader keeps up; a slow one would keep what waits for it in memory.
      if (reply.raw.writableLength === 0) reply.raw.end();
      else reply.raw.end(() => undefined);
    },
  };
}
