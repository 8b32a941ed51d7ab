/** `tertulia token`: what it prints is what the server takes. */
import { expect, test } from 'vitest';
import { TokenVerifier } from '../../src/auth/tokens.js';
import { token } from '../../src/commands/token.js';
import { StartError } from '../../src/errors.js';

const NOW = 1_700_000_000_000;
const env = { TERTULIA_API_KEY: 'key', TERTULIA_API_SECRET: 'secret of the key' };
const verifier = new TokenVerifier({ apiKey: 'key', secret: 'secret of the key', publicKey: undefined });

test('prints a token and an invitation that carries it in the fragment', async () => {
  const lines = (
    await token(['--room', 'tea', '--name', 'Ada', '--url', 'https://call.example/'], env, NOW)
  ).split('\n');
  expect(lines[1]).toBe(`https://call.example/r/tea#token=${lines[0]}`);
  const grants = await verifier.verify(`Bearer ${lines[0]}`, NOW + 3_599_000);
  expect(grants).toMatchObject({ identity: 'Ada', displayName: 'Ada', room: 'tea' });
  expect([...grants.roles]).toEqual(['join', 'publish', 'subscribe']);
});

test('roles as several flags or with commas; every room; the flags go before the environment', async () => {
  const args = [
    '--room',
    '*',
    '--identity',
    'bot',
    '--role',
    'admin,moderate',
    '--role',
    'join',
    '--api-key',
    'k',
    '--api-secret',
    's2345678',
  ];
  const [text = ''] = (await token(args, env, NOW)).split('\n');
  const other = new TokenVerifier({ apiKey: 'k', secret: 's2345678', publicKey: undefined });
  const grants = await other.verify(`Bearer ${text}`, NOW);
  expect([...grants.roles]).toEqual(['join', 'moderate', 'admin']);
  expect(grants.room).toBe('*');
});

test('slots of voices and of pictures', async () => {
  const args = ['--room', 'tea', '--name', 'Ada', '--audio-slots', '1', '--video-slots', '16'];
  const [text = ''] = (await token(args, env, NOW)).split('\n');
  const grants = await verifier.verify(`Bearer ${text}`, NOW);
  expect([grants.audioSlots, grants.videoSlots]).toEqual([1, 16]);
});

test.each([
  [['--room', 'tea', '--name', 'Ada', '--video-slots', '17'], /--video-slots/],
  [['--name', 'Ada'], /--room/],
  [['--room', 'a/b', '--name', 'Ada'], /--room/],
  [['--room', 'tea'], /--name/],
  [['--room', 'tea', '--name', 'Ada', '--role', 'king'], /"king"/],
  [['--room', 'tea', '--name', 'Ada', '--ttl', 'long'], /--ttl/],
  [['--room', 'tea', '--name', 'Ada', '--nme', 'x'], /--nme/],
  [['--room', 'tea', '--name', 'Ada', '--url', 'call.example'], /--url must be like/],
  [['--room', 'tea', '--name', 'Ada', '--url', 'http://'], /--url must be like/],
  [['--room', 'tea', '--name', 'Ada', '--api-private-key', '/nowhere'], /cannot be read/],
])('%j is refused in one sentence', async (args, sentence) => {
  await expect(token(args, env, NOW)).rejects.toThrow(StartError);
  await expect(token(args, env, NOW)).rejects.toThrow(sentence);
});

test('without a key it says which flags are missing', async () => {
  await expect(token(['--room', 'tea', '--name', 'Ada'], {}, NOW)).rejects.toThrow(
    /--api-key and --api-secret/,
  );
});
