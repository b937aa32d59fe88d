//! What Cloud Run tells a task of a job about itself.
//!
//! Source: the container contract of Cloud Run jobs. The names of the variables stand in
//! `config/environment.rs` with all others.

use crate::config::environment::cloud_run as names;

/// A task of a Cloud Run job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudRun {
    /// The job.
    pub job: String,
    /// Which of its executions; empty where it is not said.
    pub execution: String,
    /// Which of the execution's tasks, counted from zero.
    pub task_index: u32,
    /// How often the task was begun before: the next attempt begins when the one before has ended.
    pub attempt: u32,
}

impl CloudRun {
    /// The task that this process is, if it is one.
    pub fn from_environment() -> Option<Self> {
        Self::from_variables(&|name| std::env::var(name).ok())
    }

    fn from_variables(variable: &dyn Fn(&str) -> Option<String>) -> Option<Self> {
        let text = |name: &str| variable(name).filter(|text| !text.is_empty());
        let number = |name: &str| text(name).and_then(|text| text.parse().ok()).unwrap_or(0);
        Some(Self {
            job: text(names::JOB)?,
            execution: text(names::EXECUTION).unwrap_or_default(),
            task_index: number(names::TASK_INDEX),
            attempt: number(names::TASK_ATTEMPT),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(variables: &[(&str, &str)]) -> Option<CloudRun> {
        CloudRun::from_variables(&|name| {
            let found = variables.iter().find(|(known, _)| *known == name)?;
            Some(found.1.to_owned())
        })
    }

    #[test]
    fn a_task_knows_its_job_and_attempt() {
        let variables = [
            ("CLOUD_RUN_JOB", "calls"),
            ("CLOUD_RUN_EXECUTION", "calls-x7k2p"),
            ("CLOUD_RUN_TASK_INDEX", "3"),
            ("CLOUD_RUN_TASK_ATTEMPT", "1"),
        ];
        let found = task(&variables).unwrap();
        assert_eq!(
            (found.job.as_str(), found.execution.as_str()),
            ("calls", "calls-x7k2p")
        );
        assert_eq!((found.task_index, found.attempt), (3, 1));
    }

    #[test]
    fn elsewhere_there_is_none() {
        assert_eq!(task(&[]), None);
        assert_eq!(task(&[("CLOUD_RUN_JOB", "")]), None);
    }
}
