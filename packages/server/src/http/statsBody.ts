/** The answer of `GET /v1/rooms/{room}/stats`, and how it is gathered. What each figure means, for people: docs/stats.md */
import { z } from 'zod';
import type { Room } from '../rooms/room.js';
import type { Session } from '../rooms/session.js';
import type { Scheduler } from '../scheduler.js';

/** Several pages that look at one room cost as much as one: within this time they get the same answer. */
const FRESH_MS = 500;

const count = z.int().min(0);
const rate = z.number().min(0);
const share = z.number().min(0).max(1);

const Layer = z.object({
  name: z.string().describe('RID, or the number of the layer from 0.'),
  bitsPerSecond: rate,
  packets: count,
  lost: count,
  lostShare: share.describe('Of the last report interval.'),
  jitterMs: rate,
  width: count.optional(),
  height: count.optional(),
  framesPerSecond: rate.optional(),
  keyFrames: count.optional(),
  keyFramesAsked: count,
  packetsAsked: count.describe('Packets that the server asked for again.'),
  packetsRepaired: count,
  score: z.number().min(0).max(10),
});

const Source = z.object({
  source: z.enum(['microphone', 'screenSound', 'camera', 'screen']),
  csrc: z.int(),
  muted: z.boolean(),
  codec: z.string().optional(),
  layers: z.array(Layer).describe('One for sound, one for each simulcast layer that was ever sent.'),
});

const Slot = z.object({
  kind: z.enum(['audio', 'video']),
  slot: count,
  csrc: z.int().optional().describe('Whose source it carries; absent: nobody’s.'),
  loudest: z.boolean().optional(),
  canvasId: z.int().optional(),
  spatialLayer: count.optional(),
  temporalLayer: count.optional(),
  dark: z.boolean().optional().describe('The bandwidth holds not even the smallest layer.'),
  bitsPerSecond: rate,
  packets: count,
  lost: count.describe('As the receiver reports it.'),
  lostShare: share,
  jitterMs: rate,
  roundTripMs: rate.optional(),
  packetsAsked: count.describe('Packets that the receiver asked for again.'),
  packetsSentAgain: count.optional(),
  keyFramesAsked: count,
  switches: count.optional(),
});

const Transport = z.object({
  protocol: z.enum(['udp', 'tcp']).optional(),
  roundTripMs: rate.optional(),
  receivedBitsPerSecond: rate,
  sentBitsPerSecond: rate,
  availableOutgoingBitsPerSecond: rate.optional(),
  availableIncomingBitsPerSecond: rate.optional(),
  drops: z.record(z.string(), count).describe('Reason → packets that went no further.'),
});

const SessionStats = z.object({
  participantId: z.string().optional(),
  displayName: z.string().optional(),
  connectionId: z.string().optional().describe('Another one after each reconnection.'),
  kind: z.string(),
  connected: z.boolean(),
  transport: Transport.optional().describe('Absent while the media process has nothing to say.'),
  sources: z.array(Source),
  slots: z.array(Slot).describe('Sound first.'),
  media: z.unknown().describe('What the media library counted; its form may change.'),
});

export const StatsBody = z.object({
  room: z.string(),
  atMs: z.number().describe('Unix time of the figures.'),
  sessions: z.array(SessionStats),
});
export type StatsBody = z.infer<typeof StatsBody>;

export class RoomStats {
  readonly #recent = new WeakMap<Room, { atMs: number; answer: Promise<StatsBody> }>();

  constructor(private readonly scheduler: Scheduler) {}

  of(room: Room): Promise<StatsBody> {
    const atMs = this.scheduler.nowMs();
    const recent = this.#recent.get(room);
    if (recent && atMs - recent.atMs < FRESH_MS) return recent.answer;
    const answer = gather(room, atMs);
    this.#recent.set(room, { atMs, answer });
    return answer;
  }
}

async function gather(room: Room, atMs: number): Promise<StatsBody> {
  return { room: room.name, atMs, sessions: await Promise.all([...room.sessions.values()].map(ofSession)) };
}

async function ofSession({
  participant,
  kind,
  isConnected,
  media,
}: Session): Promise<StatsBody['sessions'][number]> {
  // A session that ends meanwhile has nothing to say.
  const stats = await media?.stats().catch(() => undefined);
  const { transport, sources = [], slots = [] } = stats?.figures ?? {};
  return {
    ...(participant
      ? { participantId: participant.participantId, displayName: participant.displayName }
      : {}),
    ...(media ? { connectionId: media.id } : {}),
    kind,
    connected: isConnected,
    ...(transport ? { transport: { ...transport, drops: { ...transport.drops } } } : {}),
    sources: sources.map((source) => ({ ...source, layers: [...source.layers] })),
    slots: [...slots],
    media: stats?.media ?? {},
  };
}
