/**
 * What can be done to rooms: join, replace, leave, remove, drain. HTTP handlers call these and nothing below.
 * Elsewhere: rights → auth/ · mutes, pins, roles → moderation.ts · one room → room.ts · one connection → session.ts · SDP → sdp/
 */
import { mayRecord, type Grants } from '../auth/grants.js';
import type { Config } from '../config.js';
import { MeetError, ServerError } from '../errors.js';
import { newSessionId } from '../ids.js';
import { LIMITS } from '../limits.js';
import type { Logger } from '../logger.js';
import type {
  MediaPort,
  MediaSession,
  MediaSessionRequest,
  MediaStage,
  RtpInput,
  RtpInputRequest,
} from '../media/mediaPort.js';
import { PortInUseError } from '../media/mediaPort.js';
import { cleanDisplayName } from '../names.js';
import type { RecordingControl } from '../recording/recordingControl.js';
import { MeetSession } from '../protocols/meet/meetSession.js';
import { PlayerMachine } from '../protocols/whep/playerMachine.js';
import { STATUS, type CommandResult, type ProtocolMachine } from '../protocols/machine.js';
import { TertuliaChannel } from '../protocols/tertulia/channel.js';
import type { Scheduler } from '../scheduler.js';
import { receiverRequest, sourceRequests } from '../sdp/mediaRequest.js';
import { hasChannel, slotsOf, sourcesOf, videoSlotsOf, type SessionPlan } from '../sdp/sessionPlan.js';
import type { SourceName } from './news.js';
import type { Participant } from './participant.js';
import { Room } from './room.js';
import { RoomRegistry } from './roomRegistry.js';
import type { StagePlace } from './stages.js';
import { Session, type SessionEnd, type SessionKind, type SessionOwner } from './session.js';

export interface ConferenceParts {
  readonly config: Config;
  readonly media: MediaPort;
  readonly scheduler: Scheduler;
  /** 32 random bits. */
  readonly random32: () => number;
  readonly log: Logger;
  readonly observer: ConferenceObserver;
  readonly recordings: RecordingControl;
}

/** For metrics. */
export interface ConferenceObserver {
  sessionStarted(kind: SessionKind): void;
  sessionEnded(kind: SessionKind, why: SessionEnd, refusals: ReadonlyMap<string, number>): void;
}

/** A session as those who answer HTTP need it. */
export interface SessionRecord {
  readonly session: Session;
  readonly room: Room;
  readonly plan: SessionPlan;
  readonly media: MediaSession;
  /** For the o= line. */
  readonly originId: string;
  /** Of a player that asked for one participant. */
  readonly place: StagePlace | undefined;
}

export interface JoinRequest {
  readonly roomName: string;
  readonly grants: Grants;
  readonly plan: SessionPlan;
  readonly displayName: string | undefined;
  readonly replaces: string | undefined;
  /** By which protocol. Default: the project's own. */
  readonly kind?: 'tertulia' | 'whip';
}

export interface PlayRequest {
  readonly roomName: string;
  readonly plan: SessionPlan;
  /** Id or identity of the only one to be played. undefined: the room. */
  readonly watch: string | undefined;
}

/** A program that sends plain RTP; what its packets are like is settled before. */
export interface RtpJoinRequest {
  readonly roomName: string;
  readonly displayName: string | undefined;
  readonly media: Omit<RtpInputRequest, 'participantId'>;
}

export interface RtpJoined {
  readonly session: Session;
  readonly room: Room;
  readonly participant: Participant;
  readonly media: RtpInput;
}

const DEFAULT_DISPLAY_NAME = 'Guest';
const BOT_DISPLAY_NAME = 'Bot';

export class Conference {
  readonly rooms: RoomRegistry;
  readonly #sessions = new Map<string, SessionRecord>();
  /** Sessions of programs that send plain RTP: HTTP knows them by other names. */
  readonly #inputs = new Set<Session>();
  #draining = false;

