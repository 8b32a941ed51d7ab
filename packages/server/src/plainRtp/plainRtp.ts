/**
 * RTP from and to programs that know nothing of rooms: FFmpeg, GStreamer. An output sends a voice and a picture of a room; it ends
 * with the room, by request, or with the media process. An input is a participant; it ends with that.
 * Elsewhere: transports → media/ · participants → rooms/ · HTTP → http/plainRtp.ts · the SDP file → sdp/plainDescription.ts
 */
import { randomInt } from 'node:crypto';
import type { RtpCodecParameters, RtpParameters } from '@tertulia/wire';
import { ServerError } from '../errors.js';
import { newRtpId } from '../ids.js';
import { LIMITS } from '../limits.js';
import type { Logger } from '../logger.js';
import type { MediaRoom, RtpOutput, RtpVideoCodec } from '../media/mediaPort.js';
import { UnreachableError } from '../media/plainListen.js';
import type { Conference, RtpJoined } from '../rooms/conference.js';
import type { Participant } from '../rooms/participant.js';
import type { Room } from '../rooms/room.js';
import type { StagePlace } from '../rooms/stages.js';
import type { Scheduler } from '../scheduler.js';
import { writePlainDescription, type PlainStream } from '../sdp/plainDescription.js';

export const KEY_FRAMES = {
  /** Programs cannot ask. A person starts one within some seconds of the output, and FFmpeg looks for five (analyzeduration). */
  firstEveryMs: 2_000,
  firstForMs: 20_000,
  /** Afterwards, unless told otherwise: what a loss spoils is whole again after so long. A key frame costs as much as
   *  a second of pictures. */
  laterSeconds: 10,
} as const;

export interface OutputRequest {
  /** Id or identity of somebody who is there. undefined: the room. */
  readonly participant: string | undefined;
  readonly ip: string;
  readonly audioPort: number | undefined;
  readonly videoPort: number | undefined;
  /** undefined: what is sent there now. */
  readonly videoCodec: RtpVideoCodec | undefined;
  /** 0: none after the first ones. */
  readonly keyFrameSeconds: number;
}

export interface InputRequest {
  readonly displayName: string | undefined;
  readonly audio: boolean;
  /** undefined: sound only. */
  readonly videoCodec: RtpVideoCodec | undefined;
  readonly remote: boolean;
  /** The first of them. undefined: any that are free. */
  readonly port: number | undefined;
}

export interface Output {
  readonly id: string;
  readonly room: Room;
  readonly request: OutputRequest;
  readonly videoCodec: RtpVideoCodec;
  readonly startedAtMs: number;
  readonly media: RtpOutput;
  readonly sdp: string;
  readonly streams: readonly PlainStream[];
}

export interface Input extends RtpJoined {
  readonly id: string;
  readonly request: InputRequest;
  readonly streams: readonly { readonly kind: 'audio' | 'video'; readonly rtpParameters: RtpParameters }[];
}

interface RunningOutput extends Output {
  readonly place: StagePlace | undefined;
  stopKeyFrames: () => void;
}

/** As in the SDP of outputs, so that one who reads both sees the same numbers. */
const PAYLOAD_TYPES = { audio: 111, video: 96 } as const;
const OPUS: RtpCodecParameters = {
  mimeType: 'audio/opus',
  payloadType: PAYLOAD_TYPES.audio,
  clockRate: 48_000,
  channels: 2,
};
const VIDEO_CODECS: Readonly<Record<RtpVideoCodec, Pick<RtpCodecParameters, 'mimeType' | 'parameters'>>> = {
  vp8: { mimeType: 'video/VP8' },
  vp9: { mimeType: 'video/VP9', parameters: { 'profile-id': 0 } },
  h264: {
    mimeType: 'video/H264',
    parameters: { 'packetization-mode': 1, 'profile-level-id': '42e01f', 'level-asymmetry-allowed': 1 },
  },
  av1: { mimeType: 'video/AV1' },
};

export class PlainRtp {
  readonly #outputs = new Map<string, RunningOutput>();
  readonly #inputs = new Map<string, Input>();
  /** Of each room: what is being made. */
  readonly #making = new Map<string, number>();

  constructor(
    private readonly conference: Conference,
    private readonly scheduler: Scheduler,
    private readonly log: Logger,
  ) {}

