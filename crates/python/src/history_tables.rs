//! The history's tables under construction: which columns there are, and of which type.
//!
//! `docs/HISTORY.md` describes them. Prices, quantities and amounts are decimals of one scale, `AMOUNT_SCALE`: the most decimals
//! that an asset may have. So each is exact, and a column holds what belongs to many markets.
//!
//! Invariant: the columns of a table have equally many rows; whoever adds a row adds to each.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::builder::{
    ArrayBuilder, Decimal128Builder, StringBuilder, StringDictionaryBuilder,
    TimestampNanosecondBuilder, UInt32Builder, UInt64Builder, UInt8Builder,
};
use arrow_array::types::Int16Type;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};

/// Decimals of every price, quantity and amount.
pub const AMOUNT_SCALE: u8 = 18;

/// Digits of every price, quantity and amount.
const AMOUNT_PRECISION: u8 = 38;

/// The smallest amount, in units of 10^-18, that has too many digits.
pub const AMOUNT_END: u128 = 10u128.pow(AMOUNT_PRECISION as u32);

/// The layout of the tables; it is in their metadata.
const FORMAT: &str = "1";

/// Numbers: entries, ids, accounts.
pub type Whole = UInt64Builder;
/// Small numbers.
pub type Count = UInt32Builder;
/// Numbers of decimals.
pub type Decimals = UInt8Builder;
/// Nanoseconds since 1970, UTC.
pub type Time = TimestampNanosecondBuilder;
/// Prices, quantities, amounts.
pub type Amount = Decimal128Builder;
/// Texts that come again and again.
pub type Word = StringDictionaryBuilder<Int16Type>;
/// Texts that do not.
pub type Text = StringBuilder;

/// A column of which there may be several in a table.
pub trait Column {
    /// Without rows.
    fn start() -> Self;
    /// Its type in Arrow.
    fn data_type() -> DataType;
    /// Gives the rows out.
    fn give(&mut self) -> ArrayRef;
}

macro_rules! columns {
    ($($name:ident: $start:expr, $kind:expr;)*) => {
        $(impl Column for $name {
            fn start() -> Self {
                $start
            }

            fn data_type() -> DataType {
                $kind
            }

            fn give(&mut self) -> ArrayRef {
                Arc::new(self.finish())
            }
        })*
    };
}

columns! {
    Whole: Whole::new(), DataType::UInt64;
    Count: Count::new(), DataType::UInt32;
    Decimals: Decimals::new(), DataType::UInt8;
    Time: Time::new(), DataType::Timestamp(TimeUnit::Nanosecond, None);
    Amount: Amount::new().with_data_type(Amount::data_type()),
        DataType::Decimal128(AMOUNT_PRECISION, AMOUNT_SCALE as i8);
    Word: Word::new(),
        DataType::Dictionary(Box::new(DataType::Int16), Box::new(DataType::Utf8));
    Text: Text::new(), DataType::Utf8;
}

macro_rules! tables {
    ($($(#[$doc:meta])* $table:ident, $field_of_all:ident { $($field:ident: $kind:ident $null:ident,)* })*) => {
        $(
            $(#[$doc])*
            pub struct $table {
                $(pub $field: $kind,)*
                schema: SchemaRef,
            }

            impl $table {
                fn start(metadata: &HashMap<String, String>) -> Self {
                    let fields = vec![$(Field::new(
                        stringify!($field),
                        <$kind as Column>::data_type(),
                        stringify!($null).len() == "null".len(),
                    ),)*];
                    $table {
                        $($field: Column::start(),)*
                        schema: Arc::new(Schema::new_with_metadata(fields, metadata.clone())),
                    }
                }

                fn give(&mut self, rows: usize) -> Result<RecordBatch, ArrowError> {
                    let columns = vec![$(Column::give(&mut self.$field).slice(0, rows),)*];
                    RecordBatch::try_new(self.schema.clone(), columns)
                }
            }
        )*

        /// Numbers of rows, by table.
        #[derive(Clone, Copy)]
        pub struct Rows {
            $($field_of_all: usize,)*
        }

        /// All tables, for the same entries.
        pub struct Tables {
            $(pub $field_of_all: $table,)*
        }

        impl Tables {
            /// Tables without rows, of an exchange with this name.
            pub fn new(exchange: &str) -> Self {
                let metadata = HashMap::from([
                    ("proofbook.exchange".to_owned(), exchange.to_owned()),
                    ("proofbook.history".to_owned(), FORMAT.to_owned()),
                ]);
                Tables { $($field_of_all: $table::start(&metadata),)* }
            }

            /// The schemas of all tables, by the tables' names.
            pub fn schemas(&self) -> Vec<(&'static str, SchemaRef)> {
                vec![$((stringify!($field_of_all), self.$field_of_all.schema.clone()),)*]
            }

            /// How many rows each table has.
            pub fn rows(&self) -> Rows {
                Rows { $($field_of_all: self.$field_of_all.entry.len(),)* }
            }

            /// Gives out the first rows of all tables by the tables' names, and starts anew.
            ///
            /// # Errors
            /// A column lacks rows that another has.
            pub fn give(&mut self, rows: Rows) -> Result<Vec<(&'static str, RecordBatch)>, ArrowError> {
                Ok(vec![$((stringify!($field_of_all), self.$field_of_all.give(rows.$field_of_all)?),)*])
            }
        }
    };
}

tables! {
    /// One row for each entry, without gaps.
    Entries, entries {
        entry: Whole full,
        ts_event: Time full,
        action: Word full,
        account: Whole null,
        session: Whole null,
        market: Word null,
        asset: Word null,
        order_id: Whole null,
        client_id: Text null,
        amount: Amount null,
        reason: Word null,
        cancelled: Count null,
        reports: Count full,
    }
    /// One row for each report about an order.
    Orders, orders {
        entry: Whole full,
        index: Count full,
        ts_event: Time full,
        account: Whole full,
        session: Whole full,
        order_id: Whole null,
        client_id: Text null,
        original_id: Text null,
        market: Word null,
        side: Word full,
        kind: Word full,
        execution: Word full,
        reason: Word null,
        price: Amount null,
        size: Amount null,
        liquidity: Word null,
        fee: Amount null,
        status: Word full,
        limit_price: Amount null,
        stop_price: Amount null,
        quantity: Amount null,
        leaves: Amount null,
        filled: Amount null,
        notional: Amount null,
        fees: Amount null,
        hold: Amount null,
    }
    /// One row for each trade.
    Trades, trades {
        entry: Whole full,
        index: Count full,
        ts_event: Time full,
        market: Word full,
        trade_id: Whole full,
        price: Amount full,
        size: Amount full,
        side: Word full,
        notional: Amount full,
        maker_order_id: Whole full,
        taker_order_id: Whole full,
    }
    /// What an account had after an entry that changed it.
    Balances, balances {
        entry: Whole full,
        ts_event: Time full,
        account: Whole full,
        asset: Word full,
        total: Amount full,
        held: Amount full,
        credit: Amount full,
        available: Amount full,
    }
    /// One row for each asset, from when it was introduced.
    Assets, assets {
        entry: Whole full,
        ts_event: Time full,
        asset: Word full,
        number: Count full,
        decimals: Decimals full,
    }
    /// One row for each market, from when it was listed.
    Markets, markets {
        entry: Whole full,
        ts_event: Time full,
        market: Word full,
        number: Count full,
        base: Word full,
        quote: Word full,
        price_decimals: Decimals full,
        quantity_decimals: Decimals full,
        maker_fee: Count full,
        taker_fee: Count full,
    }
}
