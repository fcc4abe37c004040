"""The page's small modules one by one, called in a real browser; what is drawn there is tested in test_canvas.py."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks.live.browser import SIDE, Page
from codes.data.quickdraw import is_category_name
from codes.formats.polyline_json import sketch_from_record
from codes.strokes.geometry import bounds, unit_of_canvas
from codes.strokes.stroke3 import LIFT
from codes.vocabulary import WORDS, find
from codes.web.limits import Limits
from tests.web.static.test_files import MODULES, exported


@pytest.fixture
def call(driver, address):
    """Runs JavaScript that sees all exports of the pure modules by their names."""
    page = Page(driver)
    driver.get(f"{address}static/icon.svg")
    addresses = [f"/static/{path.name}" for path in MODULES if path.name != "main.js"]
    names = sorted({name for path in MODULES for name in exported(path)})
    taken = f"Object.assign({{}}, ...await Promise.all({addresses}.map((each) => import(each))))"

    def run(script: str, *given: object) -> object:
        return page.run(
            f"const {{ {', '.join(names)} }} = {taken}; return ((given) => {{ {script} }})(arguments_)", *given
        )

    return run


def test_history_goes_back_and_forth_and_forgets_what_was_undone_when_something_is_drawn(call):
    script = """
        const [a, b, c] = ["a", "b", "c"].map((by) => [stroke([[0, 0]], by)]);
        let now = changed(changed(newHistory(), a), b);
        const seen = [now.present[0].by];
        now = undone(now); seen.push(now.present[0].by);
        now = redone(now); seen.push(now.present[0].by);
        now = changed(undone(now), c); seen.push(now.present[0].by, now.future.length);
        now = undone(undone(undone(undone(now)))); seen.push(now.present.length);
        return seen;
    """
    assert call(script) == ["b", "a", "b", "c", 0, 0]


def test_rows_become_strokes_as_in_stroke_3(call):
    """The first move is in the air; a lift ends a stroke; a row that lifts at once is a dot."""
    rows = [[0, 10, 0, 0, 0], [0, 0, 10, 1, 0], [1, 5, 5, 1, 0], [0, -10, 0, 1, 0], [0, 3, 3, 0, 1]]
    script = """
        const base = [stroke([[100, 100]], "me")];
        const { drawings } = withRows(newOffer(base, ["cat", "cat"]), given[0]);
        return drawings.map(({ strokes, ended }) => [strokes.map(({ points }) => points), ended]);
    """
    first, second = call(script, rows)
    assert first == [[[[110, 100], [110, 110]], [[100, 110]]], True]
    assert second == [[[[105, 105]]], False]


def test_only_whole_strokes_can_be_taken(call):
    script = """
        const offer = withRows(newOffer([stroke([[0, 0]], "me")], ["cat"]), given[0]);
        return [wholeStrokes(offer), wholeStrokes({ ...offer, done: true })];
    """
    assert call(script, [[0, 1, 1, 1, 0], [0, 1, 1, 0, 0]]) == [1, 2]


@pytest.mark.parametrize("size", [3.0, 120.0, 600.0, 1400.0])
def test_the_scale_equals_that_of_the_file_formats(call, size):
    """A drawing on the paper counts as large as the same in an SVG of the paper's size."""
    points = np.array([[100.0, 100.0], [100.0 + size, 150.0]])
    ours = call("return toWire([stroke(given[0], 'me')]).unit", points.tolist())
    assert ours == pytest.approx(unit_of_canvas(bounds([points]), (SIDE, SIDE)))


def test_the_wire_form_is_read_by_the_server_and_comes_back(call):
    drawing = [[[10.04, 20], [300.5, 700]], [[500, 500]]]
    record = call("return toWire(given[0].map((points) => stroke(points, 'me')), true)", drawing)
    sketch = sketch_from_record(record)
    assert sketch.points[-1, LIFT] == 0 and sketch.unit == pytest.approx(SIDE / 280)
    back = call("return fromWire(given[0]).map(({ points }) => points)", record)
    assert np.abs(np.concatenate(back) - np.concatenate(drawing)).max() < 0.1


