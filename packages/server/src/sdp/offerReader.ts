/**
 * Text of an offer → what it asks for. sdp-transform reads the lines, @tertulia/wire their meaning; here are the
 * limits that must hold before either looks, and the words for what is refused.
 */
import { readOffer, type SdpOffer } from '@tertulia/wire';
import { parse } from 'sdp-transform';
import { ServerError } from '../errors.js';
import { LIMITS } from '../limits.js';

/** @throws ServerError OFFER_MALFORMED or OFFER_TOO_MANY_SECTIONS */
export function readOfferText(text: string): SdpOffer {
  if (!/^v=0\r?\n/.test(text))
    throw new ServerError('OFFER_MALFORMED', 'The offer does not begin with "v=0".');
  const sections = text.match(/^m=/gm)?.length ?? 0;
  if (sections === 0) throw new ServerError('OFFER_MALFORMED', 'The offer has no section.');
  if (sections > LIMITS.offerSections)
    throw new ServerError(
      'OFFER_TOO_MANY_SECTIONS',
      `The offer has ${sections} sections; ${LIMITS.offerSections} are allowed.`,
    );
  let session: ReturnType<typeof parse>;
  try {
    session = parse(text);
  } catch (cause) {
    throw new ServerError('OFFER_MALFORMED', 'The offer is not SDP.', { cause });
  }
  const read = readOffer(session);
  if (!read.ok) throw new ServerError('OFFER_MALFORMED', `The offer was refused: ${read.why}.`);
  return read.value;
}
