//! The tests of a binary once more, where the kernel refuses barriers in all threads: readers and reclaimers then go the other way.
//!
//! A filter of system calls is put over a child process before it becomes this binary anew, and lasts.
#![allow(unsafe_code)]

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

fn instruction(code: u32, jump_false: u8, value: u32) -> libc::sock_filter {
    libc::sock_filter {
        code: code as u16,
        jt: 0,
        jf: jump_false,
        k: value,
    }
}

/// From now on the kernel refuses the call `membarrier` to this process, and to all that it becomes.
fn refuse_membarrier() -> io::Result<()> {
    let refusal = libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32;
    let load = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    let equals = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    let give = libc::BPF_RET | libc::BPF_K;
    let mut program = [
        // The number of the call is the first word of what the filter is shown.
        instruction(load, 0, 0),
        instruction(equals, 1, libc::SYS_membarrier as u32),
        instruction(give, 0, refusal),
        instruction(give, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let filter = libc::sock_fprog {
        len: program.len() as u16,
        filter: program.as_mut_ptr(),
    };
    let filter = std::ptr::from_ref(&filter);
    // SAFETY: the first call takes numbers; the second copies the program, which lives.
    let is_set = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, filter) == 0
    };
    if is_set {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Runs all tests of this binary but the calling one.
pub fn run_all_but(test: &str) {
    let binary = std::env::current_exe().expect("a test knows its binary");
    let mut command = Command::new(binary);
    command.args(["--skip", test]);
    // SAFETY: the child makes two system calls and allocates nothing.
    unsafe { command.pre_exec(refuse_membarrier) };
    let output = command.output().expect("the kernel has filters");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && !said.contains(" 0 passed"),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
