#!/bin/bash
# The compiler for the zkVM's target, for the scripts beside this file that `source` it.
#
# The target has no ready-made core library, so core and alloc are built from source. A compiler that carries its
# source does that; Debian's packages below are one. They are installed where that is possible (Debian, root). Elsewhere a
# check says that it was skipped, and why; with PROOFBOOK_RISCV=require it fails.

riscv_target=riscv64im-unknown-none-elf
riscv_packages=(rustc-web rust-web-src cargo-web lld)
riscv_rustc=/usr/bin/rustc
riscv_cargo=/usr/bin/cargo

riscv_has_compiler() {
    [[ -x $riscv_rustc && -x $riscv_cargo ]] || return 1
    command -v ld.lld >/dev/null || return 1
    [[ -e $($riscv_rustc --print sysroot)/lib/rustlib/src/rust/library/core/Cargo.toml ]] || return 1
    $riscv_rustc --print target-list | grep -qx "$riscv_target"
}

# Ends the script: riscv_skip WHAT REASON
riscv_skip() {
    echo "$1 SKIPPED: $2." >&2
    [[ ${PROOFBOOK_RISCV:-} != require ]]
    exit
}

# Returns once there is a compiler; ends the script as skipped where there cannot be one: riscv_compiler WHAT
riscv_compiler() {
    riscv_has_compiler && return
    local wanted log
    wanted="it needs $riscv_rustc with its source and the target $riscv_target (Debian: apt-get install ${riscv_packages[*]})"
    command -v apt-get >/dev/null || riscv_skip "$1" "$wanted, and there is no apt-get"
    [[ $(id -u) == 0 ]] || riscv_skip "$1" "$wanted, and installing takes root"
    log=$(mktemp)
    echo "Installing ${riscv_packages[*]} ..." >&2
    riscv_install "${riscv_packages[@]}" >"$log" 2>&1 || {
        tail -n 5 "$log" >&2
        rm -f "$log"
        riscv_skip "$1" "$wanted, and installing them failed"
    }
    rm -f "$log"
    riscv_has_compiler || riscv_skip "$1" "$wanted, and the packages of this system are too old"
}

riscv_install() {
    local -x DEBIAN_FRONTEND=noninteractive
    local timeout=(-o Acquire::http::Timeout=20 -o Acquire::Retries=1)
    apt-get "${timeout[@]}" update && apt-get "${timeout[@]}" install --yes --no-install-recommends "$@"
}
