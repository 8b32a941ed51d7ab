/**
 * The shape of a protocol machine. Pure: messages, room news and time go in; texts, commands and deadlines come out.
 * It reads the room through a port and acts on it through the same port, both synchronous; no timers, no sockets.
 */
import type { RecordingMode } from '../recording/modes.js';
import type {
  Canvas,
  EndReason,
  LayoutResult,
  MaxResolution,
  RoomNews,
  RoomSnapshot,
  SlotChange,
  SourceName,
  VideoAssignment,
  VideoSlotChange,
} from '../rooms/news.js';

export type ProtocolInput =
  /** The transport is up. Once. */
  | { readonly t: 'connected' }
  | { readonly t: 'opened'; readonly label: string }
  | { readonly t: 'closed'; readonly label: string }
  | { readonly t: 'message'; readonly label: string; readonly data: string | Uint8Array }
  | { readonly t: 'news'; readonly news: RoomNews }
  | { readonly t: 'slots'; readonly changes: readonly SlotChange[] }
  | { readonly t: 'videoSlots'; readonly changes: readonly VideoSlotChange[] }
  /** What the canvases show now, whole. Not before the answer to the first layout. */
  | { readonly t: 'assignments'; readonly assignments: readonly VideoAssignment[] }
  /** To a `setLayout`, in the order in which they were given out. */
  | { readonly t: 'layoutAnswer'; readonly requestId: number; readonly result: LayoutResult }
  /** To a `record`. */
  | { readonly t: 'recordAnswer'; readonly requestId: number; readonly result: CommandResult }
  /** What the participant may do, or how it is called, has changed. */
  | { readonly t: 'self' }
  | { readonly t: 'end'; readonly reason: EndReason }
  | { readonly t: 'timeout' };

export type ProtocolOutput =
  | { readonly t: 'send'; readonly label: string; readonly text: string }
  /** Answered by `layoutAnswer` with the same id. */
  | {
      readonly t: 'setLayout';
      readonly requestId: number;
      readonly canvases: readonly Canvas[];
      readonly maxResolution: MaxResolution | undefined;
    }
  /** Record the room, or stop; answered by `recordAnswer` with the same id. */
  | {
      readonly t: 'record';
      readonly requestId: number;
      readonly on: boolean;
      readonly mode: RecordingMode | undefined;
    }
  /** The channel has no business here. */
  | { readonly t: 'close'; readonly label: string }
  /** The client asked to leave; the machine has already said goodbye. */
  | { readonly t: 'left' };

export interface ProtocolMachine {
  handle(input: ProtocolInput, nowMs: number): void;
  /** Takes what is to be done, in order. Empty afterwards. */
  poll(): ProtocolOutput[];
  /** When to call with `timeout`, if nothing else happens. */
  nextDeadline(): number | undefined;
  /** True once the last message of the session is out; nothing is sent after it. */
  readonly ended: boolean;
  /** Requests refused and messages dropped, by reason. */
  readonly refusals: ReadonlyMap<string, number>;
}

/** What a machine may know and do beyond its own channels. */
export interface SessionPort {
  snapshot(): RoomSnapshot;
  setMuted(source: SourceName, muted: boolean): CommandResult;
  rename(displayName: string): CommandResult;
  sendMessage(text: string): CommandResult;
}

export type CommandResult =
  { readonly ok: true } | { readonly ok: false; readonly code: StatusCode; readonly message: string };

/** gRPC status codes that we use; both reference clients read them as numbers. */
export const STATUS = {
  ok: 0,
  invalidArgument: 3,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  unimplemented: 12,
  internal: 13,
} as const;
export type StatusCode = (typeof STATUS)[keyof typeof STATUS];
