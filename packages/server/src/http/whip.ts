/**
 * WHIP and WHEP: media sessions by one POST, for programs that know nothing of rooms. RFC 9725, and draft-ietf-wish-whep,
 * which has the same requests. Bodies are SDP; errors are problems as everywhere else.
 * Elsewhere: what may be offered → ../sdp/httpPlans.ts · fragments → ../sdp/iceFragment.ts · OPTIONS → cors.ts
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ServerError } from '../errors.js';
import { readDisplayName, type SessionRecord } from '../rooms/conference.js';
import { planPlayer, planPublisher } from '../sdp/httpPlans.js';
import { readIceFragment, withHttpAttributes, writeIceFragment } from '../sdp/iceFragment.js';
import { readOfferText } from '../sdp/offerReader.js';
import { answerFor } from './answers.js';
import { API } from './api.js';
import { authorize, limitJoins, pathParameter, roomName, type AppContext } from './context.js';
import { iceServers, linkHeader } from './iceServers.js';
import { IceSessions } from './iceSessions.js';
import { requireAccepted, SDP, SDP_FRAGMENT, textBody } from './mediaTypes.js';
import { define } from './routes.js';

/** Both are one MediaStream (WHEP §4.5.2), so that browsers play sound and pictures in step. */
const STREAM = 'tertulia';
/** Ids of participants have 14 characters, identities of tokens up to this many. */
const WATCH_CHARACTERS = 256;

type Kind = 'whip' | 'whep';

export function whipRoutes(app: FastifyInstance, context: AppContext): void {
  const { conference, config } = context;
  const ice = new IceSessions();

  define(app, API.publish, async (request, reply) => {
    const room = roomName(request);
    limitJoins(context, request);
    const grants = await authorize(context, request, room, ['publish']);
    const text = textBody(request, SDP);
    requireAccepted(request, SDP);
    const record = await conference.join({
      roomName: room,
      grants,
      plan: planPublisher(readOfferText(text), config.videoCodec),
      displayName: readDisplayName(queryParameter(request, 'name')),
      replaces: undefined,
      kind: 'whip',
    });
    return created('whip', record, reply);
  });

  define(app, API.play, async (request, reply) => {
    const room = roomName(request);
    limitJoins(context, request);
    const grants = await authorize(context, request, room, ['subscribe']);
    const text = textBody(request, SDP);
    requireAccepted(request, SDP);
    const watch = queryParameter(request, 'participant');
    const { audioSlots = config.audioSlots, videoSlots = config.videoSlots } = conference.rooms.slots(room);
    // A person has one voice and one face here.
    const most = watch === undefined ? { audio: audioSlots, video: videoSlots } : { audio: 1, video: 1 };
    const plan = planPlayer(readOfferText(text), {
      audioSlots: Math.min(most.audio, grants.audioSlots ?? audioSlots),
      videoSlots: Math.min(most.video, grants.videoSlots ?? videoSlots),
    });
    return created('whep', await conference.play({ roomName: room, plan, watch }), reply);
  });

  function created(kind: Kind, record: SessionRecord, reply: FastifyReply): string {
    const { session, room, plan } = record;
    const servers = iceServers(config, session.participant?.participantId ?? kind, context.scheduler.nowMs());
    const links = linkHeader(servers);
    reply.type(SDP).headers({
      location: `/${kind}/${encodeURIComponent(room.name)}/${session.id}`,
      etag: ice.begin(session, plan.offer.ice),
      'cache-control': 'no-store',
      'accept-patch': SDP_FRAGMENT,
      ...(links === '' ? {} : { link: links }),
    });
    return withHttpAttributes(answerFor(record, plan, record.media.ice, STREAM));
  }

  for (const kind of ['whip', 'whep'] as const) {
    const find = (request: FastifyRequest): SessionRecord => {
      const record = conference.session(roomName(request), pathParameter(request, 'sessionId'));
      if (record.session.kind !== kind)
        throw new ServerError('SESSION_NOT_FOUND', 'The session has ended or never was.');
      return record;
    };
    const routes = kind === 'whip' ? WHIP_ROUTES : WHEP_ROUTES;

    // Neither has a representation, and a GET must succeed (RFC 9725 §4.1).
    define(app, routes.lookAtEndpoint, (request) => void roomName(request));
    define(app, routes.lookAt, (request) => void find(request));

    define(app, routes.end, (request) => find(request).session.end('left'));

    define(app, routes.change, async (request, reply) => {
      const record = find(request);
      const { session, plan } = record;
      const read = readIceFragment(textBody(request, SDP_FRAGMENT));
      if (!read.ok) throw new ServerError('FRAGMENT_MALFORMED', `The fragment was refused: ${read.why}.`);
      const fragment = read.value;
      if (fragment.mids.some((mid) => !plan.offer.bundle.includes(mid)))
        throw new ServerError('FRAGMENT_UNPROCESSABLE', 'The fragment names a section that was not offered.');
      ice.requireMatch(session, request.headers['if-match']);
      if (ice.isCurrent(session, fragment)) return undefined;

      requireAccepted(request, SDP_FRAGMENT);
      limitJoins(context, request);
      const side = await conference.restart(record);
      reply
        .code(200)
        .type(SDP_FRAGMENT)
        .headers({ etag: ice.begin(session, fragment), 'cache-control': 'no-store' });
      return writeIceFragment(plan, side);
    });
  }
}

const WHIP_ROUTES = {
  lookAtEndpoint: API.whip,
  lookAt: API.whipSession,
  change: API.changePublisher,
  end: API.endPublisher,
} as const;
const WHEP_ROUTES = {
  lookAtEndpoint: API.whep,
  lookAt: API.whepSession,
  change: API.changePlayer,
  end: API.endPlayer,
} as const;

/** @throws ServerError PARAMETER_INVALID when it is there twice, empty or too long. */
function queryParameter(request: FastifyRequest, name: string): string | undefined {
  const value = (request.query as Record<string, unknown>)[name];
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || value === '' || value.length > WATCH_CHARACTERS)
    throw new ServerError(
      'PARAMETER_INVALID',
      `"${name}" must be there once, with 1 to ${WATCH_CHARACTERS} characters.`,
    );
  return value;
}
