# Every image of the project, for both kinds of processor:
#   docker buildx bake --file deploy/images/docker-bake.hcl --push
# What is in the group `programs` is compiled for the other kind by any machine. The two of `debian` install packages, so theirs is built by a
# builder that has that kind, or under emulation. The bases and the place of the images are variables; build.sh sets them from bases.env.
variable "PROJECT_IMAGES" { default = "magnitude" }
variable "TAG" { default = "dev" }
variable "REVISION" { default = "unknown" }
variable "DEBIAN_IMAGE" { default = "debian:trixie-slim" }
variable "RUST_IMAGE" { default = "rust:1.95-trixie" }
variable "NODE_IMAGE" { default = "node:22-trixie-slim" }
variable "RUNTIME_IMAGE" { default = "gcr.io/distroless/cc-debian13:nonroot" }

group "default" { targets = ["programs", "debian"] }
group "programs" { targets = ["services", "once"] }

target "every" { platforms = ["linux/amd64", "linux/arm64"] }

target "rust" {
  inherits   = ["every"]
  context    = "."
  dockerfile = "deploy/images/Dockerfile"
  args = {
    RUST_IMAGE    = RUST_IMAGE
    NODE_IMAGE    = NODE_IMAGE
    RUNTIME_IMAGE = RUNTIME_IMAGE
    VERSION       = TAG
    REVISION      = REVISION
  }
}

target "services" {
  inherits = ["rust"]
  name     = service
  matrix   = { service = ["accounts", "social", "articles", "media"] }
  target   = "service"
  args     = { SERVICE = service }
  tags     = ["${PROJECT_IMAGES}/${service}:${TAG}"]
}

target "once" {
  inherits = ["rust"]
  name     = once
  matrix   = { once = ["publish", "load"] }
  target   = once
  tags     = ["${PROJECT_IMAGES}/${once}:${TAG}"]
}

target "debian" {
  inherits = ["every"]
  name     = part
  matrix   = { part = ["postgres", "edge"] }
  context  = "deploy/${part}"
  args     = { DEBIAN_IMAGE = DEBIAN_IMAGE }
  tags     = ["${PROJECT_IMAGES}/${part}:${TAG}"]
}
