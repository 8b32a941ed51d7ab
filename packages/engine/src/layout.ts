/**
 * The numbers that the add-on and TypeScript must agree on: words of a row, a command and an entry, and the reasons for
 * which a packet goes no further. They are written twice, here and in `native/layout.h`; the constructor of `Engine`
 * compares the two, so a stale binary is refused instead of misread.
 * Elsewhere: what the words mean in use → README.md · reading and writing entries → entries.ts, commands → commands.ts
 */

/** One received datagram. Larger ones are dropped as 'too-long': nothing in a call comes near it (path MTU ~1500). */
export const SLOT_BYTES = 2048;
/** Bytes behind the slab that commands can point to: header extension values that no received packet holds. */
export const SCRATCH_BYTES = 65_536;
/** family (4 or 6), local address number (0 = as the kernel likes), port big endian, 16 address bytes. */
export const ADDRESS_BYTES = 20;
/** Rows of one batch. Four times what one recvmmsg call returns: fewer calls into JavaScript when there is much. */
export const BATCH_ROWS = 256;
/** `ROW_PEER` of a datagram whose address belongs to nobody. */
export const NO_PEER = 0xffffffff;

export const KIND_STUN = 0;
export const KIND_DTLS = 1;
export const KIND_RTP = 2;
export const KIND_RTCP = 3;
/** SCTP without DTLS around it, of peers that take it: `acceptSctp`. */
export const KIND_SCTP = 4;
/** The TCP connection of a peer's address has ended; no bytes, and no slot. */
export const KIND_CLOSED = 5;

// A row: one datagram that passed. Words up to ROW_SOCKET hold for all kinds, those from ROW_SSRC for RTP
// (RTCP: ROW_SSRC is the sender's), ROW_ADDRESS for all.
export const ROW_WORDS = 32;
export const ROW_KIND = 0;
export const ROW_SLOT = 1;
/** slot * SLOT_BYTES. */
export const ROW_OFFSET = 2;
/** Bytes after decryption, without RTP padding. Payload = OFFSET + HEADER_LENGTH … OFFSET + LENGTH. */
export const ROW_LENGTH = 3;
export const ROW_PEER = 4;
export const ROW_SOCKET = 5;
export const ROW_SSRC = 6;
export const ROW_SEQUENCE = 7;
/** Roll-over counter: extended sequence number = ROC * 65536 + SEQUENCE. */
export const ROW_ROC = 8;
export const ROW_TIMESTAMP = 9;
export const ROW_PAYLOAD_TYPE = 10;
export const ROW_MARKER = 11;
/** 12 + 4 * CSRCs + extension with its 4-byte head. */
export const ROW_HEADER_LENGTH = 12;
export const ROW_PADDING = 13;
/** 0xBEDE (one-byte form), 0x100x (two-byte form) or whatever was sent; 0 when there is no extension. */
export const ROW_EXTENSION_PROFILE = 14;
/** Absolute in the slab, behind the 4-byte head. */
export const ROW_EXTENSION_OFFSET = 15;
/** Bytes, a multiple of 4. */
export const ROW_EXTENSION_LENGTH = 16;
export const ROW_CSRC_COUNT = 17;
/** ADDRESS_BYTES bytes: five words. */
export const ROW_ADDRESS = 18;

// A command: one packet to write, for every entry of a list or for one entry.
export const COMMAND_WORDS = 32;
export const COMMAND_TYPE = 0;
/** A list, an entry or, for RTCP, a peer. */
export const COMMAND_TARGET = 1;
/** Absolute in the slab or the scratch behind it. */
export const COMMAND_PAYLOAD_OFFSET = 2;
export const COMMAND_PAYLOAD_LENGTH = 3;
/** Extended sequence number in the list's own numbering, u32. */
export const COMMAND_INDEX = 4;
export const COMMAND_TIMESTAMP = 5;
export const COMMAND_FLAGS = 6;
/** Not used yet; keep 0. */
export const COMMAND_MINIMUM_ADVANCE = 7;
/** 0…2. */
export const COMMAND_CSRC_COUNT = 8;
export const COMMAND_CSRC0 = 9;
export const COMMAND_CSRC1 = 10;
/** 0…COMMAND_EXTENSIONS_MAX. */
export const COMMAND_EXTENSION_COUNT = 11;
/** Two words each: kind (4 bits) | length << 8, then the value's absolute offset. */
export const COMMAND_EXTENSIONS = 12;
export const COMMAND_EXTENSIONS_MAX = 6;
/** 0…COMMAND_PATCHES_MAX: numbers inside payload or extensions that each entry shifts by a delta of its own. */
export const COMMAND_PATCH_COUNT = 24;
/**
 * Two words each. Descriptor: target (bits 0…3: 0 = payload, k + 1 = carried extension of kind k), width PATCH_BITS_*
 * (bits 4…7), which of the entry's deltas (bits 8…9), byte offset in the target (bits 16…31). Then the value: what is
 * written is (value + delta) modulo the width; the other bits stay.
 */