def test_a_strangers_sketch_is_brought_into_view(call):
    record = {"strokes": [[[-5000, 0], [5000, 9000]]], "unit": 1}
    ((start, end),) = call("return fromWire(given[0]).map(({ points }) => points)", record)
    assert min(*start, *end) >= 0 and max(*start, *end) <= SIDE
    assert end[1] - start[1] == pytest.approx(0.9 * (end[0] - start[0]))


def test_strokes_are_revealed_up_to_the_length_the_pen_travelled(call):
    strokes = [[[0, 0], [100, 0], [100, 100]], [[100, 400], [200, 400]]]
    script = """
        const strokes = given[0].map((points) => stroke(points, "machine"));
        return given[1].map((way) => revealed(strokes, way).strokes.map(({ points }) => points));
    """
    start, half, air, whole = call(script, strokes, [0, 150, 250, 1e9])
    assert start == [[[0, 0], [0, 0]]]
    assert half == [[[0, 0], [100, 0], [100, 50]]]
    assert air == strokes[:1] and whole == strokes
    way = call("return travelTo(given[0].map((points) => stroke(points, 'me')), 2)", strokes)
    assert way == pytest.approx(200 + 300 / 3 + 100)


def test_half_of_a_drawing_is_whole_strokes_nearest_to_half_of_its_ink(call):
    """A single stroke is cut in its middle; something is always left for the machine."""
    lines = {
        "even": [[[0, 0], [40, 0]], [[0, 9], [40, 9]], [[0, 18], [20, 18]]],
        "late": [[[0, 0], [30, 0]], [[0, 9], [30, 9]], [[0, 18], [40, 18]]],
        "long first": [[[0, 0], [900, 0]], [[0, 9], [30, 9]]],
        "long last": [[[0, 0], [30, 0]], [[0, 9], [900, 9]]],
        "dots": [[[0, 0]], [[5, 5]]],
        "one": [[[0, 0], [60, 0], [60, 40]]],
        "one dot": [[[7, 7]]],
    }
    script = """
        const split = (lines) => halves(lines.map((points) => stroke(points, "me")));
        const plain = (strokes) => strokes.map(({ points }) => points);
        return given[0].map((lines) => [plain(split(lines).first), plain(split(lines).rest)]);
    """
    found = dict(zip(lines, call(script, list(lines.values())), strict=True))
    counts = {"even": 1, "late": 2, "long first": 1, "long last": 1, "dots": 1}
    for name, count in counts.items():
        assert found[name] == [lines[name][:count], lines[name][count:]], name
    assert found["one"] == [[[[0, 0], [50, 0]]], [[[50, 0], [60, 0], [60, 40]]]]
    assert found["one dot"][0] == [[[7, 7]]]


def test_a_drawing_as_an_svg_path_has_the_lines_of_the_canvas(call):
    script = """
        const lines = [[[0, 0], [10, 0]], [[5, 5]]].map((points) => stroke(points, "me"));
        return pathData(lines);
    """
    assert call(script) == "M0 0C0 0 10 0 10 0M5 5L5.01 5"


def test_only_what_is_picked_is_named_and_the_last_of_many_are_counted(call):
    names = ["ant", "bus", "cat", "dog"]
    script = "return [1, 2, 3, 4].map((count) => onlySays(given[0].slice(0, count)))"
    assert call(script, names) == [
        "Only an ant.",
        "Only an ant and a bus.",
        "Only an ant, a bus and a cat.",
        "Only an ant, a bus and 2 more.",
    ]
    script = """
        const history = newHistory([stroke([[0, 0], [1500, 0]], "me")]);
        const route = { category: "ant", decision: "unknown", probabilities: { ant: 1 } };
        return [1, 4].map((count) => sentence({ ...INITIAL, history, route, only: given[0].slice(0, count) }));
    """
    assert call(script, names) == ["That is not an ant.", "That is none of the 4 things we play with."]


def test_a_route_among_some_categories_adds_up_to_1(call):
    script = """
        const route = { category: "ant", decision: "known", probabilities: { ant: 0.6, bus: 0.3, cat: 0.1, dog: 0 } };
        return [among(route, ["cat", "bus"]), among(route, ["dog"])];
    """
    some, none = call(script)
    assert some["category"] == "bus" and list(some["probabilities"]) == ["bus", "cat"]
    assert some["probabilities"] == pytest.approx({"bus": 0.75, "cat": 0.25})
    assert none == {"category": "dog", "decision": "known", "probabilities": {"dog": 0}}


