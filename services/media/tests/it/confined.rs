//! The process that decodes, by itself.

use std::{
    io::Write,
    process::{Child, Command, Output, Stdio},
};

use image::ImageFormat;
use magnitude_kit::eventually;
use magnitude_media::decode::Limits;

use crate::images::{encoded, jpeg, picture};

fn limits() -> Limits {
    Limits {
        widths: vec![96, 256, 640, 1280],
        most_bytes: 25 << 20,
        most_pixels: 50_000_000,
        longest_side: 16_000,
        memory_bytes: 280 << 20,
        cpu_seconds: 10,
        quality: 80.0,
    }
}

fn start(limits: &Limits) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_media"));
    command.arg("decode").arg(serde_json::to_string(limits).unwrap());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
}

fn run(limits: &Limits, file: &[u8]) -> Output {
    let mut child = start(limits);
    // It may have ended before it took all.
    child.stdin.take().unwrap().write_all(file).ok();
    child.wait_with_output().expect("it ends")
}

fn of(proc: &str, name: &str) -> String {
    proc.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned()
}

#[tokio::test]
async fn the_process_can_reach_nothing_and_has_bounds() {
    let mut child = start(&limits());
    let read = |what: &str| std::fs::read_to_string(format!("/proc/{}/{what}", child.id())).unwrap_or_default();
    eventually("its system calls are filtered", async || of(&read("status"), "Seccomp:") == "2").await;

    assert_eq!(of(&read("status"), "NoNewPrivs:"), "1");
    assert_eq!(of(&read("status"), "Threads:"), "1");
    let bounds = read("limits");
    assert!(of(&bounds, "Max data size").starts_with(&(280 << 20).to_string()), "{bounds}");
    assert!(of(&bounds, "Max cpu time").starts_with("10"), "{bounds}");
    assert!(of(&bounds, "Max core file size").starts_with('0'), "{bounds}");

    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_picture_that_needs_more_memory_than_there_is_is_refused() {
    let small = Limits { memory_bytes: 32 << 20, ..limits() };

    let output = run(&small, &jpeg(4_000, 3_000));

    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("needs too much memory"), "{output:?}");
}

#[test]
fn processor_time_ends_the_process() {
    use std::os::unix::process::ExitStatusExt;
    // Slow to decode: many pixels, more than a second of them in the profile that tests run in.
    let file = encoded(&picture(7_000, 7_000), ImageFormat::WebP);
    let hasty = Limits { cpu_seconds: 1, widths: (1..=16).map(|n| n * 400).collect(), ..limits() };

    let output = run(&hasty, &file);

    assert_eq!(output.status.signal(), Some(24), "SIGXCPU, {:?}", output.status);
}

#[test]
fn fifty_megapixels_stay_within_the_bound() {
    for (name, format) in [("JPEG", ImageFormat::Jpeg), ("PNG", ImageFormat::Png)] {
        let file = encoded(&picture(8_165, 6_123), format);
        assert!(file.len() <= 25 << 20 || format == ImageFormat::Png, "{name} has {} bytes", file.len());
        let output = run(&Limits { most_bytes: 200 << 20, ..limits() }, &file);
        let refused = String::from_utf8_lossy(&output.stdout).contains("memory");
        assert!(output.status.success() && !refused, "{name}: {:?} {}", output.status, String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn it_is_for_the_service_only() {
    let output = Command::new(env!("CARGO_BIN_EXE_media")).arg("decode").output().unwrap();

    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("for the service itself"));
    let help = Command::new(env!("CARGO_BIN_EXE_media")).arg("--help").output().unwrap();
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    assert!(help.contains("publish") && help.contains("prune") && !help.contains("decode"), "{help}");
}
