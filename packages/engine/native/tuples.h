// Which peer a datagram is from: (socket, remote address, local number) → peer. Open addressing, one cache line or two
// per look-up. Only verified addresses are put in; the hash is seeded all the same.
#pragma once
#include <vector>
#include "address.h"

namespace tertulia {

class TupleTable {
 public:
  explicit TupleTable(uint64_t seed) : seed_(seed), cells_(INITIAL_CELLS) {}

  /// @return NO_PEER for an address that nobody has.
  uint32_t find(uint32_t socket, const Address& address) const {
    return cells_[locate(makeKey(socket, address))].peer;
  }

  /// @return false when the tuple is there already.
  bool insert(uint32_t socket, const Address& address, uint32_t peer) {
    if ((used_ + 1) * 2 > cells_.size()) grow();
    Cell& cell = cells_[locate(makeKey(socket, address))];
    if (cell.peer != NO_PEER) return false;
    cell.key = makeKey(socket, address);
    cell.peer = peer;
    used_++;
    return true;
  }

  void remove(uint32_t socket, const Address& address) {
    size_t hole = locate(makeKey(socket, address));
    if (cells_[hole].peer == NO_PEER) return;
    used_--;
    // Later cells of the same run move up, so that no search ends too early.
    const size_t mask = cells_.size() - 1;
    for (size_t at = (hole + 1) & mask; cells_[at].peer != NO_PEER; at = (at + 1) & mask) {
      const size_t home = hash(cells_[at].key) & mask;
      if (((at - home) & mask) < ((at - hole) & mask)) continue;
      cells_[hole] = cells_[at];
      hole = at;
    }
    cells_[hole].peer = NO_PEER;
  }

 private:
  static constexpr size_t INITIAL_CELLS = 1024;
  struct Key {
    uint64_t words[3];
  };
  struct Cell {
    Key key;
    uint32_t peer = NO_PEER;
  };

  static Key makeKey(uint32_t socket, const Address& address) {
    Key key;
    memcpy(key.words, address.bytes, ADDRESS_BYTES);
    memcpy(reinterpret_cast<uint8_t*>(key.words) + ADDRESS_BYTES, &socket, sizeof socket);
    return key;
  }

  uint64_t hash(const Key& key) const {
    uint64_t mixed = seed_;
    for (uint64_t word : key.words) {
      mixed = (mixed ^ word) * 0x9e3779b97f4a7c15ull;  // 2^64 / golden ratio
      mixed ^= mixed >> 29;
    }
    return mixed;
  }

  /// The cell of this key, or the empty one where it would go.
  size_t locate(const Key& key) const {
    const size_t mask = cells_.size() - 1;
    size_t at = hash(key) & mask;
    while (cells_[at].peer != NO_PEER && memcmp(&cells_[at].key, &key, sizeof key) != 0) at = (at + 1) & mask;
    return at;
  }

  void grow() {
    std::vector<Cell> old(cells_.size() * 2);
    old.swap(cells_);
    for (const Cell& cell : old) {
      if (cell.peer != NO_PEER) cells_[locate(cell.key)] = cell;
    }
  }

  uint64_t seed_;
  std::vector<Cell> cells_;
  size_t used_ = 0;
};

}  // namespace tertulia
