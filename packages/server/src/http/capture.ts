/** A room's packets without SRTP as a file that is written while it is read. Elsewhere: what is in it → capture/roomCapture.ts */
import { finished, Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { RoomCaptures } from '../capture/roomCapture.js';
import { API, CaptureQuery } from './api.js';
import { authorize, checkedQuery, roomName, type AppContext } from './context.js';
import { define } from './routes.js';

export function captureRoutes(app: FastifyInstance, context: AppContext): void {
  const { conference, scheduler, log, version } = context;
  const captures = new RoomCaptures(scheduler, log.child({ mod: 'capture' }), version);

  define(app, API.captureRoom, async (request, reply) => {
    const name = roomName(request);
    const { identity } = await authorize(context, request, name, ['admin']);
    const { seconds, participant: participantId } = checkedQuery(request, CaptureQuery);
    const room = conference.liveRoom(name);
    if (participantId !== undefined) conference.participant(name, participantId);
    const { file, stop } = await captures.start({ room, participantId, seconds, identity });
    // Told at once if the reader has gone meanwhile: an event would not come again.
    finished(reply.raw, stop);
    reply.headers({
      'cache-control': 'no-store',
      'content-disposition': `attachment; filename="${room.name}.pcapng"`,
      // Proxies that gather an answer before they pass it on would hold back a capture until its end.
      'x-accel-buffering': 'no',
    });
    reply.type('application/x-pcapng');
    return reply.send(Readable.from(file, { objectMode: false, highWaterMark: 1024 * 1024 }));
  });
}
