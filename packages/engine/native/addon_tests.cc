// Functions that only tests call: single packets and key derivation through the very code that sends and receives.
#include "addon.h"
#include "bytes.h"
#include "rtp_header.h"
#include "srtp.h"

namespace tertulia {
namespace {

bool codeByName(const std::string& name, GcmCode& code) {
  for (GcmCode candidate : {GcmCode::Evp, GcmCode::AesNi, GcmCode::Vaes}) {
    if (name == gcmCodeName(candidate) && gcmCodeAvailable(candidate)) {
      code = candidate;
      return true;
    }
  }
  return false;
}

/// Session keys that a published vector gives, instead of master keys: the last argument of testProtect and testUnprotect.
SrtpSessionPair sessionKeys(const Call& call) {
  SrtpSessionPair pair;
  for (SrtpSessionBytes* bytes : {&pair.rtp, &pair.rtcp}) {
    memcpy(bytes->key, call.bytes(1).data, call.bytes(1).length);
    memcpy(bytes->salt, call.bytes(2).data, call.bytes(2).length);
  }
  return pair;
}

/// profile, key, salt as the first arguments. @return None when they do not fit
SrtpProfile profileOf(const Call& call) {
  const uint32_t number = call.u32(0);
  if (number < 1 || number > 4) return SrtpProfile::None;
  const SrtpProfileSizes& size = SRTP_SIZES[number];
  return call.bytes(1).length == size.key && call.bytes(2).length == size.salt ? static_cast<SrtpProfile>(number)
                                                                                : SrtpProfile::None;
}

napi_value testProtect(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  const Call::Bytes packet = call.bytes(3);
  const SrtpProfile profile = profileOf(call);
  SrtpSender sender;
  GcmCode code;
  std::string out(packet.length + SRTCP_OVERHEAD_MAX, '\0');
  auto* bytes = reinterpret_cast<uint8_t*>(&out[0]);
  if (profile == SrtpProfile::None || !codeByName(call.text(6), code) ||
      !(call.boolean(7) ? sender.init(profile, sessionKeys(call), code)
                        : sender.init(profile, call.bytes(1).data, call.bytes(2).data, code))) {
    return throwCode(env, "BAD_KEYS", "profile, key or salt");
  }
  size_t length = 0;
  RtpHeader header;
  if (call.boolean(5)) {
    length = packet.length >= 8 ? sender.protectRtcp(bytes, packet.data, packet.length, call.u32(4)) : 0;
  } else if (parseRtpHeader(packet.data, static_cast<uint32_t>(packet.length), header)) {
    memcpy(bytes, packet.data, header.length);
    length = sender.protectRtp(bytes, header.length, packet.data + header.length, packet.length - header.length, call.u32(4));
  }
  if (length == 0) return throwCode(env, "BAD_KEYS", "not a packet");
  return toBytes(env, bytes, length);
}

napi_value testUnprotect(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  const Call::Bytes packet = call.bytes(3);
  const SrtpProfile profile = profileOf(call);
  SrtpReceiver receiver;
  if (profile == SrtpProfile::None ||
      !(call.boolean(6) ? receiver.init(profile, sessionKeys(call))
                        : receiver.init(profile, call.bytes(1).data, call.bytes(2).data))) {
    return throwCode(env, "BAD_KEYS", "profile, key or salt");
  }
  std::string copy(reinterpret_cast<char*>(packet.data), packet.length);
  auto* bytes = reinterpret_cast<uint8_t*>(&copy[0]);
  size_t length = 0;
  RtpHeader header;
  if (call.boolean(5)) {
    length = receiver.unprotectRtcp(bytes, copy.size());
  } else if (copy.size() >= receiver.rtpTagBytes() &&
             parseRtpHeader(bytes, static_cast<uint32_t>(copy.size() - receiver.rtpTagBytes()), header)) {
    length = receiver.unprotectRtp(bytes, copy.size(), header.length, call.u32(4));
  }
  return length == 0 ? undefined(env) : toBytes(env, bytes, length);
}

napi_value testDerive(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  uint8_t salt[14] = {}, out[32];
  const Call::Bytes key = call.bytes(0), given = call.bytes(1);
  const uint32_t length = call.u32(3);
  memcpy(salt, given.data, given.length < sizeof salt ? given.length : sizeof salt);
  if (!deriveSessionKey(key.data, key.length, salt, static_cast<uint8_t>(call.u32(2)), out, length)) {
    return throwCode(env, "BAD_KEYS", "derivation failed");
  }
  return toBytes(env, out, length);
}

napi_value testCiphers(napi_env env, napi_callback_info) {
  napi_value array;
  napi_create_array(env, &array);
  uint32_t count = 0;
  for (GcmCode code : {GcmCode::Evp, GcmCode::AesNi, GcmCode::Vaes}) {
    if (gcmCodeAvailable(code)) napi_set_element(env, array, count++, toValue(env, std::string(gcmCodeName(code))));
  }
  return array;
}

/// xorshift64*: messages that are the same on every machine.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed | 1) {}
  uint64_t next() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545f4914f6cdd1dull;
  }
  uint32_t below(uint32_t limit) { return static_cast<uint32_t>((next() >> 32) % limit); }
  void fill(uint8_t* bytes, size_t length) {
    for (size_t i = 0; i < length; i++) bytes[i] = static_cast<uint8_t>(next() >> 56);
  }

