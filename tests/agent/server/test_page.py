"""The chat page in a real browser: headless Chromium, driven by Playwright. Skipped where either is missing; what needs none is tested anyway."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from passel.agent.feedback import FEEDBACK, FeedbackFile
from passel.agent.server import page as page_module
from passel.agent.server.page import POLICY

ASSETS = Path(page_module.__file__).parent / "assets"
KEY = "a-key-of-some-length"
BUILT = "Who built the Tarn Light?"
UNKNOWN = "Who designed the Fallow Gate at Merring Cross?"
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
PATIENT = 30_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed (pip install '.[test]')")
    with sync_api.sync_playwright() as playwright:
        named = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
        own = playwright.chromium.executable_path
        if named is None and not Path(own).is_file():
            pytest.skip("no Chromium here (Debian: apt-get install chromium; elsewhere: playwright install chromium)")
        chromium = playwright.chromium.launch(executable_path=named or own, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Any]]:
    """`visit(url, **context)`: a page of a browser that was never here. A fault of its script, and whatever its policy forbids, fails the test."""
    contexts, faults = [], []

    def go(url: str, **options: Any) -> Any:
        context = browser.new_context(**{"viewport": {"width": 1400, "height": 900}, "reduced_motion": "reduce", **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENT)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.append(message.text) if "Content Security Policy" in message.text else None)
        page.goto(url)
        return page

    yield go
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture
def corpus(served: Any, request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of an empty corpus of the test's own."""
    name = f"p{abs(hash(request.node.nodeid)) % 10**8}"
    with served.client() as http:
        assert http.post("/corpora", json={"name": name}).status_code == 201
        yield name
        http.delete(f"/corpora/{name}")


def ask(page: Any, question: str) -> Any:
    """Gives the turn when it is over."""
    page.get_by_label("Your question").fill(question)
    page.keyboard.press("Enter")
    return over(page)


def over(page: Any) -> Any:
    turn = page.locator(".turn").last
    turn.wait_for()
    page.locator('.turn[aria-busy="true"]').wait_for(state="detached")
    return turn


def marked(page: Any) -> str:
    page.locator("#panel mark").wait_for()
    return str(page.locator("#panel mark").inner_text())


# without a browser


