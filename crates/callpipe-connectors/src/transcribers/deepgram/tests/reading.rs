//! Words, speakers and times out of replies of every kind.

use callpipe_core::failure::FailureKind;
use callpipe_core::recording::{Participant, Role};
use callpipe_core::transcript::Speaker;
use expect_test::expect;
use serde_json::{Value, json};

use super::{channel, conversation, map, participant, read, read_with, recording_of, reply, word};

#[test]
fn a_reply_becomes_a_transcript() {
    let reply = reply(&[
        channel(0.5, "Hello, parts counter."),
        channel(3.0, "A chain, please."),
    ]);
    expect![[r#"
        TranscribedRecording {
            transcript: RecordingTranscript {
                recording: ArchiveKey(
                    "recordings/700123_voice-only.mp4",
                ),
                duration_s: 30.0,
                channels: 2,
                language: None,
                turns: [
                    Turn {
                        speaker: Side(
                            Agent,
                        ),
                        channel: 0,
                        words: [
                            Word {
                                text: "Hello,",
                                start_s: 0.5,
                                end_s: 0.75,
                                confidence: 0.9,
                            },
                            Word {
                                text: "parts",
                                start_s: 0.8,
                                end_s: 1.05,
                                confidence: 0.9,
                            },
                            Word {
                                text: "counter.",
                                start_s: 1.1,
                                end_s: 1.35,
                                confidence: 0.9,
                            },
                        ],
                    },
                    Turn {
                        speaker: Side(
                            Customer,
                        ),
                        channel: 1,
                        words: [
                            Word {
                                text: "A",
                                start_s: 3.0,
                                end_s: 3.25,
                                confidence: 0.9,
                            },
                            Word {
                                text: "chain,",
                                start_s: 3.3,
                                end_s: 3.55,
                                confidence: 0.9,
                            },
                            Word {
                                text: "please.",
                                start_s: 3.6,
                                end_s: 3.85,
                                confidence: 0.9,
                            },
                        ],
                    },
                ],
            },
            analysis: Analysis {
                summary: None,
                topics: [],
                intents: [],
                sentiment: None,
            },
            model: "general-nova-3 2025-07-31.0",
            request_id: Some(
                "r-1",
            ),
            warnings: [],
        }
    "#]]
    .assert_debug_eq(&read(&reply));
}

#[test]
fn turns_of_both_channels_are_in_the_order_of_time() {
    let mut agent = channel(0.0, "Hello?");
    let later = word("Sure.", 9.0, 0);
    agent["alternatives"][0]["words"]
        .as_array_mut()
        .unwrap()
        .push(later);
    let reply = reply(&[agent, channel(2.0, "A chain, please.")]);
    assert_eq!(
        conversation(read(&reply)),
        "Agent: Hello?\nCustomer: A chain, please.\nAgent: Sure."
    );
}

#[test]
fn a_channel_belongs_to_whom_the_recording_says() {
    let (agent, customer) = (Role::Agent, Role::Customer);
    let sides = |channels: usize, participants: Vec<Participant>| {
        let channels: Vec<Value> = (0..channels)
            .map(|number| channel(number as f64 * 5.0, "Yes."))
            .collect();
        let turns = read_with(&reply(&channels), participants).transcript.turns;
        let role = |speaker| match speaker {
            Speaker::Side(role) => role,
            Speaker::Numbered(number) => panic!("a number: {number}"),
        };
        turns
            .iter()
            .map(|turn| role(turn.speaker))
            .collect::<Vec<_>>()
    };
    let nobody = Participant {
        channel: None,
        ..participant(0, customer)
    };
    assert_eq!(sides(2, vec![]), [agent, customer]);
    assert_eq!(sides(2, vec![nobody]), [agent, customer]);
    assert_eq!(
        sides(2, vec![participant(0, customer), participant(1, agent)]),
        [customer, agent]
    );
    // What is told of one of two tells the other.
    assert_eq!(sides(2, vec![participant(0, customer)]), [customer, agent]);
    assert_eq!(sides(2, vec![participant(1, agent)]), [customer, agent]);
    assert_eq!(sides(2, vec![participant(1, customer)]), [agent, customer]);
    assert_eq!(sides(3, vec![]), [agent, customer, customer]);
    assert_eq!(
        sides(3, vec![participant(2, agent)]),
        [agent, customer, agent]
    );
}

#[test]
fn on_one_channel_voices_have_numbers_whatever_the_recording_says() {
    let mut one = channel(0.0, "");
    one["alternatives"][0]["words"] = json!([
        word("Hello?", 0.0, 0),
        word("Hi.", 1.0, 1),
        { "word": "bye", "start": 2.0, "end": 2.2 },
    ]);
    let transcribed = read_with(&reply(&[one]), vec![participant(0, Role::Agent)]);
    assert_eq!(transcribed.transcript.channels, 1);
    assert_eq!(
        conversation(transcribed),
        "Speaker 1: Hello?\nSpeaker 2: Hi.\nSpeaker 1: bye"
    );
}

#[test]
fn words_that_are_missing_are_taken_from_utterances() {
    let mut reply = reply(&[channel(0.0, "Hello?"), channel(2.0, "Yes.")]);
    reply["results"]["utterances"] = json!([
        { "channel": 0, "words": [word("Ignored.", 0.0, 0)] },
        { "channel": 1, "words": [word("From", 2.0, 0), word("here.", 2.3, 0)] },
    ]);
    reply["results"]["channels"][1]["alternatives"][0]["words"] = json!([]);
    assert_eq!(
        conversation(read(&reply)),
        "Agent: Hello?\nCustomer: From here."
    );
    reply["results"]["channels"] = json!([]);
    assert_eq!(conversation(read(&reply)), "Speaker 1: Ignored. From here.");
}

#[test]
fn text_without_words_is_not_taken_for_silence() {
    let mut reply = reply(&[channel(0.0, "Is anybody there?")]);
    reply["results"]["channels"][0]["alternatives"][0]["words"].take();
    let transcribed = read(&reply);
    let times: Vec<f64> = transcribed
        .transcript
        .turns
        .iter()
        .flat_map(|turn| &turn.words)
        .map(|word| word.start_s)
        .collect();
    assert_eq!(times, [0.0, 10.0, 20.0]);
    assert_eq!(conversation(transcribed), "Speaker 1: Is anybody there?");
}

#[test]
fn silence_is_a_normal_answer() {
    let empty = json!({ "alternatives": [{ "transcript": "", "confidence": 0.0, "words": [] }] });
    for results in [
        json!({ "channels": [empty] }),
        json!({ "channels": [empty, empty], "utterances": [] }),
        json!({ "channels": [{ "alternatives": [] }] }),
        json!({ "channels": [empty], "summary": { "result": "success", "short": "" },
            "topics": { "segments": [] }, "intents": {}, "sentiments": { "segments": [] } }),
    ] {
        let transcribed = read(&json!({ "metadata": { "duration": 6.5 }, "results": results }));
        assert_eq!(transcribed.transcript.turns, [], "{results}");
        assert_eq!(transcribed.transcript.duration_s, 6.5);
        assert!(transcribed.transcript.channels >= 1);
        assert_eq!(transcribed.analysis, Default::default(), "{results}");
        assert_eq!(transcribed.model, "nova-3");
    }
}

#[test]
fn one_odd_section_does_not_cost_the_others() {
    let mut reply = reply(&[channel(0.0, "Hello?"), json!("?"), channel(2.0, "Yes.")]);
    for section in ["utterances", "summary", "topics", "intents", "sentiments"] {
        reply["results"][section] = json!([["?"], 7]);
    }
    for (field, nonsense) in [
        ("request_id", json!(7)),
        ("duration", json!("long")),
        ("models", json!({})),
        ("warnings", json!("none")),
        ("summary_info", json!([])),
    ] {
        reply["metadata"][field] = nonsense;
    }
    let transcribed = read(&reply);
    // The second channel keeps its place.
    assert_eq!(transcribed.transcript.turns[1].channel, 2);
    assert_eq!(transcribed.transcript.channels, 3);
    assert_eq!(transcribed.transcript.duration_s, 2.25);
    assert_eq!(conversation(transcribed), "Agent: Hello?\nCustomer: Yes.");
}

#[test]
fn times_that_cannot_be_are_replaced() {
    let times = |start: Value, end: Value| {
        let mut one = channel(1.0, "First. Second.");
        let word = &mut one["alternatives"][0]["words"][1];
        word["start"] = start;
        word["end"] = end;
        let turns = read(&reply(&[one])).transcript.turns;
        assert_eq!(turns.len(), 1);
        let word = &turns[0].words[1];
        (word.start_s, word.end_s)
    };
    assert_eq!(times(json!(2.0), json!(2.5)), (2.0, 2.5));
    assert_eq!(times(json!(2), json!(3)), (2.0, 3.0));
    assert_eq!(times(json!(-1.0), json!(2.5)), (1.25, 2.5));
    assert_eq!(times(json!(1e12), json!(-1.0)), (1.25, 1.25));
    assert_eq!(times(json!(2.0), json!(1.5)), (2.0, 2.0));
    assert_eq!(times(json!(2.0), json!(1e300)), (2.0, 2.0));
    assert_eq!(times(json!(2.0), json!(70.0)), (2.0, 2.0));
    assert_eq!(times(json!(null), json!("late")), (1.25, 1.25));
}

#[test]
fn figures_that_cannot_be_are_clamped() {
    for (confidence, expected) in [(json!(7.5), 1.0), (json!(-2), 0.0), (json!(null), 0.0)] {
        let mut one = channel(1.0, "First.");
        one["alternatives"][0]["words"][0]["confidence"] = confidence;
        let turns = read(&reply(&[one])).transcript.turns;
        assert_eq!(turns[0].words[0].confidence, expected);
    }
    for duration in [json!(-3.5), json!(0), json!(1e18), json!(null)] {
        let mut reply = reply(&[channel(1.0, "First.")]);
        reply["metadata"]["duration"] = duration;
        assert_eq!(read(&reply).transcript.duration_s, 1.25);
    }
    let mut speaker = reply(&[channel(1.0, "First.")]);
    speaker["results"]["channels"][0]["alternatives"][0]["words"][0]["speaker"] = json!(u32::MAX);
    assert_eq!(read(&speaker).transcript.turns.len(), 1);
}

#[test]
fn a_word_is_written_as_in_its_sentence_where_that_is_known() {
    let mut one = channel(0.0, "Hello, there you are.");
    let words = one["alternatives"][0]["words"].as_array_mut().unwrap();
    words[0].as_object_mut().unwrap().remove("punctuated_word");
    words[1]["punctuated_word"] = json!(" ");
    words[2]["punctuated_word"] = json!("");
    words[2]["word"] = json!(" ");
    assert_eq!(
        conversation(read(&reply(&[one]))),
        "Speaker 1: hello there are."
    );
}

#[test]
fn the_language_is_the_one_that_was_found() {
    let language = |field: &str, value: Value| {
        let mut second = channel(2.0, "Si.");
        match field {
            "languages" => second["alternatives"][0][field] = value,
            _ => second[field] = value,
        }
        read(&reply(&[channel(0.0, "Hello?"), second]))
            .transcript
            .language
    };
    assert_eq!(
        language("detected_language", json!("es")).as_deref(),
        Some("es")
    );
    assert_eq!(
        language("languages", json!(["es", "en"])).as_deref(),
        Some("es")
    );
    assert_eq!(language("detected_language", json!(" ")), None);
    assert_eq!(language("other", json!("es")), None);
}

#[test]
fn bytes_that_are_no_reply_are_told_apart_from_odd_replies() {
    let whole = reply(&[channel(0.0, "My card is 4111.")]).to_string();
    let deep = format!(
        "{{\"results\":{}{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    for (bytes, what) in [
        (&whole[..whole.len() / 2], "it is not JSON"),
        ("<html>My card is 4111.</html>", "it is not JSON"),
        ("", "it is not JSON"),
        (deep.as_str(), "it has no results"),
        ("[\"My card is 4111.\"]", "it is not a JSON object"),
        ("{\"metadata\":{}}", "it has no results"),
        ("{\"results\":null}", "it has no results"),
        ("{\"request_id\":\"r-1\"}", "it has no results"),
        ("{\"results\":{}}", "it has no channels"),
        ("{\"results\":{\"channels\":[]}}", "it has no channels"),
        ("{\"results\":{\"channels\":{}}}", "it has no channels"),
    ] {
        let failure =
            map::transcribed(bytes.as_bytes(), &recording_of(b"", vec![]), "nova-3").unwrap_err();
        assert_eq!(failure.kind, FailureKind::UnusableReply);
        assert_eq!(failure.chain(), format!("reading Deepgram's reply: {what}"));
    }
}

#[test]
fn a_key_that_stands_there_twice_is_no_harm() {
    let reply = "{\"results\":1,\"results\":{\"channels\":[],\"channels\":[]},\"results\":{\"channels\":[{}]}}";
    assert!(map::transcribed(reply.as_bytes(), &recording_of(b"", vec![]), "m").is_ok());
}
