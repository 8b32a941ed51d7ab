/** Tokens: what is let in and what is not. Ids are those of the hostile inputs, group 9. */
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { SignJWT, UnsecuredJWT } from 'jose';
import { describe, expect, test } from 'vitest';
import { makeToken, readPublicKey, TokenVerifier, type TokenRequest } from '../../src/auth/tokens.js';

const NOW = 1_700_000_000_000;
const SECRET = 'a secret of at least 32 characters';
const pair = generateKeyPairSync('ed25519');
const publicPem = pair.publicKey.export({ type: 'spki', format: 'pem' }).toString();
const privatePem = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

const verifier = new TokenVerifier({ apiKey: 'key', secret: SECRET, publicKey: undefined });
const both = new TokenVerifier({ apiKey: 'key', secret: SECRET, publicKey: readPublicKey(publicPem) });
const request: TokenRequest = {
  apiKey: 'key',
  secret: SECRET,
  room: 'tea',
  identity: 'ada',
  name: 'Ada',
  roles: ['join', 'publish'],
  lifetimeSeconds: 60,
};
const bearer = async (more: Partial<TokenRequest> = {}): Promise<string> =>
  `Bearer ${await makeToken({ ...request, ...more }, NOW)}`;
const code = async (authorization: string | undefined, nowMs = NOW, by = verifier): Promise<unknown> =>
  by.verify(authorization, nowMs).then(
    () => 'accepted',
    (error: { code?: unknown }) => error.code,
  );

test('what the token says is what it gives', async () => {
  const grants = await verifier.verify(await bearer({ audioSlots: 5, videoSlots: 0, single: true }), NOW);
  expect(grants).toEqual({
    identity: 'ada',
    displayName: 'Ada',
    room: 'tea',
    roles: new Set(['join', 'publish']),
    audioSlots: 5,
    videoSlots: 0,
    single: true,
  });
});

test('EdDSA beside HS256, each with its own key', async () => {
  expect(await code(await bearer({ privateKeyPem: privatePem }), NOW, both)).toBe('accepted');
  expect(await code(await bearer(), NOW, both)).toBe('accepted');
  expect(await code(await bearer({ privateKeyPem: privatePem }), NOW, verifier)).toBe('TOKEN_INVALID');
});

test('an open server takes any token and none', async () => {
  const open = new TokenVerifier(undefined);
  for (const text of [undefined, 'Bearer x', 'nonsense'])
    expect((await open.verify(text, NOW)).roles.has('admin')).toBe(true);
});

