//! Where the objects of a pool lie: slots in chunks that are never moved and never given back before the pool is.
//!
//! A slot has a name of 32 bits: the number of its chunk in the high bits, its place in the chunk in the low ones. It holds an object and
//! nothing else; what the free list needs lies in another array of the chunk. A chunk begins at a multiple of a power of two at least as large
//! as itself, so that the address of an object gives its chunk, and the chunk its name.
//!
//! Slots that were never used are dealt out by a cursor, in order; what was used and freed is in the pool's free lists. A thread that finds no
//! chunk under the cursor makes one and publishes it with one exchange. If another was faster, it throws its own away and goes on: nobody
//! waits for anybody.
//!
//! Invariants: chunk `n` is published before any of its slots is named; the cursor never goes back; each slot is dealt out once.
#![allow(unsafe_code)]

use std::alloc::{alloc, dealloc, Layout};
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ptr::NonNull;

use super::error::in_range;
use super::stack::Links;
use super::PoolError;
use crate::numa::{self, Node, NodeId};
use crate::sync::{AtomicPtr, AtomicU32, AtomicUsize, Ordering, UnsafeCell};

/// The most slots that a pool can have. Names have room for four times as many, since chunks are rounded up to powers of two.
pub const CAPACITY_MAX: usize = 1 << 30;

/// The most chunks that a pool can have.
pub const CHUNKS_MAX: usize = 1 << 16;

/// How large a pool is and how it grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolConfig {
    /// Slots that it has at once, rounded up to whole chunks.
    pub initial_capacity: usize,
    /// Slots that come with each chunk.
    pub expansion_size: usize,
    /// Slots that it never has more of.
    pub max_capacity: usize,
    /// Whether each page of a chunk is touched when the chunk is made, so that no later use of it waits for the operating system.
    pub prefault: bool,
}

impl PoolConfig {
    /// A pool of one chunk that never grows.
    pub fn fixed(capacity: usize) -> PoolConfig {
        PoolConfig {
            initial_capacity: capacity,
            expansion_size: capacity,
            max_capacity: capacity,
            prefault: false,
        }
    }
}

/// What the first slot of a batch says of it, in the memory that an object will have.
#[derive(Clone, Copy, Debug)]
pub(super) struct BatchNode {
    /// The second slot of the batch.
    pub(super) second: u32,
    /// Slots of the batch, the first one included.
    pub(super) count: u32,
}

/// What a slot has room for.
#[repr(C)]
union Content<T> {
    object: ManuallyDrop<T>,
    batch: BatchNode,
}

/// Room for one object. It has no name outside of this module's parent.
pub struct Slot<T> {
    content: UnsafeCell<MaybeUninit<Content<T>>>,
}

impl<T> Slot<T> {
    /// Calls `f` with the object for reading.
    #[inline]
    pub(super) fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        self.content.with(|content| f(content.cast()))
    }

    /// Calls `f` with the object, or the room for it, for writing.
    #[inline]
    pub(super) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        self.content.with_mut(|content| f(content.cast()))
    }

    /// Calls `f` with the room for what a batch's first slot says.
    #[inline]
    pub(super) fn with_batch<R>(&self, f: impl FnOnce(*mut BatchNode) -> R) -> R {
        self.content.with_mut(|content| f(content.cast()))
    }
}

/// What the pool knows of a slot beside its content.
struct Beside {
    /// What lies below the slot in a free list.
    link: AtomicU32,
    /// Odd while an object is in the slot: each allocation and each free adds one.
    #[cfg(debug_assertions)]
    generation: AtomicU32,
}

/// How a chunk begins. It never changes once it is published.
pub(super) struct Chunk {
    /// The name of its first slot.
    first_name: u32,
    /// The node that its memory was asked of.
    pub(super) node: NodeId,
    beside: Box<[Beside]>,
}

/// Slots that were dealt out together: as many names from the first one on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) first: u32,
    pub(super) count: u32,
}

