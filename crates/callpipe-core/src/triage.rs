//! Listening before paying: what was heard on a recording, and whether its transcript is worth buying.

use serde::{Deserialize, Serialize};

use crate::money::Usd;

/// From when on a recording is worth a transcript. All are chosen so that only what is clearly
/// without speech is left out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// A shorter recording is none, in seconds.
    pub duration_s_min: f64,
    /// With less that could be speech, over all channels, nobody speaks; in seconds.
    pub speech_s_min: f64,
    /// What is not louder is silence, in dBFS.
    pub level_dbfs_min: f64,
}

/// What was heard on a channel.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ChannelHeard {
    /// For how long somebody may have spoken, in seconds, as far as it was listened to.
    pub speech_s: f64,
    /// The loudest moment, in dBFS.
    pub peak_dbfs: f64,
}

/// What was heard on a recording.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Heard {
    /// What it is: `WAV with mu-law`.
    pub format: String,
    /// Its length in seconds; none where that is not known.
    pub duration_s: Option<f64>,
    /// How much was listened to, in seconds: not more than it takes to decide.
    pub listened_s: f64,
    /// Channel by channel; nothing where it cannot be decoded here.
    pub channels: Vec<ChannelHeard>,
}

/// Why a transcript is bought, or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Somebody may speak.
    Speech,
    /// It cannot be decoded here, so that nobody knows.
    NotDecoded,
    /// It is too short for anything to be said.
    TooShort,
    /// No sound at all.
    Silent,
    /// Sound that is not speech: hum, hiss, clicks.
    NoSpeech,
}

impl Reason {
    /// Whether a transcript is bought.
    pub fn buys(self) -> bool {
        matches!(self, Self::Speech | Self::NotDecoded)
    }
}

/// What was decided about a recording before anything was bought for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordingTriage {
    /// What was heard.
    #[serde(flatten)]
    pub heard: Heard,
    /// Whether its transcript is bought.
    pub bought: bool,
    /// Why.
    pub reason: Reason,
    /// What a transcript would have cost, about, where none is bought and prices are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saved_usd: Option<Usd>,
}

/// Decides whether a recording's transcript is worth buying.
pub fn decide(heard: &Heard, thresholds: &Thresholds) -> Reason {
    if heard.channels.is_empty() {
        return Reason::NotDecoded;
    }
    let duration_s = heard
        .duration_s
        .unwrap_or(heard.listened_s)
        .max(heard.listened_s);
    let speech_s: f64 = heard.channels.iter().map(|channel| channel.speech_s).sum();
    let is_silent = |channel: &ChannelHeard| channel.peak_dbfs <= thresholds.level_dbfs_min;
    if duration_s < thresholds.duration_s_min {
        Reason::TooShort
    } else if speech_s >= thresholds.speech_s_min {
        Reason::Speech
    } else if heard.channels.iter().all(is_silent) {
        Reason::Silent
    } else {
        Reason::NoSpeech
    }
}

/// Sums over the recordings of a call for which nothing was bought: seconds, and dollars.
pub fn not_bought(triage: &[RecordingTriage]) -> Option<(f64, Usd)> {
    let mut left_out = triage
        .iter()
        .filter(|recording| !recording.bought)
        .peekable();
    left_out.peek()?;
    let sum = |(seconds, usd): (f64, Usd), recording: &RecordingTriage| {
        let heard = &recording.heard;
        let duration_s = heard.duration_s.unwrap_or(heard.listened_s);
        (
            seconds + duration_s,
            usd + recording.saved_usd.unwrap_or_default(),
        )
    };
    Some(left_out.fold((0.0, Usd::ZERO), sum))
}

#[cfg(test)]
mod tests {
    use super::*;

    const THRESHOLDS: Thresholds = Thresholds {
        duration_s_min: 1.0,
        speech_s_min: 0.3,
        level_dbfs_min: -55.0,
    };

    fn heard(duration_s: f64, channels: &[(f64, f64)]) -> Heard {
        let channel = |&(speech_s, peak_dbfs): &(f64, f64)| ChannelHeard {
            speech_s,
            peak_dbfs,
        };
        Heard {
            format: "WAV with mu-law".into(),
            duration_s: Some(duration_s),
            listened_s: duration_s,
            channels: channels.iter().map(channel).collect(),
        }
    }

    #[test]
    fn only_what_is_clearly_without_speech_is_left_out() {
        let reason =
            |duration_s, channels: &[(f64, f64)]| decide(&heard(duration_s, channels), &THRESHOLDS);
        assert_eq!(reason(60.0, &[(0.0, -100.0), (0.0, -60.0)]), Reason::Silent);
        assert_eq!(reason(60.0, &[(0.1, -20.0)]), Reason::NoSpeech);
        assert_eq!(reason(60.0, &[(0.2, -20.0), (0.2, -20.0)]), Reason::Speech);
        assert_eq!(reason(0.9, &[(0.8, -20.0)]), Reason::TooShort);
        assert_eq!(reason(60.0, &[]), Reason::NotDecoded);
        assert!(Reason::NotDecoded.buys() && !Reason::Silent.buys());
    }

    #[test]
    fn what_was_saved_is_of_recordings_that_were_not_bought() {
        let triage = |bought, cents: f64| RecordingTriage {
            heard: heard(30.0, &[]),
            bought,
            reason: Reason::Silent,
            saved_usd: (!bought).then(|| Usd::from_dollars(cents / 100.0)),
        };
        assert_eq!(not_bought(&[triage(true, 0.0)]), None);
        let both = [triage(false, 1.0), triage(true, 0.0), triage(false, 2.0)];
        assert_eq!(not_bought(&both), Some((60.0, Usd::from_dollars(0.03))));
        let text = serde_json::to_value(&both[0]).unwrap();
        assert_eq!(
            (&text["reason"], &text["bought"]),
            (&"silent".into(), &false.into())
        );
        assert_eq!(
            serde_json::from_value::<RecordingTriage>(text).unwrap(),
            both[0]
        );
    }
}
