/**
 * Numbers that bound what a client can cost the server: unit in the name, reason and origin beside.
 * What an operator may want to change is in config.ts instead.
 */
export const LIMITS = {
  /** A browser's offer with 16 audio and 16 video sections is about 90 kB; the largest reference offer is 18 kB. */
  bodyBytes: 256 * 1024,
  /** Real bodies and channel messages nest 6 deep. */
  jsonDepth: 16,
  /** Sending and receiving sections of one offer, all kinds together: 16 + 16 slots, 4 sources, 1 channel, and spare. */
  offerSections: 40,
  /** Characters of a displayed name; longer ones are cut. */
  displayNameCodePoints: 128,
  /** Text of one chat message, in UTF-8. About two screens of text. */
  chatBytes: 4 * 1024,
  /** One message from a client on a data channel. The wire allows 256 KiB; stats uploads reach about 200 kB. */
  channelMessageBytes: 256 * 1024,
  /** Requests on one channel: burst and lasting rate. A person clicks at most some per second. */
  channelRequestBurst: 60,
  channelRequestsPerSecond: 20,
  /** A request over the rate is read for its id only when it is this short. A layout of 16 canvases has 1,500. */
  throttledRequestCharacters: 2_048,
  /** Request ids remembered per channel to refuse repeats. Older ones are forgotten. */
  rememberedRequestIds: 1_000,
  /** Resources in one message of a snapshot: about 250 bytes each, far below the 256 KiB of a message. */
  resourcesPerMessage: 100,
  /** From the HTTP answer to a connected transport; the consent time of RFC 7675 is used for this, too. */
  connectTimeoutMs: 30_000,
  /** From the ports of an RTP input to its first packet: a person types a command in between. */
  rtpInputStartMs: 300_000,
  /** An RTP input whose packets stop has ended: encoders that pause send something every second or two. */
  rtpInputIdleMs: 10_000,
  /** RTP inputs and outputs of one room together; each takes two or four ports. */
  rtpPerRoom: 16,
  /** The same, of the whole server. */
  rtp: 200,
  /** After the media process died, how long participants wait for their clients to come back. */
  rejoinTimeoutMs: 30_000,
  /** Between the last message on a channel and the end of the transport, so that the message arrives. */
  teardownGraceMs: 1_000,
  /** Meet clients that are told JOINED before they applied the HTTP answer never join. Measured: 200 ms is enough. */
  meetJoinDelayMs: 200,
  /** How long JOINED waits for the state channels of a Meet client that may not open them at all. */
  meetStateChannelsWaitMs: 1_000,
  /** Anchors for lip-sync, virtual streams R5. */
  anchorIntervalMs: 5_000,
  /** Comment lines on an event stream, so that proxies keep it open. Most give up after 30 or 60 s. */
  eventKeepAliveMs: 15_000,
  /** Event streams of one session: one, and one that a proxy has not yet noticed is gone, twice. */
  eventStreamsPerSession: 4,
  /** Bytes that wait for a slow reader of an event stream before it is cut off. A real event has 60. */
  eventBacklogBytes: 64 * 1024,
  /** Bytes waiting on a data channel before its session ends: the media process closes such a channel at 1 MiB. */
  tokenBytes: 8 * 1024,
  /** A clock that is wrong by so much still verifies `exp` and `nbf`. Common practice: up to a minute. */
  tokenClockToleranceSeconds: 10,
  /** Recordings that run at once in one room: a few whole ones, and some of single people. */
  recordingsPerRoom: 8,
  /** Recordings that run at once on the server; each takes a port and the writing of its rate to the disk. */
  recordings: 200,
  /** Ended recordings that the API still shows, of all rooms; the oldest are forgotten. Their files stay. */
  rememberedRecordings: 500,
  /** A recorder that has not begun by then is taken for dead: a disk that hangs must not hang the request. */
  recordingStartMs: 15_000,
  /** How long a server that stops waits until files are finished; what is not finished is repaired at the next start. */
  recordingFinishMs: 30_000,
  /** After a recorder died, until the rooms' policy starts the next recording: first, then on and on. */
  recordingRestartMs: [500, 5_000, 30_000],
  /** Voices and pictures of a recording of the whole room, unless the server's own numbers are lower. */
  recordedAudioSlots: 3,
  /** Open HTTP connections; idle sockets beyond are refused by the listener. One call page holds two. */
  httpConnections: 10_000,
} as const;
