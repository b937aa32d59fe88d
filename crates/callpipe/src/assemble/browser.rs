//! Puts the call browser together. It reads what a run has left, and makes neither a database nor an
//! archive: whoever names the wrong folder is told so.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use callpipe_browser::{Access, Again, Parts};
use callpipe_core::contracts::clock::Clock;
use callpipe_core::contracts::warehouse::{CallFilter, Warehouse};
use callpipe_core::failure::{Failure, FailureKind, Outside};
use callpipe_core::progress::Stage;
use callpipe_core::retry::RetryPolicy;

use super::{Google, archive, browsed_file, retry_policy, taxonomy};
use crate::calls::set_back;
use crate::config::{ArchiveConfig, Config, WarehouseConfig};

/// So many reads of the tables go on at once.
const READERS: usize = 4;

const INDEX_FILE: &str = "callpipe-browser.db";

/// The browser's parts.
pub async fn browser(config: &Config, access: Access, clock: &Arc<dyn Clock>) -> Outside<Parts> {
    let path = config.browsed_file().path;
    expect_there(config, &path)?;
    let index_path = index_path(config, &path);
    let google = Google::new(config);
    let archive = archive(config, &google, clock)?;
    let taxonomy = taxonomy(config)?;
    let warehouse = browsed_file(config, &archive, READERS)?;
    warehouse.prepare(&taxonomy).await?;
    // Work is looked for in the warehouse itself, of which the file may be a copy.
    let working: Arc<dyn Warehouse> = match &config.warehouse {
        WarehouseConfig::Sqlite(_) => Arc::clone(&warehouse) as _,
        WarehouseConfig::BigQuery(_) => super::warehouse(config, &google, &archive, clock)?,
    };
    let again = SetBack {
        warehouse: working,
        policy: retry_policy(&config.engine),
        clock: Arc::clone(clock),
    };
    Ok(Parts {
        warehouse,
        archive,
        taxonomy,
        clock: Arc::clone(clock),
        index_path,
        again: Arc::new(again),
        access,
    })
}

fn expect_there(config: &Config, database: &Path) -> Outside<()> {
    const BEGIN: &str = "`callpipe run` makes it, and `callpipe demo` one to look around in";
    if !database.exists() {
        let message = format!("there is no database {} yet", database.display());
        let hint = match config.warehouse {
            WarehouseConfig::Sqlite(_) => {
                format!("{BEGIN}; another one: `path` under [warehouse.sqlite]")
            }
            WarehouseConfig::BigQuery(_) => {
                "`callpipe pull` copies the tables in BigQuery into it; another one: `path` under \
                 [browser]"
                    .to_owned()
            }
        };
        return Err(Failure::new(FailureKind::Denied, message).with_hint(hint));
    }
    if let ArchiveConfig::Directory(directory) = &config.archive
        && !Path::new(&directory.path).is_dir()
    {
        let message = format!("there is no archive {} yet", directory.path);
        let hint = format!("{BEGIN}; another one: `path` under [archive.directory]");
        return Err(Failure::new(FailureKind::Denied, message).with_hint(hint));
    }
    Ok(())
}

fn index_path(config: &Config, database: &Path) -> PathBuf {
    let beside = || database.with_file_name(INDEX_FILE);
    config.browser.index.clone().unwrap_or_else(beside)
}

/// Has calls done again as `callpipe calls` does.
struct SetBack {
    warehouse: Arc<dyn Warehouse>,
    policy: RetryPolicy,
    clock: Arc<dyn Clock>,
}

#[async_trait]
impl Again for SetBack {
    async fn again(&self, filter: &CallFilter, from: Option<Stage>) -> Outside<u64> {
        let now = self.clock.now();
        set_back(&*self.warehouse, filter, from, self.policy, now).await
    }
}
