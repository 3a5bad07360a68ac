//! The fills of an account in a batch, as far as an inclusion file shows them.
//!
//! A trade names orders, not accounts. Whose an order is shows where it was accepted, or in the state before the batch. Ids may be
//! used again once their order is gone: so whose an id is, is certain only where everything between that place and the trade is open.
//! That there are no more fills than those shown is certain only where all of the batch is open and no traded id is of unknown account.

use std::collections::HashMap;

use proofbook_commitment::ProofError;
use proofbook_types::{AccountId, Event, OrderId, Price, Quantity, Side};

use crate::inclusion::Opened;
use crate::shown::{InclusionError, Shown};

/// A trade of an account's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// Sequence of the command in which it happened, if that has one.
    pub sequence: Option<u64>,
    /// Position of that command in the batch.
    pub position: u32,
    /// The account's order.
    pub order_id: OrderId,
    /// The other one.
    pub other_id: OrderId,
    /// Whether the account's order was the resting one.
    pub is_maker: bool,
    /// Side of the account's order.
    pub side: Side,
    /// The price.
    pub price: Price,
    /// How much.
    pub quantity: Quantity,
    /// Whether nothing that is not shown can have given the order's id to another account before.
    pub is_certain: bool,
}

/// The fills of an account that are shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fills {
    /// In the order in which they happened.
    pub fills: Vec<Fill>,
    /// Whether it is shown that the batch has no others of this account.
    pub is_complete: bool,
}

/// Whose an order is, and since where that is known.
#[derive(Clone, Copy)]
struct Owner {
    account: AccountId,
    /// Position of the command that shows it; the first position, where the state before the batch does.
    since: u32,
}

/// What is known on the way through a batch.
struct Walk<'a> {
    shown: Shown<'a>,
    account: AccountId,
    /// Whose ids are that were accepted on the way.
    owners: HashMap<u64, Owner>,
    /// From where on everything is open up to the command that is looked at.
    open_from: u32,
    /// The position after that command.
    next: u32,
    found: Fills,
}

impl Shown<'_> {
    /// The fills of an account.
    ///
    /// # Errors
    /// [`InclusionError::NotShown`] where the file opens no command of the batch; [`InclusionError::Before`] where what it says of
    /// the state before the batch is no state.
    pub fn fills(&self, account: AccountId) -> Result<Fills, InclusionError> {
        let opened = self.opened();
        if opened.is_empty() && self.values().commands > 0 {
            return Err(InclusionError::NotShown);
        }
        let mut walk = Walk {
            shown: *self,
            account,
            owners: HashMap::new(),
            open_from: 0,
            next: 0,
            found: Fills {
                fills: Vec::new(),
                is_complete: opened.len() as u64 == self.values().commands,
            },
        };
        opened.iter().try_for_each(|opened| walk.take(opened))?;
        Ok(walk.found)
    }

    /// Who had an id before the batch; `None` where that is not shown.
    fn owner_before(&self, id: u64) -> Result<Option<Owner>, InclusionError> {
        let Some(before) = &self.part.before else {
            return Ok(None);
        };
        match before.order(id) {
            Ok(Some(place)) => Ok(Some(Owner {
                account: place.order.account,
                since: 0,
            })),
            Ok(None) | Err(ProofError::NotShown) => Ok(None),
            Err(error) => Err(InclusionError::Before(error)),
        }
    }
}

impl Walk<'_> {
    fn take(&mut self, opened: &Opened) -> Result<(), InclusionError> {
        if opened.position != self.next {
            self.open_from = opened.position;
        }
        self.next = opened.position + 1;
        for event in &opened.events {
            match *event {
                Event::Accepted {
                    order_id, account, ..
                } => {
                    let since = opened.position;
                    self.owners.insert(order_id.0, Owner { account, since });
                }
                Event::Trade {
                    maker_id,
                    taker_id,
                    taker_side,
                    price,
                    quantity,
                    ..
                } => {
                    let fill = Fill {
                        sequence: self.shown.sequence(opened.position),
                        position: opened.position,
                        order_id: maker_id,
                        other_id: taker_id,
                        is_maker: true,
                        side: taker_side.opposite(),
                        price,
                        quantity,
                        is_certain: false,
                    };
                    self.fill(fill)?;
                    self.fill(Fill {
                        order_id: taker_id,
                        other_id: maker_id,
                        is_maker: false,
                        side: taker_side,
                        ..fill
                    })?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Takes one side of a trade, if it is the account's.
    fn fill(&mut self, fill: Fill) -> Result<(), InclusionError> {
        let id = fill.order_id.0;
        let owner = match self.owners.get(&id) {
            Some(owner) => Some(*owner),
            None => self.shown.owner_before(id)?,
        };
        match owner {
            None => self.found.is_complete = false,
            Some(Owner { account, since }) if account == self.account => {
                let is_certain = since >= self.open_from;
                self.found.fills.push(Fill { is_certain, ..fill });
            }
            Some(_) => {}
        }
        Ok(())
    }
}
