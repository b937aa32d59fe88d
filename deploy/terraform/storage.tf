# The archive: recordings/, replies/, transcripts/, leases/, and what broken uploads and checks leave
# behind in staging/ and probes/.

resource "google_storage_bucket" "archive" {
  count = var.create_bucket ? 1 : 0

  name     = var.bucket_name
  location = coalesce(var.bucket_location, var.region)

  # Access by IAM alone, and never by the public: these are recordings of people.
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  # A bucket that is not empty is not destroyed.
  force_destroy = false

  # Off: leases are rewritten every few seconds while a job runs, and each rewrite would leave a
  # version. Recordings and paid replies are written once and never again, so there is nothing in
  # them that a version could bring back; against deletion there is the soft delete below.
  versioning {
    enabled = false
  }

  soft_delete_policy {
    retention_duration_seconds = var.soft_delete_days * 86400
  }

  # A large recording is uploaded in parts; those of an upload that broke off are paid for and unseen.
  lifecycle_rule {
    condition {
      age = 1
    }
    action {
      type = "AbortIncompleteMultipartUpload"
    }
  }

  # Leftovers. A day is longer than any upload lasts.
  lifecycle_rule {
    condition {
      age            = 1
      matches_prefix = ["staging/", "probes/"]
    }
    action {
      type = "Delete"
    }
  }

  # Should somebody turn versions on: not for ever.
  lifecycle_rule {
    condition {
      days_since_noncurrent_time = 7
      with_state                 = "ARCHIVED"
    }
    action {
      type = "Delete"
    }
  }

  # A recording is read once, to be transcribed; after that only by people, and to be done again.
  dynamic "lifecycle_rule" {
    for_each = var.nearline_after_days == null ? [] : [var.nearline_after_days]
    content {
      condition {
        age                   = lifecycle_rule.value
        matches_prefix        = ["recordings/"]
        matches_storage_class = ["STANDARD"]
      }
      action {
        type          = "SetStorageClass"
        storage_class = "NEARLINE"
      }
    }
  }

  dynamic "lifecycle_rule" {
    for_each = var.coldline_after_days == null ? [] : [var.coldline_after_days]
    content {
      condition {
        age                   = lifecycle_rule.value
        matches_prefix        = ["recordings/"]
        matches_storage_class = ["STANDARD", "NEARLINE"]
      }
      action {
        type          = "SetStorageClass"
        storage_class = "COLDLINE"
      }
    }
  }

  dynamic "lifecycle_rule" {
    for_each = var.delete_recordings_after_days == null ? [] : [var.delete_recordings_after_days]
    content {
      condition {
        age            = lifecycle_rule.value
        matches_prefix = ["recordings/"]
      }
      action {
        type = "Delete"
      }
    }
  }

  labels     = local.labels
  depends_on = [google_project_service.callpipe]
}
