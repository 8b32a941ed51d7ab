/**
 * The channel `video-assignment`: layouts go to the media side one at a time, of those that come meanwhile only the newest
 * is kept; a layout is answered before its first assignment is told, and every later change is told with its label. Pure.
 * Spec: Media API data channels, video-assignment. Elsewhere: reading a request → layoutRequest.ts
 */
import type { LayoutResult, RoomSnapshot, VideoAssignment as Assigned } from '../../rooms/news.js';
import { okStatus, respond, status, type Message, type Request, type Status } from '../envelope.js';
import { STATUS, type ProtocolOutput, type StatusCode } from '../machine.js';
import { readLayoutRequest, type LayoutRequest, type LayoutRules } from './layoutRequest.js';

const PAYLOAD = 'setAssignment';

/** The media side's reasons, as far as the reading of a request has left any. */
const CODES: Record<Exclude<LayoutResult, { ok: true }>['code'], StatusCode> = {
  INVALID_CANVAS: STATUS.invalidArgument,
  TOO_MANY_CANVASES: STATUS.invalidArgument,
  OWN_SOURCE: STATUS.invalidArgument,
  UNAVAILABLE: STATUS.internal,
};

interface Asked {
  readonly requestId: number;
  readonly layout: LayoutRequest;
}
export type Output =
  /** `code` of a response; what is no refusal has 0. */
  | { readonly t: 'tell'; readonly message: Message; readonly code: StatusCode }
  | { readonly t: 'ask'; readonly output: Extract<ProtocolOutput, { t: 'setLayout' }> };

export class VideoAssignment {
  #inFlight: Asked | undefined;
  #waiting: Asked | undefined;
  /** Of the newest layout that was accepted; undefined: none was. */
  #label: string | undefined;
  #assignments: readonly Assigned[] = [];
  /** What the client was told last, so that it is told of changes only. */
  #told = '';

  constructor(private readonly rules: LayoutRules) {}

  request({ requestId, name, payload }: Request, isJoined: boolean): Output[] {
    const refuse = (code: StatusCode, message: string): Output[] => [
      answer(requestId, status(code, message)),
    ];
    if (name !== PAYLOAD) return refuse(STATUS.invalidArgument, 'The request needs setAssignment.');
    if (this.rules.videoSlots === 0)
      return refuse(STATUS.failedPrecondition, 'The session has no video sections.');
    if (!isJoined) return refuse(STATUS.failedPrecondition, 'The client has not joined yet.');
    const read = readLayoutRequest(payload, this.rules);
    if (!read.ok) return refuse(read.status.code, read.status.message);
    const asked = { requestId, layout: read.value };
    if (!this.#inFlight) return [this.#ask(asked)];
    const overtaken = this.#waiting;
    this.#waiting = asked;
    if (!overtaken) return [];
    const why = status(STATUS.resourceExhausted, 'A newer layout came before this one could be applied.');
    return [answer(overtaken.requestId, why)];
  }

  #ask(asked: Asked): Output {
    this.#inFlight = asked;
    const { canvases, maxResolution } = asked.layout;
    return { t: 'ask', output: { t: 'setLayout', requestId: asked.requestId, canvases, maxResolution } };
  }

  answered(requestId: number, result: LayoutResult, snapshot: () => RoomSnapshot): Output[] {
    if (this.#inFlight?.requestId !== requestId) return [];
    const { label } = this.#inFlight.layout;
    this.#inFlight = undefined;
    const outputs: Output[] = [];
    if (result.ok) {
      this.#label = label;
      this.#assignments = result.assignments;
      this.#told = '';
      outputs.push(answer(requestId, okStatus));
    } else outputs.push(answer(requestId, status(CODES[result.code], result.message)));
    outputs.push(...this.changes(snapshot()));
    const next = this.#waiting;
    this.#waiting = undefined;
    if (next) outputs.push(this.#ask(next));
    return outputs;
  }

  assigned(assignments: readonly Assigned[], snapshot: () => RoomSnapshot): Output[] {
    this.#assignments = assignments;
    return this.changes(snapshot());
  }

  /**
   * The assignment, if it has changed since it was told: also when a media entry did, since it is named by its entry.
   * While a layout is on its way nothing is told: a change may belong to either layout, and the answer settles it.
   */
  changes(room: RoomSnapshot): Output[] {
    if (this.#label === undefined || this.#inFlight) return [];
    const entries = new Map(room.entries.map(({ id, videoCsrc }) => [videoCsrc, id]));
    const canvases = this.#assignments.flatMap(({ canvasId, ssrc, csrc }) => {
      const mediaEntryId = entries.get(csrc);
      // Somebody whom the client has not been told of yet, or no longer.
      if (mediaEntryId === undefined) return [];
      return [{ canvasId, ...(ssrc === undefined ? {} : { ssrc }), mediaEntryId }];
    });
    const resource = { videoAssignment: { label: this.#label, canvases } };
    const text = JSON.stringify(resource);
    if (text === this.#told) return [];
    this.#told = text;
    return [{ t: 'tell', message: { resources: [resource] }, code: STATUS.ok }];
  }
}

const answer = (requestId: number, of: Status): Output => ({
  t: 'tell',
  message: { response: respond(requestId, of, PAYLOAD) },
  code: of.code,
});
