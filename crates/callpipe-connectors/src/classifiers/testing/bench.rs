//! A classifier that asks the sandbox about its calls.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use callpipe_core::analysis::Analysis;
use callpipe_core::classification::Classification;
use callpipe_core::conformance;
use callpipe_core::contracts::classifier::{Classifier, Effort, ModelName, UnusableAnswer};
use callpipe_core::failure::{FailureKind, Outside};
use callpipe_core::taxonomy::Taxonomy;
use callpipe_sandbox::{Corpus, CorpusCall, Sandbox, SandboxOptions, World};

pub(in super::super) struct Bench<C> {
    pub(in super::super) sandbox: Sandbox,
    pub(in super::super) corpus: Arc<Corpus>,
    pub(in super::super) classifier: C,
}

impl<C: Classifier> Bench<C> {
    /// With the classifier that is made for the sandbox.
    pub(in super::super) async fn new(classifier: impl FnOnce(&Sandbox) -> C) -> Self {
        let corpus = Corpus::embedded().unwrap();
        let world = World::exact(Arc::clone(&corpus), 1, vec![]);
        let sandbox = Sandbox::start(world, SandboxOptions::default())
            .await
            .unwrap();
        Self {
            classifier: classifier(&sandbox),
            sandbox,
            corpus,
        }
    }

    pub(in super::super) fn arm(&self, fault: &str) {
        self.sandbox.faults().arm_text(fault).unwrap();
    }

    /// The call in which most is said.
    pub(in super::super) fn longest(&self) -> &CorpusCall {
        let calls = self.corpus.calls().iter();
        calls.max_by_key(|call| call.word_count()).unwrap()
    }

    pub(in super::super) fn conversation(&self, call: &CorpusCall) -> String {
        let lines = call
            .turns
            .iter()
            .map(|turn| format!("{:?}: {}", turn.speaker, turn.text));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// The model that is asked first.
    pub(in super::super) fn model(&self) -> ModelName {
        self.classifier.models().remove(0)
    }

    pub(in super::super) async fn buy(&self, call: &CorpusCall, effort: Effort) -> Outside<Bytes> {
        let conversation = self.conversation(call);
        self.classifier
            .buy(&conversation, &self.model(), effort)
            .await
    }

    pub(in super::super) async fn read(
        &self,
        effort: Effort,
    ) -> Result<Classification, UnusableAnswer> {
        let reply = self.buy(self.longest(), effort).await.unwrap();
        self.classifier.read(&reply, &self.model())
    }

    pub(in super::super) async fn analysis(
        &self,
        call: &CorpusCall,
    ) -> Result<Analysis, UnusableAnswer> {
        let analyst = self.classifier.analyst().unwrap();
        let conversation = self.conversation(call);
        let model = self.model();
        let bought = analyst.buy_analysis(&conversation, &model, Effort::Enlarged);
        analyst.read_analysis(&bought.await.unwrap(), &model)
    }

    /// The contract's suite. `changed` asks for answers of another kind.
    pub(in super::super) async fn assert_contract(&self, changed: &C) {
        let taxonomy = Taxonomy::built_in();
        let conversation = self.conversation(self.longest());
        conformance::classifier::classifier(&self.classifier, changed, &taxonomy, &conversation)
            .await;
    }

    /// Each fault is a refusal of its kind.
    pub(in super::super) async fn assert_refusals(&self, refusals: &[(&str, FailureKind)]) {
        for (fault, kind) in refusals {
            self.arm(fault);
            let bought = self.buy(self.longest(), Effort::Usual).await;
            let failure = bought.expect_err(fault);
            assert_eq!(failure.kind, *kind, "{fault}: {failure:?}");
            assert!(!failure.chain().contains("http"), "{}", failure.chain());
        }
    }

    /// A fault that wishes to be left alone for 9 seconds says so, and of which model, once.
    pub(in super::super) async fn assert_left_alone(&self, fault: &str, model: &str) {
        self.arm(&format!("{fault}:retry_after_s=9"));
        let bought = self.buy(self.longest(), Effort::Usual).await;
        let failure = bought.unwrap_err();
        assert_eq!(failure.retry_after, Some(Duration::from_secs(9)));
        let beginning = format!("{model}: ");
        assert!(failure.message.starts_with(&beginning), "{failure}");
        assert!(self.read(Effort::Usual).await.is_ok());
    }

    /// Each fault spoils an answer: it is blocked where that is said, or else faulty.
    pub(in super::super) async fn assert_spoilt(&self, faults: &[(&str, bool)]) {
        for (fault, is_blocked) in faults {
            self.arm(fault);
            let answer = self.read(Effort::Usual).await.expect_err(fault);
            let blocked = matches!(answer, UnusableAnswer::Blocked { .. });
            assert_eq!(blocked, *is_blocked, "{fault}: {answer}");
        }
    }

    /// What the usual room cuts off so, has room enough when it is asked for with more.
    pub(in super::super) async fn assert_more_room_mends(&self, told: &str) {
        let cut = self.read(Effort::Usual).await.unwrap_err();
        assert_eq!(cut.to_string(), told);
        assert!(self.read(Effort::Enlarged).await.is_ok());
    }
}
