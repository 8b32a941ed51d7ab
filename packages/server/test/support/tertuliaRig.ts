/** The channel of the project's own client in virtual time, without media: what goes in, what comes out. */
import type { CommandResult, ProtocolInput, ProtocolOutput } from '../../src/protocols/machine.js';
import { TertuliaChannel } from '../../src/protocols/tertulia/channel.js';
import type {
  LayoutResult,
  MediaEntryView,
  ParticipantView,
  RoomSnapshot,
  VideoAssignment,
} from '../../src/rooms/news.js';

type Message = Record<string, unknown>;

export const person = (id: number, name: string): ParticipantView => ({
  id,
  participantId: `p_${name.toLowerCase()}`,
  displayName: name,
  joinedAtMs: id,
  identity: undefined,
});
export const ADA = person(1, 'Ada');
export const BEN = person(3, 'Ben');

export const entryOf = (
  id: number,
  { id: owner, participantId }: ParticipantView,
  more: Partial<MediaEntryView> = {},
): MediaEntryView => ({
  id,
  owner,
  participantId,
  audioCsrc: 1_000 + id,
  videoCsrc: 2_000 + id,
  audioMuted: false,
  videoMuted: false,
  screenshare: false,
  ...more,
});

export class TertuliaRig {
  nowMs = 1_000;
  readonly sent: Message[] = [];
  /** Layouts that wait for the media side's answer. */
  readonly asked: Extract<ProtocolOutput, { t: 'setLayout' }>[] = [];
  snapshot: RoomSnapshot = {
    participants: [ADA, BEN],
    entries: [entryOf(2, ADA), entryOf(4, BEN), entryOf(6, BEN, { screenshare: true })],
  };
  readonly machine: TertuliaChannel;

  constructor(videoSlots = 4) {
    const done = (): CommandResult => ({ ok: true });
    this.machine = new TertuliaChannel(
      { snapshot: () => this.snapshot, setMuted: done, rename: done, sendMessage: done },
      () => ({
        participantId: 'p_ada',
        room: 'tea',
        audioSlots: 0,
        videoSlots,
        canPublish: true,
        canRecord: false,
        roles: ['join'],
      }),
    );
  }

  feed(input: ProtocolInput): this {
    this.machine.handle(input, this.nowMs);
    for (const output of this.machine.poll()) {
      if (output.t === 'send') this.sent.push(JSON.parse(output.text) as Message);
      else if (output.t === 'setLayout') this.asked.push(output);
    }
    return this;
  }
  open(): this {
    this.feed({ t: 'opened', label: 'tertulia' });
    this.sent.length = 0;
    return this;
  }
  /** @returns what came of it */
  say(data: unknown): Message[] {
    const before = this.sent.length;
    this.feed({ t: 'message', label: 'tertulia', data: JSON.stringify(data) });
    return this.sent.slice(before);
  }
  layout(requestId: number, setLayout: unknown): Message[] {
    return this.say({ request: { requestId, setLayout } });
  }
  /** The media side answers the oldest layout. */
  answer(result: LayoutResult): Message[] {
    const before = this.sent.length;
    const asked = this.asked.shift();
    if (!asked) throw new Error('no layout waits');
    this.feed({ t: 'layoutAnswer', requestId: asked.requestId, result });
    return this.sent.slice(before);
  }
  accept(...assignments: VideoAssignment[]): Message[] {
    return this.answer({ ok: true, assignments });
  }
  assign(...assignments: VideoAssignment[]): Message[] {
    const before = this.sent.length;
    this.feed({ t: 'assignments', assignments });
    return this.sent.slice(before);
  }
}

/** Canvas and slot of one number, and the entry's picture on it. */
export const shows = (
  canvasId: number,
  { videoCsrc, participantId }: MediaEntryView,
  more: Partial<VideoAssignment> = {},
): VideoAssignment => ({
  canvasId,
  slot: canvasId - 1,
  ssrc: 9_000 + canvasId,
  csrc: videoCsrc,
  participantId,
  active: true,
  ...more,
});

export const codeOf = (message: Message | undefined): unknown =>
  (message?.['response'] as { status: { code: number } } | undefined)?.status.code;
export const textOf = (message: Message | undefined): string =>
  (message?.['response'] as { status: { message: string } } | undefined)?.status.message ?? '';
