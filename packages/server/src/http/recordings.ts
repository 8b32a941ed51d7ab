/** Recordings: start, look, stop. Names of rooms and people go into the answer and into JSON files, never into a path. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { ServerError } from '../errors.js';
import type { Recording } from '../recording/recording.js';
import { API, CreateRecordingBody, type RecordingBody } from './api.js';
import { authorize, checkedBody, pathParameter, roomName, type AppContext } from './context.js';
import { define } from './routes.js';

export function recordingRoutes(app: FastifyInstance, context: AppContext): void {
  const { conference, recordings, config } = context;

  const authorized = async (request: FastifyRequest): Promise<string> => {
    const name = roomName(request);
    await authorize(context, request, name, ['record', 'admin']);
    return conference.rooms.canonical(name);
  };
  const found = async (request: FastifyRequest): Promise<Recording> =>
    recordings.get(await authorized(request), pathParameter(request, 'recordingId'));

  define(app, API.createRecording, async (request, reply) => {
    const name = await authorized(request);
    const { mode = config.recordMode, participantId } = hasBody(request)
      ? checkedBody(request, CreateRecordingBody)
      : {};
    const room =
      participantId === undefined
        ? conference.liveRoom(name)
        : conference.participant(name, participantId).room;
    if (room.isEmpty) throw new ServerError('ROOM_NOT_FOUND', 'Only players and bots are in the room.');
    const { recording, isNew } = await recordings.start(room, {
      mode: participantId !== undefined && mode === 'room' ? 'participants' : mode,
      participantId,
      startedBy: 'api',
    });
    if (!isNew) reply.code(API.createRecording.otherwise.status);
    reply.header('location', `/v1/rooms/${encodeURIComponent(room.name)}/recordings/${recording.id}`);
    return recordingBody(recording);
  });

  define(app, API.listRecordings, async (request) => ({
    recordings: recordings.list(await authorized(request)).map(recordingBody),
  }));

  define(app, API.getRecording, async (request) => recordingBody(await found(request)));

  define(app, API.deleteRecording, async (request) => {
    const recording = await found(request);
    await recording.stop('stopped');
    return recordingBody(recording);
  });
}

/** Nothing needs to be said to start the usual recording. */
const hasBody = (request: FastifyRequest): boolean =>
  request.body instanceof Uint8Array && request.body.length > 0;

function recordingBody(recording: Recording): z.infer<typeof RecordingBody> {
  const { id, room, request, state, startedAtMs, endedAtMs, folder, figures, files, cause, message } =
    recording;
  return {
    recordingId: id,
    room: room.name,
    mode: request.mode,
    ...(request.participantId === undefined ? {} : { participantId: request.participantId }),
    state,
    startedBy: request.startedBy,
    startedAtMs,
    ...(endedAtMs === undefined ? {} : { endedAtMs }),
    ...(folder === undefined ? {} : { folder }),
    ...figures,
    files: files.map(({ about, ...file }) => ({ ...about, ...file })),
    ...(cause === undefined ? {} : { cause }),
    ...(message === undefined ? {} : { message }),
  };
}
