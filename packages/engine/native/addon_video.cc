// Engine for JavaScript: what only video needs. src/engine.ts is its typed face, src/feedback.ts knows the numbers' order.
#include "engine_methods.h"

namespace tertulia {
namespace {

/// Sends what is due by now. @return microseconds until the next, -1 when nothing waits
napi_value poll(EngineObject& engine, const Call& call) { return number(call, engine.poll()); }

napi_value setPacing(EngineObject& engine, const Call& call) {
  Peer* peer = engine.core().peer(call.u32(0));
  if (!peer) return noPeer(call);
  engine.core().video().setPacing(*peer, call.number(1), call.number(2), engine.now());
  return nothing(call);
}

/// Packets, bytes, microseconds that the oldest has waited.
napi_value pacerQueue(EngineObject& engine, const Call& call) {
  const Call::Bytes into = call.bytes(1);
  double numbers[3] = {};
  const Peer* peer = engine.core().peer(call.u32(0));
  if (peer && peer->video && !peer->video->pacer.queue().empty()) {
    const Pacer& pacer = peer->video->pacer;
    const uint64_t now = engine.now(), queued = pacer.queue().front().queuedMicros;
    numbers[0] = static_cast<double>(pacer.queue().size());
    numbers[1] = static_cast<double>(pacer.packetBytes());
    numbers[2] = now > queued ? static_cast<double>(now - queued) : 0;
  }
  if (into.length >= sizeof numbers) memcpy(into.data, numbers, sizeof numbers);
  return nothing(call);
}

napi_value probe(EngineObject& engine, const Call& call) {
  Peer* peer = engine.core().peer(call.u32(0));
  if (!peer) return noPeer(call);
  const auto clusterId = static_cast<uint16_t>(call.u32(2));
  const bool begun = engine.core().video().probe(*peer, call.u32(1), clusterId, call.number(3), call.number(4));
  if (begun) engine.poll();
  return boolean(call, begun);
}

/// @return how many numbers were written, -1 for a malformed one
napi_value readTransportFeedback(EngineObject& engine, const Call& call) {
  Peer* peer = engine.core().peer(call.u32(0));
  if (!peer) return noPeer(call);
  const Call::Bytes bytes = call.bytes(1), into = call.bytes(3);
  FeedbackResult result;
  if (!engine.core().readTransportFeedback(*peer, bytes.data, bytes.length, static_cast<uint64_t>(call.number(2)), result)) {
    return number(call, -1);
  }
  std::vector<double> numbers = {result.ackedBytes,
                                 result.lostPackets,
                                 result.receivedPackets,
                                 result.lastSendMicros,
                                 result.lastArrivalMicros,
                                 result.oldestSendMicros,
                                 result.inFlightBytes,
                                 static_cast<double>(result.groups.size()),
                                 static_cast<double>(result.probes.size())};
  for (const FeedbackResult::Group& group : result.groups) {
    numbers.insert(numbers.end(), {group.sendMicros, group.arrivalMicros, group.bytes});
  }
  for (const FeedbackResult::Probe& cluster : result.probes) {
    numbers.insert(numbers.end(), {static_cast<double>(cluster.clusterId), static_cast<double>(cluster.bytes),
                                   static_cast<double>(cluster.packets), static_cast<double>(cluster.firstSend),
                                   static_cast<double>(cluster.lastSend), static_cast<double>(cluster.firstArrival),
                                   static_cast<double>(cluster.lastArrival)});
  }
  if (into.length < numbers.size() * sizeof(double)) return number(call, -1);
  memcpy(into.data, numbers.data(), numbers.size() * sizeof(double));
  return number(call, static_cast<double>(numbers.size()));
}

}  // namespace

const Method VIDEO_METHODS[] = {{"poll", bound<poll>},
                                {"setPacing", bound<setPacing>},
                                {"pacerQueue", bound<pacerQueue>},
                                {"probe", bound<probe>},
                                {"readTransportFeedback", bound<readTransportFeedback>}};
const size_t VIDEO_METHOD_COUNT = sizeof VIDEO_METHODS / sizeof *VIDEO_METHODS;

}  // namespace tertulia
