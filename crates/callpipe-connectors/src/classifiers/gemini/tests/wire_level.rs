//! What goes over the wire, and answers that the sandbox does not give.

use callpipe_core::contracts::classifier::{Classifier, Effort, ModelName};
use callpipe_core::failure::FailureKind;

use super::{TOKEN, classifier, classifier_as, config_at};
use crate::classifiers::testing::{CUT, answered, server};
use crate::google::{GoogleConfig, Identity};

#[tokio::test]
async fn an_answer_that_is_not_whole_is_no_reply() {
    for (answer, kind) in [
        (answered("200 OK", "", ""), FailureKind::CorruptTransfer),
        (CUT.to_owned(), FailureKind::Unavailable),
        (String::new(), FailureKind::Unavailable),
    ] {
        let (address, served) = server(answer.clone()).await;
        let model = ModelName("gemini-3.5-flash-lite".into());
        let bought = classifier(config_at(&address))
            .buy("Agent: Hello?", &model, Effort::Usual)
            .await;
        assert_eq!(bought.unwrap_err().kind, kind, "{answer}");
        let request = served.await.unwrap();
        assert!(
            request.contains(&format!("authorization: Bearer {TOKEN}\r\n")),
            "{request}"
        );
        assert!(
            request.starts_with("POST /v1/projects/sandbox-project/locations/global/"),
            "{request}"
        );
    }
}

#[tokio::test]
async fn an_emulator_needs_no_credentials() {
    let (address, served) = server(answered("200 OK", "", "{}")).await;
    let model = ModelName("gemini-3.5-flash-lite".into());
    let nobody = Identity::new(&GoogleConfig::default()).unwrap();
    let bought = classifier_as(config_at(&address), &nobody)
        .buy("Agent: Hello?", &model, Effort::Usual)
        .await;
    assert_eq!(bought.unwrap(), "{}");
    let request = served.await.unwrap();
    assert!(!request.contains("authorization"), "{request}");
}
