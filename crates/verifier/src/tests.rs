//! Tests that need what is private: another key than the pinned one, and values that were never proven.

mod audit;
mod chain;
mod joined;
mod key;
mod proof;
