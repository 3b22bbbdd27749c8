"""What the command line shows: cells, lines, frames, and the rows they are made of."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

import taskvisor as tv
from taskvisor.cli.book import FOREIGN_MAX, Book, Row
from taskvisor.cli.frame import make_frame
from taskvisor.cli.output import brief, lines, one_line
from taskvisor.cli.table import cut, lay_out, width_of

Kind = tv.EventKind


# --- lines ---------------------------------------------------------------------------------------


def test_cells_stand_below_each_other():
    assert lay_out(["task", "n"], [["a", "1"], ["long name", "100"]], right={1}) == [
        "task         n",
        "a            1",
        "long name  100",
    ]


@pytest.mark.parametrize(
    ("text", "width"),
    [("abc", 3), ("é", 1), ("e\u0301", 1), ("漢字", 4), ("🙂", 2), ("", 0)],
)
def test_width_is_counted_in_columns(text, width):
    assert width_of(text) == width


@given(st.text(max_size=30), st.integers(0, 40))
def test_cut_text_fits_and_is_whole_if_it_can_be(text, width):
    assert width_of(cut(text, width)) <= width
    if width_of(text) <= width:
        assert cut(text, width) == text


@given(
    st.lists(st.tuples(st.text(max_size=20), st.text(max_size=9), st.text(max_size=80))),
    st.integers(0, 60),
)
def test_no_line_is_wider_than_the_terminal(rows, width):
    cells = [[one_line(cell) for cell in row] for row in rows]
    drawn = lay_out(["task", "state", "last error"], cells, width=width)
    assert len(drawn) == len(rows) + 1
    assert all(width_of(line) <= width for line in drawn)


def test_narrow_terminal_takes_from_the_last_column_first():
    row = ["a name of some length", "running", "an error whose text is long"]
    assert lay_out(["task", "state", "last error"], [row], width=48)[1] == (
        "a name of some length  running  an error whos..."
    )
    assert lay_out(["task", "state", "last error"], [row], width=36)[1] == (
        "a name of ...  running  an error ..."
    )


@pytest.mark.rule("R9.24")
@given(st.text())
def test_text_of_others_is_one_printable_line(text):
    assert one_line(text).isprintable()
    assert all(line.isprintable() for line in lines(text).split("\n"))
    assert lines(text).count("\n") == text.count("\n")


def test_words_that_most_errors_share_are_left_out():
    assert brief("execution failed: OSError: x\ny") == "OSError: x\\ny"
    assert brief("timed out after 2s") == "timed out after 2s"
    assert brief(None) == ""


# --- frames --------------------------------------------------------------------------------------


def info(id, state="running", **fields):
    values = {"attempt": 1, "failures": 0, "last_error": None, "next_start_in": None} | fields
    return tv.TaskInfo(id=id, name=f"t{id}", state=tv.TaskState(state), **values)


def row(id, outcome="completed"):
    return Row(id, f"t{id}", 1, outcome=tv.OutcomeKind(outcome))


def shown(frame):
    return [(line.name, line.state) for line in frame.lines]


def test_frame_shows_all_in_the_order_of_ids_where_there_is_room():
    frame = make_frame([info(2, "backoff"), info(5)], [row(1), row(3, "failed")], {}, 10)
    assert shown(frame) == [
        ("t1", "completed"), ("t2", "backoff"), ("t3", "failed"), ("t5", "running")
    ]  # fmt: skip
    assert frame.foot == "4 tasks: 1 failed, 1 backoff, 1 running, 1 completed"


@pytest.mark.rule("R9.20")
def test_frame_of_thousands_shows_the_most_interesting_and_counts_all():
    tasks = [info(n, "paused") for n in range(1, 5001)]
    tasks[3000] = info(3001, "backoff")
    tasks[4000] = info(4001, "abandoned")
    ended = [row(n) for n in range(5001, 9001)] + [row(9001, "fatal")]
    frame = make_frame(tasks, ended, {tv.OutcomeKind.COMPLETED: 100}, 4)
    assert shown(frame) == [
        ("t1", "paused"), ("t3001", "backoff"), ("t4001", "abandoned"), ("t9001", "fatal")
    ]  # fmt: skip
    assert frame.foot == (
        "9101 tasks: 1 abandoned, 1 fatal, 1 backoff, 4998 paused, 4100 completed (9097 not shown)"
    )


def test_frame_has_a_place_for_every_state_and_outcome():
    states = [state for state in tv.TaskState if state is not tv.TaskState.DONE]
    ends = [kind for kind in tv.OutcomeKind if kind is not tv.OutcomeKind.REJECTED]
    tasks = [info(n, state) for n, state in enumerate(states)]
    ended = [row(n, kind) for n, kind in enumerate(ends, len(states))]
    frame = make_frame(tasks, ended, {}, 100)
    assert [state for _, state in shown(frame)] == [*map(str, states), *map(str, ends)]


def test_frame_counts_down_to_the_next_start():
    frame = make_frame([info(1, "backoff", next_start_in=1.26, last_error="a\nb")], [], {}, 10)
    assert frame.lines[0].cells() == ("t1", "backoff", "1", "1.3 s", "a\\nb")


@pytest.mark.parametrize("room", [0, -3])
def test_frame_without_room_still_counts(room):
    assert make_frame([info(1)], [], {}, room).foot == "1 task: 1 running (1 not shown)"


# --- the book ------------------------------------------------------------------------------------


def tell(book, *kinds, id=1, **fields):
    for kind in kinds:
        book.on_event(tv.Event(kind, task=f"t{id}", id=id, **fields))


def test_book_sums_up_what_events_tell():
    book = Book()
    tell(book, Kind.TASK_ADDED)
    for attempt in (1, 2):
        tell(book, Kind.TASK_STARTING, attempt=attempt)
        tell(book, Kind.TASK_FAILED, attempt=attempt, reason=f"e{attempt}", duration=0.25)
    tell(book, Kind.ACTOR_DEAD, attempt=2, reason="e2", exit_code=5)
    assert book.ended() == book.rows() == [
        Row(1, "t1", 2, 2, "e2", 0.5, tv.OutcomeKind.FATAL, 5)
    ]  # fmt: skip


@pytest.mark.rule("R9.17")
def test_book_counts_each_submission_once_and_keeps_none_that_ended_well(serve):
    book = Book()
    book.own([])
    sup = serve(book, controller=tv.ControllerConfig())
    job = tv.TaskSpec.once(lambda ctx: ctx.wait())
    replace, drop = tv.ControllerSpec.replace, tv.ControllerSpec.drop_if_running
    specs = [replace(job.replace(name=f"job {n}"), slot="s") for n in range(4)]
    handles = [sup.submit(spec) for spec in [*specs, drop(job, slot="s")]]
    sup.shutdown()
    ends = Counter(handle.outcome().kind for handle in handles)
    assert ends[tv.OutcomeKind.REJECTED]
    assert (book.rows(), book.others()) == ([], ends)


@pytest.mark.rule("R9.17")
def test_book_names_a_submission_as_its_task(serve, gate):
    book = Book()
    book.own([])
    sup = serve(book, controller=tv.ControllerConfig())
    held = gate()
    first = tv.TaskSpec.once(held, name="first")
    second = tv.TaskSpec.once(lambda: 1 / 0, name="second")
    handles = [sup.submit(tv.ControllerSpec.queue(spec, slot="s")) for spec in (first, second)]
    held.open()
    assert sup.join(30)
    sup.shutdown()
    (row,) = book.rows()
    assert (row.id, row.name) == (handles[1].id, "second")


@pytest.mark.rule("R9.17")
def test_frame_counts_what_was_rejected():
    frame = make_frame([info(1)], [], {tv.OutcomeKind.REJECTED: 2}, 10)
    assert frame.foot == "3 tasks: 1 running, 2 rejected (2 not shown)"


@pytest.mark.rule("R9.16")
def test_book_forgets_tasks_of_bodies_that_ended_well():
    book = Book()
    book.own([])
    for id in range(1, 100):
        tell(book, Kind.TASK_ADDED, id=id)
        tell(book, Kind.ACTOR_EXHAUSTED, id=id, reason="policy_exhausted_success")
        tell(book, Kind.TASK_REMOVED, id=id)
    assert book.rows() == []
    assert book.others() == {tv.OutcomeKind.COMPLETED: 99}


@pytest.mark.rule("R9.16")
def test_book_keeps_the_last_tasks_of_bodies_that_ended_badly():
    book = Book()
    book.own([])
    for id in range(1, FOREIGN_MAX + 11):
        tell(book, Kind.TASK_ADDED, id=id)
        tell(book, Kind.ACTOR_EXHAUSTED, id=id, reason="x")
        tell(book, Kind.TASK_REMOVED, id=id)
    assert [row.id for row in book.rows()] == list(range(11, FOREIGN_MAX + 11))
    assert book.others() == {tv.OutcomeKind.FAILED: 10}


def test_book_counts_no_task_of_which_it_heard_the_end_alone():
    book = Book()
    book.own([])
    tell(book, Kind.TASK_REMOVED)
    assert (book.rows(), book.others()) == ([], {})


def test_book_keeps_tasks_of_the_target_that_end_before_it_knows_them(serve):
    book = Book()
    sup = serve(book)
    handles = sup.add_many([tv.TaskSpec.once(dict, name=str(n)) for n in range(5)])
    extra = sup.add(tv.TaskSpec.once(dict))
    assert sup.join(30)
    sup.shutdown()
    assert len(book.rows()) == 6
    book.own(handles)
    assert [row.name for row in book.close()] == ["0", "1", "2", "3", "4"]
    assert (book.others(), extra.done()) == ({tv.OutcomeKind.COMPLETED: 1}, True)


@pytest.mark.rule("R9.15")
def test_book_that_lost_events_still_has_attempts_and_outcomes_of_the_target(serve):
    sup = serve()
    book = Book()  # hears nothing at all
    spec = tv.TaskSpec.restartable(lambda: 1 / 0, name="bad", max_retries=2)
    handles = sup.add_many([spec.replace(backoff=tv.BackoffPolicy.constant(0))])
    book.own(handles)
    assert sup.join(30)
    (row,) = book.close()
    assert (row.outcome, row.attempts, row.failures) == (tv.OutcomeKind.FAILED, 3, 0)
    assert row.last_error == handles[0].outcome().reason
