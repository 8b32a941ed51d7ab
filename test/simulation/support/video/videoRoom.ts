/**
 * A room of cameras and viewers on a simulated network in virtual time. Steps are one millisecond; what arrives within
 * one is one batch, as the engine's timer makes it under load.
 */
import { parseRtcp } from '@tertulia/wire';
import type { SrtpReference } from '../../../../packages/engine/test/support/srtp.js';
import type { SentPacket } from '../../../../packages/sfu/test/forward/support/video.js';
import type { Peer } from '../../../../packages/sfu/test/media/support/memoryCall.js';
import { Link, type LinkOptions } from '../link.js';
import type { Random } from '../random.js';
import { Timeline } from '../timeline.js';
import { Camera, CODECS, FRAME_MICROS } from './camera.js';
import type { CameraStream, PacketRecord, VideoCodec } from './camera.js';
import type { VideoJudge } from './videoJudge.js';
import { VideoServer } from './videoServer.js';
import type { CanvasWish } from './videoServer.js';
import { Viewer } from './viewer.js';

const STEP_MICROS = 1000;
const FEEDBACK_EVERY_MICROS = 20_000;
const RECEIVER_REPORT_EVERY_MICROS = 1_000_000;
/** Longer than any link here. */
const SETTLE_MICROS = 1_000_000;
/** R8: between two requests for one stream, but for what the link does to them. */
const REQUEST_WINDOW_MICROS = 500_000;

export interface VideoRoomOptions {
  random: Random;
  uplink: LinkOptions;
  downlink: LinkOptions;
  slots: number;
}

export class Participant {
  cameras: Camera[] = [];
  viewer: Viewer | undefined;
  gone = false;

  constructor(
    readonly id: string,
    readonly peer: Peer,
    readonly receiving: SrtpReference,
    readonly port: number,
    readonly uplink: Link,
    readonly downlink: Link,
    /** ms by which its own clock differs from the server's. */
    readonly clockOffsetMicros: number,
  ) {}
}

export class SimulatedVideoRoom {
  readonly timeline = new Timeline();
  readonly participants: Participant[] = [];
  readonly server: VideoServer;
  nowMicros = 1_000_000;
  packetsIn = 0;
  packetsOut = 0;
  #batch: { from: Uint8Array; bytes: Uint8Array; participant: Participant; onArrival?: () => void }[] = [];
  readonly #byPort = new Map<number, Participant>();
  readonly #byId = new Map<string, Participant>();
  #next = 1;
  #nextSource = 1;

  constructor(
    readonly options: VideoRoomOptions,
    readonly judge: VideoJudge,
  ) {
    this.server = VideoServer.create(options.random, this.nowMicros, (receiverId, assignments) =>
      this.#byId.get(receiverId)?.viewer?.handleAssignments(assignments, this.nowMicros),
    );
  }

  get cameras(): Camera[] {
    return this.participants.flatMap(({ cameras }) => cameras);
  }