/// The slots of a pool.
pub(super) struct Slots<T> {
    chunks: Box<[AtomicPtr<Chunk>]>,
    /// Slots that were dealt out.
    cursor: AtomicU32,
    /// Chunks that were published.
    ready: AtomicU32,
    prefaulted_pages: AtomicUsize,
    placed_chunks: AtomicU32,
    slots_per_chunk: u32,
    /// A name's bits that are a place in a chunk.
    place_bits: u32,
    max: u32,
    layout: Layout,
    /// Where in a chunk its slots begin.
    slots_offset: usize,
    id: NodeId,
    /// The node that chunks are asked of, where the operating system can be asked.
    node: Option<Node>,
    prefault: bool,
    marker: PhantomData<Slot<T>>,
}

impl<T> Slots<T> {
    /// Slots with as many chunks as hold the initial capacity, on a node if one is given.
    pub(super) fn new(
        config: PoolConfig,
        id: NodeId,
        node: Option<Node>,
    ) -> Result<Self, PoolError> {
        let max = in_range("max_capacity", config.max_capacity, 1, CAPACITY_MAX)?;
        let per_chunk = in_range("expansion_size", config.expansion_size, 1, max)?;
        let initial = in_range("initial_capacity", config.initial_capacity, 0, max)?;
        let chunks = in_range("chunks", max.div_ceil(per_chunk), 1, CHUNKS_MAX)?;
        let too_large = PoolError::OutOfMemory { bytes: usize::MAX };
        let (layout, slots_offset) =
            chunk_layout::<T>(per_chunk, node.is_some()).ok_or(too_large)?;
        let slots = Slots {
            chunks: (0..chunks)
                .map(|_| AtomicPtr::new(std::ptr::null_mut()))
                .collect(),
            cursor: AtomicU32::new(0),
            ready: AtomicU32::new(0),
            prefaulted_pages: AtomicUsize::new(0),
            placed_chunks: AtomicU32::new(0),
            slots_per_chunk: per_chunk as u32,
            place_bits: per_chunk.next_power_of_two().trailing_zeros(),
            max: max as u32,
            layout,
            slots_offset,
            id,
            node,
            prefault: config.prefault,
            marker: PhantomData,
        };
        for number in 0..initial.div_ceil(per_chunk) {
            slots.grow(number)?;
        }
        Ok(slots)
    }

    /// Deals out slots that were never used: as many as wanted or as the chunk under the cursor has left. `None` where all that may
    /// ever be were dealt out.
    pub(super) fn deal(&self, wanted: u32) -> Result<Option<Run>, PoolError> {
        loop {
            let dealt = self.cursor.load(Ordering::Relaxed);
            if dealt == self.max {
                return Ok(None);
            }
            let (number, place) = (dealt / self.slots_per_chunk, dealt % self.slots_per_chunk);
            // Acquire: the content of the chunk, which another thread may have made.
            if self.chunks[number as usize]
                .load(Ordering::Acquire)
                .is_null()
            {
                self.grow(number as usize)?;
                continue;
            }
            let count = wanted
                .min(self.slots_per_chunk - place)
                .min(self.max - dealt);
            // Relaxed: the cursor gives numbers apart from each other and says nothing of what lies under them.
            let next = dealt + count;
            let exchange = Ordering::Relaxed;
            if self
                .cursor
                .compare_exchange_weak(dealt, next, exchange, exchange)
                .is_ok()
            {
                let first = number << self.place_bits | place;
                return Ok(Some(Run { first, count }));
            }
        }
    }

    /// Makes a chunk and publishes it, unless another thread was faster.
    #[cold]
    fn grow(&self, number: usize) -> Result<(), PoolError> {
        let chunk = self.make_chunk(number)?;
        // Release: who finds the chunk sees what was written into it.
        let outcome = self.chunks[number].compare_exchange(
            std::ptr::null_mut(),
            chunk.as_ptr(),
            Ordering::Release,
            Ordering::Relaxed,
        );
        match outcome {
            Ok(_) => {
                self.ready.fetch_add(1, Ordering::Relaxed);
            }
            // SAFETY: `make_chunk` made it, and nobody else has seen it.
            Err(_) => unsafe { self.unmake_chunk(chunk) },
        }
        Ok(())
    }

