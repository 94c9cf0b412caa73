use serde::Deserialize;

/// What a notetype's schema-11 object says of how notes and cards look: for whoever shows them.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Layout {
    pub name: String,
    #[serde(rename = "type")]
    kind: i64,
    pub css: String,
    #[serde(rename = "flds")]
    fields: Vec<Field>,
    #[serde(rename = "tmpls")]
    pub templates: Vec<TemplateTexts>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Field {
    name: String,
}

/// The texts of a template.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct TemplateTexts {
    pub name: String,
    #[serde(rename = "qfmt")]
    pub question: String,
    #[serde(rename = "afmt")]
    pub answer: String,
    /// Where its new cards go, if not into the note's deck.
    #[serde(rename = "did")]
    pub deck_id: Option<i64>,
}

impl Layout {
    /// # Errors
    /// When it is not the object of a notetype, which what is stored always is.
    pub fn of(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }

    /// Whether cards come from cloze deletions.
    pub fn is_cloze(&self) -> bool {
        self.kind == 1
    }

    /// In order.
    pub fn field_names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.fields.iter().map(|field| field.name.as_str())
    }
}
