/**
 * The channel `tertulia`: JSON text, one object a message, in the envelope of the Meet Media API
 * (`request` up; `response`, `resources`, `deletedResources` down).
 * Pure: text in, values or a reason out. What is unknown is skipped, so that an older page survives a newer server;
 * what is known but has a wrong shape makes the whole message refused, since half a message is worse than none.
 */
export type Parsed<T> = { ok: true; value: T } | { ok: false; why: string };

export type Source = 'microphone' | 'screenSound' | 'camera' | 'screen';

export type SessionResource = {
  t: 'session';
  participantId: string;
  room: string;
  audioSlots: number;
  videoSlots: number;
  serverTimeMs: number | undefined;
  canPublish: boolean;
  canRecord: boolean;
  roles: string[];
};
export type ParticipantResource = {
  t: 'participant';
  id: number;
  participantId: string;
  displayName: string;
  joinedAtMs: number;
  self: boolean;
};
export type MediaEntryResource = {
  t: 'mediaEntry';
  id: number;
  participantId: string;
  /** The shared screen and its sound; otherwise camera and microphone. */
  screenshare: boolean;
  audioCsrc: number | undefined;
  videoCsrc: number | undefined;
  audioMuted: boolean;
  videoMuted: boolean;
};
export type SlotReport = {
  slot: number;
  /** 0: the slot carries nobody. */
  csrc: number;
  loudest: boolean;
  epoch: number;
  rtpTimestamp: number | undefined;
  captureTimeMs: number | undefined;
};
export type SpeakersResource = { t: 'speakers'; slots: SlotReport[] };
export type VideoSlotReport = Omit<SlotReport, 'loudest'>;
export type VideoSlotsResource = { t: 'videoSlots'; slots: VideoSlotReport[] };
export type CanvasReport = {
  canvasId: number;
  slot: number | undefined;
  /** Media entry whose picture it is. */
  entryId: number;
  participantId: string;
  csrc: number;
  active: boolean;
};
/** All canvases that have something to show; those of before that are not listed have nothing any more. */
export type VideoAssignmentResource = { t: 'videoAssignment'; canvases: CanvasReport[] };
export type ChatResource = {
  t: 'message';
  from: string;
  displayName: string;
  text: string;
  sentAtMs: number;
};
/** Whether anybody records now. */
export type RecordingResource = { t: 'recording'; on: boolean; sinceMs: number; mode: string };
export type SessionStatusResource = { t: 'sessionStatus'; state: string; reason: string };
export type Resource =
  | SessionResource
  | ParticipantResource
  | MediaEntryResource
  | SpeakersResource
  | VideoSlotsResource
  | VideoAssignmentResource
  | ChatResource
  | RecordingResource
  | SessionStatusResource;

export type DeletedResource = { id: number; kind: 'mediaEntry' | 'participant' };
export type Response = { requestId: number | undefined; code: number; message: string };
export type ServerMessage = {
  response: Response | undefined;
  deleted: DeletedResource[];
  resources: Resource[];
};

export type CanvasRequest = { id: number; width: number; height: number } & (
  { relevant: Record<string, never> } | { direct: { entryId: number } }
);
export type LayoutRequest = {
  canvases: CanvasRequest[];
  maxResolution?: { width: number; height: number; frameRate?: number };
};

export type RequestPayload =
  | { setLayout: LayoutRequest }
  | { setRecording: { on: boolean; mode?: string } }
  | { setMuted: { source: Source; muted: boolean } }
  | { rename: { displayName: string } }
  | { sendMessage: { text: string } };

export const LIMITS = {
  messageBytes: 262_144, // one channel message; the server's own bound for what it sends and takes
  chatBytes: 4_096, // UTF-8 bytes of one chat text; the server refuses more
  slots: 16, // audio slots of one session, and video slots likewise; virtual streams A1, V1
  canvases: 16, // no more than video slots
} as const;

type Fields = Record<string, unknown>;
const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

class Refused extends Error {}
const fields = (value: unknown, where: string): Fields => {
  if (!isFields(value)) throw new Refused(`${where}-not-object`);
  return value;
};
const list = (value: unknown, where: string): unknown[] => {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw new Refused(`${where}-not-array`);
  return value;
};
const text = (from: Fields, key: string): string => {
  const value = from[key];
  if (typeof value !== 'string') throw new Refused(`${key}-not-text`);
  return value;
};
const number = (from: Fields, key: string): number => {
  const value = from[key];
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new Refused(`${key}-not-number`);
  return value;
};
const optionalNumber = (from: Fields, key: string): number | undefined =>
  from[key] === undefined ? undefined : number(from, key);
const flag = (from: Fields, key: string, absent: boolean): boolean => {
  const value = from[key];
  if (value === undefined) return absent;
  if (typeof value !== 'boolean') throw new Refused(`${key}-not-boolean`);
  return value;
};

const slotReport = (value: unknown): VideoSlotReport => {
  const slot = fields(value, 'slot');
  return {
    slot: number(slot, 'slot'),
    csrc: number(slot, 'csrc'),
    epoch: optionalNumber(slot, 'epoch') ?? 0,
    rtpTimestamp: optionalNumber(slot, 'rtpTimestamp'),
    captureTimeMs: optionalNumber(slot, 'captureTimeMs'),
  };
};

