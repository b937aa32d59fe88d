//! How the C library's allocator treats memory.

/// From so many bytes on, a piece comes from the system and goes back to it when it is freed.
///
/// glibc begins so, but raises its threshold with each large piece that is freed, up to 32 MiB. From
/// then on replies and parts of recordings lie between small pieces in the heaps of dozens of threads,
/// and leave holes there that nobody can use.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE_BYTES: i32 = 128 * 1024;

/// So many heaps there are at most, which all threads share, where each would have one of its own, with
/// holes of its own.
///
/// Measured with `cargo bench --bench pipeline` and with a hundred readers of the call browser: a run of
/// 20,000 calls takes 53 MiB instead of 62, the browser of a million calls 154 instead of 188. What the
/// threads wait for each other was within the noise.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const HEAPS_MAX: i32 = 2;

/// Up to this size, pieces that were freed are kept apart for the next that is as large: none are, so that
/// they can become parts of larger ones. A run of 2,000 calls takes 36.7 MiB instead of 37.1; CPU within
/// the noise.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const KEPT_APART_BYTES: i32 = 0;

/// A heap grows by so much more than is asked for, and keeps so much when it shrinks.
///
/// With glibc's 128 KiB heaps grow and shrink with each recording or two. A run of 2,000 calls in `/dev/shm`
/// has 7 page faults a call instead of 13, takes some percent less CPU, and 34 to 35 MiB instead of 34.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const SPARE_BYTES: i32 = 512 * 1024;

/// Has memory given back to the system, and no more of it kept than is needed.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "glibc can be told in no other way from within")]
pub(super) fn keep_little() {
    // SAFETY: mallopt takes two numbers, and may be called at any time.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE_BYTES);
        libc::mallopt(libc::M_ARENA_MAX, HEAPS_MAX);
        libc::mallopt(libc::M_MXFAST, KEPT_APART_BYTES);
        libc::mallopt(libc::M_TOP_PAD, SPARE_BYTES);
    }
}

/// Other allocators need not be told.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(super) fn keep_little() {}
