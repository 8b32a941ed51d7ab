/**
 * What each request about data producers and data consumers does. Part of requests/; the same rules hold.
 * On a transport without an association (direct) messages come from the application and go to it.
 */
import { InvalidStateError, OptionError } from '../../channel/errors.js';
import type { Method } from '../../channel/messages.js';
import type { SctpStreamParameters } from '../../types.js';
import { unixMs } from '../context.js';
import type { MediaContext } from '../context.js';
import type { MediaCore } from '../core.js';
import type { Handlers } from '../requests/handler.js';
import type { SendOptions } from '../sctp/index.js';
import type { TransportData } from '../transportData.js';
import { DataConsumer } from './dataConsumer.js';
import type { DataOutlet } from './dataConsumer.js';
import { DataProducer } from './dataProducer.js';

type DataMethod =
  | 'transport.produceData'
  | 'transport.consumeData'
  | Extract<Method, `data${'Producer' | 'Consumer'}.${string}`>;

export const DATA_REQUESTS: Handlers<DataMethod> = {
  'transport.produceData': ({ directory }, { transportId, dataProducerId, ...settings }) => {
    const { data } = directory.transports.get(transportId);
    if (directory.dataProducers.has(dataProducerId)) throw duplicate('DataProducer', dataProducerId);
    const producer = new DataProducer({ id: dataProducerId, ...settings }, transportId);
    const streamId = settings.sctpStreamParameters?.streamId;
    if (settings.type === 'sctp' && (streamId === undefined || !data.addProducer(streamId, producer)))
      throw new OptionError(
        `sctpStreamParameters.streamId: ${streamId} is in use, or there is no SCTP`,
        'STREAM_IN_USE',
      );
    directory.dataProducers.add(dataProducerId, producer);
    return undefined;
  },
  'transport.consumeData': ({ context, directory }, request) => {
    const { transportId, dataConsumerId, dataProducerId, ...settings } = request;
    const { data } = directory.transports.get(transportId);
    const producer = directory.dataProducers.get(dataProducerId);
    if (directory.dataConsumers.has(dataConsumerId)) throw duplicate('DataConsumer', dataConsumerId);
    const { sctpStreamParameters } = settings;
    const outlet =
      settings.type === 'sctp' && sctpStreamParameters
        ? streamOutlet(data, sctpStreamParameters)
        : directOutlet(context, dataConsumerId);
    const emit = context.emit.bind(context);
    const consumer = new DataConsumer(
      { id: dataConsumerId, ...settings },
      producer,
      transportId,
      outlet,
      emit,
    );
    const streamId = sctpStreamParameters?.streamId;
    if (settings.type === 'sctp' && (streamId === undefined || !data.addConsumer(streamId, consumer))) {
      consumer.close();
      throw new OptionError(
        `sctpStreamParameters.streamId: ${streamId} is in use, or there is no SCTP`,
        'STREAM_IN_USE',
      );
    }
    directory.dataConsumers.add(dataConsumerId, consumer);
    return { paused: consumer.paused, dataProducerPaused: producer.paused };
  },

  'dataProducer.close': ({ closing, directory }, { dataProducerId }) => {
    const producer = directory.dataProducers.find(dataProducerId);
    if (producer) closing.dataProducer(producer);
    return undefined;
  },
  'dataProducer.dump': ({ directory }, { dataProducerId }) =>
    directory.dataProducers.get(dataProducerId).dump(),
  'dataProducer.getStats': ({ context, directory }, { dataProducerId }, now) =>
    directory.dataProducers.get(dataProducerId).stats(unixMs(context, now)),
  'dataProducer.pause': (core, { dataProducerId }) => setProducerPaused(core, dataProducerId, true),
  'dataProducer.resume': (core, { dataProducerId }) => setProducerPaused(core, dataProducerId, false),

  'dataConsumer.close': ({ closing, directory }, { dataConsumerId }) => {
    const consumer = directory.dataConsumers.find(dataConsumerId);
    if (consumer) closing.dataConsumer(consumer);
    return undefined;
  },
  'dataConsumer.dump': ({ directory }, { dataConsumerId }) =>
    directory.dataConsumers.get(dataConsumerId).dump(),
  'dataConsumer.getStats': ({ context, directory }, { dataConsumerId }, now) =>
    directory.dataConsumers.get(dataConsumerId).stats(unixMs(context, now)),
  'dataConsumer.pause': ({ directory }, { dataConsumerId }) => {
    directory.dataConsumers.get(dataConsumerId).paused = true;
    return undefined;
  },
  'dataConsumer.resume': ({ directory }, { dataConsumerId }) => {
    directory.dataConsumers.get(dataConsumerId).paused = false;
    return undefined;
  },
  'dataConsumer.send': ({ directory }, { dataConsumerId, ppid, data }) => {
    directory.dataConsumers.get(dataConsumerId).send(ppid, data);
    return undefined;
  },
  'dataConsumer.getBufferedAmount': ({ directory }, { dataConsumerId }) => ({
    bufferedAmount: directory.dataConsumers.get(dataConsumerId).bufferedAmount(),
  }),
  'dataConsumer.setBufferedAmountLowThreshold': ({ directory }, { dataConsumerId, threshold }) => {
    directory.dataConsumers.get(dataConsumerId).setBufferedAmountLowThreshold(threshold);
    return undefined;
  },
  'dataConsumer.setSubchannels': ({ directory }, { dataConsumerId, subchannels }) => {
    const consumer = directory.dataConsumers.get(dataConsumerId);
    consumer.setSubchannels(subchannels);
    return { subchannels: consumer.subchannels };
  },
  'dataConsumer.addSubchannel': ({ directory }, { dataConsumerId, subchannel }) => {
    const consumer = directory.dataConsumers.get(dataConsumerId);
    consumer.addSubchannel(subchannel);
    return { subchannels: consumer.subchannels };
  },
  'dataConsumer.removeSubchannel': ({ directory }, { dataConsumerId, subchannel }) => {
    const consumer = directory.dataConsumers.get(dataConsumerId);
    consumer.removeSubchannel(subchannel);
    return { subchannels: consumer.subchannels };
  },
};

