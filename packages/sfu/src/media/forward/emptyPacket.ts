/** A packet of which nothing goes out but its number. Elsewhere: when one is sent → variantList.ts */
import { CARRIED_KINDS } from '../packet.js';
import type { ReceivedPacket } from '../packet.js';

/** A packet without payload; used again for each. */
const hole = {
  slot: 0,
  payloadOffset: 0,
  payloadLength: 0,
  extendedSequence: 0,
  timestamp: 0,
  marker: false,
  payloadType: 0,
  codec: 0,
  ssrc: 0,
  arrivalMicros: 0,
  audioLevel: -1,
  voice: false,
  extensions: { offsets: new Uint32Array(CARRIED_KINDS), lengths: new Uint8Array(CARRIED_KINDS) },
};

/** The packet with nothing in it; good until the next. */
export function emptied(packet: Pick<ReceivedPacket, 'slot' | 'payloadOffset' | 'codec'>): ReceivedPacket {
  hole.slot = packet.slot;
  hole.payloadOffset = packet.payloadOffset;
  hole.codec = packet.codec;
  return hole;
}
