// Memory for what is read once per outgoing packet: peers, their keys, the moments of sending. Scattered over the heap, a
// thousand of each lie on more pages than the processor remembers the places of, and every packet waits for three of
// them. Here they lie side by side in chunks that Linux may back with one large page each.
// Process-wide, because engines of several threads live in one process; creating and freeing is rare, so a lock is cheap.
#pragma once
#include <cstddef>
#include <new>

namespace tertulia {

/// Cells are whole cache lines. @param bytes less than a chunk of 2 MiB
void* arenaAllocate(size_t bytes);
void arenaFree(void* cell, size_t bytes);

/// Base of a class whose objects live there. Not for arrays, not for classes derived further.
template <typename T>
struct InArena {
  static void* operator new(size_t bytes) { return arenaAllocate(bytes); }
  static void* operator new(size_t bytes, std::align_val_t) { return arenaAllocate(bytes); }
  static void operator delete(void* cell) { arenaFree(cell, sizeof(T)); }
  static void operator delete(void* cell, std::align_val_t) { arenaFree(cell, sizeof(T)); }
};

}  // namespace tertulia
