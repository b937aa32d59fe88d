//! The figures of a call that can be filtered and sorted by.

/// A figure of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Figure {
    /// Length of all recordings, in seconds.
    DurationS,
    /// The agent's share of all talk, 0 to 1. Known where the sides are.
    AgentTalkShare,
    /// The share of the call in which nobody speaks, 0 to 1.
    SilenceShare,
    /// The share of the call in which two speak at once, 0 to 1.
    OverlapShare,
    /// The longest turn of the agent, or of anybody where the sides are not known, in seconds.
    LongestMonologueS,
    /// How often the agent begins while the other side speaks. Known where the sides are.
    Interruptions,
    /// How sure the model is of its labels, 0 to 1.
    Confidence,
    /// How the call sounds, -1 to 1.
    SentimentScore,
    /// What was paid for the call, in US dollars.
    CostUsd,
}

impl Figure {
    /// All of them, in the order in which they are offered.
    pub(crate) const ALL: [Self; 9] = [
        Self::DurationS,
        Self::AgentTalkShare,
        Self::SilenceShare,
        Self::OverlapShare,
        Self::LongestMonologueS,
        Self::Interruptions,
        Self::Confidence,
        Self::SentimentScore,
        Self::CostUsd,
    ];

    /// Its word in addresses.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::DurationS => "duration_s",
            Self::AgentTalkShare => "agent_talk_share",
            Self::SilenceShare => "silence_share",
            Self::OverlapShare => "overlap_share",
            Self::LongestMonologueS => "longest_monologue_s",
            Self::Interruptions => "interruptions",
            Self::Confidence => "confidence",
            Self::SentimentScore => "sentiment_score",
            Self::CostUsd => "cost_usd",
        }
    }

    /// The figure of a word.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|figure| figure.as_str() == word)
    }

    /// Its name for people.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::DurationS => "Length",
            Self::AgentTalkShare => "Agent's talk",
            Self::SilenceShare => "Silence",
            Self::OverlapShare => "Overlap",
            Self::LongestMonologueS => "Longest monologue",
            Self::Interruptions => "Interruptions",
            Self::Confidence => "Confidence",
            Self::SentimentScore => "Sentiment",
            Self::CostUsd => "Cost",
        }
    }

    /// A value as people read it.
    pub(crate) fn shown(self, value: f64) -> String {
        match self {
            Self::DurationS | Self::LongestMonologueS => minutes(value),
            Self::AgentTalkShare | Self::SilenceShare | Self::OverlapShare => {
                format!("{:.0} %", value * 100.0)
            }
            Self::Interruptions => format!("{value:.0}"),
            Self::Confidence => format!("{value:.2}"),
            Self::SentimentScore => format!("{value:+.2}"),
            Self::CostUsd => format!("${value:.4}"),
        }
    }
}

/// Seconds as people read them: `4:05`, `1:02:03`.
pub(crate) fn minutes(seconds: f64) -> String {
    // A cast of a float stays within the bounds of the integer and makes NaN 0.
    let seconds = seconds.max(0.0).round() as u64;
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_figure_is_found_by_its_word() {
        for figure in Figure::ALL {
            assert_eq!(Figure::parse(figure.as_str()), Some(figure));
        }
        assert_eq!(Figure::parse("weight"), None);
    }

    #[test]
    fn seconds_are_read_as_a_clock() {
        let shown = [0.0, 59.6, 245.0, 3_723.2, -1.0, f64::NAN].map(minutes);
        assert_eq!(shown, ["0:00", "1:00", "4:05", "1:02:03", "0:00", "0:00"]);
    }
}