describe('refused', () => {
  test('no token', async () => {
    expect(await code(undefined)).toBe('TOKEN_MISSING');
  });
  test.each([
    '',
    'Bearer',
    'Bearer ',
    'Basic YTpi',
    'Bearer a b',
    'Bearer x',
    'Bearer a.b.c',
    `Bearer ${'x'.repeat(20_000)}`,
  ])('%.40s', async (text) => {
    expect(await code(text)).toBe('TOKEN_INVALID');
  });

  test('H9.1 alg none', async () => {
    const token = new UnsecuredJWT({ tertulia: { room: 'tea', roles: ['admin'] } })
      .setIssuer('key')
      .setSubject('eve')
      .setExpirationTime(NOW / 1000 + 60)
      .encode();
    expect(await code(`Bearer ${token}`)).toBe('TOKEN_INVALID');
    expect(await code(`Bearer ${token}x`)).toBe('TOKEN_INVALID');
  });

  test('H9.2 swapped key type: the public key is no HMAC secret', async () => {
    const onlyPublic = new TokenVerifier({
      apiKey: 'key',
      secret: undefined,
      publicKey: readPublicKey(publicPem),
    });
    for (const secret of [
      publicPem,
      publicPem.trim(),
      createPublicKey(publicPem).export({ format: 'jwk' }).x ?? '',
    ])
      expect(await code(await bearer({ secret }), NOW, onlyPublic)).toBe('TOKEN_INVALID');
    for (const secret of [publicPem, publicPem.trim()])
      expect(await code(await bearer({ secret }), NOW, both)).toBe('TOKEN_INVALID');
  });

  test('H9.3 expired, by more than the clocks may differ', async () => {
    const text = await bearer();
    expect(await code(text, NOW + 65_000)).toBe('accepted');
    expect(await code(text, NOW + 71_000)).toBe('TOKEN_EXPIRED');
  });

  const signed = (payload: Record<string, unknown>, alg = 'HS256', header = {}): Promise<string> =>
    new SignJWT({
      iss: 'key',
      sub: 'ada',
      exp: NOW / 1000 + 60,
      tertulia: { room: 'tea', roles: ['join'] },
      ...payload,
    })
      .setProtectedHeader({ alg, ...header })
      .sign(alg === 'EdDSA' ? createPrivateKey(privatePem) : new TextEncoder().encode(SECRET))
      .then((token) => `Bearer ${token}`);

  test('H9.4 not valid yet', async () => {
    expect(await code(await signed({ nbf: NOW / 1000 + 60 }))).toBe('TOKEN_EXPIRED');
  });

  test('H9.5 huge claims', async () => {
    expect(await code(await signed({ padding: 'x'.repeat(100_000) }))).toBe('TOKEN_INVALID');
    expect(
      await code(
        await signed({ tertulia: { room: 'tea', roles: Array.from({ length: 100 }, () => 'join') } }),
      ),
    ).toBe('TOKEN_INVALID');
    expect(await code(await signed({ sub: 'x'.repeat(1_000) }))).toBe('TOKEN_INVALID');
  });

  test('H9.6 a kid that is a path, a jku, an embedded key: not looked at', async () => {
    const header = { kid: '../../../../dev/null', jku: 'http://127.0.0.1:1/keys' };
    expect(await code(await signed({}, 'HS256', header))).toBe('accepted');
    const forged = await new SignJWT({
      iss: 'key',
      sub: 'eve',
      exp: NOW / 1000 + 60,
      tertulia: { room: 'tea', roles: ['admin'] },
    })
      .setProtectedHeader({ alg: 'HS256', kid: '../../../../dev/null' })
      .sign(new TextEncoder().encode(' '));
    expect(await code(`Bearer ${forged}`)).toBe('TOKEN_INVALID');
  });

  test.each<[string, Record<string, unknown>]>([
    ['another issuer', { iss: 'other' }],
    ['no expiry', { exp: undefined }],
    ['no subject', { sub: undefined }],
    ['no tertulia claim', { tertulia: undefined }],
    ['no room', { tertulia: { roles: ['join'] } }],
    ['a room that is a path', { tertulia: { room: '../x', roles: ['join'] } }],
    ['roles as text', { tertulia: { room: 'tea', roles: 'join' } }],
    ['slots beyond 16', { tertulia: { room: 'tea', roles: ['join'], audioSlots: 17 } }],
    ['half a slot', { tertulia: { room: 'tea', roles: ['join'], videoSlots: 0.5 } }],
  ])('%s', async (_name, payload) => {
    expect(await code(await signed(payload))).toBe('TOKEN_INVALID');
  });

  test('every single-byte change of a token', async () => {
    const text = await bearer();
    const start = 'Bearer '.length;
    for (let at = start; at < text.length - 1; at++) {
      const changed = text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1);
      expect(await code(changed), String(at)).toMatch(/^TOKEN_/);
    }
  });
});

test('roles that this version does not know add nothing', async () => {
  const token = await new SignJWT({
    iss: 'key',
    sub: 'ada',
    exp: NOW / 1000 + 60,
    tertulia: { room: 'tea', roles: ['join', 'fly'] },
  })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode(SECRET));
  expect((await verifier.verify(`Bearer ${token}`, NOW)).roles).toEqual(new Set(['join']));
});
