# Who may do what. Three accounts, one for each stage, and one for the schedule: the stage that holds
# Deepgram's key cannot ask Gemini, the one that asks Gemini cannot see CXone's keys, and the schedule
# can do nothing but start jobs. The table in docs/DEPLOYMENT.md lists the same roles by API call.
#
# Not here, because nothing calls for it: writing logs (Cloud Run does that for the jobs), fetching the
# image (Cloud Run's own agent), creating datasets and buckets (done above), reading a bucket's own
# settings (callpipe asks for objects only).

resource "google_service_account" "stage" {
  for_each = local.stages

  account_id   = local.job_names[each.key]
  display_name = "callpipe: ${each.key}"
  depends_on   = [google_project_service.callpipe]
}

resource "google_service_account" "scheduler" {
  account_id   = "${var.name}-scheduler"
  display_name = "callpipe: starts the jobs"
  depends_on   = [google_project_service.callpipe]
}

# --- BigQuery --------------------------------------------------------------------------------------------

# jobs.query and jobs.insert (load): bigquery.jobs.create, which only a project can grant. Who creates a
# job may ask for it and its results (jobs.get, jobs.getQueryResults) without a role more.
resource "google_project_iam_member" "runs_queries" {
  for_each = local.stages

  project = var.project_id
  role    = "roles/bigquery.jobUser"
  member  = google_service_account.stage[each.key].member
}

# datasets.get, tables.insert, tables.get, tables.patch (columns), tables.delete (staging), load, MERGE and
# SELECT. On this one dataset. Every stage keeps its own state, so all three need it.
resource "google_bigquery_dataset_iam_member" "keeps_tables" {
  for_each = local.stages

  dataset_id = var.dataset_id
  role       = "roles/bigquery.dataEditor"
  member     = google_service_account.stage[each.key].member
  depends_on = [google_bigquery_dataset.warehouse]
}

# SELECT from the source table: only the fetch stage lists contacts. A table in the dataset above needs
# no second grant. A view needs its own: on the tables it reads, or as an authorized view.
resource "google_bigquery_table_iam_member" "reads_contacts" {
  count = local.source_is_apart && var.grant_source_table ? 1 : 0

  project    = local.source_project
  dataset_id = local.source_dataset
  table_id   = local.source_table_id
  role       = "roles/bigquery.dataViewer"
  member     = google_service_account.stage["fetch"].member
}

# --- Storage -----------------------------------------------------------------------------------------------

# Objects and multipart uploads: create, get, list, delete. storage.objects.delete is needed to overwrite
# as well, which is how a lease is renewed. On this one bucket, and for all three: each stage keeps
# leases and reads what the one before it wrote. Conditions on object names would not make it tighter
# where it counts: storage.objects.list is asked of the bucket, so a condition on a prefix refuses it.
resource "google_storage_bucket_iam_member" "keeps_objects" {
  for_each = local.stages

  bucket     = var.bucket_name
  role       = "roles/storage.objectUser"
  member     = google_service_account.stage[each.key].member
  depends_on = [google_storage_bucket.archive]
}

# iamcredentials signBlob: the links (15 minutes) by which Deepgram fetches a recording are signed by the
# account itself, for there is no key file. On itself, not on the project: there it could sign as anybody.
resource "google_service_account_iam_member" "signs_links" {
  service_account_id = google_service_account.stage["transcribe"].name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = google_service_account.stage["transcribe"].member
}

# --- Vertex AI -----------------------------------------------------------------------------------------------

# generateContent: aiplatform.endpoints.predict. Google's models belong to no resource of ours, so only
# the project can grant it. Only the stage that classifies.
resource "google_project_iam_member" "asks_gemini" {
  project = var.project_id
  role    = "roles/aiplatform.user"
  member  = google_service_account.stage["classify"].member
}

# --- Secrets ---------------------------------------------------------------------------------------------------

# secrets.versions.access, secret by secret: Cloud Run reads them in the name of the job's account, and
# callpipe does where callpipe.toml says `{ secret_manager = … }`.
resource "google_secret_manager_secret_iam_member" "reads_secret" {
  for_each = merge([
    for key, secret in local.secrets : {
      for stage in secret.stages : "${key}/${stage}" => { key = key, stage = stage }
    }
  ]...)

  secret_id = google_secret_manager_secret.callpipe[each.value.key].id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.stage[each.value.stage].member
}

# --- The schedule ------------------------------------------------------------------------------------------------

# run.jobs.run, job by job. Not runWithOverrides: the schedule cannot change what a job does.
resource "google_cloud_run_v2_job_iam_member" "starts_job" {
  for_each = local.jobs

  location = var.region
  name     = google_cloud_run_v2_job.stage[each.key].name
  role     = "roles/run.invoker"
  member   = google_service_account.scheduler.member
}
