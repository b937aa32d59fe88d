# Where the image is kept. Cloud Run's own agent fetches it; the jobs' accounts need no role here.

resource "google_artifact_registry_repository" "images" {
  repository_id = var.name
  location      = var.region
  format        = "DOCKER"
  description   = "The image of the callpipe jobs"

  # A tag means one image for good, so that a rollback gets what ran before.
  docker_config {
    immutable_tags = true
  }

  cleanup_policies {
    id     = "keep-the-last-ten"
    action = "KEEP"
    most_recent_versions {
      keep_count = 10
    }
  }

  cleanup_policies {
    id     = "delete-after-90-days"
    action = "DELETE"
    condition {
      older_than = "7776000s"
    }
  }

  labels     = local.labels
  depends_on = [google_project_service.callpipe]
}
