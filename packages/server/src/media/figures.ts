/**
 * What the library counted of a session, in the words of the API: the stable part of `GET /v1/rooms/{room}/stats`.
 * Pure. Elsewhere: who asks the library → sfuSession.ts · what each figure means, for people → docs/stats.md
 */
import type { ProducerStat, SlotStat, WebRtcTransportStat } from '@tertulia/sfu';
import type { SourceName } from '../rooms/news.js';

export interface TransportFigures {
  readonly protocol?: 'udp' | 'tcp';
  /** The least of what its slots report; absent until one has. */
  readonly roundTripMs?: number;
  readonly receivedBitsPerSecond: number;
  readonly sentBitsPerSecond: number;
  /** What the way to the client bears, as estimated; absent while nothing is sent that tells. */
  readonly availableOutgoingBitsPerSecond?: number;
  readonly availableIncomingBitsPerSecond?: number;
  /** Reason → packets that went no further; the ones that happened. */
  readonly drops: Readonly<Record<string, number>>;
}

export interface LayerFigures {
  /** RID, or the number of the layer from 0. */
  readonly name: string;
  readonly bitsPerSecond: number;
  readonly packets: number;
  readonly lost: number;
  /** 0…1, of the last report interval. */
  readonly lostShare: number;
  readonly jitterMs: number;
  readonly width?: number;
  readonly height?: number;
  readonly framesPerSecond?: number;
  readonly keyFrames?: number;
  readonly keyFramesAsked: number;
  /** Packets that the server asked for again, and those that came. */
  readonly packetsAsked: number;
  readonly packetsRepaired: number;
  /** 0…10. */
  readonly score: number;
}

export interface SourceFigures {
  readonly source: SourceName;
  readonly csrc: number;
  readonly muted: boolean;
  /** As in SDP: opus, VP8. */
  readonly codec?: string;
  /** One for sound, one for each simulcast layer that was ever sent; low first. */
  readonly layers: readonly LayerFigures[];
}

export interface SlotFigures {
  readonly kind: 'audio' | 'video';
  /** From 0, of its kind. */
  readonly slot: number;
  /** Whose sound or picture it carries; absent: nobody's. */
  readonly csrc?: number;
  /** Of sound. */
  readonly loudest?: boolean;
  /** Of pictures: which canvas of the layout shows it. */
  readonly canvasId?: number;
  /** Of pictures whose source has layers. */
  readonly spatialLayer?: number;
  readonly temporalLayer?: number;
  /** Of pictures: the bandwidth holds not even the smallest layer. */
  readonly dark?: boolean;
  readonly bitsPerSecond: number;
  readonly packets: number;
  readonly lost: number;
  /** 0…1, of the last report. */
  readonly lostShare: number;
  readonly jitterMs: number;
  readonly roundTripMs?: number;
  readonly packetsAsked: number;
  readonly packetsSentAgain?: number;
  readonly keyFramesAsked: number;
  readonly switches?: number;
}

export interface SessionFigures {
  readonly transport: TransportFigures;
  readonly sources: readonly SourceFigures[];
  readonly slots: readonly SlotFigures[];
}

/** A share as RTCP has it. RFC 3550 §6.4.1 */
const share = (fraction: number): number => Math.round((1000 * fraction) / 256) / 1000;
const given = <Key extends string, Value>(key: Key, value: Value | undefined): { [K in Key]?: Value } =>
  value === undefined ? {} : ({ [key]: value } as { [K in Key]?: Value });

export function transportFigures(
  stat: WebRtcTransportStat | undefined,
  slots: readonly SlotFigures[],
): TransportFigures {
  const roundTrips = slots.flatMap(({ roundTripMs }) => roundTripMs ?? []);
  return {
    ...given('protocol', stat?.iceSelectedTuple?.protocol),
    ...(roundTrips.length > 0 ? { roundTripMs: Math.min(...roundTrips) } : {}),
    receivedBitsPerSecond: stat?.recvBitrate ?? 0,
    sentBitsPerSecond: stat?.sendBitrate ?? 0,
    ...given('availableOutgoingBitsPerSecond', stat?.availableOutgoingBitrate),
    ...given('availableIncomingBitsPerSecond', stat?.availableIncomingBitrate),
    drops: stat?.drops ?? {},
  };
}

export function sourceFigures(
  { name, csrc, paused }: { name: SourceName; csrc: number; paused: boolean },
  streams: readonly ProducerStat[],
): SourceFigures {
  const [first] = streams;
  return {
    source: name,
    csrc,
    muted: paused,
    ...(first ? { codec: first.mimeType.slice(first.mimeType.indexOf('/') + 1) } : {}),
    layers: streams.map((stream, at) => ({
      name: stream.rid ?? String(at),
      bitsPerSecond: stream.bitrate,
      packets: stream.packetCount,
      lost: stream.packetsLost,
      lostShare: share(stream.fractionLost),
      jitterMs: Math.round(stream.jitter / (stream.kind === 'audio' ? 48 : 90)),
      ...given('width', stream.frameWidth),
      ...given('height', stream.frameHeight),
      ...given('framesPerSecond', stream.framesPerSecond),
      ...given('keyFrames', stream.keyFrameCount),
      keyFramesAsked: stream.pliCount + stream.firCount,
      packetsAsked: stream.nackPacketCount,
      packetsRepaired: stream.packetsRepaired,
      score: stream.score,
    })),
  };
}

/** What a slot carries, as the library's object of it says. */
export interface SlotContent {
  readonly csrc: number;
  readonly loudest?: boolean;
  readonly canvasId?: number | undefined;
}

export function slotFigures(content: SlotContent | undefined, stat: SlotStat): SlotFigures {
  const { loudest, canvasId } = content ?? {};
  // What is held back has no packets that could say whose it is.
  const csrc = content?.csrc || (stat.dark ? stat.assignedCsrc : undefined) || 0;
  return {
    kind: stat.kind,
    slot: stat.slot,
    ...(csrc === 0 ? {} : { csrc }),
    ...given('loudest', loudest),
    ...given('canvasId', canvasId),
    ...given('spatialLayer', stat.layers?.spatialLayer),
    ...given('temporalLayer', stat.layers?.temporalLayer),
    ...given('dark', stat.dark),
    bitsPerSecond: stat.bitrate,
    packets: stat.packetCount,
    lost: stat.packetsLost,
    lostShare: share(stat.fractionLost),
    jitterMs: stat.jitter,
    ...given('roundTripMs', stat.roundTripTime),
    packetsAsked: stat.nackPacketCount,
    ...given('packetsSentAgain', stat.packetsRetransmitted),
    keyFramesAsked: stat.pliCount,
    ...given('switches', stat.switches),
  };
}