def test_the_page_says_unsure_and_unknown_in_different_words(call):
    script = """
        const history = newHistory([stroke([[0, 0], [1500, 0]], "me")]);
        const probabilities = { ant: 0.5, hourglass: 0.3, eyeglasses: 0.2 };
        const state = { ...INITIAL, history, categories: Object.keys(probabilities) };
        const say = (decision) => sentence({ ...state, route: { category: "ant", decision, probabilities } });
        return [say("known"), say("unsure"), say("unknown"), sentence(INITIAL),
                ...["eyeglasses", "bus"].map(withArticle)];
    """
    assert call(script) == [
        "I think it is an ant.",
        "Not sure yet: an ant, or an hourglass?",
        "That is none of the 3 things I know.",
        "Draw half of something.",
        "eyeglasses",
        "a bus",
    ]


def test_what_is_just_begun_is_never_called_none_of_the_things_known(call):
    """While there is less ink than a line across the paper, also under the pen; afterwards it is."""
    script = """
        const route = { category: "ant", decision: "unknown", probabilities: { ant: 1 } };
        const state = { ...INITIAL, route, categories: ["ant"] };
        const lines = [[[500, 500]], [[0, 0], [990, 0]], [[0, 0], [1010, 0]]];
        return lines.flatMap((line) => [{ history: newHistory([stroke(line, "me")]) }, { wet: line }])
            .map((fields) => [sentence({ ...state, ...fields }), advice({ ...state, ...fields })]);
    """
    begun = ["Not sure yet. Go on!", ""]
    whole = ["That is none of the 1 things I know.", "Say what it is, and I finish it as that."]
    assert call(script) == [begun] * 4 + [whole] * 2


def test_what_children_like_comes_first_and_nothing_is_lost(call):
    names = ["airplane", "alarm clock", "ant", "cat", "sun", "zebra"]
    assert call("return favouritesFirst(given[0])", names) == ["sun", "cat", "airplane", "alarm clock", "ant", "zebra"]
    assert call("return hint({ categories: given[0], only: [] })", names) == (
        "I know a sun, a cat, an airplane, an alarm clock, an ant and a zebra."
    )
    everything = sorted(json.loads(WORDS.read_text()))
    found = call("return favouritesFirst(given[0])", everything)
    assert sorted(found) == everything and found[0] == "sun"


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (" Mia's cat! ", "Mia's cat!"),
        ("cat?", "cat"),
        ("../../evil", "evil"),
        ("Cat / Dog", "Cat Dog"),
        ("a\nb\tc", "a b c"),
        ("Ängström 🐱", "Ängström 🐱"),
        ("...", ""),
        ("x" * 60, "x" * 40),
    ],
)
def test_names_are_kept_as_people_write_them(call, written, kept):
    """Without what the gallery's files may not be called; what is left is a name that the server takes."""
    assert call("return tidyName(given[0])", written) == kept
    assert not kept or is_category_name(kept)


def test_every_limit_that_a_person_can_hit_has_a_sentence_for_people(call):
    limits = {*vars(Limits())} - {"burst", "variations", "top", "max_points", "names", "letters", "unread", "frame"}
    limits -= {"word", "listed"}  # the page sends no longer names; more drawings are not shown, which hits nobody
    said = call("return given[0].map((limit) => kindly({ error: 'corners: at most 400', limit }))", sorted(limits))
    assert [each for each in said if "at most" in each] == []
    assert call("return kindly({ error: 'there is no such drawing' })") == "there is no such drawing"


def test_what_is_spelled_alike_is_named_where_nothing_is_found(call):
    script = "return [find(given[0], given[1]), near(given[0], given[1])]"
    assert call(script, "unicorn", ["popcorn", "sun", "cat"]) == [[], ["popcorn"]]
    assert call(script, "xqzw", ["popcorn", "sun", "cat"]) == [[], []]


