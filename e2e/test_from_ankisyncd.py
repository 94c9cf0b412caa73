# SPDX-License-Identifier: AGPL-3.0-or-later
"""Taking over the community's servers, ankisyncd and anki-sync-server-rs.

No package of theirs can be installed: the one on PyPI is empty. So the official server, to which real clients have synced, leaves its
folder, and this test lays that out as they do. What they write was looked at in a run of ankisyncd from January 2021 with Anki 2.1.37
(the collection of that run came over as well): the SQL below is its own. The later server in Rust contains the official one, and keeps
its folder as it is.
"""

import hashlib
import shutil
import sqlite3

import pytest

from flows import assert_all_same, download_first, settle, upload_first
from paths import NEWEST
from server import Account, Official
from wire import Wire, Refused

pytestmark = pytest.mark.ours("import is a command of djankiserv")


@pytest.fixture
def official():
    server = Official()
    server.pool = 2
    server.start()
    yield server
    server.stop()
    server.remove()


def sql(path, *statements):
    with sqlite3.connect(path) as database:
        database.create_collation("unicase", lambda a, b: (a.lower() > b.lower()) - (a.lower() < b.lower()))
        for statement, *rows in statements:
            database.executemany(statement, rows) if rows else database.execute(statement)
    database.close()


def stored_hash(user, password):
    salt = "20b0d95ffd09b862"
    return hashlib.sha256((user + password + salt).encode()).hexdigest() + salt


def make_auth_db(folder, passwords):
    sql(
        folder / "auth.db",
        ["CREATE TABLE IF NOT EXISTS auth\n                          (username VARCHAR PRIMARY KEY, hash VARCHAR)"],
        *(["INSERT INTO auth VALUES (?, ?)", (user, stored_hash(user, password))] for user, password in passwords.items()),
    )


def make_python_folder(old, folder, keys):
    """As ankisyncd lays it out."""
    for user in old.iterdir():
        target = folder / "collections" / user.name
        target.mkdir(parents=True)
        shutil.copy(user / "collection.anki2", target)
        wal = user / "collection.anki2-wal"
        if wal.exists():
            shutil.copy(wal, target)
        # The library of its time upgrades files to version 16, and it never puts them back.
        sql(
            target / "collection.anki2",
            ["CREATE TABLE t AS SELECT tag, usn FROM tags"],
            ["DROP TABLE tags"],
            ["CREATE TABLE tags (\n  tag text NOT NULL PRIMARY KEY COLLATE unicase,\n  usn integer NOT NULL\n) without rowid"],
            ["INSERT INTO tags SELECT tag, usn FROM t"],
            ["DROP TABLE t"],
            ["UPDATE col SET ver = 16"],
        )
        shutil.copytree(user / "media", target / "collection.media")
        index = sqlite3.connect(user / "media.db")
        files = index.execute("SELECT fname, usn, CASE WHEN size > 0 THEN lower(hex(csum)) END FROM media").fetchall()
        index.close()
        sql(
            target / "collection.media.server.db",
            [
                "CREATE TABLE media (\n                       fname TEXT NOT NULL PRIMARY KEY,\n"
                "                       usn INT NOT NULL,\n                       csum TEXT -- null if deleted\n                   )"
            ],
            ["CREATE INDEX idx_media_usn ON media (usn)"],
            *(["INSERT OR REPLACE INTO media VALUES (?,?,?)", row] for row in files),
        )
    sql(
        folder / "session.db",
        ["CREATE TABLE session (hkey VARCHAR PRIMARY KEY, skey VARCHAR, username VARCHAR, path VARCHAR)"],
        *(["INSERT INTO session VALUES (?, ?, ?, ?)", (key, "43e12d31", user, "/somewhere")] for user, key in keys.items()),
    )


def make_rust_folder(old, folder, keys):
    """As anki-sync-server-rs lays it out. The key of a device is its user's stored hash, and there is no session.db."""
    shutil.copytree(old, folder / "collections")


