//! FIX messages for Python: bytes of a connection in, messages out.

use proofbook_fix::{
    validate, Frame, Invalid, Kernel, SIMDMessageParser, UserFields, Version, SOH,
};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors::InputError;

/// A field of a message: its tag and where its value is.
struct FieldPlace {
    tag: i32,
    start: usize,
    end: usize,
}

/// A message with its fields.
#[pyclass(name = "Message", module = "proofbook.fix", frozen)]
pub struct FixMessage {
    raw: Py<PyBytes>,
    fields: Vec<FieldPlace>,
    message_type: String,
}

#[pymethods]
impl FixMessage {
    /// All bytes, from BeginString to CheckSum.
    #[getter]
    fn raw(&self, py: Python<'_>) -> Py<PyBytes> {
        self.raw.clone_ref(py)
    }

    #[getter]
    fn message_type(&self) -> &str {
        &self.message_type
    }

    /// The value of the first field with this tag.
    fn get<'py>(&self, py: Python<'py>, tag: i32) -> Option<Bound<'py, PyBytes>> {
        let place = self.fields.iter().find(|place| place.tag == tag)?;
        Some(self.value(py, place))
    }

    /// Every field, in order.
    fn fields<'py>(&self, py: Python<'py>) -> Vec<(i32, Bound<'py, PyBytes>)> {
        let fields = self.fields.iter();
        fields
            .map(|place| (place.tag, self.value(py, place)))
            .collect()
    }

    /// What a session rejects it for, in the specification's words; `None` where it is what the dictionary says.
    #[pyo3(signature = (*, user_fields = false))]
    fn invalid(&self, py: Python<'_>, user_fields: bool) -> PyResult<Option<String>> {
        let mut parser = SIMDMessageParser::new(Kernel::detect());
        let Frame::Whole(framed) = parser.frame(self.raw.as_bytes(py)) else {
            unreachable!("it was a message when it was made, and bytes do not change");
        };
        let message = parser
            .parse(framed)
            .expect("it was parsed when it was made, and bytes do not change");
        let Some(version) = Version::from_begin_string(message.begin_string()) else {
            return Err(InputError::new_err(format!(
                "there are dictionaries of FIX.4.2 and FIX.4.4; received {}",
                message.begin_string().escape_ascii()
            )));
        };
        let users = if user_fields {
            UserFields::Allowed
        } else {
            UserFields::Refused
        };
        let verdict: Result<_, Invalid> = validate(version.dictionary(), &message, users);
        Ok(verdict.err().map(|invalid| invalid.to_string()))
    }

    fn __len__(&self) -> usize {
        self.fields.len()
    }

    /// With `|` for the separator.
    fn __repr__(&self, py: Python<'_>) -> String {
        let bytes = self.raw.as_bytes(py);
        let shown: Vec<u8> = bytes
            .iter()
            .map(|&byte| if byte == SOH { b'|' } else { byte })
            .collect();
        format!("Message(\"{}\")", shown.escape_ascii())
    }
}

impl FixMessage {
    fn value<'py>(&self, py: Python<'py>, place: &FieldPlace) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.raw.as_bytes(py)[place.start..place.end])
    }
}

/// Finds messages in the bytes of a connection.
#[pyclass(name = "MessageParser", module = "proofbook.fix")]
pub struct FixMessageParser {
    parser: SIMDMessageParser,
    /// The start of what may become a message: fewer bytes than the longest one has.
    pending: Vec<u8>,
    ignored_bytes: usize,
}

#[pymethods]
impl FixMessageParser {
    #[new]
    #[pyo3(signature = (kernel = None))]
    fn new(kernel: Option<&str>) -> PyResult<Self> {
        let kernel = match kernel {
            None => Kernel::detect(),
            Some(name) => Kernel::from_name(name).ok_or_else(|| {
                let names: Vec<&str> = Kernel::all().map(Kernel::name).collect();
                InputError::new_err(format!(
                    "kernel must be one that this machine has, {}; received {name:?}",
                    names.join(", ")
                ))
            })?,
        };
        Ok(FixMessageParser {
            parser: SIMDMessageParser::new(kernel),
            pending: Vec::new(),
            ignored_bytes: 0,
        })
    }

    /// The messages that these bytes complete, in order.
    fn feed(&mut self, py: Python<'_>, data: &[u8]) -> Vec<FixMessage> {
        let joined;
        let bytes = if self.pending.is_empty() {
            data
        } else {
            joined = [&self.pending[..], data].concat();
            &joined
        };
        let (mut messages, mut position) = (Vec::new(), 0);
        loop {
            match self.parser.frame(&bytes[position..]) {
                Frame::NeedMore => break,
                Frame::Garbled { skip, .. } => {
                    position += skip;
                    self.ignored_bytes += skip;
                }
                Frame::Whole(framed) => {
                    position += framed.bytes().len();
                    match self.parser.parse(framed) {
                        Ok(message) => messages.push(FixMessage {
                            raw: PyBytes::new(py, message.bytes()).unbind(),
                            fields: message
                                .fields()
                                .map(|field| FieldPlace {
                                    tag: field.tag,
                                    start: field.offset,
                                    end: field.offset + field.value.len(),
                                })
                                .collect(),
                            message_type: message.message_type().escape_ascii().to_string(),
                        }),
                        Err(_) => self.ignored_bytes += framed.bytes().len(),
                    }
                }
            }
        }
        let rest = bytes[position..].to_vec();
        self.pending = rest;
        messages
    }

    /// Bytes of garbled messages so far, which the protocol ignores.
    #[getter]
    fn ignored_bytes(&self) -> usize {
        self.ignored_bytes
    }

    #[getter]
    fn kernel(&self) -> &'static str {
        self.parser.kernel().name()
    }
}
