"""Cancellation tokens: cancelled once and for good, downwards only, seen by whoever waits."""

import gc
import threading
from datetime import timedelta

import pytest
from waiting import SOON

import taskvisor as tv


def test_new_token_is_live():
    assert tv.CancellationToken().is_cancelled is False


def test_cancelled_token_stays_cancelled():
    token = tv.CancellationToken()
    token.cancel()
    token.cancel()
    assert token.is_cancelled is True


@pytest.mark.rule("R2.27")
def test_cancel_reaches_every_descendant():
    root = tv.CancellationToken()
    children = [root.child_token() for _ in range(3)]
    grandchildren = [child.child_token() for child in children]
    root.cancel()
    assert all(token.is_cancelled for token in [*children, *grandchildren])


@pytest.mark.rule("R2.27")
def test_child_never_cancels_its_parent_or_siblings():
    root = tv.CancellationToken()
    middle, sibling = root.child_token(), root.child_token()
    leaf = middle.child_token()
    leaf.cancel()
    assert [t.is_cancelled for t in (root, middle, sibling, leaf)] == [False, False, False, True]
    middle.cancel()
    assert [t.is_cancelled for t in (root, middle, sibling)] == [False, True, False]


@pytest.mark.rule("R2.27")
def test_child_of_a_cancelled_token_is_born_cancelled():
    root = tv.CancellationToken()
    root.cancel()
    assert root.child_token().is_cancelled
    assert root.child_token().child_token().wait() is True


@pytest.mark.rule("R2.27")
def test_cancel_reaches_a_grandchild_whose_parent_object_is_gone():
    root = tv.CancellationToken()
    leaf = root.child_token().child_token()
    gc.collect()
    root.cancel()
    assert leaf.is_cancelled


def test_dropped_parent_cancels_nobody():
    leaf = tv.CancellationToken().child_token()
    gc.collect()
    assert not leaf.is_cancelled


def test_wait_returns_true_at_once_when_cancelled():
    token = tv.CancellationToken()
    token.cancel()
    assert token.wait() is True
    assert token.wait(0) is True


@pytest.mark.parametrize("timeout", [0, 0.01, timedelta(milliseconds=1)])
def test_wait_returns_false_after_its_timeout(timeout):
    assert tv.CancellationToken().wait(timeout) is False
    assert tv.CancellationToken().child_token().wait(timeout=timeout) is False


@pytest.mark.parametrize("bad", [-1, float("nan"), float("inf")])
def test_wait_refuses_what_is_no_duration(bad):
    with pytest.raises(ValueError, match=str(bad)):
        tv.CancellationToken().wait(bad)


@pytest.mark.parametrize("bad", ["1", True])
def test_wait_refuses_another_type(bad):
    with pytest.raises(TypeError):
        tv.CancellationToken().wait(bad)


def test_cancel_wakes_waiters_of_the_token_and_of_its_descendants():
    root = tv.CancellationToken()
    tokens = [root, root.child_token(), root.child_token().child_token()]
    answers = []
    waiters = [
        threading.Thread(target=lambda t=token: answers.append(t.wait(SOON)))
        for token in tokens
        for _ in range(3)
    ]
    for waiter in waiters:
        waiter.start()
    root.cancel()
    for waiter in waiters:
        waiter.join()
    assert answers == [True] * 9


def test_waiter_of_a_sibling_sleeps_on():
    root = tv.CancellationToken()
    cancelled, live = root.child_token(), root.child_token()
    cancelled.cancel()
    assert live.wait(0.05) is False


def test_tokens_cancelled_from_many_threads_at_a_time_end_cancelled():
    roots = [tv.CancellationToken() for _ in range(200)]
    leaves = [root.child_token().child_token() for root in roots]
    together = threading.Barrier(4)

    def cancel_all(tokens):
        together.wait(SOON)
        for token in tokens:
            token.cancel()

    lists = (roots, roots[::-1], leaves, leaves[::-1])
    threads = [threading.Thread(target=cancel_all, args=(tokens,)) for tokens in lists]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(token.is_cancelled for token in [*roots, *leaves])


def test_children_made_while_the_parent_is_cancelled_are_all_cancelled():
    # A child made before, in or after the cancel: none may slip through.
    for _ in range(200):
        root = tv.CancellationToken()
        together = threading.Barrier(2)
        children = []

        def make(root=root, together=together, children=children):
            together.wait(SOON)
            children.extend(root.child_token() for _ in range(20))

        maker = threading.Thread(target=make)
        maker.start()
        together.wait(SOON)
        root.cancel()
        maker.join()
        assert all(child.is_cancelled for child in children)


def test_token_takes_no_arguments_and_no_attributes():
    with pytest.raises(TypeError):
        tv.CancellationToken(1)
    with pytest.raises(AttributeError):
        tv.CancellationToken().is_cancelled = True
