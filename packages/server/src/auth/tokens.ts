/**
 * Verifies and makes the tokens: JWT (RFC 7519) by jose. Which algorithms are taken is decided by the keys in the
 * configuration, never by the token: HS256 only with the secret, EdDSA only with the public key. `kid`, `jku` and
 * the like are not looked at. Time is an argument.
 */
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { errors, jwtVerify, SignJWT } from 'jose';
import { z } from 'zod';
import { ServerError } from '../errors.js';
import { LIMITS } from '../limits.js';
import { cleanDisplayName } from '../names.js';
import { OPEN_GRANTS, TertuliaClaim, type Grants, type Role } from './grants.js';

export interface TokenKeys {
  readonly apiKey: string;
  /** HS256 secret. */
  readonly secret: string | undefined;
  /** Ed25519 public key. */
  readonly publicKey: KeyObject | undefined;
}

const Payload = z.object({
  sub: z.string().min(1).max(256),
  name: z.string().max(1_024).optional(),
  tertulia: TertuliaClaim,
});

export class TokenVerifier {
  /** @param keys undefined: an open server; every token, and none, gives every right. */
  constructor(private readonly keys: TokenKeys | undefined) {}

  get open(): boolean {
    return this.keys === undefined;
  }

  /** @throws ServerError TOKEN_MISSING, TOKEN_INVALID or TOKEN_EXPIRED. */
  async verify(authorization: string | undefined, nowMs: number): Promise<Grants> {
    if (!this.keys) return OPEN_GRANTS;
    if (authorization === undefined)
      throw new ServerError('TOKEN_MISSING', 'Send "Authorization: Bearer <token>".');
    const token = /^Bearer +([^\s]+) *$/i.exec(authorization)?.[1];
    if (token === undefined)
      throw new ServerError('TOKEN_INVALID', 'The Authorization header is not "Bearer <token>".');
    if (token.length > LIMITS.tokenBytes)
      throw new ServerError('TOKEN_INVALID', 'The token is longer than 8 KiB.');
    const payload = await this.#check(token, this.keys, nowMs);
    const read = Payload.safeParse(payload);
    if (!read.success) {
      const at = read.error.issues[0]?.path.join('.') ?? '';
      throw new ServerError('TOKEN_INVALID', `The token's claim "${at}" is missing or wrong.`);
    }
    const { sub, name, tertulia } = read.data;
    return {
      identity: sub,
      displayName: name === undefined ? undefined : cleanDisplayName(name),
      room: tertulia.room,
      roles: new Set(tertulia.roles),
      audioSlots: tertulia.audioSlots,
      videoSlots: tertulia.videoSlots,
      single: tertulia.single ?? false,
    };
  }

  async #check(token: string, keys: TokenKeys, nowMs: number): Promise<unknown> {
    const options = {
      issuer: keys.apiKey,
      requiredClaims: ['exp', 'sub', 'tertulia'],
      currentDate: new Date(nowMs),
      clockTolerance: LIMITS.tokenClockToleranceSeconds,
    };
    try {
      if (keys.publicKey && algorithmOf(token) === 'EdDSA')
        return (await jwtVerify(token, keys.publicKey, { ...options, algorithms: ['EdDSA'] })).payload;
      if (keys.secret !== undefined)
        return (
          await jwtVerify(token, new TextEncoder().encode(keys.secret), { ...options, algorithms: ['HS256'] })
        ).payload;
    } catch (error) {
      if (error instanceof errors.JWTExpired)
        throw new ServerError('TOKEN_EXPIRED', 'The token has expired.', { cause: error });
      if (error instanceof errors.JWTClaimValidationFailed && error.claim === 'nbf')
        throw new ServerError('TOKEN_EXPIRED', 'The token is not valid yet.', { cause: error });
      const claim = error instanceof errors.JWTClaimValidationFailed ? ` (claim "${error.claim}")` : '';
      throw new ServerError('TOKEN_INVALID', `The token was not accepted${claim}.`, { cause: error });
    }
    throw new ServerError('TOKEN_INVALID', 'The token has an algorithm that this server has no key for.');
  }
}

/** Only chooses between keys; what the header says is checked again by jose against the allowed list. */
function algorithmOf(token: string): string | undefined {
  try {
    const header: unknown = JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString());
    if (typeof header === 'object' && header !== null && 'alg' in header && typeof header.alg === 'string')
      return header.alg;
  } catch {
    // Not a token at all: jose says so with a reason.
  }
  return undefined;
}

export interface TokenRequest {
  readonly apiKey: string;
  readonly secret?: string | undefined;
  /** PEM of an Ed25519 private key; goes before the secret. */
  readonly privateKeyPem?: string | undefined;
  readonly room: string;
  readonly identity: string;
  readonly name?: string | undefined;
  readonly roles: readonly Role[];
  readonly lifetimeSeconds: number;
  readonly audioSlots?: number | undefined;
  readonly videoSlots?: number | undefined;
  readonly single?: boolean;
}

export async function makeToken(request: TokenRequest, nowMs: number): Promise<string> {
  const now = Math.floor(nowMs / 1000);
  const claim = {
    room: request.room,
    roles: request.roles,
    ...(request.audioSlots === undefined ? {} : { audioSlots: request.audioSlots }),
    ...(request.videoSlots === undefined ? {} : { videoSlots: request.videoSlots }),
    ...(request.single ? { single: true } : {}),
  };
  const jwt = new SignJWT({ tertulia: claim, ...(request.name === undefined ? {} : { name: request.name }) })
    .setIssuer(request.apiKey)
    .setSubject(request.identity)
    .setIssuedAt(now)
    .setExpirationTime(now + request.lifetimeSeconds);
  if (request.privateKeyPem !== undefined)
    return jwt.setProtectedHeader({ alg: 'EdDSA', typ: 'JWT' }).sign(createPrivateKey(request.privateKeyPem));
  return jwt
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .sign(new TextEncoder().encode(request.secret ?? ''));
}

/** @throws when the text is not an Ed25519 public key. */
export function readPublicKey(pem: string): KeyObject {
  const key = createPublicKey(pem);
  if (key.asymmetricKeyType !== 'ed25519')
    throw new Error(`an ed25519 key is needed, not ${key.asymmetricKeyType}`);
  return key;
}
