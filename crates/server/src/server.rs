//! The exchange as a whole: a reactor thread that decides, a publisher thread behind it, and callers who speak JSON.

use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};

use proofbook_exchange::{Action, Target};
use proofbook_gateway::{Gateway, Handle, Metrics, Stop, SubmitError};
use proofbook_journal::Directory;
use proofbook_types::OrderId;

use crate::config::Config;
use crate::error::{InputError, ServerError};
use crate::fields;
use crate::mailbox::{Bounds, Mailbox};
use crate::names::Names;
use crate::publisher::{Publisher, Shared, Snapshots, Stage};
use crate::query::View;
use crate::request;

type Thread = JoinHandle<Result<(), ServerError>>;

/// A running exchange.
pub struct Server {
    handle: Handle,
    stop: Stop,
    shared: Arc<Shared>,
    publisher: Mutex<Option<Thread>>,
    address: Option<SocketAddr>,
    folder: String,
    metrics: Arc<Metrics>,
}

fn now_ns() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.expect("the clock is after 1970");
    u64::try_from(now.as_nanos()).expect("the clock is before 2554")
}

impl Server {
    /// Opens the exchange of a folder, or starts one, as a configuration (JSON) says.
    ///
    /// # Errors
    /// A configuration that cannot be understood; files that are damaged or in use; an address that cannot be listened on.
    pub fn start(config: &[u8]) -> Result<Self, ServerError> {
        let config = Config::read(&fields::parse(config)?)?;
        let folder = config.gateway.folder.clone();
        let gateway = Gateway::open(config.gateway, &config.first)?;
        let mut reactor = gateway.serve(config.address)?;
        let address = match config.address {
            Some(_) => Some(reactor.address()?),
            None => None,
        };
        let stop = reactor.stop();
        let metrics = reactor.metrics();
        let (handle, answers) = reactor.attach();
        let progress = Arc::clone(handle.progress());
        // Queries see at once what the exchange has.
        let mailbox = Mailbox::new(Bounds::default())?;
        let log = Directory::open(folder.join("log"))?;
        let (entries, last) = (config.snapshot_entries, progress.acknowledged());
        let snapshots = Snapshots::new(log, &folder, entries, last);
        let stage = Stage::open(&folder, progress.acknowledged(), mailbox)?;
        let shared = Arc::clone(stage.shared());
        let publisher = Publisher {
            stage,
            answers,
            progress,
            reactor: spawn("proofbook-reactor", move || reactor.run())?,
            interval: config.interval,
            snapshots,
        };
        let publisher = spawn("proofbook-publisher", move || publisher.run())?;
        Ok(Server {
            handle,
            stop,
            shared,
            publisher: Mutex::new(Some(publisher)),
            address,
            folder: folder.display().to_string(),
            metrics,
        })
    }

    /// Where FIX clients connect, if they may.
    pub fn fix_address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// A descriptor that is readable while [`Server::drain`] has something; it lives as long as the server does.
    pub fn readiness(&self) -> RawFd {
        self.shared.mailbox.readiness()
    }

    /// Gives a request (JSON) to the exchange; its ticket, by which a message answers it.
    ///
    /// # Errors
    /// It cannot be understood, too many wait, or the exchange has stopped.
    pub fn submit(&self, request: &[u8]) -> Result<u64, ServerError> {
        let value = fields::parse(request)?;
        let names = self.shared.names();
        let find = |target: &Target| self.market_of(target, &names);
        let action = request::read(&value, &names, &find, now_ns())?;
        self.enter(action)
    }

    fn enter(&self, action: Action) -> Result<u64, ServerError> {
        if !self.shared.mailbox.begin_request() {
            return Err(ServerError::Busy(SubmitError::Busy));
        }
        let submitted = self.handle.submit(action);
        if submitted.is_err() {
            self.shared.mailbox.forget_request();
        }
        submitted.map_err(|error| match error {
            SubmitError::Busy => ServerError::Busy(error),
            SubmitError::Stopped => ServerError::Stopped,
            SubmitError::Quantity { received } => ServerError::Input(InputError {
                field: "quantity".to_owned(),
                expected: "less than 2^63 lots".to_owned(),
                received: received.to_string(),
            }),
        })
    }

    /// The market of an order that is known, by its symbol.
    fn market_of(&self, target: &Target, names: &Names) -> Option<String> {
        let published = self.shared.published().ok()?;
        let exchange = published.exchange();
        let found = match target.order_id {
            OrderId(0) => exchange.order_named(target.account, &target.original_id),
            order_id => exchange.order(order_id),
        };
        let order = found.filter(|order| order.account == target.account)?;
        Some(names.market(order.market)?.symbol.clone())
    }

    /// The messages that wait, in order; a bounded number of them.
    pub fn drain(&self) -> Vec<Vec<u8>> {
        self.shared.mailbox.drain()
    }

    /// Answers a question (JSON).
    ///
    /// # Errors
    /// It cannot be understood, or is about something that is not there.
    pub fn query(&self, query: &[u8]) -> Result<Vec<u8>, ServerError> {
        let value = fields::parse(query)?;
        let (failure, journals) = (self.shared.failure(), self.shared.journals_failure());
        let published = self.shared.published()?;
        let names = self.shared.names();
        let view = View {
            published: &published,
            names: &names,
            acknowledged: self.handle.progress().acknowledged(),
            failure: failure.as_deref(),
            journals_failure: journals.as_deref(),
            folder: &self.folder,
        };
        let answer = view.answer(&value)?;
        Ok(serde_json::to_vec(&answer).expect("a value is JSON"))
    }

    /// Says whether messages about an account's orders and balances are wanted.
    pub fn watch(&self, account: u64, is_watched: bool) {
        self.shared.watch(account, is_watched);
    }

    /// Counters and histograms, as JSON.
    pub fn metrics(&self) -> Vec<u8> {
        crate::metrics::encode(&self.metrics)
    }

    /// Stops in order: sessions are logged out, a snapshot is taken, threads end. A second call does nothing.
    ///
    /// # Errors
    /// The log or a store failed.
    pub fn stop(&self) -> Result<(), ServerError> {
        let publisher = self.publisher.lock();
        let publisher = publisher.unwrap_or_else(PoisonError::into_inner).take();
        let Some(publisher) = publisher else {
            return Ok(());
        };
        self.stop.stop()?;
        let ended = publisher.join();
        ended.unwrap_or_else(|_| Err(ServerError::Failed("the publisher has failed".to_owned())))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Whoever wants to know how it ended has called `stop`.
        let _ = self.stop();
    }
}

fn spawn<T: Send + 'static>(
    name: &str,
    run: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, ServerError> {
    let builder = std::thread::Builder::new().name(name.to_owned());
    Ok(builder.spawn(run)?)
}