function setProducerPaused(
  { context, directory }: MediaCore,
  dataProducerId: string,
  paused: boolean,
): undefined {
  const producer = directory.dataProducers.get(dataProducerId);
  if (!producer.setPaused(paused)) return;
  const event = paused ? 'dataConsumer.dataProducerPause' : 'dataConsumer.dataProducerResume';
  for (const { id } of producer.consumers) context.emit({ event, dataConsumerId: id });
}

function streamOutlet(data: TransportData, parameters: SctpStreamParameters): DataOutlet {
  const { streamId, ordered = true, maxPacketLifeTime, maxRetransmits } = parameters;
  const options: SendOptions = {
    ordered,
    ...(maxPacketLifeTime === undefined ? {} : { maxPacketLifeTimeMs: maxPacketLifeTime }),
    ...(maxRetransmits === undefined ? {} : { maxRetransmits }),
  };
  return {
    send: (payloadProtocol, bytes) => data.sendMessage(streamId, payloadProtocol, bytes, options),
    bufferedAmount: () => data.bufferedAmount(streamId),
  };
}

function directOutlet({ emit }: MediaContext, dataConsumerId: string): DataOutlet {
  return {
    send: (ppid, bytes) => {
      emit({ event: 'dataConsumer.message', dataConsumerId, data: bytes, ppid });
      return 'ok';
    },
    bufferedAmount: () => 0,
  };
}

const duplicate = (kind: string, id: string): InvalidStateError =>
  new InvalidStateError(`a ${kind} with id "${id}" already exists`, 'DUPLICATE_ID');
