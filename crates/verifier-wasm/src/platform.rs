//! What the verifier's crates ask of a platform, on one that has none of it.

use std::panic::{set_hook, PanicHookInfo};
use std::sync::Once;

use proofbook_verifier::VerifyError;

use crate::buffers::set_output;

/// Verifying draws no random numbers. Whatever asks for some is told that there are none.
fn no_randomness(_destination: &mut [u8]) -> Result<(), getrandom::Error> {
    Err(getrandom::Error::UNSUPPORTED)
}

getrandom::register_custom_getrandom!(no_randomness);

/// Has the reason of a stop put into the output. The instance ends after that, and the caller reads its memory.
pub(crate) fn report_stops() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| set_hook(Box::new(report)));
}

fn report(stop: &PanicHookInfo<'_>) {
    let error = VerifyError::stopped(stop.payload_as_str());
    set_output(error.to_string().into_bytes());
}
