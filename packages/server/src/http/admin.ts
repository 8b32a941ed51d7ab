/** Looking at rooms and moderating them. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { mute, pin, setRole } from '../rooms/moderation.js';
import type { Participant } from '../rooms/participant.js';
import type { Room } from '../rooms/room.js';
import { ANY_ROOM } from '../auth/grants.js';
import { ServerError } from '../errors.js';
import { API, PatchParticipantBody, type ParticipantBody, type RoomBody } from './api.js';
import { authorize, checkedBody, grantsRoom, pathParameter, roomName, type AppContext } from './context.js';
import { define } from './routes.js';
import { RoomStats } from './statsBody.js';

export function adminRoutes(app: FastifyInstance, context: AppContext): void {
  const { conference } = context;

  const admin = async (request: FastifyRequest): Promise<Room> => {
    const name = roomName(request);
    await authorize(context, request, name, ['admin']);
    return conference.liveRoom(name);
  };
  const moderated = async (request: FastifyRequest): Promise<{ room: Room; participant: Participant }> => {
    const name = roomName(request);
    await authorize(context, request, name, ['moderate', 'admin']);
    return conference.participant(name, pathParameter(request, 'participantId'));
  };

  // A token for one room sees that one; a token for `*` sees all.
  define(app, API.listRooms, async (request) => {
    const grants = await context.tokens.verify(request.headers.authorization, context.scheduler.nowMs());
    if (!grants.roles.has('admin'))
      throw new ServerError('TOKEN_FORBIDDEN', 'The token lacks the role "admin".');
    const visible = [...conference.rooms.live()].filter(
      ({ name }) => grants.room === ANY_ROOM || grantsRoom(context, grants, name),
    );
    return { rooms: visible.map(roomBody) };
  });

  define(app, API.getRoom, async (request) => roomBody(await admin(request)));

  define(app, API.listParticipants, async (request) => {
    const room = await admin(request);
    return { participants: [...room.participants.values()].map(participantBody) };
  });

  const stats = new RoomStats(context.scheduler);
  define(app, API.roomStats, async (request) => stats.of(await admin(request)));

  define(app, API.patchParticipant, async (request) => {
    const { room, participant } = await moderated(request);
    const { audioMuted, videoMuted, pinned, role } = checkedBody(request, PatchParticipantBody);
    if (role !== undefined) setRole(room, participant, role);
    if (audioMuted !== undefined) mute(room, participant, 'audio', audioMuted);
    if (videoMuted !== undefined) mute(room, participant, 'video', videoMuted);
    if (pinned !== undefined) pin(participant, pinned);
    return participantBody(participant);
  });

  define(app, API.deleteParticipant, async (request) => {
    const { room, participant } = await moderated(request);
    conference.removeParticipant(room, participant);
  });
}

function roomBody(room: Room): z.infer<typeof RoomBody> {
  return {
    room: room.name,
    createdAtMs: room.createdAtMs,
    participants: room.participants.size,
    meetClients: room.meetClients,
    players: room.players,
  };
}

function participantBody(participant: Participant): z.infer<typeof ParticipantBody> {
  const sources = [...participant.sources.values()];
  return {
    participantId: participant.participantId,
    displayName: participant.displayName,
    ...(participant.identity === undefined ? {} : { identity: participant.identity }),
    joinedAtMs: participant.joinedAtMs,
    connected: participant.session?.isConnected ?? false,
    roles: [...participant.roles],
    audioMuted: participant.isMuted('microphone') && participant.isMuted('screenSound'),
    videoMuted: participant.isMuted('camera') && participant.isMuted('screen'),
    cameraOn: !participant.isMuted('camera'),
    screenOn: !participant.isMuted('screen'),
    pinned: participant.pinned,
    sources: sources.map(({ name, csrc, muted }) => ({ source: name, csrc, muted })),
  };
}
