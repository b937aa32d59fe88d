# What the next step of docs/DEPLOYMENT.md needs.

output "image_repository" {
  description = "Where the image is pushed; add a tag."
  value       = "${var.region}-docker.pkg.dev/${var.project_id}/${google_artifact_registry_repository.images.repository_id}/callpipe"
}

output "secrets" {
  description = "The secrets that want a version, by environment variable or file."
  value       = { for key, secret in google_secret_manager_secret.callpipe : key => secret.secret_id }
}

output "job_accounts" {
  description = "The account of each stage. Whoever keeps the source table may want to know the first."
  value       = { for stage, account in google_service_account.stage : stage => account.email }
}

output "jobs" {
  description = "The jobs, by stage. Empty before there is an image."
  value       = { for stage, job in google_cloud_run_v2_job.stage : stage => job.name }
}

output "archive" {
  description = "Where audio, paid replies and transcripts are."
  value       = "gs://${var.bucket_name}"
}

output "tracking_table" {
  description = "Where each call stands."
  value       = "${var.project_id}.${var.dataset_id}.${var.tracking_table}"
}
