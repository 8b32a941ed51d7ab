// Engine for JavaScript: what only video needs. src/engine.ts is its typed face.
#include "engine_methods.h"

namespace tertulia {

const Method VIDEO_METHODS[] = {{"poll", nullptr}};
const size_t VIDEO_METHOD_COUNT = 0;

}  // namespace tertulia
