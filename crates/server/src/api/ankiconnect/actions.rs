//! All actions: their parameters, the scope that a token needs for them, and who does them.

use super::args::Args;
use super::context::Context;
use super::envelope::{self, Asked};
use super::failed::{NO_KEY, Result, UNSUPPORTED, said};
use super::{
    cards, decks, gui, media, misc, model_edits, models, new_notes, note_edits, notes, packages, presets, reviews, scheduling, study,
};
use crate::actions::api_tokens::Scope;
use serde_json::Value;

/// Parts of one `multi`.
const MOST_PARTS: usize = 10_000;

/// Bytes of the answers of one `multi`, after which its other parts are refused.
const MOST_ANSWERED: usize = 64 << 20;

/// The action of which one answer is enough for a request.
const ALONE: &str = "exportPackage";

/// What an action takes.
#[derive(Debug)]
pub struct Spec {
    pub name: &'static str,
    pub required: &'static [&'static str],
    pub optional: &'static [&'static str],
    /// None where any key will do.
    scope: Option<Scope>,
}

macro_rules! scope {
    (any) => {
        None
    };
    (read) => {
        Some(Scope::Read)
    };
    (write) => {
        Some(Scope::Write)
    };
    (media) => {
        Some(Scope::Media)
    };
}

macro_rules! actions {
    ($($name:ident ($($required:ident)*) ($($optional:ident)*) $scope:ident $handler:path;)*) => {
        /// In the order of the add-on's reflection: by name.
        pub const ACTIONS: &[Spec] = &[$(Spec {
            name: stringify!($name),
            required: &[$(stringify!($required)),*],
            optional: &[$(stringify!($optional)),*],
            scope: scope!($scope),
        }),*];

        async fn dispatch(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
            match args.spec.name {
                $(stringify!($name) => Box::pin($handler(cx, args)).await,)*
                _ => Err(said(UNSUPPORTED)),
            }
        }
    };
}

