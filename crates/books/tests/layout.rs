//! What the books say of their structures' layouts: fields lie one behind the other and fill whole parts of cache lines.

use proofbook_books::layout::LayoutField;
use proofbook_books::{ladder_layout, radix_layout, simd_layout};

/// Fields of a structure, checked: in ascending order, none over another.
fn structure(layout: &[LayoutField], name: &str) -> Vec<LayoutField> {
    let fields: Vec<LayoutField> = layout
        .iter()
        .filter(|field| field.structure == name)
        .copied()
        .collect();
    assert!(!fields.is_empty(), "{name} has no fields");
    for pair in fields.windows(2) {
        let end = pair[0].offset + pair[0].bytes;
        assert!(end <= pair[1].offset, "{pair:?} overlap");
    }
    fields
}

/// Bytes from the start of a structure to the end of its last field.
fn length(layout: &[LayoutField], name: &str) -> usize {
    let fields = structure(layout, name);
    fields.last().map_or(0, |last| last.offset + last.bytes)
}

#[test]
fn the_ladder() {
    let layout = ladder_layout();
    assert_eq!(length(&layout, "Hot"), 64);
    assert_eq!(length(&layout, "LevelData"), 32);
    assert_eq!(length(&layout, "Page"), 20 + 4 * 64);
    assert_eq!(length(&layout, "Node"), 24 + 4 * 64);
    let names: Vec<&str> = structure(&layout, "Page")
        .iter()
        .map(|field| field.name)
        .collect();
    assert_eq!(names, ["number", "occupied", "parent", "levels"]);
}

#[test]
fn the_simd_book() {
    let layout = simd_layout();
    let lanes = structure(&layout, "SimdPriceLevels");
    // Each array of eight numbers of 64 bits is a cache line of its own.
    for (index, field) in lanes.iter().take(4).enumerate() {
        assert_eq!((field.offset, field.bytes), (64 * index, 64), "{field:?}");
    }
    assert_eq!(length(&layout, "SimdPriceLevels"), 4 * 64 + 33);
    assert_eq!(length(&layout, "SimdOrderArray"), 3 * 64 + 42);
    assert_eq!(length(&layout, "SimdOptimizedPriceLevel"), 5 * 64);
}

#[test]
fn the_radix_tree() {
    let layout = radix_layout();
    assert_eq!(length(&layout, "Hot"), 64);
    assert_eq!(length(&layout, "LevelData"), 32);
    // Within three cache lines, and sixteen links of a word each.
    assert_eq!(length(&layout, "NameNode"), 24 + 16 * 8);
    assert_eq!(length(&layout, "NameLeaf"), 20);
}
