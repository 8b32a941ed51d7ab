/**
 * The channel `tertulia` of the project's own client: one ordered text channel with everything on it.
 * Order after opening: the session, participants, their media entries, the table of slots. Later news come in the
 * room's order. The last message is `sessionStatus`.
 * Pure, see ../machine.ts. Elsewhere: the envelope → ../envelope.ts · what the commands do → rooms/.
 */
import { LIMITS } from '../../limits.js';
import { cleanDisplayName } from '../../names.js';
import { RECORDING_MODES, type RecordingMode } from '../../recording/modes.js';
import type {
  EndReason,
  MediaEntryView,
  ParticipantView,
  RecordingView,
  RoomNews,
  LayoutResult,
  SlotChange,
  SourceName,
  VideoAssignment,
  VideoSlotChange,
} from '../../rooms/news.js';
import {
  batches,
  encode,
  member,
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
  type CommandResult,
  type ProtocolInput,
  type ProtocolMachine,
  type ProtocolOutput,
  type SessionPort,
} from '../machine.js';
import { readLayoutRequest } from './layoutRequest.js';
import { SlotAnchors } from './slotAnchors.js';

export const TERTULIA_LABEL = 'tertulia';

/** What the first message says of the session itself. */
export interface SelfView {
  readonly participantId: string;
  readonly room: string;
  readonly audioSlots: number;
  readonly videoSlots: number;
  readonly canPublish: boolean;
  /** It may start and stop recordings, and the server can record. */
  readonly canRecord: boolean;
  readonly roles: readonly string[];
}

/** Audio slots count at 48 kHz (RFC 7587 §4.1), video slots at 90 kHz (RFC 3551 §5). */
const RTP_TICKS_PER_MS = { audio: 48, video: 90 } as const;

export class TertuliaChannel implements ProtocolMachine {
  readonly #outputs: ProtocolOutput[] = [];
  readonly #requests = new RequestReader();
  readonly #tally = new Tally();
  readonly #slots: SlotAnchors<SlotChange>;
  readonly #videoSlots: SlotAnchors<VideoSlotChange>;
  /** Layouts that the media side has not answered yet: assignments of before are not told in between. */
  readonly #layouts = new Set<number>();
  #assignments: readonly VideoAssignment[] = [];
  #toldAssignments = '';
  #open = false;
  #ended: EndReason | undefined;
  #anchorsDueMs: number | undefined;

