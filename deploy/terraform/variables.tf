# What may differ from one installation to the next. Without a default: must be given.

# --- Where ---------------------------------------------------------------------------------------------

variable "project_id" {
  description = "The Google Cloud project."
  type        = string
}

variable "region" {
  description = "Where the jobs run and the image is kept, such as australia-southeast1."
  type        = string
}

variable "name" {
  description = "What the names of all that is made here begin with. A second installation in the same project needs another."
  type        = string
  default     = "callpipe"

  validation {
    # The longest name made of it is an account's, "…-transcribe", and those have 30 characters at most.
    condition     = can(regex("^[a-z][a-z0-9-]{1,17}[a-z0-9]$", var.name))
    error_message = "3 to 19 lower-case letters, digits and hyphens, with a letter first."
  }
}

# --- The image and the secrets ---------------------------------------------------------------------------

variable "image" {
  description = "The image with its tag or digest. Null: everything but the jobs, their schedule and their alerts is made, which is the first step of docs/DEPLOYMENT.md."
  type        = string
  default     = null

  validation {
    condition     = var.image == null || can(regex("(:[^/]+|@sha256:[0-9a-f]{64})$", var.image))
    error_message = "Name a tag or a digest: what runs must not change by itself."
  }
}

variable "secret_versions" {
  description = "Which version of each secret the jobs get."
  type        = map(string)
  default = {
    CXONE_CLIENT_ID     = "1"
    CXONE_CLIENT_SECRET = "1"
    CXONE_USERNAME      = "1"
    CXONE_PASSWORD      = "1"
    DEEPGRAM_API_KEY    = "1"
  }

  validation {
    condition     = alltrue([for version in values(var.secret_versions) : can(regex("^[1-9][0-9]*$", version))])
    error_message = "Versions are numbers. Cloud Run reads a secret once, when a task starts: with `latest`, two tasks of one execution could work with different keys."
  }
}

variable "config_version" {
  description = "Version of the secret NAME-config, which holds a callpipe.toml. Null: the environment variables below are the whole configuration."
  type        = string
  default     = null
}

variable "taxonomy_version" {
  description = "Version of the secret NAME-taxonomy, which holds a taxonomy.toml; callpipe.toml must then say `[taxonomy] path = \"/etc/callpipe/taxonomy/taxonomy.toml\"`. Null: the built-in labels."
  type        = string
  default     = null
}

# --- Data --------------------------------------------------------------------------------------------------

variable "bucket_name" {
  description = "The bucket for audio, paid replies, transcripts and leases."
  type        = string
}

variable "create_bucket" {
  description = "False where the bucket is there already, as after moving over from the Python scripts. Its rules (storage.tf) are then yours to set."
  type        = bool
  default     = true
}

variable "bucket_location" {
  description = "Where the bucket is. Null: the region of the jobs, between which and the bucket nothing is charged for traffic."
  type        = string
  default     = null
}

variable "nearline_after_days" {
  description = "Age at which recordings move to Nearline (at least 30 days are charged there, and reading costs). Null: never."
  type        = number
  default     = 30
}

variable "coldline_after_days" {
  description = "Age at which recordings move to Coldline (at least 90 days are charged there). Null: never."
  type        = number
  default     = 180
}

variable "delete_recordings_after_days" {
  description = "Age at which recordings are deleted. Transcripts and paid replies stay. Null: never."
  type        = number
  default     = null
}

variable "soft_delete_days" {
  description = "How long deleted and overwritten objects can be brought back, and are paid for. 0, or 7 to 90."
  type        = number
  default     = 7

  validation {
    condition     = var.soft_delete_days == 0 || (var.soft_delete_days >= 7 && var.soft_delete_days <= 90)
    error_message = "0 turns it off; otherwise 7 to 90 days."
  }
}

variable "dataset_id" {
  description = "The BigQuery dataset of the two tables."
  type        = string
  default     = "callpipe"
}

variable "create_dataset" {
  description = "False where the dataset is there already."
  type        = bool
  default     = true
}

variable "dataset_location" {
  description = "Where the dataset is; must be the source table's place too, or no query can read it. Null: the region of the jobs."
  type        = string
  default     = null
}

