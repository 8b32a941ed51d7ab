// Engine for JavaScript: listening for connections. src/engine.ts is its typed face; what comes and goes over them does so
// as on any other socket. Elsewhere: connections and frames → socket_tcp.h
#include "engine_methods.h"

namespace tertulia {
namespace {

napi_value bindTcp(EngineObject& engine, const Call& call) { return engine.bindTcp(call); }

}  // namespace

const Method TCP_METHODS[] = {{"bindTcp", bound<bindTcp>}};
const size_t TCP_METHOD_COUNT = sizeof TCP_METHODS / sizeof *TCP_METHODS;

}  // namespace tertulia
