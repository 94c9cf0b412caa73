# SPDX-License-Identifier: AGPL-3.0-or-later
"""Sets the sync server per profile, and checks it. For Anki 2.1.45 and later."""

import aqt
from aqt import gui_hooks
from aqt.qt import QAction, qconnect

from . import dialog, settings

gui_hooks.profile_did_open.append(settings.apply)

action = QAction("Sync server…", aqt.mw)
qconnect(action.triggered, dialog.show)
aqt.mw.form.menuTools.addAction(action)
aqt.mw.addonManager.setConfigAction(__name__, dialog.show)
