//! The book over authenticated maps behaves as every book.

use proofbook_commitment::Portable;
use proofbook_testkit::conformance;
use proofbook_transition::TrieBook;

conformance!(trie_book, TrieBook::<Portable, _>::empty);
