//! Topologies as directories describe them and as this machine has them; threads and pages where they were wished.

use std::fs;
use std::path::Path;

use proofbook_memory::numa::{
    self, CpuSet, NodeId, NumaError, Placement, Topology, CPUS_MAX, NODES_MAX,
};

/// `EPERM`: what a container without the right to place things says.
const NOT_PERMITTED: i32 = 1;

/// The result, or `None` where this process may not place things, which is said.
fn permitted<T: std::fmt::Debug>(result: Result<T, NumaError>) -> Option<T> {
    match result {
        Err(NumaError::Refused {
            call,
            code: NOT_PERMITTED,
        }) => {
            println!("skipped: this process may not call {call}");
            None
        }
        other => Some(other.expect("the machine's own nodes are placed without error")),
    }
}

#[test]
fn lists_of_processors_read_back_as_written() {
    for (list, count, written) in [
        ("0-3,8,10-11\n", 7, "0-3,8,10-11"),
        ("", 0, ""),
        ("5", 1, "5"),
        ("1,0,2", 3, "0-2"),
        ("63-64,128", 3, "63-64,128"),
    ] {
        let set = CpuSet::parse(list).expect("it is a list");
        assert_eq!((set.len(), set.to_string().as_str()), (count, written));
        assert_eq!(set.iter().count(), count);
        assert!(set.iter().all(|cpu| set.contains(cpu)));
        assert_eq!(set.is_empty(), count == 0);
    }
    for list in ["a", "3-1", "1-", "-", "1 2"] {
        let error = CpuSet::parse(list).expect_err("it is no list");
        assert!(
            matches!(&error, NumaError::Malformed { received, .. } if received == list),
            "{error}"
        );
    }
    let error = CpuSet::parse(&format!("0-{CPUS_MAX}")).expect_err("beyond the bound");
    assert_eq!(
        error,
        NumaError::Beyond {
            what: "number of a processor",
            limit: CPUS_MAX - 1,
            received: CPUS_MAX
        }
    );
}

/// Writes the description of one node.
fn describe(directory: &Path, number: usize, cpus: &str, distances: &str) {
    let of_node = directory.join(format!("node{number}"));
    fs::create_dir_all(&of_node).expect("a directory of the test");
    fs::write(of_node.join("cpulist"), cpus).expect("a file of the test");
    fs::write(of_node.join("distance"), distances).expect("a file of the test");
}

#[test]
fn a_described_machine_with_a_gap_in_its_numbers() {
    let directory = std::env::temp_dir().join(format!("proofbook-nodes-{}", std::process::id()));
    describe(&directory, 0, "0-1,8-9\n", "10 21 31\n");
    describe(&directory, 2, "2-3\n", "21 10 16\n");
    describe(&directory, 3, "\n", "31 16 10\n");
    fs::write(directory.join("online"), "0,2-3\n").expect("a file of the test");
    let topology = Topology::read(&directory).expect("a whole description");
    assert_eq!(topology.nodes().len(), 3);
    assert!(!topology.is_simulated());
    let system_ids: Vec<u32> = topology.nodes().iter().map(|node| node.system_id).collect();
    assert_eq!(system_ids, [0, 2, 3]);
    assert_eq!(topology.node_of_cpu(9), Some(NodeId(0)));
    assert_eq!(topology.node_of_cpu(3), Some(NodeId(1)));
    assert_eq!(topology.node_of_cpu(4), None);
    assert_eq!(
        topology.nearest_first(NodeId(0)),
        Ok(vec![NodeId(0), NodeId(1), NodeId(2)])
    );
    assert_eq!(
        topology.nearest_first(NodeId(2)),
        Ok(vec![NodeId(2), NodeId(1), NodeId(0)])
    );
    assert_eq!(
        topology.nearest_first(NodeId(3)),
        Err(NumaError::UnknownNode {
            nodes: 3,
            received: 3
        })
    );

    fs::write(directory.join("node2/distance"), "21 10\n").expect("a file of the test");
    let error = Topology::read(&directory).expect_err("a distance is missing");
    assert_eq!(
        error,
        NumaError::Malformed {
            expected: "a distance for each node",
            received: "21 10".to_string()
        }
    );
    fs::remove_file(directory.join("node3/cpulist")).expect("a file of the test");
    fs::write(directory.join("node2/distance"), "21 10 16\n").expect("a file of the test");
    let error = Topology::read(&directory).expect_err("a file is missing");
    assert!(
        matches!(&error, NumaError::Unreadable { path, .. } if path.ends_with("node3/cpulist"))
    );
    fs::remove_dir_all(&directory).expect("a directory of the test");
}

