// Big-endian numbers in byte strings; no alignment needed.
#pragma once
#include <cstdint>
#include <cstring>

// Asks the processor for a cache line that will be read soon.
#if defined(__GNUC__) || defined(__clang__)
#define TERTULIA_PREFETCH(address) __builtin_prefetch(address)
#else
#define TERTULIA_PREFETCH(address) static_cast<void>(address)
#endif

namespace tertulia {

inline uint16_t readU16(const uint8_t* p) { return static_cast<uint16_t>(p[0] << 8 | p[1]); }
inline uint32_t readU32(const uint8_t* p) {
  return static_cast<uint32_t>(p[0]) << 24 | static_cast<uint32_t>(p[1]) << 16 | static_cast<uint32_t>(p[2]) << 8 | p[3];
}
inline void writeU16(uint8_t* p, uint32_t value) {
  p[0] = static_cast<uint8_t>(value >> 8);
  p[1] = static_cast<uint8_t>(value);
}
inline void writeU24(uint8_t* p, uint32_t value) {
  p[0] = static_cast<uint8_t>(value >> 16);
  writeU16(p + 1, value);
}
inline void writeU32(uint8_t* p, uint32_t value) {
  writeU16(p, value >> 16);
  writeU16(p + 2, value);
}

}  // namespace tertulia
