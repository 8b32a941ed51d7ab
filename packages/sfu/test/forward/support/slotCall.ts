/** Several cameras, and one outgoing stream that shows now this one, now that one: a virtual video stream without its room. */
import type { RtpParameters } from '@tertulia/wire';
import { offersNack } from '../../../src/media/codecs.js';
import { slotCodecs, slotEntryConstants } from '../../../src/media/entryParameters.js';
import { LayerFollower } from '../../../src/media/forward/layerFollower.js';
import type { Layers } from '../../../src/media/forward/layerSelection.js';
import { VariantMember } from '../../../src/media/forward/variantMember.js';
import { OutgoingStream } from '../../../src/media/outgoing.js';
import type { OutgoingOwner } from '../../../src/media/outgoing.js';
import type { Producer } from '../../../src/media/producer.js';
import type { SlotReportNumbers, SlotSender } from '../../../src/media/rtcpSender.js';
import { MemoryCall, seededRandom } from '../../media/support/memoryCall.js';
import type { HeardRtp, Peer } from '../../media/support/memoryCall.js';
import { Av1Encoder, Vp9Encoder } from './svc.js';
import { CLOCK_RATE, factsOf, FRAME_MICROS, inOrder, judge, videoParameters, Vp8Encoder } from './video.js';
import type { Encoder, FrameFacts, SentPacket, VideoOptions } from './video.js';
import type { FrameSource } from './videoCall.js';
import { Asker } from './videoCall.js';

export const SLOT_SSRC = 0x6000_0000;
export const SLOT_RTX_SSRC = SLOT_SSRC + 1;
/** Payload types of the receiver, all different from the cameras' own. */
export const SLOT_TYPES = { VP8: 100, VP9: 102, AV1: 104 } as const;
const FRAME_TICKS = 3000;
export type CodecName = keyof typeof SLOT_TYPES;

export interface SlotOptions {
  rtx?: boolean;
  /** abs-capture-time is negotiated. */
  captureTime?: boolean;
}

const EXTENSIONS = ['mid', 'rid', 'repairedRid', 'dependencyDescriptor'] as const;

export function slotParameters({ rtx = true, captureTime = false }: SlotOptions = {}): RtpParameters {
  const codecs = Object.entries(SLOT_TYPES).flatMap(
    ([name, payloadType]) =>
      videoParameters({ mimeType: `video/${name}`, payloadType, rtx, encodings: [] }).codecs,
  );
  const encodings = [{ ssrc: SLOT_SSRC, ...(rtx ? { rtx: { ssrc: SLOT_RTX_SSRC } } : {}) }];
  const extensions = captureTime ? [...EXTENSIONS, 'absCaptureTime' as const] : [...EXTENSIONS];
  return { ...videoParameters({ mid: 'slot', encodings: [], extensions }), codecs, encodings };
}

export interface CameraOptions {
  codec?: CodecName;
  /** Simulcast by RID; one stream by default. */
  rids?: string[];
  temporalLayers?: 1 | 2 | 3;
  spatialLayers?: number;
  sequence?: number;
  timestamp?: number;
  pictureId?: number;
  packetsPerFrame?: number;
  /** The sender's clock, before the server's. */
  clockMicros?: number;
  /** Frames between two that it sends: 1 = 30 per second. */
  every?: number;
}

export class Camera {
  readonly encoders: (FrameSource & Encoder)[];
  readonly held: { from: Uint8Array; bytes: Uint8Array }[] = [];
  readonly wants = new Set<number>();
  keyFrames = true;
  muted = false;
  answered = 0;

  constructor(
    readonly peer: Peer,
    readonly id: string,
    readonly csrc: number,
    readonly producer: Producer,
    readonly options: CameraOptions,
  ) {
    const { codec = 'VP8', rids, temporalLayers = 1, spatialLayers = 1 } = options;
    const { sequence = 1000, timestamp = 50_000, pictureId = 10, packetsPerFrame = 2 } = options;
    const common = { mid: '1', temporalLayers, packetsPerFrame } as const;
    const number = csrc % 1000;
    this.encoders = (rids ?? [undefined]).map((rid, i) => {
      const ssrc = 10_000 * number + 10 * i + 10;
      const name = rid === undefined ? id : `${id}.${rid}`;
      const numbers = {
        sequence: (sequence + 77 * i) & 0xffff,
        timestamp: (timestamp + 1_000_003 * i) >>> 0,
        pictureId: (pictureId + 5 * i) & 0x7fff,
        ssrc,
        rtxSsrc: ssrc + 1,
        name,
        ...(rid === undefined ? {} : { rid }),
      };
      if (codec === 'VP8') return new Vp8Encoder(peer, { ...common, ...numbers });
      const svc = { ...common, ...numbers, spatialLayers };
      return codec === 'VP9' ? new Vp9Encoder(peer, svc) : new Av1Encoder(peer, svc);
    });
  }

