/** Made-up figures of a room for the tests of the page that draws them. */
import type { LayerFigures, RoomStats, SessionFigures, SlotFigures } from '../../src/stats/roomStats.js';

export const CSRC = { ada: 101, ben: 201, cleo: 301, adaCamera: 102, benScreen: 203 } as const;

export const layer = (more: Partial<LayerFigures> = {}): LayerFigures => ({
  name: '0',
  bitsPerSecond: 32_000,
  packets: 100,
  lost: 0,
  lostShare: 0,
  jitterMs: 4,
  keyFramesAsked: 0,
  packetsAsked: 0,
  packetsRepaired: 0,
  ...more,
});

export const slot = (more: Partial<SlotFigures> = {}): SlotFigures => ({
  kind: 'audio',
  slot: 0,
  bitsPerSecond: 30_000,
  lost: 0,
  lostShare: 0,
  jitterMs: 3,
  packetsAsked: 0,
  keyFramesAsked: 0,
  ...more,
});

export const person = (displayName: string, more: Partial<SessionFigures> = {}): SessionFigures => ({
  participantId: `p_${displayName.toLowerCase()}`,
  displayName,
  kind: 'tertulia',
  connected: true,
  transport: {
    protocol: 'udp',
    roundTripMs: 31,
    receivedBitsPerSecond: 450_000,
    sentBitsPerSecond: 900_000,
    availableOutgoingBitsPerSecond: 1_800_000,
    drops: {},
  },
  sources: [],
  slots: [slot(), slot({ slot: 1 }), slot({ kind: 'video', slot: 0 })],
  ...more,
});

export const START_MS = 1_700_000_000_000;

/** Ada with a camera of two layers, Ben who listens to whoever `voice` is. */
export function room(atMs: number, voice: number | undefined, more: Partial<RoomStats> = {}): RoomStats {
  const ada = person('Ada', {
    sources: [
      { source: 'microphone', csrc: CSRC.ada, muted: false, codec: 'opus', layers: [layer()] },
      {
        source: 'camera',
        csrc: CSRC.adaCamera,
        muted: false,
        codec: 'VP8',
        layers: [
          layer({ name: 'q', bitsPerSecond: 110_000, width: 320, height: 180, framesPerSecond: 15 }),
          layer({
            name: 'h',
            bitsPerSecond: 420_000,
            width: 640,
            height: 360,
            framesPerSecond: 15,
            lostShare: 0.04,
          }),
        ],
      },
      { source: 'screen', csrc: 103, muted: true, layers: [] },
    ],
  });
  const cleo = person('Cleo', {
    sources: [{ source: 'microphone', csrc: CSRC.cleo, muted: true, codec: 'opus', layers: [layer()] }],
  });
  const ben = person('Ben', {
    slots: [
      slot(voice === undefined ? {} : { csrc: voice, loudest: true }),
      slot({ slot: 1 }),
      slot({ kind: 'video', slot: 0, csrc: CSRC.adaCamera, spatialLayer: 1, bitsPerSecond: 420_000 }),
    ],
  });
  return { room: 'tea', atMs, sessions: [ada, ben, cleo], ...more };
}
