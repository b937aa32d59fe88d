//! What was heard and understood of a conversation: figures, summary, topics, intents, sentiment.

use callpipe_core::analysis::{
    Analysis, AverageSentiment, Intent, Sentiment, SentimentSegment, Topic,
};
use callpipe_core::measures::{Measures, SpeakerMeasures, TIMELINE_PARTS};
use callpipe_core::recording::Role;
use callpipe_core::transcript::Speaker;
use callpipe_core::triage::{ChannelHeard, Heard, Reason, RecordingTriage};

use crate::chance::Chance;
use crate::people::Agent;
use crate::story::Story;
use crate::talk::Talk;

/// Where "neutral" ends to both sides.
const NEUTRAL: f64 = 1.0 / 3.0;

/// The figures that the turns would have if they were spoken at the agent's pace.
pub(crate) fn measures(chance: &mut Chance, talk: &Talk, agent: &Agent) -> Measures {
    let mut measures = Measures::default();
    // Who talks much does so more slowly: the share is the agent's habit, not that of the sentences.
    let shares = [agent.talk_share, 1.0 - agent.talk_share];
    let paces = shares.map(|share| {
        chance
            .around(agent.words_per_minute * (1.3 - 0.6 * share), 12.0)
            .max(70.0)
    });
    let speakers = [Role::Agent, Role::Customer].into_iter().zip(paces);
    for (role, words_per_minute) in speakers {
        let mut speaker = SpeakerMeasures {
            words_per_minute: tenth(words_per_minute),
            // Each of ten overlaps or so lasts long enough to be an interruption.
            interruptions: Some((chance.fraction() * agent.overlap * 60.0) as u32),
            ..SpeakerMeasures::default()
        };
        for (_, text) in talk.turns.iter().filter(|(whose, _)| *whose == role) {
            let words = text.split(' ').count();
            let talk_s = words as f64 * 60.0 / words_per_minute;
            speaker.turns += 1;
            speaker.words += words;
            speaker.talk_s += talk_s;
            speaker.longest_monologue_s = speaker.longest_monologue_s.max(talk_s);
        }
        speaker.talk_s = milli(speaker.talk_s);
        speaker.longest_monologue_s = milli(speaker.longest_monologue_s);
        measures.turns += speaker.turns;
        measures.words += speaker.words;
        measures.talk_s += speaker.talk_s;
        measures.longest_monologue_s = measures
            .longest_monologue_s
            .max(speaker.longest_monologue_s);
        measures
            .speakers
            .insert(Speaker::Side(role).to_string(), speaker);
    }
    let overlap = chance.around(agent.overlap, 0.012).clamp(0.0, 0.2);
    let silence = chance.around(agent.silence, 0.08).clamp(0.03, 0.7);
    measures.overlap_s = milli(measures.talk_s * overlap);
    measures.talk_s = milli(measures.talk_s - measures.overlap_s);
    measures.silence_s = milli(measures.talk_s * silence / (1.0 - silence));
    measures.duration_s = milli(measures.talk_s + measures.silence_s);
    measures.timeline = timeline(chance, talk, silence, overlap);
    measures.words_per_minute = tenth(measures.words as f64 * 60.0 / measures.talk_s);
    measures
}

/// Who speaks when: the turns in their order, as long as their words are many.
fn timeline(chance: &mut Chance, talk: &Talk, silence: f64, overlap: f64) -> String {
    let words = |text: &str| text.split(' ').count();
    let total: usize = talk.turns.iter().map(|(_, text)| words(text)).sum();
    let mut turns = talk.turns.iter();
    let (mut letter, mut until) = ('.', 0.0);
    let parts = (0..TIMELINE_PARTS).map(|part| {
        while until <= part as f64
            && let Some((role, text)) = turns.next()
        {
            letter = match role {
                Role::Agent => 'a',
                Role::Customer => 'c',
            };
            until += (words(text) * TIMELINE_PARTS) as f64 / total as f64;
        }
        match chance.fraction() {
            fraction if fraction < silence => '.',
            fraction if fraction > 1.0 - overlap => 'b',
            _ => letter,
        }
    });
    parts.collect()
}

