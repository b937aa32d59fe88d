//! What is exported of a call: the fields with their shapes, which the taxonomy completes.

use callpipe_core::taxonomy::{Rule, Section, Taxonomy};

/// What a value looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// Text.
    Text,
    /// A whole number.
    Whole,
    /// Any number.
    Number,
    /// A moment, RFC 3339.
    Moment,
    /// A date, `YYYY-MM-DD`.
    Date,
    /// A list of texts.
    Texts,
    /// Several values with names.
    Struct(Vec<Field>),
    /// A list of such.
    Structs(Vec<Field>),
    /// Whatever the contact source said.
    Json,
}

/// A named value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name: a name of a column everywhere.
    pub name: String,
    /// What it means.
    pub description: String,
    /// What it looks like.
    pub shape: Shape,
}

/// A field that does not exist was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no field {0}")]
pub struct NoSuchField(pub String);

fn field(name: &str, shape: Shape, description: &str) -> Field {
    Field {
        name: name.to_owned(),
        description: description.to_owned(),
        shape,
    }
}

/// All fields of a call, in the order of columns.
pub fn fields(taxonomy: &Taxonomy) -> Vec<Field> {
    let mut fields = contact();
    fields.extend(state());
    fields.extend(audio());
    fields.extend(transcript());
    fields.extend(results(taxonomy));
    fields
}

fn contact() -> Vec<Field> {
    use Shape::{Date, Moment, Text};
    vec![
        field("contact_id", Text, "The call's id"),
        field(
            "master_contact_id",
            Text,
            "The id of the whole conversation",
        ),
        field("started_at", Moment, "When the call started"),
        field("call_date", Date, "The date of the call in its own place"),
    ]
}

fn state() -> Vec<Field> {
    use Shape::{Moment, Text, Whole};
    vec![
        field("stage", Text, "fetch, transcribe or classify"),
        field("status", Text, "ready, parked, skipped or done"),
        field("skip_reason", Text, "Why the call was skipped"),
        field("failure_kind", Text, "What went wrong last at this stage"),
        field("failure_reason", Text, "The failure in full"),
        field("attempt", Whole, "Attempts used up at this stage"),
        field(
            "redo_count",
            Whole,
            "How often it was asked to be done again",
        ),
        field("not_before", Moment, "When it is tried again"),
        field("listed_at", Moment, "When the call was taken up"),
        field(
            "updated_at",
            Moment,
            "When something was last saved about it",
        ),
    ]
}

fn audio() -> Vec<Field> {
    use Shape::{Moment, Number, Structs, Text, Whole};
    let participants = vec![
        field("channel", Whole, "The person's audio channel, from zero"),
        field("role", Text, "agent or customer"),
        field("name", Text, "The person's name"),
    ];
    let heard = vec![
        field("speech_s", Number, "Seconds in which somebody may speak"),
        field("peak_dbfs", Number, "The loudest moment in dBFS"),
    ];
    let triage = vec![
        field("decision", Text, "bought or not_bought"),
        field(
            "reason",
            Text,
            "speech or not_decoded; too_short, silent or no_speech",
        ),
        field("format", Text, "What the recording is"),
        field("duration_s", Number, "Its length in seconds"),
        field("listened_s", Number, "How much was listened to, in seconds"),
        field("channels", Structs(heard), "What was heard on each channel"),
        field("saved_usd", Number, "What was not spent, about"),
    ];
    let recordings = vec![
        field("key", Text, "Its name in the archive"),
        field("media_type", Text, "The vendor's word for what it is"),
        field("content_type", Text, "Its MIME type"),
        field("sha256", Text, "The hash of its bytes"),
        field("size_bytes", Whole, "Its size in bytes"),
        field("started_at", Moment, "When it begins"),
        field("participants", Structs(participants), "Who is heard on it"),
    ];
    vec![
        field("audio_uri", Text, "The address of the first recording"),
        field(
            "recordings",
            Structs(recordings),
            "In the order of the call",
        ),
        field(
            "triage",
            Structs(triage),
            "What was heard on each recording before its transcript was bought",
        ),
        field(
            "not_bought_s",
            Number,
            "Length of recordings without speech, which were not bought, in seconds",
        ),
        field("saved_usd", Number, "What was not spent on them, about"),
        field("same_audio_as", Text, "The call that has the same audio"),
    ]
}