    /// A chunk that nobody else knows yet.
    fn make_chunk(&self, number: usize) -> Result<NonNull<Chunk>, PoolError> {
        // SAFETY: a chunk has a header at least, so the layout is not empty.
        let memory = NonNull::new(unsafe { alloc(self.layout) });
        let memory = memory.ok_or(PoolError::OutOfMemory {
            bytes: self.layout.size(),
        })?;
        // An object's address alone finds the chunk later on.
        let _ = memory.as_ptr().expose_provenance();
        if let Some(node) = &self.node {
            // A wish that is refused leaves the chunk where it is; the statistics say so.
            if numa::place_memory(memory.as_ptr(), self.layout.size(), node).is_ok() {
                self.placed_chunks.fetch_add(1, Ordering::Relaxed);
            }
        }
        if self.prefault {
            self.touch(memory);
        }
        let beside = (0..self.slots_per_chunk)
            .map(|_| Beside {
                link: AtomicU32::new(super::NO_INDEX),
                #[cfg(debug_assertions)]
                generation: AtomicU32::new(0),
            })
            .collect();
        let chunk: NonNull<Chunk> = memory.cast();
        // SAFETY: the layout has room for a header and, from the offset on, for the slots, each aligned.
        unsafe {
            chunk.write(Chunk {
                first_name: (number as u32) << self.place_bits,
                node: self.id,
                beside,
            });
            let slots: NonNull<Slot<T>> = memory.byte_add(self.slots_offset).cast();
            // Cells of what may be uninitialized need no value, except in a model, where a cell knows who uses it. Elsewhere there is
            // no such loop: of a type that no memory holds, the address sanitizer would have the compiler mark each byte on the stack.
            if cfg!(loom) {
                for place in 0..self.slots_per_chunk as usize {
                    slots.add(place).write(Slot {
                        content: UnsafeCell::new(MaybeUninit::uninit()),
                    });
                }
            }
        }
        Ok(chunk)
    }

    /// Writes to each page of a new chunk, so that it is there before it is needed.
    fn touch(&self, memory: NonNull<u8>) {
        let pages = (0..self.layout.size()).step_by(numa::page_bytes());
        self.prefaulted_pages
            .fetch_add(pages.len(), Ordering::Relaxed);
        for offset in pages {
            // SAFETY: the offset lies in the chunk, which nobody else knows yet.
            unsafe { memory.add(offset).write_volatile(0) };
        }
    }

    /// Gives a chunk's memory back.
    ///
    /// # Safety
    /// `make_chunk` of these slots made it, and nobody uses it any more.
    unsafe fn unmake_chunk(&self, chunk: NonNull<Chunk>) {
        if self.node.is_some() {
            // Whoever gets these pages next should not inherit the wish. A refusal means that there was none.
            let _ = numa::forget_place(chunk.as_ptr().cast(), self.layout.size());
        }
        // SAFETY: the header and the slots were written when it was made; the memory came from `alloc` with this layout.
        unsafe {
            if std::mem::needs_drop::<Slot<T>>() {
                let slots: NonNull<Slot<T>> = chunk.byte_add(self.slots_offset).cast();
                NonNull::slice_from_raw_parts(slots, self.slots_per_chunk as usize).drop_in_place();
            }
            chunk.drop_in_place();
            dealloc(chunk.as_ptr().cast(), self.layout);
        }
    }

    /// The chunk of a name that was dealt out.
    #[inline]
    fn chunk(&self, name: u32) -> NonNull<Chunk> {
        let number = (name >> self.place_bits) as usize;
        // Relaxed: the name came from `deal`, which acquired the chunk, or from a thread that this one synchronized with since.
        let chunk = self.chunks[number].load(Ordering::Relaxed);
        NonNull::new(chunk).expect("a name is dealt out after its chunk was published")
    }

    /// A name's place in its chunk.
    #[inline]
    fn place(&self, name: u32) -> usize {
        (name & ((1 << self.place_bits) - 1)) as usize
    }

    /// The slot of a name that was dealt out.
    #[inline]
    pub(super) fn slot(&self, name: u32) -> NonNull<Slot<T>> {
        let (chunk, place) = (self.chunk(name), self.place(name));
        debug_assert!(place < self.slots_per_chunk as usize);
        // SAFETY: names are dealt out with places inside of the chunk, whose slots begin at the offset.
        unsafe {
            chunk
                .byte_add(self.slots_offset)
                .cast::<Slot<T>>()
                .add(place)
        }
    }

