//! The media service: uploads, their variants, and the origin of the web application.

use clap::Subcommand;
use magnitude_media::{Media, decode, publish};

// Not a doc comment: help would show it. `media decode` is not among them, since the service runs it for itself.
#[derive(Subcommand)]
enum Command {
    /// Publishes a built web application: a folder with index.html and assets/.
    Publish { folder: std::path::PathBuf },
    /// Removes assets that the published application does not have and that were last published so many days ago.
    Prune {
        #[arg(long, default_value_t = 30)]
        days: u32,
    },
}

fn main() -> std::process::ExitCode {
    // Before anything is read or opened: this process is to have nothing.
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some(decode::COMMAND) {
        return decode::main(arguments.next().as_deref());
    }
    magnitude_chassis::run_with(Media, async |settings, command| match command {
        Command::Publish { folder } => publish::publish(&settings.objects, &folder).await,
        Command::Prune { days } => publish::prune(&settings.objects, days).await,
    })
}
