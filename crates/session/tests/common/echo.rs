//! An application that sends orders and security definitions back, fields by rising tag, and supports nothing else: what acceptance scripts expect.

use std::collections::BTreeSet;

use proofbook_fix::{tag, Dictionary, Field, ParsedMessage, Section};
use proofbook_session::{
    Application, BusinessReject, HeaderField, LogonRequest, Outgoing, Output, SendError, Store,
};

pub struct Echo {
    pub dictionary: &'static Dictionary,
    pub order_ids: BTreeSet<Vec<u8>>,
    /// The numbers of all that was delivered.
    pub delivered: Vec<u64>,
    pub logons: usize,
}

impl Echo {
    pub fn new(dictionary: &'static Dictionary) -> Self {
        Echo {
            dictionary,
            order_ids: BTreeSet::new(),
            delivered: Vec::new(),
            logons: 0,
        }
    }
}

impl Application for Echo {
    fn message<S: Store, O: Output>(
        &mut self,
        message: &ParsedMessage<'_>,
        outgoing: &mut Outgoing<'_, S, O>,
    ) -> Result<(), BusinessReject> {
        let number = message.get(tag::MSG_SEQ_NUM).expect("it was checked");
        self.delivered
            .push(number.unsigned().expect("it was checked"));
        if !matches!(message.message_type(), b"D" | b"d") {
            return Err(BusinessReject {
                reason: proofbook_session::BusinessRejectReason::UnsupportedMessageType,
                reference_id: None,
                text: "Unsupported Message Type".into(),
            });
        }
        let resent = message.get(tag::POSS_RESEND);
        if let Some(id) = message.get(tag::CL_ORD_ID) {
            let is_new = self.order_ids.insert(id.value.to_vec());
            if !is_new && resent.is_some_and(|flag| flag.value == b"Y") {
                return Ok(());
            }
        }
        let header: Vec<HeaderField<'_>> = resent
            .map(|field| HeaderField {
                tag: field.tag,
                value: field.value,
            })
            .into_iter()
            .collect();
        let is_body = |field: &Field<'_>| self.dictionary.entry(field.tag).section == Section::Body;
        let mut fields: Vec<Field<'_>> = message.fields().filter(is_body).collect();
        let has_groups = fields.iter().any(|field| {
            let definition = self.dictionary.message(message.message_type());
            let body = &definition.expect("it was checked").body;
            body.group(field.tag).is_some() && field.value != b"0"
        });
        if !has_groups {
            fields.sort_by_key(|field| field.tag);
        }
        let sent = outgoing.send(message.message_type(), &header, |draft| {
            for field in fields {
                draft.copy(field);
            }
        });
        match sent {
            // An answer that is longer than what a message may be.
            Ok(_) | Err(SendError::Encode(_)) => Ok(()),
            Err(SendError::Store(error)) => panic!("the store fails: {error}"),
        }
    }

    fn logged_on(&mut self, _: &LogonRequest<'_>) {
        self.logons += 1;
    }
}