@pytest.mark.parametrize("make_folder", [make_python_folder, make_rust_folder])
def test_devices_go_on(official, new_server, open_device, tmp_path, make_folder):
    ann = official.new_account()
    bob = official.new_account()
    a, b = open_device(official, ann), open_device(official, ann)
    a.generate(notes=200, reviews=1000, media=10)
    a.write_media("ünïcödé 日本🎌.mp3", "sound")
    a.write_media("gone.txt", "gone")
    a.add_tags(a.find_notes("")[:5], "some::tag")
    upload_first(a)
    a.sync_media()
    download_first(b)
    b.sync_media()
    a.delete_media(["gone.txt"])
    a.sync_media()
    other = open_device(official, bob, "2.1.56")
    other.add_notes(2)
    upload_first(other)
    official.stop()
    folder = tmp_path / "old"
    folder.mkdir()
    make_folder(official.folder / "data", folder, {ann.user: a.key, bob.user: other.key})
    passwords = {ann.user: "anns pässword", "cleo": "never synced"}
    make_auth_db(folder, passwords)

    arguments = ["import", "ankisyncd", str(folder)]
    said = new_server.run(*arguments, "--dry-run").stdout
    assert f"{ann.user}: would be taken over: 200 notes" in said and f"{ann.user}: 11 media files" in said, said
    assert f"{ann.user}: 1 devices would stay logged in" in said and f"{bob.user}: would get a new password" in said, said
    assert "cleo: would be taken over, without a collection" in said, said
    assert ann.user not in new_server.run("user", "list").stdout
    said = new_server.run(*arguments).stdout
    assert f"{ann.user}: taken over: 200 notes" in said and f"{bob.user}: the new password is " in said, said
    assert "left out" not in said and "put right" not in said, said
    again = new_server.run(*arguments).stdout
    assert f"{ann.user}: is there already" in again and f"{ann.user}: media is there already" in again, again
    assert "new password" not in again, again

    # The devices are told where the server is now, and nothing else: no login, no one-way sync.
    for device in (a, b):
        device.set_endpoint(new_server.base)
        if make_folder is make_rust_folder:
            device.set_key(stored_hash(ann.user, passwords[ann.user]))
    settle(a, b)
    a.edit_note(a.find_notes("")[7], ["changed here", "x"])
    a.write_media("new.txt", "new")
    a.sync_media()
    b.sync_media()
    assert a.media_files() == b.media_files() and "gone.txt" not in b.media_files() and len(b.media_files()) == 12
    settle(a, b)
    assert_all_same(a, b)

    # Passwords are the old ones, also after the first login has replaced what is stored of them.
    for user, password in passwords.items():
        for _ in range(2):
            Wire(new_server.base, Account(user, password))
        with pytest.raises(Refused):
            Wire(new_server.base, Account(user, password + "x"))
    fresh = open_device(new_server, Account(ann.user, passwords[ann.user]))
    download_first(fresh)
    fresh.sync_media()
    assert fresh.media_files() == a.media_files() and fresh.counts() == a.counts()
    assert not new_server.check()


def test_what_cannot_be_taken_over_is_said(new_server, tmp_path):
    def refused(*arguments):
        done = new_server.run("import", "ankisyncd", *map(str, arguments), check=False)
        assert done.returncode != 0 and "panicked" not in done.stderr, done
        return done.stderr

    assert "there is no folder" in refused(tmp_path / "nowhere")
    assert "there are no users" in refused(tmp_path)
    assert "there is no file" in refused(tmp_path, "--auth-db", tmp_path / "auth.db")
    (tmp_path / "auth.db").write_bytes(b"junk" * 1000)
    assert "cannot read" in refused(tmp_path)
    (tmp_path / "auth.db").unlink()
    make_auth_db(tmp_path, {"../ann": "x", "ann": "y"})
    (tmp_path / "ann").mkdir()
    (tmp_path / "ann" / "collection.anki2").write_bytes(b"SQLite format 3\0 and then junk" * 100)
    said = refused(tmp_path)
    assert "../ann: this is no name of a user's folder" in said and "2 of 2 users could not be imported" in said, said
    assert "ann" not in new_server.run("user", "list").stdout
