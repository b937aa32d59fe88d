# Names, and who gets what.

locals {
  labels = { app = var.name }

  stages = toset(["fetch", "transcribe", "classify"])

  # The jobs that are made: none before there is an image.
  jobs = { for stage in local.stages : stage => var.jobs[stage] if var.image != null }

  # The secrets that reach a job as environment variables, and the stage that reads each.
  variable_secrets = {
    CXONE_CLIENT_ID     = "fetch"
    CXONE_CLIENT_SECRET = "fetch"
    CXONE_USERNAME      = "fetch"
    CXONE_PASSWORD      = "fetch"
    DEEPGRAM_API_KEY    = "transcribe"
  }

  # The secrets that all jobs see as files: nothing secret is in them, but they need versions that are
  # pinned, and a place without a build.
  file_secrets = {
    for key, file in {
      config   = { name = "callpipe.toml", version = var.config_version }
      taxonomy = { name = "taxonomy.toml", version = var.taxonomy_version }
    } : key => file if file.version != null
  }

  secrets = merge(
    {
      for variable, stage in local.variable_secrets : variable => {
        id     = "${var.name}-${lower(replace(variable, "_", "-"))}"
        stages = [stage]
      }
    },
    {
      for key in ["config", "taxonomy"] : key => {
        id     = "${var.name}-${key}"
        stages = tolist(local.stages)
      }
    },
  )

  # What all jobs are told. The same for all three, so that they agree about the configuration.
  environment = {
    for name, value in {
      GCP_PROJECT_ID     = var.project_id
      GCP_DATASET_ID     = var.dataset_id
      GCP_SOURCE_TABLE   = var.source_table
      GCP_TRACKING_TABLE = var.tracking_table
      GCS_BUCKET_NAME    = var.bucket_name
      CUTOFF_DATE        = var.cutoff_date
      VERTEX_AI_LOCATION = var.vertex_ai_location
      CALLPIPE_CONFIG    = var.config_version == null ? null : "/etc/callpipe/config/callpipe.toml"
    } : name => value if value != null
  }

  # The source table: project.dataset.table, of which the first one or two may be left out.
  source_parts     = var.source_table == null ? [] : split(".", var.source_table)
  source_count     = length(local.source_parts)
  source_table_id  = local.source_count > 0 ? local.source_parts[local.source_count - 1] : ""
  source_dataset   = local.source_count > 1 ? local.source_parts[local.source_count - 2] : var.dataset_id
  source_project   = local.source_count > 2 ? join(".", slice(local.source_parts, 0, local.source_count - 2)) : var.project_id
  source_is_apart  = local.source_count > 0 && "${local.source_project}.${local.source_dataset}" != "${var.project_id}.${var.dataset_id}"
  job_names        = { for stage in local.stages : stage => "${var.name}-${stage}" }
  job_names_regexp = "^${var.name}-(${join("|", local.stages)})$"
}
