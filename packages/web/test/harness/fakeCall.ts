/** A call without a server, for looking at the page and for its tests. Tests drive it through `window.fake`. */
import {
  CallError,
  type AudioSlot,
  type CallEvents,
  type CallState,
  type EndReason,
  type Participant,
} from '@tertulia/client';
import { Emitter } from '../../../client/src/emitter.js';
import type { CallHandle } from '../../src/calls.js';

export const NAMES = [
  'Ada Lovelace',
  'Bruno Latour',
  'Chimamanda Adichie',
  'Dmitri Shostakovich',
  'Édith',
  'Fatima al-Fihri',
  'Grace',
  'Hideo Kojima',
  'İpek',
  'João Guimarães Rosa',
  'Katherine Johnson',
  'Li Qingzhao',
];

class Fake extends Emitter<CallEvents> implements CallHandle {
  state: CallState = 'connected';
  muted: boolean;
  canPublish = true;
  participantId = 'p_0';
  participants: readonly Participant[] = [];
  audioSlots: readonly AudioSlot[] = [];
  microphoneTrack: MediaStreamTrack | undefined;
  videoSlots = [];
  assignments = [];
  cameraOn = false;
  cameraTrack: MediaStreamTrack | undefined;
  screenOn = false;
  screenTrack: MediaStreamTrack | undefined;
  lipSync = [];
  level = 0;
  unmuteProblem: string | undefined;
  readonly sent: string[] = [];
  #joined = 0;

  constructor(
    readonly room: string,
    public displayName: string,
    muted: boolean,
  ) {
    super();
    this.muted = muted;
    this.audioSlots = [0, 1, 2].map((index) => ({
      index,
      mid: String(index + 1),
      track: undefined as unknown as MediaStreamTrack,
      stream: undefined as unknown as MediaStream,
      csrc: undefined,
      participant: undefined,
      loudest: false,
      speaking: false,
      level: undefined,
    }));
    this.add(displayName, { self: true, muted });
  }

  get microphoneLevel(): number {
    return this.muted ? 0 : this.level;
  }

  // ── what a test does ──

  add(displayName: string, given: Partial<Participant> = {}): string {
    const number = this.#joined++;
    const participant: Participant = {
      participantId: `p_${number}`,
      displayName,
      self: false,
      muted: false,
      csrc: 1_000 + number,
      cameraOn: false,
      screenOn: false,
      videoCsrc: undefined,
      screenCsrc: undefined,
      joinedAtMs: number,
      ...given,
    };
    this.participants = [...this.participants, participant];
    this.emit('participants', this.participants, { joined: [participant], left: [], changed: [] });
    return participant.participantId;
  }
  remove(participantId: string): void {
    const left = this.participants.filter((one) => one.participantId === participantId);
    this.participants = this.participants.filter((one) => one.participantId !== participantId);
    this.emit('participants', this.participants, { joined: [], left, changed: [] });
  }
  setMuted(participantId: string, muted: boolean): void {
    const changed: Participant[] = [];
    this.participants = this.participants.map((one) => {
      if (one.participantId !== participantId) return one;
      const next = { ...one, muted };
      changed.push(next);
      return next;
    });
    this.emit('participants', this.participants, { joined: [], left: [], changed });
  }
  /** @param who participant ids by slot; '' for a free one */
  speak(who: string[], levels: number[] = []): void {
    this.audioSlots = this.audioSlots.map((slot, index) => {
      const participant = this.participants.find((one) => one.participantId === who[index]);
      const level = levels[index] ?? 0.15;
      return {
        ...slot,
        participant,
        csrc: participant?.csrc,
        loudest: index === 0 && participant !== undefined,
        speaking: participant !== undefined && level > 0.005,
        level,
      };
    });
    this.emit('speakers', this.audioSlots);
  }
  setState(state: CallState): void {
    this.state = state;
    this.emit('state', state);
  }
  block(): void {
    this.emit('playbackblocked');
  }
  fail(code: string): void {
    this.emit('error', new CallError(code));
  }
  chat(from: string, text: string): void {
    const author = this.participants.find((one) => one.participantId === from);
    const sentAtMs = Date.UTC(2026, 0, 1, 12, 34);
    const displayName = author?.displayName ?? '?';
    this.emit('message', { from, displayName, text, sentAtMs, self: author?.self ?? false });
  }
  moderate(muted: boolean): void {
    this.muted = muted;
    this.emit('muted', muted, true);
  }
  end(reason: EndReason): void {
    this.state = 'ended';
    this.emit('ended', reason, undefined);
  }

  // ── what the page does ──

  start(): Promise<void> {
    return Promise.resolve();
  }
  mute(): void {
    this.muted = true;
    this.emit('muted', true, false);
  }
  async unmute(): Promise<void> {
    if (this.unmuteProblem !== undefined) throw new CallError(this.unmuteProblem);
    this.muted = false;
    this.emit('muted', false, false);
  }
  async setMicrophone(): Promise<void> {}
  async rename(displayName: string): Promise<void> {
    this.displayName = displayName;
  }
  async sendMessage(text: string): Promise<void> {
    if (this.state !== 'connected') throw new CallError('NOT_CONNECTED');
    this.sent.push(text);
    this.chat(this.participantId, text);
  }
  attachAudio(): void {}
  async resumePlayback(): Promise<void> {}
  async getStats(): Promise<RTCStatsReport> {
    return new Map() as unknown as RTCStatsReport;
  }
  setLayout(): Promise<never> {
    return Promise.reject(new CallError('NOT_SUPPORTED'));
  }
  shareScreen(): Promise<never> {
    return Promise.reject(new CallError('NOT_SUPPORTED'));
  }
  setCamera(): Promise<never> {
    return Promise.reject(new CallError('NOT_SUPPORTED'));
  }
  stopScreen(): Promise<never> {
    return Promise.reject(new CallError('NOT_SUPPORTED'));
  }
  send(): Promise<never> {
    return Promise.reject(new CallError('NOT_SUPPORTED'));
  }
  async leave(): Promise<void> {
    this.end('left');
  }
}

export type FakeCall = Fake;
export const createFakeCall = (room: string, displayName: string, muted: boolean): Fake =>
  new Fake(room, displayName, muted);
