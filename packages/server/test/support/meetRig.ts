/** The five channels of a Meet client in virtual time, without media: what goes in, what comes out. */
import { MeetSession } from '../../src/protocols/meet/meetSession.js';
import type { ProtocolInput, ProtocolOutput } from '../../src/protocols/machine.js';
import type { MediaEntryView, ParticipantView, RoomSnapshot } from '../../src/rooms/news.js';

export const ALL = ['session-control', 'media-stats', 'video-assignment', 'media-entries', 'participants'];

export const person = (id: number, displayName = `Person ${id}`): ParticipantView => ({
  id,
  participantId: `p_${id}`,
  displayName,
  joinedAtMs: 0,
  identity: undefined,
});
export const entry = (id: number, owner: number, more: Partial<MediaEntryView> = {}): MediaEntryView => ({
  id,
  owner,
  participantId: `p_${owner}`,
  audioCsrc: 1_000 + id,
  videoCsrc: 2_000 + id,
  audioMuted: false,
  videoMuted: true,
  screenshare: false,
  ...more,
});

export class MeetRig {
  nowMs = 0;
  snapshot: RoomSnapshot = { participants: [person(1), person(2)], entries: [entry(11, 1), entry(12, 2)] };
  readonly sent: { label: string; message: Record<string, unknown>; atMs: number }[] = [];
  readonly closed: string[] = [];
  /** Layouts that wait for their answer of the media side. */
  readonly asked: Extract<ProtocolOutput, { t: 'setLayout' }>[] = [];
  left = 0;
  readonly machine: MeetSession;

  constructor(videoSlots = 0, extensions = false) {
    this.machine = new MeetSession({ snapshot: () => this.snapshot }, { videoSlots, extensions });
  }
  feed(input: ProtocolInput): void {
    this.machine.handle(input, this.nowMs);
    for (const output of this.machine.poll()) {
      if (output.t === 'send')
        this.sent.push({
          label: output.label,
          message: JSON.parse(output.text) as Record<string, unknown>,
          atMs: this.nowMs,
        });
      else if (output.t === 'setLayout') this.asked.push(output);
      else if (output.t === 'close') this.closed.push(output.label);
      else this.left++;
    }
  }
  open(...labels: string[]): this {
    for (const label of labels) this.feed({ t: 'opened', label });
    return this;
  }
  say(label: string, message: unknown): Record<string, unknown> | undefined {
    const before = this.sent.length;
    this.feed({ t: 'message', label, data: typeof message === 'string' ? message : JSON.stringify(message) });
    return this.sent[before]?.message;
  }
  advance(spanMs: number): this {
    const endMs = this.nowMs + spanMs;
    for (;;) {
      const deadline = this.machine.nextDeadline();
      if (deadline === undefined || deadline > endMs) break;
      this.nowMs = Math.max(this.nowMs, deadline);
      this.feed({ t: 'timeout' });
    }
    this.nowMs = endMs;
    return this;
  }
  on(label: string): Record<string, unknown>[] {
    return this.sent.filter((one) => one.label === label).map(({ message }) => message);
  }
  states(): unknown[] {
    return this.on('session-control').flatMap(({ resources }) =>
      ((resources ?? []) as { sessionStatus: { connectionState: string } }[]).map(
        (one) => one.sessionStatus.connectionState,
      ),
    );
  }
}

export const permutations = (items: string[]): string[][] =>
  items.length <= 1
    ? [items]
    : items.flatMap((item, at) =>
        permutations([...items.slice(0, at), ...items.slice(at + 1)]).map((rest) => [item, ...rest]),
      );

export const statusOf = (message: Record<string, unknown> | undefined): unknown =>
  (message?.['response'] as { status: { code: number } } | undefined)?.status.code;
