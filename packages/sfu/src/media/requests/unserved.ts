/**
 * Requests that this version knows but does not serve yet. Whoever serves one takes its line away here and adds a handler
 * in the file of its entity.
 */
import { UnsupportedError } from '../../channel/errors.js';

function refuse(): never {
  throw new UnsupportedError('not supported by this version', 'NOT_SUPPORTED');
}

export const UNSERVED = {
  'router.createPlainTransport': refuse,
  'router.createPipeTransport': refuse,
  'router.createDirectTransport': refuse,
  'transport.connectPlain': refuse,
  'transport.connectPipe': refuse,
  'transport.setMaxIncomingBitrate': refuse,
  'transport.setMaxOutgoingBitrate': refuse,
  'transport.setMinOutgoingBitrate': refuse,
  'transport.enableTraceEvent': refuse,
  'transport.produceData': refuse,
  'transport.consumeData': refuse,
  'producer.enableTraceEvent': refuse,
  'consumer.enableTraceEvent': refuse,
  'consumer.setPreferredLayers': refuse,
  'consumer.setPriority': refuse,
  'consumer.requestKeyFrame': refuse,
  'dataProducer.close': refuse,
  'dataProducer.dump': refuse,
  'dataProducer.getStats': refuse,
  'dataProducer.pause': refuse,
  'dataProducer.resume': refuse,
  'dataConsumer.close': refuse,
  'dataConsumer.dump': refuse,
  'dataConsumer.getStats': refuse,
  'dataConsumer.pause': refuse,
  'dataConsumer.resume': refuse,
  'dataConsumer.send': refuse,
  'dataConsumer.getBufferedAmount': refuse,
  'dataConsumer.setBufferedAmountLowThreshold': refuse,
  'dataConsumer.setSubchannels': refuse,
  'dataConsumer.addSubchannel': refuse,
  'dataConsumer.removeSubchannel': refuse,
  'router.createAudioLevelObserver': refuse,
  'router.createActiveSpeakerObserver': refuse,
  'rtpObserver.close': refuse,
  'rtpObserver.pause': refuse,
  'rtpObserver.resume': refuse,
  'rtpObserver.dump': refuse,
  'rtpObserver.addProducer': refuse,
  'rtpObserver.removeProducer': refuse,
} as const;
