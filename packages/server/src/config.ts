/**
 * What an operator can set. One schema gives type, default, check, `--help` and the names of flags and environment
 * variables; unknown keys are refused.
 * Elsewhere: where the values come from → configSources.ts
 */
import { z } from 'zod';
import { isRoomName } from './names.js';
import { RECORDING_MODES } from './recording/modes.js';
import { PREFERRED_VIDEO_CODECS } from './sdp/sessionPlan.js';

const port = (text: string, fallback: number) => z.int().min(0).max(65_535).default(fallback).describe(text);
const roomName = z.string().refine(isRoomName, 'must be 1 to 64 of A-Z a-z 0-9 . _ ~ -');

const slots = z.int().min(0).max(16);

export const ConfiguredRoom = z.strictObject({
  code: roomName,
  id: roomName,
  audioSlots: slots.optional(),
  videoSlots: slots.optional(),
});

/** `never` and `always` are no names here; a room of that name is listed with another one beside it. */
function readRoomList(given: string | string[], context: z.RefinementCtx): 'never' | 'always' | string[] {
  if (given === 'never' || given === 'always' || typeof given !== 'string') return given;
  const names = given.split(',').map((name) => name.trim());
  const wrong = names.find((name) => !isRoomName(name));
  if (wrong !== undefined)
    context.addIssue({
      code: 'custom',
      message: `"${wrong}" is neither never, always nor the name of a room`,
    });
  return names;
}

export const ConfigSchema = z.strictObject({
  host: z.string().min(1).default('127.0.0.1').describe('Address that the web server listens on.'),
  port: port('TCP port of the web server; 0 takes a free one.', 3000),
  workers: z.int().min(1).max(64).default(1).describe('Media processes. Process i uses media port + i.'),
  mediaIp: z
    .ipv4()
    .or(z.ipv6())
    .optional()
    .describe(
      'Address that media is received on. All addresses if absent; loopback among them only for a loopback host.',
    ),
  announcedAddress: z
    .string()
    .min(1)
    .optional()
    .describe('Address that clients are told instead of the bound one; needed behind NAT.'),
  mediaPort: z
    .int()
    .min(1)
    .max(65_535)
    .default(40_000)
    .describe('UDP and TCP port of the first media process.'),
  tlsCert: z.string().optional().describe('PEM file with the certificate chain; needs --tls-key.'),
  tlsKey: z.string().optional().describe('PEM file with the private key of --tls-cert.'),
  tlsSelfSigned: z
    .boolean()
    .default(false)
    .describe('Make a certificate at start, for trials on a LAN. Browsers warn about it once.'),
  apiKey: z.string().min(1).optional().describe('Name of the key that tokens are signed with (their `iss`).'),
  apiSecret: z
    .string()
    .min(8)
    .optional()
    .describe('Secret of that key, for HS256 tokens; at least 32 characters are wise.'),
  apiPublicKey: z.string().optional().describe('PEM file with an Ed25519 public key, for EdDSA tokens.'),
  insecure: z
    .boolean()
    .default(false)
    .describe('Allow a host other than loopback without key and secret: every room is open to everybody.'),
  corsOrigin: z
    .string()
    .optional()
    .describe(
      'Origins of web pages that may use the API, separated by commas, or *. Default: * with keys, loopback pages without.',
    ),
  trustProxy: z.boolean().default(false).describe('Take client addresses from X-Forwarded-For.'),
  turnUrl: z
    .string()
    .optional()
    .describe('turn: or turns: URL of a coturn server; several separated by commas.'),
  turnSecret: z
    .string()
    .optional()
    .describe('coturn static-auth-secret; credentials made with it last one hour.'),
  config: z
    .string()
    .optional()
    .describe('JSON file with any of these keys. Flags and environment go before it.'),
  recordings: z
    .string()
    .min(1)
    .optional()
    .describe('Directory for recordings; made if it is not there. Without it nothing is recorded.'),
  recordRooms: z
    .string()
    .or(z.array(roomName).max(10_000))
    .default('never')
    .transform(readRoomList)
    .describe(
      'Which rooms are recorded from the first who joins to the last who leaves: never, always, or names of rooms, separated by commas.',
    ),
  recordMode: z
    .enum(RECORDING_MODES)
    .default('participants')
    .describe(
      'What a recording is when nobody says otherwise: a file per source, per participant, or of the room.',
    ),
  cluster: z.string().optional().describe('NATS server of a cluster. Not available in this version.'),
  drainTimeout: z
    .number()
    .min(0)
    .max(3_600)
    .default(10)
    .describe('Seconds that sessions have to end after SIGTERM.'),
  logLevel: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
    .default('info')
    .describe('Least important kind of log line that is written to standard error.'),
  webRoot: z
    .string()
    .optional()
    .describe('Directory of the built call page. Default: that of @tertulia/web.'),
  audioSlots: slots
    .default(3)
    .describe('Most voices that a participant hears at once; a token may ask for fewer.'),
  videoSlots: slots
    .default(9)
    .describe('Most pictures that a participant sees at once; a token may ask for fewer.'),
  videoCodec: z
    .enum(PREFERRED_VIDEO_CODECS)
    .default('vp8')
    .describe(
      'What people send pictures in, where their client has it. Recordings of h264 can be exported as MP4; Firefox needs its H.264 plugin.',
    ),
  maxParticipants: z.int().min(1).default(1_000).describe('Most participants of one room.'),
  maxPlayers: z.int().min(0).default(1_000).describe('Most WHEP players of one room at once.'),
  maxRooms: z.int().min(1).default(10_000).describe('Most rooms that live at once.'),
  joinBurst: z
    .int()
    .min(0)
    .default(1_000)
    .describe('Sessions that one client address may start at once; 0 switches the limit off.'),
  joinsPerSecond: z
    .number()
    .positive()
    .default(50)
    .describe('Sessions per second that one client address may start on and on.'),
  rooms: z
    .array(ConfiguredRoom)
    .max(10_000)
    .default([])
    .describe(
      'Rooms that the Meet endpoint knows while they are empty: code=id,code=id or JSON [{code, id}], there with audioSlots and videoSlots of their own.',
    ),
  meet: z
    .strictObject({
      extensions: z
        .boolean()
        .default(false)
        .describe(
          'Meet endpoint: several clients per room, other numbers of sections, direct layouts, sections that send.',
        ),
    })
    .prefault({}),
});

