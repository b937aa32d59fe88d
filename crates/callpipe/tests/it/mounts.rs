//! Disks of a test's own: what is mounted here is seen by the program and by nobody else.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

/// A mount namespace, kept by a process that waits in it.
pub(crate) struct Mounts {
    keeper: Child,
    /// Whether it is in a user namespace, too: only there may users mount.
    with_users: bool,
}

impl Mounts {
    /// A namespace in which something could be mounted on a folder. None where this machine does not
    /// let us, which is said on stderr.
    pub(crate) async fn new(folder: &Path, left_out: &str) -> Option<Self> {
        for with_users in [false, true] {
            if let Some(keeper) = keeper(folder, with_users).await {
                return Some(Self { keeper, with_users });
            }
        }
        let notice = format!("left out, for nothing can be mounted here: {left_out}\n");
        // What is printed is kept from who runs the tests when all is well.
        let _told = tokio::io::stderr().write_all(notice.as_bytes()).await;
        None
    }

    fn process(&self) -> String {
        self.keeper.id().unwrap().to_string()
    }

    /// Where a file of the namespace is to be found from outside.
    pub(crate) fn path(&self, path: &Path) -> PathBuf {
        let root = format!("/proc/{}/root", self.process());
        Path::new(&root).join(path.strip_prefix("/").unwrap())
    }

    /// A program in the namespace, in a folder.
    pub(crate) fn command(&self, folder: &Path, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.process(), "--mount"]);
        if self.with_users {
            command.args(["--user", "--preserve-credentials"]);
        }
        let script = "cd \"$0\" && exec \"$@\"";
        command
            .args(["--", "sh", "-c", script])
            .arg(folder)
            .arg(program);
        command
    }
}

async fn keeper(folder: &Path, with_users: bool) -> Option<Child> {
    let script = "mount -t tmpfs tmpfs \"$0\" && umount \"$0\" && echo ready && exec cat";
    let flags: &[&str] = match with_users {
        true => &["--mount", "--user", "--map-root-user"],
        false => &["--mount"],
    };
    let mut keeper = Command::new("unshare")
        .args(flags)
        .args(["sh", "-c", script])
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .ok()?;
    let mut word = [0; 6];
    let ready = keeper.stdout.as_mut()?.read_exact(&mut word).await;
    ready.is_ok().then_some(keeper)
}
