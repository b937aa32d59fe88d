# The services that are used. They stay on when the rest is destroyed: others may use them by then.

resource "google_project_service" "callpipe" {
  for_each = toset([
    "aiplatform.googleapis.com",       # Gemini
    "artifactregistry.googleapis.com", # the image
    "bigquery.googleapis.com",         # the tables
    "cloudscheduler.googleapis.com",   # the schedule
    "iam.googleapis.com",              # the service accounts
    "iamcredentials.googleapis.com",   # signBlob, for the links that Deepgram fetches
    "logging.googleapis.com",          # log-based metrics and alerts
    "monitoring.googleapis.com",       # alerts
    "run.googleapis.com",              # the jobs
    "secretmanager.googleapis.com",    # the secrets
    "storage.googleapis.com",          # the bucket
  ])

  service            = each.value
  disable_on_destroy = false
}
