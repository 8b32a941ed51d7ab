/** The functions of negotiation.ts in the shapes that transports use. */
import { randomInt } from 'node:crypto';
import { OptionError, UnsupportedError } from '../channel/errors.js';
import type {
  MediaKind,
  RtpCapabilities,
  RtpMapping,
  RtpParameters,
  SctpStreamParameters,
} from '../types.js';
import {
  canConsume as canConsumeParameters,
  checkProducerParameters,
  checkRtpCapabilities,
  consumableRtpParameters,
  consumerRtpParameters,
  producerRtpParameters,
} from './negotiation.js';

export const validateRtpParameters = (parameters: RtpParameters): void => {
  if (!Array.isArray(parameters?.codecs))
    throw new OptionError('rtpParameters.codecs: not an array of codecs');
};
export const validateRtpCapabilities = checkRtpCapabilities;
export const canConsume = canConsumeParameters;

export function validateSctpStreamParameters(stream: SctpStreamParameters): void {
  if (!Number.isInteger(stream.streamId))
    throw new OptionError('sctpStreamParameters.streamId: not an integer');
  const limited = stream.maxPacketLifeTime !== undefined || stream.maxRetransmits !== undefined;
  if (stream.ordered === true && limited)
    throw new OptionError('sctpStreamParameters.ordered: not with maxPacketLifeTime or maxRetransmits');
  stream.ordered ??= !limited;
}

export function getProducerRtpParametersMapping(
  parameters: RtpParameters,
  router: RtpCapabilities,
): RtpMapping {
  const { codecs } = producerRtpParameters(parameters, router);
  if (codecs.length === 0)
    throw new UnsupportedError('rtpParameters.codecs: none of the router', 'NO_COMMON_CODEC');
  parameters.codecs = codecs;
  return { codecs: [], encodings: [] };
}

export function getConsumableRtpParameters(
  kind: MediaKind,
  parameters: RtpParameters,
  router: RtpCapabilities,
  _mapping: RtpMapping,
): RtpParameters {
  checkProducerParameters(kind, parameters, router);
  return consumableRtpParameters(parameters, router);
}

export const getConsumerRtpParameters = (options: {
  consumableRtpParameters: RtpParameters;
  remoteRtpCapabilities: RtpCapabilities;
  pipe: boolean;
  enableRtx: boolean;
}): RtpParameters =>
  consumerRtpParameters(
    options.consumableRtpParameters,
    options.remoteRtpCapabilities,
    randomInt(1, 2 ** 32),
    '0',
  );

export const getPipeConsumerRtpParameters = (options: {
  consumableRtpParameters: RtpParameters;
  enableRtx: boolean;
}): RtpParameters => structuredClone(options.consumableRtpParameters);
