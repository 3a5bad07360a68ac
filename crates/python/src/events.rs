//! Events as Python sees them: one frozen class for each kind, made only when somebody looks at them.
//!
//! A command returns [`Events`], which holds the engine's events as they are; indexing or iterating makes an object of the
//! right class. So whoever only sends orders pays for no event object.

use std::fmt::Write as _;

use proofbook_types::{Event, Queue, Side};
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use pyo3::types::{PyIterator, PySlice, PyString, PyTuple};

use crate::errors::RejectedError;
use crate::event_classes::{
    Accepted, Cancelled, Expired, PhaseChanged, Placed, Reduced, Refreshed, Rejected, Replaced,
    Trade, Triggered, Uncrossed,
};
use crate::units::SharedUnits;

/// The stable name of a side.
pub const fn side_name(side: Side) -> &'static str {
    match side {
        Side::Buy => "buy",
        Side::Sell => "sell",
    }
}

/// The stable name of a queue.
pub const fn queue_name(queue: Queue) -> &'static str {
    match queue {
        Queue::Bids => "bids",
        Queue::Asks => "asks",
        Queue::BuyStops => "buy_stops",
        Queue::SellStops => "sell_stops",
    }
}

/// One thing that happened: the base class of all events.
#[pyclass(name = "Event", module = "proofbook", subclass, frozen)]
pub struct EventObject {
    pub(crate) event: Event,
    pub(crate) units: SharedUnits,
}

impl EventObject {
    /// The event as an object of the class of its kind.
    pub fn make<'py>(
        py: Python<'py>,
        event: Event,
        units: SharedUnits,
    ) -> PyResult<Bound<'py, PyAny>> {
        let base = PyClassInitializer::from(EventObject { event, units });
        macro_rules! as_class {
            ($class:ident) => {
                Bound::new(py, base.add_subclass($class))?.into_any()
            };
        }
        Ok(match event {
            Event::Accepted { .. } => as_class!(Accepted),
            Event::Rejected { .. } => as_class!(Rejected),
            Event::Placed { .. } => as_class!(Placed),
            Event::Trade { .. } => as_class!(Trade),
            Event::Refreshed { .. } => as_class!(Refreshed),
            Event::Reduced { .. } => as_class!(Reduced),
            Event::Cancelled { .. } => as_class!(Cancelled),
            Event::Replaced { .. } => as_class!(Replaced),
            Event::Expired { .. } => as_class!(Expired),
            Event::Triggered { .. } => as_class!(Triggered),
            Event::PhaseChanged { .. } => as_class!(PhaseChanged),
            Event::Uncrossed { .. } => as_class!(Uncrossed),
        })
    }
}

#[pymethods]
impl EventObject {
    /// The stable name of the event's kind.
    #[getter]
    fn kind(&self) -> &'static str {
        self.event.name()
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other
            .cast::<EventObject>()
            .is_ok_and(|other| self.event == other.get().event && self.units == other.get().units)
    }

    fn __hash__(&self) -> u64 {
        let hash = self
            .event
            .encode()
            .chunks_exact(8)
            .fold(0u64, |hash, word| {
                let mut bytes = [0; 8];
                bytes.copy_from_slice(word);
                (hash ^ u64::from_le_bytes(bytes))
                    .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                    .rotate_left(29)
            });
        // Python keeps -1 for errors.
        hash & (u64::MAX >> 2)
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let class = slf.get_type();
        let mut text = format!("{}(", class.name()?);
        let names = class.getattr("__match_args__")?.cast_into::<PyTuple>()?;
        for (index, name) in names.iter().enumerate() {
            let name = name.cast_into::<PyString>()?;
            let value = slf.getattr(&name)?;
            let separator = if index == 0 { "" } else { ", " };
            let decimal = value.get_type().name()? == "Decimal";
            let value = if decimal { value.str()? } else { value.repr()? };
            write!(text, "{separator}{name}={value}").expect("writing to a string");
        }
        text.push(')');
        Ok(text)
    }
}

/// The events of one command, in order: a sequence whose items are made when they are looked at.
#[pyclass(module = "proofbook", frozen, sequence)]
pub struct Events {
    events: Box<[Event]>,
    order_id: Option<u64>,
    units: SharedUnits,
}

impl Events {
    /// The events of a command that names `order_id`.
    pub fn new(events: &[Event], order_id: Option<u64>, units: SharedUnits) -> Self {
        Events {
            events: events.into(),
            order_id,
            units,
        }
    }

    fn object<'py>(&self, py: Python<'py>, event: Event) -> PyResult<Bound<'py, PyAny>> {
        EventObject::make(py, event, self.units.clone())
    }

    fn reject_reason(&self) -> Option<&'static str> {
        self.events.iter().find_map(|event| match event {
            Event::Rejected { reason, .. } => Some(reason.name()),
            _ => None,
        })
    }

    fn tuple<'py>(
        &self,
        py: Python<'py>,
        events: impl Iterator<Item = Event>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let objects: PyResult<Vec<_>> = events.map(|event| self.object(py, event)).collect();
        PyTuple::new(py, objects?)
    }
}

#[pymethods]
impl Events {
    /// The order that the command names; for a submit, also the id that was assigned.
    #[getter]
    fn order_id(&self) -> Option<u64> {
        self.order_id
    }

    /// Why the market rejected the command, or None.
    #[getter]
    #[pyo3(name = "reject_reason")]
    fn reason(&self) -> Option<&'static str> {
        self.reject_reason()
    }

    /// The trades among the events.
    #[getter]
    fn trades<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let is_trade = |event: &Event| matches!(event, Event::Trade { .. });
        self.tuple(py, self.events.iter().copied().filter(is_trade))
    }

    /// Raises `RejectedError` if the market rejected the command; else returns the events.
    fn raise_for_reject(slf: Bound<'_, Self>) -> PyResult<Bound<'_, Self>> {
        match slf.get().reject_reason() {
            Some(reason) => Err(RejectedError::new_err(reason)),
            None => Ok(slf),
        }
    }

    fn __len__(&self) -> usize {
        self.events.len()
    }

    fn __getitem__<'py>(&self, index: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = index.py();
        if let Ok(slice) = index.cast::<PySlice>() {
            let length = isize::try_from(self.events.len())?;
            let indices = slice.indices(length)?;
            let picked = (0..indices.slicelength)
                .map(|step| indices.start + step.cast_signed() * indices.step)
                .map(|position| self.events[position.unsigned_abs()]);
            return Ok(self.tuple(py, picked)?.into_any());
        }
        let index = index.extract::<isize>()?;
        let from_end = if index < 0 { self.events.len() } else { 0 };
        from_end
            .checked_add_signed(index)
            .and_then(|position| self.events.get(position))
            .ok_or_else(|| {
                PyIndexError::new_err(format!(
                    "event index {index} is out of range: there are {}",
                    self.events.len()
                ))
            })
            .and_then(|event| self.object(py, *event))
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        self.tuple(py, self.events.iter().copied())?.try_iter()
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<Events>().is_ok_and(|other| {
            let other = other.get();
            self.events == other.events && self.units == other.units
        })
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let events = self.tuple(py, self.events.iter().copied())?;
        Ok(format!("Events{}", events.repr()?))
    }
}
