//! The exceptions of `proofbook.errors`, which are written in Python so that they are typed and documented there.

use proofbook_types::{ConfigError, DecodeError};
use pyo3::{import_exception, PyErr};

import_exception!(proofbook.errors, InputError);
import_exception!(proofbook.errors, TickError);
import_exception!(proofbook.errors, RejectedError);
import_exception!(proofbook.errors, BrokenInvariantError);

/// Bytes that decode to nothing.
pub fn undecodable(error: DecodeError) -> PyErr {
    InputError::new_err(error.to_string())
}

/// Terms that make no market.
pub fn bad_terms(error: ConfigError) -> PyErr {
    InputError::new_err(error.to_string())
}
