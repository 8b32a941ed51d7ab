/// Lets a binary that was built on a newer Linux load on older ones. Knows nothing of media; Linux with libstdc++ only.
///
/// The headers of newer compilers refer to three names that the libraries of older systems do not have, and one missing
/// name refuses the whole add-on. Here they are: weak, so that the system's own are used where it has them. With them the
/// add-on asks for no more than Node's own binaries do (glibc 2.28, GLIBCXX_3.4.21 …); `scripts/prebuild.mjs` says what it is.
#include <cstdlib>

#if defined(__GLIBC__) && defined(__GNUC__)
#define OLDER_SYSTEMS extern "C" __attribute__((weak, visibility("default")))

/// glibc 2.32: whether counters of shared pointers may do without atomic instructions. A Node process has many threads.
OLDER_SYSTEMS char __libc_single_threaded;
char __libc_single_threaded = 0;

/// GCC 11: an array whose size no memory can hold. The add-on is built without exceptions, as all add-ons of Node are.
OLDER_SYSTEMS void throwBadArrayNewLength() __asm__("_ZSt28__throw_bad_array_new_lengthv");
void throwBadArrayNewLength() { std::abort(); }

/// GCC 9: whether a type is that of std::make_shared, asked after the addresses were compared. Within one binary they tell.
OLDER_SYSTEMS bool isMakeSharedTag(const void*) __asm__("_ZNSt19_Sp_make_shared_tag5_S_eqERKSt9type_info");
bool isMakeSharedTag(const void*) { return false; }
#endif
