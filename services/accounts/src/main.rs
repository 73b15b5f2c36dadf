fn main() -> std::process::ExitCode {
    magnitude_chassis::run(magnitude_accounts::Accounts)
}