  constructor(private readonly parts: ConferenceParts) {
    const { config, scheduler, media, recordings } = parts;
    this.rooms = new RoomRegistry(
      config.rooms,
      config.maxRooms,
      (name) =>
        new Room(
          name,
          scheduler.nowMs(),
          scheduler,
          parts.random32,
          () => media.createRoom(name),
          (room) => recordings.roomChanged(room),
        ),
    );
  }

  get draining(): boolean {
    return this.#draining;
  }
  get ready(): boolean {
    return !this.#draining && this.parts.media.available;
  }
  get sessionCount(): number {
    return this.#sessions.size;
  }

  session(roomName: string, sessionId: string): SessionRecord {
    const record = this.#sessions.get(sessionId);
    if (!record || record.room.name !== this.rooms.canonical(roomName))
      throw new ServerError('SESSION_NOT_FOUND', 'The session has ended or never was.');
    return record;
  }

  async join(request: JoinRequest): Promise<SessionRecord> {
    this.#refuseWhenNotReady();
    const { grants, plan, kind = 'tertulia' } = request;
    const room = this.rooms.open(request.roomName);
    room.pending++;
    let participant: Participant | undefined;
    try {
      participant = this.#takeOver(room, request.replaces);
      if (!participant) {
        this.#refuseWhenFull(room);
        if (grants.single) this.#endOlder(room, grants.identity);
      }
      const displayName = request.displayName ?? grants.displayName;
      if (participant) {
        participant.roles = grants.roles;
        if (displayName !== undefined && displayName !== participant.displayName)
          room.rename(participant, displayName);
      } else {
        participant = room.addParticipant(
          grants.identity,
          displayName ?? DEFAULT_DISPLAY_NAME,
          grants.roles,
          kind === 'whip' ? 'publisher' : 'person',
        );
      }
      return await this.#start(room, kind, plan, participant);
    } catch (error) {
      if (participant && participant.session === undefined) room.removeParticipant(participant);
      throw error;
    } finally {
      room.pending--;
      this.#closeIfEmpty(room);
    }
  }

