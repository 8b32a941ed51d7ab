/** Statistics of streams in mediasoup's form. Rates are over the time since the last call for the same stream. */
import type { ConsumerStat, ProducerStat, RtpStreamStat, SlotStat } from '../types.js';
import type { Consumer } from './consumer.js';
import { unixMs } from './context.js';
import type { MediaContext } from './context.js';
import { LAYERS_MAX } from './forward/layers.js';
import type { SourceStream } from './forward/sourceStream.js';
import type { OutgoingStream } from './outgoing.js';
import type { Producer } from './producer.js';
import type { MediaStream } from './receive/encoding.js';
import type { SlotReportNumbers } from './rtcpSender.js';

interface Sample {
  readonly micros: number;
  readonly count: number;
  readonly perSecond: number;
}
const samples = new WeakMap<object, Sample>();
/** Calls closer together than this get the rate of the last one. */
const LEAST_SPAN_MICROS = 100_000;
/** RFC 7587 §4.1. */
const OPUS_CLOCK_RATE = 48_000;

export const bitrate = (stream: object, octets: number, nowMicros: number): number =>
  Math.round(8 * perSecond(stream, octets, nowMicros));

/** The first call has nothing to compare with: 0. @param key one for each counter */
function perSecond(key: object, count: number, nowMicros: number): number {
  const last = samples.get(key);
  if (last && nowMicros - last.micros < LEAST_SPAN_MICROS) return last.perSecond;
  const rate = last ? ((count - last.count) * 1e6) / (nowMicros - last.micros) : 0;
  samples.set(key, { micros: nowMicros, count, perSecond: rate });
  return rate;
}

/** Of every encoding that has sent. */
export function producerStat(context: MediaContext, producer: Producer, nowMicros: number): ProducerStat[] {
  return producer.encodings.flatMap((encoding) => {
    const { current: stream, rid, retransmissions, source } = encoding;
    if (!stream) return [];
    const reception = stream.receive.stats();
    const common: RtpStreamStat = {
      timestamp: Math.round(unixMs(context, nowMicros)),
      ssrc: stream.ssrc,
      ...(retransmissions ? { rtxSsrc: retransmissions.ssrc } : {}),
      ...(rid === undefined ? {} : { rid }),
      kind: producer.kind,
      mimeType: producer.rtpParameters.codecs[0]?.mimeType ?? '',
      packetsLost: Math.max(0, reception.lost),
      fractionLost: reception.fractionLost,
      packetsDiscarded: stream.discarded,
      packetsRetransmitted: stream.retransmitted,
      packetsRepaired: stream.nack?.stats().recovered ?? 0,
      nackCount: stream.nacks,
      nackPacketCount: stream.nackPackets,
      pliCount: stream.plis,
      firCount: stream.firs,
      score: stream.score.value,
      packetCount: stream.packets,
      byteCount: stream.octets,
      bitrate: bitrate(stream, stream.octets, nowMicros),
    };
    const bitrateByLayer = source.hasKeyFrames ? layerBitrates(source, nowMicros) : {};
    const jitter = Math.round(reception.jitter);
    const pictures = producer.kind === 'video' ? pictureStat(stream, source, nowMicros) : {};
    return [{ ...common, type: 'inbound-rtp', jitter, bitrateByLayer, ...pictures }];
  });
}

/** Size as the last key frame had it. */
function pictureStat(stream: MediaStream, source: SourceStream, nowMicros: number): Partial<ProducerStat> {
  const framesPerSecond =
    Math.round(10 * perSecond(keyOf(pictureKeys, stream), stream.pictures, nowMicros)) / 10;
  const { width: frameWidth, height: frameHeight, keyFrames: keyFrameCount } = source;
  return { framesPerSecond, keyFrameCount, ...(frameWidth > 0 ? { frameWidth, frameHeight } : {}) };
}

const pictureKeys = new WeakMap<object, object>();
function keyOf(keys: WeakMap<object, object>, owner: object): object {
  let key = keys.get(owner);
  if (!key) keys.set(owner, (key = {}));
  return key;
}

/** bit/s by 'spatial.temporal', each with the layers below it. */
function layerBitrates(source: SourceStream, nowMicros: number): Record<string, number> {
  const { layerOctets } = source;
  const rates: Record<string, number> = {};
  for (let spatial = 0; spatial < LAYERS_MAX.spatial; spatial++) {
    for (let temporal = 0; temporal < LAYERS_MAX.temporal; temporal++) {
      const at = spatial * LAYERS_MAX.temporal + temporal;
      if (layerOctets[at] === 0) continue;
      let octets = 0;
      for (let s = 0; s <= spatial; s++)
        for (let t = 0; t <= temporal; t++) octets += layerOctets[s * LAYERS_MAX.temporal + t]!;
      rates[`${spatial}.${temporal}`] = bitrate(layerKey(source, at), octets, nowMicros);
    }
  }
  return rates;
}

const layerKeys = new WeakMap<SourceStream, object[]>();
function layerKey(source: SourceStream, at: number): object {
  let keys = layerKeys.get(source);
  if (!keys) layerKeys.set(source, (keys = []));
  return (keys[at] ??= {});
}

/** Of every outgoing stream. */
export function consumerStat(context: MediaContext, consumer: Consumer, nowMicros: number): ConsumerStat[] {
  return consumer.streams.map((each) => {
    const { outgoing: stream } = each;
    const { packets, octets } = each.counters;
    return {
      type: 'outbound-rtp',
      timestamp: Math.round(unixMs(context, nowMicros)),
      ssrc: stream.ssrc,
      ...(stream.rtxSsrc === undefined ? {} : { rtxSsrc: stream.rtxSsrc }),
      kind: consumer.kind,
      mimeType: consumer.rtpParameters.codecs[0]?.mimeType ?? '',
      packetsLost: Math.max(0, stream.packetsLost),
      fractionLost: stream.fractionLost,
      packetsDiscarded: 0,
      packetsRetransmitted: consumer.resent,
      packetsRepaired: 0,
      nackCount: stream.nacks,
      nackPacketCount: stream.nackPackets,
      pliCount: stream.plis,
      firCount: stream.firs,
      score: consumer.score.score,
      packetCount: packets,
      byteCount: octets,
      bitrate: bitrate(stream, octets, nowMicros),
      ...(stream.measured ? { roundTripTime: stream.roundTripMicros / 1000 } : {}),
    };
  });
}

/** Of one virtual stream: what was sent, and what its receiver reported. */
export function slotStat(
  stream: OutgoingStream,
  {
    packetCount,
    octetCount,
    clockRate = OPUS_CLOCK_RATE,
  }: Pick<SlotReportNumbers, 'packetCount' | 'octetCount' | 'clockRate'>,
  nowMicros: number,
): Omit<SlotStat, 'kind' | 'slot'> {
  return {
    ssrc: stream.ssrc,
    packetCount,
    byteCount: octetCount,
    bitrate: bitrate(stream, octetCount, nowMicros),
    packetsLost: Math.max(0, stream.packetsLost),
    fractionLost: stream.fractionLost,
    jitter: Math.round((1000 * stream.jitter) / clockRate),
    nackPacketCount: stream.nackPackets,
    pliCount: stream.plis + stream.firs,
    ...(stream.measured ? { roundTripTime: stream.roundTripMicros / 1000 } : {}),
  };
}
