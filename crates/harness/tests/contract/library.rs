//! The library loaded from its file, and a session with the engine in it.

use std::ffi::c_void;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, OnceLock};

use libloading::{Library, Symbol};
use proofbook_harness::contract::{
    CancelMessage, MessageBody, ModifyMessage, NewMessage, Report, TaggedMessage, Transport,
    TAG_CANCEL, TAG_MODIFY, TAG_NEW,
};

use Message::{Cancel, Ioc, Modify, New};

/// The library's file: beside the test, or one folder up. The newest, where both are there.
pub fn library_path() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let folders = test.ancestors().skip(1).take(2);
    let found = folders
        .map(|folder| folder.join("libproofbook_harness.so"))
        .filter(|path| path.exists());
    let newest = found.max_by_key(|path| {
        let metadata = path.metadata().expect("the library is there");
        metadata.modified().expect("files have times here")
    });
    newest.unwrap_or_else(|| panic!("the library is not near {}", test.display()))
}

/// The library holds one engine per process, so tests take turns.
pub fn library() -> MutexGuard<'static, Library> {
    static LIBRARY: OnceLock<Mutex<Library>> = OnceLock::new();
    let library = LIBRARY.get_or_init(|| {
        // SAFETY: our own library, whose start-up code does nothing.
        let library = unsafe { Library::new(library_path()) };
        Mutex::new(library.expect("the library loads"))
    });
    // A failed test must not fail the others.
    library
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Calls an exported function of the given type, and reads the arguments.
macro_rules! call {
    ($library:expr, $name:literal: $type:ty, $($argument:expr),*) => {{
        // SAFETY: the types are those of the contract, and a union is read as it was filled.
        unsafe {
            let function: Symbol<$type> = $library.get($name).expect("the symbol is exported");
            function($($argument),*)
        }
    }};
}

#[derive(Clone, Copy, Debug)]
pub enum Message {
    New(u64, u8, u32, i64),
    Ioc(u64, u8, u32, i64),
    Cancel(u64),
    Modify(u64, u8, u32, i64),
}

impl Message {
    /// As an element of a batch; its sequence number is its place in the flow.
    pub fn tagged(self, sequence: u64) -> TaggedMessage {
        let (tag, body) = match self {
            New(order_id, side, quantity, price_ticks)
            | Ioc(order_id, side, quantity, price_ticks) => {
                let new = NewMessage {
                    order_id,
                    sequence,
                    price_ticks,
                    quantity,
                    side,
                    is_ioc: u8::from(matches!(self, Ioc(..))),
                    reserved: [0; 2],
                };
                (TAG_NEW, MessageBody { new })
            }
            Cancel(order_id) => {
                let cancel = CancelMessage { order_id, sequence };
                (TAG_CANCEL, MessageBody { cancel })
            }
            Modify(order_id, side, quantity, price_ticks) => {
                let modify = ModifyMessage {
                    order_id,
                    sequence,
                    price_ticks,
                    quantity,
                    side,
                    reserved: [0; 3],
                };
                (TAG_MODIFY, MessageBody { modify })
            }
        };
        TaggedMessage {
            tag,
            reserved: [0; 7],
            body,
        }
    }
}

/// The engine in the library with a transport, from `engine_init` to `engine_shutdown`.
pub struct Session<'a> {
    library: &'a Library,
    transport: *const Transport,
    queue: *mut c_void,
}

impl<'a> Session<'a> {
    /// A session over the library's own transport.
    pub fn own(library: &'a Library, capacity: u32) -> Self {
        type Get = unsafe extern "C" fn() -> *const Transport;
        let transport = call!(library, b"engine_get_transport": Get,);
        Self::over(library, transport, capacity)
    }

    pub fn over(library: &'a Library, transport: *const Transport, capacity: u32) -> Self {
        // SAFETY: the table is complete.
        let queue = unsafe { ((*transport).create)(capacity) };
        assert!(!queue.is_null());
        type Init = unsafe extern "C" fn(u64, *const Transport, *mut c_void);
        call!(library, b"engine_init": Init, 7, transport, queue);
        Session {
            library,
            transport,
            queue,
        }
    }

    pub fn send(&self, message: Message, sequence: u64) {
        let tagged = message.tagged(sequence);
        match message {
            New(..) | Ioc(..) => {
                type On = unsafe extern "C" fn(*const NewMessage);
                call!(self.library, b"engine_on_new_order": On, &tagged.body.new);
            }
            Cancel(_) => {
                type On = unsafe extern "C" fn(*const CancelMessage);
                call!(self.library, b"engine_on_cancel": On, &tagged.body.cancel);
            }
            Modify(..) => {
                type On = unsafe extern "C" fn(*const ModifyMessage);
                call!(self.library, b"engine_on_modify": On, &tagged.body.modify);
            }
        }
    }

    pub fn send_batch(&self, messages: &[Message], first_sequence: u64) {
        let tagged: Vec<TaggedMessage> = messages
            .iter()
            .zip(first_sequence..)
            .map(|(message, sequence)| message.tagged(sequence))
            .collect();
        type OnBatch = unsafe extern "C" fn(*const TaggedMessage, u32);
        let count = u32::try_from(tagged.len()).expect("tests send small batches");
        call!(self.library, b"engine_on_batch": OnBatch, tagged.as_ptr(), count);
    }

    /// Flushes as the harness does and takes everything out, a few reports at a time.
    pub fn drain(&self) -> Vec<Report> {
        call!(self.library, b"engine_flush": unsafe extern "C" fn(),);
        let mut reports = Vec::new();
        let mut chunk = [Report::default(); 7];
        // SAFETY: the queue is this transport's, and this thread is on both of its sides.
        unsafe {
            ((*self.transport).flush)(self.queue);
            loop {
                let count = ((*self.transport).drain)(self.queue, chunk.as_mut_ptr(), 7);
                if count == 0 {
                    return reports;
                }
                reports.extend_from_slice(&chunk[..count as usize]);
            }
        }
    }

    pub fn best(&self) -> (i64, i64) {
        type Query = unsafe extern "C" fn() -> i64;
        let bid = call!(self.library, b"engine_query_best_bid": Query,);
        let ask = call!(self.library, b"engine_query_best_ask": Query,);
        (bid, ask)
    }

    pub fn depth(&self, price_ticks: i64, side: u8) -> u64 {
        type Query = unsafe extern "C" fn(i64, u8) -> u64;
        call!(self.library, b"engine_query_depth_at": Query, price_ticks, side)
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        call!(self.library, b"engine_shutdown": unsafe extern "C" fn(),);
        // SAFETY: the queue is this transport's, and the engine no longer uses it.
        unsafe { ((*self.transport).destroy)(self.queue) };
    }
}
