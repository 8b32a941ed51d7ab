/**
 * One connection: joins a protocol machine, the media session and the room, and owns the session's timers.
 * Lives from the HTTP answer to the end of the transport; every way to end goes through `end()`.
 * Elsewhere: what is said on channels → protocols/ · who may start or end one → http/
 */
import type { Logger } from '../logger.js';
import { LIMITS } from '../limits.js';
import type { MediaChannel, MediaSession, MediaSessionEvents } from '../media/mediaPort.js';
import type { CommandResult, ProtocolInput, ProtocolMachine, ProtocolOutput } from '../protocols/machine.js';
import type { Scheduler } from '../scheduler.js';
import { EventStreams } from './eventStreams.js';
import type {
  EndReason,
  RoomNews,
  SlotChange,
  SourceName,
  VideoAssignment,
  VideoSlotChange,
} from './news.js';
import type { Participant } from './participant.js';

export type SessionKind = 'tertulia' | 'meet' | 'whip' | 'whep' | 'rtp';
/** Why a session ended, for metrics: the reasons that clients are told, and two that nobody is left to be told. */
export type SessionEnd = EndReason | 'vanished' | 'never-connected';

export interface SessionOwner {
  /** The transport is up for the first time. */
  sessionConnected(session: Session): void;
  /** Its part in the room is over; the transport may live for another second so that last words arrive. */
  sessionEnded(session: Session, why: SessionEnd): void;
  /** Its media process is gone; its client may come back. */
  sessionLost(session: Session): void;
  /** It asks for a recording, or for the end of all. Never rejects. */
  record(session: Session, wish: Extract<ProtocolOutput, { t: 'record' }>): Promise<CommandResult>;
}

export class Session implements MediaSessionEvents {
  readonly events = new EventStreams();
  isConnected = false;
  #media: MediaSession | undefined;
  #ended: SessionEnd | undefined;
  #closed = false;
  #waitingForRejoin = false;
  readonly #channels = new Map<string, MediaChannel>();
  #cancelDeadline: (() => void) | undefined;
  #cancelTimeout: (() => void) | undefined;
  #draining = false;

  constructor(
    readonly id: string,
    readonly kind: SessionKind,
    readonly participant: Participant | undefined,
    readonly createdAtMs: number,
    readonly machine: ProtocolMachine,
    private readonly owner: SessionOwner,
    private readonly scheduler: Scheduler,
    private readonly log: Logger,
  ) {}

  get ended(): SessionEnd | undefined {
    return this.#ended;
  }

  /** The media side is ready and the answer is about to go out: the time to connect runs from here. */
  begin(media: MediaSession, connectTimeoutMs: number = LIMITS.connectTimeoutMs): void {
    this.#media = media;
    if (this.#ended !== undefined) {
      media.close();
      return;
    }
    this.#cancelTimeout = this.scheduler.after(connectTimeoutMs, () => this.end('never-connected'));
  }

  get media(): MediaSession | undefined {
    return this.#ended === undefined && !this.#waitingForRejoin ? this.#media : undefined;
  }