export const COMMAND_PATCHES = 25;
export const COMMAND_PATCHES_MAX = 3;
/** Widths of a patch: a byte, its lower 7 bits, the lower 15 bits of two bytes, two bytes (big endian). */
export const PATCH_BITS_8 = 0;
export const PATCH_BITS_7 = 1;
export const PATCH_BITS_15 = 2;
export const PATCH_BITS_16 = 3;

/** COMMAND_TYPE: to every entry of a list. */
export const COMMAND_LIST = 1;
/** COMMAND_TYPE: to one entry. */
export const COMMAND_ENTRY = 2;
/** COMMAND_TYPE: a plain RTCP compound (PAYLOAD_OFFSET, PAYLOAD_LENGTH) to a peer. */
export const COMMAND_RTCP = 3;
/** The peer's template of sender reports: COMMAND_TIMESTAMP, and the words COMMAND_NTP_*. */
export const COMMAND_REPORT = 4;
export const COMMAND_NTP_SECONDS = 4;
export const COMMAND_NTP_FRACTION = 6;

/** COMMAND_FLAGS. */
export const FLAG_MARKER = 1;
/**
 * COMMAND_FLAGS of COMMAND_ENTRY: a repetition. With ENTRY_RTX_SSRC it goes out as RFC 4588 says, under RTX numbers.
 * Without, it is an index that was sent, byte for byte, or a new one. Counts as packet and octets; the last timestamp stays.
 */
export const FLAG_RETRANSMISSION = 2;
/** COMMAND_FLAGS: bits 8…10, which of the entry's eight payload types. */
export const FLAG_CODEC_SHIFT = 8;

// An entry: one outgoing stream. TypeScript writes the constants (words 0…16, 23…27), the engine the counters (17…22, 28…30).
export const ENTRY_WORDS = 32;
export const ENTRY_PEER = 0;
export const ENTRY_SSRC = 1;
export const ENTRY_FLAGS = 2;
/** Eight bytes by codec number; PAYLOAD_TYPE_NONE where not negotiated. */
export const ENTRY_PAYLOAD_TYPES = 3;
/** Outgoing extended sequence number = index - DELTA_INDEX (mod 2^32). */
export const ENTRY_DELTA_INDEX = 5;
/** Outgoing timestamp = timestamp + DELTA_TIMESTAMP (mod 2^32). */
export const ENTRY_DELTA_TIMESTAMP = 6;
/** Indexes before this one (signed distance) are not sent. */
export const ENTRY_FIRST_INDEX = 7;
/** Sixteen bytes by carried kind: the receiver's extension id, 0 = not negotiated. */
export const ENTRY_EXTENSION_IDS = 8;
/** Four bytes: mid id, mid length, abs-send-time id, transport-wide number id. */
export const ENTRY_SEND_EXTENSIONS = 12;
/** Sixteen bytes. */
export const ENTRY_MID = 13;
export const ENTRY_PACKETS = 17;
/** Payload bytes, wraps at 2^32 as in a sender report. */
export const ENTRY_OCTETS = 18;
export const ENTRY_LAST_TIMESTAMP = 19;
/** Highest outgoing extended sequence number; only meaningful when ENTRY_PACKETS is not 0. */
export const ENTRY_LAST_INDEX = 20;
/** Low word of the engine's microseconds. */
export const ENTRY_LAST_SENT_MICROS = 21;
/** Packets of this entry that were not sent, for whatever reason but ENTRY_ENABLED being off. */
export const ENTRY_DROPS = 22;
/** Four halves of words: what patches add. Delta i is in bits 16 * (i & 1) of word i >> 1. */
export const ENTRY_PATCH_DELTAS = 23;
/** 0 = retransmissions go out as they were. */
export const ENTRY_RTX_SSRC = 25;
/** Eight bytes by codec number of the original; PAYLOAD_TYPE_NONE where not negotiated. */
export const ENTRY_RTX_PAYLOAD_TYPES = 26;
/** Highest extended sequence number of the RTX stream; only meaningful when ENTRY_RTX_PACKETS is not 0. */
export const ENTRY_RTX_LAST_INDEX = 28;
export const ENTRY_RTX_PACKETS = 29;
/** Payload bytes with the original number's two, without padding (RFC 3550 §6.4.1); wraps at 2^32. */
export const ENTRY_RTX_OCTETS = 30;
/** PLAYOUT_DELAY_GIVEN | least (12 bits) | most (12 bits), each in 10 ms; 0 = what the source says goes on. */
export const ENTRY_PLAYOUT_DELAY = 31;
export const PLAYOUT_DELAY_GIVEN = 0x1000000;
/** The carried kind whose extension id it is sent with. */
export const PLAYOUT_DELAY_EXTENSION = 3;

