// What the engine and TypeScript share: words of a row, a command and an entry, and the drop reasons.
// Defined once here, written again in src/layout.ts; the TypeScript constructor compares the two at run time.
// Knows nothing else. What the words mean: README.md.
#pragma once
#include <cstddef>
#include <cstdint>

// clang-format off
#define TERTULIA_LAYOUT(X) \
  X(SLOT_BYTES, 2048) X(SCRATCH_BYTES, 65536) X(ADDRESS_BYTES, 20) X(BATCH_ROWS, 256) X(NO_PEER, 0xffffffff) \
  X(KIND_STUN, 0) X(KIND_DTLS, 1) X(KIND_RTP, 2) X(KIND_RTCP, 3) X(KIND_SCTP, 4) X(KIND_CLOSED, 5) \
  X(ROW_WORDS, 32) X(ROW_KIND, 0) X(ROW_SLOT, 1) X(ROW_OFFSET, 2) X(ROW_LENGTH, 3) X(ROW_PEER, 4) X(ROW_SOCKET, 5) \
  X(ROW_SSRC, 6) X(ROW_SEQUENCE, 7) X(ROW_ROC, 8) X(ROW_TIMESTAMP, 9) X(ROW_PAYLOAD_TYPE, 10) X(ROW_MARKER, 11) \
  X(ROW_HEADER_LENGTH, 12) X(ROW_PADDING, 13) X(ROW_EXTENSION_PROFILE, 14) X(ROW_EXTENSION_OFFSET, 15) \
  X(ROW_EXTENSION_LENGTH, 16) X(ROW_CSRC_COUNT, 17) X(ROW_ADDRESS, 18) \
  X(COMMAND_WORDS, 32) X(COMMAND_TYPE, 0) X(COMMAND_TARGET, 1) X(COMMAND_PAYLOAD_OFFSET, 2) X(COMMAND_PAYLOAD_LENGTH, 3) \
  X(COMMAND_INDEX, 4) X(COMMAND_TIMESTAMP, 5) X(COMMAND_FLAGS, 6) X(COMMAND_MINIMUM_ADVANCE, 7) X(COMMAND_CSRC_COUNT, 8) \
  X(COMMAND_CSRC0, 9) X(COMMAND_CSRC1, 10) X(COMMAND_NTP_SECONDS, 4) X(COMMAND_NTP_FRACTION, 6) X(COMMAND_EXTENSION_COUNT, 11) X(COMMAND_EXTENSIONS, 12) \
  X(COMMAND_EXTENSIONS_MAX, 6) X(COMMAND_PATCH_COUNT, 24) X(COMMAND_PATCHES, 25) X(COMMAND_PATCHES_MAX, 3) \
  X(PATCH_BITS_8, 0) X(PATCH_BITS_7, 1) X(PATCH_BITS_15, 2) X(PATCH_BITS_16, 3) X(COMMAND_LIST, 1) X(COMMAND_ENTRY, 2) X(COMMAND_RTCP, 3) X(COMMAND_REPORT, 4) \
  X(FLAG_MARKER, 1) X(FLAG_RETRANSMISSION, 2) X(FLAG_CODEC_SHIFT, 8) \
  X(ENTRY_WORDS, 32) X(ENTRY_PEER, 0) X(ENTRY_SSRC, 1) X(ENTRY_FLAGS, 2) X(ENTRY_PAYLOAD_TYPES, 3) X(ENTRY_DELTA_INDEX, 5) \
  X(ENTRY_DELTA_TIMESTAMP, 6) X(ENTRY_FIRST_INDEX, 7) X(ENTRY_EXTENSION_IDS, 8) X(ENTRY_SEND_EXTENSIONS, 12) \
  X(ENTRY_MID, 13) X(ENTRY_PACKETS, 17) X(ENTRY_OCTETS, 18) X(ENTRY_LAST_TIMESTAMP, 19) X(ENTRY_LAST_INDEX, 20) \
  X(ENTRY_LAST_SENT_MICROS, 21) X(ENTRY_DROPS, 22) X(ENTRY_PATCH_DELTAS, 23) X(ENTRY_RTX_SSRC, 25) \
  X(ENTRY_RTX_PAYLOAD_TYPES, 26) X(ENTRY_RTX_LAST_INDEX, 28) X(ENTRY_RTX_PACKETS, 29) X(ENTRY_RTX_OCTETS, 30) \
  X(ENTRY_PLAYOUT_DELAY, 31) X(PLAYOUT_DELAY_GIVEN, 0x1000000) X(PLAYOUT_DELAY_EXTENSION, 3) \
  X(ENTRY_ENABLED, 1) X(ENTRY_SEND_MID, 2) X(ENTRY_PACED, 16) \
  X(PAYLOAD_TYPE_NONE, 0xff) X(MID_BYTES, 16) \
  X(CAPTURE_HEAD_BYTES, 40) X(CAPTURE_OUTGOING, 1) X(CAPTURE_RTCP, 2) X(CAPTURE_NUMBER_SHIFT, 8)

