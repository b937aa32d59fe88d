//! What a model is asked about a conversation, and how: in one way for every question.

use async_trait::async_trait;
use bytes::Bytes;
use callpipe_core::analysis::Analysis;
use callpipe_core::classification::Classification;
use callpipe_core::contracts::analyst::Analyst;
use callpipe_core::contracts::classifier::{Classifier, Effort, ModelName, UnusableAnswer};
use callpipe_core::contracts::warehouse::PendingCall;
use callpipe_core::failure::{Failure, FailureKind, Outside};
use callpipe_core::money::Usd;
use callpipe_core::progress::Stage;
use callpipe_core::recording::{ArchiveKey, Fingerprint};

use super::{ClassifyStage, REPLIES_MAX};
use crate::engine::paid::{Order, Purchases};

/// A question about a conversation.
#[async_trait]
pub(super) trait Question: Sync {
    /// What a good answer is.
    type Answer: Send;

    fn fingerprint(&self, model: &ModelName) -> Fingerprint;
    fn price_max(&self, model: &ModelName, effort: Effort) -> Option<Usd>;
    async fn buy(&self, model: &ModelName, effort: Effort) -> Outside<Bytes>;
    fn read(&self, reply: &[u8], model: &ModelName) -> Result<Self::Answer, UnusableAnswer>;
}

/// How is the call labelled?
pub(super) struct Labels<'a> {
    pub(super) classifier: &'a dyn Classifier,
    pub(super) conversation: &'a str,
}

/// What is the call about?
pub(super) struct Understanding<'a> {
    pub(super) analyst: &'a dyn Analyst,
    pub(super) conversation: &'a str,
}

/// A good answer.
pub(super) struct Answered<T> {
    pub(super) answer: T,
    /// The reply that it was read from.
    pub(super) reply_key: ArchiveKey,
    /// The model that was asked.
    pub(super) model: ModelName,
}

/// What came of asking one model.
enum Asked<T> {
    Answered(Answered<T>),
    Useless(UnusableAnswer),
    Retired(Failure),
}

impl ClassifyStage {
    /// Asks the models, best first. The first gets a second try, each further one a single one.
    pub(super) async fn answered<Q: Question>(
        &self,
        question: &Q,
        call: &PendingCall,
        purchases: &Purchases,
    ) -> Outside<Answered<Q::Answer>> {
        let mut useless = None;
        let mut retired = None;
        let mut tries = REPLIES_MAX;
        for model in self.classifier.models() {
            match self.ask(question, call, model, tries, purchases).await? {
                Asked::Answered(answered) => return Ok(answered),
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

    async fn ask<Q: Question>(
        &self,
        question: &Q,
        call: &PendingCall,
        model: ModelName,
        tries: u32,
        purchases: &Purchases,
    ) -> Outside<Asked<Q::Answer>> {
        let fingerprint = question.fingerprint(&model);
        let tries_before = tries * call.progress.redo_count;
        let mut useless = None;
        for number in 1..=tries_before + tries {
            let effort = if number == 1 {
                Effort::Usual
            } else {
                Effort::Enlarged
            };
            let reply_key = ArchiveKey::reply(self.classifier.name(), &fingerprint, number);
            let order = Order {
                key: reply_key.clone(),
                stage: Stage::Classify,
                contact_id: &call.contact.id,
                price: &|reply| self.classifier.price(reply, &model),
                purchases,
            };
            let buy = async {
                let _place = self.places.take().await;
                question.buy(&model, effort).await
            };
            let price_max = question.price_max(&model, effort);
            let reply = match self.paid.get_or_buy(order, price_max, buy).await {
                Ok(reply) => reply,
                Err(failure) if failure.kind == FailureKind::ModelRetired => {
                    tracing::warn!(%model, reason = failure.chain(), "model is not in service: the next one is asked");
                    return Ok(Asked::Retired(failure));
                }
                Err(failure) => return Err(failure),
            };
            let answer = match question.read(&reply, &model) {
                Ok(answer) => {
                    return Ok(Asked::Answered(Answered {
                        answer,
                        reply_key,
                        model,
                    }));
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

#[async_trait]
impl Question for Labels<'_> {
    type Answer = Classification;

    fn fingerprint(&self, model: &ModelName) -> Fingerprint {
        self.classifier.fingerprint(self.conversation, model)
    }

    fn price_max(&self, model: &ModelName, effort: Effort) -> Option<Usd> {
        self.classifier.price_max(self.conversation, model, effort)
    }

    async fn buy(&self, model: &ModelName, effort: Effort) -> Outside<Bytes> {
        self.classifier.buy(self.conversation, model, effort).await
    }

    fn read(&self, reply: &[u8], model: &ModelName) -> Result<Classification, UnusableAnswer> {
        self.classifier.read(reply, model)
    }
}

#[async_trait]
impl Question for Understanding<'_> {
    type Answer = Analysis;

    fn fingerprint(&self, model: &ModelName) -> Fingerprint {
        self.analyst.analysis_fingerprint(self.conversation, model)
    }

    fn price_max(&self, model: &ModelName, effort: Effort) -> Option<Usd> {
        self.analyst
            .analysis_price_max(self.conversation, model, effort)
    }

    async fn buy(&self, model: &ModelName, effort: Effort) -> Outside<Bytes> {
        self.analyst
            .buy_analysis(self.conversation, model, effort)
            .await
    }

    fn read(&self, reply: &[u8], model: &ModelName) -> Result<Analysis, UnusableAnswer> {
        self.analyst.read_analysis(reply, model)
    }
}