  /** The sender begins anew under the same SSRC: other numbers, and a key frame. */
  jump(rng: () => number): void {
    for (const encoder of this.encoders) {
      const sequence = encoder.sequence + 4_000 + Math.floor(rng() * 10_000);
      if (sequence > 0xffff) encoder.roc++;
      encoder.sequence = sequence & 0xffff;
      encoder.timestamp = Math.floor(rng() * 2 ** 32);
      this.wants.add(encoder.options.ssrc);
    }
  }

  get requests(): number {
    return this.peer.rtcp.filter(({ packet }) => packet.type === 'pli').length;
  }
}

/** What the library's slot does, and nothing of its room. */
export class TestSlot implements OutgoingOwner, SlotSender {
  readonly member: VariantMember;
  readonly follower: LayerFollower;
  readonly outgoing: OutgoingStream;
  readonly base: number;
  readonly shown: { id: string | undefined; atMicros: number }[] = [];
  readonly layers: (Layers | undefined)[] = [];
  resent = 0;
  readonly entry: number;
  readonly #call: MemoryCall;

  constructor(call: MemoryCall, peer: Peer, rtpParameters: RtpParameters, base: number) {
    const { context, directory } = call.core;
    this.#call = call;
    this.base = base;
    const { ssrc = 0, rtx } = rtpParameters.encodings![0]!;
    const { rtp, peer: number } = directory.transports.get(peer.id);
    this.outgoing = new OutgoingStream(ssrc, offersNack(rtpParameters), this, rtx?.ssrc);
    this.entry = context.port.createEntry(slotEntryConstants(number, rtpParameters));
    this.member = new VariantMember(context.port, context.rng, this.entry, {
      line: { base },
      codecsOf: (source) => {
        for (const producer of directory.producers.values())
          if (producer.encodings.some((encoding) => encoding.source === source))
            return slotCodecs(producer, rtpParameters);
        throw new Error('a source that nobody has');
      },
      keepsHistory: true,
    });
    this.follower = new LayerFollower(this.member, {
      canGoDark: true,
      onShown: (producer) => this.shown.push({ id: producer?.id, atMicros: call.nowMicros }),
      onLayers: (layers) => this.layers.push(layers),
    });
    rtp.addOutgoing(this.outgoing, 'slot');
    rtp.slotSenders.add(this);
    this.follower.setActive(rtp.ready, call.nowMicros);
  }

  show(camera: Camera | undefined): void {
    this.follower.follow(camera?.producer, camera ? [camera.csrc] : [], this.#call.nowMicros);
  }

  handleNack(stream: OutgoingStream, lost: readonly number[], nowMicros: number): void {
    for (const number of lost)
      if (this.member.resend(number, stream.roundTripMicros, nowMicros)) this.resent++;
  }

  handleKeyFrameRequest(_stream: OutgoingStream, _words: 'pli' | 'fir', nowMicros: number): void {
    this.follower.handleKeyFrameRequest(nowMicros);
  }

  stopSendingMid(): void {
    this.#call.core.context.port.updateEntry(this.entry, { sendMid: false });
  }

  senderReports(nowMicros: number): readonly SlotReportNumbers[] {
    const { packets, octets } = this.#call.core.context.port.entryCounters(this.entry);
    const rtpTimestamp = this.member.timestampAt(nowMicros) ?? 0;
    return [{ ssrc: this.outgoing.ssrc, rtpTimestamp, packetCount: packets, octetCount: octets }];
  }

  setReady(ready: boolean, nowMicros: number): void {
    this.follower.setActive(ready, nowMicros);
  }

  octetsSent(): number {
    return 0;
  }
}

export interface SlotFilmOptions {
  /** On the way in, the first time. */
  lost?: (packet: SentPacket, camera: Camera) => boolean;
  late?: (packet: SentPacket, camera: Camera) => boolean;
  /** The cameras answer NACKs. Default true. */
  repairs?: boolean;
}

export class SlotCall {
  readonly call: MemoryCall;
  readonly receiver: Peer;
  readonly rng: () => number;
  readonly cameras: Camera[] = [];
  readonly slots: TestSlot[] = [];
  /** When a frame was captured, by encoder and number. */
  readonly captured = new Map<string, number>();
  readonly #slotOptions: SlotOptions;
  readonly #rtx: boolean;
  #asker: Asker | undefined;
  #frames = 0;

