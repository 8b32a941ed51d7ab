/**
 * Who can send what to whom: pure functions from capabilities and parameters to parameters. No state, no channel.
 * mediasoup's names. Spec: RFC 8829 in spirit, without SDP.
 */
export { canConsume, getConsumerRtpParameters, getPipeConsumerRtpParameters } from './consumer.js';
export { getConsumableRtpParameters, getProducerRtpParametersMapping } from './producer.js';
export { generateRouterRtpCapabilities } from './routerCapabilities.js';
export { validateRtpCapabilities, validateRtpParameters, validateSctpStreamParameters } from './validate.js';
