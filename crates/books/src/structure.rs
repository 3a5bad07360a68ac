//! The books by name: one list, from which everything that lets its user choose a book is made.
//!
//! A [`Visitor`] is code that is generic over the book; [`Structure::visit`] runs it with the book that a name stands for. So a choice costs
//! one branch, made before the work begins, and a book that joins the list is offered everywhere.

use proofbook_book::{Book, Reference};

use crate::layout::LayoutField;
use crate::linked::LinkedBook;
use crate::orders::secret_seed;
use crate::skiplist::SkipListLevels;
use crate::{
    cache_layout, hybrid_layout, ladder_layout, lockfree_layout, numa_layout, radix_layout,
    simd_layout, skiplist_layout,
};
use crate::{
    CacheOptimizedOrderBook, HybridOrderBook, Ladder, LocalOrderBook, OptimizedLockFreeOrderBook,
    RadixOrderBook, SimdOrderBook, SkipListOrderBook,
};

/// A book that can be asked for by its name.
pub trait NamedBook: Book + Send + Sized + 'static {
    /// What names it.
    const STRUCTURE: Structure;

    /// An empty book that takes little room until it holds orders.
    fn empty() -> Self;

    /// The same for orders whose ids come from others: where ids are hashed, they are with a seed that only this process knows.
    fn empty_secret() -> Self;
}

/// What is to be done with a book of any kind.
pub trait Visitor {
    /// What it gives.
    type Output;

    /// Does it with books of the kind `B`.
    fn visit<B: NamedBook>(self) -> Self::Output;
}

macro_rules! structures {
    ($($(#[doc = $doc:literal])+ $variant:ident, $name:literal: $book:ty = $empty:expr, $secret:expr, $layout:expr;)+) => {
        /// What holds the orders of a market. Every one behaves as [`Structure::Reference`] does; they differ in time and room.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Structure {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Structure {
            /// All of them, the one that the others are compared with first.
            pub const ALL: [Structure; [$($name),+].len()] = [$(Structure::$variant),+];

            /// The stable name.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Structure::$variant => $name,)+
                }
            }

            /// What it is, in a sentence.
            pub const fn description(self) -> &'static str {
                match self {
                    $(Structure::$variant => concat!($($doc),+),)+
                }
            }

            /// How what the book is made of lies in memory; nothing for ordered maps, whose nodes are the standard library's.
            pub fn layout(self) -> Vec<LayoutField> {
                match self {
                    $(Structure::$variant => $layout(),)+
                }
            }

            /// Does with the book of this structure what `visitor` says.
            pub fn visit<V: Visitor>(self, visitor: V) -> V::Output {
                match self {
                    $(Structure::$variant => visitor.visit::<$book>(),)+
                }
            }
        }

        $(impl NamedBook for $book {
            const STRUCTURE: Structure = Structure::$variant;

            fn empty() -> Self {
                $empty
            }

            fn empty_secret() -> Self {
                $secret
            }
        })+
    };
}

structures! {
    /// Ordered maps, to be believed by reading.
    Reference, "reference": Reference = Reference::new(), Reference::new(), Vec::new;
    /// Levels in pages of neighbouring prices, the default.
    Ladder, "ladder": Ladder = Ladder::default(), Ladder::with_secret_seed(), ladder_layout;
    /// A market's best prices in one cache line and each level in one, found through a search tree.
    Cache, "cache": CacheOptimizedOrderBook = CacheOptimizedOrderBook::default(), CacheOptimizedOrderBook::with_secret_seed(), cache_layout;
    /// The best levels and the first orders of each in eight lanes, compared and added at once.
    Simd, "simd": SimdOrderBook = SimdOrderBook::default(), SimdOrderBook::with_secret_seed(), simd_layout;
    /// Levels in path-compressed radix trees of sixteen ways.
    Radix, "radix": RadixOrderBook = RadixOrderBook::default(), RadixOrderBook::with_secret_seed(), radix_layout;
    /// Levels in skip lists, which threads may change without locks.
    SkipList, "skiplist": SkipListOrderBook = SkipListOrderBook::default(), LinkedBook::with_levels(SkipListLevels::with_seed(secret_seed())), skiplist_layout;
    /// The ladder's levels under one writer, touch and depth published for any number of reading threads.
    LockFree, "lockfree": OptimizedLockFreeOrderBook = OptimizedLockFreeOrderBook::default(), LinkedBook::with_secret_seed(), lockfree_layout;
    /// Hot levels in lanes, warm ones in skip lists, all others in radix trees, moved by how they are used.
    Hybrid, "hybrid": HybridOrderBook = HybridOrderBook::default(), HybridOrderBook::with_secret_seed(), hybrid_layout;
    /// The ladder's levels and all orders in the memory of one node of the machine.
    Numa, "numa": LocalOrderBook = LocalOrderBook::default(), LocalOrderBook::new(LinkedBook::with_secret_seed()), numa_layout;
}

impl Structure {
    /// The structure of this name.
    pub fn from_name(name: &str) -> Option<Structure> {
        Structure::ALL
            .into_iter()
            .find(|structure| structure.name() == name)
    }

    /// Every name, for messages: `"reference", "ladder"` and so on.
    pub fn quoted_names() -> String {
        let names = Structure::ALL.map(|structure| format!("{:?}", structure.name()));
        names.join(", ")
    }
}

/// [`Structure::Ladder`].
impl Default for Structure {
    fn default() -> Self {
        Structure::Ladder
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Named;

    impl Visitor for Named {
        type Output = (Structure, usize, usize);

        fn visit<B: NamedBook>(self) -> Self::Output {
            (B::STRUCTURE, B::empty().len(), B::empty_secret().len())
        }
    }

    #[test]
    fn every_name_leads_to_its_book() {
        for structure in Structure::ALL {
            assert_eq!(Structure::from_name(structure.name()), Some(structure));
            assert_eq!(structure.visit(Named), (structure, 0, 0));
            assert!(Structure::quoted_names().contains(structure.name()));
            assert!(structure.description().ends_with('.'));
            let has_layout = !structure.layout().is_empty();
            assert_eq!(has_layout, structure != Structure::Reference);
        }
        assert_eq!(Structure::from_name("tree"), None);
        assert_eq!(Structure::default(), Structure::Ladder);
    }
}