fn transcript() -> Vec<Field> {
    use Shape::{Moment, Number, Struct, Structs, Text};
    let passage = |name: &str| {
        vec![
            field(name, Text, "In the model's words"),
            field(
                "confidence",
                Number,
                "The model's own figure, not calibrated",
            ),
            field("text", Text, "The words that show it"),
        ]
    };
    let average = vec![
        field("sentiment", Text, "positive, neutral or negative"),
        field("sentiment_score", Number, "From -1 to 1"),
    ];
    let mut segment = vec![field("text", Text, "The words")];
    segment.extend(average.clone());
    let sentiment = vec![
        field("average", Struct(average), "Of the whole call"),
        field("segments", Structs(segment), "In the order of the call"),
    ];
    vec![
        field("duration_s", Number, "Length of all recordings in seconds"),
        field("conversation", Text, "One line a turn, with its speaker"),
        field("plain_text", Text, "The words alone"),
        field("summary", Text, "A few sentences"),
        field(
            "topics",
            Structs(passage("topic")),
            "In the order of the call",
        ),
        field(
            "intents",
            Structs(passage("intent")),
            "In the order of the call",
        ),
        field("sentiment", Struct(sentiment), "How the call sounds"),
        field(
            "analysis_model",
            Text,
            "The model that gave summary, topics, intents and sentiment",
        ),
        field(
            "measures",
            Struct(measures()),
            "Figures of the conversation",
        ),
        field("transcriber", Text, "Who transcribed"),
        field("transcriber_model", Text, "The model that did"),
        field("transcribed_at", Moment, "When"),
        field(
            "transcript_key",
            Text,
            "Where in the archive turns and word times lie",
        ),
    ]
}

fn measures() -> Vec<Field> {
    use Shape::{Number, Structs, Text, Whole};
    let monologue = "The longest turn in seconds of talk";
    let speaker = vec![
        field("speaker", Text, "The name in the conversation"),
        field("talk_s", Number, "Seconds of speech"),
        field("words", Whole, "How many words"),
        field("words_per_minute", Number, "Words a minute of talk"),
        field("turns", Whole, "How many turns"),
        field("longest_monologue_s", Number, monologue),
    ];
    vec![
        field("talk_s", Number, "Seconds in which anybody speaks"),
        field("silence_s", Number, "Seconds in which nobody speaks"),
        field("overlap_s", Number, "Seconds in which two or more speak"),
        field("turns", Whole, "How many turns"),
        field("words", Whole, "How many words"),
        field("longest_monologue_s", Number, monologue),
        field("words_per_minute", Number, "Words a minute of talk"),
        field("speakers", Structs(speaker), "Each speaker's share"),
    ]
}

fn results(taxonomy: &Taxonomy) -> Vec<Field> {
    use Shape::{Json, Moment, Number, Struct, Structs, Text};
    let labels = || taxonomy.sections.iter().map(label).collect();
    vec![
        field(
            "labels",
            Struct(labels()),
            "The model's answers to the taxonomy's questions",
        ),
        field("classifier", Text, "Who classified"),
        field("classifier_model", Text, "The model that did"),
        field("taxonomy_version", Text, "The taxonomy's version"),
        field("prompt_version", Text, "The prompt's version"),
        field("classified_at", Moment, "When"),
        field("transcribe_cost_usd", Number, "What the transcript cost"),
        field("classify_cost_usd", Number, "What the labels cost"),
        field("metadata", Json, "What else the contact source said"),
        field(
            "corrected",
            Struct(labels()),
            "The answers that count: the model's, or what a person said instead",
        ),
        field(
            "corrections",
            Structs(correction()),
            "What people said of the model's answers, in the order in which they did",
        ),
    ]
}

fn correction() -> Vec<Field> {
    use Shape::{Json, Moment, Text};
    vec![
        field("field", Text, "The question, or a part of it after a dot"),
        field("verdict", Text, "accepted or corrected"),
        field("value", Json, "The answer that counts by it"),
        field("model_value", Json, "What the model had said then"),
        field("by", Text, "Who said it"),
        field("at", Moment, "When"),
    ]
}

