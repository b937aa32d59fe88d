//! Layers, origins and errors of the configuration.

use std::io;

use super::*;
use crate::config::{ContactsConfig, RecordingsConfig, TranscriberConfig, WarehouseConfig};

/// Parses with these variables set, and with one readable file.
fn parsed(text: &str, variables: &[(&str, &str)]) -> Result<(Config, Origins), ConfigError> {
    let variable = |name: &str| {
        let found = variables.iter().find(|(variable, _)| *variable == name)?;
        Some((found.1.to_owned(), Origin::Environment(name.to_owned())))
    };
    let read_file = |path: &str| match path {
        "/run/secret" => Ok("from-file\n".to_owned()),
        _ => Err(io::Error::from(io::ErrorKind::NotFound)),
    };
    let surroundings = Surroundings {
        variable: &variable,
        read_file: &read_file,
        secrets: &BTreeMap::new(),
    };
    parse(text, "callpipe.toml", &surroundings)
}

fn error(text: &str) -> String {
    parsed(text, &[]).unwrap_err().to_string()
}

fn deepgram_key(config: &Config) -> Option<String> {
    let TranscriberConfig::Deepgram(deepgram) = &config.transcriber else {
        panic!("transcribed by {:?}", config.transcriber);
    };
    deepgram.api_key.as_ref().map(|key| key.expose().to_owned())
}

#[test]
fn an_empty_file_is_a_good_one() {
    let (config, origins) = parsed("", &[]).unwrap();
    assert!(matches!(config.contacts, ContactsConfig::Csv(_)));
    assert_eq!(config.engine.attempts_max, 6);
    assert!(origins.is_empty());
}

#[test]
fn the_template_is_all_defaults() {
    let (config, origins) = parsed(crate::config::template::TEMPLATE, &[]).unwrap();
    let defaults = serde_json::to_value(Config::default()).unwrap();
    assert_eq!(serde_json::to_value(&config).unwrap(), defaults);
    assert!(origins.is_empty());
}

/// Every key that the template shows exists, and its value is the default that is in force.
#[test]
fn what_the_template_shows_is_true() {
    let uncommented: String = crate::config::template::TEMPLATE
        .lines()
        .filter(|line| !line.contains('…') && !line.contains("[contacts.nice_cxone]"))
        .scan(true, |of_default, line| {
            // The keys of systems that are not the default are tried on their own.
            let header = line.trim_start_matches("# ");
            if header.starts_with('[') {
                *of_default = !line.starts_with('#');
            }
            Some(if *of_default { line } else { "" })
        })
        .filter(|line| !line.contains("cutoff_date") && !line.contains("taxonomy.toml"))
        .map(|line| match line.strip_prefix("# ") {
            Some(rest)
                if rest
                    .split_once(" = ")
                    .is_some_and(|(key, _)| !key.contains(' ')) =>
            {
                rest
            }
            _ => line,
        })
        .fold(String::new(), |text, line| text + line + "\n");
    assert!(
        uncommented
            .lines()
            .filter(|line| line.contains(" = ") && !line.starts_with('#'))
            .count()
            > 20
    );
    let (config, _) = parsed(&uncommented, &[]).unwrap();
    let mut shown = serde_json::to_value(&config).unwrap();
    let mut defaults = serde_json::to_value(Config::default()).unwrap();
    // The template names an endpoint that is otherwise left to follow from nothing being set.
    for value in [&mut shown, &mut defaults] {
        value["transcriber"]["deepgram"]["endpoint"] = serde_json::Value::Null;
    }
    assert_eq!(shown, defaults);
}

#[test]
fn the_environment_wins_over_the_file() {
    let text = "[transcriber.deepgram]\napi_key = \"from-toml\"\nmodel = \"nova-3\"";
    let (config, _) = parsed(text, &[]).unwrap();
    assert_eq!(deepgram_key(&config).as_deref(), Some("from-toml"));
    let (config, origins) = parsed(text, &[("DEEPGRAM_API_KEY", "from-environment")]).unwrap();
    assert_eq!(deepgram_key(&config).as_deref(), Some("from-environment"));
    let key = "transcriber.deepgram.api_key";
    assert_eq!(origins[key], Origin::Environment("DEEPGRAM_API_KEY".into()));
    assert_eq!(origins["transcriber.deepgram.model"], Origin::File);
}

