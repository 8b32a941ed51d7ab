/** A call without a server, for looking at the page and for its tests. Tests drive it through `window.fake`. */
import {
  CallError,
  type AudioSlot,
  type CallEvents,
  type CallRecording,
  type Canvas,
  type CallState,
  type EndReason,
  type Participant,
  type VideoAssignment,
  type VideoSlot,
} from '@tertulia/client';
import { Emitter } from '../../../client/src/emitter.js';
import type { CallHandle } from '../../src/calls.js';
import { halt, portrait, slide } from './portraits.js';

const VIDEO_SLOTS = 9;

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
  canRecord = false;
  recording: CallRecording | undefined;
  recordProblem: string | undefined;
  participantId = 'p_0';
  participants: readonly Participant[] = [];
  audioSlots: readonly AudioSlot[] = [];
  microphoneTrack: MediaStreamTrack | undefined;
  videoSlots: readonly VideoSlot[] = [];
  assignments: readonly VideoAssignment[] = [];
  cameraTrack: MediaStreamTrack | undefined;
  screenTrack: MediaStreamTrack | undefined;
  /** What the page asked for, first to last. */
  readonly layouts: (readonly Canvas[])[] = [];
  cameraProblem: string | undefined;
  screenProblem: string | undefined;
  readonly lipSync = [];
  level = 0;
  unmuteProblem: string | undefined;
  readonly sent: string[] = [];
  #joined = 0;
  /** By `participantId` or `participantId/screen`. */
  readonly #films = new Map<string, MediaStream>();
  readonly #dark = new Set<string>();

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
    this.videoSlots = Array.from({ length: VIDEO_SLOTS }, (_, index) => emptySlot(index));
    this.add(displayName, { self: true, muted });
  }

  get cameraOn(): boolean {
    return this.cameraTrack !== undefined;
  }
  get screenOn(): boolean {
    return this.screenTrack !== undefined;
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
      videoCsrc: 2_000 + number,
      screenCsrc: 3_000 + number,
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
    this.#change(participantId, { muted });
  }
  /** @param look which of the made-up people; by default the number in the id */
  setCameraOf(
    participantId: string,
    on: boolean,
    upright = false,
    look = Number(participantId.slice(2)),
  ): void {
    if (on) this.#films.set(participantId, portrait(look, upright));
    this.#change(participantId, { cameraOn: on });
    this.#fill();
  }
  setScreenOf(participantId: string, on: boolean): void {
    if (on) this.#films.set(`${participantId}/screen`, slide());
    this.#change(participantId, { screenOn: on });
    this.#fill();
  }
  /** The bandwidth holds no picture of them. */
  setDark(participantId: string, dark: boolean): void {
    if (dark) this.#dark.add(participantId);
    else this.#dark.delete(participantId);
    this.#fill();
  }
  /** The camera is on and gives nothing. */
  freeze(participantId: string): void {
    const film = this.#films.get(participantId);
    if (film) halt(film);
  }
  /** As the server does it: direct canvases first, then whoever is left, each source staying in its slot. */
  #fill(): void {
    const canvases = this.layouts.at(-1) ?? [];
    const live = (participantId: string, screen: boolean): Participant | undefined =>
      this.participants.find(
        (one) => one.participantId === participantId && !one.self && (screen ? one.screenOn : one.cameraOn),
      );
    const chosen = new Map<number, { participant: Participant; screen: boolean }>();
    const taken = new Set<string>();
    for (const { id, mode } of canvases) {
      if (mode === 'relevant') continue;
      const screen = mode.screenshare ?? false;
      const participant = live(mode.participantId, screen);
      if (!participant) continue;
      chosen.set(id, { participant, screen });
      taken.add(filmKey(participant, screen));
    }
    for (const { id, mode } of canvases) {
      if (mode !== 'relevant') continue;
      for (const screen of [true, false]) {
        const participant = this.participants.find(
          (one) => live(one.participantId, screen) && !taken.has(filmKey(one, screen)),
        );
        if (!participant) continue;
        chosen.set(id, { participant, screen });
        taken.add(filmKey(participant, screen));
        break;
      }
    }
    const kept = new Map<string, number>();
    for (const { index, participant, screenshare } of this.videoSlots)
      if (participant && taken.has(filmKey(participant, screenshare)))
        kept.set(filmKey(participant, screenshare), index);
    const free = this.videoSlots
      .map(({ index }) => index)
      .filter((index) => ![...kept.values()].includes(index));
    const slots = this.videoSlots.map(({ index }) => emptySlot(index));
    this.assignments = [...chosen].map(([canvasId, { participant, screen }]): VideoAssignment => {
      const key = filmKey(participant, screen);
      const slot = kept.get(key) ?? free.shift();
      const stream = this.#films.get(key);
      const active = !this.#dark.has(participant.participantId);
      if (slot !== undefined && stream)
        slots[slot] = {
          ...slots[slot]!,
          stream,
          track: stream.getVideoTracks()[0]!,
          csrc: screen ? participant.screenCsrc : participant.videoCsrc,
          participant,
          screenshare: screen,
        };
      return { canvasId, participant, screenshare: screen, slot, stream, active };
    });
    this.videoSlots = slots;
    this.emit('assignments', this.assignments);
    this.emit('videoslots', this.videoSlots);
  }
  #change(participantId: string, given: Partial<Participant>): void {
    const changed: Participant[] = [];
    this.participants = this.participants.map((one) => {
      if (one.participantId !== participantId) return one;
      const next = { ...one, ...given };
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
  moderateCamera(): void {
    this.cameraTrack = undefined;
    this.emit('camera', false, true);
  }
  setRecording(on: boolean): void {
    this.recording = on ? { sinceMs: Date.UTC(2026, 0, 1, 12, 30), mode: 'participants' } : undefined;
    this.emit('recording', this.recording);
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
  async setLayout(canvases: readonly Canvas[]): Promise<void> {
    this.layouts.push(canvases);
    this.#fill();
  }
  async setCamera(camera: boolean | string | MediaStreamTrack): Promise<void> {
    if (camera !== false && this.cameraProblem !== undefined) throw new CallError(this.cameraProblem);
    this.cameraTrack =
      camera === false ? undefined : typeof camera === 'object' ? camera : portrait(0).getVideoTracks()[0];
    this.emit('camera', this.cameraOn, false);
  }
  async shareScreen(): Promise<void> {
    if (this.screenProblem !== undefined) throw new CallError(this.screenProblem);
    this.screenTrack = slide().getVideoTracks()[0];
    this.emit('screen', true, false);
  }
  async stopScreen(): Promise<void> {
    this.screenTrack = undefined;
    this.emit('screen', false, false);
  }
  async startRecording(): Promise<void> {
    if (this.recordProblem !== undefined) throw new CallError(this.recordProblem);
    this.setRecording(true);
  }
  async stopRecording(): Promise<void> {
    this.setRecording(false);
  }
  send(): Promise<never> {
    return Promise.reject(new CallError('NOT_SUPPORTED'));
  }
  async leave(): Promise<void> {
    this.end('left');
  }
}

const filmKey = ({ participantId }: Participant, screen: boolean): string =>
  screen ? `${participantId}/screen` : participantId;

const emptySlot = (index: number): VideoSlot => ({
  index,
  mid: String(index + 10),
  track: undefined as unknown as MediaStreamTrack,
  stream: undefined as unknown as MediaStream,
  csrc: undefined,
  participant: undefined,
  screenshare: false,
});

export type FakeCall = Fake;
export const createFakeCall = (room: string, displayName: string, muted: boolean): Fake =>
  new Fake(room, displayName, muted);
