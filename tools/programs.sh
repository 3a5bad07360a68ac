#!/bin/bash
# The programs that are proven, as guest/ has them (NAME.elf, NAME.sha256, NAME.key), and what the build calls each. To be sourced.

programs=(program chain)
declare -A binaries=([program]=proofbook-guest [chain]=proofbook-guest-chain)
