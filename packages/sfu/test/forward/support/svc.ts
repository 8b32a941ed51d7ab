/** Encoders with spatial layers on one SSRC: VP9 by payload descriptor, AV1 by dependency descriptor. See video.ts. */
import { Encoder } from './video.js';
import type { EncoderOptions, FrameFacts, SentPacket } from './video.js';
import type { HeardRtp, Peer } from '../../media/support/memoryCall.js';

export interface SvcOptions extends EncoderOptions {
  spatialLayers: number;
  /** Layers depend on each other at key pictures only. */
  keyOnly?: boolean;
  /** AV1: each key frame explains the layers by the same template ids, as browsers do. */
  sameTemplates?: boolean;
}

const PATTERNS = { 1: [0], 2: [0, 1], 3: [0, 2, 1, 2] } as const;

interface LayerFrame {
  n: number;
  spatial: number;
  temporal: number;
  key: boolean;
  refs: number[];
}

/** Which frame refers to which: within a layer to the nearest of a lower temporal layer, and to the layer below. */
abstract class LayeredEncoder extends Encoder {
  /** Spatial layers that are sent, from the lowest. */
  activeLayers: number;
  picture = 0;
  #position = 0;
  /** By spatial layer, then temporal: the newest frame. */
  #last: (number | undefined)[][] = [];

  constructor(
    peer: Peer,
    readonly svc: SvcOptions,
  ) {
    super(peer, svc);
    this.activeLayers = svc.spatialLayers;
  }

