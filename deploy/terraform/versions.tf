# The state holds no secret: values of secrets never pass through here (secrets.tf). To keep the state
# in a bucket, add a file backend.tf with `terraform { backend "gcs" { bucket = "…" } }`.

terraform {
  required_version = ">= 1.9"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 8.0"
    }
    time = {
      source  = "hashicorp/time"
      version = "~> 0.13"
    }
  }
}

provider "google" {
  project = var.project_id
  region  = var.region
}
