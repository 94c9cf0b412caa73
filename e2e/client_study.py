# SPDX-License-Identifier: AGPL-3.0-or-later
"""Verbs of client.py that study cards or change their state."""

import contextlib
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


def answer_card(self, cid, rating, milliseconds, balanced=False):
    """Answers any card as the reviewer does, and says what is on the buttons. Where `balanced`, days are chosen as for one that comes up
    in the queue."""
    backend = self.col._backend
    # What was buried on an earlier day comes back when somebody looks at the decks.
    self.col.sched.deck_due_tree()
    forget_queue = "update cards set id = id where id = 0"
    self.col.db.execute(forget_queue)
    if balanced:
        with contextlib.suppress(Exception):
            # The first card may be one that cannot be studied; the queue is there then too.
            self.col.sched.get_queued_cards(fetch_limit=1)
    states = backend.get_scheduling_states(cid)
    labels = list(backend.describe_next_states(states))
    # Only the card on top of a queue can be answered.
    self.col.db.execute(forget_queue)
    from anki.scheduler.v3 import CardAnswer

    names = ["again", "hard", "good", "easy"]
    self.col.sched.answer_card(
        CardAnswer(
            card_id=cid,
            current_state=states.current,
            new_state=getattr(states, names[rating - 1]),
            rating=rating - 1,
            answered_at_millis=time.time_ns() // 1_000_000,
            milliseconds_taken=milliseconds,
        )
    )
    return labels


def deck_objects(self):
    """After a look at the decks, by which a day begins."""
    self.col.sched.deck_due_tree()
    self.col._clear_caches()
    return self.col.decks.all()
