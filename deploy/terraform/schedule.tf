# The schedule. An execution that starts while the last one still works ends at once with exit 75, for
# the leases in the bucket keep two from doing the same: a schedule that is too dense does no harm, but
# counts as failed executions.

resource "google_cloud_scheduler_job" "stage" {
  for_each = local.jobs

  name        = local.job_names[each.key]
  region      = var.region
  description = "Starts the job ${local.job_names[each.key]}"
  schedule    = each.value.schedule
  time_zone   = var.time_zone
  paused      = var.schedule_paused

  # Starting takes seconds; the job itself is not waited for.
  attempt_deadline = "180s"

  retry_config {
    retry_count = 2
  }

  http_target {
    http_method = "POST"
    uri         = "https://run.googleapis.com/v2/${google_cloud_run_v2_job.stage[each.key].id}:run"

    # A Google API takes an access token; an identity token would be refused.
    oauth_token {
      service_account_email = google_service_account.scheduler.email
      scope                 = "https://www.googleapis.com/auth/cloud-platform"
    }
  }

  depends_on = [google_cloud_run_v2_job_iam_member.starts_job]
}