/** ENTRY_FLAGS. */
export const ENTRY_ENABLED = 1;
/** ENTRY_FLAGS: put the MID extension into the packets. */
export const ENTRY_SEND_MID = 2;
/** ENTRY_FLAGS: packets wait for the peer's pacer, and so do those of the RTX stream. */
export const ENTRY_PACED = 16;

export const PAYLOAD_TYPE_NONE = 0xff;
/** Longest MID an entry can hold. */
export const MID_BYTES = 16;

/**
 * A record of a capture: these bytes, then the packet, filled up to whole words. Words: length of the packet, peer, flags,
 * time in µs (low word, high word), then the remote address.
 */
export const CAPTURE_HEAD_BYTES = 40;
/** Flags of a record. */
export const CAPTURE_OUTGOING = 1;
export const CAPTURE_RTCP = 2;
/** From this bit on: the number that `setCapture` gave. */
export const CAPTURE_NUMBER_SHIFT = 8;

/** Why a packet went no further. Order is the order of the counters in the add-on; append only. */
export const DROP = [
  'too-short', // fewer bytes than its kind needs
  'unknown-class', // first byte belongs to none of STUN, DTLS, RTP (RFC 7983)
  'no-peer', // RTP or RTCP from an address that nobody verified
  'srtp-auth', // the tag is wrong
  'srtp-replay', // seen before, or older than the window
  'srtp-no-keys', // the handshake is not done
  'rtp-malformed', // CSRCs, extension or padding claim more than there is
  'ssrc-limit', // more sources than one peer may have
  'rate-limit', // more packets than one peer may send
  'no-slot', // every slot is retained
  'send-full', // the kernel's buffer and our queue behind it are full
  'send-error', // the kernel refused
  'entry-invalid', // an entry with a number out of range, or of a peer that is gone
  'entry-before-first', // older than ENTRY_FIRST_INDEX
  'mtu', // too long to be sent
  'stun-malformed', // length or magic cookie wrong
  'dtls-unverified-address', // DTLS from an address that ICE has not verified
  'srtcp-unencrypted', // E bit off: nobody negotiated that
  'too-long', // longer than SLOT_BYTES
  'command-invalid', // type, offset, length or count out of range
  'list-invalid', // no such list
  'entry-disabled', // ENTRY_ENABLED is off
  'entry-no-codec', // the entry has no payload type for this codec
  'entry-index-reuse', // the outgoing number was used before, or is too old to tell
  'retransmission-forgotten', // cannot be repeated byte for byte, so it is not repeated
  'peer-no-address', // nowhere to send to yet
  'peer-no-keys', // nothing to encrypt with yet
  'socket-closed', // the peer's socket is gone
  'stun-replayed', // a check that was answered before, now from another address
  'pacer-full', // waited too long for the pacer, or too much waits
  'rtx-limit', // more RTX streams than one peer may have
  'feedback-malformed', // transport-wide feedback that claims more than there is
  'tcp-full', // too much waits for a slow connection
  'tcp-garbage', // a connection was ended: no framing, or something else than STUN from an unknown one
  'tcp-limit', // a connection was refused: too many
  'tcp-unverified', // a connection was ended: no peer's for too long, or it had to make room
] as const;
export type DropReason = (typeof DROP)[number];