actions! {
    addNote (note) () write new_notes::add;
    addNotes (notes) () write new_notes::add_all;
    addTags (notes tags) (add) write note_edits::add_tags;
    answerCards (answers) () write study::answer;
    apiReflect () (scopes actions) any misc::reflect;
    areDue (cards) () read reviews::are_due;
    areSuspended (cards) () read cards::are_suspended;
    canAddNote (note) () read new_notes::can_add;
    canAddNoteWithErrorDetail (note) () read new_notes::can_add_with_detail;
    canAddNotes (notes) () read new_notes::can_add_all;
    canAddNotesWithErrorDetail (notes) () read new_notes::can_add_all_with_detail;
    cardReviews (deck startID) () read reviews::of_deck;
    cardsInfo (cards) () read cards::info;
    cardsModTime (cards) () read cards::mod_time;
    cardsToNotes (cards) () read cards::to_notes;
    changeDeck (cards deck) () write decks::change;
    clearUnusedTags () () write note_edits::clear_unused_tags;
    cloneDeckConfigId (name) (cloneFrom) write presets::clone;
    createDeck (deck) () write decks::create;
    createModel (modelName inOrderFields cardTemplates) (css isCloze) write model_edits::create;
    deckNameFromId (deckId) () read decks::name_from_id;
    deckNames () () read decks::names;
    deckNamesAndIds () () read decks::names_and_ids;
    deleteDecks (decks) (cardsToo) write decks::delete;
    deleteMediaFile (filename) () media media::delete;
    deleteNotes (notes) () write note_edits::delete;
    exportPackage (deck) (path includeSched) read packages::export;
    findAndReplaceInModels (modelName findText replaceText) (front back css) write model_edits::find_and_replace;
    findCards () (query) read cards::find;
    findModelsById (modelIds) () read models::by_ids;
    findModelsByName (modelNames) () read models::by_names;
    findNotes () (query) read notes::find;
    forgetCards (cards) () write scheduling::forget;
    getActiveProfile () () any misc::active_profile;
    getCollectionStatsHTML () (wholeCollection) read gui::needs_desktop;
    getDeckConfig (deck) () read presets::of_deck;
    getDeckStats (decks) () read decks::stats;
    getDecks (cards) () read decks::of_cards;
    getEaseFactors (cards) () read cards::ease_factors;
    getIntervals (cards) (complete) read reviews::intervals;
    getLatestReviewID (deck) () read reviews::latest;
    getMediaDirPath () () media gui::needs_files;
    getMediaFilesNames () (pattern) media media::names;
    getNoteTags (note) () read notes::tags;
    getNumCardsReviewedByDay () () read reviews::by_day;
    getNumCardsReviewedToday () () read reviews::today;
    getProfiles () () any misc::profiles;
    getReviewsOfCards (cards) () read reviews::of_cards;
    getTags () () read notes::all_tags;
    guiAddCards () (note) any gui::needs_desktop;
    guiAnswerCard (ease) () any gui::no;
    guiBrowse () (query reorderCards) read cards::find;
    guiCheckDatabase () () any gui::needs_desktop;
    guiCurrentCard () () any gui::no_review;
    guiDeckBrowser () () any gui::needs_desktop;
    guiDeckOverview (name) () any gui::no;
    guiDeckReview (name) () any gui::no;
    guiExitAnki () () any gui::needs_desktop;
    guiImportFile () (path) any gui::needs_desktop;
    guiPlayAudio () () any gui::no;
    guiReviewActive () () any gui::no;
    guiSelectCard (card) () any gui::no;
    guiSelectNote (note) () any gui::no;
    guiSelectedNotes () () any gui::nothing;
    guiShowAnswer () () any gui::no;
    guiShowQuestion () () any gui::no;
    guiStartCardTimer () () any gui::no;
    guiUndo () () any gui::needs_desktop;
    importPackage () (path data) write packages::import;
    insertReviews (reviews) () write reviews::insert;
    loadProfile (name) () any misc::load_profile;
    modelFieldAdd (modelName fieldName) (index allowOneWaySync) write model_edits::add_field;
    modelFieldDescriptions (modelName) () read models::field_descriptions;
    modelFieldFonts (modelName) () read models::field_fonts;
    modelFieldNames (modelName) () read models::field_names;
    modelFieldRemove (modelName fieldName) (allowOneWaySync) write model_edits::remove_field;
    modelFieldRename (modelName oldFieldName newFieldName) () write model_edits::rename_field;
    modelFieldReposition (modelName fieldName index) (allowOneWaySync) write model_edits::move_field;
    modelFieldSetDescription (modelName fieldName description) () write model_edits::set_description;
    modelFieldSetFont (modelName fieldName font) () write model_edits::set_font;
    modelFieldSetFontSize (modelName fieldName fontSize) () write model_edits::set_font_size;
    modelFieldsOnTemplates (modelName) () read models::fields_on_templates;
    modelNameFromId (modelId) () read models::name_from_id;
    modelNames () () read models::names;
    modelNamesAndIds () () read models::names_and_ids;
    modelStyling (modelName) () read models::styling;
    modelTemplateAdd (modelName template) (allowOneWaySync) write model_edits::add_template;
    modelTemplateRemove (modelName templateName) (allowOneWaySync) write model_edits::remove_template;
    modelTemplateRename (modelName oldTemplateName newTemplateName) () write model_edits::rename_template;
    modelTemplateReposition (modelName templateName index) (allowOneWaySync) write model_edits::move_template;
    modelTemplates (modelName) () read models::templates;
    multi (actions) () any misc::nothing_to_do;
    notesInfo () (notes query) read notes::info;
    notesModTime (notes) () read notes::mod_time;
    relearnCards (cards) () write scheduling::relearn;
    reloadCollection () () any misc::nothing_to_do;
    removeDeckConfigId (configId) (allowOneWaySync) write presets::remove;
    removeEmptyNotes () (allowOneWaySync) write model_edits::remove_unused;
    removeTags (notes tags) () write note_edits::remove_tags;
    replaceTags (notes tag_to_replace replace_with_tag) () write note_edits::replace_tags;
    replaceTagsInAllNotes (tag_to_replace replace_with_tag) () write note_edits::replace_tags_in_all;
    requestPermission () (origin allowed) any misc::granted;
    retrieveMediaFile (filename) () media media::retrieve;
    saveDeckConfig (config) () write presets::save;
    setDeckConfigId (decks configId) () write presets::set;
    setDueDate (cards days) () write scheduling::set_due_date;
    setEaseFactors (cards easeFactors) () write scheduling::set_ease_factors;
    setSpecificValueOfCard (card keys newValues) (warning_check) write scheduling::set_values;
    storeMediaFile (filename) (data path url skipHash deleteExisting) media media::store;
    suspend (cards) (suspend) write scheduling::suspend;
    suspended (card) () read cards::suspended;
    sync () () any misc::nothing_to_do;
    unsuspend (cards) () write scheduling::unsuspend;
    updateModelStyling (model) () write model_edits::styling;
    updateModelTemplates (model) () write model_edits::templates;
    updateNote (note) () write note_edits::update;
    updateNoteFields (note) () write note_edits::update_fields;
    updateNoteModel (note) () write note_edits::update_model;
    updateNoteTags (note tags) () write note_edits::update_tags;
    version () () any misc::version;
}

