//! Where the parts of a structure lie in memory, told by the compiler: for pages that draw a structure, and for tests.
//!
//! What a book lists here are the structures that it is made of, so that no drawing of one can differ from the code.

/// One field of a structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayoutField {
    /// The structure's name.
    pub structure: &'static str,
    /// The field's name; `outer.inner` for a field of a field.
    pub name: &'static str,
    /// Bytes from the structure's start to the field's.
    pub offset: usize,
    /// Bytes that the field takes.
    pub bytes: usize,
}

/// Bytes of a field, told by how it is reached.
pub(crate) const fn field_bytes<S, F>(_: fn(&S) -> &F) -> usize {
    core::mem::size_of::<F>()
}

/// The fields of a structure: `layout!(Hot { id, displayed, terms.queue })`, in the order in which they are to be listed.
macro_rules! layout {
    ($structure:ident { $($($part:ident).+),+ $(,)? }) => {
        [$($crate::layout::LayoutField {
            structure: stringify!($structure),
            name: stringify!($($part).+),
            offset: core::mem::offset_of!($structure, $($part).+),
            bytes: $crate::layout::field_bytes(|value: &$structure| &value.$($part).+),
        }),+]
    };
}
pub(crate) use layout;

#[cfg(test)]
mod tests {
    use super::LayoutField;

    #[derive(Default)]
    #[repr(C)]
    struct Inner {
        byte: u8,
        word: u64,
    }

    #[derive(Default)]
    #[repr(C)]
    struct Outer {
        mark: u16,
        inner: Inner,
    }

    #[test]
    fn fields_of_fields_are_found() {
        let field = |name, offset, bytes| LayoutField {
            structure: "Outer",
            name,
            offset,
            bytes,
        };
        let found = layout!(Outer { mark, inner, inner.byte, inner.word });
        let expected = [
            field("mark", 0, 2),
            field("inner", 8, 16),
            field("inner.byte", 8, 1),
            field("inner.word", 16, 8),
        ];
        assert_eq!(found, expected);
    }
}
