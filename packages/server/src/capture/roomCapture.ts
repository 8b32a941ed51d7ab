/**
 * A room's RTP and RTCP as a pcapng file that grows: what sessions send before SRTP hides it, and what came out of SRTP.
 * For people with the right to everything; who calls it has checked that. One at a time per room, bounded in time and bytes.
 * Elsewhere: copies of packets → media/ · blocks and headers → wire pcapng/ · HTTP → http/capture.ts
 */
import { datagramHeaders, interfaceBlock, packetBlock, sectionBlock, statisticsBlock } from '@tertulia/wire';
import { ServerError } from '../errors.js';
import type { Logger } from '../logger.js';
import type { CaptureBatch, CapturedPacket, MediaCapture, MediaSession } from '../media/mediaPort.js';
import type { Room } from '../rooms/room.js';
import type { Session } from '../rooms/session.js';
import type { Scheduler } from '../scheduler.js';

export const CAPTURE_LIMITS = {
  /** A minute holds every event that one waits for with the file in mind; it must end by itself. */
  secondsMost: 60,
  /** A minute of thirty people with pictures has about 500 MB; Wireshark becomes slow long before. */
  bytes: 256 * 1024 * 1024,
  /** Between two looks at what has gathered: the media process keeps 8 MiB, which is half a second at 100 Mbit/s. */
  readEveryMs: 50,
} as const;

export interface CaptureRequest {
  readonly room: Room;
  /** Only sessions of this participant. */
  readonly participantId: string | undefined;
  readonly seconds: number;
  /** Who asked for it, for the log; undefined on an open server. */
  readonly identity?: string | undefined;
}

export interface RunningCapture {
  /** As it comes, from its first block on. */
  readonly file: AsyncIterable<Uint8Array>;
  /** To be called when nobody reads any more, at the end of the file as well. */
  stop(): void;
}

export type CaptureLimits = { readonly [Name in keyof typeof CAPTURE_LIMITS]: number };

type End = 'time' | 'bytes' | 'room' | 'participant' | 'media';
const ENDS: Readonly<Record<End, string>> = {
  time: 'the time that was asked for is over',
  bytes: 'the file has as many bytes as it may have',
  room: 'the room ended',
  participant: 'the participant left',
  media: 'the media process ended',
};

export class RoomCaptures {
  readonly #running = new WeakSet<Room>();

  constructor(
    private readonly scheduler: Scheduler,
    private readonly log: Logger,
    private readonly version: string,
    private readonly limits: CaptureLimits = CAPTURE_LIMITS,
  ) {}

  /** @throws ServerError CAPTURE_RUNNING, MEDIA_UNAVAILABLE. */
  async start(request: CaptureRequest): Promise<RunningCapture> {
    const { room } = request;
    if (this.#running.has(room))
      throw new ServerError('CAPTURE_RUNNING', 'Somebody captures this room already; try again later.');
    this.#running.add(room);
    try {
      const capture = await (await room.media()).createCapture();
      const file = new CaptureFile(request, this.scheduler, this.version, this.limits.bytes);
      this.log.info(
        {
          room: room.name,
          participant: request.participantId,
          seconds: request.seconds,
          by: request.identity,
        },
        'capture began',
      );
      let stopped = false;
      const stop = (): void => {
        if (stopped) return;
        stopped = true;
        capture.close();
        this.#running.delete(room);
        this.log.info({ room: room.name, bytes: file.bytes, packets: file.packets }, 'capture ended');
      };
      return { file: this.#read(request, capture, file), stop };
    } catch (cause) {
      this.#running.delete(room);
      throw new ServerError('MEDIA_UNAVAILABLE', 'The media process could not begin a capture.', { cause });
    }
  }

  async *#read(
    { room, participantId, seconds }: CaptureRequest,
    capture: MediaCapture,
    file: CaptureFile,
  ): AsyncGenerator<Uint8Array> {
    const { scheduler } = this;
    yield file.begin();
    const endMs = scheduler.nowMs() + seconds * 1000;
    const added = new Set<MediaSession>();
    const isWanted = (session: Session): boolean =>
      participantId === undefined || session.participant?.participantId === participantId;
    for (let end: End | undefined; ;) {
      for (const session of room.sessions.values()) {
        const { media } = session;
        if (!media || added.has(media) || !isWanted(session)) continue;
        added.add(media);
        file.addSession(media.id, session, media);
        // One that ends at this moment is not there any more.
        await capture.add(media).catch(() => undefined);
      }
      await new Promise<void>((resolve) => scheduler.after(this.limits.readEveryMs, resolve));
      if (scheduler.nowMs() >= endMs) end = 'time';
      else if (room.closed) end = 'room';
      else if (participantId !== undefined && !room.participants.has(participantId)) end = 'participant';
      const batch = await capture.read().catch(() => undefined);
      if (!batch) {
        yield file.end(room.closed ? 'room' : 'media');
        return;
      }
      file.noteLosses(batch);
      const blocks = file.packetBlocks(batch.packets);
      if (blocks.length > 0) yield Buffer.concat(blocks);
      if (file.full) end = 'bytes';
      if (end !== undefined) {
        yield file.end(end);
        return;
      }
    }
  }
}

interface Interface {
  readonly number: number;
  /** Packets that came here. */
  received: number;
  /** Of them, those that the file has no room for. */
  cut: number;
  /** Packets that never came here. */
  lost: number;
}

interface Captured {
  readonly title: string;
  readonly comments: Readonly<Record<CapturedPacket['direction'], string>>;
  readonly interfaces: Partial<Record<CapturedPacket['direction'], Interface>>;
}

/** Blocks in their order. An interface is one direction of one session, and begins with its first packet. */
class CaptureFile {
  bytes = 0;
  packets = 0;
  full = false;
  readonly #sessions = new Map<string, Captured>();
  readonly #startMicros: number;
  #interfaces = 0;
  #lost = 0;

