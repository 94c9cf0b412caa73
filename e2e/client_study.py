# SPDX-License-Identifier: AGPL-3.0-or-later
"""Verbs of client.py that study cards or change their state."""

import time


def use_v3(self):
    """Clients of 2021 still start with an older scheduler."""
    if self.col.sched_ver() != 2:
        self.col.upgrade_to_v2_scheduler()
    self.col.set_v3_scheduler(True)
    self.save()


def answer(self, eases, deck="Default"):
    """Answers the cards that come up; returns their ids."""
    self.col.decks.select(self.col.decks.id(deck))
    if hasattr(self.col, "reset"):
        self.col.reset()
    answered = []
    for ease in eases:
        card = self.col.sched.getCard()
        assert card is not None, "no card is due"
        card.start_timer() if hasattr(card, "start_timer") else card.startTimer()
        self.col.sched.answerCard(card, ease)
        answered.append(card.id)
        # Review log ids are milliseconds: never two in the same one.
        time.sleep(0.002)
    self.save()
    return answered


def undo(self):
    self.col.undo()
    self.save()


def suspend(self, cids):
    self.col.sched.suspend_cards(cids)
    self.save()


def unsuspend(self, cids):
    self.col.sched.unsuspend_cards(cids)
    self.save()


def bury(self, cids, manual=True):
    self.col.sched.bury_cards(cids, manual=manual)
    self.save()


def flag(self, cids, colour):
    self.col.set_user_flag_for_cards(colour, cids)
    self.save()


def set_due(self, cids, days):
    self.col.sched.set_due_date(cids, days)
    self.save()


def forget_cards(self, cids):
    self.col.sched.schedule_cards_as_new(cids)
    self.save()


def set_custom_data(self, cid, data):
    card = self.col.get_card(cid)
    card.custom_data = data
    self.col.update_card(card)
    self.save()


def add_filtered_deck(self, name, search, limit=100, order=0):
    deck = self.col.sched.get_or_create_filtered_deck(deck_id=0)
    deck.name = name
    del deck.config.search_terms[:]
    deck.config.search_terms.add(search=search, limit=limit, order=order)
    did = self.col.sched.add_or_update_filtered_deck(deck).id
    self.save()
    return did


def empty_filtered_deck(self, did):
    self.col.sched.empty_filtered_deck(did)
    self.save()


def rebuild_filtered_deck(self, did):
    self.col.sched.rebuild_filtered_deck(did)
    self.save()