    /// The chunk that an address inside of a slot belongs to.
    ///
    /// # Safety
    /// The address lies in a slot of these slots.
    #[inline]
    pub(super) unsafe fn chunk_of(&self, address: NonNull<()>) -> &Chunk {
        let start = address.as_ptr().addr() & !(self.layout.align() - 1);
        let chunk = std::ptr::with_exposed_provenance::<Chunk>(start);
        // SAFETY: a chunk begins at a multiple of its alignment, which is no smaller than the chunk, so this is its beginning. Its provenance
        // was exposed when it was made; it is never written again, and lives as long as `self`.
        unsafe { &*chunk }
    }

    /// The name of the slot in which an address lies.
    ///
    /// # Safety
    /// The address lies in a slot of these slots.
    #[inline]
    pub(super) unsafe fn name_of(&self, address: NonNull<()>) -> u32 {
        // SAFETY: the caller's promise.
        let chunk = unsafe { self.chunk_of(address) };
        let start = std::ptr::from_ref(chunk).addr() + self.slots_offset;
        let place = (address.as_ptr().addr() - start) / size_of::<Slot<T>>();
        chunk.first_name + place as u32
    }

    /// What the pool knows of a slot beside its content.
    #[inline]
    fn beside(&self, name: u32) -> &Beside {
        // SAFETY: a published chunk is never written again, and lives as long as `self`.
        let chunk = unsafe { self.chunk(name).as_ref() };
        &chunk.beside[self.place(name)]
    }

    /// Notes, in debug builds, that an object is put into the slot.
    #[inline]
    pub(super) fn note_allocated(&self, name: u32) {
        #[cfg(debug_assertions)]
        {
            let generation = self.beside(name).generation.fetch_add(1, Ordering::Relaxed);
            assert!(
                generation % 2 == 0,
                "slot {name} was given out while an object was in it"
            );
        }
        let _ = name;
    }

    /// Notes, in debug builds, that the object of the slot goes.
    #[inline]
    pub(super) fn note_freed(&self, name: u32) {
        #[cfg(debug_assertions)]
        {
            let generation = self.beside(name).generation.fetch_add(1, Ordering::Relaxed);
            assert!(
                generation % 2 == 1,
                "slot {name} was freed while no object was in it"
            );
        }
        let _ = name;
    }

    /// Slots that there are.
    pub(super) fn capacity(&self) -> usize {
        let ready = self.ready.load(Ordering::Relaxed) as usize;
        (ready * self.slots_per_chunk as usize).min(self.max as usize)
    }

    /// Slots that there may ever be.
    pub(super) fn max(&self) -> usize {
        self.max as usize
    }

    /// Pages that were touched when their chunks were made.
    pub(super) fn prefaulted_pages(&self) -> usize {
        self.prefaulted_pages.load(Ordering::Relaxed)
    }

    /// Chunks that the operating system was willing to put on the node.
    pub(super) fn placed_chunks(&self) -> usize {
        self.placed_chunks.load(Ordering::Relaxed) as usize
    }
}

impl<T> Links for Slots<T> {
    #[inline]
    fn link(&self, index: u32) -> &AtomicU32 {
        &self.beside(index).link
    }
}

impl<T> Drop for Slots<T> {
    fn drop(&mut self) {
        for chunk in &self.chunks {
            if let Some(chunk) = NonNull::new(chunk.load(Ordering::Relaxed)) {
                // SAFETY: published chunks were made by `make_chunk`; whoever could use one borrows or owns what is dropped here.
                unsafe { self.unmake_chunk(chunk) };
            }
        }
    }
}

/// The layout of a chunk with so many slots, and where these begin.
fn chunk_layout<T>(slots: usize, is_placed: bool) -> Option<(Layout, usize)> {
    let slots = Layout::array::<Slot<T>>(slots).ok()?;
    let (layout, offset) = Layout::new::<Chunk>().extend(slots).ok()?;
    // Placement works on whole pages.
    let unit = if is_placed {
        numa::page_bytes()
    } else {
        layout.align()
    };
    let bytes = layout.size().checked_next_multiple_of(unit)?;
    let align = bytes.checked_next_power_of_two()?.max(unit);
    Some((Layout::from_size_align(bytes, align).ok()?, offset))
}
