/**
 * Every path of the HTTP API as data: one entry gives the route, the check of its body and its part of openapi.json.
 * Elsewhere: what the handlers do → sessions.ts, admin.ts, meet.ts, health.ts · what an entry says → apiRoute.ts
 */
import { z } from 'zod';
import { CAPTURE_LIMITS } from '../capture/roomCapture.js';
import { RECORDING_MODES } from '../recording/modes.js';
import { PARTICIPANT_ROLES } from '../rooms/moderation.js';
import { done, START_ERRORS, TOKEN_ERRORS, type ApiRoute } from './apiRoute.js';
import { RTP_API } from './rtpApi.js';
import { StatsBody } from './statsBody.js';
import { WHIP_API } from './whipApi.js';

export type { ApiRoute, Method } from './apiRoute.js';

const IceServer = z.object({
  urls: z.array(z.string()),
  username: z.string().optional(),
  credential: z.string().optional(),
});

const Offer = z.string().min(1).describe('SDP of createOffer(), RFC 8829.');

export const CreateSessionBody = z.object({
  offer: Offer,
  displayName: z.string().max(4_096).optional().describe('Shown to the others; cut to 128 characters.'),
  replaces: z
    .string()
    .max(128)
    .optional()
    .describe('A session id; it ends, its participant and CSRCs are kept.'),
});

const SessionCreated = z.object({
  answer: z.string(),
  sessionId: z.string().describe('A secret: it is the authority over the session.'),
  participantId: z.string(),
  iceServers: z.array(IceServer),
});

export const RestartBody = z.object({ offer: Offer });

/** The Media API's body. Checked by hand in meet.ts, since its errors have another form. */
export const MeetBody = z.object({ offer: Offer });

export const PatchParticipantBody = z
  .strictObject({
    audioMuted: z.boolean().optional().describe('false undoes only a mute of a moderator.'),
    videoMuted: z
      .boolean()
      .optional()
      .describe('Camera and screen; false undoes only a mute of a moderator.'),
    pinned: z.boolean().optional().describe('Their camera goes before that of who speaks, for everybody.'),
    role: z.enum(PARTICIPANT_ROLES).optional(),
  })
  .refine((body) => Object.keys(body).length > 0, 'nothing to change');

export const CaptureQuery = z.strictObject({
  seconds: z.coerce.number().int().min(1).max(CAPTURE_LIMITS.secondsMost).default(10),
  participant: z.string().max(128).optional(),
});

const Source = z.object({
  source: z.enum(['microphone', 'screenSound', 'camera', 'screen']),
  csrc: z.int(),
  muted: z.boolean(),
});

export const ParticipantBody = z.object({
  participantId: z.string(),
  displayName: z.string(),
  identity: z.string().optional(),
  joinedAtMs: z.number(),
  connected: z.boolean(),
  roles: z.array(z.string()),
  audioMuted: z.boolean(),
  videoMuted: z.boolean().describe('Camera and screen.'),
  cameraOn: z.boolean(),
  screenOn: z.boolean(),
  pinned: z.boolean(),
  sources: z.array(Source),
});

export const RoomBody = z.object({
  room: z.string(),
  createdAtMs: z.number(),
  participants: z.int(),
  meetClients: z.int(),
  players: z.int().describe('Sessions that play by WHEP.'),
});

export const CreateRecordingBody = z
  .strictObject({
    mode: z
      .enum(RECORDING_MODES)
      .optional()
      .describe('A file per source, per participant, or of the room; default: that of the configuration.'),
    participantId: z.string().max(64).optional().describe('Only this person; not with mode "room".'),
  })
  .refine((body) => body.mode !== 'room' || body.participantId === undefined, {
    path: ['participantId'],
    message: 'not with mode "room"',
  });

export const RecordingBody = z.object({
  recordingId: z.string(),
  room: z.string(),
  mode: z.enum(RECORDING_MODES),
  participantId: z.string().optional(),
  state: z.enum(['starting', 'recording', 'stopping', 'ended']),
  startedBy: z.enum(['api', 'participant', 'policy']),
  startedAtMs: z.number(),
  endedAtMs: z.number().optional(),
  folder: z.string().optional().describe('Within the directory of the configuration.'),
  bytes: z.number(),
  durationMs: z.number(),
  packets: z.int(),
  lost: z.int().describe('Packets that never came, not even when asked for again.'),
  files: z.array(
    z.object({
      name: z.string().describe('Within the folder. While it runs the newest part of each file.'),
      bytes: z.number(),
      durationMs: z.number(),
      finished: z.boolean().describe('With duration and cues.'),
      participantId: z.string().optional(),
      displayName: z.string().optional(),
      source: z.string().optional().describe('Of a file per source, of a shared screen, or "room".'),
    }),
  ),
  cause: z
    .enum([
      'stopped',
      'room-ended',
      'participant-left',
      'draining',
      'disk-full',
      'write-failed',
      'recorder-died',
      'start-failed',
    ])
    .optional()
    .describe('Why it has ended; the last four are failures.'),
  message: z.string().optional().describe('Of a failure, for people.'),
});

