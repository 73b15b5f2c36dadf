//! The process that decodes, by itself.

use std::{
    io::Write,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use image::ImageFormat;
use magnitude_kit::eventually;
use magnitude_media::decode::Limits;

use crate::images::{encoded, glass, jpeg, picture};

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
    // Sixteen large variants take much more than a second.
    let file = jpeg(7_000, 7_000);
    let hasty = Limits { cpu_seconds: 1, widths: (1..=16).map(|n| n * 400).collect(), ..limits() };

    let output = run(&hasty, &file);

    assert_eq!(output.status.signal(), Some(24), "SIGXCPU, {:?}", output.status);
}

/// What the child says, and the most memory it had, in MiB.
fn measured(limits: &Limits, file: &[u8]) -> (Output, u64) {
    let mut child = start(limits);
    let status = format!("/proc/{}/status", child.id());
    child.stdin.take().unwrap().write_all(file).ok();
    let mut most = 0;
    let mut output = child.stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut said = Vec::new();
        std::io::Read::read_to_end(&mut output, &mut said).ok();
        said
    });
    let limit = Instant::now() + Duration::from_mins(5);
    while child.try_wait().expect("it is ours").is_none() {
        assert!(Instant::now() < limit, "it does not end");
        let peak = of(&std::fs::read_to_string(&status).unwrap_or_default(), "VmHWM:");
        most = most.max(peak.trim_end_matches("kB").trim().parse::<u64>().unwrap_or(0) / 1_024);
        std::thread::sleep(Duration::from_millis(2));
    }
    let mut output = child.wait_with_output().expect("it ended");
    output.stdout = reader.join().expect("it reads");
    (output, most)
}

#[test]
fn fifty_megapixels_stay_within_the_bound() {
    let (wide, high) = (8_165, 6_123);
    // Memory is what is bounded here, and a busy machine takes longer.
    let patient = Limits { cpu_seconds: 60, ..limits() };
    let files = [("JPEG", encoded(&picture(wide, high), ImageFormat::Jpeg)), ("PNG", encoded(&glass(wide, high), ImageFormat::Png))];
    for (name, file) in files {
        assert!(file.len() <= 25 << 20, "{name} has {} bytes", file.len());

        let (output, most) = measured(&patient, &file);

        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.starts_with('v'), "{name}: {:?} {:.100} {:?}", output.status, said, output.stderr);
        assert!((150..=300).contains(&most), "{name} took {most} MiB");
    }
}

/// Not by what the head says, but by what decoding takes.
#[test]
fn the_bound_holds_whatever_a_decoder_does() {
    let file = jpeg(4_000, 3_000);
    for mebibytes in [36, 40, 48] {
        let (output, most) = measured(&Limits { memory_bytes: mebibytes << 20, ..limits() }, &file);

        let (said, complaint) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let refused = said.contains("needs too much memory") || complaint.contains("memory allocation");
        assert!(refused, "{mebibytes}: {:?} {said:.50} {complaint}", output.status);
        assert!(most < mebibytes + 30, "{mebibytes}: {most}");
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
