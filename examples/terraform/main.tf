terraform {
  required_providers {
    huaweicloud = {
      source = "huaweicloud/huaweicloud"
    }
  }
}

# Everything else it reads from the environment: eval "$(npx openstage env)"
provider "huaweicloud" {
  endpoints = {
    servicestage = var.endpoint
    iam          = var.endpoint
  }
}

variable "endpoint" {
  description = "Where the platform listens, such as https://127.0.0.1:7443/"
  type        = string
}

variable "package_url" {
  description = "A package for Nodejs8, such as one of examples/hello"
  type        = string
}

variable "release" {
  description = "The version that the instance shows"
  type        = string
  default     = "1.0.0"
}

resource "huaweicloud_servicestage_environment" "example" {
  name   = "terraform"
  vpc_id = "any"

  basic_resources {
    type = "cce"
    id   = "b6862a62-d916-11e9-bdf1-0255ac101fd9"
  }

  optional_resources {
    type = "elb"
    id   = "8c0a45cc-626f-4d65-8257-507ee059aa9a"
  }
}

resource "huaweicloud_servicestage_application" "example" {
  name        = "terraform"
  description = "made by Terraform"

  environment {
    id = huaweicloud_servicestage_environment.example.id

    variable {
      name  = "owner"
      value = "terraform"
    }
  }
}

resource "huaweicloud_servicestage_component" "example" {
  application_id = huaweicloud_servicestage_application.example.id
  name           = "hello"
  type           = "Common"
  runtime        = "Nodejs8"

  source {
    type         = "package"
    storage_type = "swr"
    url          = var.package_url
  }
}

# No "storage" and no HTTP "probe" here: the provider sets keys for them that its own schema lacks.
resource "huaweicloud_servicestage_component_instance" "example" {
  application_id = huaweicloud_servicestage_application.example.id
  component_id   = huaweicloud_servicestage_component.example.id
  environment_id = huaweicloud_servicestage_environment.example.id

  name      = "hello"
  version   = var.release
  replica   = 1
  flavor_id = "MICRO-5G:0.5C:1G"

  artifact {
    name    = "hello"
    type    = "package"
    storage = "swr"
    url     = var.package_url
  }

  refer_resource {
    type = "cce"
    id   = "b6862a62-d916-11e9-bdf1-0255ac101fd9"

    parameters = {
      namespace = "default"
    }
  }

  refer_resource {
    type = "elb"
    id   = "8c0a45cc-626f-4d65-8257-507ee059aa9a"
  }

  configuration {
    env_variable {
      name  = "log-level"
      value = "warn"
    }
  }
}

output "status" {
  value = huaweicloud_servicestage_component_instance.example.status
}
