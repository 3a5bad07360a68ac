//! `proofbook._core`: the native half of the Python package, and the only crate that knows Python.
//!
//! It turns natural terms (decimal strings, keyword arguments, Arrow columns) into commands, hands them to the matching
//! engine, and turns events into Python objects or Arrow columns. It decides nothing about the market.
//!
//! Invariants:
//! - no float ever becomes a price or a quantity;
//! - what can be wrong with a caller's input raises one of `proofbook.errors`; what the market refuses is an event;
//! - work on a batch runs with the interpreter detached, so that other Python threads go on.

mod batch;
mod book;
mod column_reader;
mod command_columns;
mod contradictions;
mod errors;
mod event_classes;
mod event_columns;
mod event_writer;
mod events;
mod exchange_server;
mod fix;
mod history;
mod history_facts;
mod history_rows;
mod history_tables;
mod history_words;
mod inclusion;
mod light;
mod many;
mod market;
mod merkle;
mod order_flow;
mod proofs;
mod raw_market;
mod receipts;
mod scale;
mod sealing;
mod serving;
mod sessions;
mod terms;
mod threads;
mod timing;
mod tools;
mod units;
mod views;
mod words;

/// The native module.
#[pyo3::pymodule]
mod _core {
    #[pymodule_export]
    use crate::book::Book;
    #[pymodule_export]
    use crate::contradictions::{
        check_contradiction, contradict, contradict_pair, contradicted_values,
    };
    #[pymodule_export]
    use crate::event_classes::{
        Accepted, Cancelled, Expired, PhaseChanged, Placed, Reduced, Refreshed, Rejected, Replaced,
        Trade, Triggered, Uncrossed,
    };
    #[pymodule_export]
    use crate::events::{EventObject, Events};
    #[pymodule_export]
    use crate::exchange_server::{audit_exchange, ExchangeServer};
    #[pymodule_export]
    use crate::fix::{FixMessage, FixMessageParser};
    #[pymodule_export]
    use crate::history::HistoryReader;
    #[pymodule_export]
    use crate::inclusion::InclusionView;
    #[pymodule_export]
    use crate::light::{
        CircuitOptimizedStateView, CompressedOrderBookView, FillView, ProvenLevelView,
        ViewHeaderView, ViewLevelView,
    };
    #[pymodule_export]
    use crate::many::{many_flow, many_run, state_digests, ManyRun};
    #[pymodule_export]
    use crate::merkle::{check_all, file_digest, AggregatedProofView, MerkleTreeView};
    #[pymodule_export]
    use crate::order_flow::order_flow;
    #[pymodule_export]
    use crate::proofs::{
        chain_program_key, market_config, program_key, verify_joined, verify_proof,
        ChainValuesView, ChainView, PublicValuesView,
    };
    #[pymodule_export]
    use crate::raw_market::RawMarket;
    #[pymodule_export]
    use crate::receipts::{keygen, sign_journal, verify_signed_batch, ReceiptSigner, ReceiptView};
    #[pymodule_export]
    use crate::sealing::Sealer;
    #[pymodule_export]
    use crate::serving::serve_inclusion;
    #[pymodule_export]
    use crate::sessions::RunSession;
    #[pymodule_export]
    use crate::timing::time_loops;
    #[pymodule_export]
    use crate::tools::{
        analysis_command, bench_command, convert, engines, generate, journal, recover, replay,
    };
    #[pymodule_export]
    use crate::views::{Depth, LevelView, OrderView, PlaceView, StatisticsView};
}
