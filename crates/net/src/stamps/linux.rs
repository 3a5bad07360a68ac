//! Times by the calls of Linux: `setsockopt` with `SO_TIMESTAMPING` or `SO_TIMESTAMPNS`, `recvmsg` with control messages.
//!
//! Linux, "Documentation/networking/timestamping.rst": a control message of the first kind has three times, of which the first is the
//! kernel's and the third the card's; one of the second kind has the kernel's alone. A time of zero is none.
#![allow(unsafe_code)]

use std::io;
use std::mem::{self, MaybeUninit};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd};
use std::ptr;

use super::{KernelStamps, Received};

/// What can be read: anything with a descriptor.
pub trait Readable: AsFd {}

impl<S: AsFd> Readable for S {}

/// Bytes for control messages: one with three times needs 64.
const CONTROL_BYTES: usize = 256;

const NS_PER_S: u64 = 1_000_000_000;

/// Has a socket say when it got what is read: the kernel's time, and the card's where it has one.
///
/// # Errors
/// Where the socket knows neither way of saying it.
pub fn request(socket: &impl Readable) -> io::Result<()> {
    let flags = libc::SOF_TIMESTAMPING_RX_SOFTWARE
        | libc::SOF_TIMESTAMPING_SOFTWARE
        | libc::SOF_TIMESTAMPING_RX_HARDWARE
        | libc::SOF_TIMESTAMPING_RAW_HARDWARE;
    set_option(socket, libc::SO_TIMESTAMPING, flags)
        .or_else(|_| set_option(socket, libc::SO_TIMESTAMPNS, 1))
}

fn set_option(socket: &impl Readable, name: libc::c_int, value: libc::c_uint) -> io::Result<()> {
    let fd = socket.as_fd().as_raw_fd();
    // SAFETY: the call reads a number of the length that it is given.
    let result = unsafe {
        let value = ptr::from_ref(&value).cast();
        let length = size_of::<libc::c_uint>() as libc::socklen_t;
        libc::setsockopt(fd, libc::SOL_SOCKET, name, value, length)
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Room for control messages, aligned as they are.
#[repr(C, align(8))]
struct Control([MaybeUninit<u8>; CONTROL_BYTES]);

/// Reads once, without waiting: into the room, with the times that the kernel says and, for a datagram, its sender.
///
/// # Errors
/// Those of the socket; one that would block is among them.
pub fn receive(socket: &impl Readable, room: &mut [u8]) -> io::Result<Received> {
    let mut place = libc::iovec {
        iov_base: room.as_mut_ptr().cast(),
        iov_len: room.len(),
    };
    let mut control = Control([MaybeUninit::uninit(); CONTROL_BYTES]);
    // SAFETY: an address is numbers, for which zeros are values.
    let mut from: libc::sockaddr_storage = unsafe { mem::zeroed() };
    // SAFETY: as above, with pointers that may be null.
    let mut message: libc::msghdr = unsafe { mem::zeroed() };
    message.msg_name = ptr::from_mut(&mut from).cast();
    message.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
    message.msg_iov = &mut place;
    message.msg_iovlen = 1;
    message.msg_control = control.0.as_mut_ptr().cast();
    message.msg_controllen = CONTROL_BYTES as _;
    let fd = socket.as_fd().as_raw_fd();
    // SAFETY: the message names a room, a list of one place, an address and a room for control messages, each with its length and
    // alive through the call.
    let length = unsafe { libc::recvmsg(fd, &mut message, libc::MSG_DONTWAIT) };
    let bytes = usize::try_from(length).map_err(|_| io::Error::last_os_error())?;
    Ok(Received {
        bytes,
        // SAFETY: the kernel wrote the control messages that the header names, into the room that is still there.
        stamps: unsafe { stamps_in(&message) },
        from: (message.msg_namelen > 0).then(|| address(&from)).flatten(),
        is_truncated: message.msg_flags & libc::MSG_TRUNC != 0,
    })
}

/// The times in the control messages.
///
/// # Safety
/// The message is one that `recvmsg` has filled in, with its control messages still there.
unsafe fn stamps_in(message: &libc::msghdr) -> KernelStamps {
    let mut stamps = KernelStamps::default();
    // SAFETY: the caller's promise; the macros of the C library walk within the length that the kernel wrote.
    unsafe {
        let mut header = libc::CMSG_FIRSTHDR(message);
        while let Some(control) = header.as_ref() {
            let data = libc::CMSG_DATA(control).cast::<libc::timespec>();
            match (control.cmsg_level, control.cmsg_type) {
                (libc::SOL_SOCKET, libc::SO_TIMESTAMPING) => {
                    let times = data.cast::<[libc::timespec; 3]>().read_unaligned();
                    stamps.software_ns = nanoseconds(&times[0]);
                    stamps.hardware_ns = nanoseconds(&times[2]);
                }
                (libc::SOL_SOCKET, libc::SO_TIMESTAMPNS) => {
                    stamps.software_ns = nanoseconds(&data.read_unaligned());
                }
                _ => {}
            }
            header = libc::CMSG_NXTHDR(message, header);
        }
    }
    stamps
}

/// A time as one number; none where it is zero or beyond what the number holds.
fn nanoseconds(time: &libc::timespec) -> Option<u64> {
    let seconds = u64::try_from(time.tv_sec).ok()?;
    let rest = u64::try_from(time.tv_nsec).ok()?;
    let time = seconds.checked_mul(NS_PER_S)?.checked_add(rest)?;
    (time > 0).then_some(time)
}

/// An address of the internet.
fn address(storage: &libc::sockaddr_storage) -> Option<SocketAddr> {
    let storage = ptr::from_ref(storage);
    // SAFETY: the storage is large enough and aligned for an address of either family, of which zeros are values too.
    match i32::from(unsafe { (*storage).ss_family }) {
        libc::AF_INET => {
            // SAFETY: as above.
            let address = unsafe { &*storage.cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(u32::from_be(address.sin_addr.s_addr));
            Some(SocketAddrV4::new(ip, u16::from_be(address.sin_port)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let address = unsafe { &*storage.cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(address.sin6_addr.s6_addr);
            let port = u16::from_be(address.sin6_port);
            let (flow, scope) = (address.sin6_flowinfo, address.sin6_scope_id);
            Some(SocketAddrV6::new(ip, port, flow, scope).into())
        }
        _ => None,
    }
}
