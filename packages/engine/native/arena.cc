#include "arena.h"
#include <map>
#include <mutex>
#include <vector>
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace tertulia {
namespace {

constexpr size_t LINE = 64;
/// A large page of x86-64 and of ARM with 4 KiB pages. Chunks stay for the life of the process.
constexpr size_t CHUNK_BYTES = 2 * 1024 * 1024;

struct Arena {
  std::mutex mutex;
  std::map<size_t, std::vector<void*>> freeCells;  // by size
  unsigned char* at = nullptr;
  size_t left = 0;
};

/// Never destroyed: what lives in it may be freed after statics are.
Arena& arena() {
  static Arena* const one = new Arena;
  return *one;
}

size_t cellBytes(size_t bytes) { return (bytes + LINE - 1) & ~(LINE - 1); }

}  // namespace

void* arenaAllocate(size_t bytes) {
  const size_t size = cellBytes(bytes);
  Arena& a = arena();
  const std::lock_guard<std::mutex> lock(a.mutex);
  std::vector<void*>& cells = a.freeCells[size];
  if (!cells.empty()) {
    void* cell = cells.back();
    cells.pop_back();
    return cell;
  }
  if (a.left < size) {
    a.at = static_cast<unsigned char*>(::operator new(CHUNK_BYTES, std::align_val_t(CHUNK_BYTES)));
    a.left = CHUNK_BYTES;
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    madvise(a.at, CHUNK_BYTES, MADV_HUGEPAGE);
#endif
  }
  void* cell = a.at;
  a.at += size;
  a.left -= size;
  return cell;
}

void arenaFree(void* cell, size_t bytes) {
  if (!cell) return;
  Arena& a = arena();
  const std::lock_guard<std::mutex> lock(a.mutex);
  a.freeCells[cellBytes(bytes)].push_back(cell);
}

}  // namespace tertulia
