# SPDX-License-Identifier: AGPL-3.0-or-later
"""Verbs of client.py for packages: .colpkg and .apkg files in and out."""

import inspect
import json
import os
import zipfile


def export_package(self, path, legacy=False):
    """The whole collection with its media, as "File, Export" writes it."""
    if hasattr(self.col, "export_collection_package"):
        self.save()
        self.col.export_collection_package(path, include_media=True, legacy=legacy)
        self.col.reopen()
        return
    from anki.exporting import AnkiCollectionPackageExporter

    exporter = AnkiCollectionPackageExporter(self.col)
    exporter.includeMedia = True
    exporter.exportInto(path)
    if self.col.db is None:
        self.col.reopen()


def import_package(self, path):
    """Replaces the collection, as "File, Import" of a .colpkg does."""
    media = self.col.media.dir()
    backend = self.col._backend
    self.close()
    os.makedirs(media, exist_ok=True)
    if hasattr(backend, "import_collection_package"):
        arguments = {
            "col_path": self.path,
            "backup_path": path,
            "media_folder": media,
            "media_db": self.path.replace(".anki2", ".media.db2"),
        }
        known = inspect.signature(backend.import_collection_package).parameters
        backend.import_collection_package(**{k: v for k, v in arguments.items() if k in known})
    else:
        _unpack(path, self.path, media)
    self.open()


def export_apkg(self, path, with_scheduling, with_presets=False, with_media=True, legacy=False, deck=None, notes=None):
    """All decks, one, or some notes, as "File, Export" writes them into an .apkg."""
    self.save()
    if not hasattr(self.col, "export_anki_package"):
        from anki.exporting import AnkiPackageExporter

        exporter = AnkiPackageExporter(self.col)
        exporter.includeSched, exporter.includeMedia, exporter.did = with_scheduling, with_media, deck
        exporter.exportInto(path)
        return
    try:
        from anki.collection import ExportAnkiPackageOptions
    except ImportError:
        arguments = {"with_scheduling": with_scheduling, "with_media": with_media, "legacy_support": legacy}
    else:
        arguments = {
            "options": ExportAnkiPackageOptions(
                with_scheduling=with_scheduling, with_deck_configs=with_presets, with_media=with_media, legacy=legacy
            )
        }
    limit = None
    if deck is not None:
        from anki.collection import DeckIdLimit

        limit = DeckIdLimit(deck)
    elif notes is not None:
        from anki.collection import NoteIdsLimit

        limit = NoteIdsLimit(notes)
    self.col.export_anki_package(out_path=path, limit=limit, **arguments)


def import_apkg(self, path, with_scheduling, with_presets=False, merge_notetypes=False, update_notes=0, update_notetypes=0):
    """Merges an .apkg, as "File, Import" does. The newest clients answer how many notes were new, updated, there already, conflicting; those
    before 23.10 have no choices."""
    self.save()
    if not hasattr(self.col, "import_anki_package"):
        from anki.importing.apkg import AnkiPackageImporter

        _let_it_speak()
        AnkiPackageImporter(self.col, path).run()
        self.col.save()
        return None
    try:
        from anki.collection import ImportAnkiPackageOptions, ImportAnkiPackageRequest
    except ImportError:
        self.col.import_anki_package(path)
        return None
    options = ImportAnkiPackageOptions(
        with_scheduling=with_scheduling,
        with_deck_configs=with_presets,
        merge_notetypes=merge_notetypes,
        update_notes=update_notes,
        update_notetypes=update_notetypes,
    )
    log = self.col.import_anki_package(ImportAnkiPackageRequest(package_path=path, options=options)).log
    return [len(log.new), len(log.updated), len(log.duplicate), len(log.conflicting)]


def _let_it_speak():
    """The protobuf library of today takes that client's maps for lists, which it would fill for what it says of an import."""
    import anki._backend as backend

    def translate_string_in(module_index, message_index, **arguments):
        request = backend.i18n_pb2.TranslateStringRequest(module_index=module_index, message_index=message_index)
        for key, value in arguments.items():
            entry = request.args.add(key=key)
            setattr(entry.value, "str" if isinstance(value, str) else "number", value)
        return request

    backend.translate_string_in = translate_string_in


def _unpack(package, collection, media):
    """Clients up to 2.1.49 do this in their GUI, which is not here: the newer of two collections, and files by a list of names."""
    for end in ("", "-wal", "-journal"):
        if os.path.exists(collection + end):
            os.remove(collection + end)
    with zipfile.ZipFile(package) as archive:
        names = archive.namelist()
        source = "collection.anki21" if "collection.anki21" in names else "collection.anki2"
        with open(collection, "wb") as file:
            file.write(archive.read(source))
        for member, name in json.loads(archive.read("media")).items():
            with open(os.path.join(media, name), "wb") as file:
                file.write(archive.read(member))