OFFER = """
    const base = [stroke([[500, 500]], "me")];
    const lines = given[0].map((x) => [[510, 500], [x, 500]]);
    const drawings = lines.map((points) => ({ strokes: [stroke(points, "machine")], ended: true }));
    const offer = { ...newOffer(base, given[1]), drawings, done: true };
    const fitting = fittingFirst({ ...offer, ...given[2] }, SQUARE);
    return fitting.drawings.map(({ strokes }) => strokes[0].points.at(-1)[0]);
"""


@pytest.mark.parametrize(
    ("ends", "categories", "more", "order"),
    [
        ([1200, 1100, 900], ["cat"] * 3, {}, [900, 1100, 1200]),
        ([900, 1100, 800], ["cat"] * 3, {}, [900, 1100, 800]),
        ([1200, 900, 800], ["cat", "dog", "cat"], {}, [800, 900, 1200]),
        ([1200, 900], ["cat", "dog"], {}, [1200, 900]),
        ([1200, 1100], ["cat"] * 2, {}, [1200, 1100]),
        ([1200, 900], ["cat"] * 2, {"taken": 1}, [1200, 900]),
    ],
    ids=["one fits", "the first fits", "of its category", "no other of its category", "none fits", "partly taken"],
)
def test_a_suggestion_that_stays_on_the_paper_is_preferred(call, ends, categories, more, order):
    assert call(OFFER, ends, categories, more) == order


@pytest.mark.parametrize(("view", "suggested"), [(1000, 900), (1300, 1200)], ids=["narrow", "wide"])
def test_the_session_prefers_what_stays_in_the_view_of_this_screen(call, view, suggested):
    """Where the suggestion leaves the view, the other one takes its place once all is there; else nothing changes."""
    script = """
        const store = new StateStore(Object.freeze({ ...INITIAL, history: newHistory([stroke([[500, 500]], "me")]) }));
        const session = new Session(store, { ask: () => {}, stop: () => {} }, () => ({ ...SQUARE, right: given[0] }));
        session.resume();
        session.receive({ type: "drawing", categories: ["cat", "cat"] });
        session.receive({ type: "ink", rows: [700, 400].flatMap((dx, i) => [[i, 0, 9, 0, 0], [i, dx, 0, 1, 0]]) });
        session.receive({ type: "done", drawings: [{}, {}] });
        return store.value.offer.drawings[0].strokes[0].points.at(-1)[0];
    """
    assert call(script, view) == suggested


def test_ink_beside_the_square_is_in_view_and_nothing_moves_for_what_is(call):
    script = """
        const canvas = Object.assign(document.createElementNS(given[1], "canvas"), { width: 2000, height: 1000 });
        const paper = new Paper(canvas);
        return given[0].map((line) => {
            const drawing = [stroke(line, "me")];
            paper.lookAtAll(drawing);
            return [paper.view.scale, contains(paper.inView, boxOf(drawing)), contains(paper.inView, SQUARE)];
        });
    """
    lines = [[[0, 0], [1000, 1000]], [[-400, 10], [1400, 10]], [[-900, 10], [500, 10]], [[500, 500], [500, 1500]]]
    within, margin, left, below = call(script, lines, "http://www.w3.org/1999/xhtml")
    assert within == margin == [1, True, True]
    assert left[0] == 1 and left[1:] == [True, True], "it fits beside the square without becoming smaller"
    assert below[0] < 0.7 and below[1:] == [True, True]


def test_no_percentage_is_0_or_100(call):
    assert call("return [0.9999, 0.994, 0.5, 0.004].map(percent)") == ["> 99%", "99%", "50%", "< 1%"]


def test_a_higher_line_is_a_higher_note_a_longer_one_lasts_and_the_machine_sings_a_third_above(call):
    script = """
        const voice = voiceOf("cat");
        const line = (y, length) => [[0, y], [length, y]];
        return [melody(line(900, 300), voice), melody(line(100, 300), voice), melody(line(900, 500), voice),
                melody(line(900, 300), voice, true), melody([[0, 900], [0, 100]], voice)];
    """
    low, high, long, answered, rising = call(script)
    assert len(low) == len(high) == 1 and low[0]["frequency"] < high[0]["frequency"]
    assert long[0]["seconds"] > low[0]["seconds"] and long[0]["frequency"] == low[0]["frequency"]
    assert 1.1 < answered[0]["frequency"] / low[0]["frequency"] < 1.5
    assert rising[-1]["frequency"] > low[0]["frequency"]


