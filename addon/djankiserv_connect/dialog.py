# SPDX-License-Identifier: AGPL-3.0-or-later
"""Tools → Sync server…"""

from html import escape

import aqt
from aqt.qt import QDialog, QDialogButtonBox, QFormLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout

from . import settings
from .address import BadAddress, base_address
from .check import BAD, GOOD, HINT, check

MARKS = {GOOD: "✔", HINT: "ℹ", BAD: "✘"}


class ServerDialog(QDialog):
    def __init__(self, parent):
        super().__init__(parent)
        self.setWindowTitle("Sync server")
        self.setMinimumWidth(520)
        self.address = QLineEdit(settings.address())
        self.address.setPlaceholderText("https://anki.example.com/ (empty: AnkiWeb)")
        self.user = QLineEdit()
        self.password = QLineEdit()
        self.password.setEchoMode(QLineEdit.EchoMode.Password)
        form = QFormLayout()
        form.addRow("&Address", self.address)
        form.addRow("&User (only to check)", self.user)
        form.addRow("&Password (only to check)", self.password)
        self.result = QLabel()
        self.result.setWordWrap(True)
        self.check_button = QPushButton("&Check")
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel)
        buttons.addButton(self.check_button, QDialogButtonBox.ButtonRole.ActionRole)
        self.check_button.clicked.connect(self.start_check)
        buttons.accepted.connect(self.save)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        what = QLabel(f"The server that the profile “{aqt.mw.pm.name}” syncs with.")
        what.setWordWrap(True)
        layout.addWidget(what)
        layout.addLayout(form)
        layout.addWidget(self.result)
        layout.addWidget(buttons)

    def typed(self):
        """(address, notes), or None when it cannot be one; then the reason is shown."""
        try:
            base, notes = base_address(self.address.text())
        except BadAddress as error:
            self.show_findings([(BAD, str(error))])
            return None
        self.address.setText(base)
        return base, notes

    def start_check(self):
        typed = self.typed()
        if typed is None:
            return
        base, notes = typed
        self.check_button.setEnabled(False)
        self.result.setText("Checking…")
        user, password = self.user.text(), self.password.text()

        def done(future):
            self.check_button.setEnabled(True)
            self.show_findings([(HINT, note) for note in notes] + future.result())

        aqt.mw.taskman.run_in_background(lambda: check(base, user, password), done)

    def show_findings(self, findings):
        self.findings = findings
        self.result.setText("<br>".join(f"{MARKS[kind]} {escape(text)}" for kind, text in findings))

    def save(self):
        if not self.address.text().strip():
            settings.set_address("")
        else:
            typed = self.typed()
            if typed is None:
                return
            settings.set_address(typed[0])
        self.accept()


def show():
    dialog = ServerDialog(aqt.mw)
    # `exec` is a keyword's name in old PyQt, `exec_` is gone in the new one.
    (dialog.exec if hasattr(dialog, "exec") else dialog.exec_)()
