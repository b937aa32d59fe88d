//! The query of `/v1/listen`, checked as the vendor checks it.

/// The models by which audio can be transcribed, without the domain after them.
const MODELS: &[&str] = &["nova-3", "nova-2", "nova", "enhanced", "base", "whisper"];

/// The longest list of key terms, in words.
const KEYTERM_WORDS_MAX: usize = 500;

/// Everything that changes the answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ListenQuery {
    pub(super) model: String,
    pub(super) language: String,
    pub(super) detect_language: bool,
    pub(super) diarize: bool,
    pub(super) multichannel: bool,
    pub(super) formatted: bool,
    pub(super) paragraphs: bool,
    pub(super) utterances: bool,
    pub(super) utterance_split_s: f64,
    pub(super) summarize: bool,
    pub(super) topics: bool,
    pub(super) intents: bool,
    pub(super) sentiment: bool,
    pub(super) redact: bool,
    pub(super) strict_topics: Option<Vec<String>>,
    pub(super) strict_intents: Option<Vec<String>>,
    pub(super) tags: Vec<String>,
    pub(super) extra: Vec<(String, String)>,
    pub(super) seed: u64,
}

impl ListenQuery {
    /// The error is the text that the vendor would send.
    pub(super) fn read(pairs: &[(String, String)], seed: u64) -> Result<ListenQuery, String> {
        let raw = Pairs(pairs);
        check(&raw)?;
        let smart_format = raw.flag("smart_format")?;
        let diarize_model = raw.one("diarize_model");
        let detect = raw.all("detect_language");
        Ok(ListenQuery {
            model: raw.one("model").unwrap_or("base-general").to_owned(),
            language: raw.one("language").unwrap_or("en").to_owned(),
            detect_language: detect.iter().any(|value| *value != "false"),
            diarize: raw.flag("diarize")? || diarize_model.is_some(),
            multichannel: raw.flag("multichannel")?,
            formatted: smart_format || raw.flag("punctuate")? || raw.flag("detect_entities")?,
            paragraphs: smart_format || raw.flag("paragraphs")?,
            utterances: raw.flag("utterances")?,
            utterance_split_s: raw
                .one("utt_split")
                .unwrap_or("0.8")
                .parse()
                .map_err(|_| "Invalid query parameter: utt_split".to_owned())?,
            summarize: raw.one("summarize").is_some_and(|value| value != "false"),
            topics: raw.flag("topics")?,
            intents: raw.flag("intents")?,
            sentiment: raw.flag("sentiment")?,
            redact: raw.all("redact").iter().any(|value| *value != "false"),
            strict_topics: raw.strict("custom_topic", "custom_topic_mode"),
            strict_intents: raw.strict("custom_intent", "custom_intent_mode"),
            tags: raw.all("tag").into_iter().map(str::to_owned).collect(),
            extra: raw
                .all("extra")
                .into_iter()
                .filter_map(|value| value.split_once(':'))
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
            seed,
        })
    }

    /// How many channels are transcribed of audio that has so many.
    pub(super) fn channels(&self, in_audio: usize) -> usize {
        if self.multichannel {
            in_audio.max(1)
        } else {
            1
        }
    }

    /// The features beyond the transcript know no other language.
    pub(super) fn is_english(&self) -> bool {
        self.detect_language || self.language == "multi" || self.language.starts_with("en")
    }
}

fn check(raw: &Pairs<'_>) -> Result<(), String> {
    let model = raw.one("model").unwrap_or("base-general");
    if !is_known(model) {
        return Err("No such model/language/tier combination found.".to_owned());
    }
    if raw.one("detect_topics").is_some() {
        return Err("detect_topics is no longer supported; use topics instead.".to_owned());
    }
    if raw
        .one("diarize_model")
        .is_some_and(|value| !["latest", "v1", "v2"].contains(&value))
    {
        return Err("Invalid query parameter: diarize_model".to_owned());
    }
    let english = raw
        .one("language")
        .is_none_or(|value| value.starts_with("en") || value == "multi");
    let summarize = raw.one("summarize").unwrap_or("false");
    if !["v2", "true", "false"].contains(&summarize) {
        return Err("Invalid query parameter: summarize".to_owned());
    }
    if summarize != "false" && !english {
        return Err("Summarization v2 not supported for non-English languages".to_owned());
    }
    let keyterms = raw.all("keyterm");
    if !keyterms.is_empty() && !model.starts_with("nova-3") {
        return Err("Keyterms are only supported by Nova-3.".to_owned());
    }
    if !raw.all("keywords").is_empty() && model.starts_with("nova-3") {
        return Err("Keywords are not supported by Nova-3; use keyterm instead.".to_owned());
    }
    if keyterms
        .iter()
        .map(|term| term.split_whitespace().count())
        .sum::<usize>()
        > KEYTERM_WORDS_MAX
    {
        return Err("Keyterm limit exceeded.".to_owned());
    }
    if raw.all("tag").iter().any(|tag| tag.chars().count() > 128) {
        return Err("Tags may have at most 128 characters.".to_owned());
    }
    if raw.all("custom_topic").len() > 100 || raw.all("custom_intent").len() > 100 {
        return Err("At most 100 custom values may be given.".to_owned());
    }
    if raw
        .all("extra")
        .iter()
        .any(|value| !value.contains(':') || value.len() > 2_048)
    {
        return Err("Invalid query parameter: extra".to_owned());
    }
    Ok(())
}

/// A family alone, or with the domain it was trained for: `nova-3-medical`.
fn is_known(model: &str) -> bool {
    let domain = |family: &&str| model.strip_prefix(*family)?.strip_prefix('-');
    let is_domain = |domain: &str| domain.starts_with(|sign: char| sign.is_ascii_alphabetic());
    MODELS.contains(&model) || MODELS.iter().filter_map(domain).any(is_domain)
}

struct Pairs<'a>(&'a [(String, String)]);

impl<'a> Pairs<'a> {
    fn all(&self, name: &str) -> Vec<&'a str> {
        let pairs = self.0.iter().filter(|(key, _)| key == name);
        pairs.map(|(_, value)| value.as_str()).collect()
    }

    fn one(&self, name: &str) -> Option<&'a str> {
        self.all(name).last().copied()
    }

    fn flag(&self, name: &str) -> Result<bool, String> {
        match self.one(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(format!(
                "Invalid query parameter: {name} must be true or false"
            )),
        }
    }

    /// The only values that may be answered, in strict mode.
    fn strict(&self, values: &str, mode: &str) -> Option<Vec<String>> {
        let is_strict = self.one(mode) == Some("strict");
        is_strict.then(|| self.all(values).into_iter().map(str::to_owned).collect())
    }
}
