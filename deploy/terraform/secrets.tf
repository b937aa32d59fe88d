# The secrets, without their values: what is given to Terraform lands in its state and its plans.
# Values are added by hand: `gcloud secrets versions add` (docs/DEPLOYMENT.md).

resource "google_secret_manager_secret" "callpipe" {
  for_each = local.secrets

  secret_id = each.value.id

  replication {
    auto {}
  }

  labels     = local.labels
  depends_on = [google_project_service.callpipe]
}
