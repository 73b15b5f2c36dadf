//! The social service: who follows whom.

fn main() -> std::process::ExitCode {
    magnitude_chassis::run(magnitude_social::Social)
}