  constructor(seed = 1, slotOptions: SlotOptions = {}) {
    this.call = new MemoryCall(seed);
    this.rng = seededRandom(seed + 99);
    this.receiver = this.call.addPeer();
    this.#slotOptions = slotOptions;
    this.#rtx = slotOptions.rtx ?? true;
    this.slots.push(this.addSlot(this.receiver));
  }

  get slot(): TestSlot {
    return this.slots[0]!;
  }

  addSlot(peer: Peer): TestSlot {
    const base = Math.floor(this.rng() * 2 ** 32) >>> 0;
    return new TestSlot(this.call, peer, slotParameters(this.#slotOptions), base);
  }

  /** The person turns the camera off or on again. */
  mute({ id }: Camera, muted: boolean): void {
    this.call.core.handleRequest(muted ? 'producer.pause' : 'producer.resume', { producerId: id });
  }

  addCamera(options: CameraOptions = {}): Camera {
    const { codec = 'VP8', rids, temporalLayers = 1, spatialLayers = 1 } = options;
    const number = this.cameras.length + 1;
    const id = `camera${number}`;
    const peer = this.call.addPeer();
    const scalabilityMode = `L${spatialLayers}T${temporalLayers}`;
    const ssrc = 10_000 * number + 10;
    const encodings: VideoOptions['encodings'] = rids
      ? rids.map((rid) => ({ rid, scalabilityMode }))
      : [{ ssrc, rtx: ssrc + 1, ...(scalabilityMode === 'L1T1' ? {} : { scalabilityMode }) }];
    this.call.core.handleRequest('transport.produce', {
      transportId: peer.id,
      producerId: id,
      kind: 'video',
      rtpParameters: videoParameters({
        mid: '1',
        mimeType: `video/${codec}`,
        encodings,
        extensions: [...EXTENSIONS, 'absCaptureTime'],
      }),
      paused: false,
    });
    const producer = this.call.core.directory.producers.get(id);
    const camera = new Camera(peer, id, 1000 + number, producer, options);
    this.cameras.push(camera);
    return camera;
  }

  film(frames: number, options: SlotFilmOptions = {}): void {
    for (let i = 0; i < frames; i++) {
      const datagrams: { from: Uint8Array; bytes: Uint8Array }[] = [];
      for (const camera of this.cameras) datagrams.push(...this.#shoot(camera, options));
      this.#frames++;
      if (datagrams.length > 0) this.call.inject(...datagrams);
      this.call.advance(FRAME_MICROS);
      for (const slot of this.slots) slot.follower.poll(this.call.nowMicros);
      const lost = this.#asker?.missing() ?? [];
      if (lost.length > 0) this.nack(lost);
    }
  }

  nack(lost: number[]): void {
    const packet = { type: 'nack' as const, senderSsrc: 9, mediaSsrc: SLOT_SSRC, lost };
    this.call.inject(this.receiver.protectRtcp([packet]));
  }

  /** From now on the receiver asks for what is missing, each frame again. */
  askForMissing(): void {
    this.#asker = new Asker(this.receiver, SLOT_SSRC);
  }

  media(): HeardRtp[] {
    return this.receiver.rtp.filter(({ ssrc }) => ssrc === SLOT_SSRC);
  }

  repetitions(): HeardRtp[] {
    return this.receiver.rtp
      .filter(({ ssrc, payload }) => ssrc === SLOT_RTX_SSRC && payload.length > 1)
      .map((packet) => ({
        ...packet,
        sequenceNumber: packet.payload.readUInt16BE(0),
        payload: packet.payload.subarray(2),
      }));
  }

  /** Everything that is wrong with what the receiver has got, after its repairs. */
  faults({ lossy = false } = {}): string[] {
    const heard = this.#rtx ? [...this.media(), ...this.repetitions()] : this.media();
    const { faults, undecodable } = judge(heard, { lossy });
    for (const { e, n } of undecodable) faults.push(`frame ${n} of ${e} cannot be decoded`);
    for (const packet of heard) faults.push(...this.#namesFaults(packet));
    faults.push(...timeFaults(inOrder(heard)));
    const { drops } = this.call.engine.stats();
    for (const reason of ['entry-index-reuse', 'command-invalid', 'entry-no-codec'] as const)
      if (drops[reason]) faults.push(`${drops[reason]} × ${reason}`);
    return faults;
  }

  /** By how many µs each frame is off the slot's line, in order. The network's delay is none here. */
  lineErrors(slot = this.slot): { e: string; errorMicros: number; atMicros: number }[] {
    const firsts = inOrder(this.media()).filter(({ payload }) => factsOf(payload)?.p === 0);
    return firsts.map(({ payload, timestamp, atMicros }) => {
      const { e, n } = factsOf(payload)!;
      const captured = this.captured.get(`${e}/${n}`)!;
      const line = slot.base + Math.round((captured * CLOCK_RATE) / 1e6);
      return { e, errorMicros: ((((timestamp - line) | 0) / CLOCK_RATE) * 1e6) | 0, atMicros };
    });
  }

  /** What a decoder could show. */
  decoded(): FrameFacts[] {
    return judge([...this.media(), ...this.repetitions()], { lossy: true }).decoded;
  }

  close(): void {
    this.call.close();
  }

  #shoot(camera: Camera, { lost, late, repairs = true }: SlotFilmOptions) {
    const { peer, encoders, held, wants, options } = camera;
    for (; camera.answered < peer.rtcp.length; camera.answered++) {
      const { packet } = peer.rtcp[camera.answered]!;
      if (packet.type === 'pli') wants.add(packet.mediaSsrc);
      if (packet.type !== 'nack' || !repairs) continue;
      const encoder = encoders.find((each) => each.options.ssrc === packet.mediaSsrc);
      for (const number of packet.lost) {
        const sent = encoder?.sent.findLast(({ sequence }) => sequence === number);
        if (sent) held.push(encoder!.repeat(sent));
      }
    }
    const datagrams = held.splice(0);
    if (camera.muted || this.#frames % (options.every ?? 1) !== 0) {
      // Time passes in the camera all the same.
      for (const encoder of encoders) encoder.timestamp = (encoder.timestamp + FRAME_TICKS) >>> 0;
      return datagrams;
    }
    encoders.forEach((encoder, index) => {
      const wantsKey = camera.keyFrames && wants.delete(encoder.options.ssrc);
      for (const packet of encoder.frame(this.call.nowMicros, wantsKey)) {
        this.captured.set(`${packet.facts.e}/${packet.facts.n}`, this.call.nowMicros);
        if (lost?.(packet, camera)) continue;
        if (late?.(packet, camera)) held.push(encoder.wrap(packet));
        else datagrams.push(encoder.wrap(packet));
      }
      if (this.#frames % 30 === 5 + index) datagrams.push(encoder.report(options.clockMicros ?? 0));
    });
    return datagrams;
  }

  /** CSRC and payload type are those of who made the packet. */
  #namesFaults({ ssrc, csrcs, payload, payloadType, sequenceNumber }: HeardRtp): string[] {
    const facts = factsOf(payload);
    if (!facts) return [];
    const camera = this.cameras.find(({ id }) => id === facts.e.split('.')[0])!;
    const type = SLOT_TYPES[camera.options.codec ?? 'VP8'] + (ssrc === SLOT_RTX_SSRC ? 1 : 0);
    const faults: string[] = [];
    if (csrcs.length !== 1 || csrcs[0] !== camera.csrc)
      faults.push(`packet ${sequenceNumber} of ${facts.e} bears CSRC ${csrcs.join()}`);
    if (payloadType !== type) faults.push(`packet ${sequenceNumber} of ${facts.e} has type ${payloadType}`);
    return faults;
  }
}

/** Within a picture one timestamp, from picture to picture a later one. */
function timeFaults(packets: readonly HeardRtp[]): string[] {
  const faults: string[] = [];
  let last: { facts: FrameFacts; timestamp: number } | undefined;
  for (const { payload, timestamp, sequenceNumber } of packets) {
    const facts = factsOf(payload);
    if (!facts) continue;
    if (last) {
      const step = (timestamp - last.timestamp) | 0;
      const same = last.facts.e === facts.e && last.facts.n === facts.n;
      const samePicture = last.facts.e === facts.e && facts.spatial > last.facts.spatial;
      if (same && step !== 0) faults.push(`frame ${facts.n} of ${facts.e} has two timestamps, ${step} apart`);
      if (!same && !samePicture && step <= 0) faults.push(`step of ${step} ticks at ${sequenceNumber}`);
    }
    last = { facts, timestamp };
  }
  return faults;
}
