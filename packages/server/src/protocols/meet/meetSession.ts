/**
 * The five channels of the Media API as one machine, since their order towards each other matters:
 * the snapshot of participants goes before that of media entries, both before JOINED; JOINED comes once and not
 * before 200 ms after `session-control` opened (a client that has not applied the HTTP answer by then would miss it
 * for ever); DISCONNECTED is the last word, together with the answer to `leave` when the client asked.
 * Pure, see ../machine.ts. Elsewhere: shapes → resources.ts, mediaStats.ts · the envelope → ../envelope.ts
 */
import { LIMITS } from '../../limits.js';
import type {
  EndReason,
  MediaEntryView,
  ParticipantView,
  RoomNews,
  RoomSnapshot,
  SlotChange,
} from '../../rooms/news.js';
import {
  batches,
  encode,
  okStatus,
  RequestReader,
  respond,
  status,
  Tally,
  type Message,
  type Request,
  type Status,
} from '../envelope.js';
import {
  STATUS,
  type ProtocolInput,
  type ProtocolMachine,
  type ProtocolOutput,
  type SessionPort,
} from '../machine.js';
import {
  MEDIA_ENTRIES,
  MEDIA_STATS,
  MEET_LABELS,
  PARTICIPANTS,
  SESSION_CONTROL,
  VIDEO_ASSIGNMENT,
} from './labels.js';
import { answerUpload, configurationResource } from './mediaStats.js';
import { mediaEntryResource, participantResource } from './resources.js';
import { VideoAssignment, type Output } from './videoAssignment.js';

export interface MeetOptions {
  /** Video sections of the answer. Without any, an assignment cannot be made. */
  readonly videoSlots: number;
  /** Beyond what Google's endpoint does. */
  readonly extensions: boolean;
}

const DISCONNECT_REASON: Record<EndReason, string> = {
  left: 'REASON_CLIENT_LEFT',
  removed: 'REASON_USER_STOPPED',
  'room-closed': 'REASON_CONFERENCE_ENDED',
  replaced: 'REASON_SESSION_UNHEALTHY',
  draining: 'REASON_SESSION_UNHEALTHY',
  'media-lost': 'REASON_SESSION_UNHEALTHY',
};

export class MeetSession implements ProtocolMachine {
  readonly #outputs: ProtocolOutput[] = [];
  readonly #open = new Map<string, RequestReader>();
  readonly #opened = new Set<string>();
  readonly #tally = new Tally();
  /** What each slot carries, to tell an entry into a slot from a moved loudest mark. */
  readonly #slotCsrcs = new Map<number, number>();
  readonly #video: VideoAssignment;
  /** The client knows who is here, and may be told of their media. */
  #participantsTold = false;
  #entriesTold = false;
  #controlOpenedMs: number | undefined;
  #joined = false;
  #ended = false;

  constructor(
    private readonly port: Pick<SessionPort, 'snapshot'>,
    options: MeetOptions,
  ) {
    this.#video = new VideoAssignment({ ...options, snapshot: () => port.snapshot() });
  }

  get ended(): boolean {
    return this.#ended;
  }
  get joined(): boolean {
    return this.#joined;
  }
  get refusals(): ReadonlyMap<string, number> {
    return this.#tally.counts;
  }

  poll(): ProtocolOutput[] {
    return this.#outputs.splice(0);
  }