const READERS: Record<string, (body: unknown, id: unknown) => Resource> = {
  session: (body) => {
    const session = fields(body, 'session');
    return {
      t: 'session',
      participantId: text(session, 'participantId'),
      room: text(session, 'room'),
      audioSlots: Math.min(number(session, 'audioSlots'), LIMITS.slots),
      videoSlots: Math.min(optionalNumber(session, 'videoSlots') ?? 0, LIMITS.slots),
      serverTimeMs: optionalNumber(session, 'serverTimeMs'),
      canPublish: flag(session, 'canPublish', true),
      canRecord: flag(session, 'canRecord', false),
      roles: list(session.roles, 'roles').filter((role): role is string => typeof role === 'string'),
    };
  },
  participant: (body, id) => {
    const participant = fields(body, 'participant');
    return {
      t: 'participant',
      id: number({ id }, 'id'),
      participantId: text(participant, 'participantId'),
      displayName: text(participant, 'displayName'),
      joinedAtMs: optionalNumber(participant, 'joinedAtMs') ?? 0,
      self: flag(participant, 'self', false),
    };
  },
  mediaEntry: (body, id) => {
    const entry = fields(body, 'mediaEntry');
    return {
      t: 'mediaEntry',
      id: number({ id }, 'id'),
      participantId: text(entry, 'participantId'),
      screenshare: flag(entry, 'screenshare', false),
      audioCsrc: optionalNumber(entry, 'audioCsrc'),
      videoCsrc: optionalNumber(entry, 'videoCsrc'),
      audioMuted: flag(entry, 'audioMuted', false),
      videoMuted: flag(entry, 'videoMuted', true),
    };
  },
  speakers: (body) => ({
    t: 'speakers',
    slots: list(fields(body, 'speakers').slots, 'slots').map((value) => ({
      ...slotReport(value),
      loudest: flag(fields(value, 'slot'), 'loudest', false),
    })),
  }),
  videoSlots: (body) => ({
    t: 'videoSlots',
    slots: list(fields(body, 'videoSlots').slots, 'slots').map(slotReport),
  }),
  videoAssignment: (body) => ({
    t: 'videoAssignment',
    canvases: list(fields(body, 'videoAssignment').canvases, 'canvases')
      .slice(0, LIMITS.canvases)
      .map((value) => {
        const canvas = fields(value, 'canvas');
        return {
          canvasId: number(canvas, 'canvasId'),
          slot: optionalNumber(canvas, 'slot'),
          entryId: number(canvas, 'entryId'),
          participantId: text(canvas, 'participantId'),
          csrc: number(canvas, 'csrc'),
          active: flag(canvas, 'active', false),
        };
      }),
  }),
  message: (body) => {
    const message = fields(body, 'message');
    return {
      t: 'message',
      from: text(message, 'from'),
      displayName: text(message, 'displayName'),
      text: text(message, 'text'),
      sentAtMs: optionalNumber(message, 'sentAtMs') ?? 0,
    };
  },
  recording: (body) => {
    const recording = fields(body, 'recording');
    return {
      t: 'recording',
      on: flag(recording, 'on', true),
      sinceMs: optionalNumber(recording, 'sinceMs') ?? 0,
      mode: typeof recording.mode === 'string' ? recording.mode : '',
    };
  },
  sessionStatus: (body) => {
    const status = fields(body, 'sessionStatus');
    return {
      t: 'sessionStatus',
      state: text(status, 'state'),
      reason: typeof status.reason === 'string' ? status.reason : '',
    };
  },
};

function readResource(value: unknown): Resource | undefined {
  const resource = fields(value, 'resource');
  for (const [key, read] of Object.entries(READERS))
    if (Object.hasOwn(resource, key)) return read(resource[key], resource.id);
  return undefined;
}

function readDeleted(value: unknown): DeletedResource | undefined {
  const deleted = fields(value, 'deleted');
  const kind = deleted.mediaEntry ? 'mediaEntry' : deleted.participant ? 'participant' : undefined;
  return kind && { id: number(deleted, 'id'), kind };
}

function readResponse(value: unknown): Response | undefined {
  if (value === undefined) return undefined;
  const response = fields(value, 'response');
  const status = response.status === undefined ? {} : fields(response.status, 'status');
  return {
    requestId: optionalNumber(response, 'requestId'),
    code: optionalNumber(status, 'code') ?? 0,
    message: typeof status.message === 'string' ? status.message : '',
  };
}

const present = <T>(value: T | undefined): value is T => value !== undefined;

export function parseServerMessage(json: string): Parsed<ServerMessage> {
  if (json.length > LIMITS.messageBytes) return { ok: false, why: 'message-too-long' };
  try {
    const message = fields(JSON.parse(json), 'message');
    return {
      ok: true,
      value: {
        response: readResponse(message.response),
        deleted: list(message.deletedResources, 'deletedResources').map(readDeleted).filter(present),
        resources: list(message.resources, 'resources').map(readResource).filter(present),
      },
    };
  } catch (error) {
    return { ok: false, why: error instanceof Refused ? error.message : 'not-json' };
  }
}

/** @param requestId from 1, unique on this channel */
export const requestText = (requestId: number, payload: RequestPayload): string =>
  JSON.stringify({ request: { requestId, ...payload } });