#[test]
fn the_environment_alone_is_enough() {
    let variables = [
        ("CXONE_USERNAME", "id"),
        ("CUTOFF_DATE", "2026-01-31"),
        ("GCP_PROJECT_ID", "p"),
    ];
    let (config, _) = parsed("", &variables).unwrap();
    let RecordingsConfig::NiceCxone(account) = &config.recordings else {
        panic!("CXone is the default")
    };
    assert_eq!(account.access_key_id.as_ref().unwrap().expose(), "id");
    assert_eq!(config.engine.cutoff_date.unwrap().to_string(), "2026-01-31");
    // It fills no role that another system fills: contacts come from CSV here.
    assert!(matches!(config.contacts, ContactsConfig::Csv(_)));
}

#[test]
fn the_environment_of_the_scripts_alone_configures_all_of_it() {
    let variables = [
        ("GCP_PROJECT_ID", "p"),
        ("GCP_DATASET_ID", "calls"),
        ("GCP_SOURCE_TABLE", "contacts"),
        ("GCP_TRACKING_TABLE", "status"),
    ];
    let (config, _) = parsed("", &variables).unwrap();
    let ContactsConfig::BigQuery(contacts) = &config.contacts else {
        panic!("contacts from {:?}", config.contacts);
    };
    assert_eq!(contacts.table.as_deref(), Some("contacts"));
    let WarehouseConfig::BigQuery(warehouse) = &config.warehouse else {
        panic!("warehouse in {:?}", config.warehouse);
    };
    let table = warehouse.tracking_table().unwrap();
    assert_eq!(table.to_string(), "p.calls.status");
    // What the file fills stays filled.
    let (config, _) = parsed("[warehouse.sqlite]\n[contacts.csv]", &variables).unwrap();
    assert!(matches!(config.warehouse, WarehouseConfig::Sqlite(_)));
    assert!(matches!(config.contacts, ContactsConfig::Csv(_)));
    let (config, _) = parsed("[engine]\nattempts_max = 3", &variables).unwrap();
    assert!(matches!(config.warehouse, WarehouseConfig::BigQuery(_)));
}

/// Every key that the template shows of a system that is not the default exists, too.
#[test]
fn what_the_template_shows_of_other_systems_is_true() {
    let template = crate::config::template::TEMPLATE;
    for header in [
        "[contacts.bigquery]",
        "[recordings.folder]",
        "[triage]",
        "[archive.gcs]",
        "[transcriber.deepgram.prices]",
        "[transcriber.whisper]",
        "[warehouse.bigquery]",
    ] {
        let (_, rest) = template.split_once(header).unwrap();
        let keys = rest.lines().skip(1).take_while(|line| line.contains(" = "));
        let keys = keys.map(|line| line.trim_start_matches("# ").replace('…', "x"));
        let text = keys.fold(header.to_owned(), |text, key| text + "\n" + &key);
        let (config, origins) = parsed(&text, &[]).unwrap();
        assert!(origins.len() > 2, "{text}");
        let mut shown = serde_json::to_value(&config).unwrap();
        let (mut defaults, _) = parsed(header, &[]).unwrap();
        let mut defaults = serde_json::to_value(&mut defaults).unwrap();
        for value in [&mut shown, &mut defaults] {
            let path = header.trim_matches(['[', ']']).replace('.', "/");
            let table = value.pointer_mut(&format!("/{path}")).unwrap();
            let table = table.as_object_mut().unwrap();
            for without_default in [
                "project",
                "dataset",
                "location",
                "table",
                "bucket",
                "prefix",
                "links",
                "models_directory",
                "models_endpoint",
                "prompt",
                "path",
                "url",
                "region",
                "pattern",
                "threads",
            ] {
                table.remove(without_default);
            }
        }
        assert_eq!(shown, defaults);
    }
}

#[test]
fn a_value_can_name_a_variable_or_a_file() {
    let by_name = "[transcriber.deepgram]\napi_key = { env = \"MINE\" }";
    let (config, origins) = parsed(by_name, &[("MINE", "mine")]).unwrap();
    assert_eq!(deepgram_key(&config).as_deref(), Some("mine"));
    assert_eq!(
        origins["transcriber.deepgram.api_key"],
        Origin::Environment("MINE".into())
    );
    let by_file = "[transcriber.deepgram]\napi_key = { file = \"/run/secret\" }";
    assert_eq!(
        deepgram_key(&parsed(by_file, &[]).unwrap().0).as_deref(),
        Some("from-file")
    );
    assert_eq!(
        error(by_name),
        "`transcriber.deepgram.api_key` is to come from the environment variable MINE, which is not set"
    );
    assert!(error("[transcriber.deepgram]\napi_key = { file = \"/gone\" }").contains("/gone"));
}

