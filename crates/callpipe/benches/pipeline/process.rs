//! A child process and what it took: time, CPU, memory, bytes written, as Linux counts them.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Linux counts CPU time in hundredths of a second.
const TICKS_PER_SECOND: f64 = 100.0;

const POLL: Duration = Duration::from_millis(5);

/// What a process took.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Taken {
    pub(crate) wall_s: f64,
    pub(crate) cpu_s: f64,
    /// The most memory at once, in MiB.
    pub(crate) peak_mib: f64,
    /// Written to files, in bytes.
    pub(crate) written_bytes: f64,
}

/// Runs a command to its end. It must succeed.
pub(crate) fn run(command: &mut Command) -> Taken {
    let begin = Instant::now();
    let mut child = command.stdin(Stdio::null()).spawn().unwrap();
    let mut taken = Taken::default();
    loop {
        let ended = look(&child, &mut taken);
        if ended {
            taken.wall_s = begin.elapsed().as_secs_f64();
            break;
        }
        std::thread::sleep(POLL);
    }
    let status = child.wait().unwrap();
    assert!(status.success(), "{command:?} ended with {status}");
    taken
}

/// Reads what a child has taken so far. Says whether it has ended; until it is waited for, its CPU
/// time can still be read.
fn look(child: &Child, taken: &mut Taken) -> bool {
    let folder = format!("/proc/{}", child.id());
    let folder = Path::new(&folder);
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
    let stat = read("stat");
    // The name may hold anything but a closing bracket; what follows are numbers.
    let fields: Vec<&str> = match stat.rsplit_once(')') {
        Some((_, fields)) => fields.split_whitespace().collect(),
        None => return true,
    };
    let ticks = |index: usize| fields[index].parse::<f64>().unwrap_or(0.0);
    taken.cpu_s = (ticks(11) + ticks(12)) / TICKS_PER_SECOND;
    if fields[0] == "Z" {
        return true;
    }
    let line = |text: &str, name: &str| -> Option<f64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    if let Some(kib) = line(&read("status"), "VmHWM:") {
        taken.peak_mib = kib / 1024.0;
    }
    if let Some(bytes) = line(&read("io"), "wchar:") {
        taken.written_bytes = bytes;
    }
    false
}
