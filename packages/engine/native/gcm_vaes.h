// AES-GCM encryption with VAES and VPCLMULQDQ on 512-bit registers: four blocks at a time (Ice Lake, Zen 4 and later).
// Included by gcm.cc alone.
#pragma once
#if defined(__GNUC__) && !defined(__clang__)
// GCC 12's own AVX-512 headers use an undefined register on purpose and warn about it.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include "gcm_x86.h"
#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))

#define TERTULIA_VAES \
  __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,vaes,vpclmulqdq,aes,pclmul,ssse3,sse4.1,bmi2")))
#define TERTULIA_VAES_INLINE TERTULIA_VAES __attribute__((always_inline)) inline

namespace tertulia {
namespace vaes {

using namespace x86;

constexpr size_t VECTORS = 4;           // in flight: 16 blocks, 256 bytes
constexpr size_t GROUP = 4 * VECTORS;   // blocks of a group without associated data
constexpr size_t FIRST_GROUP = 12;      // with it: 4 + 12 blocks have powers
constexpr size_t AAD_BLOCKS = 4;

TERTULIA_VAES_INLINE __m512i everyBlock(__m128i block) { return _mm512_broadcast_i32x4(block); }
TERTULIA_VAES_INLINE __m512i reversedAll(__m512i blocks) {
  return _mm512_shuffle_epi8(blocks,
                             everyBlock(_mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)));
}
TERTULIA_VAES_INLINE __m128i folded(__m512i sums) {
  const __m256i half = _mm256_xor_si256(_mm512_castsi512_si256(sums), _mm512_extracti64x4_epi64(sums, 1));
  return _mm_xor_si128(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

struct WideProduct {
  __m512i low, middle, high;
};

/// Encrypts `blocks` blocks (VECTORS_USED * 4 at most) and adds their products to `sum`. The first has H to the
/// `exponent`-th and takes `hash` with it.
template <size_t VECTORS_USED>
TERTULIA_VAES_INLINE void sealGroup(const GcmKey& key, __m512i& counters, const uint8_t* in, uint8_t* out, size_t length,
                                    __m128i hash, size_t exponent, WideProduct& sum) {
  const __m512i four = everyBlock(_mm_set_epi32(0, 0, 0, 4));
  __m512i stream[VECTORS_USED];
  const __m512i firstKey = everyBlock(load(key.roundKeys[0]));
#pragma GCC unroll 4
  for (size_t v = 0; v < VECTORS_USED; v++) {
    stream[v] = _mm512_xor_si512(reversedAll(counters), firstKey);
    counters = _mm512_add_epi32(counters, four);
  }
  for (uint32_t round = 1; round < key.rounds; round++) {
    const __m512i roundKey = everyBlock(load(key.roundKeys[round]));
#pragma GCC unroll 4
    for (size_t v = 0; v < VECTORS_USED; v++) stream[v] = _mm512_aesenc_epi128(stream[v], roundKey);
  }
  const __m512i lastKey = everyBlock(load(key.roundKeys[key.rounds]));
  const uint8_t* powers = key.powers[GcmKey::POWERS - exponent];
#pragma GCC unroll 4
  for (size_t v = 0; v < VECTORS_USED; v++) {
    const size_t at = 64 * v, left = length - at;
    const __mmask64 bytes = left >= 64 ? ~__mmask64{0} : _bzhi_u64(~0ull, static_cast<unsigned>(left));
    const size_t blocks = left >= 64 ? 4 : (left + 15) / 16;
    const __mmask8 quarters = static_cast<__mmask8>((1u << (2 * blocks)) - 1);
    __m512i sealed = _mm512_aesenclast_epi128(stream[v], lastKey);
    sealed = _mm512_maskz_mov_epi8(bytes, _mm512_xor_si512(sealed, _mm512_maskz_loadu_epi8(bytes, in + at)));
    _mm512_mask_storeu_epi8(out + at, bytes, sealed);
    sealed = reversedAll(sealed);
    if (v == 0) sealed = _mm512_xor_si512(sealed, _mm512_zextsi128_si512(hash));
    // Blocks beyond the last are zero; the mask only keeps the load inside the key.
    const __m512i power = _mm512_maskz_loadu_epi64(quarters, powers + at);
    sum.low = _mm512_xor_si512(sum.low, _mm512_clmulepi64_epi128(sealed, power, 0x00));
    sum.high = _mm512_xor_si512(sum.high, _mm512_clmulepi64_epi128(sealed, power, 0x11));
    sum.middle = _mm512_ternarylogic_epi64(sum.middle, _mm512_clmulepi64_epi128(sealed, power, 0x01),
                                           _mm512_clmulepi64_epi128(sealed, power, 0x10), 0x96);
  }
}

}  // namespace vaes

TERTULIA_VAES void sealVaes(const GcmKey& key, const GcmMessage& message) {
  using namespace vaes;
  const __m128i first = firstCounter(message.iv);
  __m128i tagMask = _mm_xor_si128(reversed(first), load(key.roundKeys[0]));
  for (uint32_t round = 1; round < key.rounds; round++) tagMask = _mm_aesenc_si128(tagMask, load(key.roundKeys[round]));
  tagMask = _mm_aesenclast_si128(tagMask, load(key.roundKeys[key.rounds]));
  __m512i counters = _mm512_add_epi32(everyBlock(first), _mm512_set_epi32(0, 0, 0, 4, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 1));

  const uint8_t* aad = message.aad;
  size_t aadLength = message.aadLength;
  __m128i hash = hashLongAad(key, aad, aadLength, AAD_BLOCKS);
  size_t aadBlocks = (aadLength + 15) / 16;
  const uint8_t* in = message.in;
  uint8_t* out = message.out;
  size_t left = message.length;
  bool last;
  do {
    // A group is hashed with one reduction: associated data before the first, the lengths behind the last.
    size_t blocks = (left + 15) / 16;
    last = aadBlocks + blocks + 1 <= GROUP;
    if (!last) {
      const size_t most = aadBlocks > 0 ? FIRST_GROUP : GROUP;
      if (blocks > most) blocks = most;
    }
    const size_t hashed = aadBlocks + blocks + (last ? 1 : 0);
    const size_t length = left < 16 * blocks ? left : 16 * blocks;
    Product sum = nothing();
    addAad(sum, key, hash, aad, aadLength, hashed);
    if (aadBlocks > 0) hash = _mm_setzero_si128();
    if (blocks > 0) {
      WideProduct wide = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()};
      const size_t exponent = hashed - aadBlocks;
      if (blocks > 12) {
        sealGroup<4>(key, counters, in, out, length, hash, exponent, wide);
      } else if (blocks > 8) {
        sealGroup<3>(key, counters, in, out, length, hash, exponent, wide);
      } else if (blocks > 4) {
        sealGroup<2>(key, counters, in, out, length, hash, exponent, wide);
      } else {
        sealGroup<1>(key, counters, in, out, length, hash, exponent, wide);
      }
      hash = _mm_setzero_si128();
      sum.low = _mm_xor_si128(sum.low, folded(wide.low));
      sum.middle = _mm_xor_si128(sum.middle, folded(wide.middle));
      sum.high = _mm_xor_si128(sum.high, folded(wide.high));
    }
    if (last) multiplyAdd(sum, _mm_xor_si128(hash, lengths(message)), power(key, 1));
    hash = reduce(sum);
    in += length;
    out += length;
    left -= length;
    aadLength = aadBlocks = 0;
  } while (!last);
  store(message.tag, _mm_xor_si128(reversed(hash), tagMask));
}

}  // namespace tertulia
#endif