#[test]
fn an_error_names_the_place_and_shows_no_value() {
    let unknown = error("[transcriber.deepgram]\nmodel = \"nova-3\"\napi_kee = \"dg-secret\"");
    assert!(
        unknown.starts_with("callpipe.toml line 3 column 1: unknown field `api_kee`"),
        "{unknown}"
    );
    assert!(!unknown.contains("dg-secret"));
    let kind = error("[transcriber.deepgramm]\n");
    assert!(
        kind.starts_with("callpipe.toml line 1") && kind.contains("deepgram"),
        "{kind}"
    );
    let syntax = error("[engine]\nattempts_max = = 5 # dg-secret");
    assert!(syntax.starts_with("callpipe.toml line 2"), "{syntax}");
    assert!(!syntax.contains("dg-secret"));
    let number = error("[engine]\nattempts_max = -1");
    assert!(
        number.starts_with("callpipe.toml line 2 column 16"),
        "{number}"
    );
}

#[test]
fn plain_http_is_refused_but_on_this_machine() {
    let refused = error("[transcriber.deepgram]\nendpoint = \"http://api.deepgram.com\"");
    assert!(
        refused.contains("plain http is accepted for this machine"),
        "{refused}"
    );
    assert!(
        parsed(
            "[transcriber.deepgram]\nendpoint = \"http://127.0.0.1:9\"",
            &[]
        )
        .is_ok()
    );
}

#[test]
fn a_date_may_be_quoted_or_not() {
    for text in ["\"2026-01-31\"", "2026-01-31"] {
        let (config, _) = parsed(&format!("[engine]\ncutoff_date = {text}"), &[]).unwrap();
        assert_eq!(config.engine.cutoff_date.unwrap().to_string(), "2026-01-31");
    }
}

#[test]
fn two_systems_for_one_role_are_one_too_many() {
    let both = error("[contacts.csv]\npath = \"a.csv\"\n[contacts.nice_cxone]\n");
    assert_eq!(
        both,
        "callpipe.toml line 3 column 11: [contacts.csv] and [contacts.nice_cxone] are one too many: keep one of them"
    );
}

#[test]
fn a_task_of_a_job_is_a_shard() {
    let task = |index, count| {
        let variables = [
            ("CLOUD_RUN_TASK_INDEX", index),
            ("CLOUD_RUN_TASK_COUNT", count),
        ];
        parsed("", &variables).map(|(config, _)| config.engine.shard().unwrap().to_string())
    };
    assert_eq!(task("1", "4").unwrap(), "2 of 4");
    assert_eq!(
        task("4", "4").unwrap_err().to_string(),
        "`engine.shard_index` is 4, but of 4 shards the last one is 3"
    );
    assert_eq!(
        task("1", "four").unwrap_err().to_string(),
        "environment CLOUD_RUN_TASK_COUNT: this text is no whole number from 0 on"
    );
    let in_file = "[engine]\nshard_index = 2\nshard_count = \"3\"\n";
    let (config, _) = parsed(in_file, &[]).unwrap();
    assert_eq!(config.engine.shard().unwrap().to_string(), "3 of 3");
    let negative = error("[engine]\nshard_count = -1");
    assert!(
        negative.starts_with("callpipe.toml line 2 column 15"),
        "{negative}"
    );
}

#[test]
fn an_error_of_the_environment_names_the_variable() {
    let wrong = parsed(
        "[engine]\ncutoff_date = 2026-01-01",
        &[("CUTOFF_DATE", "soon")],
    );
    let wrong = wrong.unwrap_err().to_string();
    assert!(wrong.starts_with("environment CUTOFF_DATE: "), "{wrong}");
}

#[test]
fn what_the_environment_overrides_need_not_be_there() {
    let text = "[transcriber.deepgram]\napi_key = { env = \"NOT_SET\" }";
    let (config, _) = parsed(text, &[("DEEPGRAM_API_KEY", "from-environment")]).unwrap();
    assert_eq!(deepgram_key(&config).as_deref(), Some("from-environment"));
}