def test_the_page_needs_no_key_and_runs_nothing_inline(start: Any) -> None:
    with start(key=KEY).client() as http:
        page = http.get("/")
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert page.headers["content-security-policy"] == POLICY
        assert "unsafe" not in POLICY
        assert "default-src 'none'" in POLICY
        assert not re.search(r"<script(?![^>]*\ssrc=)|\son\w+=|\sstyle=|<style|https?://", page.text), "nothing inline, nothing from elsewhere"
        linked = re.findall(r'(?:src|href)="(assets/[^"]+)"', page.text)
        assert {path.removeprefix("assets/") for path in linked} == {file.name for file in ASSETS.iterdir()} - {"index.html"}, "all at once, no chain"
        for path in linked:
            assert http.get(f"/{path}").status_code == 200, path
        again = http.get("/assets/main.js", headers={"If-None-Match": http.get("/assets/main.js").headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert http.head("/").status_code == 200
        assert http.get("/assets/none.js").status_code == 404
        assert http.get("/assets/..%2fpage.py").status_code == 404
        assert http.get("/corpora").status_code == 401
        assert http.post("/assets/main.js").status_code == 401


def test_no_script_makes_markup_of_text() -> None:
    scripts = {file.name: file.read_text() for file in ASSETS.glob("*.js")}
    assert scripts
    for name, script in scripts.items():
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setAttribute\(\"on", script), name


# with one


def test_ask_and_watch_it_happen(served: Any, visit: Any) -> None:
    page = visit(served.url)
    page.locator("body.fresh").wait_for()
    page.evaluate(
        """() => {
            window.seen = [];
            const watch = () => {
                const turn = document.querySelector(".turn");
                if (!turn || turn.getAttribute("aria-busy") !== "true") return;
                for (const node of turn.querySelectorAll(".step, .sentence")) {
                    const name = [...node.classList].at(-1);
                    if (!window.seen.includes(name)) window.seen.push(name);
                }
            };
            new MutationObserver(watch).observe(document.getElementById("turns"), { subtree: true, childList: true });
        }"""
    )
    turn = ask(page, BUILT)
    assert turn.get_attribute("data-outcome") == "answered"
    assert "Mirel Ostane" in turn.locator(".text").inner_text()
    seen = page.evaluate("() => window.seen")
    assert seen[:2] == ["planned", "searched"]
    assert seen.index("selected") < seen.index("judged") < seen.index("sentence"), "each was there before the answer was whole"
    turn.locator("summary").click()
    assert BUILT in turn.locator(".step.searched").inner_text()
    assert "Evidence suffices" in turn.locator(".odds").inner_text()
    assert page.locator("#said").inner_text().startswith("Answered. Mirel Ostane")


def test_a_citation_opens_its_passage_at_the_quote(served: Any, visit: Any) -> None:
    page = visit(served.url)
    turn = ask(page, BUILT)
    turn.locator(".mark").first.click()
    quote = turn.locator(".cited-quote").first.inner_text()
    assert marked(page) == quote == "The Tarn Light is a lighthouse that Mirel Ostane built in 1840."
    assert "It stands 39 metres high." in page.locator(".passage .text").inner_text()
    page.get_by_role("button", name="Show it in the document").click()
    page.get_by_role("button", name="Show it in the document").wait_for(state="detached")
    assert marked(page) == quote


def test_a_span_counts_characters_and_not_code_units(served: Any, visit: Any, corpus: str) -> None:
    text = "# Wren Ferry 🛶\n\n🦆🦆🦆 Ducks live here. 🦆 The captain of the Wren Ferry is Odile Marsh. 🌊 The Lathe is wide.\n"
    with served.client() as http:
        http.post(f"/corpora/{corpus}/documents", files=[("files", ("wren.md", text.encode()))]).raise_for_status()
    page = visit(f"{served.url}/#{corpus}")
    turn = ask(page, "Who is the captain of the Wren Ferry?")
    turn.locator(".mark").first.click()
    assert marked(page) == turn.locator(".cited-quote").first.inner_text()
    assert "Odile Marsh" in marked(page)
    page.get_by_role("button", name="Show it in the document").click()
    page.get_by_role("button", name="Show it in the document").wait_for(state="detached")
    assert "Odile Marsh" in marked(page)


def test_a_passage_that_is_gone_still_has_its_quote(served: Any, visit: Any, corpus: str) -> None:
    with served.client() as http:
        http.post(f"/corpora/{corpus}/documents", files=[("files", ("a.md", b"The captain of the Wren Ferry is Odile Marsh."))])
        page = visit(f"{served.url}/#{corpus}")
        turn = ask(page, "Who is the captain of the Wren Ferry?")
        http.delete(f"/corpora/{corpus}/document", params={"source": "a.md"})
    turn.locator(".mark").first.click()
    assert "Odile Marsh" in marked(page)
    assert "no longer in the corpus" in page.locator("#panel").inner_text()


def test_a_quote_is_marked_where_it_stands_today(served: Any, visit: Any, corpus: str) -> None:
    """Text that is put in before a passage moves it; the passage itself is the same."""
    ferry = "# Wren Ferry\n\n🦆 Ducks live here. The captain of the Wren Ferry is Odile Marsh. The Lathe is wide, and the crossing takes an hour.\n"
    with served.client() as http:

        def put(text: str) -> None:
            http.post(f"/corpora/{corpus}/documents", files=[("files", ("wren.md", text.encode()))]).raise_for_status()

        put(ferry)
        page = visit(f"{served.url}/#{corpus}")
        turn = ask(page, "Who is the captain of the Wren Ferry?")
        turn.locator(".mark").first.click()
        quote = marked(page)
        assert "Odile Marsh" in quote
        page.keyboard.press("Escape")
        put(f"# Prices\n\nA cow pays twice. 🐄\n\n{ferry}")
        turn.locator(".mark").first.click()
        assert marked(page) == quote
        page.get_by_role("button", name="Show it in the document").click()
        page.get_by_role("button", name="Show it in the document").wait_for(state="detached")
        assert marked(page) == quote
        page.keyboard.press("Escape")

        def other(route: Any) -> None:
            route.fulfill(json={**route.fetch().json(), "text": "Another text, of the same length or so, without what was cited from it."})

        page.route("**/passages/*", other)
        turn.locator(".mark").first.click()
        assert marked(page) == quote
        assert "no longer in the corpus" in page.locator("#panel").inner_text()


def test_what_was_not_selected_is_one_click_away(served: Any, visit: Any) -> None:
    page = visit(served.url)
    turn = ask(page, BUILT)
    turn.locator("button.evidence").click()
    panel = page.locator("#panel")
    assert "were candidates. The selector stopped after" in panel.inner_text()
    assert "%" in panel.locator(".chosen .figure").first.inner_text()
    chosen, left = panel.locator(".chosen li").count(), panel.locator(".left li").count()
    assert (chosen >= 1, chosen + left) == (True, 3)
    row = panel.locator(".left li").first
    row.locator("summary").click()
    assert f"Ranked {chosen + 1}; the selection had ended after {chosen}. The probability that it is evidence: " in row.inner_text()
    row.get_by_role("button", name="Open passage").click()
    page.locator("#panel .where").wait_for()


def test_upload_and_ask_about_it(served: Any, visit: Any, corpus: str, tmp_path: Path) -> None:
    (tmp_path / "wren.md").write_text("# Wren Ferry\n\nThe captain of the Wren Ferry is Odile Marsh.\n")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    page = visit(f"{served.url}/#{corpus}")
    page.get_by_text("is empty. Add some documents first").wait_for()
    page.locator("#files").set_input_files([tmp_path / "wren.md", tmp_path / "picture.png"])
    told = page.locator(".upload")
    told.get_by_text("1 added.").wait_for()
    assert "1 file was refused" in told.inner_text()
    assert "picture.png" in told.locator("li").inner_text()
    page.locator(".documents li").wait_for()
    assert page.locator("#documents").inner_text() == "1 document"
    assert "Odile Marsh" in ask(page, "Who is the captain of the Wren Ferry?").locator(".text").inner_text()
    page.locator("#documents").click()
    page.get_by_role("button", name="Delete wren.md").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.locator(".documents li").wait_for(state="detached")


def test_uploads_to_a_corpus_wait_for_each_other(served: Any, visit: Any, corpus: str, tmp_path: Path) -> None:
    page = visit(f"{served.url}/#{corpus}")
    page.get_by_text("is empty. Add some documents first").wait_for()
    sent: list[Any] = []
    page.route("**/documents?stream=true", lambda route: sent.append(route))
    for name in ("one.md", "two.md"):
        (tmp_path / name).write_text(f"The captain of the ferry {name} is Odile Marsh.")
        page.locator("#files").set_input_files(tmp_path / name)
    boxes = page.locator(".upload")
    boxes.nth(1).get_by_text("Waiting for the files before").wait_for()
    assert boxes.count() == 2, "the first is still told of"
    for n in range(2):
        while len(sent) <= n:
            page.wait_for_timeout(20)
        assert len(sent) == n + 1
        if n:  # the page cannot bring itself up to date: it says so, and the queue goes on
            page.route("**/corpora", lambda route: route.fulfill(status=500))
        sent[n].continue_()
        boxes.nth(n).get_by_text("1 added.").wait_for()
    boxes.nth(1).get_by_text("status 500").wait_for()
    page.unroute("**/corpora")
    page.locator("#documents").click()
    page.locator(".documents li").nth(1).wait_for()
    assert boxes.count() == 0, "told once"


def test_files_are_dropped_anywhere(served: Any, visit: Any, corpus: str) -> None:
    page = visit(f"{served.url}/#{corpus}")
    page.get_by_text("is empty. Add some documents first").wait_for()
    text = "The captain of the Wren Ferry is Odile Marsh."
    dropped = page.evaluate_handle("(text) => { const all = new DataTransfer(); all.items.add(new File([text], 'dropped.md')); return all; }", text)
    page.dispatch_event("main", "dragenter", {"dataTransfer": dropped})
    assert page.locator("#drop").inner_text() == f"Drop to add to {corpus}"
    page.dispatch_event("main", "drop", {"dataTransfer": dropped})
    page.locator(".upload").get_by_text("1 added.").wait_for()
    assert page.locator("#drop").is_hidden()
    assert page.locator(".documents li").inner_text() == "dropped.md"


def test_thumbs_and_a_note(served: Any, visit: Any) -> None:
    page = visit(served.url)
    turn = ask(page, BUILT)
    down = turn.get_by_role("button", name="Bad answer")
    down.click()
    turn.get_by_role("textbox").fill("It was her brother.")
    turn.get_by_role("button", name="Send note").click()
    turn.get_by_text("Your feedback is kept.").wait_for()
    assert down.get_attribute("aria-pressed") == "true"
    kept = FeedbackFile(served.home / FEEDBACK).all()[-1]
    assert (kept.good, kept.note, kept.answer.question) == (False, "It was her brother.", BUILT)
    page.reload()
    page.locator(".turn").wait_for()
    assert page.get_by_role("button", name="Bad answer").get_attribute("aria-pressed") == "true"


def test_a_reload_finds_the_conversation(served: Any, visit: Any) -> None:
    page = visit(served.url)
    ask(page, BUILT)
    follow_up = ask(page, "When was she born?")
    assert "1811" in follow_up.locator(".text").inner_text(), "the server remembers of whom"
    page.reload()
    page.locator(".turn").nth(1).wait_for()
    turn = page.locator(".turn").first
    assert "Mirel Ostane" in turn.locator(".text").inner_text()
    turn.locator(".mark").first.click()
    assert "Mirel Ostane" in marked(page)
    page.locator("#new").click()
    page.locator("body.fresh").wait_for()
    assert page.locator(".turn").count() == 0
    page.locator("#conversations").get_by_role("button", name=BUILT, exact=True).click()
    page.locator(".turn").nth(1).wait_for()
    other = visit(page.url)
    other.locator(".turn").nth(1).wait_for()
    assert "its sources were kept by another browser" in other.locator(".turn").first.inner_text()
    page.get_by_role("button", name=f"Delete the conversation: {BUILT}").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.locator("body.fresh").wait_for()
    assert page.locator("#conversations li").count() == 0
    with served.client() as http:
        assert http.get(f"/threads/{other.url.rpartition('/')[2]}").status_code == 404


def test_two_tabs_ask_in_one_conversation(served: Any, visit: Any) -> None:
    page = visit(served.url)
    ask(page, BUILT)
    other = page.context.new_page()
    other.set_default_timeout(PATIENT)
    other.goto(page.url)
    ask(other, "How tall is the Tarn Light?")
    ask(page, "When was Mirel Ostane born?")
    page.reload()
    page.locator(".turn").nth(2).wait_for()
    assert page.locator(".turn").count() == 3, "neither tab has overwritten the other's"


def test_back_leaves_the_page_and_forward_finds_the_conversation(served: Any, visit: Any) -> None:
    page = visit("about:blank")
    page.goto(served.url)
    ask(page, BUILT)
    there = page.url
    page.go_back()
    assert page.url == "about:blank"
    page.go_forward()
    page.locator(".turn").wait_for()
    assert page.url == there


def test_a_conversation_of_a_corpus_that_is_gone_is_not_another_ones(served: Any, visit: Any, corpus: str) -> None:
    page = visit(f"{served.url}/#{corpus}/0123")
    page.locator("#welcome").wait_for()
    assert page.url.endswith(f"#{corpus}/0123")
    with served.client() as http:
        http.delete(f"/corpora/{corpus}").raise_for_status()
    page.reload()
    page.locator("#welcome").wait_for()
    assert page.url.endswith("#tarn")


def test_a_conversation_that_is_deleted_while_it_runs_does_not_come_back(served: Any, visit: Any) -> None:
    page = visit(served.url)
    page.locator(".some li").first.wait_for()
    page.route("**/v1/answer", lambda route: None)  # never answered
    page.get_by_label("Your question").fill(BUILT)
    page.keyboard.press("Enter")
    page.get_by_role("button", name=f"Delete the conversation: {BUILT}").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.locator("body.fresh").wait_for()
    assert page.locator("#conversations li").count() == 0
    page.reload()
    page.locator(".some li").first.wait_for()
    assert page.locator("#conversations li").count() == 0


def test_what_is_kept_is_bounded(served: Any, visit: Any) -> None:
    page = visit(served.url)
    page.locator("body.fresh").wait_for()
    kept = page.evaluate(
        """async () => {
            const { keep, conversations, turns } = await import("/assets/kept.js");
            for (let n = 0; n < 80; n++) keep({ id: `c${n}`, corpus: "tarn" }, [{ question: `q${n}`, text: "x".repeat(200000) }]);
            const many = conversations("tarn").map((one) => one.id);
            keep({ id: "long", corpus: "tarn" }, Array.from({ length: 90 }, (_, n) => ({ question: `q${n}` })));
            return { many, there: many.every((id) => turns(id).length === 1), long: turns("long").length, all: Object.keys(localStorage).length };
        }"""
    )
    assert kept["many"][0] == "c79"
    assert 5 <= len(kept["many"]) <= 60, "what does not fit goes, oldest first"
    assert kept["there"]
    assert kept["long"] == 40
    assert kept["all"] <= 63


def test_a_hostile_passage_is_text(served: Any, visit: Any, corpus: str) -> None:
    harm = "<script>window.harmed=1</script><img src=x onerror=window.harmed=1><svg onload=window.harmed=1>"
    rows = [
        {"id": f"{harm}.md", "title": f"Wren Ferry {harm}", "text": f"The captain of the Wren Ferry is {harm} Odile Marsh."},
        {"id": "b", "title": f"{harm}", "text": f"A ferry crosses the Lathe. {harm}"},
    ]
    with served.client() as http:
        lines = "\n".join(map(json.dumps, rows)).encode()
        http.post(f"/corpora/{corpus}/documents", files=[("files", ("rows.jsonl", lines))]).raise_for_status()
    page = visit(f"{served.url}/#{corpus}")
    turn = ask(page, f"Who is the captain of the Wren Ferry? {harm}")
    assert harm in turn.locator("h2").inner_text()
    turn.locator("summary").click()
    turn.locator("button.evidence").click()
    page.locator("#panel .left summary, #panel .chosen button").first.click()
    assert "<script>" in page.locator("#panel").inner_text()
    if turn.locator(".mark").count():
        turn.locator(".mark").first.click()
        page.locator("#panel .where").wait_for()
        assert "<img src=x" in page.locator("#panel").inner_text()
    page.locator("#documents").click()
    page.locator(".documents li").first.wait_for()
    page.locator(".documents .document", has_text="<script>").first.click()
    page.locator("#panel .where").wait_for()
    page.reload()
    page.locator(".turn").wait_for()
    assert page.evaluate("() => window.harmed") is None
    assert page.locator("#turns script, #turns img, #panel img, #side script, #conversations img").count() == 0


def test_by_keyboard_alone(served: Any, visit: Any) -> None:
    page = visit(served.url)
    page.locator("body.fresh").wait_for()
    page.keyboard.press("Tab")
    assert page.locator(":focus").inner_text() == "To the question"
    page.keyboard.press("Enter")
    assert "#question" not in page.url, "the address belongs to the conversation"
    page.keyboard.type(BUILT)
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("Please.")
    assert page.locator("#question").input_value() == f"{BUILT}\nPlease."
    page.locator("#question").fill(BUILT)
    page.keyboard.press("Enter")
    over(page)
    for _ in range(40):
        page.keyboard.press("Shift+Tab")
        if page.evaluate("() => document.activeElement.classList.contains('mark')"):
            break
    name = page.locator(":focus").get_attribute("aria-label")
    assert name.startswith("Source ")
    page.keyboard.press("Enter")
    assert "Mirel Ostane" in marked(page)
    assert page.evaluate("() => document.activeElement.id") == "panel-title"
    page.keyboard.press("Escape")
    assert page.locator("#panel").is_hidden()
    assert page.locator(":focus").get_attribute("aria-label") == name, "where one came from"
    page.keyboard.press("/")
    assert page.evaluate("() => document.activeElement.id") == "question"
    assert page.locator("#question").input_value() == ""


def test_the_key_is_asked_for_and_kept_for_the_session_alone(start: Any, visit: Any) -> None:
    url = start(key=KEY).url
    page = visit(url)
    field = page.get_by_label("Key", exact=True)
    field.wait_for()
    assert field.get_attribute("type") == "password"
    field.fill("wrong")
    page.keyboard.press("Enter")
    page.get_by_text("The server does not know this key.").wait_for()
    field.fill(KEY)
    page.keyboard.press("Enter")
    page.locator(".some li").first.wait_for()
    kept = page.evaluate("() => [JSON.stringify(localStorage), JSON.stringify(sessionStorage), document.cookie, location.href]")
    assert [KEY in one for one in kept] == [False, True, False, False]
    page.reload()
    page.locator(".some li").first.wait_for()
    assert "Mirel Ostane" in ask(page, BUILT).locator(".text").inner_text()
    page.get_by_role("button", name="Forget key").click()
    field.wait_for()
    assert page.evaluate("() => sessionStorage.length") == 0
    page.get_by_role("button", name="Cancel").click()
    page.get_by_text("Wrong API key, or none").wait_for()


def test_an_abstention_says_what_was_missing_and_tried(served: Any, visit: Any) -> None:
    page = visit(served.url)
    turn = ask(page, UNKNOWN)
    assert turn.get_attribute("data-outcome") == "abstained"
    text = turn.inner_text()
    assert "I don't know" in text
    assert "Fallow Gate at Merring Cross" in turn.locator(".answer").inner_text()
    turn.locator("button.evidence").click()
    assert "nothing here seemed to help" in page.locator("#panel").inner_text()


ANSWER = {
    "question": "How high is it?", "outcome": "answered", "answer": "39 metres [1], or 41 metres [2]; see [7].", "selected": [], "candidates": [],
    "citations": [
        {"passage_id": "a", "title": "Tarn Light", "source": "light", "span": [0, 9], "quote": "39 metres", "sub_question": None},
        {"passage_id": "b", "title": "Survey", "source": "survey", "span": [0, 9], "quote": "41 metres", "sub_question": None},
    ],
    "disagreement": [{"answer": "39 metres", "citations": [1]}, {"answer": "41 metres", "citations": [2]}],
    "stop_reason": "", "sub_questions": [], "queries": [],
    "confidence": 0.4, "answerable": 0.9, "latency_ms": 1200, "trace_id": "t" * 16, "error": None,
}  # fmt: skip


def stream(*events: tuple[str, dict[str, Any]]) -> str:
    return "".join(f"event: {name}\ndata: {json.dumps({'type': name, **data})}\n\n: still here\n\n" for name, data in events)


def test_sources_that_disagree_and_events_of_another_time(served: Any, visit: Any) -> None:
    page = visit(served.url)
    told = stream(
        ("planned", {"question": "How high?", "sub_questions": [], "planner": "x", "note": None}),
        ("unheard_of", {"x": 1}),
        ("answered", {"answer": ANSWER}),
    )
    page.route("**/v1/answer", lambda route: route.fulfill(status=200, content_type="text/event-stream", body=told))
    turn = ask(page, "How high is it?")
    assert "Sources disagree" in turn.inner_text()
    assert turn.locator(".disagree li").all_inner_texts() == ["39 metres 1", "41 metres 2"]
    assert "see [7]." in turn.locator(".text").inner_text(), "a number that cites nothing stays text"
    assert "Evidence suffices\n90%" in turn.locator(".odds").inner_text()
    assert "Answer right\n40%" in turn.locator(".odds").inner_text()


def test_busy_broken_failed_stopped_and_gone(served: Any, visit: Any) -> None:
    page = visit(served.url)
    page.locator(".some li").first.wait_for()
    refusal = json.dumps({"error": {"message": "Busy.", "type": "rate_limit_error", "param": None, "code": "server_busy"}})
    times = iter([429, 200])

    def busy_once(route: Any) -> None:
        if next(times) == 429:
            route.fulfill(status=429, headers={"Retry-After": "1"}, content_type="application/json", body=refusal)
        else:
            route.fallback()

    page.route("**/v1/answer", busy_once)
    page.get_by_label("Your question").fill(BUILT)
    page.keyboard.press("Enter")
    page.get_by_text("The server is busy. Asks again in 1 s").wait_for()
    assert over(page).get_attribute("data-outcome") == "answered", "it asked again by itself"
    page.unroute("**/v1/answer")

    page.route(
        "**/v1/answer",
        lambda route: route.fulfill(
            status=200, content_type="text/event-stream", body=stream(("searched", {"query": {"query": "x", "reason": "question"}, "found": 3}))
        ),
    )
    turn = ask(page, BUILT)
    assert "The answer broke off before it was whole." in turn.inner_text()
    page.unroute("**/v1/answer")
    turn.get_by_role("button", name="Ask again").click()
    page.locator(".turn").nth(2).wait_for()
    assert over(page).get_attribute("data-outcome") == "answered"

    failed = stream(
        (
            "answered",
            {"answer": {**ANSWER, "outcome": "failed", "answer": "", "citations": [], "disagreement": [], "error": "The chat model gave no answer."}},
        )
    )
    page.route("**/v1/answer", lambda route: route.fulfill(status=200, content_type="text/event-stream", body=failed))
    assert "This failed\n" in (text := ask(page, BUILT).inner_text())
    assert "The chat model gave no answer." in text
    page.unroute("**/v1/answer")

    page.route("**/v1/answer", lambda route: None)  # never answered
    page.get_by_label("Your question").fill(BUILT)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Stop").click()
    assert over(page).get_attribute("data-outcome") == "stopped"
    page.unroute("**/v1/answer")

    page.route("**/*", lambda route: route.abort())
    assert "The server cannot be reached." in ask(page, BUILT).inner_text()
    gone = page.get_by_text("The server cannot be reached. This page tries again")
    gone.wait_for()
    page.unroute("**/*")
    gone.wait_for(state="hidden")


def test_what_was_said_before_it_was_stopped_stays(served: Any, visit: Any) -> None:
    page = visit(served.url)
    page.locator(".some li").first.wait_for()
    first, second = "It is 39 metres high [1].", "A survey says 41 metres [2]."
    told = stream(
        ("sentence", {"text": first, "citations": ANSWER["citations"][:1]}),
        ("sentence", {"text": second, "citations": ANSWER["citations"]}),
    )
    page.evaluate(
        """(told) => {
            const real = window.fetch;
            window.fetch = (path, options) => (path !== "v1/answer" ? real(path, options) : Promise.resolve(new Response(new ReadableStream({
                start(body) {
                    body.enqueue(new TextEncoder().encode(told)); // and then nothing
                    options.signal.addEventListener("abort", () => body.error(new DOMException("stopped", "AbortError")));
                },
            }))));
        }""",
        told,
    )
    page.get_by_label("Your question").fill("How high is it?")
    page.keyboard.press("Enter")
    page.locator(".sentence").nth(1).wait_for()
    page.get_by_role("button", name="Stop").click()
    turn = over(page)
    assert turn.get_attribute("data-outcome") == "stopped"
    for reload in (False, True):
        if reload:
            page.reload()
            turn.wait_for()
        assert turn.locator(".text p").last.inner_text().replace("\xa0", " ") == "It is 39 metres high 1. A survey says 41 metres 2."
        assert turn.locator(".cited-quote").all_inner_texts() == ["39 metres", "41 metres"]


def test_stopped_in_the_middle_it_is_asked_again(start: Any, visit: Any, openai_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The chat model never answers: the steps before it are there, and the server drops its request when the person gives up."""
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    openai_server.mode = "slow"
    page = visit(start(model="openai:some", base_url=openai_server.url).url)
    page.get_by_label("Your question").fill(BUILT)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Stop").wait_for()
    while not openai_server.requests:
        page.wait_for_timeout(50)
    page.get_by_role("button", name="Stop").click()
    assert over(page).get_attribute("data-outcome") == "stopped"
    assert openai_server.client_left.wait(30)
    page.reload()
    page.get_by_role("button", name="Ask again").wait_for()


def test_a_corpus_is_made_and_deleted(served: Any, visit: Any) -> None:
    page = visit(served.url)
    page.locator(".some li").first.wait_for()
    page.get_by_role("button", name="New corpus").click()
    page.get_by_label("Name", exact=True).fill("tarn")
    page.get_by_role("button", name="Make").click()
    page.get_by_text("There is a corpus tarn already.").wait_for()
    page.get_by_label("Name", exact=True).fill("of-the-page")
    page.get_by_role("button", name="Make").click()
    page.get_by_text("of-the-page is empty.").wait_for()
    assert page.get_by_label("Corpus", exact=True).input_value() == "of-the-page"
    page.locator("#documents").click()
    page.get_by_role("button", name="Delete the corpus of-the-page").click()
    page.get_by_role("button", name="Delete corpus").click()
    page.get_by_text("in tarn, each with").wait_for()
    with served.client() as http:
        assert http.get("/corpora/of-the-page").status_code == 404


def test_on_a_phone(served: Any, visit: Any) -> None:
    page = visit(served.url, **PHONE)
    turn = ask(page, BUILT)
    turn.locator(".mark").first.tap()
    assert "Mirel Ostane" in marked(page)
    assert page.locator("#panel").bounding_box()["width"] == 390
    page.get_by_role("button", name="Close this panel").tap()
    page.get_by_role("button", name="Conversations and corpora").tap()
    page.locator("#new").wait_for()
    assert page.evaluate("() => document.getElementById('middle').inert"), "what lies below is out of reach"
    page.locator("#new").tap()
    page.locator("body.fresh").wait_for()
    for width in (390, 320):
        page.set_viewport_size({"width": width, "height": 640})
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(
    "options", [{"color_scheme": "light"}, {"color_scheme": "dark"}, {**PHONE, "color_scheme": "dark"}], ids=["light", "dark", "phone"]
)
def test_no_serious_accessibility_fault(served: Any, visit: Any, options: dict[str, Any]) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed").Axe()
    page = visit(served.url, **options)
    page.locator(".some li").first.wait_for()

    def check(what: str) -> None:
        found = axe.run(page).response["violations"]
        bad = [(fault["id"], [node["html"][:160] for node in fault["nodes"]]) for fault in found if fault["impact"] in ("serious", "critical")]
        assert bad == [], what

    check("before the first question")
    turn = ask(page, BUILT)
    turn.locator(".steps summary").click()
    turn.get_by_role("button", name="Good answer").click()
    turn.get_by_role("textbox").wait_for()
    check("an answer, its steps and a note")
    turn.locator("button.evidence").click()
    page.locator("#panel .left summary").first.click()
    check("the evidence")
    page.keyboard.press("Escape")
    turn.locator(".mark").first.click()
    marked(page)
    check("a passage")
    page.keyboard.press("Escape")
    ask(page, UNKNOWN)
    if "is_mobile" in options:
        page.get_by_role("button", name="Conversations and corpora").tap()
        page.locator("#new").wait_for()
        check("the list of conversations")
    page.locator("#documents").click()
    page.locator(".documents li").first.wait_for()
    check("an abstention and the documents")
    page.get_by_role("button", name="Delete light").click()
    page.get_by_role("dialog").wait_for()
    check("a dialog")
