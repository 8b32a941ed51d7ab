// AES-GCM encryption with AES-NI and PCLMULQDQ: any x86-64 processor since about 2010. Also prepares the key for
// gcm_vaes.h. Included by gcm.cc alone.
#pragma once
#include <openssl/crypto.h>
#include "gcm_x86.h"
#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))

namespace tertulia {
namespace aesni {

using namespace x86;

constexpr size_t LANES = 8;       // blocks in flight: enough to hide the latency of an AES round
constexpr size_t AAD_BLOCKS = 4;  // hashed together with the message

/// FIPS 197 §5.2: the next round key of the 128-bit schedule, or the odd and even ones of the 256-bit one.
TERTULIA_AESNI_INLINE __m128i mixKey(__m128i previous, __m128i assist) {
  for (int i = 0; i < 3; i++) previous = _mm_xor_si128(previous, _mm_slli_si128(previous, 4)); // prefix sums of words
  return _mm_xor_si128(previous, assist);
}

template <int CONSTANT>
TERTULIA_AESNI_INLINE __m128i assisted(__m128i from) {
  return _mm_shuffle_epi32(_mm_aeskeygenassist_si128(from, CONSTANT), 0xff);
}
TERTULIA_AESNI_INLINE __m128i unrotated(__m128i from) {
  return _mm_shuffle_epi32(_mm_aeskeygenassist_si128(from, 0), 0xaa);
}

TERTULIA_AESNI inline void expand128(__m128i* keys) {
  keys[1] = mixKey(keys[0], assisted<0x01>(keys[0]));
  keys[2] = mixKey(keys[1], assisted<0x02>(keys[1]));
  keys[3] = mixKey(keys[2], assisted<0x04>(keys[2]));
  keys[4] = mixKey(keys[3], assisted<0x08>(keys[3]));
  keys[5] = mixKey(keys[4], assisted<0x10>(keys[4]));
  keys[6] = mixKey(keys[5], assisted<0x20>(keys[5]));
  keys[7] = mixKey(keys[6], assisted<0x40>(keys[6]));
  keys[8] = mixKey(keys[7], assisted<0x80>(keys[7]));
  keys[9] = mixKey(keys[8], assisted<0x1b>(keys[8]));
  keys[10] = mixKey(keys[9], assisted<0x36>(keys[9]));
}

TERTULIA_AESNI inline void expand256(__m128i* keys) {
  keys[2] = mixKey(keys[0], assisted<0x01>(keys[1]));
  keys[3] = mixKey(keys[1], unrotated(keys[2]));
  keys[4] = mixKey(keys[2], assisted<0x02>(keys[3]));
  keys[5] = mixKey(keys[3], unrotated(keys[4]));
  keys[6] = mixKey(keys[4], assisted<0x04>(keys[5]));
  keys[7] = mixKey(keys[5], unrotated(keys[6]));
  keys[8] = mixKey(keys[6], assisted<0x08>(keys[7]));
  keys[9] = mixKey(keys[7], unrotated(keys[8]));
  keys[10] = mixKey(keys[8], assisted<0x10>(keys[9]));
  keys[11] = mixKey(keys[9], unrotated(keys[10]));
  keys[12] = mixKey(keys[10], assisted<0x20>(keys[11]));
  keys[13] = mixKey(keys[11], unrotated(keys[12]));
  keys[14] = mixKey(keys[12], assisted<0x40>(keys[13]));
}

TERTULIA_AESNI_INLINE __m128i encrypt(const GcmKey& key, __m128i block) {
  block = _mm_xor_si128(block, load(key.roundKeys[0]));
  for (uint32_t round = 1; round < key.rounds; round++) block = _mm_aesenc_si128(block, load(key.roundKeys[round]));
  return _mm_aesenclast_si128(block, load(key.roundKeys[key.rounds]));
}

/// times x: a shift to the left, and the polynomial when a bit falls out.
TERTULIA_AESNI_INLINE __m128i timesX(__m128i block) {
  const __m128i carries = _mm_slli_si128(_mm_srli_epi64(block, 63), 8);
  const __m128i shifted = _mm_or_si128(_mm_slli_epi64(block, 1), carries);
  const __m128i fallen = _mm_shuffle_epi32(_mm_srai_epi32(block, 31), 0xff);
  return _mm_xor_si128(shifted, _mm_and_si128(fallen, _mm_set_epi64x(static_cast<long long>(0xC200000000000000ull), 1)));
}

}  // namespace aesni

TERTULIA_AESNI void prepareGcmKey(GcmKey& key, const uint8_t* bytes, size_t keyBytes) {
  using namespace aesni;
  __m128i keys[15];
  keys[0] = load(bytes);
  if (keyBytes == 32) keys[1] = load(bytes + 16);
  key.rounds = keyBytes == 32 ? 14 : 10;
  if (keyBytes == 32) {
    expand256(keys);
  } else {
    expand128(keys);
  }
  for (uint32_t round = 0; round <= key.rounds; round++) store(key.roundKeys[round], keys[round]);
  const __m128i h = timesX(reversed(encrypt(key, _mm_setzero_si128())));
  __m128i next = h;
  for (size_t i = GcmKey::POWERS; i-- > 0;) {
    store(key.powers[i], next);
    next = multiply(next, h);
  }
  OPENSSL_cleanse(keys, sizeof keys);
}

TERTULIA_AESNI void sealAesNi(const GcmKey& key, const GcmMessage& message) {
  using namespace aesni;
  const __m128i one = _mm_set_epi32(0, 0, 0, 1);
  __m128i counter = firstCounter(message.iv);
  const __m128i tagMask = encrypt(key, reversed(counter));

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
    const size_t blocks = left > 16 * LANES ? LANES : (left + 15) / 16;
    last = left <= 16 * LANES;
    const size_t hashed = aadBlocks + blocks + (last ? 1 : 0);
    Product sum = nothing();
    addAad(sum, key, hash, aad, aadLength, hashed);
    if (aadBlocks > 0) hash = _mm_setzero_si128();

    __m128i stream[LANES];
    for (size_t i = 0; i < LANES; i++) {
      counter = _mm_add_epi32(counter, one);
      stream[i] = _mm_xor_si128(reversed(counter), load(key.roundKeys[0]));
    }
    for (uint32_t round = 1; round < key.rounds; round++) {
      const __m128i roundKey = load(key.roundKeys[round]);
      for (size_t i = 0; i < LANES; i++) stream[i] = _mm_aesenc_si128(stream[i], roundKey);
    }
    const __m128i lastKey = load(key.roundKeys[key.rounds]);
    for (size_t i = 0; i < blocks; i++, in += 16, out += 16) {
      stream[i] = _mm_aesenclast_si128(stream[i], lastKey);
      __m128i sealed;
      if (left >= 16) {
        sealed = _mm_xor_si128(stream[i], load(in));
        store(out, sealed);
        left -= 16;
      } else {
        uint8_t part[16];
        store(part, _mm_xor_si128(stream[i], loadPart(in, left)));
        __builtin_memcpy(out, part, left);
        __builtin_memset(part + left, 0, 16 - left);
        sealed = load(part);
        left = 0;
      }
      multiplyAdd(sum, _mm_xor_si128(hash, reversed(sealed)), power(key, hashed - aadBlocks - i));
      hash = _mm_setzero_si128();
    }
    if (last) multiplyAdd(sum, _mm_xor_si128(hash, lengths(message)), power(key, 1));
    hash = reduce(sum);
    aadLength = aadBlocks = 0;
  } while (!last);
  store(message.tag, _mm_xor_si128(reversed(hash), tagMask));
}

}  // namespace tertulia
#endif
