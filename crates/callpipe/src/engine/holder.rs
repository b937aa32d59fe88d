//! Who holds a lease: in words for people, and so that a later run can see that this one has ended
//! without waiting for the lease to run out.
//!
//! Being wrong here would let two runs overlap, so a holder counts as ended only where it is
//! certain. On Linux that is a process of the same kernel, PID namespace, host name and user whose
//! id is gone or was given to a process that began at another time. On Cloud Run it is an earlier
//! attempt at the same task. Anywhere else a lease must run out.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::cloud_run::CloudRun;

/// Who holds a lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// For people.
    #[serde(alias = "holder")]
    pub words: String,
    /// For runs that come later.
    #[serde(default)]
    pub runner: Runner,
}

/// What runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Runner {
    /// Nothing of which one could see that it has ended.
    #[default]
    Unknown,
    /// A process.
    Process {
        /// Kernel, PID namespace, host and user: ids of processes mean nothing outside of these.
        surroundings: String,
        /// Its id.
        id: u32,
        /// When it began, in ticks since the kernel did.
        began_at_ticks: u64,
    },
    /// An attempt at a task of a Cloud Run job.
    Attempt {
        /// The execution.
        execution: String,
        /// The task, counted from zero.
        task_index: u32,
        /// Which attempt, counted from zero.
        attempt: u32,
    },
}

impl Holder {
    /// This process.
    pub fn this(cloud_run: Option<&CloudRun>) -> Self {
        let Some(task) = cloud_run else {
            return Self {
                words: format!("{} process {}", host_name(), std::process::id()),
                runner: Runner::this_process(),
            };
        };
        let (job, execution) = (&task.job, &task.execution);
        let (task_index, attempt) = (task.task_index, task.attempt);
        Self {
            words: format!(
                "Cloud Run job {job}, execution {execution}, task {task_index}, attempt {attempt}"
            ),
            runner: match execution.is_empty() {
                true => Runner::Unknown,
                false => Runner::Attempt {
                    execution: execution.clone(),
                    task_index,
                    attempt,
                },
            },
        }
    }
}

impl Runner {
    fn this_process() -> Self {
        let id = std::process::id();
        // The first process of a container: nobody in its namespace outlives it to look at it.
        if id == 1 {
            return Self::Unknown;
        }
        match (surroundings(), began_at(id)) {
            (Some(surroundings), Began::At(began_at_ticks)) => Self::Process {
                surroundings,
                id,
                began_at_ticks,
            },
            _ => Self::Unknown,
        }
    }

    /// Whether it has certainly ended, as `us` can see.
    pub fn has_ended(&self, us: &Self) -> bool {
        match (self, us) {
            (
                Self::Process {
                    surroundings,
                    id,
                    began_at_ticks,
                },
                Self::Process {
                    surroundings: ours, ..
                },
            ) => {
                surroundings == ours
                    && match began_at(*id) {
                        Began::At(ticks) => ticks != *began_at_ticks,
                        Began::Never => true,
                        Began::Unknown => false,
                    }
            }
            (
                Self::Attempt {
                    execution,
                    task_index,
                    attempt,
                },
                Self::Attempt {
                    execution: our_execution,
                    task_index: our_task,
                    attempt: our_attempt,
                },
            ) => execution == our_execution && task_index == our_task && attempt < our_attempt,
            _ => false,
        }
    }
}

/// Kernel, PID namespace, host and user. The user, because the processes of others may be hidden.
fn surroundings() -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let host = fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let namespace = fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!(
        "{} {} {} {}",
        boot.trim(),
        namespace.display(),
        host.trim(),
        user()?
    ))
}

#[cfg(unix)]
fn user() -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    Some(fs::metadata("/proc/self").ok()?.uid())
}

#[cfg(not(unix))]
fn user() -> Option<u32> {
    None
}

/// When a process began.
enum Began {
    At(u64),
    /// There is no such process, or it is dead and only not cleared away.
    Never,
    Unknown,
}

fn began_at(id: u32) -> Began {
    let path = format!("/proc/{id}/stat");
    let stat = match fs::read_to_string(&path) {
        Ok(stat) => stat,
        Err(error) if error.kind() == ErrorKind::NotFound && Path::new("/proc/self").exists() => {
            return Began::Never;
        }
        Err(_) => return Began::Unknown,
    };
    // proc_pid_stat(5): the name, which may hold anything, ends at the last parenthesis; then come
    // the state (field 3) and others, among them the beginning (field 22).
    let Some((_, rest)) = stat.rsplit_once(')') else {
        return Began::Unknown;
    };
    let mut fields = rest.split_whitespace();
    match (fields.next(), fields.nth(18).map(str::parse)) {
        (Some("Z" | "X"), _) => Began::Never,
        (_, Some(Ok(ticks))) => Began::At(ticks),
        _ => Began::Unknown,
    }
}

fn host_name() -> String {
    let from_file = || fs::read_to_string("/etc/hostname").ok();
    let name = std::env::var("HOSTNAME")
        .ok()
        .or_else(from_file)
        .unwrap_or_default();
    if name.trim().is_empty() {
        "this machine".into()
    } else {
        name.trim().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(execution: &str, task_index: u32, attempt: u32) -> Runner {
        Runner::Attempt {
            execution: execution.into(),
            task_index,
            attempt,
        }
    }

    #[test]
    fn an_earlier_attempt_at_the_same_task_has_ended() {
        let us = attempt("calls-a", 2, 1);
        assert!(attempt("calls-a", 2, 0).has_ended(&us));
        assert!(!attempt("calls-a", 2, 1).has_ended(&us));
        assert!(!attempt("calls-a", 2, 2).has_ended(&us));
        assert!(!attempt("calls-a", 1, 0).has_ended(&us));
        assert!(!attempt("calls-b", 2, 0).has_ended(&us));
        assert!(!Runner::Unknown.has_ended(&us));
    }

    #[test]
    fn a_task_is_named_so_that_people_find_it() {
        let task = CloudRun {
            job: "calls".into(),
            execution: "calls-x7k2p".into(),
            task_index: 1,
            attempt: 2,
        };
        assert_eq!(
            Holder::this(Some(&task)).words,
            "Cloud Run job calls, execution calls-x7k2p, task 1, attempt 2"
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_has_ended_when_it_is_gone_and_not_before() {
        use std::process::{Command, Stdio};

        let us = Runner::this_process();
        let Runner::Process {
            surroundings,
            id,
            began_at_ticks,
        } = us.clone()
        else {
            panic!("this process is not known to itself: {us:?}");
        };
        assert!(!us.has_ended(&us));
        let reborn = Runner::Process {
            surroundings: surroundings.clone(),
            id,
            began_at_ticks: began_at_ticks - 1,
        };
        assert!(reborn.has_ended(&us), "its id was given to another process");

        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let Began::At(ticks) = began_at(child.id()) else {
            panic!("the child is not seen");
        };
        let process = |surroundings: &str| Runner::Process {
            surroundings: surroundings.into(),
            id: child.id(),
            began_at_ticks: ticks,
        };
        let (here, elsewhere) = (process(&surroundings), process("another machine"));
        assert!(!here.has_ended(&us));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(here.has_ended(&us));
        assert!(!elsewhere.has_ended(&us));
    }
}
