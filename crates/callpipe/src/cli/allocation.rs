//! How the C library's allocator treats large pieces of memory.

/// From so many bytes on, a piece comes from the system and goes back to it when it is freed.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE_BYTES: i32 = 128 * 1024;

/// Has large pieces given back to the system at once.
///
/// glibc begins so, but raises its threshold with each large piece that is freed, up to 32 MiB. From
/// then on replies and parts of recordings lie between small pieces in the heaps of dozens of threads,
/// and leave holes there that nobody can use.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "glibc can be told in no other way from within")]
pub(super) fn give_large_pieces_back() {
    // SAFETY: mallopt takes two numbers, and may be called at any time.
    unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE_BYTES) };
}

/// Other allocators need not be told.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(super) fn give_large_pieces_back() {}
