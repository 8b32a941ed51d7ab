/** The paths of WHIP and WHEP, as part of the table api.ts. Elsewhere: what the handlers do → whip.ts */
import { z } from 'zod';
import { done, START_ERRORS, TOKEN_ERRORS, type ApiRoute } from './apiRoute.js';
import { SDP, SDP_FRAGMENT } from './mediaTypes.js';

const SDP_ERRORS = [
  'ROOM_NAME_INVALID',
  'PARAMETER_INVALID',
  'MEDIA_TYPE_UNSUPPORTED',
  'NOT_ACCEPTABLE',
  'BODY_TOO_LARGE',
  'OFFER_MALFORMED',
  'OFFER_TOO_MANY_SECTIONS',
  'OFFER_UNPROCESSABLE',
  ...TOKEN_ERRORS,
  'ROOM_FULL',
  'TOO_MANY_ROOMS',
  ...START_ERRORS,
] as const;
const offerOf = (who: string) => z.string().describe(`SDP offer of a ${who}.`);

/** What WHIP and WHEP have in common: one path to begin a session, one for each session. */
const lookAtEndpoint = <Path extends string>(path: Path) =>
  ({
    method: 'GET',
    path,
    summary: 'Nothing to see; POST begins a session',
    needs: 'none',
    success: done('There is such a path.'),
    errors: ['ROOM_NAME_INVALID'],
  }) as const;
const lookAtSession = <Path extends string>(path: Path) =>
  ({
    method: 'GET',
    path,
    summary: 'Whether the session goes on',
    needs: 'session',
    success: done('It does.'),
    errors: ['ROOM_NAME_INVALID', 'SESSION_NOT_FOUND'],
  }) as const;
const changeSession = <Path extends string>(path: Path) =>
  ({
    method: 'PATCH',
    path,
    summary: 'More candidates, or an ICE restart (200 with our fragment and a new ETag)',
    needs: 'session',
    body: z.string().describe('SDP fragment, RFC 8840; If-Match has the ETag, or * for a restart.'),
    bodyType: SDP_FRAGMENT,
    success: done('The candidates were read.'),
    errors: [
      'ROOM_NAME_INVALID',
      'SESSION_NOT_FOUND',
      'MEDIA_TYPE_UNSUPPORTED',
      'NOT_ACCEPTABLE',
      'BODY_TOO_LARGE',
      'FRAGMENT_MALFORMED',
      'FRAGMENT_UNPROCESSABLE',
      'PRECONDITION_REQUIRED',
      'PRECONDITION_FAILED',
      'RATE_LIMITED',
      'MEDIA_UNAVAILABLE',
    ],
  }) as const;
const endSession = <Path extends string>(path: Path) =>
  ({
    method: 'DELETE',
    path,
    summary: 'End the session',
    needs: 'session',
    success: { status: 200, description: 'The session has ended.' },
    errors: ['ROOM_NAME_INVALID', 'SESSION_NOT_FOUND'],
  }) as const;

export const WHIP_API = {
  whip: lookAtEndpoint('/whip/{room}'),
  publish: {
    method: 'POST',
    path: '/whip/{room}',
    summary: 'WHIP, RFC 9725: publish sound and a picture',
    needs: 'publish',
    query: { name: 'Shown to the others; goes before the name of the token.' },
    body: offerOf('publisher'),
    bodyType: SDP,
    success: { status: 201, description: 'The answer; Location is the session.', contentType: SDP },
    errors: SDP_ERRORS,
  },
  whipSession: lookAtSession('/whip/{room}/{sessionId}'),
  changePublisher: changeSession('/whip/{room}/{sessionId}'),
  endPublisher: endSession('/whip/{room}/{sessionId}'),
  whep: lookAtEndpoint('/whep/{room}'),
  play: {
    method: 'POST',
    path: '/whep/{room}',
    summary: 'WHEP: play the room, or one participant',
    needs: 'subscribe',
    query: { participant: 'Only this one: the id of a participant, or the identity of its token.' },
    body: offerOf('player'),
    bodyType: SDP,
    success: { status: 201, description: 'The answer; Location is the session.', contentType: SDP },
    errors: SDP_ERRORS,
  },
  whepSession: lookAtSession('/whep/{room}/{sessionId}'),
  changePlayer: changeSession('/whep/{room}/{sessionId}'),
  endPlayer: endSession('/whep/{room}/{sessionId}'),
} as const satisfies Record<string, ApiRoute>;