  join({
    cameras = ['camera'],
    codec = CODECS[this.#next % CODECS.length]!,
    codecs = CODECS,
    slots = this.options.slots,
  }: {
    cameras?: readonly ('camera' | 'screen')[];
    codec?: VideoCodec;
    codecs?: readonly VideoCodec[];
    slots?: number;
  } = {}): Participant {
    const { random, uplink, downlink } = this.options;
    const index = this.#next++;
    const { peer, receiving, port } = this.server.addTransport(index);
    const participant = new Participant(
      `p${index}`,
      peer,
      receiving,
      port,
      new Link(uplink, random),
      new Link(downlink, random),
      random.between(-1e9, 1e9) * 1000,
    );
    this.#byPort.set(port, participant);
    this.#byId.set(participant.id, participant);
    this.participants.push(participant);
    for (const content of cameras) this.#addCamera(participant, codec, content);
    if (slots > 0) {
      const ssrcs = this.server.createReceiver(peer, participant.id, slots, codecs);
      participant.viewer = new Viewer(participant.id, ssrcs, receiving, this.judge, random);
      this.#feedback(participant);
    }
    return participant;
  }

  setLayout(participant: Participant, canvases: readonly CanvasWish[]): void {
    this.server.setLayout(participant.id, canvases);
  }
  mute(camera: Camera, muted: boolean): void {
    camera.muted = muted;
    this.server.setPaused(camera, muted);
  }
  pin(camera: Camera, pinned: boolean): void {
    camera.pinned = pinned;
    this.server.setPinned(camera, pinned);
  }
  leave(participant: Participant): void {
    participant.gone = true;
    for (const camera of participant.cameras) camera.gone = true;
    this.participants.splice(this.participants.indexOf(participant), 1);
    this.server.closeTransport(participant.peer);
    this.#byPort.delete(participant.port);
    this.#byId.delete(participant.id);
  }

  /** One millisecond. `act` may ask the server for things before this millisecond's packets come. */
  step(act?: () => void): void {
    this.nowMicros += STEP_MICROS;
    this.timeline.runUntil(this.nowMicros);
    act?.();
    for (const { participant, onArrival } of this.#batch) if (!participant.gone) onArrival?.();
    this.server.advance(this.#batch, this.nowMicros);
    this.#batch = [];
    for (const { to, bytes } of this.server.takeSent()) this.#carry((to[2]! << 8) | to[3]!, bytes);
  }

  /** What is still on its way arrives; the server hears nothing more. Then the judge can finish. */
  settle(): void {
    for (const end = this.nowMicros + SETTLE_MICROS; this.nowMicros < end;) {
      this.nowMicros += STEP_MICROS;
      this.timeline.runUntil(this.nowMicros);
      this.#batch = [];
    }
    this.judge.finish();
  }

  close(): void {
    this.server.close();
  }

  // ---- towards the server ----

  #addCamera(participant: Participant, codec: VideoCodec, content: 'camera' | 'screen'): void {
    const { random, uplink } = this.options;
    const source = this.#nextSource++;
    const { peer, id } = participant;
    const camera = new Camera(source, `camera ${source}`, id, peer, codec, content, uplink.delayMs, random);
    participant.cameras.push(camera);
    this.judge.cameras.set(source, camera);
    this.server.addCamera(camera);
    const startMicros = this.nowMicros + random.below(FRAME_MICROS);
    this.#film(participant, camera, startMicros, 0);
    this.#senderReports(participant, camera);
  }

  #film(participant: Participant, camera: Camera, startMicros: number, frame: number): void {
    this.timeline.at(Math.round(startMicros + frame * FRAME_MICROS), (nowMicros) => {
      if (camera.gone) return;
      for (const stream of camera.streams) {
        const wantsKey = camera.wants.delete(stream.ssrc);
        for (const { record, packet } of stream.frame(nowMicros, wantsKey))
          this.#sendMedia(participant, camera, record, stream.encoder.wrap(packet));
        if (frame % 64 === 0) stream.trim();
      }
      this.#film(participant, camera, startMicros, frame + 1);
    });
  }

  #sendMedia(
    participant: Participant,
    camera: Camera,
    record: PacketRecord,
    datagram: { bytes: Uint8Array },
  ): void {
    this.#toServer(participant, datagram.bytes, (nowMicros) => {
      this.packetsIn++;
      // While its source is muted there, that is as good as lost.
      if (!camera.muted) record.arrivedMicros ??= nowMicros;
    });
  }

  #toServer(participant: Participant, bytes: Uint8Array, onArrival?: (nowMicros: number) => void): void {
    const at = participant.uplink.arrival(this.nowMicros);
    if (at === undefined) return;
    this.timeline.at(at, (nowMicros) => {
      if (participant.gone) return;
      const from = participant.peer.address;
      if (onArrival === undefined) this.#batch.push({ from, bytes, participant });
      else this.#batch.push({ from, bytes, participant, onArrival: () => onArrival(nowMicros) });
    });
  }

  /** The first soon, as browsers do, then about every second. */
  #senderReports(participant: Participant, camera: Camera): void {
    const { random } = this.options;
    const again = (atMicros: number): void =>
      this.timeline.at(atMicros, () => {
        if (camera.gone) return;
        for (const { encoder } of camera.streams)
          this.#toServer(participant, encoder.report(participant.clockOffsetMicros).bytes);
        again(this.nowMicros + random.between(500_000, 1_500_000));
      });
    again(this.nowMicros + random.between(100_000, 500_000));
  }

  #feedback(participant: Participant): void {
    let nextReport = this.nowMicros + this.options.random.between(0, RECEIVER_REPORT_EVERY_MICROS);
    const again = (atMicros: number): void =>
      this.timeline.at(atMicros, (nowMicros) => {
        if (participant.gone) return;
        const due = nowMicros >= nextReport;
        if (due) nextReport = nowMicros + RECEIVER_REPORT_EVERY_MICROS;
        for (const plain of participant.viewer!.feedback(nowMicros, FEEDBACK_EVERY_MICROS, due))
          this.#toServer(participant, participant.peer.protectCompound(plain).bytes);
        again(nowMicros + FEEDBACK_EVERY_MICROS);
      });
    again(this.nowMicros + FEEDBACK_EVERY_MICROS);
  }

  // ---- from the server ----

  #carry(port: number, bytes: Uint8Array): void {
    const participant = this.#byPort.get(port);
    if (participant === undefined || bytes[0]! < 128) return; // gone
    const isRtcp = bytes[1]! >= 192 && bytes[1]! <= 223;
    const { viewer, downlink } = participant;
    const sentMicros = this.nowMicros;
    const at = downlink.arrival(sentMicros);
    if (isRtcp) {
      const plain = participant.receiving.unprotectRtcp(bytes)?.plain;
      if (plain === undefined) return this.judge.violate('undecryptable', `${participant.id}: RTCP`);
      viewer?.reportsSent(plain, this.server.zeroUnixMillis, sentMicros);
      this.#judgeRequests(participant, plain);
      if (at !== undefined) this.timeline.at(at, () => this.#rtcpArrived(participant, plain));
      return;
    }
    this.packetsOut++;
    const out = viewer?.sent(bytes, sentMicros);
    if (viewer === undefined || out === undefined) return;
    if (at === undefined) viewer.missed(bytes, out, sentMicros);
    else this.timeline.at(at, (nowMicros) => viewer.receive(bytes, out, sentMicros, nowMicros));
  }

  /** At the server's exit: no stream is asked twice within the window. */
  #judgeRequests({ cameras }: Participant, plain: Uint8Array): void {
    for (const packet of parseRtcp(plain).packets) {
      if (packet.type !== 'pli') continue;
      const camera = cameras.find((each) => each.stream(packet.mediaSsrc));
      if (!camera) continue;
      let times = camera.requestedMicros.get(packet.mediaSsrc);
      if (!times) camera.requestedMicros.set(packet.mediaSsrc, (times = []));
      const last = times.at(-1) ?? -Infinity;
      if (this.nowMicros - last < REQUEST_WINDOW_MICROS - STEP_MICROS)
        this.judge.violate(
          'key-frame-rate',
          `camera ${camera.source}: again after ${(this.nowMicros - last) / 1000} ms`,
        );
      times.push(this.nowMicros);
    }
  }

  /** What the server wants of what this participant sends. */
  #rtcpArrived(participant: Participant, plain: Uint8Array): void {
    if (participant.gone) return;
    for (const packet of parseRtcp(plain).packets) {
      if (packet.type !== 'nack' && packet.type !== 'pli') continue;
      for (const camera of participant.cameras) {
        const stream = camera.stream(packet.mediaSsrc);
        if (!stream) continue;
        if (packet.type === 'pli') camera.wants.add(packet.mediaSsrc);
        else for (const lost of packet.lost) this.#repeat(participant, camera, stream, lost);
      }
    }
  }

  #repeat(participant: Participant, camera: Camera, stream: CameraStream, lost: number): void {
    const found = stream.find(lost);
    const packet: SentPacket | undefined = found?.packet;
    if (found && packet && packet.plain.length > 0)
      this.#sendMedia(participant, camera, found.record, stream.encoder.repeat(packet));
  }
}