  /** @throws ServerError ROOM_NOT_FOUND, PARTICIPANT_NOT_FOUND, TOO_MANY_RTP, MEDIA_UNAVAILABLE */
  async startOutput(roomName: string, request: OutputRequest): Promise<Output> {
    const room = this.conference.liveRoom(roomName);
    const { participant: watch } = request;
    const shown = watch === undefined ? undefined : findParticipant(room, watch);
    return this.#make(room.name, async () => {
      const id = newRtpId();
      let place: StagePlace | undefined;
      try {
        const mediaRoom = await room.media();
        const videoCodec = request.videoCodec ?? usualCodec(room, mediaRoom, shown);
        if (watch !== undefined) place = room.stages.take(watch, mediaRoom);
        const stage = await place?.media;
        const media = await mediaRoom.createRtpOutput({
          ip: request.ip,
          audioPort: request.audioPort,
          videoPort: request.videoPort,
          videoCodec,
          ...(stage ? { stage } : {}),
          lost: () => this.#forget(id, 'the media are gone'),
        });
        const output = this.#begin({ id, room, request, videoCodec, media, place });
        this.#outputs.set(id, output);
        if (room.closed) this.#forget(id, 'the room ended');
        return output;
      } catch (cause) {
        place?.release();
        if (cause instanceof UnreachableError) throw new ServerError('BODY_INVALID', cause.message);
        throw new ServerError('MEDIA_UNAVAILABLE', 'The media process could not send there.', { cause });
      }
    });
  }

  #begin(
    made: Pick<RunningOutput, 'id' | 'room' | 'request' | 'videoCodec' | 'media' | 'place'>,
  ): RunningOutput {
    const { id, room, request, media } = made;
    const streams: PlainStream[] = [];
    for (const [kind, port, rtpParameters] of [
      ['audio', request.audioPort, media.audio],
      ['video', request.videoPort, media.video],
    ] as const)
      if (port !== undefined && rtpParameters) streams.push({ kind, port, rtpParameters });
    const startedAtMs = this.scheduler.nowMs();
    const sdp = writePlainDescription({
      origin: media.ip,
      ip: request.ip,
      id: startedAtMs,
      name: room.name,
      streams,
    });
    this.log.info({ room: room.name, output: id, participant: request.participant }, 'RTP output started');
    const stopKeyFrames = media.video
      ? this.#askForKeyFrames(media, request.keyFrameSeconds)
      : () => undefined;
    return { ...made, startedAtMs, sdp, streams, stopKeyFrames };
  }

  #askForKeyFrames(media: RtpOutput, laterSeconds: number): () => void {
    const endOfFirstMs = this.scheduler.nowMs() + KEY_FRAMES.firstForMs;
    let cancel = (): void => undefined;
    const ask = (): void => {
      media
        .requestKeyFrame()
        .catch((error: unknown) => this.log.debug({ err: error }, 'no key frame could be asked for'));
      const early = this.scheduler.nowMs() < endOfFirstMs;
      if (!early && laterSeconds === 0) return;
      cancel = this.scheduler.after(early ? KEY_FRAMES.firstEveryMs : laterSeconds * 1_000, ask);
    };
    ask();
    return () => cancel();
  }

  /** @throws ServerError TOO_MANY_RTP, ROOM_FULL, TOO_MANY_ROOMS, DRAINING, MEDIA_UNAVAILABLE */
  async startInput(roomName: string, request: InputRequest): Promise<Input> {
    const name = this.conference.rooms.canonical(roomName);
    return this.#make(name, async () => {
      const audio = request.audio ? parametersOf(OPUS) : undefined;
      const video =
        request.videoCodec === undefined
          ? undefined
          : parametersOf({
              ...VIDEO_CODECS[request.videoCodec],
              payloadType: PAYLOAD_TYPES.video,
              clockRate: 90_000,
            });
      const joined = await this.conference.joinByRtp({
        roomName,
        displayName: request.displayName,
        media: { remote: request.remote, port: request.port, audio, video },
      });
      const streams = [
        ...(audio ? [{ kind: 'audio' as const, rtpParameters: audio }] : []),
        ...(video ? [{ kind: 'video' as const, rtpParameters: video }] : []),
      ];
      const input: Input = { ...joined, id: newRtpId(), request, streams };
      this.#inputs.set(input.id, input);
      return input;
    });
  }

  outputs(roomName: string): Output[] {
    const name = this.conference.rooms.canonical(roomName);
    this.#sweep();
    return [...this.#outputs.values()].filter(({ room }) => room.name === name);
  }

  inputs(roomName: string): Input[] {
    const name = this.conference.rooms.canonical(roomName);
    this.#sweep();
    return [...this.#inputs.values()].filter(({ room }) => room.name === name);
  }

  /** @throws ServerError RTP_NOT_FOUND */
  output(roomName: string, id: string): Output {
    return found(this.outputs(roomName), id);
  }

  /** @throws ServerError RTP_NOT_FOUND */
  input(roomName: string, id: string): Input {
    return found(this.inputs(roomName), id);
  }

  stopOutput({ id }: Output): void {
    this.#forget(id, 'it was stopped');
  }

  stopInput({ id, session }: Input): void {
    this.#inputs.delete(id);
    session.end('left');
  }

  #forget(id: string, why: string): void {
    const output = this.#outputs.get(id);
    if (!output) return;
    this.#outputs.delete(id);
    output.stopKeyFrames();
    output.media.close();
    output.place?.release();
    this.log.info({ room: output.room.name, output: id, why }, 'RTP output ended');
  }

  /** Inputs end with their sessions, which tell nobody here. */
  #sweep(): void {
    for (const [id, { session }] of this.#inputs) if (session.ended !== undefined) this.#inputs.delete(id);
    for (const [id, { room }] of this.#outputs) if (room.closed) this.#forget(id, 'the room ended');
  }

  /** Within the limits, those that are being made included. */
  async #make<Made>(roomName: string, make: () => Promise<Made>): Promise<Made> {
    const making = this.#making.get(roomName) ?? 0;
    const here = this.outputs(roomName).length + this.inputs(roomName).length + making;
    const everywhere = [...this.#making.values()].reduce((sum, each) => sum + each, 0);
    if (here >= LIMITS.rtpPerRoom)
      throw new ServerError('TOO_MANY_RTP', `The room has ${LIMITS.rtpPerRoom} RTP outputs and inputs.`);
    if (this.#outputs.size + this.#inputs.size + everywhere >= LIMITS.rtp)
      throw new ServerError('TOO_MANY_RTP', `The server has ${LIMITS.rtp} RTP outputs and inputs.`);
    this.#making.set(roomName, making + 1);
    try {
      return await make();
    } finally {
      const left = (this.#making.get(roomName) ?? 1) - 1;
      if (left > 0) this.#making.set(roomName, left);
      else this.#making.delete(roomName);
    }
  }
}

function found<T extends { readonly id: string }>(all: readonly T[], id: string): T {
  const one = all.find((each) => each.id === id);
  if (!one) throw new ServerError('RTP_NOT_FOUND', 'It has ended or never was.');
  return one;
}

function findParticipant(room: Room, name: string): Participant {
  const byId = room.participants.get(name);
  const one = byId ?? [...room.participants.values()].find(({ identity }) => identity === name);
  if (!one) throw new ServerError('PARTICIPANT_NOT_FOUND', 'The participant has left or never was here.');
  return one;
}

/** What most cameras have now, or the one that is shown. A program takes one codec only. */
function usualCodec(room: Room, media: MediaRoom, shown: Participant | undefined): RtpVideoCodec {
  const counts = new Map<RtpVideoCodec, number>();
  for (const { sources } of shown ? [shown] : room.participants.values()) {
    for (const name of ['camera', 'screen'] as const) {
      const source = sources.get(name);
      const codec = source && media.videoCodecOf(source.csrc);
      if (codec) counts.set(codec, (counts.get(codec) ?? 0) + 1);
    }
  }
  const [most] = [...counts].sort(([, a], [, b]) => b - a);
  return most?.[0] ?? 'vp8';
}

/** FFmpeg reads an SSRC as a signed number, so it stays below 2^31. */
const parametersOf = (codec: RtpCodecParameters): RtpParameters => ({
  codecs: [codec],
  encodings: [{ ssrc: randomInt(1, 2 ** 31) }],
});
