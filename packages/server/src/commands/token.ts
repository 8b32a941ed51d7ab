/** `tertulia token`: prints a token and an invitation that carries it in the fragment, so that no server logs it. */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { ANY_ROOM, ROLES, type Role } from '../auth/grants.js';
import { makeToken } from '../auth/tokens.js';
import { StartError } from '../errors.js';
import { isRoomName } from '../names.js';

const HELP = `tertulia token --room R [flags]

  --room R              Room that the token is for; * means every room (for programs).
  --name N              Displayed name.
  --identity ID         Who it is, the token's sub (default: the name).
  --role ROLE           ${ROLES.join(', ')}; several flags or commas
                        [join,publish,subscribe]
  --ttl SECONDS         How long it can be used to join [3600].
  --audio-slots N       Voices heard at once, 0 to 16.
  --video-slots N       Pictures seen at once, 0 to 16.
  --single              The same identity joins once only; a newer session ends the older.
  --url URL             Where the server is, for the invitation [http://localhost:3000].
  --api-key K           Name of the key (TERTULIA_API_KEY).
  --api-secret S        Secret, for HS256 (TERTULIA_API_SECRET).
  --api-private-key F   PEM file with an Ed25519 private key, for EdDSA.
  -h, --help            This text.
`;

const OPTIONS = {
  room: { type: 'string' },
  name: { type: 'string' },
  identity: { type: 'string' },
  role: { type: 'string', multiple: true },
  ttl: { type: 'string' },
  'audio-slots': { type: 'string' },
  'video-slots': { type: 'string' },
  single: { type: 'boolean' },
  url: { type: 'string' },
  'api-key': { type: 'string' },
  'api-secret': { type: 'string' },
  'api-private-key': { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** @returns what is to be printed. @throws StartError with one sentence. */
export async function token(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  nowMs: number,
): Promise<string> {
  const flags = read(args);
  if (flags.help) return HELP;
  const { room } = flags;
  if (room === undefined || !(room === ANY_ROOM || isRoomName(room)))
    throw new StartError(
      'Give --room with 1 to 64 of the characters A-Z a-z 0-9 . _ ~ -, or * for every room.',
    );
  const apiKey = flags['api-key'] ?? env['TERTULIA_API_KEY'];
  const secret = flags['api-secret'] ?? env['TERTULIA_API_SECRET'];
  const privateKey = flags['api-private-key'];
  if (apiKey === undefined || (secret === undefined && privateKey === undefined))
    throw new StartError(
      'Give --api-key and --api-secret as the server has them, or TERTULIA_API_KEY and TERTULIA_API_SECRET.',
    );
  const identity = flags.identity ?? flags.name;
  if (identity === undefined || identity === '')
    throw new StartError('Give --name or --identity: a token says who it is for.');
  const url = (flags.url ?? 'http://localhost:3000').replace(/\/+$/, '');
  if (!/^https?:\/\//i.test(url) || !URL.canParse(url))
    throw new StartError(`--url must be like https://call.example, not "${url}".`);
  const made = await makeToken(
    {
      apiKey,
      secret,
      privateKeyPem: privateKey === undefined ? undefined : readKey(privateKey),
      room,
      identity,
      name: flags.name,
      roles: readRoles(flags.role),
      lifetimeSeconds: readNumber(flags.ttl ?? '3600', '--ttl', 1, 366 * 86_400),
      audioSlots:
        flags['audio-slots'] === undefined
          ? undefined
          : readNumber(flags['audio-slots'], '--audio-slots', 0, 16),
      videoSlots:
        flags['video-slots'] === undefined
          ? undefined
          : readNumber(flags['video-slots'], '--video-slots', 0, 16),
      single: flags.single ?? false,
    },
    nowMs,
  );
  if (room === ANY_ROOM) return `${made}\n`;
  return `${made}\n${url}/r/${encodeURIComponent(room)}#token=${made}\n`;
}

function read(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, strict: true, allowPositionals: false }).values;
  } catch (error) {
    const first = error instanceof Error ? (error.message.split(/\.\s|\n/)[0] ?? '') : String(error);
    throw new StartError(`${first}. "tertulia token --help" lists what there is.`);
  }
}

function readRoles(given: readonly string[] | undefined): Role[] {
  const names = (given ?? ['join,publish,subscribe'])
    .flatMap((text) => text.split(','))
    .map((name) => name.trim());
  const unknown = names.find((name) => !(ROLES as readonly string[]).includes(name));
  if (unknown !== undefined)
    throw new StartError(`There is no role "${unknown}"; roles are ${ROLES.join(', ')}.`);
  return ROLES.filter((role) => names.includes(role));
}

function readNumber(text: string, flag: string, least: number, most: number): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < least || number > most)
    throw new StartError(`${flag} must be a whole number from ${least} to ${most}, not "${text}".`);
  return number;
}

function readKey(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new StartError(
      `--api-private-key ${path} cannot be read: ${error instanceof Error ? error.message : String(error)}.`,
    );
  }
}
