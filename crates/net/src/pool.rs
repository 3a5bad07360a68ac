//! Bounded pools of buffers: slots of `proofbook_memory`'s pools for what is known of each, and one mapped region for their bytes.
//!
//! [`BufferPool`] is one for all threads, [`NodeBufferPool`] has a part on each node of memory, which threads reach through a [`BufferCache`]. Both are
//! made whole at the beginning: taking a buffer asks the operating system for nothing, and where all are in use the answer is an error.
//!
//! Invariants: a buffer's bytes lie at its slot's number times the room, so that no two buffers share a byte; a pool lives until its last
//! buffer is back.
#![allow(unsafe_code)]

use std::fmt;
use std::ptr::NonNull;

use proofbook_memory::numa::{NodeId, Topology, NODES_MAX};
use proofbook_memory::pool::{
    Handle, LockFreePool, NodeStatistics, NumaOptimizedPool, NumaPoolConfig, PoolConfig, PoolError,
    PoolStatistics, ThreadCache,
};
use proofbook_memory::sync::Arc;

use crate::error::{in_range, NetError};
use crate::frame::{Frame, FrameRef};
use crate::mapping::{Region, BYTES_MAX};
use crate::owners::PooledBuffer;

/// Rooms are whole cache lines, so that no two buffers share one.
const ROOM_STEP: usize = 64;

/// Where buffers come from.
pub trait BufferSource {
    /// A buffer with one owner.
    ///
    /// # Errors
    /// Where all are in use.
    fn take(&mut self) -> Result<PooledBuffer, PoolError>;
}

/// How many buffers there are and how large they are; the room in whole cache lines.
#[derive(Clone, Copy, Debug)]
struct Dimensions {
    buffers: usize,
    room: usize,
    pool_id: u16,
}

impl Dimensions {
    fn check(pool_id: u16, buffers: usize, room: usize) -> Result<Dimensions, NetError> {
        let most = BYTES_MAX / ROOM_STEP;
        in_range("buffers of a pool", buffers, 1, most)?;
        in_range("room of a buffer", room, 1, BYTES_MAX)?;
        let room = room.next_multiple_of(ROOM_STEP);
        in_range("buffers of a pool", buffers, 1, BYTES_MAX / room)?;
        Ok(Dimensions {
            buffers,
            room,
            pool_id,
        })
    }

    fn region(self) -> Result<Region, NetError> {
        Region::anonymous(self.buffers * self.room)
    }

    fn frame(self) -> Frame {
        Frame::new(self.pool_id, self.room as u32)
    }
}

/// The content of a pool for all threads.
pub(crate) struct Common {
    slots: LockFreePool<Frame>,
    region: Region,
    dimensions: Dimensions,
}

/// The content of a pool with parts on nodes.
pub(crate) struct OnNodes {
    slots: Arc<NumaOptimizedPool<Frame>>,
    /// A region for each node, in order.
    regions: Box<[Region]>,
    dimensions: Dimensions,
}

/// Where a frame goes when its last owner is gone.
pub(crate) enum Home {
    /// A pool for all threads.
    Common(Arc<Common>),
    /// A pool with parts on nodes.
    OnNodes(Arc<OnNodes>),
}

impl Home {
    /// Takes a frame back.
    ///
    /// # Safety
    /// The frame came out of this pool's slots, its last owner gives it, and nobody uses it any more.
    pub(crate) unsafe fn take_back(self, frame: NonNull<Frame>) {
        match self {
            // SAFETY: the caller's promise.
            Home::Common(pool) => drop(unsafe { pool.slots.from_raw(frame) }),
            // SAFETY: the caller's promise.
            Home::OnNodes(pool) => drop(unsafe { pool.slots.from_raw(frame) }),
        }
    }
}

/// A pool of buffers for all threads.
///
/// ```
/// use proofbook_net::{BufferPool, BufferSource};
///
/// let mut pool = BufferPool::new(7, 1, 2048)?;
/// let mut buffer = pool.take()?;
/// buffer.bytes_mut()[..5].copy_from_slice(b"hello");
/// let packet = buffer.share(5)?;
/// let other = packet.clone();
/// assert!(pool.take().is_err(), "the one buffer is in use");
/// drop(packet);
/// assert_eq!((other.payload(), other.buffer().pool_id()), (&b"hello"[..], 7));
/// drop(other);
/// assert_eq!(pool.statistics().in_use, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct BufferPool {
    common: Arc<Common>,
}

impl BufferPool {
    /// So many buffers with this room, rounded up to whole cache lines; `pool_id` is the name that its buffers carry.
    ///
    /// # Errors
    /// Where a number is out of its range, or there is no memory.
    pub fn new(pool_id: u16, buffers: usize, room: usize) -> Result<BufferPool, NetError> {
        let dimensions = Dimensions::check(pool_id, buffers, room)?;
        let common = Common {
            slots: LockFreePool::new(PoolConfig::fixed(buffers))?,
            region: dimensions.region()?,
            dimensions,
        };
        Ok(BufferPool {
            common: Arc::new(common),
        })
    }

