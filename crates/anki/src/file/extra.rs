//! What the protobuf blobs of a schema-18 file hold beyond their JSON form.
//!
//! A later Anki may add protobuf fields that we do not know, and some values have no exact JSON form (half a percent, a choice
//! with a new number). When a blob is read, it is compared with the blob that its JSON form would give; the fields that differ
//! are kept byte for byte. When the object goes into a schema-18 file again, they replace what the JSON form says about them.

use std::borrow::Cow;

use prost::{
    Message,
    encoding::{decode_varint, encode_varint},
};

/// The first byte of the stored form. Anything else is of another time, and ignored.
const FORMAT: u8 = 1;

/// The field with the JSON keys that have no field of their own. Clients write them in random order.
const OTHER: u32 = 255;

/// Fields of an object's blobs that override its JSON form.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Extra {
    #[prost(message, repeated, tag = "1")]
    fields: Vec<Field>,
}

/// One field at some level of one blob.
#[derive(Clone, PartialEq, Message)]
struct Field {
    /// Which of the object's blobs, counted as [`super::blobs`] does.
    #[prost(uint32, tag = "1")]
    blob: u32,
    /// The numbers of the fields that lead to the message, from the top.
    #[prost(uint32, repeated, tag = "2")]
    path: Vec<u32>,
    /// The number of the field in that message.
    #[prost(uint32, tag = "3")]
    number: u32,
    /// All occurrences of the field, tags included. Empty if it must be absent.
    #[prost(bytes = "vec", tag = "4")]
    raw: Vec<u8>,
}

impl Field {
    fn overlaps(&self, other: &Self) -> bool {
        let whole = |field: &Self| field.path.iter().copied().chain([field.number]).collect::<Vec<u32>>();
        let (ours, theirs) = (whole(self), whole(other));
        ours.starts_with(&theirs) || theirs.starts_with(&ours)
    }
}

