//! What leaves the made-up warehouse for other programs.

use std::ops::Bound;

use callpipe_core::call::ContactId;
use callpipe_core::contracts::warehouse::{CallFilter, ExportCursor, ExportPage};
use callpipe_core::exported::{
    ExportedCall, ExportedLabels, ExportedState, ExportedTranscript, ExportedTriage,
};
use callpipe_core::money::spent;
use callpipe_core::progress::{Stage, Status};
use callpipe_core::triage::not_bought;

use super::tables::{Row, Tables};

impl Tables {
    pub(super) fn export(
        &self,
        filter: &CallFilter,
        after: Option<&ExportCursor>,
        rows_max: usize,
    ) -> ExportPage {
        let after = after.and_then(|cursor| ContactId::parse(&cursor.0).ok());
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let wanted: Vec<&ContactId> = self
            .matching(filter)
            .iter()
            .map(|row| &row.contact.id)
            .collect();
        let rows = self.rows.range((from, Bound::Unbounded));
        let mut rows = rows.filter(|(id, _)| wanted.contains(id));
        let calls: Vec<ExportedCall> = rows
            .by_ref()
            .take(rows_max)
            .map(|(_, row)| row.exported())
            .collect();
        let next = rows
            .next()
            .and_then(|_| Some(ExportCursor(calls.last()?.contact.id.to_string())));
        ExportPage { calls, next }
    }
}

impl Row {
    fn exported(&self) -> ExportedCall {
        let progress = &self.progress;
        let first = self.recordings.first();
        ExportedCall {
            contact: self.contact.clone(),
            state: ExportedState {
                stage: progress.stage,
                status: progress.status.as_str().to_owned(),
                skip_reason: match progress.status {
                    Status::Skipped { reason } => Some(reason.as_str().to_owned()),
                    _ => None,
                },
                attempt: progress.attempt,
                redo_count: progress.redo_count,
                not_before: match progress.status {
                    Status::Ready { not_before } => not_before,
                    _ => None,
                },
                last_failure: progress.last_failure.clone(),
                listed_at: self.listed_at,
                updated_at: self.updated_at,
            },
            recordings: self.recordings.clone(),
            audio_uri: first.map(|recording| format!("memory:///{}", recording.key)),
            triage: self.exported_triage(),
            transcript: self.exported_transcript(),
            transcribe_cost: spent(&progress.purchases, Stage::Transcribe),
            classify_cost: spent(&progress.purchases, Stage::Classify),
            labels: self.exported_labels(),
        }
    }

    fn exported_triage(&self) -> ExportedTriage {
        let Some((call, _)) = &self.transcribed else {
            return ExportedTriage::default();
        };
        let (not_bought_s, saved) = not_bought(&call.triage).unzip();
        ExportedTriage {
            recordings: call.triage.clone(),
            not_bought_s,
            saved,
            same_audio_as: call.same_audio_as.clone(),
        }
    }

    fn exported_transcript(&self) -> ExportedTranscript {
        let Some((call, at)) = &self.transcribed else {
            return ExportedTranscript::default();
        };
        let (analysis, analysis_model) = self.analysis.clone().unzip();
        let provider = call.reply_keys.first().and_then(|key| key.provider());
        ExportedTranscript {
            conversation: Some(call.conversation.clone()),
            plain_text: Some(call.plain_text.clone()),
            analysis: analysis.unwrap_or_default(),
            analysis_model,
            measures: Some(call.measures.clone()),
            duration_s: Some(call.measures.duration_s),
            provider: provider.map(str::to_owned),
            model: Some(call.model.clone()),
            at: Some(*at),
            key: Some(call.transcript_key.clone()),
        }
    }

    fn exported_labels(&self) -> Option<ExportedLabels> {
        let (call, at) = self.classified.as_ref()?;
        let labels = &call.classification;
        let values = labels.values().iter();
        Some(ExportedLabels {
            values: values
                .map(|(field, value)| (field.clone(), value.clone()))
                .collect(),
            taxonomy_version: Some(labels.taxonomy_version.clone()),
            prompt_version: Some(labels.prompt_version.clone()),
            provider: call.reply_key.provider().map(str::to_owned),
            model: Some(labels.model.clone()),
            at: Some(*at),
        })
    }
}
