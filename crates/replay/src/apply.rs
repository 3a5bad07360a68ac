//! One record applied to one rebuilt book.

use proofbook_book::Book;
use proofbook_types::Price;

use crate::rebuild::{Problem, Rebuild};
use crate::record::{MarketEvent, Record};
use crate::survey::Units;

/// Identifiers from here on are for orders that the replay itself makes.
pub const OWN_IDS: u64 = 1 << 62;

/// What a record did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The book changed.
    Applied,
    /// The book changed, but the record and the book disagree about the order.
    AppliedDespite(Problem),
    /// The record has no effect on a book of orders.
    Nothing,
}

/// A price in ticks.
///
/// # Errors
/// It is not a multiple of the tick.
pub fn ticks(units: Units, price: i64) -> Result<Price, Problem> {
    units.ticks(price).map(Price).ok_or(Problem::OffTick)
}

/// The order's id, if it is none of the replay's own.
fn checked(order_id: u64) -> Result<u64, Problem> {
    if order_id < OWN_IDS {
        Ok(order_id)
    } else {
        Err(Problem::ReservedId)
    }
}

/// Applies a record.
///
/// # Errors
/// Nothing changed, for this reason.
pub fn apply<B: Book>(
    book: &mut Rebuild<B>,
    units: Units,
    record: &Record,
) -> Result<Effect, Problem> {
    check_standing(book, units, record)?;
    match record.event {
        MarketEvent::Add {
            order_id,
            side,
            price,
            quantity,
        } => book.add(checked(order_id)?, side, ticks(units, price)?, quantity)?,
        MarketEvent::Execute {
            order_id, quantity, ..
        } => book.execute(order_id, quantity)?,
        MarketEvent::Reduce { order_id, quantity } => book.reduce(order_id, quantity)?,
        MarketEvent::Delete { order_id, quantity } => {
            let left = book.delete(order_id)?;
            // A log that counts executions itself deletes an executed order with nothing left.
            if quantity.is_some_and(|named| named != left && named != 0) {
                return Ok(Effect::AppliedDespite(Problem::QuantityDiffers));
            }
        }
        MarketEvent::Replace {
            order_id,
            new_id,
            price,
            quantity,
        } => book.replace(order_id, checked(new_id)?, ticks(units, price)?, quantity)?,
        MarketEvent::Set {
            order_id,
            side,
            price,
            quantity,
        } => book.set(order_id, side, ticks(units, price)?, quantity)?,
        MarketEvent::Clear => book.clear(),
        MarketEvent::Fill { .. }
        | MarketEvent::Trade { .. }
        | MarketEvent::Published(_)
        | MarketEvent::Nothing => return Ok(Effect::Nothing),
    }
    Ok(Effect::Applied)
}

/// An order that is taken from must stand where the record says.
pub fn check_standing<B: Book>(
    book: &Rebuild<B>,
    units: Units,
    record: &Record,
) -> Result<(), Problem> {
    let (MarketEvent::Execute { order_id, .. }
    | MarketEvent::Fill { order_id, .. }
    | MarketEvent::Reduce { order_id, .. }
    | MarketEvent::Delete { order_id, .. }) = record.event
    else {
        return Ok(());
    };
    let Some(standing) = record.standing else {
        return Ok(());
    };
    let order = book.order(order_id).ok_or(Problem::UnknownOrder)?;
    if order.side != standing.side
        || order.price.map(|price| price.0) != units.ticks(standing.price)
    {
        return Err(Problem::StandingDiffers);
    }
    Ok(())
}