/// Which fields of a message are messages whose own fields are compared one by one.
#[derive(Debug)]
pub(super) struct Shape(pub(super) &'static [(u32, Shape)]);

impl Extra {
    /// Reads the stored form.
    pub(super) fn load(stored: Option<&[u8]>) -> Self {
        match stored {
            Some([FORMAT, fields @ ..]) => Self::decode(fields).unwrap_or_default(),
            _ => Self::default(),
        }
    }

    /// The form to store, if there is anything.
    pub(super) fn store(&self) -> Option<Vec<u8>> {
        if self.fields.is_empty() {
            return None;
        }
        let mut stored = vec![FORMAT];
        stored.extend(self.encode_to_vec());
        Some(stored)
    }

    /// Collects the fields in which the blob of a file differs from the one that its JSON form gives.
    pub(super) fn compare(&mut self, blob: u32, original: &[u8], from_json: &[u8], shape: &Shape) {
        if original != from_json {
            // A blob that prost could decode also splits, unless it has groups, which Anki never used.
            let _ = self.compare_level(blob, &mut Vec::new(), original, from_json, shape);
        }
    }

    /// Forgets that fields were absent from the top level of a blob.
    ///
    /// For alternatives of which one must be there: an older client finds the one that JSON gives, a newer one takes the unknown
    /// one, which comes later.
    pub(super) fn keep_present(&mut self, blob: u32) {
        self.fields.retain(|field| field.blob != blob || !field.path.is_empty() || !field.raw.is_empty());
    }

    /// Forgets everything about a field at the top level of a blob.
    ///
    /// For alternatives that we know: a file that has both means the one that comes last, and the other must not come back after it.
    pub(super) fn forget(&mut self, blob: u32, number: u32) {
        self.fields.retain(|field| field.blob != blob || field.path.first().copied().unwrap_or(field.number) != number);
    }

    /// Gives the fields the numbers that their blobs have now. Those of blobs that are gone go as well.
    pub(super) fn renumber(&mut self, number: impl Fn(u32) -> Option<u32>) {
        self.fields.retain_mut(|field| match number(field.blob) {
            Some(now) => {
                field.blob = now;
                true
            }
            None => false,
        });
    }

    /// Forgets the fields that are also in `changed`, or inside of one there, or around one.
    pub(super) fn yield_to(&mut self, changed: &Self) {
        self.fields.retain(|field| !changed.fields.iter().any(|other| other.blob == field.blob && field.overlaps(other)));
    }

    fn compare_level(&mut self, blob: u32, path: &mut Vec<u32>, original: &[u8], from_json: &[u8], shape: &Shape) -> Option<()> {
        let (original, from_json) = (split(original)?, split(from_json)?);
        let mut numbers: Vec<u32> = original.iter().chain(&from_json).map(|piece| piece.number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        for number in numbers {
            let of =
                |pieces: &[Piece<'_>]| pieces.iter().filter(|piece| piece.number == number).flat_map(|piece| piece.raw).copied().collect();
            let raw: Vec<u8> = of(&original);
            let same_keys = number == OTHER && path.is_empty() && same_json(only(&original, number), only(&from_json, number));
            if raw == of(&from_json) || same_keys {
                continue;
            }
            let nested = shape.0.iter().find(|(field, _)| *field == number);
            let collected = self.fields.len();
            if let (Some((_, shape)), Some(ours), Some(theirs)) = (nested, only(&original, number), only(&from_json, number)) {
                path.push(number);
                let compared = self.compare_level(blob, path, ours, theirs, shape);
                path.pop();
                if compared.is_some() {
                    continue;
                }
                self.fields.truncate(collected);
            }
            self.fields.push(Field { blob, path: path.clone(), number, raw });
        }
        Some(())
    }

    /// Puts the collected fields into a blob made from JSON.
    pub(super) fn apply(&self, blob: u32, from_json: Vec<u8>) -> Vec<u8> {
        let fields: Vec<&Field> = self.fields.iter().filter(|field| field.blob == blob).collect();
        if fields.is_empty() {
            return from_json;
        }
        apply_level(&fields, 0, &from_json).unwrap_or(from_json)
    }
}

fn apply_level(fields: &[&Field], depth: usize, message: &[u8]) -> Option<Vec<u8>> {
    let here = || fields.iter().filter(|field| field.path.len() == depth);
    let mut parts: Vec<(u32, Cow<'_, [u8]>)> = here().map(|field| (field.number, Cow::Borrowed(field.raw.as_slice()))).collect();
    for piece in split(message)? {
        if here().any(|field| field.number == piece.number) {
            continue;
        }
        let inside: Vec<&Field> = fields.iter().copied().filter(|field| field.path.get(depth) == Some(&piece.number)).collect();
        parts.push(match piece.payload {
            Some(payload) if !inside.is_empty() => {
                let nested = apply_level(&inside, depth + 1, payload)?;
                let mut raw = Vec::with_capacity(nested.len() + 8);
                encode_varint(u64::from(piece.number) << 3 | 2, &mut raw);
                encode_varint(nested.len() as u64, &mut raw);
                raw.extend(nested);
                (piece.number, raw.into())
            }
            _ => (piece.number, piece.raw.into()),
        });
    }
    // Writers of protobuf keep the order of numbers. It also makes a later alternative of a oneof the one that counts.
    parts.sort_by_key(|(number, _)| *number);
    Some(parts.into_iter().flat_map(|(_, raw)| raw.into_owned()).collect())
}

/// One field of an encoded message.
struct Piece<'a> {
    number: u32,
    /// Tag and value.
    raw: &'a [u8],
    /// The value, if it is of the sort that messages are.
    payload: Option<&'a [u8]>,
}

/// The payload of a field that occurs exactly once.
fn only<'a>(pieces: &[Piece<'a>], number: u32) -> Option<&'a [u8]> {
    let mut found = pieces.iter().filter(|piece| piece.number == number);
    let payload = found.next()?.payload;
    if found.next().is_none() { payload } else { None }
}

/// Whether two texts are the same JSON, in whatever order.
fn same_json(ours: Option<&[u8]>, theirs: Option<&[u8]>) -> bool {
    let (Some(ours), Some(theirs)) = (ours, theirs) else { return false };
    let value = |text| serde_json::from_slice::<serde_json::Value>(text).ok();
    value(ours).is_some_and(|ours| Some(ours) == value(theirs))
}

