//! What one of several shards may ask of vendors: its share of what all are allowed together.

use std::num::NonZeroUsize;

use callpipe_core::progress::Stage;

use crate::config::error::ConfigError;
use crate::config::{ClassifierConfig, Config, RecordingsConfig, TranscriberConfig};

/// The configuration for one of several shards, which do these stages: each limit that a vendor sets
/// an account is divided, so that all shards together keep it.
pub fn for_shard(config: &Config, stages: &[Stage]) -> Result<Config, ConfigError> {
    let shard = config.engine.shard()?;
    let count = shard.count();
    let share = |key, limit: usize| {
        // All shards say so, not only those that are left with nothing.
        let share = shard.share_of(limit).filter(|_| limit >= count as usize);
        share.ok_or(ConfigError::TooManyShards { key, limit, count })
    };
    let mut config = config.clone();
    if shard.is_whole() {
        return Ok(config);
    }
    for stage in stages {
        match stage {
            Stage::Fetch => {
                // Nobody limits how fast a folder is read.
                if let RecordingsConfig::NiceCxone(account) = &mut config.recordings {
                    let (requests, in_flight) = (
                        &mut account.requests_per_5_minutes,
                        &mut account.in_flight_max,
                    );
                    *requests = share("recordings.nice_cxone.requests_per_5_minutes", *requests)?;
                    *in_flight = share("recordings.nice_cxone.in_flight_max", *in_flight)?;
                }
            }
            Stage::Transcribe => {
                // What this machine can do is not divided: shards run on several.
                if let TranscriberConfig::Deepgram(deepgram) = &mut config.transcriber {
                    let limit = deepgram.in_flight_max;
                    let share = share("transcriber.deepgram.in_flight_max", limit.get())?;
                    deepgram.in_flight_max = NonZeroUsize::new(share).unwrap_or(limit);
                }
            }
            Stage::Classify => {
                let (key, limit) = match &mut config.classifier {
                    ClassifierConfig::Gemini(gemini) => {
                        ("classifier.gemini.in_flight_max", &mut gemini.in_flight_max)
                    }
                    ClassifierConfig::OpenAiCompatible(server) => (
                        "classifier.openai_compatible.in_flight_max",
                        &mut server.in_flight_max,
                    ),
                };
                let share = share(key, limit.get())?;
                *limit = NonZeroUsize::new(share).unwrap_or(*limit);
            }
        }
    }
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sharded(index: u32, count: u32) -> Config {
        let mut config = Config::default();
        (config.engine.shard_index, config.engine.shard_count) = (index, count);
        config
    }

    /// Requests in 5 minutes, and calls at once at each stage.
    fn limits(config: &Config) -> [usize; 4] {
        let classify = match &config.classifier {
            ClassifierConfig::Gemini(gemini) => gemini.in_flight_max,
            ClassifierConfig::OpenAiCompatible(server) => server.in_flight_max,
        };
        let RecordingsConfig::NiceCxone(account) = &config.recordings else {
            panic!("CXone is the default")
        };
        let TranscriberConfig::Deepgram(deepgram) = &config.transcriber else {
            panic!("Deepgram is the default")
        };
        [
            account.requests_per_5_minutes,
            account.in_flight_max,
            deepgram.in_flight_max.get(),
            classify.get(),
        ]
    }

    #[test]
    fn all_shards_together_keep_each_limit() {
        let whole = limits(&Config::default());
        let mut sums = [0; 4];
        for index in 0..4 {
            let share = limits(&for_shard(&sharded(index, 4), &Stage::ALL).unwrap());
            for (sum, share) in sums.iter_mut().zip(share) {
                *sum += share;
            }
        }
        assert_eq!(sums, whole);
        let alone = for_shard(&Config::default(), &Stage::ALL).unwrap();
        assert_eq!(limits(&alone), whole);
    }

    #[test]
    fn more_shards_than_a_limit_allows_are_an_error_of_the_stages_that_have_it() {
        let nine = sharded(0, 9);
        let error = for_shard(&nine, &Stage::ALL).unwrap_err().to_string();
        assert_eq!(
            error,
            "`recordings.nice_cxone.in_flight_max` is 8: it allows 8 shards at most, and there are 9"
        );
        assert!(for_shard(&nine, &[Stage::Transcribe]).is_ok());
        assert!(for_shard(&sharded(3, 11), &[Stage::Transcribe]).is_err());
    }
}
