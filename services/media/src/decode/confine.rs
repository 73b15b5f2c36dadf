//! Takes from this process what decoding does not need, for good.

use std::collections::BTreeMap;

use anyhow::Context;
use rustix::{
    process::{Resource, Rlimit, setrlimit},
    thread::set_no_new_privs,
};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};

use super::Limits;

/// Address space may be reserved without being used; this only keeps it from being endless.
const ADDRESSES: u64 = 4 << 30;

/// What memory, standard streams, time and an orderly end take. Everything else, such as opening a file, a socket or a process, is refused.
const ALLOWED: [libc::c_long; 34] = [
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_lseek,
    libc::SYS_ppoll,
    libc::SYS_brk,
    libc::SYS_mmap,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_mprotect,
    libc::SYS_madvise,
    libc::SYS_futex,
    libc::SYS_getrandom,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_tgkill,
    libc::SYS_tkill,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

pub fn confine(limits: &Limits) -> anyhow::Result<()> {
    let bound = |resource, most| {
        // As much again before the hard end: the first signal says why.
        let hard = if matches!(resource, Resource::Cpu) { most + 1 } else { most };
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(hard) })
    };
    bound(Resource::Data, limits.memory_bytes).context("memory")?;
    bound(Resource::As, ADDRESSES).context("addresses")?;
    bound(Resource::Cpu, limits.cpu_seconds).context("processor time")?;
    bound(Resource::Fsize, 0).context("files")?;
    bound(Resource::Core, 0).context("core files")?;
    set_no_new_privs(true).context("privileges")?;
    seccompiler::apply_filter(&filter()?).context("system calls")
}

fn filter() -> anyhow::Result<BpfProgram> {
    let arch: TargetArch = std::env::consts::ARCH.try_into().context("system calls cannot be filtered on this kind of processor")?;
    let rules: BTreeMap<i64, Vec<_>> = ALLOWED.into_iter().map(|call| (call, vec![])).collect();
    let refused = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    Ok(SeccompFilter::new(rules, refused, SeccompAction::Allow, arch)?.try_into()?)
}
