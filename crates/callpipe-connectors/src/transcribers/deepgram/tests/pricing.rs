//! What replies cost.

use callpipe_core::contracts::transcriber::Transcriber;
use callpipe_core::money::Usd;
use callpipe_core::triage::{ChannelHeard, Heard};
use serde_json::{Value, json};

use super::super::DeepgramConfig;
use super::{recording_of, transcriber_with};

fn priced(config: DeepgramConfig, reply: &Value) -> f64 {
    let usd = transcriber_with(config).price(reply.to_string().as_bytes());
    usd.dollars()
}

fn an_hour_of_two_channels() -> Value {
    let info = json!({ "model_uuid": "u", "input_tokens": 10_000, "output_tokens": 1_000 });
    json!({
        "metadata": {
            "duration": 3_600.0, "channels": 2,
            "summary_info": info, "topics_info": info, "intents_info": info, "sentiment_info": info,
        },
        "results": { "channels": [] },
    })
}

#[test]
fn each_channel_and_each_token_costs() {
    let hour = an_hour_of_two_channels();
    let speech = 120.0 * (0.0043 + 0.002);
    let tokens = 40.0 * 0.0003 + 4.0 * 0.0006;
    assert_eq!(priced(DeepgramConfig::default(), &hour), speech + tokens);
    let multilingual = DeepgramConfig {
        language: "multi".into(),
        redact: vec!["pci".into()],
        ..DeepgramConfig::default()
    };
    let speech = 120.0 * (0.0052 + 0.002 + 0.002);
    let price = priced(multilingual, &hour);
    assert!((price - speech).abs() < 1e-6, "{price}");
}

#[test]
fn the_prices_are_the_operators() {
    let text = r#"{ "prices": { "minute_usd": 0.01, "diarization_minute_usd": 0 }, "intelligence": false }"#;
    let config: DeepgramConfig = serde_json::from_str(text).unwrap();
    assert_eq!(priced(config, &an_hour_of_two_channels()), 1.2);
}

#[test]
fn a_reply_without_figures_is_not_charged() {
    for reply in [
        json!({}),
        json!([]),
        json!({ "metadata": { "duration": "long", "channels": -1 } }),
        json!({ "metadata": { "duration": -5.0 } }),
        json!({ "metadata": { "duration": 1e300 } }),
        json!({ "metadata": { "summary_info": { "output_tokens": u64::MAX } } }),
    ] {
        assert_eq!(priced(DeepgramConfig::default(), &reply), 0.0, "{reply}");
    }
    let twice = br#"{"metadata":{"duration":60,"channels":1},"results":{},"results":{}}"#;
    let price = transcriber_with(DeepgramConfig::default()).price(twice);
    assert_eq!(price, Usd::from_micros(6_300));
}

#[test]
fn the_most_is_by_what_was_heard_and_else_by_the_size() {
    let transcriber = transcriber_with(DeepgramConfig::default());
    let recording = recording_of(&[0; 1_000_000], vec![]);
    let channel = ChannelHeard {
        speech_s: 1.0,
        peak_dbfs: -10.0,
    };
    let most = |duration_s: Option<f64>, channels: usize| {
        let heard = Heard {
            duration_s,
            channels: vec![channel; channels],
            ..Heard::default()
        };
        transcriber
            .price_max(&recording, Some(&heard))
            .unwrap()
            .dollars()
    };
    let of = |duration_s: f64, channels: f64| {
        let tokens = duration_s * 32.0;
        duration_s / 60.0 * channels * 0.0063 + tokens * (0.0003 + 0.0006) / 1e3
    };
    let assert_close = |one: f64, other: f64| assert!((one - other).abs() < 1e-5, "{one} {other}");
    assert_close(most(Some(60.0), 1), of(67.0, 1.0));
    assert_close(most(Some(60.0), 3), of(67.0, 3.0));
    // What could not be decoded may have two; a length that the bytes do not allow is not believed.
    assert_close(most(Some(60.0), 0), of(67.0, 2.0));
    assert_close(most(None, 1), of(2_000.0, 1.0));
    assert_close(most(Some(1e9), 1), of(2_000.0, 1.0));
    let unheard = transcriber.price_max(&recording, None).unwrap();
    assert_close(unheard.dollars(), of(2_000.0, 2.0));
}

#[test]
fn a_reply_that_breaks_off_was_charged_all_the_same() {
    let reply = an_hour_of_two_channels().to_string();
    let config = DeepgramConfig::default();
    let whole = priced(config.clone(), &an_hour_of_two_channels());
    let cut = transcriber_with(config).price(&reply.as_bytes()[..reply.len() - 10]);
    assert_eq!(cut.dollars(), whole);
}