def test_categories_have_voices_of_their_own(call):
    voices = call("return given[0].map((name) => JSON.stringify(voiceOf(name)))", ["cat", "crab", "sun", "ant", "bus"])
    assert len(set(voices)) >= 4 and voices == call(
        "return given[0].map((name) => JSON.stringify(voiceOf(name)))", ["cat", "crab", "sun", "ant", "bus"]
    )


@pytest.mark.parametrize(
    "kept",
    ["", "no json", "[]", '{"form": 1}', '{"form": 1, "drawing": [{"points": [["x", 1]], "by": "me"}]}', '{"form": 9}'],
)
def test_invalid_stored_drawings_are_not_restored(call, kept):
    call("localStorage.setItem('halfdrawn', given[0]); return null", kept)
    assert call("return recallState()") == {}


def test_a_broken_connection_comes_back_and_asks_again(call):
    """A socket that breaks before the answer: the same question goes out on the next one, and is answered once."""
    script = """
        const sockets = [];
        class Line extends EventTarget {
            static OPEN = 1;
            readyState = 1;
            sent = [];
            constructor() { super(); sockets.push(this); }
            send(text) { this.sent.push(JSON.parse(text)); }
        }
        const [kept, later] = [window.WebSocket, window.setTimeout];
        window.WebSocket = Line;
        window.setTimeout = (work) => work();
        const events = [];
        const note = (what) => events.push(what);
        const connection = new Connection("", { onMessage: ({ type }) => note(type), onConnection: note });
        connection.connect();
        sockets[0].dispatchEvent(new Event("open"));
        connection.ask({ draw: 1 });
        sockets[0].dispatchEvent(new Event("close"));
        sockets[1].dispatchEvent(new Event("open"));
        const say = (message) =>
            sockets[1].dispatchEvent(new MessageEvent("message", { data: JSON.stringify(message) }));
        say({ type: "route", id: 1 });
        say({ type: "done", id: 1 });
        say({ type: "ink", id: 1 });
        [window.WebSocket, window.setTimeout] = [kept, later];
        return [sockets.map(({ sent }) => sent.map(({ id }) => id)), events, connection.busy];
    """
    assert call(script) == [[[1], [1]], [True, False, True, "route", "done"], False]


def test_single_keys_work_only_on_the_paper(call):
    script = """
        const key = (key, more = {}) => ({ key, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false,
                                           target: document.documentElement, ...more });
        const offers = { offers: true, drawing: false };
        const none = { offers: false, drawing: false };
        return [paperAction(key("Tab"), offers), paperAction(key("Tab"), none) ?? null,
                paperAction(key("Tab", { shiftKey: true }), offers) ?? null,
                paperAction(key("ArrowRight"), none) ?? null, paperAction(key("3"), none),
                pageAction(key("n")) ?? null, pageAction(key("?")), pageAction(key("Backspace")),
                pageAction(key("?", { target: { matches: () => true } })) ?? null,
                pageAction(key("Backspace", { target: { closest: () => true } })) ?? null,
                paperAction(key("Backspace"), none),
                pageAction(key("z", { ctrlKey: true })),
                pageAction(key("Z", { metaKey: true, shiftKey: true })), pageAction(key("y", { ctrlKey: true }))];
    """
    assert call(script) == [
        *("accept", None, None, None, "adopt 3", None, "help", "undo", None, None, "undo", "undo", "redo", "redo")
    ]


def test_the_page_finds_by_words_what_the_command_line_finds(call):
    """Names, other words, plurals, beginnings, misspelled words, nothing and nonsense."""
    other = json.loads(WORDS.read_text())
    names = sorted(other)
    typed = ["cat", "Cats", "a bike", "puppies", "tv", "leaves", "knives", "t shirts", "glass", "ca", "skel", "ball",
             "s", "Cat!", "“cat”", "it's a cat", "This is my cats.", "some pigs", "it is",
             "girafe", "bycicle", "eliphant", "  HOUSES ", "the eiffel tower", "", "xqzw"]  # fmt: skip
    found = call("return given[0].map((text) => find(text, given[1], given[2]))", typed, names, other)
    assert found == [find(text, names) for text in typed]