  /** @throws MeetError NO_ACTIVE_CONFERENCE, CONNECTIONS_EXHAUSTED; ServerError ROOM_NOT_FOUND, TOKEN_FORBIDDEN, ROOM_FULL */
  async joinMeet(roomName: string, grants: Grants, makePlan: () => SessionPlan): Promise<SessionRecord> {
    this.#refuseWhenNotReady();
    const room = this.rooms.find(roomName);
    if (!room && !this.rooms.isConfigured(roomName))
      throw new ServerError('ROOM_NOT_FOUND', 'There is no conference of this name.');
    const plan = makePlan();
    if (!room) throw new MeetError('NO_ACTIVE_CONFERENCE', 'Nobody is in the conference.');
    const { meet, maxParticipants } = this.parts.config;
    if (room.meetClients >= (meet.extensions ? maxParticipants : 1))
      throw new MeetError('CONNECTIONS_EXHAUSTED', 'Another client is connected to the conference.');
    const speaks = sourcesOf(plan).length > 0;
    if (speaks && !grants.roles.has('publish'))
      throw new ServerError('TOKEN_FORBIDDEN', 'The token lacks the role "publish".');
    if (speaks) this.#refuseWhenFull(room);
    // Who only receives is nobody in the room; who speaks is seen.
    const bot = speaks
      ? room.addParticipant(grants.identity, grants.displayName ?? BOT_DISPLAY_NAME, grants.roles, 'bot')
      : undefined;
    room.meetClients++;
    room.pending++;
    try {
      const record = await this.#start(room, 'meet', plan, bot).catch((error: unknown) => {
        room.meetClients--;
        if (bot) room.removeParticipant(bot);
        throw error;
      });
      if (room.isEmpty) {
        record.session.end('room-closed');
        throw new MeetError('NO_ACTIVE_CONFERENCE', 'The last person has just left.');
      }
      return record;
    } finally {
      room.pending--;
      this.#closeIfEmpty(room);
    }
  }

  /** A receiver that is nobody in the room. It may come before everybody else and stay after them. */
  async play({ roomName, plan, watch }: PlayRequest): Promise<SessionRecord> {
    this.#refuseWhenNotReady();
    const room = this.rooms.open(roomName);
    room.pending++;
    try {
      const { maxPlayers } = this.parts.config;
      if (room.players >= maxPlayers)
        throw new ServerError('ROOM_FULL', `The room has ${maxPlayers} players.`);
      room.players++;
      try {
        return await this.#start(room, 'whep', plan, undefined, watch);
      } catch (error) {
        room.players--;
        throw error;
      }
    } finally {
      room.pending--;
      this.#closeIfEmpty(room);
    }
  }

  /** The others see it from its first packet on. It leaves when its packets stop, or when it is removed. */
  async joinByRtp({ roomName, displayName, media: wanted }: RtpJoinRequest): Promise<RtpJoined> {
    this.#refuseWhenNotReady();
    const { scheduler, log, observer } = this.parts;
    const room = this.rooms.open(roomName);
    room.pending++;
    let participant: Participant | undefined;
    try {
      this.#refuseWhenFull(room);
      const roles = new Set(['publish'] as const);
      participant = room.addParticipant(undefined, displayName ?? DEFAULT_DISPLAY_NAME, roles, 'publisher');
      const { participantId } = participant;
      const id = newSessionId();
      const machine = new PlayerMachine(0);
      const owner = this.#owner(room);
      const session = new Session(id, 'rtp', participant, scheduler.nowMs(), machine, owner, scheduler, log);
      participant.session = session;
      const media = await this.#rtpInput(room, { ...wanted, participantId }, session);
      session.begin(media, LIMITS.rtpInputStartMs);
      if (session.ended !== undefined)
        throw new ServerError('SESSION_NOT_FOUND', 'The input was ended while it began.');
      this.#inputs.add(session);
      room.sessions.set(id, session);
      room.setSources(participant, media.sources);
      observer.sessionStarted('rtp');
      log.info({ room: room.name, participant: participantId, kind: 'rtp' }, 'session started');
      return { session, room, participant, media };
    } catch (error) {
      if (participant) room.removeParticipant(participant);
      throw error;
    } finally {
      room.pending--;
      this.#closeIfEmpty(room);
    }
  }

  async #rtpInput(room: Room, request: RtpInputRequest, session: Session): Promise<RtpInput> {
    try {
      return await (await room.media()).createRtpInput(request, session);
    } catch (cause) {
      if (cause instanceof PortInUseError)
        throw new ServerError('RTP_PORT_IN_USE', `In use by another program: ${cause.message}.`, { cause });
      throw new ServerError('MEDIA_UNAVAILABLE', 'The media process could not open the ports.', { cause });
    }
  }

  #refuseWhenFull(room: Room): void {
    const { maxParticipants } = this.parts.config;
    if (room.participants.size >= maxParticipants)
      throw new ServerError('ROOM_FULL', `The room holds ${maxParticipants} participants.`);
  }

  #refuseWhenNotReady(): void {
    if (this.#draining) throw new ServerError('DRAINING', 'The server is stopping; connect to another one.');
    if (!this.parts.media.available)
      throw new ServerError('MEDIA_UNAVAILABLE', 'The media process is starting; try again.');
  }

  /** Ends the session that is replaced, and gives its participant without a session. Unknown ones replace nothing. */
  #takeOver(room: Room, sessionId: string | undefined): Participant | undefined {
    const record = sessionId === undefined ? undefined : this.#sessions.get(sessionId);
    const participant = record?.room === room ? record.session.participant : undefined;
    if (!record || !participant) return undefined;
    participant.session = undefined;
    record.session.end('replaced');
    return participant;
  }

  #endOlder(room: Room, identity: string | undefined): void {
    if (identity === undefined) return;
    for (const other of [...room.participants.values()])
      if (other.identity === identity) other.session?.end('replaced');
  }

  async #start(
    room: Room,
    kind: SessionKind,
    plan: SessionPlan,
    participant: Participant | undefined,
    watch?: string,
  ): Promise<SessionRecord> {
    const { scheduler, log } = this.parts;
    const id = newSessionId();
    const machine = this.#machine(room, kind, plan, participant);
    const session = new Session(
      id,
      kind,
      participant,
      scheduler.nowMs(),
      machine,
      this.#owner(room),
      scheduler,
      log,
    );
    const request: MediaSessionRequest = {
      participantId: participant?.participantId,
      fingerprints: plan.offer.dtls.fingerprints,
      // Sources start paused: the others must know a source before they get its packets.
      sources: sourceRequests(plan, (name) => ({ paused: true, csrc: participant?.sources.get(name)?.csrc })),
      receiver: receiverRequest(plan),
      dataChannels: hasChannel(plan),
    };
    let media: MediaSession;
    let place: StagePlace | undefined;
    if (participant) participant.session = session;
    try {
      const mediaRoom = await room.media();
      if (watch !== undefined) place = room.stages.take(watch, mediaRoom);
      media = await mediaRoom.createSession(onStage(request, await place?.media), session);
    } catch (cause) {
      if (participant?.session === session) participant.session = undefined;
      place?.release();
      throw new ServerError('MEDIA_UNAVAILABLE', 'The media process could not take the session.', { cause });
    }
    const record: SessionRecord = {
      session,
      room,
      plan,
      media,
      originId: String(this.parts.random32() >>> 0),
      place,
    };
    session.begin(media);
    if (session.ended !== undefined) {
      place?.release();
      throw new ServerError('SESSION_NOT_FOUND', 'The session was ended while it began.');
    }
    this.#sessions.set(id, record);
    room.sessions.set(id, session);
    if (participant) room.setSources(participant, media.sources);
    this.parts.observer.sessionStarted(kind);
    log.info({ room: room.name, participant: participant?.participantId, kind }, 'session started');
    return record;
  }

  #machine(
    room: Room,
    kind: SessionKind,
    plan: SessionPlan,
    participant: Participant | undefined,
  ): ProtocolMachine {
    if (kind === 'whip' || kind === 'whep') return new PlayerMachine(videoSlotsOf(plan));
    if (kind === 'meet' || !participant)
      return new MeetSession(
        { snapshot: () => room.snapshot() },
        { videoSlots: videoSlotsOf(plan), extensions: this.parts.config.meet.extensions },
      );
    return new TertuliaChannel(
      {
        snapshot: () => room.snapshot(),
        setMuted: (name, muted) => this.#muteOwn(room, participant, name, muted),
        rename: (displayName) => (room.rename(participant, displayName), { ok: true }),
        sendMessage: (text) => (room.chat(participant, text), { ok: true }),
      },
      () => ({
        participantId: participant.participantId,
        room: room.name,
        audioSlots: slotsOf(plan).length,
        videoSlots: videoSlotsOf(plan),
        canPublish: participant.roles.has('publish'),
        canRecord: this.parts.recordings.enabled && mayRecord(participant.roles),
        roles: [...participant.roles],
      }),
    );
  }

  #muteOwn(room: Room, participant: Participant, name: SourceName, muted: boolean): CommandResult {
    const source = participant.sources.get(name);
    if (!source)
      return { ok: false, code: STATUS.failedPrecondition, message: `The session has no ${name}.` };
    if (!muted && !participant.roles.has('publish'))
      return { ok: false, code: STATUS.permissionDenied, message: 'The participant may not speak.' };
    room.setMuted(participant, source, muted, 'self');
    return { ok: true };
  }

  #owner(room: Room): SessionOwner {
    return {
      sessionConnected: ({ participant }) => {
        if (!participant) return;
        room.announce(participant);
        for (const { name, muted } of participant.sources.values())
          participant.session?.setPaused(name, muted);
        if (participant.pinned) participant.session?.setPinned('camera', true);
        room.stages.update();
      },
      sessionEnded: (session, why) => {
        room.sessions.delete(session.id);
        const record = this.#sessions.get(session.id);
        if (record) {
          this.#sessions.delete(session.id);
          if (session.kind === 'meet') room.meetClients--;
          if (session.kind === 'whep') room.players--;
          record.place?.release();
        }
        if (record || this.#inputs.delete(session))
          this.parts.observer.sessionEnded(session.kind, why, session.machine.refusals);
        const { participant } = session;
        if (participant && participant.session === session) {
          participant.session = undefined;
          room.removeParticipant(participant);
        }
        room.stages.update();
        room.changed();
        this.#closeIfEmpty(room);
      },
      sessionLost: () => room.changed(),
      record: (_session, { on, mode }) => this.parts.recordings.change(room, on, mode),
    };
  }

  #closeIfEmpty(room: Room): void {
    if (!room.isEmpty || room.pending > 0 || room.closed) return;
    this.parts.recordings.roomEmptied(room);
    // The conference is over for whoever came to listen to it; players wait for the next one.
    for (const session of [...room.sessions.values()])
      if (session.kind !== 'whep') session.end('room-closed');
    if (room.isUsed || room.closed) return;
    room.closed = true;
    this.rooms.remove(room);
    // Last words of the sessions need the transports for another moment.
    this.parts.scheduler.after(LIMITS.teardownGraceMs + 100, () => room.closeMedia());
  }

  /** New ICE credentials for a session whose network changed. */
  async restart(record: SessionRecord): Promise<MediaSession['ice']> {
    const media = record.session.media;
    if (!media)
      throw new ServerError(
        'SESSION_NOT_FOUND',
        'The session has lost its transport; start another with "replaces".',
      );
    try {
      return await media.restartIce();
    } catch (cause) {
      throw new ServerError('MEDIA_UNAVAILABLE', 'The media process could not restart the session.', {
        cause,
      });
    }
  }

  participant(roomName: string, participantId: string): { room: Room; participant: Participant } {
    const room = this.liveRoom(roomName);
    const participant = room.participants.get(participantId);
    if (!participant)
      throw new ServerError('PARTICIPANT_NOT_FOUND', 'The participant has left or never was here.');
    return { room, participant };
  }

  liveRoom(roomName: string): Room {
    const room = this.rooms.findLive(roomName);
    if (!room) throw new ServerError('ROOM_NOT_FOUND', 'Nobody is in a room of this name.');
    return room;
  }

  removeParticipant(room: Room, participant: Participant): void {
    if (participant.session) participant.session.end('removed');
    else room.removeParticipant(participant);
    this.#closeIfEmpty(room);
  }

  /** No new sessions; the present ones are told. Resolves when all transports are closed or the time is over. */
  async drain(timeoutMs: number): Promise<void> {
    this.#draining = true;
    const sessions = [...[...this.#sessions.values()].map(({ session }) => session), ...this.#inputs];
    // Those who only listen first: the end of a room would give them another reason.
    sessions.sort((a, b) => Number(listens(b)) - Number(listens(a)));
    for (const session of sessions) session.end('draining');
    if (sessions.length === 0) return;
    await new Promise<void>((resolve) => {
      this.parts.scheduler.after(Math.min(timeoutMs, LIMITS.teardownGraceMs + 50), resolve);
    });
    for (const session of sessions) session.close();
  }

  /** Comment lines on all event streams. */
  keepEventStreamsAlive(): void {
    for (const { session } of this.#sessions.values()) session.events.keepAlive();
  }
}

const listens = ({ kind }: Session): boolean => kind === 'meet' || kind === 'whep';

function onStage(request: MediaSessionRequest, stage: MediaStage | undefined): MediaSessionRequest {
  const { receiver } = request;
  return stage && receiver ? { ...request, receiver: { ...receiver, stage } } : request;
}

export const readDisplayName = (name: string | undefined): string | undefined =>
  name === undefined ? undefined : cleanDisplayName(name);
