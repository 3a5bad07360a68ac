//! What watched accounts are told: reports in order, and balances that changed, at most once between two flushes.
//!
//! Invariant: of an account that lost a report nothing more is told until it was told to fetch its state anew.

use std::collections::BTreeSet;

use proofbook_exchange::{AssetId, Execution, Outcome, Report};
use proofbook_feed::Place;
use proofbook_types::AccountId;

use super::messages::Publication;
use crate::mailbox::Mailbox;
use crate::message::{BalanceView, ReportView};
use crate::names::Names;

/// Reports of watched accounts that one batch may give.
const REPORTS_MAX: usize = 1 << 14;

struct Told {
    place: Place,
    index: u64,
    report: Report,
}

/// What is to be told.
#[derive(Default)]
pub(super) struct Private {
    reports: Vec<Told>,
    /// Accounts and assets whose balances may have changed.
    balances: BTreeSet<(u64, AssetId)>,
    /// Accounts that lost reports.
    lost: BTreeSet<u64>,
    /// Reports of the entry so far.
    entry: u64,
    index: u64,
}

impl Private {
    /// Notes what concerns watched accounts.
    pub(super) fn take(
        &mut self,
        place: Place,
        outcome: &Outcome,
        watched: &BTreeSet<u64>,
        names: &Names,
    ) {
        match outcome {
            Outcome::Report(report) => self.take_report(place, report, watched, names),
            Outcome::Balance { account, asset, .. } if watched.contains(&account.0) => {
                self.balances.insert((account.0, *asset));
            }
            _ => {}
        }
    }

    fn take_report(
        &mut self,
        place: Place,
        report: &Report,
        watched: &BTreeSet<u64>,
        names: &Names,
    ) {
        if self.entry != place.entry {
            (self.entry, self.index) = (place.entry, 0);
        }
        let index = self.index;
        self.index += 1;
        let account = report.account.0;
        let market = names.market(report.market);
        let takes_fees =
            matches!(report.execution, Execution::Trade { .. }) && watched.contains(&0);
        if let Some(market) = market.filter(|_| takes_fees) {
            self.balances.insert((0, market.quote));
        }
        if !watched.contains(&account) {
            return;
        }
        if let Some(market) = market {
            self.balances.insert((account, market.base));
            self.balances.insert((account, market.quote));
        }
        if self.lost.contains(&account) {
            return;
        }
        if self.reports.len() >= REPORTS_MAX {
            self.lost.insert(account);
            return;
        }
        self.reports.push(Told {
            place,
            index,
            report: *report,
        });
    }

    /// Tells the reports.
    pub(super) fn tell_reports(&mut self, mailbox: &Mailbox, names: &Names) {
        for told in self.reports.drain(..) {
            let account = told.report.account.0;
            if self.lost.contains(&account) {
                continue;
            }
            let message = Publication::Report {
                entry: told.place.entry,
                index: told.index,
                time_ns: told.place.time.0,
                report: ReportView::new(&told.report, names),
            };
            if !mailbox.push(message.encode()) {
                self.lost.insert(account);
            }
        }
        self.lost.retain(|&account| {
            let message = Publication::Resync {
                account: Some(account),
                market: None,
            };
            !(mailbox.has_room() && mailbox.push(message.encode()))
        });
    }

    /// Tells the balances that may have changed; those for which there is no room wait.
    pub(super) fn tell_balances(
        &mut self,
        mailbox: &Mailbox,
        names: &Names,
        balance: impl Fn(AccountId, AssetId) -> Option<proofbook_exchange::Balance>,
    ) {
        self.balances.retain(|&(account, asset)| {
            let Some(name) = names.asset(asset) else {
                return false;
            };
            let id = AccountId(account);
            let Some(found) = balance(id, asset) else {
                return false;
            };
            let view = BalanceView::new(id, &name.symbol, name.decimals, &found);
            !(mailbox.has_room() && mailbox.push(Publication::Balance(view).encode()))
        });
    }
}