/// A question of the taxonomy.
fn label(section: &Section) -> Field {
    let shape = match &section.rule {
        Rule::Label { .. } | Rule::Text { .. } => Shape::Text,
        Rule::Labels { .. } => Shape::Texts,
        Rule::Scores { names } => {
            let score = |score: &callpipe_core::taxonomy::Label| {
                field(&score.value, Shape::Number, &score.description)
            };
            Shape::Struct(names.iter().map(score).collect())
        }
        Rule::Group { parts } => Shape::Struct(parts.iter().map(label).collect()),
    };
    field(section.field.as_str(), shape, &section.description)
}

/// Those fields that are asked for, in the order asked for. `labels.sale_result` is a part of a
/// struct, which then has only the parts that are asked for.
pub fn chosen(fields: &[Field], names: &[String]) -> Result<Vec<Field>, NoSuchField> {
    let mut chosen = Vec::new();
    for name in names {
        let path: Vec<&str> = name.trim().split('.').collect();
        choose(fields, &path, &mut chosen).ok_or_else(|| NoSuchField(name.clone()))?;
    }
    Ok(chosen)
}

fn choose(fields: &[Field], path: &[&str], chosen: &mut Vec<Field>) -> Option<()> {
    let (name, rest) = path.split_first()?;
    let field = fields.iter().find(|field| field.name == *name)?;
    let known = chosen.iter().position(|known| known.name == *name);
    if rest.is_empty() {
        match known {
            Some(position) => *chosen.get_mut(position)? = field.clone(),
            None => chosen.push(field.clone()),
        }
        return Some(());
    }
    let Shape::Struct(parts) = &field.shape else {
        return None;
    };
    let position = known.unwrap_or_else(|| {
        chosen.push(Field {
            shape: Shape::Struct(Vec::new()),
            ..field.clone()
        });
        chosen.len() - 1
    });
    match &mut chosen.get_mut(position)?.shape {
        Shape::Struct(known) => choose(parts, rest, known),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// BigQuery's rules: letters, digits and underscores, no name twice whatever its case, none of
    /// its own prefixes, and no list whose elements are lists.
    fn assert_columns(fields: &[Field]) {
        let mut names = HashSet::new();
        assert!(!fields.is_empty());
        for field in fields {
            let name = field.name.as_str();
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            assert!(name.len() <= 300 && name.bytes().all(plain), "{name}");
            assert!(
                name.starts_with(|first: char| first.is_ascii_lowercase()),
                "{name}"
            );
            assert!(names.insert(name.to_ascii_lowercase()), "{name} twice");
            assert!(!field.description.is_empty(), "{name}");
            if let Shape::Struct(parts) | Shape::Structs(parts) = &field.shape {
                assert_columns(parts);
            }
        }
    }

    #[test]
    fn every_field_can_be_a_column() {
        assert_columns(&fields(&Taxonomy::built_in()));
    }

    fn names(fields: &[Field]) -> Vec<&str> {
        fields.iter().map(|field| field.name.as_str()).collect()
    }

    #[test]
    fn fields_are_chosen_whole_or_in_part() {
        let all = fields(&Taxonomy::built_in());
        let wanted = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            chosen(&all, &names)
        };
        let some = wanted(&[
            "summary",
            "labels.sale_result",
            "contact_id",
            "labels.call_type",
        ]);
        let some = some.unwrap();
        assert_eq!(names(&some), ["summary", "labels", "contact_id"]);
        let Shape::Struct(labels) = &some[1].shape else {
            panic!("labels are a struct");
        };
        assert_eq!(names(labels), ["sale_result", "call_type"]);
        let whole = wanted(&["labels.sale_result", "labels"]).unwrap();
        assert_eq!(
            Some(&whole[0]),
            all.iter().find(|field| field.name == "labels")
        );
        for unknown in [
            "",
            "nothing",
            "summary.text",
            "labels.nothing",
            "labels.",
            "topics.text",
        ] {
            assert_eq!(
                wanted(&[unknown]),
                Err(NoSuchField(unknown.into())),
                "{unknown}"
            );
        }
    }
}
