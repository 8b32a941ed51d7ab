/**
 * The answer of `GET /v1/rooms/{room}/stats` as far as this page draws it, and a look at whether it is one. Pure.
 * What each figure means: docs/stats.md. Elsewhere: asking → usePolledStats.ts · what was before → history.ts
 */
export interface TransportFigures {
  protocol?: 'udp' | 'tcp';
  roundTripMs?: number;
  /** By the server from the client. */
  receivedBitsPerSecond: number;
  sentBitsPerSecond: number;
  availableOutgoingBitsPerSecond?: number;
  availableIncomingBitsPerSecond?: number;
  drops: Record<string, number>;
}

export interface LayerFigures {
  name: string;
  bitsPerSecond: number;
  packets: number;
  lost: number;
  lostShare: number;
  jitterMs: number;
  width?: number;
  height?: number;
  framesPerSecond?: number;
  keyFramesAsked: number;
  packetsAsked: number;
  packetsRepaired: number;
}

export interface SourceFigures {
  source: string;
  csrc: number;
  muted: boolean;
  codec?: string;
  layers: LayerFigures[];
}

export interface SlotFigures {
  kind: 'audio' | 'video';
  slot: number;
  csrc?: number;
  loudest?: boolean;
  spatialLayer?: number;
  temporalLayer?: number;
  dark?: boolean;
  bitsPerSecond: number;
  lost: number;
  lostShare: number;
  jitterMs: number;
  roundTripMs?: number;
  packetsAsked: number;
  keyFramesAsked: number;
}

export interface SessionFigures {
  participantId?: string;
  displayName?: string;
  connectionId?: string;
  kind: string;
  connected: boolean;
  transport?: TransportFigures;
  sources: SourceFigures[];
  slots: SlotFigures[];
}

export interface RoomStats {
  room: string;
  /** Unix time. */
  atMs: number;
  sessions: SessionFigures[];
}

/** The server is trusted with the figures; this only tells its answer from something else at the same address. */
export function readRoomStats(value: unknown): RoomStats | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { atMs, sessions } = value as Partial<RoomStats>;
  if (typeof atMs !== 'number' || !Array.isArray(sessions)) return undefined;
  const complete = sessions.every(
    (session) => Array.isArray(session?.sources) && Array.isArray(session?.slots),
  );
  return complete ? (value as RoomStats) : undefined;
}

/** The same over the session's time. A participant's next session is the same person. */
export const keyOf = ({ participantId, connectionId, kind }: SessionFigures, at: number): string =>
  participantId ?? connectionId ?? `${kind} ${at}`;

/** Of the slots that somebody is in: what a free one reported last is long over. */
export const worstLoss = ({ slots }: SessionFigures): number | undefined => {
  const shares = slots.filter(({ csrc }) => csrc !== undefined).map(({ lostShare }) => lostShare);
  return shares.length === 0 ? undefined : Math.max(...shares);
};

const KINDS: Readonly<Record<string, string>> = {
  meet: 'Meet client',
  whip: 'WHIP sender',
  whep: 'WHEP player',
  rtp: 'RTP program',
};

export const nameOf = ({ displayName, kind }: SessionFigures): string => displayName ?? KINDS[kind] ?? kind;
