# The three jobs: one image, one command each.

resource "google_cloud_run_v2_job" "stage" {
  for_each = local.jobs

  name                = local.job_names[each.key]
  location            = var.region
  deletion_protection = false # a job holds no data: all of it is in the bucket and the tables
  labels              = local.labels

  template {
    task_count = each.value.task_count
    # All at once: each task has its share of the vendors' limits, and a share that waits is unused.
    parallelism = coalesce(each.value.parallelism, each.value.task_count)

    template {
      service_account = google_service_account.stage[each.key].email
      # Of one attempt. At its end comes SIGTERM: what is in flight is finished or left, and saved.
      timeout = "${each.value.timeout_s}s"
      # For what a new start mends, such as a machine that went away. The rest is the next execution's.
      max_retries = each.value.max_retries

      containers {
        image = var.image
        args  = [each.key]

        resources {
          limits = {
            cpu    = each.value.cpu
            memory = each.value.memory
          }
        }

        dynamic "env" {
          for_each = local.environment
          content {
            name  = env.key
            value = env.value
          }
        }

        dynamic "env" {
          for_each = { for variable, stage in local.variable_secrets : variable => stage if stage == each.key }
          content {
            name = env.key
            value_source {
              secret_key_ref {
                secret  = google_secret_manager_secret.callpipe[env.key].secret_id
                version = var.secret_versions[env.key]
              }
            }
          }
        }

        dynamic "volume_mounts" {
          for_each = local.file_secrets
          content {
            name       = volume_mounts.key
            mount_path = "/etc/callpipe/${volume_mounts.key}"
          }
        }
      }

      dynamic "volumes" {
        for_each = local.file_secrets
        content {
          name = volumes.key
          secret {
            secret = google_secret_manager_secret.callpipe[volumes.key].secret_id
            items {
              path    = volumes.value.name
              version = volumes.value.version
            }
          }
        }
      }
    }
  }

  # Cloud Run looks whether the account may read the secrets before it makes the job.
  depends_on = [google_secret_manager_secret_iam_member.reads_secret]
}