  frame(nowMicros: number, wantsKey = false): SentPacket[] {
    const { temporalLayers = 1, packetsPerFrame = 2, keyOnly = false } = this.svc;
    const pattern = PATTERNS[temporalLayers];
    const key = wantsKey || this.frames === 0;
    if (key) {
      this.#position = 0;
      this.#last = [];
    }
    const temporal = pattern[this.#position++ % pattern.length]!;
    const packets: SentPacket[] = [];
    let below: number | undefined;
    for (let spatial = 0; spatial < this.activeLayers; spatial++) {
      const last = (this.#last[spatial] ??= []);
      const n = this.frames++;
      const refs: number[] = [];
      if (!key) {
        // T0 refers to T0, others to the newest frame of a lower layer.
        const candidates = last.slice(0, Math.max(1, temporal)).filter((each) => each !== undefined);
        if (candidates.length > 0) refs.push(Math.max(...candidates));
      }
      if (below !== undefined && (key || !keyOnly)) refs.push(below);
      below = n;
      last[temporal] = n;
      const layerFrame = { n, spatial, temporal, key, refs };
      this.begin(layerFrame);
      for (let p = 0; p < packetsPerFrame; p++) {
        const isLast = p === packetsPerFrame - 1;
        const facts: FrameFacts = { e: this.name, ...layerFrame, p, of: packetsPerFrame };
        packets.push(this.layerPacket(facts, p === 0, isLast, isLast && spatial === this.activeLayers - 1));
      }
    }
    this.picture++;
    this.next(nowMicros);
    return packets;
  }

  protected begin(_frame: LayerFrame): void {}
  protected abstract layerPacket(
    facts: FrameFacts,
    start: boolean,
    end: boolean,
    marker: boolean,
  ): SentPacket;
}

export class Vp9Encoder extends LayeredEncoder {
  pictureId: number;
  tl0: number;

  constructor(peer: Peer, options: SvcOptions) {
    super(peer, options);
    this.pictureId = options.pictureId ?? 33;
    this.tl0 = options.tl0 ?? 9;
  }

  protected override begin({ spatial, temporal }: LayerFrame): void {
    if (spatial !== 0) return;
    this.pictureId = (this.pictureId + 1) & 0x7fff;
    if (temporal === 0) this.tl0 = (this.tl0 + 1) & 0xff;
  }

  protected layerPacket(facts: FrameFacts, start: boolean, end: boolean, marker: boolean): SentPacket {
    const { key, spatial, temporal, refs } = facts;
    const { spatialLayers, keyOnly } = this.svc;
    const structure = key && start && spatial === 0;
    const dependsBelow = spatial > 0 && (key || !keyOnly);
    const head = [
      0x80 | (key ? 0 : 0x40) | 0x20 | (start ? 0x08 : 0) | (end ? 0x04 : 0) | (structure ? 0x02 : 0),
      0x80 | (this.pictureId >> 8),
      this.pictureId & 0xff,
      (temporal << 5) | (temporal > 0 || key ? 0x10 : 0) | (spatial << 1) | (dependsBelow ? 1 : 0),
      this.tl0,
    ];
    if (structure) {
      head.push(((spatialLayers - 1) << 5) | 0x10);
      for (let s = 0; s < spatialLayers; s++) head.push(0, 160 << s > 255 ? (160 << s) >> 8 : 160, 0, 90);
    }
    void refs;
    const payload = Buffer.concat([Uint8Array.from(head), Buffer.from(JSON.stringify(facts))]);
    return this.packet(payload, facts, marker);
  }
}

/** Bits, most significant first. */
class Bits {
  readonly #bits: number[] = [];

  put(value: number, width: number): this {
    for (let i = width - 1; i >= 0; i--) this.#bits.push((value >> i) & 1);
    return this;
  }

  bytes(): Uint8Array {
    const bytes = new Uint8Array(Math.ceil(this.#bits.length / 8));
    this.#bits.forEach((bit, i) => (bytes[i >> 3]! |= bit << (7 - (i & 7))));
    return bytes;
  }
}

const DTI = { notPresent: 0, discardable: 1, switch: 2, required: 3 } as const;

export class Av1Encoder extends LayeredEncoder {
  frameNumber: number;
  #offset = 5;

  constructor(peer: Peer, options: SvcOptions & { frameNumber?: number }) {
    super(peer, options);
    this.frameNumber = options.frameNumber ?? 700;
  }

  protected override begin(frame: LayerFrame): void {
    this.frameNumber = (this.frameNumber + 1) & 0xffff;
    if (frame.key && frame.spatial === 0 && !this.svc.sameTemplates) this.#offset = (this.#offset + 17) % 64;
  }

  protected layerPacket(facts: FrameFacts, start: boolean, end: boolean, marker: boolean): SentPacket {
    const { key, spatial } = facts;
    const isFirst = key && spatial === 0 && start;
    // Aggregation header: one element, a new coded video sequence where one begins; then an OBU that nobody looks into.
    const payload = Buffer.concat([
      Uint8Array.of(0x10 | (isFirst ? 0x08 : 0), 0x30),
      Buffer.from(JSON.stringify(facts)),
    ]);
    return this.packet(payload, facts, marker, this.#descriptor(facts, start, end, isFirst));
  }

  #descriptor(facts: FrameFacts, start: boolean, end: boolean, withStructure: boolean): Uint8Array {
    const { spatialLayers, temporalLayers = 1 } = this.svc;
    const template = (this.#offset + facts.spatial * temporalLayers + facts.temporal) % 64;
    const bits = new Bits()
      .put(start ? 1 : 0, 1)
      .put(end ? 1 : 0, 1)
      .put(template, 6)
      .put(this.frameNumber, 16)
      .put(withStructure ? 1 : 0, 1)
      .put(0, 1) // active decode targets
      .put(1, 1) // own indications
      .put(1, 1) // own differences
      .put(0, 1);
    if (withStructure) this.#structure(bits);
    for (let s = 0; s < spatialLayers; s++)
      for (let t = 0; t < temporalLayers; t++) bits.put(this.#indication(facts, s, t), 2);
    for (const ref of facts.refs) bits.put(2, 2).put(facts.n - ref - 1, 8);
    bits.put(0, 2);
    return bits.bytes();
  }

  #structure(bits: Bits): void {
    const { spatialLayers, temporalLayers = 1 } = this.svc;
    const targets = spatialLayers * temporalLayers;
    bits.put(this.#offset, 6).put(targets - 1, 5);
    for (let s = 0; s < spatialLayers; s++)
      for (let t = 0; t < temporalLayers; t++) {
        const isLast = s === spatialLayers - 1 && t === temporalLayers - 1;
        bits.put(isLast ? 3 : t < temporalLayers - 1 ? 1 : 2, 2);
      }
    for (let s = 0; s < spatialLayers; s++)
      for (let t = 0; t < temporalLayers; t++)
        for (let target = 0; target < targets; target++) {
          const within = s <= Math.floor(target / temporalLayers) && t <= target % temporalLayers;
          bits.put(within ? DTI.required : DTI.notPresent, 2);
        }
    for (let i = 0; i < targets; i++) bits.put(0, 1); // no differences in the templates
    bits.put(0, Math.floor(Math.log2(targets + 1))); // no chains
    bits.put(0, 1); // no resolutions
  }

  #indication({ spatial, temporal, key }: FrameFacts, targetSpatial: number, targetTemporal: number): number {
    if (spatial > targetSpatial || temporal > targetTemporal) return DTI.notPresent;
    if (this.svc.keyOnly && !key && spatial < targetSpatial) return DTI.notPresent;
    if (key) return DTI.switch;
    if (spatial < targetSpatial) return DTI.required;
    if (temporal === 0) return DTI.switch;
    return temporal === targetTemporal ? DTI.discardable : DTI.required;
  }
}

/** Picture ids go up, never back, and stay together within a picture; TL0PICIDX by one with each base layer picture. */
export function vp9Faults(heard: readonly HeardRtp[]): string[] {
  const faults: string[] = [];
  let last: { pictureId: number; tl0: number; timestamp: number } | undefined;
  for (const { payload, timestamp } of heard) {
    const pictureId = ((payload[1]! & 0x7f) << 8) | payload[2]!;
    const temporal = payload[3]! >> 5;
    const tl0 = payload[4]!;
    if (last) {
      const same = last.timestamp === timestamp;
      const step = ((pictureId - last.pictureId) << 17) >> 17;
      if (same ? step !== 0 : step <= 0 || step > 8)
        faults.push(`picture id ${last.pictureId} → ${pictureId}`);
      const tl0Step = (tl0 - last.tl0) & 0xff;
      if (tl0Step !== (!same && temporal === 0 ? 1 : 0)) faults.push(`TL0PICIDX ${last.tl0} → ${tl0}`);
    }
    last = { pictureId, tl0, timestamp };
  }
  return faults;
}

/** Every picture ends with the marker, and nothing comes after it. */
export function markerFaults(heard: readonly HeardRtp[]): string[] {
  return heard.flatMap(({ timestamp, marker, sequenceNumber }, i) => {
    const next = heard[i + 1];
    const ends = next !== undefined && next.timestamp !== timestamp;
    return next === undefined || marker === ends ? [] : [`marker ${marker} at ${sequenceNumber}`];
  });
}
