//! The fields of a JSON object, each read as what it must be; what nobody knows is an error.

use serde_json::{Map, Value};

use crate::decimal;
use crate::error::InputError;

type Result<T> = std::result::Result<T, InputError>;

/// An object whose fields have known names.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'v>(&'v Map<String, Value>);

/// Parses bytes as a JSON value.
pub(crate) fn parse(bytes: &[u8]) -> Result<Value> {
    serde_json::from_slice(bytes).map_err(|error| InputError {
        field: String::new(),
        expected: "a JSON object".to_owned(),
        received: error.to_string(),
    })
}

impl<'v> Fields<'v> {
    /// The fields of a value, which must be an object.
    pub(crate) fn of(value: &'v Value) -> Result<Self> {
        match value {
            Value::Object(map) => Ok(Fields(map)),
            other => Err(InputError::new("", "an object", other)),
        }
    }

    /// Checks that there are no other fields than these.
    pub(crate) fn only(self, names: &[&str]) -> Result<Self> {
        match self.0.keys().find(|key| !names.contains(&key.as_str())) {
            None => Ok(self),
            Some(key) => Err(InputError {
                field: String::new(),
                expected: format!("no other fields than {}", names.join(", ")),
                received: format!("{key:?}"),
            }),
        }
    }

    /// A field; null is as good as none.
    pub(crate) fn get(self, name: &str) -> Option<&'v Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    fn read<T>(
        self,
        name: &str,
        expected: &str,
        read: impl FnOnce(&'v Value) -> Option<T>,
    ) -> Result<Option<T>> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        match read(value) {
            Some(found) => Ok(Some(found)),
            None => Err(InputError::new(name, expected, value)),
        }
    }

    pub(crate) fn text(self, name: &str) -> Result<Option<&'v str>> {
        self.read(name, "a text", Value::as_str)
    }

    pub(crate) fn whole(self, name: &str) -> Result<Option<u64>> {
        self.read(name, "a whole number", Value::as_u64)
    }

    /// A whole number with an upper bound.
    pub(crate) fn up_to<T: TryFrom<u64>>(self, name: &str, most: u64) -> Result<Option<T>> {
        let expected = format!("a whole number from 0 to {most}");
        self.read(name, &expected, |value| {
            let number = value.as_u64().filter(|&number| number <= most)?;
            T::try_from(number).ok()
        })
    }

    pub(crate) fn flag(self, name: &str) -> Result<bool> {
        let found = self.read(name, "true or false", Value::as_bool)?;
        Ok(found.unwrap_or(false))
    }

    pub(crate) fn list(self, name: &str) -> Result<&'v [Value]> {
        let found = self.read(name, "a list", Value::as_array)?;
        Ok(found.map_or(&[], Vec::as_slice))
    }

    /// A decimal text as units of 10^-decimals, at most `most` of them.
    pub(crate) fn units<T: TryFrom<u128>>(
        self,
        name: &str,
        decimals: u8,
        most: u128,
    ) -> Result<Option<T>> {
        let expected = format!(
            "a decimal text of at most {}, with at most {decimals} decimals",
            decimal::text(i128::try_from(most).unwrap_or(i128::MAX), decimals)
        );
        self.read(name, &expected, |value| {
            let units = decimal::units(value.as_str()?, decimals)?;
            T::try_from(units).ok().filter(|_| units <= most)
        })
    }

    /// One of some words.
    pub(crate) fn word<T: Copy>(self, name: &str, words: &[(&str, T)]) -> Result<Option<T>> {
        let names: Vec<String> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
        let expected = format!("one of {}", names.join(", "));
        self.read(name, &expected, |value| {
            let text = value.as_str()?;
            let found = words.iter().find(|(word, _)| *word == text);
            found.map(|(_, meaning)| *meaning)
        })
    }
}

/// What must be there.
pub(crate) fn required<T>(found: Option<T>, name: &str, expected: &str) -> Result<T> {
    found.ok_or_else(|| InputError::missing(name, expected))
}
