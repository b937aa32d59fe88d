//! Classify: buys the labels of a conversation, and stores only what passed the check. Where the
//! transcriber understood nothing, the same model is asked what the call is about.

use std::sync::Arc;

use async_trait::async_trait;
use callpipe_connectors::archive::Archive;
use callpipe_core::contracts::CheckReport;
use callpipe_core::contracts::classifier::Classifier;
use callpipe_core::contracts::pace::Pace;
use callpipe_core::contracts::warehouse::{Change, ClassifiedCall, ModelAnalysis, PendingCall};
use callpipe_core::failure::{Blame, Failure, FailureKind, Outside};
use callpipe_core::progress::Stage;
use callpipe_core::recording::ArchiveKey;

use super::question::{Labels, Understanding};
use super::{Places, StageWork, Verdict, Worked};
use crate::engine::estimate::{USUAL_CONVERSATION_BYTES, Usual};
use crate::engine::paid::{PaidReplies, Purchases};

/// The classify stage.
pub struct ClassifyStage {
    /// Who classifies.
    pub classifier: Arc<dyn Classifier>,
    /// Whether and how hard the classifier's model is asked what calls are about.
    pub analysis: AnalysisWanted,
    /// Where transcripts come from.
    pub archive: Archive,
    /// The replies that were bought so far.
    pub paid: PaidReplies,
    /// How many requests the classifier takes at once.
    pub places: Places,
}

/// Whether the classifier's model is asked what calls are about of which nothing is understood yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnalysisWanted {
    /// Never.
    No,
    /// Where it is missing.
    Yes {
        /// So many failed attempts at a call put it off for its analysis; after them, it is saved
        /// without one.
        attempts_max: u32,
    },
}

#[async_trait]
impl StageWork for ClassifyStage {
    fn stage(&self) -> Stage {
        Stage::Classify
    }

    fn in_flight_max(&self) -> usize {
        self.places.calls_max()
    }

    fn usual(&self) -> Usual {
        let labels_usd = self.classifier.usual_price(USUAL_CONVERSATION_BYTES);
        let analyst = self
            .classifier
            .analyst()
            .filter(|_| self.analysis != AnalysisWanted::No);
        let (requests, usd) = match analyst {
            Some(analyst) => {
                let usd = analyst.usual_analysis_price(USUAL_CONVERSATION_BYTES);
                (2, labels_usd.zip(usd).map(|(labels, usd)| labels + usd))
            }
            None => (1, labels_usd),
        };
        Usual {
            pace: Some(Pace::InFlight {
                requests_max: self.classifier.in_flight_max(),
                usual_delay: self.classifier.usual_delay() * requests,
            }),
            usd,
        }
    }

    async fn check(&self) -> Outside<CheckReport> {
        self.archive.check().await?;
        let _place = self.places.take().await;
        self.classifier.check().await
    }

    /// When no answer is of use, the call is left to a person.
    async fn work(&self, call: &PendingCall, purchases: &Purchases) -> Outside<Worked> {
        let conversation = self.conversation(call).await?;
        let labels = Labels {
            classifier: self.classifier.as_ref(),
            conversation: &conversation,
        };
        let labelled = self.answered(&labels, call, purchases).await?;
        let analysis = self.analysis(call, &conversation, purchases).await?;
        let classified = ClassifiedCall {
            classification: labelled.answer,
            conversation,
            reply_key: labelled.reply_key,
            analysis,
        };
        Ok(Worked {
            change: Change::Classified(Box::new(classified)),
            verdict: Verdict::GoesOn,
        })
    }
}

impl ClassifyStage {
    async fn conversation(&self, call: &PendingCall) -> Outside<String> {
        if let Some(conversation) = &call.conversation {
            return Ok(conversation.clone());
        }
        let key = ArchiveKey::transcript(&call.contact.id);
        match self.archive.transcript(&key).await? {
            Some(transcript) => Ok(transcript.conversation()),
            None => Err(Failure::new(
                FailureKind::Rejected,
                format!("{key} is not in the archive"),
            )
            .with_hint("`callpipe calls redo --from transcribe` makes it again from the kept reply")
            .found_out_here()),
        }
    }

    /// What the call is about, if that is wanted and not known. An analysis that cannot be had puts
    /// the call off a few times and never costs it its labels.
    async fn analysis(
        &self,
        call: &PendingCall,
        conversation: &str,
        purchases: &Purchases,
    ) -> Outside<Option<ModelAnalysis>> {
        let AnalysisWanted::Yes { attempts_max } = self.analysis else {
            return Ok(None);
        };
        let Some(analyst) = self.classifier.analyst().filter(|_| call.analysis_missing) else {
            return Ok(None);
        };
        let understanding = Understanding {
            analyst,
            conversation,
        };
        match self.answered(&understanding, call, purchases).await {
            Ok(understood) => Ok(Some(ModelAnalysis {
                analysis: understood.answer,
                model: understood.model.0,
            })),
            Err(failure) if is_put_off(&failure, call.progress.attempt, attempts_max) => {
                Err(failure)
            }
            Err(failure) => {
                tracing::info!(
                    contact_id = call.contact.id.as_str(),
                    reason = failure.chain(),
                    "the call is labelled without summary, topics, intents and sentiment"
                );
                Ok(None)
            }
        }
    }
}

/// Whether a call waits for its analysis rather than being saved without.
fn is_put_off(failure: &Failure, attempts_before: u32, attempts_max: u32) -> bool {
    match (failure.kind, failure.kind.blame()) {
        // The run ends or waits, and no attempt is counted.
        (FailureKind::OverBudget | FailureKind::StoreFailed, _) => true,
        (_, Blame::Moment | Blame::Setup) => attempts_before + 1 < attempts_max,
        (_, Blame::Call) => false,
    }
}
