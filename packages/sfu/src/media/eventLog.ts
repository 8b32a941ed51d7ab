/**
 * Which news of entities are also lines of the log, under which tag. Pure. Elsewhere: who asks for which level and tags
 * → core.ts · what is told without being news → `log` events
 */
import type { ChannelEvent } from '../channel/messages.js';
import type { WorkerLogTag } from '../types.js';

export interface LogLine {
  readonly level: 'debug' | 'warn';
  readonly tag: WorkerLogTag;
  readonly message: string;
}

export function logLineOf(event: ChannelEvent): LogLine | undefined {
  switch (event.event) {
    case 'transport.iceState':
      return line('ice', `ICE state is ${event.iceState} [transportId:${event.transportId}]`);
    case 'transport.tuple': {
      const { remoteIp, remotePort, protocol } = event.tuple;
      return line(
        'ice',
        `peer is at ${protocol} ${remoteIp}:${remotePort} [transportId:${event.transportId}]`,
      );
    }
    case 'transport.dtlsState': {
      const { dtlsState, failure, transportId } = event;
      const message = `DTLS state is ${dtlsState}${failure ? ` (${failure})` : ''} [transportId:${transportId}]`;
      return { level: failure ? 'warn' : 'debug', tag: 'dtls', message };
    }
    case 'transport.sctpState':
      return line('sctp', `SCTP state is ${event.sctpState} [transportId:${event.transportId}]`);
    case 'dataConsumer.sctpSendBufferFull':
      return {
        level: 'warn',
        tag: 'sctp',
        message: `send buffer is full [dataConsumerId:${event.dataConsumerId}]`,
      };
    case 'producer.score':
      return line(
        'score',
        `scores ${event.score.map(({ score }) => score).join(', ')} [producerId:${event.producerId}]`,
      );
    case 'consumer.score':
      return line('score', `score ${event.score.score} [consumerId:${event.consumerId}]`);
    case 'consumer.layerschange': {
      const { layers, consumerId } = event;
      const which = layers ? `spatial ${layers.spatialLayer}, temporal ${layers.temporalLayer ?? 0}` : 'none';
      return line('simulcast', `layers now: ${which} [consumerId:${consumerId}]`);
    }
    default:
      return undefined;
  }
}

const line = (tag: WorkerLogTag, message: string): LogLine => ({ level: 'debug', tag, message });
