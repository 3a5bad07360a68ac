//! Nodes of memory: which there are, which processors belong to them, and where threads and pages lie.
//!
//! On a machine with several memory controllers, a processor reaches the memory of its own node faster than that of another. A
//! [`Topology`] says what the machine looks like, or pretends to be a machine with more nodes, so that code for such machines runs and is
//! tested on one without. The functions of this module ask the operating system to place threads and memory. That is always a request:
//! where it cannot be had, the error names the call and the reason, and nothing else has changed.
//!
//! A simulated topology never reaches the operating system: [`Topology::place_thread`] then only says [`Placement::Simulated`].

mod cpu_set;
mod error;
mod topology;

#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod system;
#[cfg(not(target_os = "linux"))]
#[path = "elsewhere.rs"]
mod system;

pub use cpu_set::{CpuSet, CPUS_MAX};
pub use error::NumaError;
pub use system::{
    current_cpu, forget_place, page_bytes, pin_thread, place_memory, prefer_any_node, prefer_node,
    thread_cpus,
};
pub use topology::{Node, NodeId, Placement, Topology, NODES_MAX};