const OFFER_ERRORS = [
  'BODY_NOT_JSON',
  'BODY_INVALID',
  'BODY_TOO_LARGE',
  'OFFER_MALFORMED',
  'OFFER_WITHOUT_OPUS',
  'OFFER_TOO_MANY_SECTIONS',
  'OFFER_REFUSED',
] as const;

export const API = {
  createSession: {
    method: 'POST',
    path: '/v1/rooms/{room}/sessions',
    summary: 'Join a room by one offer',
    needs: 'join',
    body: CreateSessionBody,
    success: { status: 201, description: 'Joined; Location is the session.', schema: SessionCreated },
    errors: [
      ...OFFER_ERRORS,
      ...TOKEN_ERRORS,
      'ROOM_NAME_INVALID',
      'ROOM_FULL',
      'TOO_MANY_ROOMS',
      ...START_ERRORS,
    ],
  },
  deleteSession: {
    method: 'DELETE',
    path: '/v1/rooms/{room}/sessions/{sessionId}',
    summary: 'Leave',
    needs: 'session',
    success: done('The session has ended.'),
    errors: ['ROOM_NAME_INVALID', 'SESSION_NOT_FOUND'],
  },
  restartSession: {
    method: 'POST',
    path: '/v1/rooms/{room}/sessions/{sessionId}/restart',
    summary: 'Restart ICE after a change of network',
    needs: 'session',
    body: RestartBody,
    success: {
      status: 200,
      description: 'The same session with new ICE credentials.',
      schema: z.object({ answer: z.string() }),
    },
    errors: [...OFFER_ERRORS, 'SESSION_NOT_FOUND', 'MEDIA_UNAVAILABLE'],
  },
  sessionEvents: {
    method: 'GET',
    path: '/v1/rooms/{room}/sessions/{sessionId}/events',
    summary: 'Server-sent events rejoin, moved and ended',
    needs: 'session',
    success: {
      status: 200,
      description: 'A stream that ends with the session.',
      contentType: 'text/event-stream',
    },
    errors: ['SESSION_NOT_FOUND', 'TOO_MANY_STREAMS'],
  },
  listRooms: {
    method: 'GET',
    path: '/v1/rooms',
    summary: 'Rooms with somebody in them',
    needs: 'admin',
    success: {
      status: 200,
      description: 'Those that the token is for.',
      schema: z.object({ rooms: z.array(RoomBody) }),
    },
    errors: [...TOKEN_ERRORS],
  },
  getRoom: {
    method: 'GET',
    path: '/v1/rooms/{room}',
    summary: 'One room',
    needs: 'admin',
    success: { status: 200, description: 'The room.', schema: RoomBody },
    errors: [...TOKEN_ERRORS, 'ROOM_NAME_INVALID', 'ROOM_NOT_FOUND'],
  },
  listParticipants: {
    method: 'GET',
    path: '/v1/rooms/{room}/participants',
    summary: 'Who is in a room',
    needs: 'admin',
    success: {
      status: 200,
      description: 'By time of joining.',
      schema: z.object({ participants: z.array(ParticipantBody) }),
    },
    errors: [...TOKEN_ERRORS, 'ROOM_NAME_INVALID', 'ROOM_NOT_FOUND'],
  },
  roomStats: {
    method: 'GET',
    path: '/v1/rooms/{room}/stats',
    summary: 'Who sends what, and what each receiver gets of it',
    needs: 'admin',
    success: { status: 200, description: 'Of now; the page /r/{room}/stats draws it.', schema: StatsBody },
    errors: [...TOKEN_ERRORS, 'ROOM_NAME_INVALID', 'ROOM_NOT_FOUND'],
  },
  captureRoom: {
    method: 'POST',
    path: '/v1/rooms/{room}/capture',
    summary: 'RTP and RTCP of a room without SRTP, for Wireshark',
    needs: 'admin',
    query: {
      seconds: 'How long, 1 to 60, default 10. It ends earlier with the room, and at 256 MiB.',
      participant: 'Only sessions of this participant.',
    },
    success: {
      status: 200,
      description: 'A pcapng file, written while it is read. Closing the connection ends it.',
      contentType: 'application/x-pcapng',
    },
    errors: [
      ...TOKEN_ERRORS,
      'QUERY_INVALID',
      'ROOM_NAME_INVALID',
      'ROOM_NOT_FOUND',
      'PARTICIPANT_NOT_FOUND',
      'CAPTURE_RUNNING',
      'MEDIA_UNAVAILABLE',
    ],
  },
  patchParticipant: {
    method: 'PATCH',
    path: '/v1/rooms/{room}/participants/{participantId}',
    summary: 'Mute somebody or change what they may do',
    needs: 'moderate',
    body: PatchParticipantBody,
    success: { status: 200, description: 'As it is now.', schema: ParticipantBody },
    errors: [
      ...TOKEN_ERRORS,
      'BODY_NOT_JSON',
      'BODY_INVALID',
      'ROOM_NAME_INVALID',
      'ROOM_NOT_FOUND',
      'PARTICIPANT_NOT_FOUND',
    ],
  },
  deleteParticipant: {
    method: 'DELETE',
    path: '/v1/rooms/{room}/participants/{participantId}',
    summary: 'Remove somebody',
    needs: 'moderate',
    success: done('The participant is told and gone.'),
    errors: [...TOKEN_ERRORS, 'ROOM_NAME_INVALID', 'ROOM_NOT_FOUND', 'PARTICIPANT_NOT_FOUND'],
  },
  createRecording: {
    method: 'POST',
    path: '/v1/rooms/{room}/recordings',
    summary: 'Record a room or one person',
    needs: 'record',
    body: CreateRecordingBody,
    success: { status: 201, description: 'It runs; Location is the recording.', schema: RecordingBody },
    otherwise: { status: 200, description: 'The same ran already.' },
    errors: [
      ...TOKEN_ERRORS,
      'BODY_NOT_JSON',
      'BODY_INVALID',
      'ROOM_NAME_INVALID',
      'ROOM_NOT_FOUND',
      'PARTICIPANT_NOT_FOUND',
      'RECORDING_OFF',
      'TOO_MANY_RECORDINGS',
      'RECORDING_FAILED',
      'DRAINING',
    ],
  },
  listRecordings: {
    method: 'GET',
    path: '/v1/rooms/{room}/recordings',
    summary: 'Recordings of a room, also of one that has ended',
    needs: 'record',
    success: {
      status: 200,
      description: 'The oldest first; those that ended before the last ones are forgotten.',
      schema: z.object({ recordings: z.array(RecordingBody) }),
    },
    errors: [...TOKEN_ERRORS, 'ROOM_NAME_INVALID'],
  },
  getRecording: {
    method: 'GET',
    path: '/v1/rooms/{room}/recordings/{recordingId}',
    summary: 'One recording: progress while it runs, files afterwards',
    needs: 'record',
    success: { status: 200, description: 'The recording.', schema: RecordingBody },
    errors: [...TOKEN_ERRORS, 'ROOM_NAME_INVALID', 'RECORDING_NOT_FOUND'],
  },
  deleteRecording: {
    method: 'DELETE',
    path: '/v1/rooms/{room}/recordings/{recordingId}',
    summary: 'Stop a recording; its files stay',
    needs: 'record',
    success: { status: 200, description: 'It has ended, its files are finished.', schema: RecordingBody },
    errors: [...TOKEN_ERRORS, 'ROOM_NAME_INVALID', 'RECORDING_NOT_FOUND'],
  },
  connectActiveConference: {
    method: 'POST',
    path: '/v2beta/spaces/{room}:connectActiveConference',
    summary: 'Meet Media API: receive a conference that is running',
    needs: 'subscribe',
    body: MeetBody,
    success: {
      status: 200,
      description: 'The answer.',
      schema: z.object({ answer: z.string(), traceId: z.string() }),
    },
    errors: ['BODY_TOO_LARGE', ...TOKEN_ERRORS, 'ROOM_NOT_FOUND', ...START_ERRORS],
  },
  ...WHIP_API,
  ...RTP_API,
  health: {
    method: 'GET',
    path: '/healthz',
    summary: 'The process answers',
    needs: 'none',
    success: { status: 200, description: 'Alive.', schema: z.object({ status: z.literal('ok') }) },
    errors: [],
  },
  ready: {
    method: 'GET',
    path: '/readyz',
    summary: 'Takes sessions',
    needs: 'none',
    success: { status: 200, description: 'Ready.', schema: z.object({ status: z.literal('ready') }) },
    errors: ['DRAINING', 'MEDIA_UNAVAILABLE'],
  },
  metrics: {
    method: 'GET',
    path: '/metrics',
    summary: 'Prometheus text',
    needs: 'none',
    success: { status: 200, description: 'Exposition format 0.0.4.', contentType: 'text/plain' },
    errors: [],
  },
  openapi: {
    method: 'GET',
    path: '/openapi.json',
    summary: 'This description',
    needs: 'none',
    success: { status: 200, description: 'OpenAPI 3.1.', contentType: 'application/json' },
    errors: [],
  },
} as const satisfies Record<string, ApiRoute>;