// Order is the order of the counters; append only.
#define TERTULIA_DROPS(X) \
  X(TooShort, "too-short") X(UnknownClass, "unknown-class") X(NoPeer, "no-peer") X(SrtpAuth, "srtp-auth") \
  X(SrtpReplay, "srtp-replay") X(SrtpNoKeys, "srtp-no-keys") X(RtpMalformed, "rtp-malformed") X(SsrcLimit, "ssrc-limit") \
  X(RateLimit, "rate-limit") X(NoSlot, "no-slot") X(SendFull, "send-full") X(SendError, "send-error") \
  X(EntryInvalid, "entry-invalid") X(EntryBeforeFirst, "entry-before-first") X(Mtu, "mtu") X(StunMalformed, "stun-malformed") \
  X(DtlsUnverifiedAddress, "dtls-unverified-address") X(SrtcpUnencrypted, "srtcp-unencrypted") X(TooLong, "too-long") \
  X(CommandInvalid, "command-invalid") X(ListInvalid, "list-invalid") X(EntryDisabled, "entry-disabled") \
  X(EntryNoCodec, "entry-no-codec") X(EntryIndexReuse, "entry-index-reuse") \
  X(RetransmissionForgotten, "retransmission-forgotten") X(PeerNoAddress, "peer-no-address") \
  X(PeerNoKeys, "peer-no-keys") X(SocketClosed, "socket-closed") X(StunReplayed, "stun-replayed") \
  X(PacerFull, "pacer-full") X(RtxLimit, "rtx-limit") X(FeedbackMalformed, "feedback-malformed") \
  X(TcpFull, "tcp-full") X(TcpGarbage, "tcp-garbage") X(TcpLimit, "tcp-limit") X(TcpUnverified, "tcp-unverified")

#define TERTULIA_COUNTERS(X) \
  X(received) X(receivedBytes) X(sent) X(sentBytes) X(batches) X(receiveCalls) X(sendCalls) X(sendErrors) X(sendFull) \
  X(queuedBytes) X(wakeups) X(checksAnswered) X(tcpAccepted) X(tcpConnections) \
  X(tcpQueuedBytes) X(peers) X(entries) X(lists)
// clang-format on

namespace tertulia {

#define TERTULIA_CONSTANT(name, value) constexpr uint32_t name = value;
TERTULIA_LAYOUT(TERTULIA_CONSTANT)
#undef TERTULIA_CONSTANT

enum class Drop : uint8_t {
#define TERTULIA_DROP(name, text) name,
  TERTULIA_DROPS(TERTULIA_DROP)
#undef TERTULIA_DROP
      Count
};
constexpr size_t DROP_COUNT = static_cast<size_t>(Drop::Count);

struct Counters {
#define TERTULIA_COUNTER(name) uint64_t name = 0;
  TERTULIA_COUNTERS(TERTULIA_COUNTER)
#undef TERTULIA_COUNTER
  uint64_t drops[DROP_COUNT] = {};
  void drop(Drop reason, uint64_t times = 1) { drops[static_cast<size_t>(reason)] += times; }
};

/// The arrays that TypeScript sees as well. The owner of the memory outlives the engine.
struct Shared {
  uint8_t* slab = nullptr;  // slots * SLOT_BYTES, then SCRATCH_BYTES
  uint32_t slots = 0;
  uint32_t* rows = nullptr;
  uint32_t* commands = nullptr;
  uint32_t commandCapacity = 0;
  uint32_t* entries = nullptr;
  uint32_t entryCapacity = 0;
  uint32_t* freeSlots = nullptr;    // word 0: how many, then the stack
  uint32_t* slotHolders = nullptr;  // one word per slot
  size_t memoryBytes() const { return static_cast<size_t>(slots) * SLOT_BYTES + SCRATCH_BYTES; }
};

}  // namespace tertulia
