// The pool of receive slots. Free numbers are a stack in shared memory, because TypeScript gives slots back without a call.
// Numbers read from there are checked: a wrong one is left out, never used as an index.
#pragma once
#include "layout.h"

namespace tertulia {

class SlotPool {
 public:
  explicit SlotPool(const Shared& shared) : shared_(shared) {
    // Popped from the end: low numbers first, so that a quiet engine touches little memory.
    for (uint32_t i = 0; i < shared.slots; i++) shared_.freeSlots[1 + i] = shared.slots - 1 - i;
    shared_.freeSlots[0] = shared.slots;
  }

  /// @return false when every slot is held.
  bool take(uint32_t& slot) {
    while (shared_.freeSlots[0] > 0 && shared_.freeSlots[0] <= shared_.slots) {
      slot = shared_.freeSlots[shared_.freeSlots[0]--];
      if (slot >= shared_.slots || shared_.slotHolders[slot] != 0) continue;
      shared_.slotHolders[slot] = 1;
      return true;
    }
    return false;
  }

  /// The engine's own hold ends; the slot is free when nobody retained it.
  void giveBack(uint32_t slot) {
    if (shared_.slotHolders[slot] == 0) return;
    if (--shared_.slotHolders[slot] > 0 || shared_.freeSlots[0] >= shared_.slots) return;
    shared_.freeSlots[++shared_.freeSlots[0]] = slot;
  }

  uint8_t* bytes(uint32_t slot) const { return shared_.slab + static_cast<size_t>(slot) * SLOT_BYTES; }

 private:
  Shared shared_;
};

}  // namespace tertulia