  nextDeadline(): number | undefined {
    if (this.#ended || this.#joined || this.#controlOpenedMs === undefined) return undefined;
    return this.#controlOpenedMs + this.#joinDelayMs();
  }

  handle(input: ProtocolInput, nowMs: number): void {
    if (this.#ended) return;
    switch (input.t) {
      case 'opened':
        this.#channelOpened(input.label, nowMs);
        break;
      case 'closed':
        this.#open.delete(input.label);
        break;
      case 'message':
        this.#message(input.label, input.data, nowMs);
        break;
      case 'news':
        this.#news(input.news);
        break;
      case 'slots':
        this.#slotsChanged(input.changes);
        break;
      case 'end':
        this.#end(input.reason);
        break;
      case 'assignments':
        this.#tellVideo(this.#video.assigned(input.assignments, this.#room));
        break;
      case 'layoutAnswer':
        this.#tellVideo(this.#video.answered(input.requestId, input.result, this.#room));
        break;
      case 'connected':
      case 'videoSlots':
      case 'self':
      case 'timeout':
        break;
    }
    if (!this.#ended) this.#joinIfDue(nowMs);
  }

  #send(label: string, message: Message): void {
    if (this.#open.has(label)) this.#outputs.push({ t: 'send', label, text: encode(message) });
  }

  #channelOpened(label: string, nowMs: number): void {
    // A label that was open before is not served again: its one-time messages have been sent.
    if (!MEET_LABELS.includes(label) || this.#opened.has(label)) {
      this.#tally.add('unknown-label');
      this.#outputs.push({ t: 'close', label });
      return;
    }
    this.#opened.add(label);
    this.#open.set(label, new RequestReader());
    if (label === SESSION_CONTROL) {
      this.#controlOpenedMs = nowMs;
      this.#send(label, sessionStatus('STATE_WAITING'));
    } else if (label === MEDIA_STATS) this.#send(label, { resources: [configurationResource()] });
    else if (label === PARTICIPANTS || label === MEDIA_ENTRIES) this.#tellState();
  }

  /** Participants as soon as their channel is there, entries once both are. */
  #tellState(): void {
    const { participants, entries } = this.port.snapshot();
    if (!this.#participantsTold && this.#open.has(PARTICIPANTS)) {
      this.#participantsTold = true;
      for (const batch of batches(participants))
        this.#send(PARTICIPANTS, { resources: batch.map(participantResource) });
    }
    if (!this.#entriesTold && this.#participantsTold && this.#open.has(MEDIA_ENTRIES)) {
      this.#entriesTold = true;
      for (const batch of batches(entries))
        this.#send(MEDIA_ENTRIES, { resources: batch.map(mediaEntryResource) });
    }
  }

  #tellEntry(entry: MediaEntryView): void {
    if (this.#entriesTold) this.#send(MEDIA_ENTRIES, { resources: [mediaEntryResource(entry)] });
  }

  #news(news: RoomNews): void {
    switch (news.t) {
      case 'participant':
        this.#tellParticipant(news.participant);
        break;
      case 'entry':
        this.#tellEntry(news.entry);
        this.#tellVideo(this.#video.changes(this.port.snapshot()));
        break;
      case 'entryGone':
        if (this.#entriesTold)
          this.#send(MEDIA_ENTRIES, { deletedResources: [{ id: news.id, mediaEntry: true }] });
        this.#tellVideo(this.#video.changes(this.port.snapshot()));
        break;
      case 'participantGone':
        if (this.#participantsTold)
          this.#send(PARTICIPANTS, { deletedResources: [{ id: news.id, participant: true }] });
        break;
      case 'chat':
        break;
    }
  }

  /**
   * The room sends the participant's entries again after each update of a participant: one reference client
   * replaces its object for the person and would keep the entries at the old one.
   */
  #tellParticipant(participant: ParticipantView): void {
    if (this.#participantsTold) this.#send(PARTICIPANTS, { resources: [participantResource(participant)] });
  }

  readonly #room = (): RoomSnapshot => this.port.snapshot();

  #tellVideo(outputs: readonly Output[]): void {
    for (const output of outputs) {
      if (output.t === 'ask') this.#outputs.push(output.output);
      else {
        if (output.code !== STATUS.ok) this.#tally.add(`status-${output.code}`);
        this.#send(VIDEO_ASSIGNMENT, output.message);
      }
    }
  }

  /** One reference client looks for a CSRC in its tracks only when the entry is sent: so it is, on each entry into a slot. */
  #slotsChanged(changes: readonly SlotChange[]): void {
    const entered = new Set<number>();
    for (const { slot, csrc } of changes) {
      if (csrc !== 0 && this.#slotCsrcs.get(slot) !== csrc) entered.add(csrc);
      this.#slotCsrcs.set(slot, csrc);
    }
    if (!this.#entriesTold || entered.size === 0) return;
    const resources = this.port
      .snapshot()
      .entries.filter(({ audioCsrc }) => audioCsrc !== undefined && entered.has(audioCsrc))
      .map(mediaEntryResource);
    if (resources.length > 0) this.#send(MEDIA_ENTRIES, { resources });
  }

  #joinDelayMs(): number {
    const stateTold = this.#participantsTold && this.#entriesTold;
    return stateTold ? LIMITS.meetJoinDelayMs : LIMITS.meetStateChannelsWaitMs;
  }

  #joinIfDue(nowMs: number): void {
    const dueMs = this.nextDeadline();
    if (dueMs === undefined || nowMs < dueMs) return;
    this.#joined = true;
    this.#send(SESSION_CONTROL, sessionStatus('STATE_JOINED'));
  }

  #end(reason: EndReason, answer?: Record<string, unknown>): void {
    const message = sessionStatus('STATE_DISCONNECTED', DISCONNECT_REASON[reason]);
    this.#send(SESSION_CONTROL, answer === undefined ? message : { response: answer, ...message });
    this.#ended = true;
  }

  #message(label: string, data: string | Uint8Array, nowMs: number): void {
    const read = this.#open.get(label)?.read(data, nowMs);
    if (read === undefined) return;
    if (!read.ok) {
      this.#tally.add(read.why);
      this.#send(label, { response: respond(read.requestId, read.status) });
      return;
    }
    const { request } = read;
    if (label === SESSION_CONTROL && request.name === 'leave') {
      this.#end('left', respond(request.requestId, okStatus, 'leave'));
      this.#outputs.push({ t: 'left' });
      return;
    }
    if (label === VIDEO_ASSIGNMENT) return this.#tellVideo(this.#video.request(request, this.#joined));
    const { answer, name } = this.#answer(label, request);
    if (answer.code !== STATUS.ok) this.#tally.add(`status-${answer.code}`);
    this.#send(label, { response: respond(request.requestId, answer, name) });
  }

  #answer(label: string, request: Request): { answer: Status; name?: string } {
    switch (label) {
      case MEDIA_STATS:
        return { answer: answerUpload(request), name: 'uploadMediaStats' };
      case SESSION_CONTROL:
        return request.name === undefined
          ? { answer: status(STATUS.invalidArgument, 'The request has no payload.') }
          : { answer: status(STATUS.unimplemented, 'Only leave is known on this channel.') };
      default:
        return { answer: status(STATUS.unimplemented, 'This channel takes no requests.') };
    }
  }
}

function sessionStatus(connectionState: string, disconnectReason?: string): Message {
  const reason = disconnectReason === undefined ? {} : { disconnectReason };
  return { resources: [{ sessionStatus: { connectionState, ...reason } }] };
}
