/**
 * What a datagram on a media port is, from its first bytes. RFC 7983 §7 for the first byte, RFC 5761 §4 for RTCP.
 * Only sorts: a datagram of a class may still be malformed. Too short to carry the fixed header of its class = unknown.
 */
import { readUint32 } from './bytes.js';

export type DatagramClass = 'stun' | 'dtls' | 'rtp' | 'rtcp' | 'turn-channel' | 'unknown';

const STUN_HEADER_BYTES = 20; // RFC 8489 §5
const STUN_MAGIC_COOKIE = 0x2112a442;
const DTLS_RECORD_HEADER_BYTES = 13; // RFC 6347 §4.1
const TURN_CHANNEL_HEADER_BYTES = 4; // RFC 8656 §12.4
const RTP_HEADER_BYTES = 12; // RFC 3550 §5.1
const RTCP_HEADER_BYTES = 8; // with the SSRC that SRTCP needs in the clear, RFC 3711 §3.4

export function classifyDatagram(bytes: Uint8Array): DatagramClass {
  const length = bytes.length;
  if (length < TURN_CHANNEL_HEADER_BYTES) return 'unknown';
  const first = bytes[0]!;
  if (first < 4)
    return length >= STUN_HEADER_BYTES && readUint32(bytes, 4) === STUN_MAGIC_COOKIE ? 'stun' : 'unknown';
  if (first >= 20 && first <= 63) return length >= DTLS_RECORD_HEADER_BYTES ? 'dtls' : 'unknown';
  if (first >= 64 && first <= 79) return 'turn-channel';
  if (first < 128 || first > 191) return 'unknown';
  const second = bytes[1]!;
  if (second >= 192 && second <= 223) return length >= RTCP_HEADER_BYTES ? 'rtcp' : 'unknown';
  return length >= RTP_HEADER_BYTES ? 'rtp' : 'unknown';
}
