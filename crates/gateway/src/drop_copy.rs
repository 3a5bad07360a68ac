//! Sessions that are told what other sessions' orders do: drop copies of accounts.
//!
//! A copy has the place in the log of the report that it is a copy of, so each drop copy's outbox keeps it as the owner's keeps the report: after a crash each
//! comes exactly once. It does not matter whether the owner's session is one of FIX.

use std::collections::BTreeMap;

use proofbook_exchange::Report;
use proofbook_session::{BusinessReject, BusinessRejectReason};
use proofbook_types::AccountId;

use crate::config::SessionConfig;
use crate::error::GatewayError;
use crate::gateway::Gateway;
use crate::outbox::Position;

/// The sessions' places, by the account whose reports they get.
#[derive(Clone, Debug, Default)]
pub(crate) struct DropCopies(BTreeMap<u64, Vec<usize>>);

impl DropCopies {
    /// Those of all sessions.
    pub(crate) fn of(sessions: &[SessionConfig]) -> Self {
        let mut copies = DropCopies::default();
        for (place, session) in sessions.iter().enumerate() {
            for account in &session.drop_copy_of {
                let places = copies.0.entry(account.0).or_default();
                if places.last() != Some(&place) {
                    places.push(place);
                }
            }
        }
        copies
    }

    fn get(&self, account: AccountId, index: usize) -> Option<usize> {
        self.0.get(&account.0)?.get(index).copied()
    }
}

/// What a drop copy is told that asks for more than to be told.
pub(crate) fn refuse() -> BusinessReject {
    BusinessReject {
        reason: BusinessRejectReason::Other,
        reference_id: None,
        text: "this session is a drop copy: it enters no orders and asks about none".into(),
    }
}

impl Gateway {
    /// Sends a report to the drop copies of its account that did not have it.
    pub(crate) fn copy_report(
        &mut self,
        report: &Report,
        position: Position,
        time_ns: u64,
        now_ns: u64,
    ) -> Result<(), GatewayError> {
        let mut index = 0;
        while let Some(place) = self.drop_copies.get(report.account, index) {
            if self.take_place(place, position) {
                self.send_report(place, report, Some(position), time_ns, now_ns)?;
            }
            index += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proofbook_exchange::{
        Action, AssetId, ClientId, Fees, Listing, MarketId, NewOrder, OrderKind, Symbol,
    };
    use proofbook_fix::Version;
    use proofbook_session::{Identity, Store, Unauthenticated};
    use proofbook_testkit::files::Temporary;
    use proofbook_types::{MarketConfig, Phase, Price, Quantity, Side, TimeInForce};

    use super::*;
    use crate::config::GatewayConfig;
    use crate::gateway::now_ns;

    /// The number that orders of the web have for a session.
    const WEB: u64 = 1 << 32;

    fn session(id: u64, name: &[u8], drop_copy_of: &[u64]) -> SessionConfig {
        let identity = Identity::new(Version::Fix44, name, b"EXCHANGE").expect("names");
        SessionConfig {
            drop_copy_of: drop_copy_of.iter().copied().map(AccountId).collect(),
            ..SessionConfig::new(id, AccountId(1), identity, Arc::new(Unauthenticated))
        }
    }

    fn first_entries() -> Vec<Action> {
        let symbol = |text: &[u8]| Symbol::new(text).expect("a short text");
        let asset = |number, text: &[u8]| Action::AddAsset {
            asset: AssetId(number),
            symbol: symbol(text),
            decimals: 6,
        };
        let listing = Listing {
            market: MarketId(1),
            symbol: symbol(b"BTC-USD"),
            base: AssetId(1),
            quote: AssetId(2),
            price_decimals: 2,
            quantity_decimals: 3,
            fees: Fees::default(),
            config: MarketConfig {
                market: 1,
                initial_phase: Phase::Halted,
                ..MarketConfig::default()
            },
        };
        let accounts = [1, 2].map(|account| Action::OpenAccount {
            account: AccountId(account),
        });
        let mut actions = vec![
            asset(1, b"BTC"),
            asset(2, b"USD"),
            Action::ListMarket(listing),
        ];
        actions.extend(accounts);
        actions
    }

    /// An order that is refused, since there is no money: it has a report too.
    fn order(account: u64, id: &str) -> Action {
        Action::New(NewOrder {
            account: AccountId(account),
            session: WEB,
            client_id: ClientId::new(id.as_bytes()).expect("an id"),
            market: MarketId(1),
            side: Side::Buy,
            quantity: Quantity(1),
            kind: OrderKind::Limit { price: Price(1) },
            time_in_force: TimeInForce::GoodTillCancel,
            post_only: false,
            display: None,
            self_trade: None,
        })
    }

    /// The ClOrdIDs of a session's messages, with their accounts.
    fn kept(gateway: &mut Gateway, place: usize) -> Vec<String> {
        let store = gateway.slots[place].session.store();
        let (mut kept, mut bytes) = (Vec::new(), Vec::new());
        let mut next = store.next_stored(0);
        while let Some(number) = next {
            store.read(number, &mut bytes).expect("it is read");
            let text = String::from_utf8_lossy(&bytes).replace('\x01', "|");
            let field = |tag: &str| {
                let (_, rest) = text.split_once(&format!("|{tag}="))?;
                rest.split('|').next()
            };
            assert_eq!(field("797"), Some("Y"), "{text}");
            let (id, account) = (field("11"), field("1"));
            kept.push(format!("{}@{}", id.unwrap_or(""), account.unwrap_or("")));
            next = store.next_stored(number + 1);
        }
        kept
    }

    #[test]
    fn orders_of_no_session_are_copied_once_each_to_whom_they_concern() {
        let folder = Temporary::new();
        for round in 0..3 {
            let sessions = vec![session(1, b"CLERK", &[1, 2, 2]), session(2, b"OTHER", &[2])];
            let config = GatewayConfig::new(folder.path().to_owned(), sessions);
            let mut gateway = Gateway::open(config, &first_entries()).expect("it opens");
            for account in [1, 2] {
                let action = order(account, &format!("{round}"));
                gateway.desk.submit(action, now_ns()).expect("it is taken");
            }
            gateway.settle(now_ns()).expect("it is written");
            let all = (0..=round).flat_map(|round| [format!("{round}@1"), format!("{round}@2")]);
            let (all, of_2): (Vec<_>, Vec<_>) = (all.clone().collect(), all.collect());
            let of_2: Vec<_> = of_2.into_iter().filter(|one| one.ends_with('2')).collect();
            assert_eq!(kept(&mut gateway, 0), all);
            assert_eq!(kept(&mut gateway, 1), of_2);
        }
    }
}