  /** @param why 'vanished' and 'never-connected' tell nobody; the others are told on the channels and event streams. */
  end(why: SessionEnd): void {
    if (this.#ended !== undefined) return;
    this.#ended = why;
    this.#cancelTimeout?.();
    const told = why !== 'vanished' && why !== 'never-connected';
    if (told && this.#channels.size > 0) this.#feed({ t: 'end', reason: why });
    this.#media?.stopMedia();
    this.events.send('ended', { reason: why });
    this.log.info({ participant: this.participant?.participantId, kind: this.kind, why }, 'session ended');
    this.owner.sessionEnded(this, why);
    if (told && this.#channels.size > 0) this.scheduler.after(LIMITS.teardownGraceMs, () => this.close());
    else this.close();
  }

  /** Ends the transport without another word. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#ended === undefined) this.end('vanished');
    this.#cancelTimeout?.();
    this.#cancelDeadline?.();
    this.events.close();
    this.#channels.clear();
    this.#media?.close();
  }

  handleNews(news: RoomNews): void {
    if (this.#ended === undefined) this.#feed({ t: 'news', news });
  }

  /** Rights or the name changed. */
  handleSelfChange(): void {
    if (this.#ended === undefined) this.#feed({ t: 'self' });
  }

  setPaused(source: SourceName, paused: boolean): void {
    this.media?.setPaused(source, paused);
  }

  setPinned(source: SourceName, pinned: boolean): void {
    this.media?.setPinned(source, pinned);
  }

  // What the media side tells.

  connected(): void {
    if (this.#ended !== undefined || this.isConnected) return;
    this.isConnected = true;
    this.#cancelTimeout?.();
    this.owner.sessionConnected(this);
    if (this.ended === undefined) this.#feed({ t: 'connected' });
  }

  lost(cause: 'peer-closed' | 'consent-lost' | 'process-died'): void {
    if (this.#ended !== undefined) return this.close();
    this.#channels.clear();
    if (cause !== 'process-died') return this.end('vanished');
    // Other clients than ours start anew or not at all; they must not keep the place of the next one.
    if (this.kind !== 'tertulia') return this.end('media-lost');
    // The participant stays while its client comes back: it replaces this session by its id.
    this.#waitingForRejoin = true;
    this.#cancelTimeout?.();
    this.#cancelTimeout = this.scheduler.after(LIMITS.rejoinTimeoutMs, () => this.end('media-lost'));
    this.events.send('rejoin', { reason: 'media-lost' });
    this.owner.sessionLost(this);
  }

  channelOpened(channel: MediaChannel): void {
    if (this.#ended !== undefined || this.#channels.has(channel.label)) {
      channel.close();
      return;
    }
    this.#channels.set(channel.label, channel);
    this.#feed({ t: 'opened', label: channel.label });
  }

  channelMessage(channel: MediaChannel, data: string | Uint8Array): void {
    if (this.#ended === undefined && this.#channels.get(channel.label) === channel)
      this.#feed({ t: 'message', label: channel.label, data });
  }

  channelClosed(channel: MediaChannel): void {
    if (this.#channels.get(channel.label) !== channel) return;
    this.#channels.delete(channel.label);
    if (this.#ended === undefined) this.#feed({ t: 'closed', label: channel.label });
  }

  slotsChanged(changes: readonly SlotChange[]): void {
    if (this.#ended === undefined) this.#feed({ t: 'slots', changes });
  }

  videoSlotsChanged(changes: readonly VideoSlotChange[]): void {
    if (this.#ended === undefined) this.#feed({ t: 'videoSlots', changes });
  }

  assignmentsChanged(assignments: readonly VideoAssignment[]): void {
    if (this.#ended === undefined) this.#feed({ t: 'assignments', assignments });
  }

  #setLayout({ requestId, canvases, maxResolution }: Extract<ProtocolOutput, { t: 'setLayout' }>): void {
    const { media } = this;
    const asked = media
      ? media.setLayout(canvases, maxResolution)
      : Promise.resolve({ ok: false, code: 'UNAVAILABLE', message: 'The media process is gone.' } as const);
    void asked.then((result) => {
      if (this.#ended === undefined) this.#feed({ t: 'layoutAnswer', requestId, result });
    });
  }

  #record(wish: Extract<ProtocolOutput, { t: 'record' }>): void {
    void this.owner.record(this, wish).then((result) => {
      if (this.#ended === undefined) this.#feed({ t: 'recordAnswer', requestId: wish.requestId, result });
    });
  }

  /** Hands the machine one input, then does what it wants, until it wants nothing more. */
  #feed(input: ProtocolInput): void {
    this.machine.handle(input, this.scheduler.nowMs());
    // A command that the machine gives can bring news back to it at once; the outer run sends what comes of that.
    if (this.#draining) return;
    this.#draining = true;
    let left = false;
    for (let outputs = this.machine.poll(); outputs.length > 0; outputs = this.machine.poll()) {
      for (const output of outputs) {
        if (output.t === 'send') this.#channels.get(output.label)?.send(output.text);
        else if (output.t === 'close') this.#channels.get(output.label)?.close();
        else if (output.t === 'setLayout') this.#setLayout(output);
        else if (output.t === 'record') this.#record(output);
        else left = true;
      }
    }
    this.#draining = false;
    this.#arm();
    if (left) this.end('left');
  }

  #arm(): void {
    this.#cancelDeadline?.();
    this.#cancelDeadline = undefined;
    const deadline = this.machine.nextDeadline();
    if (deadline === undefined || this.#closed) return;
    this.#cancelDeadline = this.scheduler.after(Math.max(0, deadline - this.scheduler.nowMs()), () => {
      this.#feed({ t: 'timeout' });
    });
  }
}