  constructor(
    private readonly request: CaptureRequest,
    private readonly scheduler: Scheduler,
    private readonly version: string,
    private readonly bytesMost: number,
  ) {
    this.#startMicros = scheduler.nowMs() * 1000;
  }

  begin(): Uint8Array {
    const { room, seconds } = this.request;
    const sources = [...room.participants.values()].flatMap(({ displayName, sources: own }) =>
      [...own.values()].map(({ csrc, name }) => `CSRC ${csrc} ${displayName}, ${name}`),
    );
    // Of the server; a room's media process has one, UDP and TCP.
    const candidates = [...room.sessions.values()].flatMap(({ media }) => media?.ice.candidates ?? []);
    const ports = [...new Set(candidates.map(({ port }) => port))];
    const decodeAs = ports.map((port) => `-d udp.port==${port},rtp`).join(' ');
    const comment = [
      `Room "${room.name}", ${seconds} s: RTP and RTCP without SRTP. IP and UDP headers are made from the real addresses.`,
      'An interface is one direction of one session, as seen from the server.',
      `Wireshark: Analyze, Decode As, UDP port ${ports.join(' and ')}, RTP; or tshark ${decodeAs}`,
      ...sources,
    ].join('\n');
    return this.#count(sectionBlock({ comment, application: `Tertulia ${this.version}` }));
  }

  addSession(id: string, session: Session, media: MediaSession): void {
    const { participant } = session;
    const title = participant
      ? `${participant.displayName} (${participant.participantId})`
      : `${session.kind} client`;
    const comment = (direction: CapturedPacket['direction']): string =>
      media.payloadTypes
        .filter((one) => one.direction === direction)
        .map(({ payloadType, codec }) => `${payloadType} ${codec}`)
        .join(', ');
    this.#sessions.set(id, {
      title,
      comments: { incoming: comment('incoming'), outgoing: comment('outgoing') },
      interfaces: {},
    });
  }

  packetBlocks(packets: readonly CapturedPacket[]): Uint8Array[] {
    const blocks: Uint8Array[] = [];
    for (const packet of packets) {
      const session = this.#sessions.get(packet.sessionId);
      if (!session) continue;
      const made = this.#interface(session, packet.direction, blocks);
      made.received++;
      if (this.full) {
        made.cut++;
        continue;
      }
      const block = this.#packetBlock(made.number, packet);
      if (this.bytes + block.length > this.bytesMost) {
        this.full = true;
        made.cut++;
        continue;
      }
      this.packets++;
      blocks.push(this.#count(block));
    }
    return blocks;
  }

  /** What the media process had no room for, since the session was added. */
  noteLosses({ losses, lost: ofNobody }: CaptureBatch): void {
    this.#lost = ofNobody;
    for (const [id, lost] of losses) {
      for (const direction of ['incoming', 'outgoing'] as const) {
        const made = this.#sessions.get(id)?.interfaces[direction];
        if (made) made.lost = lost[direction];
      }
    }
  }

  end(why: End): Uint8Array {
    const unixMicros = this.scheduler.nowMs() * 1000;
    const besides = this.#lost > 0 ? ` ${this.#lost} more packets of any interface are missing.` : '';
    const blocks = [...this.#sessions.values()].flatMap(({ interfaces }) =>
      Object.values(interfaces).map(({ number, received, cut, lost }) =>
        statisticsBlock({
          interface: number,
          unixMicros,
          startMicros: this.#startMicros,
          endMicros: unixMicros,
          received: received + lost,
          dropped: cut + lost,
          comment: `The capture ended: ${ENDS[why]}.${besides}`,
        }),
      ),
    );
    return this.#count(Buffer.concat(blocks));
  }

  #interface(session: Captured, direction: CapturedPacket['direction'], blocks: Uint8Array[]): Interface {
    const present = session.interfaces[direction];
    if (present) return present;
    const made = { number: this.#interfaces++, received: 0, cut: 0, lost: 0 };
    session.interfaces[direction] = made;
    const arrow = direction === 'incoming' ? 'from' : 'to';
    const payloadTypes = session.comments[direction];
    blocks.push(
      this.#count(
        interfaceBlock({
          name: `${arrow} ${session.title}`,
          description: `what the server ${direction === 'incoming' ? 'got from' : 'sent to'} ${session.title}`,
          ...(payloadTypes === '' ? {} : { comment: `Payload types: ${payloadTypes}` }),
        }),
      ),
    );
    return made;
  }

  #packetBlock(number: number, { direction, unixMicros, local, remote, bytes }: CapturedPacket): Uint8Array {
    const [own, other] = [local ?? NOWHERE, remote ?? NOWHERE];
    const headers =
      direction === 'incoming' ? datagramHeaders(other, own, bytes) : datagramHeaders(own, other, bytes);
    return packetBlock({ interface: number, unixMicros, direction, parts: [headers, bytes] });
  }

  #count(block: Uint8Array): Uint8Array {
    this.bytes += block.length;
    return block;
  }
}

const NOWHERE = { ip: '0.0.0.0', port: 0 };