 private:
  uint64_t state_;
};

/// How many of `messages` random messages one code seals otherwise than libcrypto: lengths 0…1500, associated data 0…80,
/// every alignment, new keys often, in place and not.
napi_value testCompareCiphers(napi_env env, napi_callback_info info) {
  constexpr size_t ROOM = 1500, AAD = 80, EDGE = 64;
  const Call call(env, info);
  GcmCode code;
  if (!codeByName(call.text(0), code)) return throwCode(env, "BAD_KEYS", "this machine cannot run it");
  Random random(call.u32(2));
  uint32_t different = 0;
  std::unique_ptr<GcmSealer> own, reference;
  static uint8_t in[ROOM + EDGE], out[ROOM + EDGE + 32], expected[ROOM + EDGE], aad[AAD + EDGE];
  for (uint32_t i = 0; i < call.u32(1); i++) {
    if (i % 64 == 0) {
      uint8_t key[32];
      random.fill(key, sizeof key);
      const size_t keyBytes = random.below(2) ? 32 : 16;
      own = std::make_unique<GcmSealer>();
      reference = std::make_unique<GcmSealer>();
      if (!own->init(key, keyBytes, code) || !reference->init(key, keyBytes, GcmCode::Evp)) different++;
    }
    const uint32_t length = random.below(4) ? random.below(ROOM + 1) : random.below(300);
    const uint32_t aadLength = random.below(AAD + 1);
    uint8_t* source = in + random.below(EDGE);
    uint8_t* target = random.below(4) ? out + random.below(EDGE) : source;
    uint8_t iv[12], tag[16], expectedTag[16];
    random.fill(iv, sizeof iv);
    random.fill(aad, sizeof aad);
    random.fill(source, length);
    const uint8_t after = target[length];
    bool same = reference->seal({iv, aad, aadLength, source, expected, length, expectedTag}) &&
                own->seal({iv, aad, aadLength, source, target, length, tag});
    same = same && memcmp(target, expected, length) == 0 && memcmp(tag, expectedTag, 16) == 0 && target[length] == after;
    if (!same) different++;
  }
  return toValue(env, static_cast<double>(different));
}

}  // namespace

void defineTests(napi_env env, napi_value exports) {
  static const Method FUNCTIONS[] = {{"testProtect", testProtect},
                                     {"testUnprotect", testUnprotect},
                                     {"testDerive", testDerive},
                                     {"testCiphers", testCiphers},
                                     {"testCompareCiphers", testCompareCiphers}};
  for (const Method& method : FUNCTIONS) {
    napi_value function;
    napi_create_function(env, method.name, NAPI_AUTO_LENGTH, method.callback, nullptr, &function);
    setProperty(env, exports, method.name, function);
  }
}

}  // namespace tertulia