    /// A buffer with one owner.
    ///
    /// # Errors
    /// Where all are in use.
    #[inline]
    pub fn take(&self) -> Result<PooledBuffer, PoolError> {
        let Common {
            slots,
            region,
            dimensions,
        } = &*self.common;
        let mut frame = slots
            .allocate(dimensions.frame())
            .map_err(|refused| refused.error)?;
        let number = LockFreePool::number_of(&frame);
        let address = region.address(number as usize * dimensions.room);
        frame.settle(address, number, 0, Home::Common(Arc::clone(&self.common)));
        // SAFETY: the frame came out of these slots, and its handle, which ends here, was its only owner; its number is that of no other.
        Ok(PooledBuffer::new(unsafe {
            FrameRef::first(Handle::into_raw(frame))
        }))
    }

    /// What the pool holds now.
    pub fn statistics(&self) -> PoolStatistics {
        self.common.slots.statistics()
    }
}

impl BufferSource for BufferPool {
    #[inline]
    fn take(&mut self) -> Result<PooledBuffer, PoolError> {
        BufferPool::take(self)
    }
}

impl fmt::Debug for BufferPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BufferPool")
            .field(&self.statistics())
            .finish()
    }
}

/// A pool of buffers with a part on each node of memory.
#[derive(Clone)]
pub struct NodeBufferPool {
    on_nodes: Arc<OnNodes>,
}

impl NodeBufferPool {
    /// So many buffers on each node of the topology, with this room. On a real topology the bytes of each part are wished onto its node; where the
    /// operating system refuses, they lie where it puts them.
    ///
    /// # Errors
    /// Where a number is out of its range, or there is no memory.
    pub fn new(
        pool_id: u16,
        topology: Topology,
        buffers_per_node: usize,
        room: usize,
    ) -> Result<NodeBufferPool, NetError> {
        let dimensions = Dimensions::check(pool_id, buffers_per_node, room)?;
        let mut regions = Vec::with_capacity(topology.nodes().len());
        for node in topology.nodes() {
            let region = dimensions.region()?;
            if !topology.is_simulated() {
                // A wish: a refusal leaves the memory as good as before.
                let _refusal = region.place(node).err();
            }
            regions.push(region);
        }
        let config = NumaPoolConfig::local_first(PoolConfig::fixed(buffers_per_node));
        let on_nodes = OnNodes {
            slots: Arc::new(NumaOptimizedPool::new(topology, config)?),
            regions: regions.into(),
            dimensions,
        };
        Ok(NodeBufferPool {
            on_nodes: Arc::new(on_nodes),
        })
    }

    /// A thread's way to the pool, on this node.
    ///
    /// # Errors
    /// Where the topology has no such node.
    pub fn cache_on(&self, node: NodeId) -> Result<BufferCache, NetError> {
        Ok(BufferCache {
            cache: NumaOptimizedPool::shared_thread_cache_on(&self.on_nodes.slots, node)?,
            on_nodes: Arc::clone(&self.on_nodes),
        })
    }

    /// What each node's part holds now. Slots in the caches count as handed out.
    pub fn statistics(&self) -> Vec<NodeStatistics> {
        self.on_nodes.slots.statistics().nodes
    }
}

impl fmt::Debug for NodeBufferPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NodeBufferPool")
            .field(&self.statistics())
            .finish()
    }
}

/// A thread's buffers of a [`NodeBufferPool`], taken from it a batch at a time.
#[derive(Debug)]
pub struct BufferCache {
    cache: ThreadCache<Frame, Arc<NumaOptimizedPool<Frame>>>,
    on_nodes: Arc<OnNodes>,
}

impl BufferSource for BufferCache {
    #[inline]
    fn take(&mut self) -> Result<PooledBuffer, PoolError> {
        let OnNodes {
            regions,
            dimensions,
            ..
        } = &*self.on_nodes;
        let mut frame = self
            .cache
            .allocate(dimensions.frame())
            .map_err(|refused| refused.error)?;
        let place = NumaOptimizedPool::place_of(&frame);
        let address = regions[place.node.index()].address(place.number as usize * dimensions.room);
        let home = Home::OnNodes(Arc::clone(&self.on_nodes));
        frame.settle(address, place.number, place.node.0 as u16, home);
        // SAFETY: the frame came out of these slots, and its handle, which ends here, was its only owner; no other has its place.
        Ok(PooledBuffer::new(unsafe {
            FrameRef::first(Handle::into_raw(frame))
        }))
    }
}

impl fmt::Debug for OnNodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OnNodes").field(&self.dimensions).finish()
    }
}

const _: () = assert!(NODES_MAX <= 1 << u16::BITS, "a node fits its field");
