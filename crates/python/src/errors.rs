//! The exceptions of `proofbook.errors`, which are written in Python so that they are typed and documented there.

use proofbook_types::{ConfigError, DecodeError};
use pyo3::{import_exception, PyErr};

import_exception!(proofbook.errors, InputError);
import_exception!(proofbook.errors, TickError);
import_exception!(proofbook.errors, RejectedError);
import_exception!(proofbook.errors, ReplayError);
import_exception!(proofbook.errors, JournalError);
import_exception!(proofbook.errors, BusyError);
import_exception!(proofbook.errors, StoppedError);
import_exception!(proofbook.errors, ProofFormatError);
import_exception!(proofbook.errors, InvalidProofError);
import_exception!(proofbook.errors, ChainError);
import_exception!(proofbook.errors, ReceiptError);
import_exception!(proofbook.errors, InclusionError);
import_exception!(proofbook.errors, UndecidedError);
import_exception!(proofbook.errors, BrokenInvariantError);

/// Bytes that decode to nothing.
pub fn undecodable(error: DecodeError) -> PyErr {
    InputError::new_err(error.to_string())
}

/// Terms that make no market.
pub fn bad_terms(error: ConfigError) -> PyErr {
    InputError::new_err(error.to_string())
}

/// Market data that cannot be read.
pub fn unreadable(error: proofbook_replay::ReplayError) -> PyErr {
    ReplayError::new_err(error.to_string())
}

/// A journal that cannot be read or written.
pub fn bad_journal(error: proofbook_engine::EngineError) -> PyErr {
    JournalError::new_err(error.to_string())
}