variable "source_table" {
  description = "The table of contacts: `table` in the same dataset, `dataset.table`, or `project.dataset.table`. Null: contacts come from elsewhere, as callpipe.toml says."
  type        = string
  default     = null

  validation {
    condition     = var.source_table == null || can(regex("^([a-z][a-z0-9:.-]*[a-z0-9]\\.)?([A-Za-z0-9_]+\\.)?[A-Za-z0-9_-]+$", var.source_table))
    error_message = "Write `table`, `dataset.table` or `project.dataset.table`, without backquotes."
  }
}

variable "grant_source_table" {
  description = "False where the source table belongs to others, who let the fetch stage's account read it themselves."
  type        = bool
  default     = true
}

variable "tracking_table" {
  description = "The table that says where each call stands."
  type        = string
  default     = "recording_fetch_status"
}

variable "cutoff_date" {
  description = "Calls before this date (YYYY-MM-DD) are left alone. Null: none are."
  type        = string
  default     = null
}

variable "vertex_ai_location" {
  description = "Where Gemini is asked: `global`, `us` or `eu`. The models of today are not served in single regions."
  type        = string
  default     = "global"
}

# --- Work ----------------------------------------------------------------------------------------------------

variable "jobs" {
  description = "How each job runs. docs/DEPLOYMENT.md says how many tasks make sense: one, unless a vendor raised your quota."
  type = object({
    fetch = optional(object({
      task_count  = optional(number, 1)
      parallelism = optional(number)
      timeout_s   = optional(number, 86400)
      max_retries = optional(number, 1)
      cpu         = optional(string, "1")
      memory      = optional(string, "1Gi")
      schedule    = optional(string, "0 * * * *")
    }), {})
    transcribe = optional(object({
      task_count  = optional(number, 1)
      parallelism = optional(number)
      timeout_s   = optional(number, 86400)
      max_retries = optional(number, 1)
      cpu         = optional(string, "1")
      memory      = optional(string, "1Gi")
      schedule    = optional(string, "20 * * * *")
    }), {})
    classify = optional(object({
      task_count  = optional(number, 1)
      parallelism = optional(number)
      timeout_s   = optional(number, 86400)
      max_retries = optional(number, 1)
      cpu         = optional(string, "1")
      memory      = optional(string, "1Gi")
      schedule    = optional(string, "40 * * * *")
    }), {})
  })
  default = {}

  validation {
    condition     = alltrue([for job in var.jobs : job.timeout_s >= 60 && job.timeout_s <= 604800])
    error_message = "An attempt may last from a minute to 7 days (604800 s)."
  }

  validation {
    condition     = alltrue([for job in var.jobs : job.task_count >= 1 && job.max_retries >= 0 && job.max_retries <= 10])
    error_message = "At least one task, and 0 to 10 retries."
  }
}

variable "schedule_paused" {
  description = "Whether the schedule rests. It does until a first run by hand was looked at."
  type        = bool
  default     = true
}

variable "time_zone" {
  description = "The time zone of the schedules."
  type        = string
  default     = "Etc/UTC"
}

# --- Who is told -----------------------------------------------------------------------------------------------

variable "alert_email" {
  description = "Where alerts are sent. Null: no channel is made."
  type        = string
  default     = null
}

variable "notification_channels" {
  description = "Channels that are there already, as projects/…/notificationChannels/…"
  type        = list(string)
  default     = []
}

variable "no_success_hours" {
  description = "After so many hours in which a job neither ended well nor finished a single call, somebody is told."
  type        = number
  default     = 12

  validation {
    condition     = var.no_success_hours >= 1 && var.no_success_hours <= 23
    error_message = "1 to 23: Cloud Monitoring notices the absence of data for less than a day only."
  }
}

variable "failed_executions_max" {
  description = "How many executions of a job may fail within six hours before somebody is told. Cloud Run counts exit 75 (run again later) as failed, so that a few are nothing."
  type        = number
  default     = 5
}

variable "parked_calls_max" {
  description = "How many calls of a stage may fail for good within an hour before somebody is told."
  type        = number
  default     = 20
}
