//! How many bytes of the heap a book takes.

use proofbook_bench::Value;
use proofbook_books::{NamedBook, Visitor};

use crate::heap::held;
use crate::operation::Shape;

/// Bytes of a book of these sizes: empty, with so many orders at one price, and with as many at prices of their own.
pub struct Room<'a>(pub &'a [usize]);

fn bytes<B: NamedBook>(shape: Option<Shape>) -> f64 {
    let (book, bytes) = held(|| match shape {
        None => B::empty(),
        Some(shape) => crate::standing::filled::<B>(shape),
    });
    drop(book);
    bytes.map_or(f64::NAN, |bytes| bytes as f64)
}

impl Visitor for Room<'_> {
    type Output = Value;

    fn visit<B: NamedBook>(self) -> Value {
        let points = self.0.iter().map(|&size| {
            let shape = |levels| {
                Some(Shape {
                    levels,
                    orders_per_level: size / levels,
                })
            };
            Value::object([
                ("size", Value::from(size)),
                ("at_one_price_bytes", Value::from(bytes::<B>(shape(1)))),
                ("at_own_prices_bytes", Value::from(bytes::<B>(shape(size)))),
            ])
        });
        Value::object([
            ("empty_bytes", Value::from(bytes::<B>(None))),
            ("points", Value::from(points.collect::<Vec<_>>())),
        ])
    }
}
