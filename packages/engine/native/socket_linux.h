// What Linux sockets of all kinds share. Elsewhere: datagrams → socket_linux.cc · streams → socket_tcp.cc
#pragma once
#include "socket.h"

namespace tertulia {

/// An errno of socket(), bind() or listen() as errors.ts has them.
OpenError openError(int error, const std::string& ip, uint16_t port);

/// The usable size: Linux counts its own overhead and reports twice what it grants.
int grantedBuffer(int handle, int name);
/// Asks for a size. @return what was granted
int setBuffer(int handle, int name, int bytes);

inline void setOption(int handle, int level, int name, int value) {
  setsockopt(handle, level, name, &value, sizeof value);
}

}  // namespace tertulia