/// Whether there is an action of this name.
pub fn exists(name: &str) -> bool {
    ACTIONS.iter().any(|spec| spec.name == name)
}

/// Does what an authenticated request asks for.
pub async fn run(cx: &Context<'_>, asked: Asked) -> Result<Value> {
    let Some(spec) = ACTIONS.iter().find(|spec| spec.name == asked.action) else { return Err(said(UNSUPPORTED)) };
    if let Some(scope) = spec.scope
        && !cx.caller.may(scope)
    {
        return Err(said(format!("this key does not allow {}: it needs the scope `{}`", spec.name, scope.name())));
    }
    let args = Args::check(spec, &asked.params)?;
    if spec.name != "multi" {
        return dispatch(cx, &args).await;
    }
    let parts = args.list("actions")?;
    if parts.len() > MOST_PARTS {
        return Err(said(format!("`multi` can have at most {MOST_PARTS} actions")));
    }
    let (mut replies, mut answered) = (Vec::with_capacity(parts.len()), 0);
    for part in parts {
        replies.push(match envelope::asked(part.clone()) {
            Err(failed) => envelope::reply(envelope::VERSION, Err(failed)),
            Ok(part) if answered > MOST_ANSWERED => {
                envelope::reply(part.version, Err(said("the answers of this `multi` are too large: ask for the rest in another request")))
            }
            Ok(part) => {
                let version = part.version;
                let answer = run_part(cx, asked.key.as_deref(), part).await;
                answered += answer.as_ref().map_or(0, size);
                envelope::reply(version, answer)
            }
        });
    }
    Ok(Value::Array(replies))
}

/// About how many bytes an answer has.
fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(values) => values.iter().map(size).sum(),
        Value::Object(object) => object.iter().map(|(key, value)| key.len() + size(value)).sum(),
        _ => 8,
    }
}

/// A part needs no key of its own. If it has one, it must be that of the whole.
async fn run_part(cx: &Context<'_>, outer_key: Option<&str>, part: Asked) -> Result<Value> {
    if part.key.as_deref().is_some_and(|key| outer_key.is_some_and(|outer| outer != key)) {
        return Err(said(NO_KEY));
    }
    if part.action == ALONE {
        return Err(said(format!("{ALONE} cannot be a part of `multi`, as its answer is large")));
    }
    Box::pin(run(cx, part)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_in_order() {
        assert!(ACTIONS.windows(2).all(|two| matches!(two, [a, b] if a.name < b.name)));
    }
}
