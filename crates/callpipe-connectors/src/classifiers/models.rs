//! The models that an operator names: which of them are in service, and the check that looks for one
//! that labels.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use callpipe_core::contracts::classifier::{Classifier, Effort, ModelName, UnusableAnswer};
use callpipe_core::failure::{FailureKind, Outside};

/// What a check has labelled.
const CHECK_CONVERSATION: &str = "Agent: Good morning, parts counter, how can I help?\n\
                                  Customer: Hello, what are your opening hours on Saturday?";

/// The models that are asked, best first, and those of them that were found retired.
pub(super) struct Models {
    named: Vec<ModelName>,
    retired: Mutex<HashSet<ModelName>>,
}

/// What came of a check.
pub(super) enum Checked<'a> {
    /// A model labels.
    Labels {
        /// The first that does.
        answered: &'a ModelName,
        /// Those before it that are retired.
        gone: Vec<&'a ModelName>,
    },
    /// Models answer, the last of them so, but none labels.
    Useless(UnusableAnswer),
    /// Every one of the models is retired.
    AllGone,
}

impl Models {
    /// The models of these names. None where there are no names, or an empty one.
    pub(super) fn named(names: &[String]) -> Option<Self> {
        let is_usable = !names.is_empty() && names.iter().all(|name| !name.trim().is_empty());
        is_usable.then(|| Self {
            named: names.iter().cloned().map(ModelName).collect(),
            retired: Mutex::default(),
        })
    }

    /// All of them, retired or not.
    pub(super) fn all(&self) -> &[ModelName] {
        &self.named
    }

    /// Those that were not found retired.
    pub(super) fn in_service(&self) -> Vec<ModelName> {
        let retired = self.retired();
        let named = self.named.iter();
        named
            .filter(|model| !retired.contains(*model))
            .cloned()
            .collect()
    }

    /// The one that is asked first.
    pub(super) fn usual(&self) -> Option<ModelName> {
        self.in_service().into_iter().next()
    }

    /// What a model replied. One that is retired is remembered.
    pub(super) fn noting<Reply>(&self, reply: Outside<Reply>, model: &ModelName) -> Outside<Reply> {
        if let Err(failure) = &reply
            && failure.kind == FailureKind::ModelRetired
        {
            self.retired().insert(model.clone());
        }
        reply
    }

    /// Asks one after the other, until one labels. All of them, and not only those in service:
    /// access may have been given, or a model put back, since one was found retired.
    pub(super) async fn check(&self, classifier: &dyn Classifier) -> Outside<Checked<'_>> {
        let mut gone = Vec::new();
        let mut useless = None;
        for model in &self.named {
            match try_out(classifier, model).await {
                Ok(Ok(())) => {
                    self.retired().remove(model);
                    let answered = model;
                    return Ok(Checked::Labels { answered, gone });
                }
                Ok(Err(answer)) => useless = Some(answer),
                Err(failure) if failure.kind == FailureKind::ModelRetired => gone.push(model),
                Err(failure) => return Err(failure),
            }
        }
        Ok(useless.map_or(Checked::AllGone, Checked::Useless))
    }

    fn retired(&self) -> MutexGuard<'_, HashSet<ModelName>> {
        // A set of names: whole whatever a panicking holder was doing.
        self.retired.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All names, as a message lists them.
impl fmt::Display for Models {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, model) in self.named.iter().enumerate() {
            let before = if index == 0 { "" } else { ", " };
            write!(formatter, "{before}{model}")?;
        }
        Ok(())
    }
}

/// Asks one model to label the check's conversation, a second time with more room.
async fn try_out(
    classifier: &dyn Classifier,
    model: &ModelName,
) -> Outside<Result<(), UnusableAnswer>> {
    let mut last = Ok(());
    for effort in [Effort::Usual, Effort::Enlarged] {
        let reply = classifier.buy(CHECK_CONVERSATION, model, effort).await?;
        last = classifier.read(&reply, model).map(|_| ());
        if last.is_ok() {
            break;
        }
    }
    Ok(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_without_names_or_with_an_empty_one_is_none() {
        let named = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            Models::named(&names).map(|models| models.to_string())
        };
        assert_eq!(named(&[]), None);
        assert_eq!(named(&["a", " "]), None);
        assert_eq!(named(&["a"]).as_deref(), Some("a"));
        assert_eq!(named(&["b", "a"]).as_deref(), Some("b, a"));
    }
}
