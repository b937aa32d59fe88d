# The dataset. callpipe makes its tables by itself, and adds the columns that a taxonomy asks for: a
# table that Terraform owned would lose them at the next apply. Its staging tables (callpipe_staging_…)
# carry their own expiration.

resource "google_bigquery_dataset" "warehouse" {
  count = var.create_dataset ? 1 : 0

  dataset_id  = var.dataset_id
  location    = coalesce(var.dataset_location, var.region)
  description = "Where each call stands, what was said, and how it was classified (callpipe)"

  # A dataset with tables in it is not destroyed.
  delete_contents_on_destroy = false

  labels     = local.labels
  depends_on = [google_project_service.callpipe]
}
