/** Statistics of streams in mediasoup's form. Rates are over the time since the last call for the same stream. */
import type { ConsumerStat, ProducerStat, RtpStreamStat } from '../types.js';
import type { Consumer } from './consumer.js';
import { unixMs } from './context.js';
import type { MediaContext } from './context.js';
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
function bitrate(stream: object, octets: number, nowMicros: number): number {
  const last = samples.get(stream);
  if (last && nowMicros - last.micros < LEAST_SPAN_MICROS) return last.bitrate;
  const rate = last ? Math.round(((octets - last.octets) * 8e6) / (nowMicros - last.micros)) : 0;
  samples.set(stream, { micros: nowMicros, octets, bitrate: rate });
  return rate;
}

const NOTHING_OF_VIDEO = { pliCount: 0, firCount: 0, packetsDiscarded: 0 } as const;

export function producerStat(context: MediaContext, producer: Producer, nowMicros: number): ProducerStat[] {
  const { stream } = producer;
  if (!stream) return [];
  const reception = stream.receive.stats();
  const nack = stream.nack?.stats();
  const common: RtpStreamStat = {
    ...NOTHING_OF_VIDEO,
    timestamp: Math.round(unixMs(context, nowMicros)),
    ssrc: stream.ssrc,
    kind: producer.kind,
    mimeType: producer.rtpParameters.codecs[0]?.mimeType ?? '',
    packetsLost: reception.lost,
    fractionLost: 0,
    packetsRetransmitted: 0,
    packetsRepaired: nack?.recovered ?? 0,
    nackCount: stream.nacks,
    nackPacketCount: stream.nackPackets,
    score: stream.score,
    packetCount: stream.packets,
    byteCount: stream.octets,
    bitrate: bitrate(stream, stream.octets, nowMicros),
  };
  return [{ ...common, type: 'inbound-rtp', jitter: Math.round(reception.jitter) }];
}

export function consumerStat(context: MediaContext, consumer: Consumer, nowMicros: number): ConsumerStat {
  const { stream } = consumer;
  const { packets, octets } = consumer.counters();
  return {
    ...NOTHING_OF_VIDEO,
    type: 'outbound-rtp',
    timestamp: Math.round(unixMs(context, nowMicros)),
    ssrc: stream.ssrc,
    kind: consumer.kind,
    mimeType: consumer.rtpParameters.codecs[0]?.mimeType ?? '',
    packetsLost: stream.packetsLost,
    fractionLost: stream.fractionLost,
    packetsRetransmitted: consumer.resent,
    packetsRepaired: 0,
    nackCount: stream.nacks,
    nackPacketCount: stream.nackPackets,
    score: 10,
    packetCount: packets,
    byteCount: octets,
    bitrate: bitrate(stream, octets, nowMicros),
    ...(stream.measured ? { roundTripTime: stream.roundTripMicros / 1000 } : {}),
  };
}