/// The figures of a recording on which nobody speaks.
pub(crate) fn silence(chance: &mut Chance) -> Measures {
    let duration_s = milli(chance.between(4.0, 45.0));
    Measures {
        duration_s,
        silence_s: duration_s,
        ..Measures::default()
    }
}

/// What was heard before buying.
pub(crate) fn triage(measures: &Measures) -> RecordingTriage {
    let speech_s = measures.talk_s.min(4.0);
    let is_speech = speech_s > 0.0;
    let peak_dbfs = if is_speech { -9.5 } else { -52.0 };
    RecordingTriage {
        heard: Heard {
            format: "MP4 with AAC".to_owned(),
            duration_s: Some(measures.duration_s),
            listened_s: if is_speech {
                measures.duration_s.min(12.0)
            } else {
                measures.duration_s
            },
            channels: vec![
                ChannelHeard {
                    speech_s,
                    peak_dbfs
                };
                2
            ],
        },
        bought: is_speech,
        reason: if is_speech {
            Reason::Speech
        } else {
            Reason::NoSpeech
        },
        saved_usd: None,
    }
}

pub(crate) fn analysis(chance: &mut Chance, story: &Story, talk: &Talk) -> Analysis {
    let subject = talk.subject();
    let wish = talk.first_words(Role::Customer).to_owned();
    let mut topics = vec![Topic {
        topic: subject.clone(),
        confidence: centi(chance.between(0.55, 0.99)),
        text: wish.clone(),
    }];
    if chance.happens(0.35) {
        let topic = format!("Freight to {}", talk.town());
        topics.push(Topic {
            topic,
            confidence: centi(chance.between(0.2, 0.8)),
            text: talk.turns[talk.turns.len() / 2].1.clone(),
        });
    }
    let intents = vec![Intent {
        intent: talk.intent().to_owned(),
        confidence: centi(chance.between(0.5, 0.99)),
        text: wish.clone(),
    }];
    Analysis {
        summary: Some(summary(story, talk, &subject)),
        topics,
        intents,
        sentiment: Some(sentiment(chance, story, talk, wish)),
    }
}

fn summary(story: &Story, talk: &Talk, subject: &str) -> String {
    let end = match story.sale_result {
        "sale_completed" => "The order was paid for during the call.",
        "sale_intended" => "The customer means to buy later.",
        "no_sale_customer_declined" => "The customer did not buy.",
        "no_sale_business_unable" => "The business could not help.",
        _ => "Nothing was for sale.",
    };
    let promise = match story.escalation {
        "none" => "",
        "manager_escalation" => " The matter goes to a manager.",
        _ => " A call back was promised.",
    };
    format!(
        "A customer from {} called about: {subject} ({}). {end}{promise}",
        talk.town(),
        talk.product()
    )
}

/// The call begins where its trouble is and ends nearer to the middle.
fn sentiment(chance: &mut Chance, story: &Story, talk: &Talk, wish: String) -> Sentiment {
    let last = talk
        .turns
        .last()
        .map(|(_, text)| text.clone())
        .unwrap_or_default();
    let scores = [
        story.sentiment + chance.around(0.0, 0.12),
        story.sentiment * 0.5 + 0.25,
    ];
    let segments = scores.into_iter().zip([wish, last]).map(|(score, text)| {
        let score = centi(score.clamp(-1.0, 1.0));
        SentimentSegment {
            text,
            sentiment: word(score).to_owned(),
            sentiment_score: score,
        }
    });
    let score = centi(story.sentiment);
    Sentiment {
        average: Some(AverageSentiment {
            sentiment: word(score).to_owned(),
            sentiment_score: score,
        }),
        segments: segments.collect(),
    }
}

fn word(score: f64) -> &'static str {
    match score {
        score if score > NEUTRAL => "positive",
        score if score < -NEUTRAL => "negative",
        _ => "neutral",
    }
}

fn centi(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn milli(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}
