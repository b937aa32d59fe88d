//! `callpipe check`: does with each outside system what a run would do, and says how to mend what
//! fails.

use callpipe_core::contracts::CheckReport;
use callpipe_core::failure::Outside;
use callpipe_core::progress::Stage;
use serde::Serialize;

use super::Context;
use crate::assemble::{self, Google};
use crate::config::Config;
use crate::exit::Exit;

/// What came of checking one system.
#[derive(Debug, Serialize)]
struct Checked {
    /// Its role.
    role: &'static str,
    /// Whether it works.
    works: bool,
    /// What was reached, or what is wrong.
    report: String,
    /// How to mend it.
    hint: Option<String>,
}

pub(super) async fn check(context: &Context) -> anyhow::Result<Exit> {
    let config = context.load().await?.config;
    let config = assemble::for_shard(&config, &Stage::ALL)?;
    let checks = check_all(context, &config).await;
    context.output.either(&checks, || text(&checks))?;
    Ok(if checks.iter().all(|check| check.works) {
        Exit::Done
    } else {
        Exit::CheckFailed
    })
}

async fn check_all(context: &Context, config: &Config) -> Vec<Checked> {
    let clock = &context.clock;
    let taxonomy = assemble::taxonomy(config);
    let google = Google::new(config);
    let archive = assemble::archive(config, &google, clock);
    let contacts = async { assemble::contacts(config, &google, clock)?.check().await };
    let recordings = async { assemble::recordings(config, clock)?.0.check().await };
    let transcriber = async { assemble::transcriber(config, clock)?.check().await };
    let mut checks = vec![
        checked("contacts", contacts.await),
        checked("recordings", recordings.await),
        checked("transcriber", transcriber.await),
    ];
    match &taxonomy {
        Ok(taxonomy) => {
            let sections = taxonomy.sections.len();
            checks.push(checked(
                "taxonomy",
                Ok(format!("version {}, {sections} sections", taxonomy.version)),
            ));
            let classifier = async {
                assemble::classifier(config, &google, taxonomy, clock)?
                    .check()
                    .await
            };
            checks.push(checked("classifier", classifier.await));
        }
        Err(_) => checks.push(checked("taxonomy", taxonomy.map(|_| CheckReport::new()))),
    }
    match archive {
        Ok(archive) => {
            checks.push(checked("archive", archive.check().await));
            let warehouse = async {
                assemble::warehouse(config, &google, &archive, clock)?
                    .check()
                    .await
            };
            checks.push(checked("warehouse", warehouse.await));
        }
        Err(failure) => checks.push(checked("archive", Err(failure))),
    }
    checks
}

fn checked(role: &'static str, result: Outside<CheckReport>) -> Checked {
    match result {
        Ok(report) => Checked {
            role,
            works: true,
            report,
            hint: None,
        },
        Err(failure) => Checked {
            role,
            works: false,
            report: failure.chain(),
            hint: failure.hint,
        },
    }
}

fn text(checks: &[Checked]) -> String {
    let mut text = String::new();
    for check in checks {
        let mark = if check.works { "ok  " } else { "FAIL" };
        text.push_str(&format!("{mark}  {:<12} {}\n", check.role, check.report));
        if let Some(hint) = &check.hint {
            text.push_str(&format!("                    hint: {hint}\n"));
        }
    }
    let failed = checks.iter().filter(|check| !check.works).count();
    text.push_str(&match failed {
        0 => "\nAll connections work. Next: callpipe run".to_owned(),
        failed => format!("\n{failed} of {} do not work.", checks.len()),
    });
    text
}
