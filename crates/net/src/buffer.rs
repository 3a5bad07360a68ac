//! Where a packet's bytes are: a shared piece of mapped memory, of a pool's buffer, or several of these in a row.
//!
//! Invariants: the bytes of a piece do not change while somebody holds it; segments are at most [`SEGMENTS_MAX`], none of them empty, and their
//! lengths add up to the packet's.
#![allow(unsafe_code)]

use std::ops::Range;

use proofbook_memory::sync::Arc;

use crate::error::{in_range, NetError};
use crate::mapping::Region;
use crate::owners::FrameSlice;

/// Segments that a packet can have: as many slices as one call writes without a list on the heap.
pub const SEGMENTS_MAX: usize = 16;

/// A piece of a region that is shared, and so never written again.
#[derive(Clone, Debug)]
pub struct MappedSlice {
    region: Arc<Region>,
    offset: u32,
    length: u32,
}

impl MappedSlice {
    /// All bytes of a region.
    pub(crate) fn whole(region: Arc<Region>) -> MappedSlice {
        let length = region.size_bytes() as u32;
        MappedSlice {
            region,
            offset: 0,
            length,
        }
    }

    fn as_slice(&self) -> &[u8] {
        let start = self.region.address(self.offset as usize);
        // SAFETY: the piece lies in the region, which is shared: nobody can borrow it alone to write it.
        unsafe { std::slice::from_raw_parts(start.as_ptr(), self.length as usize) }
    }
}

/// One contiguous piece of a packet.
#[derive(Clone, Debug)]
pub enum Segment {
    /// Of mapped memory.
    MemoryMapped(MappedSlice),
    /// Of a pool's buffer.
    Pooled(FrameSlice),
}

impl Segment {
    /// Its bytes.
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        match self {
            Segment::MemoryMapped(slice) => slice.as_slice(),
            Segment::Pooled(slice) => slice.as_slice(),
        }
    }

    /// How many they are.
    #[inline]
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Makes it a piece of itself; the range lies in it.
    #[inline]
    fn narrow(&mut self, range: Range<usize>) {
        debug_assert!(range.start <= range.end && range.end <= self.len());
        match self {
            Segment::MemoryMapped(slice) => {
                slice.offset += range.start as u32;
                slice.length = range.len() as u32;
            }
            Segment::Pooled(slice) => slice.narrow(range.start, range.len()),
        }
    }
}

/// Where a packet's bytes are.
#[derive(Clone, Debug)]
pub enum PacketBuffer {
    /// A piece of mapped memory.
    MemoryMapped(MappedSlice),
    /// A piece of a pool's buffer.
    Pooled(FrameSlice),
    /// Several pieces in a row.
    ScatterGather(Segments),
}

/// Pieces in a row.
#[derive(Clone, Debug)]
pub struct Segments {
    list: Vec<Segment>,
    total_length: usize,
}

impl From<Segment> for PacketBuffer {
    fn from(segment: Segment) -> Self {
        match segment {
            Segment::MemoryMapped(slice) => PacketBuffer::MemoryMapped(slice),
            Segment::Pooled(slice) => PacketBuffer::Pooled(slice),
        }
    }
}

impl PacketBuffer {
    /// The segments of others, one after the other; empty ones are left out.
    ///
    /// # Errors
    /// Where they are more than [`SEGMENTS_MAX`].
    pub fn gather(parts: impl IntoIterator<Item = PacketBuffer>) -> Result<PacketBuffer, NetError> {
        let mut list: Vec<Segment> = Vec::with_capacity(SEGMENTS_MAX);
        let mut total_length = 0;
        for part in parts {
            for segment in part.into_segments() {
                if segment.is_empty() {
                    continue;
                }
                in_range("segments of a packet", list.len() + 1, 0, SEGMENTS_MAX)?;
                total_length += segment.len();
                list.push(segment);
            }
        }
        Ok(PacketBuffer::ScatterGather(Segments { list, total_length }))
    }

    fn into_segments(self) -> impl Iterator<Item = Segment> {
        let (one, several) = match self {
            PacketBuffer::MemoryMapped(slice) => (Some(Segment::MemoryMapped(slice)), Vec::new()),
            PacketBuffer::Pooled(slice) => (Some(Segment::Pooled(slice)), Vec::new()),
            PacketBuffer::ScatterGather(segments) => (None, segments.list),
        };
        one.into_iter().chain(several)
    }

    /// Bytes in it.
    #[inline]
    pub fn len(&self) -> usize {
        match self {
            PacketBuffer::MemoryMapped(slice) => slice.length as usize,
            PacketBuffer::Pooled(slice) => slice.as_slice().len(),
            PacketBuffer::ScatterGather(segments) => segments.total_length,
        }
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its slices in order: one, unless there are several segments.
    pub fn slices(&self) -> impl Iterator<Item = &[u8]> {
        let (one, several): (Option<&[u8]>, &[Segment]) = match self {
            PacketBuffer::MemoryMapped(slice) => (Some(slice.as_slice()), &[]),
            PacketBuffer::Pooled(slice) => (Some(slice.as_slice()), &[]),
            PacketBuffer::ScatterGather(segments) => (None, &segments.list),
        };
        one.into_iter().chain(several.iter().map(Segment::as_slice))
    }

    /// Its bytes as one slice; none where they lie in several.
    #[inline]
    pub fn as_slice(&self) -> Option<&[u8]> {
        match self {
            PacketBuffer::MemoryMapped(slice) => Some(slice.as_slice()),
            PacketBuffer::Pooled(slice) => Some(slice.as_slice()),
            PacketBuffer::ScatterGather(segments) => match &segments.list[..] {
                [] => Some(&[]),
                [segment] => Some(segment.as_slice()),
                _ => None,
            },
        }
    }

    /// The segments, where there are several.
    pub fn segments(&self) -> &[Segment] {
        match self {
            PacketBuffer::ScatterGather(segments) => &segments.list,
            _ => &[],
        }
    }

    /// A range of it, which shares its memory.
    ///
    /// # Errors
    /// Where the range does not lie in it.
    pub fn slice(&self, range: Range<usize>) -> Result<PacketBuffer, NetError> {
        in_range("end of a range", range.end, 0, self.len())?;
        in_range("start of a range", range.start, 0, range.end)?;
        let narrowed = |mut segment: Segment| {
            segment.narrow(range.clone());
            segment.into()
        };
        Ok(match self {
            PacketBuffer::MemoryMapped(slice) => narrowed(Segment::MemoryMapped(slice.clone())),
            PacketBuffer::Pooled(slice) => narrowed(Segment::Pooled(slice.clone())),
            PacketBuffer::ScatterGather(segments) => {
                PacketBuffer::ScatterGather(segments.slice(&range))
            }
        })
    }
}

impl Segments {
    /// The segments of a range that lies in them, the first and the last one narrowed to it.
    fn slice(&self, range: &Range<usize>) -> Segments {
        let mut list = Vec::new();
        let mut start = 0;
        for segment in &self.list {
            let end = start + segment.len();
            let (from, to) = (range.start.max(start), range.end.min(end));
            if from < to {
                let mut segment = segment.clone();
                segment.narrow(from - start..to - start);
                list.push(segment);
            }
            start = end;
        }
        Segments {
            list,
            total_length: range.len(),
        }
    }
}
