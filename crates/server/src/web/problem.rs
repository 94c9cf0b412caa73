//! What is wrong with a form, and with which of its fields: that one gets the focus, and names the text as its description.

/// Nothing is wrong if the text is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problem {
    /// The name of the field, or empty.
    pub field: &'static str,
    pub text: String,
}

impl Problem {
    pub fn none() -> Self {
        Self::default()
    }

    pub fn new(field: &'static str, text: impl Into<String>) -> Self {
        Self { field, text: text.into() }
    }

    pub fn is_some(&self) -> bool {
        !self.text.is_empty()
    }

    pub fn is_none(&self) -> bool {
        !self.is_some()
    }

    /// Whether this field has to be filled in again.
    pub fn at(&self, field: &str) -> bool {
        self.is_some() && self.field == field
    }

    /// Whether the focus belongs to this field, which is the first of its form.
    pub fn begins_at(&self, field: &str) -> bool {
        self.is_none() || self.field.is_empty() || self.field == field
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_field_gets_the_focus() {
        let wrong = Problem::new("email", "That is no address.");
        assert_eq!((wrong.at("email"), wrong.at("username"), wrong.begins_at("username")), (true, false, false));
        let none = Problem::none();
        assert_eq!((none.at(""), none.at("username"), none.begins_at("username")), (false, false, true));
    }
}
