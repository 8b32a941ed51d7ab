/** Statistics of streams in mediasoup's form. Rates are over the time since the last call for the same stream. */
import type { ConsumerStat, ProducerStat, RtpStreamStat } from '../types.js';
import type { Consumer } from './consumer.js';
import { unixMs } from './context.js';
import type { MediaContext } from './context.js';
import { LAYERS_MAX } from './forward/layers.js';
import type { SourceStream } from './forward/sourceStream.js';
import type { Producer } from './producer.js';

interface Sample {
  readonly micros: number;
  readonly octets: number;
  readonly bitrate: number;
}
const samples = new WeakMap<object, Sample>();
/** Calls closer together than this get the rate of the last one. */
const LEAST_SPAN_MICROS = 100_000;

/** The first call has nothing to compare with: 0. */
export function bitrate(stream: object, octets: number, nowMicros: number): number {
  const last = samples.get(stream);
  if (last && nowMicros - last.micros < LEAST_SPAN_MICROS) return last.bitrate;
  const rate = last ? Math.round(((octets - last.octets) * 8e6) / (nowMicros - last.micros)) : 0;
  samples.set(stream, { micros: nowMicros, octets, bitrate: rate });
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
    return [{ ...common, type: 'inbound-rtp', jitter: Math.round(reception.jitter), bitrateByLayer }];
  });
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
