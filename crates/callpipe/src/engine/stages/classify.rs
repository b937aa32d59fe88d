//! Classify: buys the labels of a conversation, and stores only what passed the check.

use std::sync::Arc;

use async_trait::async_trait;
use callpipe_connectors::archive::Archive;
use callpipe_core::contracts::CheckReport;
use callpipe_core::contracts::classifier::{Classifier, Effort, ModelName, UnusableAnswer};
use callpipe_core::contracts::pace::Pace;
use callpipe_core::contracts::warehouse::{Change, ClassifiedCall, PendingCall};
use callpipe_core::failure::{Failure, FailureKind, Outside};
use callpipe_core::progress::Stage;
use callpipe_core::recording::ArchiveKey;

use super::{Places, REPLIES_MAX, StageWork, Verdict, Worked};
use crate::engine::estimate::{USUAL_CONVERSATION_BYTES, Usual};
use crate::engine::paid::{Order, PaidReplies, Purchases};

/// The classify stage.
pub struct ClassifyStage {
    /// Who classifies.
    pub classifier: Arc<dyn Classifier>,
    /// Where transcripts come from.
    pub archive: Archive,
    /// The replies that were bought so far.
    pub paid: PaidReplies,
    /// How many requests the classifier takes at once.
    pub places: Places,
}

/// What came of asking one model.
enum Asked {
    Answered(Box<ClassifiedCall>),
    Useless(UnusableAnswer),
    Retired(Failure),
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
        Usual {
            pace: Some(Pace::InFlight {
                requests_max: self.classifier.in_flight_max(),
                usual_delay: self.classifier.usual_delay(),
            }),
            usd: self.classifier.usual_price(USUAL_CONVERSATION_BYTES),
        }
    }

    async fn check(&self) -> Outside<CheckReport> {
        self.archive.check().await?;
        let _place = self.places.take().await;
        self.classifier.check().await
    }

    /// The first model gets a second try, each further one a single one. When no answer is of use,
    /// the call is left to a person.
    async fn work(&self, call: &PendingCall, purchases: &Purchases) -> Outside<Worked> {
        let conversation = self.conversation(call).await?;
        let mut useless = None;
        let mut retired = None;
        let mut tries = REPLIES_MAX;
        for model in self.classifier.models() {
            let asked = self.ask(call, &conversation, &model, tries, purchases);
            match asked.await? {
                Asked::Answered(classified) => {
                    return Ok(Worked {
                        change: Change::Classified(classified),
                        verdict: Verdict::GoesOn,
                    });
                }
                Asked::Useless(answer) => {
                    tries = 1;
                    useless = Some(answer);
                }
                Asked::Retired(failure) => retired = Some(failure),
            }
        }
        Err(match (useless, retired) {
            (Some(answer), _) => Failure::new(FailureKind::UnusableReply, answer.to_string())
                .with_hint("read the transcript; `callpipe calls retry` asks the models anew"),
            (None, Some(failure)) => failure,
            (None, None) => Failure::new(
                FailureKind::ModelRetired,
                "every configured model is retired",
            )
            .with_hint("name a model that is in service under `models` in callpipe.toml"),
        })
    }
}

impl ClassifyStage {
    async fn conversation(&self, call: &PendingCall) -> Outside<String> {
        let key = ArchiveKey::transcript(&call.contact.id);
        match (self.archive.transcript(&key).await?, &call.conversation) {
            (Some(transcript), _) => Ok(transcript.conversation()),
            // A table that others began has conversations without transcripts.
            (None, Some(conversation)) => Ok(conversation.clone()),
            (None, None) => Err(Failure::new(
                FailureKind::Rejected,
                format!("{key} is not in the archive"),
            )
            .with_hint(
                "`callpipe calls redo --from transcribe` makes it again from the kept reply",
            )),
        }
    }

    async fn ask(
        &self,
        call: &PendingCall,
        conversation: &str,
        model: &ModelName,
        tries: u32,
        purchases: &Purchases,
    ) -> Outside<Asked> {
        let fingerprint = self.classifier.fingerprint(conversation, model);
        let tries_before = tries * call.progress.redo_count;
        let mut useless = None;
        for number in 1..=tries_before + tries {
            let effort = if number == 1 {
                Effort::Usual
            } else {
                Effort::Enlarged
            };
            let key = ArchiveKey::reply(self.classifier.name(), &fingerprint, number);
            let order = Order {
                key: key.clone(),
                stage: Stage::Classify,
                contact_id: &call.contact.id,
                price_max: self.classifier.price_max(conversation, model, effort),
                price: &|reply| self.classifier.price(reply, model),
                purchases,
            };
            let buy = async {
                let _place = self.places.take().await;
                self.classifier.buy(conversation, model, effort).await
            };
            let reply = match self.paid.get_or_buy(order, buy).await {
                Ok(reply) => reply,
                Err(failure) if failure.kind == FailureKind::ModelRetired => {
                    tracing::warn!(%model, reason = failure.chain(), "model is not in service: the next one is asked");
                    return Ok(Asked::Retired(failure));
                }
                Err(failure) => return Err(failure),
            };
            let answer = match self.classifier.read(&reply, model) {
                Ok(classification) => {
                    let conversation = conversation.to_owned();
                    let classified = ClassifiedCall {
                        classification,
                        conversation,
                        reply_key: key,
                    };
                    return Ok(Asked::Answered(Box::new(classified)));
                }
                Err(answer) => answer,
            };
            // A refusal is not asked for again, except by a person.
            let refused = matches!(answer, UnusableAnswer::Blocked { .. }) && number > tries_before;
            useless = Some(answer);
            if refused {
                break;
            }
        }
        useless
            .map(Asked::Useless)
            .ok_or_else(|| Failure::bug("no model was asked"))
    }
}