  constructor(
    private readonly port: SessionPort,
    /** Read whenever the session is told about itself. */
    private readonly self: () => SelfView,
  ) {
    const none = { csrc: 0, epoch: 0, rtpTimestamp: 0, captureTimeMs: 0 };
    const { audioSlots, videoSlots } = self();
    this.#slots = new SlotAnchors(audioSlots, RTP_TICKS_PER_MS.audio, (slot) => ({
      slot,
      ...none,
      loudest: false,
    }));
    this.#videoSlots = new SlotAnchors(videoSlots, RTP_TICKS_PER_MS.video, (slot) => ({ slot, ...none }));
  }

  get ended(): boolean {
    return this.#ended !== undefined;
  }
  get refusals(): ReadonlyMap<string, number> {
    return this.#tally.counts;
  }

  poll(): ProtocolOutput[] {
    return this.#outputs.splice(0);
  }

  nextDeadline(): number | undefined {
    return this.#open && !this.ended ? this.#anchorsDueMs : undefined;
  }

  handle(input: ProtocolInput, nowMs: number): void {
    if (this.ended) return;
    switch (input.t) {
      case 'connected':
        break;
      case 'opened':
        this.#opened(input.label, nowMs);
        break;
      case 'closed':
        if (input.label === TERTULIA_LABEL) this.#open = false;
        break;
      case 'message':
        if (this.#open && input.label === TERTULIA_LABEL) this.#message(input.data, nowMs);
        break;
      case 'news':
        if (this.#open) this.#news(input.news);
        break;
      case 'slots':
        this.#slotsChanged(input.changes, nowMs);
        break;
      case 'videoSlots':
        this.#tellVideoSlots(this.#videoSlots.take(input.changes, nowMs));
        break;
      case 'assignments':
        this.#assignments = input.assignments;
        if (this.#layouts.size === 0) this.#tellAssignments();
        break;
      case 'layoutAnswer':
        this.#answerLayout(input.requestId, input.result);
        break;
      case 'recordAnswer':
        this.#answer(input.requestId, 'setRecording', toStatus(input.result));
        break;
      case 'self':
        if (this.#open) this.#tellSelf(nowMs);
        break;
      case 'end':
        this.#end(input.reason);
        break;
      case 'timeout':
        this.#anchors(nowMs);
        break;
    }
  }

  #send(message: Message): void {
    if (this.#open) this.#outputs.push({ t: 'send', label: TERTULIA_LABEL, text: encode(message) });
  }

  #opened(label: string, nowMs: number): void {
    if (label !== TERTULIA_LABEL) {
      this.#tally.add('unknown-label');
      this.#outputs.push({ t: 'close', label });
      return;
    }
    this.#open = true;
    const { participants, entries, recording: recorded } = this.port.snapshot();
    this.#tellSelf(nowMs, recorded ? [recording(recorded)] : []);
    for (const batch of batches(participants))
      this.#send({ resources: batch.map((one) => this.#participant(one)) });
    for (const batch of batches(entries)) this.#send({ resources: batch.map(mediaEntry) });
    this.#speakers(this.#slots.all);
    this.#tellVideoSlots(this.#videoSlots.active);
    this.#tellAssignments();
    this.#anchorsDueMs = nowMs + LIMITS.anchorIntervalMs;
  }

  #tellSelf(nowMs: number, more: readonly object[] = []): void {
    this.#send({ resources: [{ session: { ...this.self(), serverTimeMs: nowMs } }, ...more] });
  }

  #participant(participant: ParticipantView): object {
    const { id, participantId, displayName, joinedAtMs } = participant;
    const self = participantId === this.self().participantId ? { self: true } : {};
    return { id, participant: { participantId, displayName, joinedAtMs, ...self } };
  }

  #news(news: RoomNews): void {
    switch (news.t) {
      case 'participant':
        return this.#send({ resources: [this.#participant(news.participant)] });
      case 'entry':
        this.#send({ resources: [mediaEntry(news.entry)] });
        return this.#renameAssignments();
      case 'entryGone':
        this.#send({ deletedResources: [{ id: news.id, mediaEntry: true }] });
        return this.#renameAssignments();
      case 'participantGone':
        return this.#send({ deletedResources: [{ id: news.id, participant: true }] });
      case 'chat':
        return this.#send({ resources: [{ message: news.message }] });
      case 'recording':
        return this.#send({ resources: [recording(news.recording)] });
    }
  }

  #slotsChanged(changes: readonly SlotChange[], nowMs: number): void {
    this.#speakers(this.#slots.take(changes, nowMs));
  }

  #speakers(slots: readonly SlotChange[]): void {
    if (slots.length > 0) this.#send({ resources: [{ speakers: { slots } }] });
  }

  #tellVideoSlots(slots: readonly VideoSlotChange[]): void {
    if (slots.length > 0) this.#send({ resources: [{ videoSlots: { slots } }] });
  }

  #tellAssignments(): void {
    if (this.self().videoSlots === 0) return;
    const canvases = this.#namedAssignments();
    this.#toldAssignments = JSON.stringify(canvases);
    this.#send({ resources: [{ videoAssignment: { canvases } }] });
  }

  /** A screen that is shared anew is another entry with the same CSRC: whoever is on a canvas may be called otherwise now. */
  #renameAssignments(): void {
    if (this.#assignments.length === 0 || this.#layouts.size > 0) return;
    if (JSON.stringify(this.#namedAssignments()) !== this.#toldAssignments) this.#tellAssignments();
  }

  #namedAssignments(): object[] {
    const { entries } = this.port.snapshot();
    return this.#assignments.flatMap(({ canvasId, slot, csrc, participantId, active }) => {
      const entry = entries.find(({ videoCsrc }) => videoCsrc === csrc);
      // Its entry is gone already: the next list is on its way.
      if (!entry) return [];
      const where = slot === undefined ? {} : { slot };
      return [{ canvasId, ...where, entryId: entry.id, participantId, csrc, active }];
    });
  }

  /** Each slot's anchor again, near enough to the present for a 32-bit timestamp to be unambiguous (virtual streams R5). */
  #anchors(nowMs: number): void {
    if (!this.#open || this.#anchorsDueMs === undefined || nowMs < this.#anchorsDueMs) return;
    this.#anchorsDueMs = nowMs + LIMITS.anchorIntervalMs;
    this.#speakers(this.#slots.carry(nowMs));
    this.#tellVideoSlots(this.#videoSlots.carry(nowMs));
  }

  /** @returns undefined when the media side answers */
  #setLayout(request: Request): Status | undefined {
    const { videoSlots } = this.self();
    const { entries } = this.port.snapshot();
    const read = readLayoutRequest(request.payload, { videoSlots, entries });
    if (!read.ok) return read.status;
    const { requestId } = request;
    this.#layouts.add(requestId);
    this.#outputs.push({
      t: 'setLayout',
      requestId,
      canvases: read.canvases,
      maxResolution: read.maxResolution,
    });
    return undefined;
  }

  #answerLayout(requestId: number, result: LayoutResult): void {
    if (!this.#layouts.delete(requestId)) return;
    if (result.ok) this.#assignments = result.assignments;
    const answer = result.ok
      ? okStatus
      : status(
          result.code === 'UNAVAILABLE' ? STATUS.failedPrecondition : STATUS.invalidArgument,
          `${result.code}: ${result.message}`,
        );
    this.#answer(requestId, 'setLayout', answer);
    if (this.#layouts.size === 0) this.#tellAssignments();
  }

  #end(reason: EndReason): void {
    this.#ended = reason;
    this.#send({ resources: [{ sessionStatus: { state: 'ended', reason } }] });
  }

  #message(data: string | Uint8Array, nowMs: number): void {
    const read = this.#requests.read(data, nowMs);
    if (!read.ok) {
      this.#tally.add(read.why);
      this.#send({ response: respond(read.requestId, read.status) });
      return;
    }
    const { request } = read;
    if (request.name === 'leave') {
      this.#send({ response: respond(request.requestId, okStatus, 'leave') });
      this.#end('left');
      this.#outputs.push({ t: 'left' });
      return;
    }
    const answer =
      request.name === 'setLayout'
        ? this.#setLayout(request)
        : request.name === 'setRecording'
          ? this.#setRecording(request)
          : this.#execute(request);
    if (answer === undefined) return;
    this.#answer(request.requestId, isKnown(request.name) ? request.name : undefined, answer);
  }

  #answer(requestId: number, name: string | undefined, answer: Status): void {
    if (answer.code !== STATUS.ok) this.#tally.add(`status-${answer.code}`);
    this.#send({ response: respond(requestId, answer, name) });
  }

  /** @returns undefined when the recordings answer */
  #setRecording({ requestId, payload }: Request): Status | undefined {
    const [on, mode] = [member(payload, 'on'), member(payload, 'mode')];
    if (typeof on !== 'boolean' || !(mode === undefined || isRecordingMode(mode)))
      return status(
        STATUS.invalidArgument,
        `setRecording needs on (true or false) and may have a mode (${RECORDING_MODES.join(', ')}).`,
      );
    if (!this.self().canRecord)
      return status(STATUS.permissionDenied, 'The participant may not record, or the server cannot.');
    this.#outputs.push({ t: 'record', requestId, on, mode });
    return undefined;
  }

  #execute({ name, payload }: Request): Status {
    switch (name) {
      case 'setMuted': {
        const source = member(payload, 'source');
        const muted = member(payload, 'muted');
        if (!isSourceName(source) || typeof muted !== 'boolean')
          return status(
            STATUS.invalidArgument,
            'setMuted needs a source (microphone, screenSound, camera or screen) and muted (true or false).',
          );
        return toStatus(this.port.setMuted(source, muted));
      }
      case 'rename': {
        const given = member(payload, 'displayName');
        const displayName = typeof given === 'string' ? cleanDisplayName(given) : undefined;
        if (displayName === undefined)
          return status(STATUS.invalidArgument, 'rename needs a displayName that can be shown.');
        return toStatus(this.port.rename(displayName));
      }
      case 'sendMessage': {
        const text = member(payload, 'text');
        if (typeof text !== 'string' || text.trim() === '')
          return status(STATUS.invalidArgument, 'sendMessage needs a text.');
        if (Buffer.byteLength(text) > LIMITS.chatBytes)
          return status(STATUS.invalidArgument, 'The text is longer than 4 KiB.');
        return toStatus(this.port.sendMessage(text));
      }
      case undefined:
        return status(STATUS.invalidArgument, 'The request has no payload.');
      default:
        return status(STATUS.unimplemented, `"${name.slice(0, 64)}" is not known here.`);
    }
  }
}

const REQUESTS = ['setMuted', 'setLayout', 'setRecording', 'rename', 'sendMessage', 'leave'];
const isKnown = (name: string | undefined): name is string => name !== undefined && REQUESTS.includes(name);
const isSourceName = (value: unknown): value is SourceName =>
  value === 'microphone' || value === 'screenSound' || value === 'camera' || value === 'screen';
const toStatus = (result: CommandResult): Status =>
  result.ok ? okStatus : status(result.code, result.message);

const isRecordingMode = (value: unknown): value is RecordingMode =>
  RECORDING_MODES.some((mode) => mode === value);

const recording = (now: RecordingView | undefined): object => ({
  recording: { on: now !== undefined, ...now },
});

function mediaEntry(entry: MediaEntryView): object {
  const { id, participantId, screenshare, audioCsrc, videoCsrc, audioMuted, videoMuted } = entry;
  const sound = audioCsrc === undefined ? {} : { audioCsrc };
  return { id, mediaEntry: { participantId, screenshare, ...sound, videoCsrc, audioMuted, videoMuted } };
}
