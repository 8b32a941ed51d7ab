// Entries and the lists that they are in. The constants and counters of an entry are in shared memory; here is what the
// engine keeps for itself: which list, which numbers were used, what a retransmission must repeat.
// A list is a set: order does not matter, every change is O(1), an entry is in at most one list.
#pragma once
#include <cstdlib>
#include <memory>
#include <vector>
#include "arena.h"
#include "bytes.h"
#include "layout.h"

namespace tertulia {

constexpr uint32_t NO_LIST = 0xffffffff;

/// What was written into a packet at the moment of sending, so that a retransmission has the same bytes: AES-GCM must not
/// see two different headers under one number.
struct alignas(64) SendMoments : InArena<SendMoments> {
  static constexpr uint32_t COUNT = 128;  // 1.3 s of 10 ms audio packets; NACKs come within 1 s
  struct Moment {
    uint32_t index;
    uint32_t absSendTime : 24;
    uint32_t valid : 1;
    uint16_t transportWideNumber;
  };
  Moment moments[COUNT] = {};
};

/// Zero bytes are a valid, unused state: the array is lazily touched memory.
struct EntryState {
  uint32_t list;      // NO_LIST or where it is
  uint32_t position;  // in that list
  bool used;
  bool sentAny;
  bool midOn;     // what packets from midChanged on carry
  bool midEver;
  uint32_t highest;   // outgoing index
  uint64_t sentBits;  // bit i: highest - i was sent
  uint32_t midFrom;   // first index with MID
  uint32_t midUntil;  // first index without it again; only when !midOn
  SendMoments* moments;
  uint32_t generation;  // of the entry's number: who had it before is somebody else

  /// Whether this number may be used for a new packet.
  bool fresh(uint32_t index) const {
    if (!sentAny) return true;
    const int32_t ahead = static_cast<int32_t>(index - highest);
    return ahead > 0 || (ahead > -64 && !(sentBits >> -ahead & 1));
  }
  /// Whether a retransmission repeats something. Older than the window: it must.
  bool wasSent(uint32_t index) const { return sentAny && !fresh(index); }

  void markSent(uint32_t index) {
    const int32_t ahead = sentAny ? static_cast<int32_t>(index - highest) : 64;
    if (ahead > 0) {
      sentBits = ahead < 64 ? sentBits << ahead | 1 : 1;
      highest = index;
    } else {
      sentBits |= uint64_t{1} << -ahead;
    }
    sentAny = true;
  }

  /// It was never encrypted after all.
  void unmark(uint32_t index) {
    const uint32_t behind = highest - index;
    if (sentAny && behind < 64) sentBits &= ~(uint64_t{1} << behind);
  }

  void remember(const SendMoments::Moment& moment) {
    if (!moments) moments = new SendMoments;
    moments->moments[moment.index % SendMoments::COUNT] = moment;
  }

  /// Switching MID on or off takes effect from a number on, for late and repeated packets as well.
  bool carriesMid(uint32_t index, bool wanted) {
    const bool ahead = !sentAny || static_cast<int32_t>(index - highest) > 0;
    if (ahead && wanted != midOn) {
      (wanted ? midFrom : midUntil) = index;
      midOn = wanted;
      midEver |= wanted;
    }
    if (!midEver || static_cast<int32_t>(index - midFrom) < 0) return false;
    return midOn || static_cast<int32_t>(index - midUntil) < 0;
  }
};

class EntryLists {
 public:
  explicit EntryLists(uint32_t capacity)
      : capacity_(capacity), states_(static_cast<EntryState*>(calloc(capacity, sizeof(EntryState)))) {}
  ~EntryLists() {
    for (uint32_t i = 0; i < everUsed_; i++) delete states_[i].moments;
    free(states_);
  }
  EntryLists(const EntryLists&) = delete;
  EntryLists& operator=(const EntryLists&) = delete;

  /// @return false when all are in use.
  bool createEntry(uint32_t& entry) {
    if (!freeEntries_.empty()) {
      entry = freeEntries_.back();
      freeEntries_.pop_back();
    } else if (states_ && everUsed_ < capacity_) {
      entry = everUsed_++;
    } else {
      return false;
    }
    const uint32_t generation = states_[entry].generation + 1;
    states_[entry] = EntryState{};
    states_[entry].generation = generation;
    states_[entry].used = true;
    states_[entry].list = NO_LIST;
    entryCount_++;
    return true;
  }

  bool freeEntry(uint32_t entry) {
    if (!isEntry(entry)) return false;
    remove(entry);
    delete states_[entry].moments;
    const uint32_t generation = states_[entry].generation;
    states_[entry] = EntryState{};
    states_[entry].generation = generation;
    freeEntries_.push_back(entry);
    entryCount_--;
    return true;
  }

  uint32_t createList() {
    listCount_++;
    if (freeLists_.empty()) {
      lists_.emplace_back(new std::vector<uint32_t>);
      return static_cast<uint32_t>(lists_.size() - 1);
    }
    const uint32_t list = freeLists_.back();
    freeLists_.pop_back();
    lists_[list].reset(new std::vector<uint32_t>);
    return list;
  }

  void freeList(uint32_t list) {
    if (!isList(list)) return;
    for (uint32_t entry : *lists_[list]) states_[entry].list = NO_LIST;
    lists_[list].reset();
    freeLists_.push_back(list);
    listCount_--;
  }

  /// @return false for an entry or a list that does not exist.
  bool add(uint32_t list, uint32_t entry) {
    if (!isList(list) || !isEntry(entry)) return false;
    if (states_[entry].list == list) return true;
    remove(entry);
    states_[entry].list = list;
    states_[entry].position = static_cast<uint32_t>(lists_[list]->size());
    lists_[list]->push_back(entry);
    return true;
  }

  void remove(uint32_t entry) {
    if (!isEntry(entry) || states_[entry].list == NO_LIST) return;
    std::vector<uint32_t>& members = *lists_[states_[entry].list];
    const uint32_t moved = members.back();
    members[states_[entry].position] = moved;
    states_[moved].position = states_[entry].position;
    members.pop_back();
    states_[entry].list = NO_LIST;
  }

  bool isEntry(uint32_t entry) const { return entry < everUsed_ && states_[entry].used; }
  bool isList(uint32_t list) const { return list < lists_.size() && lists_[list]; }
  /// Both only for what isEntry and isList confirm.
  EntryState& state(uint32_t entry) { return states_[entry]; }
  /// Asks the processor for an entry's state, and a moment later for what a packet of this number reads behind it.
  void prefetch(uint32_t entry) const {
    const auto* bytes = reinterpret_cast<const uint8_t*>(states_ + entry);
    TERTULIA_PREFETCH(bytes);
    TERTULIA_PREFETCH(bytes + sizeof(EntryState) - 1);
  }
  void prefetchMoment(uint32_t entry, uint32_t index) const {
    const SendMoments* moments = entry < everUsed_ ? states_[entry].moments : nullptr;
    if (moments) TERTULIA_PREFETCH(moments->moments + index % SendMoments::COUNT);
  }
  const std::vector<uint32_t>& members(uint32_t list) const { return *lists_[list]; }
  size_t entryCount() const { return entryCount_; }
  size_t listCount() const { return listCount_; }

 private:
  uint32_t capacity_;
  EntryState* states_;
  uint32_t everUsed_ = 0;
  size_t entryCount_ = 0, listCount_ = 0;
  std::vector<uint32_t> freeEntries_, freeLists_;
  std::vector<std::unique_ptr<std::vector<uint32_t>>> lists_;
};

}  // namespace tertulia
