# Who is told, and when. docs/DEPLOYMENT.md says what to do about each.

locals {
  notification_channels = concat(var.notification_channels, google_monitoring_notification_channel.email[*].name)

  # What our jobs write. A line that holds nothing but its message arrives as text, any other as JSON.
  our_lines = "resource.type=\"cloud_run_job\" AND resource.labels.job_name=~\"${local.job_names_regexp}\""
  messages = {
    calls_finished = "stage finished"
    calls_parked   = "call parked"
    stage_paused   = "stage is paused"
  }
  lines_with = {
    for key, message in local.messages : key =>
    "${local.our_lines} AND (jsonPayload.message=~\"^${message}\" OR textPayload=~\"^${message}\")"
  }

  log_alerts = var.image == null ? {} : {
    stage_paused = {
      title  = "a stage is paused"
      filter = local.lines_with.stage_paused
      text   = "A vendor or the setup is out of order; no call was harmed. The log line says which stage, why, and what can be done (`reason`, `hint`)."
    }
    errors = {
      title  = "an error"
      filter = "${local.our_lines} AND severity>=ERROR AND logName:(\"%2Fstdout\" OR \"%2Fstderr\")"
      text   = "callpipe could not keep something: a batch of results, a paid reply, or its lease. The log line says what and what can be done."
    }
    # 0 is no failure, 75 means "run again later", and 4 comes from `callpipe check`, whose reader waits
    # for it. The words are Cloud Run's own.
    attempt_failed = {
      title = "an attempt failed"
      filter = join(" AND ", [
        local.our_lines,
        "logName:\"%2Fvarlog%2Fsystem\"",
        "(textPayload=~\"^Container called exit\" OR textPayload=~\"^Container terminated on signal\" OR textPayload=~\"^Memory limit\")",
        "NOT textPayload=~\"exit[(](0|4|75)[)]\"",
      ])
      text = "An attempt ended with exit code 2, 3 or 70, was killed, or ran out of memory. docs/DEPLOYMENT.md says what the codes mean."
    }
  }
}

resource "google_monitoring_notification_channel" "email" {
  count = var.alert_email == null ? 0 : 1

  display_name = "callpipe (${var.name})"
  type         = "email"
  labels       = { email_address = var.alert_email }
  depends_on   = [google_project_service.callpipe]
}

# --- By log line -----------------------------------------------------------------------------------------

resource "google_monitoring_alert_policy" "log" {
  for_each = local.log_alerts

  display_name          = "${var.name}: ${each.value.title}"
  combiner              = "OR"
  notification_channels = local.notification_channels

  conditions {
    display_name = each.value.title
    condition_matched_log {
      filter = each.value.filter
    }
  }

  alert_strategy {
    # A stage that is paused says so again and again: told once an hour is enough.
    notification_rate_limit {
      period = "3600s"
    }
    auto_close = "86400s"
  }

  documentation {
    content   = each.value.text
    mime_type = "text/markdown"
  }
}

# --- By number of calls --------------------------------------------------------------------------------------

resource "google_logging_metric" "calls" {
  for_each = toset(["calls_finished", "calls_parked"])

  name        = "${var.name}_${each.value}"
  description = "Calls by stage: ${local.messages[each.value]}"
  filter      = local.lines_with[each.value]

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
    unit        = "1"
    labels {
      key        = "stage"
      value_type = "STRING"
    }
  }

  label_extractors = { stage = "EXTRACT(labels.stage)" }
  depends_on       = [google_project_service.callpipe]
}

# A policy may name a new metric only when Cloud Monitoring has heard of it.
resource "time_sleep" "metrics_are_known" {
  create_duration = "60s"
  depends_on      = [google_logging_metric.calls]
}

resource "google_monitoring_alert_policy" "calls_parked" {
  count = var.image == null ? 0 : 1

  display_name          = "${var.name}: many calls fail for good"
  combiner              = "OR"
  notification_channels = local.notification_channels

  conditions {
    display_name = "more than ${var.parked_calls_max} calls of a stage within an hour"
    condition_threshold {
      filter          = "resource.type=\"cloud_run_job\" AND metric.type=\"logging.googleapis.com/user/${google_logging_metric.calls["calls_parked"].name}\""
      comparison      = "COMPARISON_GT"
      threshold_value = var.parked_calls_max
      duration        = "0s"
      aggregations {
        alignment_period     = "3600s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM"
        group_by_fields      = ["metric.label.stage"]
      }
    }
  }

  alert_strategy {
    auto_close = "86400s"
  }

  documentation {
    content   = "Calls fail one by one for reasons of their own. That so many do points to something they have in common: look at failures by cause."
    mime_type = "text/markdown"
  }

  depends_on = [time_sleep.metrics_are_known]
}

# --- By execution ------------------------------------------------------------------------------------------------

resource "google_monitoring_alert_policy" "executions_failed" {
  count = var.image == null ? 0 : 1

  display_name          = "${var.name}: executions fail again and again"
  combiner              = "OR"
  notification_channels = local.notification_channels

  conditions {
    display_name = "more than ${var.failed_executions_max} failed executions of a job within six hours"
    condition_threshold {
      filter          = "resource.type=\"cloud_run_job\" AND resource.label.job_name=monitoring.regex.full_match(\"${local.job_names_regexp}\") AND metric.type=\"run.googleapis.com/job/completed_execution_count\" AND metric.label.result=\"failed\""
      comparison      = "COMPARISON_GT"
      threshold_value = var.failed_executions_max
      duration        = "0s"
      aggregations {
        alignment_period     = "21600s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM"
        group_by_fields      = ["resource.label.job_name"]
      }
    }
  }

  alert_strategy {
    auto_close = "86400s"
  }

  documentation {
    content   = "Cloud Run counts exit 75 (run again later) as failed, so that single ones mean nothing. This many in a row mean that a vendor stays away, that the last execution still works when the next one starts, or that something is broken."
    mime_type = "text/markdown"
  }
}

# Both at once: no execution that ended with 0, and no call that finished the stage. The second keeps a
# long run quiet, and one that ends with 75 because single calls wait. Absence is noticed only of
# something that was there before: run each job once by hand.
resource "google_monitoring_alert_policy" "no_success" {
  for_each = local.jobs

  display_name          = "${var.name}: no success of ${each.key} in ${var.no_success_hours} hours"
  combiner              = "AND"
  notification_channels = local.notification_channels

  conditions {
    display_name = "no execution ended well"
    condition_absent {
      filter   = "resource.type=\"cloud_run_job\" AND resource.label.job_name=\"${local.job_names[each.key]}\" AND metric.type=\"run.googleapis.com/job/completed_execution_count\" AND metric.label.result=\"succeeded\""
      duration = "${var.no_success_hours * 3600}s"
      aggregations {
        alignment_period     = "3600s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }

  conditions {
    display_name = "no call finished the stage"
    condition_absent {
      filter   = "resource.type=\"cloud_run_job\" AND resource.label.job_name=\"${local.job_names[each.key]}\" AND metric.type=\"logging.googleapis.com/user/${google_logging_metric.calls["calls_finished"].name}\""
      duration = "${var.no_success_hours * 3600}s"
      aggregations {
        alignment_period     = "3600s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }

  alert_strategy {
    auto_close = "86400s"
  }

  documentation {
    content   = "Nothing moves. Look at the last executions and their logs, and at whether the schedule is paused."
    mime_type = "text/markdown"
  }

  depends_on = [time_sleep.metrics_are_known]
}
