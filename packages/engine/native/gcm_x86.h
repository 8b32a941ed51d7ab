// What the two x86 codes of AES-GCM share: multiplication in GHASH's field and the counter block.
//
// GHASH numbers bits from the left, carry-less multiplication from the right. With the bytes of every block reversed the
// product comes out one bit too low; so every power of H is kept multiplied by x, which puts it right for good.
// Reduction modulo x^128 + x^127 + x^126 + x^121 + 1 (the reversed polynomial) folds the low half away in two steps of
// 64 bits each, by multiplying with the constant 0xC2 << 56. Spec: NIST SP 800-38D §6.3, §6.4.
#pragma once
#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#include <immintrin.h>
#include "gcm.h"

namespace tertulia::x86 {

#define TERTULIA_AESNI __attribute__((target("aes,pclmul,ssse3,sse4.1")))
#define TERTULIA_AESNI_INLINE TERTULIA_AESNI __attribute__((always_inline)) inline

TERTULIA_AESNI_INLINE __m128i load(const uint8_t* p) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); }
TERTULIA_AESNI_INLINE void store(uint8_t* p, __m128i block) { _mm_storeu_si128(reinterpret_cast<__m128i*>(p), block); }
TERTULIA_AESNI_INLINE __m128i reversed(__m128i block) {
  return _mm_shuffle_epi8(block, _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
}

/// Sum of products that is not reduced yet.
struct Product {
  __m128i low, middle, high;
};
TERTULIA_AESNI_INLINE Product nothing() { return {_mm_setzero_si128(), _mm_setzero_si128(), _mm_setzero_si128()}; }

TERTULIA_AESNI_INLINE void multiplyAdd(Product& sum, __m128i block, __m128i power) {
  sum.low = _mm_xor_si128(sum.low, _mm_clmulepi64_si128(block, power, 0x00));
  sum.high = _mm_xor_si128(sum.high, _mm_clmulepi64_si128(block, power, 0x11));
  sum.middle = _mm_xor_si128(
      sum.middle, _mm_xor_si128(_mm_clmulepi64_si128(block, power, 0x01), _mm_clmulepi64_si128(block, power, 0x10)));
}

TERTULIA_AESNI_INLINE __m128i reduce(const Product& sum) {
  const __m128i polynomial = _mm_set_epi64x(0, static_cast<long long>(0xC200000000000000ull));
  __m128i low = _mm_xor_si128(sum.low, _mm_slli_si128(sum.middle, 8));
  const __m128i high = _mm_xor_si128(sum.high, _mm_srli_si128(sum.middle, 8));
  for (int half = 0; half < 2; half++) {
    low = _mm_xor_si128(_mm_shuffle_epi32(low, 0x4e), _mm_clmulepi64_si128(low, polynomial, 0x00));
  }
  return _mm_xor_si128(low, high);
}

TERTULIA_AESNI_INLINE __m128i multiply(__m128i block, __m128i power) {
  Product product = nothing();
  multiplyAdd(product, block, power);
  return reduce(product);
}

/// H to the n-th, n = 1…16.
TERTULIA_AESNI_INLINE __m128i power(const GcmKey& key, size_t n) { return load(key.powers[GcmKey::POWERS - n]); }

/// The first counter block, bytes reversed, so that adding 1 to the low word counts. It seals the tag.
TERTULIA_AESNI_INLINE __m128i firstCounter(const uint8_t* iv) {
  uint32_t words[3];
  __builtin_memcpy(words, iv, sizeof words);
  return reversed(_mm_set_epi32(1 << 24, static_cast<int>(words[2]), static_cast<int>(words[1]), static_cast<int>(words[0])));
}

/// Up to 15 bytes, filled up with zeros.
TERTULIA_AESNI_INLINE __m128i loadPart(const uint8_t* p, size_t length) {
  uint8_t block[16] = {};
  __builtin_memcpy(block, p, length);
  return load(block);
}

TERTULIA_AESNI_INLINE __m128i lengths(const GcmMessage& message) {
  return _mm_set_epi64x(static_cast<long long>(message.aadLength * 8), static_cast<long long>(message.length * 8));
}

/// Associated data longer than `most` blocks, one block at a time; RTP headers rarely are.
/// @return the hash so far; `aad` and `length` become what is left
TERTULIA_AESNI_INLINE __m128i hashLongAad(const GcmKey& key, const uint8_t*& aad, size_t& length, size_t most) {
  __m128i hash = _mm_setzero_si128();
  while (length > 16 * most) {
    hash = multiply(_mm_xor_si128(hash, reversed(load(aad))), power(key, 1));
    aad += 16;
    length -= 16;
  }
  return hash;
}

/// At most a few blocks of associated data into a sum whose first block has H to the `exponent`-th.
TERTULIA_AESNI_INLINE void addAad(Product& sum, const GcmKey& key, __m128i hash, const uint8_t* aad, size_t length,
                                  size_t exponent) {
  for (; length >= 16; aad += 16, length -= 16) {
    multiplyAdd(sum, _mm_xor_si128(hash, reversed(load(aad))), power(key, exponent--));
    hash = _mm_setzero_si128();
  }
  if (length > 0) multiplyAdd(sum, _mm_xor_si128(hash, reversed(loadPart(aad, length))), power(key, exponent));
}

}  // namespace tertulia::x86
#endif
