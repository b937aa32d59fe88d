//! `callpipe check`: does with each outside system what a run would do, and says how to mend what
//! fails.

mod recordings;

use callpipe_core::contracts::CheckReport;
use callpipe_core::failure::{Failure, FailureKind, Outside};
use callpipe_core::progress::Stage;
use serde::Serialize;

use super::Context;
use super::stage::StageArgument;
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

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
pub(super) struct CheckArguments {
    /// Only what this stage needs: for an account that may do no more
    #[arg(long, value_name = "STAGE")]
    stage: Option<StageArgument>,
}

pub(super) async fn check(context: &Context, arguments: &CheckArguments) -> anyhow::Result<Exit> {
    let config = context.load().await?.config;
    let stages = match arguments.stage {
        Some(stage) => vec![Stage::from(stage)],
        None => Stage::ALL.to_vec(),
    };
    // A check asks beside all shards. That limits can be divided is all that is to be seen.
    assemble::for_shard(&config, &stages)?;
    let google = Google::new(&config);
    let mut checks = Vec::new();
    for stage in stages {
        checks.extend(check_stage(context, &config, &google, stage).await);
    }
    checks.extend(check_stores(context, &config, &google).await);
    context.output.either(&checks, || text(&checks))?;
    Ok(if checks.iter().all(|check| check.works) {
        Exit::Done
    } else {
        Exit::CheckFailed
    })
}

/// What only one stage needs.
async fn check_stage(
    context: &Context,
    config: &Config,
    google: &Google<'_>,
    stage: Stage,
) -> Vec<Checked> {
    let clock = &context.clock;
    match stage {
        Stage::Fetch => {
            let contacts = async { assemble::contacts(config, google, clock)?.check().await };
            vec![
                checked("contacts", contacts.await),
                checked(
                    "recordings",
                    recordings::check(context, config, google).await,
                ),
            ]
        }
        Stage::Transcribe => {
            let transcriber = async { assemble::transcriber(config, clock)?.check().await };
            let check = transcriber.await.or_else(but_for_the_test);
            vec![checked("transcriber", check)]
        }
        Stage::Classify => {
            let taxonomy = match assemble::taxonomy(config) {
                Ok(taxonomy) => taxonomy,
                Err(failure) => return vec![checked("taxonomy", Err(failure))],
            };
            let report = format!(
                "version {}, {} sections",
                taxonomy.version,
                taxonomy.sections.len()
            );
            let classifier = async {
                let classifier = assemble::classifier(config, google, &taxonomy, clock)?;
                classifier.check().await
            };
            vec![
                checked("taxonomy", Ok(report)),
                checked("classifier", classifier.await),
            ]
        }
    }
}

/// A transcriber that would not look at the test's moment of silence has accepted key and parameters.
fn but_for_the_test(failure: Failure) -> Outside<CheckReport> {
    match failure.kind {
        FailureKind::Unsupported | FailureKind::Rejected => Ok(format!(
            "the key is accepted, but not the test's moment of silence: {}",
            failure.chain()
        )),
        _ => Err(failure),
    }
}

/// What every stage needs.
async fn check_stores(context: &Context, config: &Config, google: &Google<'_>) -> Vec<Checked> {
    let clock = &context.clock;
    let archive = match assemble::archive(config, google, clock) {
        Ok(archive) => archive,
        Err(failure) => return vec![checked("archive", Err(failure))],
    };
    let warehouse = async {
        let warehouse = assemble::warehouse(config, google, &archive, clock)?;
        warehouse.check().await
    };
    vec![
        checked("archive", archive.check().await),
        checked("warehouse", warehouse.await),
    ]
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
