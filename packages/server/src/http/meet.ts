/**
 * The Meet Media API's one HTTP request. Success has `answer` and never `error`; errors have Google's form, with the
 * reason twice. The path's last segment is `{room}:connectActiveConference`, plain or percent-encoded.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { MeetError, ServerError } from '../errors.js';
import { newTraceId } from '../ids.js';
import { parseJson } from '../json.js';
import { isRoomName } from '../names.js';
import { planMeetSession } from '../sdp/meetPlan.js';
import { readOfferText } from '../sdp/offerReader.js';
import { answerFor } from './answers.js';
import { API } from './api.js';
import { authorize, limitJoins, pathParameter, type AppContext } from './context.js';
import { define } from './routes.js';

const VERB = ':connectActiveConference';

export function meetRoutes(app: FastifyInstance, context: AppContext): void {
  define(app, API.connectActiveConference, async (request) => {
    const room = spaceName(request);
    limitJoins(context, request);
    const grants = await authorize(context, request, room, ['subscribe']);
    const { extensions } = context.config.meet;
    const record = await context.conference.joinMeet(room, grants, () =>
      planMeetSession(readOfferText(readOffer(request)), { extensions }),
    );
    return {
      answer: answerFor(record, record.plan, record.media.ice),
      traceId: newTraceId(),
    };
  });
}

function spaceName(request: FastifyRequest): string {
  const rest = pathParameter(request, '*');
  if (!rest.endsWith(VERB)) throw new ServerError('NOT_FOUND', `The path must end with "${VERB}".`);
  const name = rest.slice(0, -VERB.length);
  if (!isRoomName(name)) throw new ServerError('ROOM_NOT_FOUND', 'There is no conference of this name.');
  return name;
}

function readOffer(request: FastifyRequest): string {
  const bytes = request.body;
  const parsed = bytes instanceof Uint8Array ? parseJson(bytes) : undefined;
  if (!parsed?.ok)
    throw new MeetError('INVALID_OFFER', 'The body must be a JSON object with the key "offer".');
  const { value } = parsed;
  const offer = typeof value === 'object' && value !== null && 'offer' in value ? value.offer : undefined;
  if (typeof offer !== 'string' || offer === '')
    throw new MeetError('INVALID_OFFER', 'The key "offer" must be the text of an SDP offer.');
  return offer;
}
