//! What the books say of their structures' layouts: fields lie one behind the other and fill whole parts of cache lines.

use proofbook_books::layout::LayoutField;
use proofbook_books::{
    cache_layout, hybrid_layout, ladder_layout, lockfree_layout, numa_layout, radix_layout,
    simd_layout, skiplist_layout,
};

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
    // Half a line, and a whole number of lines.
    assert_eq!(length(&layout, "Head"), 32);
    assert_eq!(length(&layout, "Children"), 4 * 64);
    assert_eq!(length(&layout, "CacheEntry"), 12);
    let names: Vec<&str> = structure(&layout, "Head")
        .iter()
        .map(|field| field.name)
        .collect();
    assert_eq!(names, ["prefix", "occupied", "vacant", "parent", "height"]);
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

#[test]
fn what_threads_share_of_a_lock_free_book() {
    let layout = lockfree_layout();
    assert_eq!(length(&layout, "TouchLine"), 64, "one cache line");
    let shared = structure(&layout, "Shared");
    let offsets: Vec<usize> = shared.iter().map(|field| field.offset).collect();
    assert_eq!(
        offsets,
        [0, 64],
        "a line for the touch, another for the record"
    );
    let words = structure(&layout, "TouchLine");
    assert!(words.iter().all(|word| word.bytes == 8));
    let names: Vec<&str> = words.iter().map(|word| word.name).collect();
    assert_eq!(names[1..5], ["sequence", "time", "best_bid", "best_ask"]);
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
fn the_cache_optimized_book() {
    let layout = cache_layout();
    let lines = structure(&layout, "CacheOptimizedLevels");
    assert_eq!((lines[0].offset, lines[0].bytes), (0, 64));
    assert_eq!((lines[1].offset, lines[1].bytes), (64, 64));
    for name in ["NextLine", "CacheOptimizedPriceLevel", "Inner", "Leaf"] {
        let field = structure(&layout, name)[0];
        assert_eq!(field.offset, 0, "{field:?}");
        assert_eq!(length(&layout, name), 64);
    }
    // Seven numbers of 64 bits and the marks.
    assert_eq!(length(&layout, "HotLine"), 57);
}

#[test]
fn the_skip_list() {
    let layout = skiplist_layout();
    assert_eq!(length(&layout, "SmallLevelNode"), 32);
    assert_eq!(length(&layout, "MiddleLevelNode"), 64);
    assert_eq!(length(&layout, "LargeLevelNode"), 16 + 8 * 12);
    assert_eq!(length(&layout, "SkipListHead"), 8 * 12 + 24);
    for node in ["SmallLevelNode", "MiddleLevelNode", "LargeLevelNode"] {
        let offsets: Vec<usize> = structure(&layout, node)
            .iter()
            .map(|field| field.offset)
            .collect();
        assert_eq!(offsets, [0, 8, 12, 13, 16], "{node}");
    }
}

#[test]
fn the_hybrid_book() {
    let layout = hybrid_layout();
    assert_eq!(length(&layout, "Residence"), 13);
    assert_eq!(length(&layout, "Uses"), 28);
    let tiers = ["SimdPriceLevels", "SmallLevelNode", "NameNode", "NameLeaf"];
    for name in tiers.into_iter().chain(["Hot", "LevelData"]) {
        assert!(length(&layout, name) > 0, "{name}");
    }
    let lanes = layout
        .iter()
        .filter(|field| field.structure == "SimdOptimizedPriceLevel");
    assert_eq!(lanes.count(), 0, "the tier has no arrays of orders");
}

#[test]
fn the_books_on_nodes() {
    let layout = numa_layout();
    assert_eq!(length(&layout, "Hot"), 64);
    let cell = structure(&layout, "MarketCellAlone");
    // What all who submit write shares no cache line, nor a pair of them, with anything else.
    assert_eq!(
        (cell[0].name, cell[0].offset, cell[0].bytes),
        ("work", 0, 128)
    );
    assert_eq!((cell[1].name, cell[1].offset % 128), ("commands", 0));
}