#[test]
fn a_simulated_machine_never_reaches_the_system() {
    let topology = Topology::simulated(4, 3).expect("within the bounds");
    assert!(topology.is_simulated());
    assert_eq!(topology.node_of_cpu(11), Some(NodeId(3)));
    assert_eq!(
        topology.nearest_first(NodeId(2)).map(|order| order[0]),
        Ok(NodeId(2))
    );
    assert_eq!(topology.place_thread(NodeId(3)), Ok(Placement::Simulated));
    assert!(topology.node_of_address(&topology).is_err());
    assert_eq!(
        topology.place_thread(NodeId(4)),
        Err(NumaError::UnknownNode {
            nodes: 4,
            received: 4
        })
    );
    assert!(matches!(
        Topology::simulated(0, 1),
        Err(NumaError::Malformed { .. })
    ));
    assert_eq!(
        Topology::simulated(NODES_MAX + 1, 1),
        Err(NumaError::Beyond {
            what: "nodes",
            limit: NODES_MAX,
            received: NODES_MAX + 1
        })
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_pinned_thread_runs_where_it_was_pinned() {
    let topology = Topology::detect().expect("Linux describes its nodes");
    let allowed = numa::thread_cpus().expect("Linux knows where a thread may run");
    let last = allowed.iter().last().expect("it may run somewhere");
    let mut only = CpuSet::new();
    only.insert(last).expect("the system has that processor");
    let placed = std::thread::spawn(move || {
        permitted(numa::pin_thread(&only))?;
        assert_eq!(numa::thread_cpus(), Ok(only));
        assert_eq!(numa::current_cpu(), Ok(last));
        assert_eq!(topology.current_node().ok(), topology.node_of_cpu(last));
        Some(())
    });
    placed.join().expect("the thread's checks hold");
    // The affinity of this thread is its own.
    assert_eq!(numa::thread_cpus(), Ok(allowed));
}

#[cfg(target_os = "linux")]
#[test]
fn nowhere_is_no_place() {
    let error = numa::pin_thread(&CpuSet::new()).expect_err("a thread must run somewhere");
    assert!(
        matches!(
            error,
            NumaError::Refused {
                call: "sched_setaffinity",
                ..
            }
        ),
        "{error}"
    );
    assert!(
        error
            .to_string()
            .starts_with("sched_setaffinity was refused: "),
        "{error}"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn pages_lie_where_they_were_placed() {
    let topology = Topology::detect().expect("Linux describes its nodes");
    let page = numa::page_bytes();
    for node in topology.nodes() {
        // Two pages, so that a whole one lies within.
        let mut memory = vec![0u8; 2 * page];
        let offset = memory.as_ptr().align_offset(page);
        let start = memory[offset..].as_ptr();
        if permitted(numa::place_memory(start, page, node)).is_none() {
            return;
        }
        memory[offset] = 1;
        if let Some(found) = permitted(topology.node_of_address(start)) {
            // A node that has no memory cannot be where it lies.
            assert!(found == node.id || topology.nodes().len() > 1);
        }
        permitted(numa::forget_place(start, page));
        let error = numa::place_memory(start.wrapping_add(1), page, node);
        assert!(
            matches!(error, Err(NumaError::Refused { call: "mbind", .. })),
            "{error:?}"
        );
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_thread_is_placed_on_each_node_in_turn() {
    let topology = Topology::detect().expect("Linux describes its nodes");
    let first = topology.nodes()[0].id;
    let placed = std::thread::spawn(move || {
        if permitted(topology.place_thread(first)).is_some() {
            assert_eq!(topology.current_node(), Ok(first));
            permitted(numa::prefer_any_node());
        }
    });
    placed.join().expect("the thread's checks hold");
}