export type Config = z.infer<typeof ConfigSchema>;

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/i;

export const isLoopbackHost = (host: string): boolean => LOOPBACK.test(host);

/** True when no token is asked for: no key is configured. */
export const isOpen = (config: Config): boolean => config.apiKey === undefined;

/** Rules over several keys: one sentence with what to do, or `undefined`. */
export function findConflict(config: Config): string | undefined {
  const hasVerifier = config.apiSecret !== undefined || config.apiPublicKey !== undefined;
  if ((config.apiKey !== undefined) !== hasVerifier)
    return 'Give --api-key together with --api-secret (or --api-public-key), or neither.';
  if (isOpen(config) && !isLoopbackHost(config.host) && !config.insecure)
    return `Without --api-key and --api-secret everybody who reaches ${config.host} could join every room; give both, or --insecure if that is meant.`;
  if ((config.tlsCert === undefined) !== (config.tlsKey === undefined))
    return 'Give --tls-cert together with --tls-key, or neither.';
  if (config.tlsCert !== undefined && config.tlsSelfSigned)
    return 'Give either --tls-cert and --tls-key or --tls-self-signed, not both.';
  if ((config.turnUrl === undefined) !== (config.turnSecret === undefined))
    return 'Give --turn-url together with --turn-secret, or neither.';
  if (config.recordings === undefined && config.recordRooms !== 'never')
    return 'Give --recordings with a directory for --record-rooms, or leave both out.';
  if (config.cluster !== undefined) return 'Clusters are not available in this version; leave --cluster out.';
  const names = config.rooms.flatMap(({ code, id }) => (code === id ? [code] : [code, id]));
  if (new Set(names).size !== names.length)
    return 'Two entries of "rooms" use the same code or id; make them different.';
  return undefined;
}