/// Splits an encoded message into its fields; nothing if it is malformed or has groups.
fn split(message: &[u8]) -> Option<Vec<Piece<'_>>> {
    let mut pieces = Vec::new();
    let mut rest = message;
    while !rest.is_empty() {
        let start = rest;
        let tag = decode_varint(&mut rest).ok()?;
        let mut payload = None;
        match tag & 7 {
            0 => drop(decode_varint(&mut rest).ok()?),
            1 => rest = rest.get(8..)?,
            2 => {
                let length = usize::try_from(decode_varint(&mut rest).ok()?).ok()?;
                payload = Some(rest.get(..length)?);
                rest = rest.get(length..)?;
            }
            5 => rest = rest.get(4..)?,
            _ => return None,
        }
        let raw = start.get(..start.len() - rest.len())?;
        pieces.push(Piece { number: u32::try_from(tag >> 3).ok()?, raw, payload });
    }
    Some(pieces)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SHAPE: Shape = Shape(&[(1, Shape(&[(8, Shape(&[]))]))]);

    /// Encodes a field: numbers as varints, texts as they are.
    fn field(number: u32, payload: &[u8]) -> Vec<u8> {
        let mut result = Vec::new();
        encode_varint(u64::from(number) << 3 | 2, &mut result);
        encode_varint(payload.len() as u64, &mut result);
        result.extend(payload);
        result
    }

    fn restored(original: &[u8], from_json: &[u8]) -> Vec<u8> {
        let mut extra = Extra::default();
        extra.compare(3, original, from_json, &SHAPE);
        let stored = extra.store();
        let extra = Extra::load(stored.as_deref());
        assert_eq!(extra.apply(4, from_json.to_vec()), from_json, "another blob must stay as it is");
        extra.apply(3, from_json.to_vec())
    }

    #[test]
    fn unknown_fields_come_back_at_every_level() {
        let deep = |extra: &[u8]| field(1, &[field(2, b"a"), field(8, &[field(1, b"x").as_slice(), extra].concat())].concat());
        let (original, from_json) = (deep(&field(900, b"future")), deep(b""));
        assert_eq!(restored(&original, &from_json), original);
    }

    #[test]
    fn a_field_that_json_lacks_or_adds_is_restored() {
        let with = [field(2, b"a"), field(5, b"b")].concat();
        assert_eq!(restored(&with, &field(2, b"a")), with);
        assert_eq!(restored(&field(2, b"a"), &with), field(2, b"a"));
        assert_eq!(restored(b"", &with), b"");
    }

    #[test]
    fn other_fields_follow_the_json() {
        let mut extra = Extra::default();
        extra.compare(0, &[field(2, b"old"), field(77, b"new")].concat(), &field(2, b"old"), &SHAPE);
        assert_eq!(extra.apply(0, field(2, b"edited")), [field(2, b"edited"), field(77, b"new")].concat());
    }

    #[test]
    fn nothing_is_stored_without_a_difference() {
        let mut extra = Extra::default();
        extra.compare(0, &field(2, b"a"), &field(2, b"a"), &SHAPE);
        extra.compare(0, &field(255, br#"{"a":1.0,"b":{"x":[1],"y":2}}"#), &field(255, br#"{"b":{"y":2,"x":[1]},"a":1.0}"#), &SHAPE);
        assert_eq!(extra.store(), None);
        assert_eq!(Extra::load(None), Extra::default());
        assert_eq!(Extra::load(Some(b"")), Extra::default());
        assert_eq!(Extra::load(Some(&[9, 1, 2])), Extra::default());
    }

    fn message() -> impl Strategy<Value = Vec<u8>> {
        let leaf = (2_u32..12, prop::collection::vec(any::<u8>(), 0..5)).prop_map(|(number, payload)| field(number, &payload));
        let inner = prop::collection::vec(leaf.clone(), 0..4).prop_map(|fields| field(1, &fields.concat()));
        prop::collection::vec(prop_oneof![leaf, inner], 0..6).prop_map(|fields| fields.concat())
    }

    /// The fields in the order of their numbers, which is all that counts in protobuf.
    fn sorted(message: &[u8]) -> Vec<(u32, Vec<u8>)> {
        let mut fields: Vec<_> = split(message).unwrap().iter().map(|piece| (piece.number, piece.raw.to_vec())).collect();
        fields.sort_by_key(|(number, _)| *number);
        for (number, raw) in &mut fields {
            if *number == 1 {
                let inner = split(raw).unwrap()[0].payload.map(|payload| {
                    let mut inner: Vec<_> = split(payload).unwrap().iter().map(|piece| (piece.number, piece.raw.to_vec())).collect();
                    inner.sort_by_key(|(number, _)| *number);
                    inner.into_iter().flat_map(|(_, raw)| raw).collect::<Vec<_>>()
                });
                *raw = field(1, &inner.unwrap());
            }
        }
        fields
    }

    proptest! {
        #[test]
        fn any_message_can_be_restored(original in message(), from_json in message()) {
            prop_assert_eq!(sorted(&restored(&original, &from_json)), sorted(&original));
        }

        #[test]
        fn garbage_does_no_harm(original in prop::collection::vec(any::<u8>(), 0..40), from_json in message()) {
            restored(&original, &from_json);
        }
    }
}
